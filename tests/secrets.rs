//! What people type is nowhere to be read on disk: not in the database, not in its WAL, not in a dump, and the
//! journal, the audit trail and the outbox carry ids only. Nor does `Debug` show it.

use zhengna_core::interaction::{
    AnswerFollowUp, Claim, Close, Enter, FollowUpsAsked, Grade, Outcome, Rate, Revisit, RevisitFollowUp, Search, SendMessage,
};
use zhengna_core::store::Page;
use zhengna_tests::faults::lines;
use zhengna_tests::world::{Engine, World, person};

/// Typed by somebody, and nowhere else in the world.
const CANARIES: [&str; 7] =
    ["金丝雀主题七七", "金丝雀消息七七", "canary-reply-7f3a", "金丝雀结语七七", "金丝雀评价七七", "金丝雀整改七七", "金丝雀回访七七"];

#[test]
fn what_people_type_is_nowhere_to_be_read_on_disk() {
    let world = World::new(Engine::Sqlite);
    let enter = Enter::new(world.line, CANARIES[0]);
    let conversation = world.taxpayer(0).interaction().enter(enter).wait().unwrap().conversation;
    world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
    let say = |text: &str| SendMessage::new(conversation, text);
    let quoting = SendMessage { quotes: Some(1), ..say(CANARIES[2]) };
    world.taxpayer(0).with_key("canary").unwrap().interaction().send(say(CANARIES[1])).wait().unwrap();
    world.officer(0).interaction().send(quoting).wait().unwrap();
    let close = Close { conversation, outcome: Outcome::Resolved, note: Some(CANARIES[3].into()) };
    world.officer(0).interaction().close(close).wait().unwrap();
    let rate = Rate { conversation, grade: Grade::Dissatisfied, reasons: Vec::new(), comment: Some(CANARIES[4].into()) };
    world.taxpayer(0).interaction().rate(rate).wait().unwrap();
    let supervisor = world.session_of(world.supervisor);
    let answer = AnswerFollowUp::new(conversation, CANARIES[5]);
    supervisor.interaction().answer_follow_up(answer).wait().unwrap();
    let heard = RevisitFollowUp { conversation, revisit: Revisit::Content, note: CANARIES[6].into() };
    supervisor.interaction().revisit_follow_up(heard).wait().unwrap();
    world.core.seal_audit().unwrap();
    let read = world.taxpayer(0).interaction().messages(conversation, 0, 10).unwrap();
    assert_eq!(read[0].text, CANARIES[1], "whoever may read it can");
    let transcript = world.taxpayer(0).interaction().transcript(conversation).wait().unwrap();
    assert_eq!(transcript.conversation.topic, CANARIES[0]);
    let search = Search { text: "金丝雀".into(), place: None, limit: None };
    let found = world.taxpayer(0).interaction().search(search).unwrap();
    let state = world.taxpayer(0).interaction().rating(conversation).unwrap();
    let page = Page { after: None, limit: 10 };
    let followed = supervisor.interaction().follow_ups(FollowUpsAsked::default(), page).unwrap();
    let there = (&read[1].quoted, found.items.len(), &state.answer, &state.rating, &followed.items[0].revisit_note);
    assert!(matches!(there, (Some(_), 2, Some(_), Some(_), Some(_))), "each of them holds what somebody typed");
    let shown = format!("{read:?} {transcript:?} {found:?} {state:?} {followed:?}");
    let told = CANARIES.iter().find(|canary| shown.contains(*canary));
    assert_eq!(told, None, "what would go to a log");

    let mut places = vec![("dump".to_owned(), lines(&**world.core.store()).concat().into_bytes())];
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
