//! Lists that officers import: looked at, put forward, agreed to by another, imported, on every engine.

use zhengna_core::access::Permission;
use zhengna_core::approval::Approve;
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::identity::{ImportList, ListStanding, ListVerdict, Listed, ListedRelation, NewTaxpayer, Verdicts};
use zhengna_core::{Error, limits};
use zhengna_tests::approval::{approve, reject};
use zhengna_tests::lists::{Importers, agreed, list_of, put_forward};
use zhengna_tests::world::{CHANGCHUN, ENGINES, World, listed, person};

/// Somebody new, somebody with another phone, somebody who is broken.
fn people() -> Vec<NewTaxpayer> {
    vec![
        person(700),
        NewTaxpayer { phone: Some("13912345678".into()), ..person(1) },
        NewTaxpayer { phone: Some("123".into()), ..person(701) },
    ]
}

#[test]
fn a_list_is_imported_once_another_officer_agreed_to_exactly_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let by = Importers::of(&world);
        let (maker, other) = (world.session_of(by.maker), world.session_of(by.other));
        let (list, counts) = (list_of(&people()), Verdicts { new: 1, changed: 1, broken: 1, ..Verdicts::default() });
        let mut heard = 0;
        let looked_at = maker.identity().examine_list(&list, &mut |n| heard = n).unwrap();
        assert_eq!((looked_at.verdicts, looked_at.standing, heard), (counts, ListStanding::NotPutForward, 3), "{engine:?}");
        let told: Vec<_> = looked_at.told.iter().map(|row| (row.line, row.verdict, row.field.as_deref())).collect();
        assert_eq!(told, [(4, ListVerdict::Broken, Some("phone"))], "{engine:?}");
        let refused = maker.identity().import_list(&list, &mut |_| {}).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::NotApproved), "{engine:?}: nobody agreed yet");
        let opened = put_forward(&maker, &list).unwrap();
        assert_eq!(maker.identity().examine_list(&list, &mut |_| {}).unwrap().standing, ListStanding::Pending(opened.approval));
        assert_eq!(put_forward(&other, &list).unwrap_err(), Error::Refused(Refusal::ApprovalPending(opened.approval)), "{engine:?}");
        assert_eq!(approve(&maker, &opened).unwrap_err(), Error::Refused(Refusal::OwnApproval), "{engine:?}");
        approve(&other, &opened).unwrap();
        let another = list_of(&[NewTaxpayer { phone: Some("13912345679".into()), ..person(1) }]);
        let refused = maker.identity().import_list(&another, &mut |_| {}).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::NotApproved), "{engine:?}: a cell of it is another");

        let mut steps = Vec::new();
        let imported = maker.identity().import_list(&list, &mut |n| steps.push(n)).unwrap();
        assert_eq!((imported.list.verdicts, imported.differing.len(), steps.last()), (counts, 0, Some(&6)), "{engine:?}");
        let phone = world.taxpayer(1).identity().view(world.taxpayers[1]).unwrap().phone;
        assert_eq!(phone.as_ref().map(|p| p.as_str()), Some("139****5678"), "{engine:?}");
        let again = other.identity().import_list(&list, &mut |_| {}).unwrap();
        assert_eq!(again.list.verdicts, counts, "{engine:?}: what became of a row is left as it is");
        assert_eq!(put_forward(&maker, &list).unwrap_err(), Error::Refused(Refusal::ApprovalDecided), "{engine:?}");
    }
}

/// What was agreed to once does not stand for ever: whoever takes a list back lets nobody bring it again by themselves.
#[test]
fn a_list_that_was_taken_back_takes_another_approval() {
    for engine in ENGINES {
        let world = World::new(engine);
        let by = Importers::of(&world);
        let (maker, system) = (world.session_of(by.maker), world.core.as_system());
        let list = list_of(&[person(700)]);
        agreed(&world, by, &list);
        maker.identity().import_list(&list, &mut |_| {}).unwrap();
        let of = system.identity().import_attempt(list.batch()).unwrap().unwrap();
        assert_eq!(system.identity().take_back_import(of, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        assert_eq!(maker.identity().import_list(&list, &mut |_| {}).unwrap_err(), Error::Refused(Refusal::NotApproved), "{engine:?}");
        let opened = put_forward(&maker, &list).unwrap();
        reject(&world.session_of(by.other), &opened).unwrap();
        assert_eq!(maker.identity().import_list(&list, &mut |_| {}).unwrap_err(), Error::Refused(Refusal::NotApproved), "{engine:?}");
        agreed(&world, by, &list);
        assert_eq!(maker.identity().import_list(&list, &mut |_| {}).unwrap().list.verdicts.new, 1, "{engine:?}");
    }
}

#[test]
fn lists_are_the_provinces() {
    for engine in ENGINES {
        let world = World::new(engine);
        let city = world.session_of(world.appoint("22019503", CHANGCHUN, &[Permission::ImportLists]));
        let list = list_of(&[person(700)]);
        let denied = |e: Error| matches!(e, Error::Denied { .. });
        assert!(denied(city.identity().may_import_lists().unwrap_err()), "{engine:?}");
        assert!(denied(city.identity().examine_list(&list, &mut |_| {}).unwrap_err()), "{engine:?}");
        assert!(denied(put_forward(&city, &list).unwrap_err()), "{engine:?}");
        let by = Importers::of(&world);
        let opened = put_forward(&world.session_of(by.maker), &list).unwrap();
        let cmd = Approve { approval: opened.approval, digest: opened.digest.clone() };
        assert!(city.approval().approve(cmd).wait().is_err(), "{engine:?}: nor decided about below");
        approve(&world.session_of(by.other), &opened).unwrap();
        assert!(denied(city.identity().import_list(&list, &mut |_| {}).unwrap_err()), "{engine:?}");
    }
}

#[test]
fn what_is_no_list_is_told_before_anything_is_looked_at() {
    let of = |name: &str, rows| ImportList::new(name, rows).map(|list| list.len());
    let row = || (2, listed(&person(700)));
    assert_eq!(of("名单", vec![row()]), Ok(1));
    assert_eq!(of("名单", Vec::new()), Err(Error::invalid("rows", Problem::Empty)));
    let relation = (3, Listed::Relation(ListedRelation::default()));
    assert!(matches!(of("名单", vec![row(), relation]), Err(Error::Invalid { field, .. }) if field == "rows"));
    let long = "长".repeat(limits::DOCUMENT_CHARS_MAX + 1);
    assert!(matches!(of(&long, vec![row()]), Err(Error::Invalid { field, .. }) if field == "name"));
    assert!(of(&"长".repeat(limits::DOCUMENT_CHARS_MAX), vec![row()]).is_ok());
    let many = |n: usize| (2..).zip(std::iter::repeat_n(listed(&person(700)), n)).collect::<Vec<_>>();
    assert!(of("名单", many(limits::BULK_ROWS_MAX)).is_ok());
    assert_eq!(of("名单", many(limits::BULK_ROWS_MAX + 1)), Err(Error::invalid("rows", Problem::TooMany { max: limits::BULK_ROWS_MAX })));
    assert_ne!(list_of(&[person(700)]).batch(), list_of(&[person(701)]).batch());
    let moved = ImportList::new("名单", vec![(3, listed(&person(700)))]).unwrap();
    assert_ne!(moved.batch(), list_of(&[person(700)]).batch(), "a line is part of it");
}
