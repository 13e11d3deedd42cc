//! The core inside another Rust program, in memory: a taxpayer and an officer talk. `cargo run -p zhengna-examples --example embed`

use std::sync::Arc;

use zhengna_core::access::{Actor, AddOfficer, AddPost, AuthorityKind, GrantPost, NewAuthority, Permission, Permissions};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::crypto::{KeyRing, Rng};
use zhengna_core::identity::{AuthorityCode, NewTaxpayer, TaxpayerKind};
use zhengna_core::interaction::{Claim, Enter, OpenLine, SendMessage, SourceChannel};
use zhengna_core::store::memory::MemoryStore;
use zhengna_core::{Core, ManualClock, Parts, SeededEntropy, Settings, Timestamp};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Timestamp::parse("2026-11-23T09:00:00+08:00").ok_or("a start")?;
    let settings = Settings { keys: KeyRing::generate(&mut <Rng as rand_core::SeedableRng>::from_seed([1; 32])), told_outside: vec![] };
    let parts = Parts {
        store: MemoryStore::new(PROJECTIONS),
        clock: Arc::new(ManualClock::at(start)),
        entropy: Arc::new(SeededEntropy::new(1)),
        settings,
    };
    let core = Core::new(parts);
    let (system, authority) = (core.as_system(), AuthorityCode::parse("12200000000")?);
    let province =
        NewAuthority {
            code: authority, parent: None, kind: AuthorityKind::Province, name: "吉林省税务局".into(), effective_from: start
        };
    system.access().add_authorities(&[province], &mut |_| {})?;
    let post =
        system.access().add_post(AddPost { name: "坐席".into(), permissions: Permissions(vec![Permission::ServeTaxpayers]) }).wait()?.post;
    let officer =
        system.access().add_officer(AddOfficer { staff_no: "001".into(), name: "坐席甲".into(), authority, capacity: 5 }).wait()?.officer;
    system.access().grant_post(GrantPost { officer, post, authority, ends_at: None }).wait()?;
    let person = NewTaxpayer {
        kind: TaxpayerKind::Person,
        name: "张三".into(),
        number: "11010519491231002X".into(),
        phone: None,
        authority,
        synthetic: true,
        registration_seq: None,
        external_id: None,
    };
    system.identity().enrol(std::slice::from_ref(&person), &mut |_| {})?;
    let taxpayer = core.as_actor(Actor::Taxpayer(system.identity().find_by_number(&person.number)?.ok_or("enrolled")?));
    let officer = core.as_actor(core.officer(officer)?);

    let line = system.interaction().open_line(OpenLine { name: "个税咨询".into(), authority }).wait()?.line;
    let conversation =
        taxpayer.interaction().enter(Enter { line, topic: "子女教育".into(), channel: SourceChannel::Web }).wait()?.conversation;
    officer.interaction().claim(Claim { line }).wait()?;
    taxpayer.interaction().send(SendMessage { conversation, text: "您好，请问怎么填？".into() }).wait()?;
    officer.interaction().send(SendMessage { conversation, text: "您好，请打开个税应用。".into() }).wait()?;
    for message in taxpayer.interaction().messages(conversation, 0, 50)? {
        println!("{} {}：{}", message.number, message.sender.as_str(), message.text);
    }
    Ok(())
}
