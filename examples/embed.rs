//! The core inside another Rust program, in memory: a taxpayer and an officer talk.

use std::sync::Arc;

use zhengna_core::access::{Actor, AddOfficer, AddPost, AuthorityKind, GrantPost, NewAuthority, Permission, Permissions};
use zhengna_core::identity::{AuthorityCode, NewTaxpayer};
use zhengna_core::interaction::{Claim, Enter, OpenLine, SendMessage};
use zhengna_core::{Core, ManualClock, Parts, SeededEntropy, Settings, Timestamp, core, crypto, store::memory::MemoryStore};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Timestamp::parse("2026-11-23T09:00:00+08:00").ok_or("a start")?;
    let keys = crypto::KeyRing::generate(&mut <crypto::Rng as rand_core::SeedableRng>::from_seed([1; 32]));
    let (clock, entropy) = (Arc::new(ManualClock::at(start)), Arc::new(SeededEntropy::new(1)));
    let store = MemoryStore::new(core::PROJECTIONS);
    let core = Core::new(Parts { store, clock, entropy, settings: Settings { keys, told_outside: vec![] } });
    let (system, authority) = (core.as_system(), AuthorityCode::parse("12200000000")?);
    let name = || "吉林省税务局".to_owned();
    let province = NewAuthority { code: authority, parent: None, kind: AuthorityKind::Province, name: name(), effective_from: start };
    system.access().add_authorities(&[province], &mut |_| {})?;
    let serves = Permissions(vec![Permission::ServeTaxpayers]);
    let post = system.access().add_post(AddPost { name: "坐席".into(), permissions: serves }).wait()?.post;
    let officer = AddOfficer { staff_no: "001".into(), name: "坐席甲".into(), authority, capacity: 5 };
    let officer = system.access().add_officer(officer).wait()?.officer;
    system.access().grant_post(GrantPost { officer, post, authority, ends_at: None }).wait()?;
    system.identity().enrol(&[NewTaxpayer::person("张三", "11010519491231002X", authority)], &mut |_| {})?;
    let taxpayer = system.identity().find_by_number("11010519491231002X")?.ok_or("enrolled")?;
    let (taxpayer, officer) = (core.as_actor(Actor::Taxpayer(taxpayer)), core.as_actor(core.officer(officer)?));

    let line = system.interaction().open_line(OpenLine::new("个税咨询", authority)).wait()?.line;
    let enter = Enter::new(line, "子女教育");
    let conversation = taxpayer.interaction().enter(enter).wait()?.conversation;
    officer.interaction().claim(Claim { line }).wait()?;
    taxpayer.interaction().send(SendMessage::new(conversation, "您好，请问怎么填？")).wait()?;
    officer.interaction().send(SendMessage::new(conversation, "您好，请打开个税应用。")).wait()?;
    for message in taxpayer.interaction().messages(conversation, 0, 50)? {
        println!("{} {}：{}", message.number, message.sender.as_str(), message.text);
    }
    Ok(())
}
