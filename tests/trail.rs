//! The audit trail as an auditor reads it.

use std::time::Duration;

use zhengna_core::Error;
use zhengna_core::audit::AuditAsked;
use zhengna_core::interaction::Claim;
use zhengna_tests::world::{ENGINES, World};

/// An auditor looks for what somebody did, newest first, and sees how far the host has verified the trail.
#[test]
fn records_are_found_by_who_what_whom_and_when() {
    for engine in ENGINES {
        let world = World::new(engine);
        let first = world.entered(0).conversation;
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
        world.clock.advance(Duration::from_secs(3600));
        let noon = world.core.now();
        let second = world.entered(1).conversation;
        world.officer(1).interaction().claim(Claim { line: world.line }).wait().unwrap();
        world.seal();
        let auditor = world.session_of(world.auditor);
        let found = |asked: AuditAsked| auditor.audit().read(asked).wait().unwrap().items;
        let subjects = |asked| found(asked).into_iter().map(|entry| entry.subject).collect::<Vec<_>>();
        let of = |id| format!("conversation/{id}");
        let claims = || AuditAsked { operation: Some("interaction.claim".into()), ..AuditAsked::default() };
        assert_eq!(subjects(claims()), [of(second), of(first)], "{engine:?}: newest first");
        assert_eq!(subjects(AuditAsked { after: Some(0), ..claims() }), [of(first), of(second)], "{engine:?}: in order");
        assert_eq!(subjects(AuditAsked { staff_no: Some("22010001".into()), ..claims() }), [of(second)], "{engine:?}");
        assert_eq!(subjects(AuditAsked { until: Some(noon), ..claims() }), [of(first)], "{engine:?}");
        assert_eq!(subjects(AuditAsked { from: Some(noon), ..claims() }), [of(second)], "{engine:?}");
        assert_eq!(found(AuditAsked { subject: Some(of(first)), ..AuditAsked::default() }).len(), 2, "{engine:?}: entered and taken");
        let entry = &found(claims())[0];
        assert_eq!((entry.staff_no.as_deref(), entry.title.as_deref()), (Some("22010001"), Some("接入")), "{engine:?}");
        let unknown = auditor.audit().read(AuditAsked { staff_no: Some("99".into()), ..claims() }).wait();
        assert!(matches!(unknown, Err(Error::Invalid { .. })), "{engine:?}");
        // Page by page, nothing twice and nothing left out.
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = auditor.audit().read(AuditAsked { before, limit: Some(3), ..AuditAsked::default() }).wait().unwrap();
            all.extend(page.items.iter().filter_map(|entry| entry.number));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(all, (1..=all[0]).rev().collect::<Vec<_>>(), "{engine:?}");
        let state = || auditor.audit().verification().unwrap();
        assert_eq!((state().began, state().finding), (None, None), "{engine:?}: nobody has begun");
        while !world.core.watch_audit().unwrap().complete {}
        assert_eq!((state().complete, state().verified == state().chained), (true, true), "{engine:?}");
        assert!(matches!(world.officer(0).audit().verification(), Err(Error::Denied { .. })), "{engine:?}");
    }
}
