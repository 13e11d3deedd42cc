//! What people type is nowhere to be read on disk: not in the database, not in its WAL, not in a dump, and the
//! journal, the audit trail and the outbox carry ids only.

use std::sync::{Arc, Mutex};

use zhengna_core::interaction::{Claim, Close, Enter, Outcome, SendMessage, SourceChannel};
use zhengna_core::store::dump::dump;
use zhengna_tests::world::{Engine, World, person};

/// Typed by somebody, and nowhere else in the world.
const CANARIES: [&str; 4] = ["金丝雀主题七七", "金丝雀消息七七", "canary-reply-7f3a", "金丝雀结语七七"];

#[test]
fn what_people_type_is_nowhere_to_be_read_on_disk() {
    let world = World::new(Engine::Sqlite);
    let enter = Enter { line: world.line, topic: CANARIES[0].into(), channel: SourceChannel::Web };
    let conversation = world.taxpayer(0).interaction().enter(enter).wait().unwrap().conversation;
    world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
    let say = |text: &str| SendMessage { conversation, text: text.into() };
    world.taxpayer(0).with_key("canary").unwrap().interaction().send(say(CANARIES[1])).wait().unwrap();
    world.officer(0).interaction().send(say(CANARIES[2])).wait().unwrap();
    let close = Close { conversation, outcome: Outcome::Resolved, note: Some(CANARIES[3].into()) };
    world.officer(0).interaction().close(close).wait().unwrap();
    world.core.seal_audit().unwrap();
    let read = world.taxpayer(0).interaction().messages(conversation, 0, 10).unwrap();
    assert_eq!(read[0].text, CANARIES[1], "whoever may read it can");

    let lines = Arc::new(Mutex::new(String::new()));
    let put = lines.clone();
    dump(&**world.core.store(), move |line| {
        put.lock().unwrap().push_str(line);
        Ok(())
    })
    .unwrap();
    let mut places = vec![("dump".to_owned(), lines.lock().unwrap().clone().into_bytes())];
    let path = world.keep.path().unwrap();
    for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap().path();
        places.push((file.display().to_string(), std::fs::read(file).unwrap()));
    }
    assert!(places.iter().any(|(name, bytes)| name.ends_with("-wal") && !bytes.is_empty()), "the WAL was looked at too");
    let enrolled = person(0);
    let secrets = CANARIES.into_iter().chain([&*enrolled.name, &*enrolled.number, enrolled.phone.as_deref().unwrap()]);
    for secret in secrets {
        let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (place, bytes) in &places {
            for needle in [secret.as_bytes(), &utf16] {
                assert!(!bytes.windows(needle.len()).any(|w| w == needle), "{secret} can be read in {place}");
            }
        }
    }
}
