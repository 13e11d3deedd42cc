//! Lists of people: looked at, applied row by row, taken back, compared with their source, on every engine.

use zhengna_core::access::{Actor, Provider};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::identity::{
    BeginImport, ImportBegun, ImportRow, ListVerdict, Listed, ListedFormerNumber, ListedRealName, ListedRelation, ListedRosterEntry,
    NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, NumberKind, Role, Roster, RowVerdict, TaxpayerKind,
};
use zhengna_core::interaction::SourceChannel;
use zhengna_core::store::StoreError;
use zhengna_core::{Error, Timestamp, limits};
use zhengna_tests::faults::lines;
use zhengna_tests::people::{LIST, another, begun, card_through, day, rows_of, value, verified};
use zhengna_tests::provider::Believes;
use zhengna_tests::world::{ENGINES, Engine, World, company, listed, person, relation};

/// Somebody new, somebody with another phone, somebody known just so, five who are broken, and an enterprise.
fn list_of_all() -> Vec<NewTaxpayer> {
    let old = |n: usize| NewTaxpayer { external_id: Some(format!("吉-{n}")), ..person(n) };
    vec![
        old(700),
        NewTaxpayer { phone: Some("13912345678".into()), external_id: Some("吉-1".into()), ..person(1) },
        NewTaxpayer { phone: None, ..person(2) },
        NewTaxpayer { number: "110105194912310021".into(), ..old(701) },
        NewTaxpayer { phone: Some("123".into()), ..old(702) },
        NewTaxpayer { kind: TaxpayerKind::Enterprise, number_kind: Some(NumberKind::Passport), number: "E7654321".into(), ..person(3) },
        NewTaxpayer { external_id: Some("吉-1".into()), ..person(4) },
        NewTaxpayer { name: "另一个名字".into(), ..old(700) },
        company(7),
    ]
}

#[test]
fn a_list_is_looked_at_applied_row_by_row_and_taken_back_whole() {
    use ListVerdict::{Broken, Changed, Duplicate, New};
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let of = begun(&world, 9);
        let rows = rows_of(of, &list_of_all());
        let before = dump(&world);
        let told = identity.examine_import(&rows, &mut |_| {}).unwrap();
        let verdicts = |told: &[RowVerdict]| told.iter().map(|v| v.verdict).collect::<Vec<_>>();
        // Of the two rows that name one external id, and the two that name one number, the first counts.
        assert_eq!(verdicts(&told), [New, Changed, Duplicate, Broken, Broken, Broken, Broken, Broken, New], "{engine:?}");
        assert_eq!(dump(&world), before, "{engine:?}: a look writes nothing");

        let mut heard = 0;
        assert_eq!(identity.import(&rows, &mut |n| heard = n).unwrap().changed, 3, "{engine:?}");
        assert_eq!(heard, 9);
        let became = identity.imported_rows(of, i64::MIN, 200).unwrap();
        assert_eq!(verdicts(&became), [New, Changed, Duplicate, Broken, Broken, Broken, Broken, Broken, New], "{engine:?}");
        assert_eq!(told, became, "{engine:?}: as it was told before");
        let fields: Vec<_> = became.iter().filter_map(|v| v.field.as_deref().map(|f| (v.line, f))).collect();
        assert_eq!(fields, [(5, "number"), (6, "phone"), (7, "number_kind"), (8, "external_id"), (9, "number")], "{engine:?}");
        assert!(became.iter().all(|v| v.field.is_some() == (v.why.is_some() && v.mend.is_some())));
        let said = serde_json::to_string(&became).unwrap();
        assert!(!said.contains("1101051949") && !said.contains("另一个名字"), "verdicts repeat nothing of the rows: {said}");
        let phone = |n: usize| world.taxpayer(n).identity().view(world.taxpayers[n]).unwrap().phone;
        assert_eq!(
            (phone(1).as_ref().map(|p| p.as_str()), phone(2).as_ref().map(|p| p.as_str())),
            (Some("139****5678"), Some("138****0002")),
            "{engine:?}"
        );
        assert_eq!(system.identity().find_by_number(&person(700).number).map(|t| t.is_some()), Ok(true));

        let compared = identity.compare_import(&rows, &mut |_| {}).unwrap();
        assert_eq!((compared.rows, compared.left_out, compared.agrees()), (4, 5, true), "{engine:?}: {compared:?}");
        assert_ne!(compared.said, [0; 32]);

        // The same list again, as after a cut: nothing twice, and everything is there as in the list.
        assert_eq!(begun(&world, 9), of);
        assert_eq!(identity.import(&rows, &mut |_| {}).unwrap().changed, 3, "{engine:?}: told as before");
        let again = identity.examine_import(&rows, &mut |_| {}).unwrap();
        assert_eq!(again.iter().filter(|v| v.verdict == Duplicate).count(), 4, "{engine:?}: {again:?}");

        assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap().changed, 3, "{engine:?}");
        let compared = identity.compare_import(&rows, &mut |_| {}).unwrap();
        assert_eq!((compared.rows, compared.agrees()), (1, true), "{engine:?}: the duplicate is all that is left of it");
        assert_eq!(phone(1).as_ref().map(|p| p.as_str()), Some("138****0001"), "{engine:?}");
        assert_eq!(system.identity().find_by_number(&person(700).number).unwrap(), None, "{engine:?}");
        // And it may come again.
        let anew = begun(&world, 9);
        assert_eq!(anew.attempt, 2, "{engine:?}");
        assert_eq!(identity.import(&rows_of(anew, &list_of_all()), &mut |_| {}).unwrap().changed, 3, "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new());
        assert_eq!(world.seal().finding, None, "{engine:?}");
    }
}

#[test]
fn what_somebody_used_or_changed_since_is_not_taken_back_and_then_nothing_is() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let of = begun(&world, 9);
        identity.import(&rows_of(of, &list_of_all()), &mut |_| {}).unwrap();
        let id = identity.find_by_number(&person(700).number).unwrap().unwrap();
        let session = world.core.as_actor(Actor::Taxpayer(id));
        session.interaction().enter(world.enter()).wait().unwrap();
        let before = dump(&world);
        let refused = identity.take_back_import(of, &mut |_| {}).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ImportInUse(2)), "{engine:?}");
        assert_eq!(dump(&world), before, "{engine:?}");
    }
    let world = World::new(Engine::Memory);
    let system = world.core.as_system();
    let identity = system.identity();
    let of = begun(&world, 1);
    let one = |phone: &str| vec![NewTaxpayer { phone: Some(phone.into()), ..person(1) }];
    identity.import(&rows_of(of, &one("13900000001")), &mut |_| {}).unwrap();
    let later = identity.begin_import(BeginImport { batch: [8; 32], name: "后来.csv".into(), rows: 1, given: None }).wait().unwrap();
    identity.import(&rows_of(later, &one("13900000002")), &mut |_| {}).unwrap();
    assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap_err(), Error::Refused(Refusal::ImportInUse(2)), "changed since");
    identity.take_back_import(later, &mut |_| {}).unwrap();
    assert_eq!(world.taxpayer(1).identity().view(world.taxpayers[1]).unwrap().phone.as_ref().map(|p| p.as_str()), Some("139****0001"));
}

/// Lists about one person come one after the other and are taken back in turn, the last one first; one comes again in between.
#[test]
fn lists_that_followed_one_another_are_taken_back_in_turn_down_to_the_first() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let import = |list: u8| {
            let of = another(&world, list);
            let one = NewTaxpayer { phone: Some(format!("1390000000{list}")), ..person(700) };
            assert_eq!(identity.import(&rows_of(of, &[one]), &mut |_| {}).unwrap().changed, 1, "{engine:?} {list}");
            of
        };
        let take_back = |of| identity.take_back_import(of, &mut |_| {}).map(|done| done.changed);
        let [first, second, third] = [1, 2, 3].map(import);
        assert_eq!(take_back(second), Err(Error::Refused(Refusal::ImportInUse(2))), "{engine:?}");
        assert_eq!(take_back(third), Ok(1), "{engine:?}");
        let again = import(4);
        assert_eq!(take_back(again), Ok(1), "{engine:?}");
        assert_eq!(take_back(second), Ok(1), "{engine:?}");
        let id = identity.find_by_number(&person(700).number).unwrap().unwrap();
        let phone = world.core.as_actor(Actor::Taxpayer(id)).identity().view(id).unwrap().phone;
        assert_eq!(phone.as_ref().map(|phone| phone.as_str()), Some("139****0001"), "{engine:?}");
        assert_eq!(take_back(first), Ok(1), "{engine:?}: what it made is there again");
        assert_eq!(identity.find_by_number(&person(700).number).unwrap(), None, "{engine:?}");
        // Not past what somebody said in between.
        let below = import(5);
        let id = identity.find_by_number(&person(700).number).unwrap().unwrap();
        let own = world.core.as_actor(Actor::Taxpayer(id));
        own.identity().take_phone(&Believes(Provider::MiniProgram), "13711112222").unwrap();
        let above = another(&world, 6);
        let mut row = rows_of(above, &[person(700)]);
        if let Listed::Taxpayer(said) = &mut row[0].said {
            said.as_of = world.core.now().rfc3339();
        }
        assert_eq!(identity.import(&row, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        assert_eq!(take_back(above), Ok(1), "{engine:?}");
        assert_eq!(take_back(below), Err(Error::Refused(Refusal::ImportInUse(2))), "{engine:?}");
    }
}

/// A later list has the same person: it counts on them, and is taken back first.
#[test]
fn whoever_is_on_a_later_list_too_is_not_taken_back_before_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        identity.enrol(&[company(1)], &mut |_| {}).unwrap();
        let acts = Listed::Relation(relation_row("办税员", 0, "2026-01-01", ""));
        for (first, said) in [(1, listed(&person(700))), (3, acts)] {
            let import = |list: u8, changed| {
                world.clock.advance(std::time::Duration::from_secs(60));
                let of = another(&world, list);
                let row = ImportRow { of, line: 2, said: said.clone() };
                assert_eq!(identity.import(&[row], &mut |_| {}).unwrap().changed, changed, "{engine:?} {list}");
                of
            };
            let take_back = |of| identity.take_back_import(of, &mut |_| {}).map(|done| done.changed);
            let in_use = Err(Error::Refused(Refusal::ImportInUse(2)));
            let (of, later) = (import(first, 1), import(first + 1, 0));
            assert_eq!(take_back(of), in_use, "{engine:?}");
            assert_eq!(take_back(later), Ok(0), "{engine:?}: nothing of it stands, and it counts on nobody any more");
            let again = import(first + 1, 0);
            assert_eq!(take_back(of), in_use, "{engine:?}");
            assert_eq!(take_back(again), Ok(0), "{engine:?}");
            assert_eq!(take_back(of), Ok(1), "{engine:?}");
            // The other way round the first one waits behind the second.
            let (second, anew) = (import(first + 1, 1), import(first, 0));
            assert_eq!((take_back(second), take_back(anew), take_back(second)), (in_use.clone(), Ok(0), Ok(1)), "{engine:?}");
        }
        // It counts when a row was applied, not when its list was begun: one that was cut off goes on behind another.
        let begin = |list: u8| another(&world, list);
        let apply = |of| {
            world.clock.advance(std::time::Duration::from_secs(60));
            identity.import(&[ImportRow { of, line: 2, said: listed(&person(701)) }], &mut |_| {}).unwrap().changed
        };
        let (cut_off, other) = (begin(5), begin(6));
        assert_eq!((apply(other), apply(cut_off)), (1, 0), "{engine:?}");
        assert_eq!(identity.take_back_import(other, &mut |_| {}).map(|done| done.changed), Err(Error::Refused(Refusal::ImportInUse(2))));
        assert_eq!(identity.take_back_import(cut_off, &mut |_| {}).map(|done| done.changed), Ok(0), "{engine:?}");
        assert_eq!(identity.take_back_import(other, &mut |_| {}).map(|done| done.changed), Ok(1), "{engine:?}");
        assert_eq!(identity.find_by_number(&person(700).number).unwrap(), None, "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new());
    }
}

/// Of a list in which every row was broken nothing stands: taking it back lets it be imported anew all the same, once.
#[test]
fn a_list_of_which_nothing_stands_is_imported_anew_once_it_was_taken_back() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let acts = Listed::Relation(relation_row("办税员", 0, "2026-01-01", ""));
        let rows = |of| vec![ImportRow { of, line: 2, said: acts.clone() }];
        let of = begun(&world, 1);
        assert_eq!(identity.import(&rows(of), &mut |_| {}).unwrap().changed, 0, "{engine:?}: no such enterprise");
        identity.enrol(&[company(1)], &mut |_| {}).unwrap();
        assert_eq!(identity.import(&rows(begun(&world, 1)), &mut |_| {}).unwrap().changed, 0, "{engine:?}: told as before");
        for _ in 0..2 {
            assert_eq!(identity.take_back_import(of, &mut |_| {}).map(|done| done.changed), Ok(0), "{engine:?}");
        }
        let anew = begun(&world, 1);
        assert_eq!(anew.attempt, 2, "{engine:?}");
        assert_eq!(identity.import(&rows(anew), &mut |_| {}).unwrap().changed, 1, "{engine:?}");
    }
}

/// Found by simulation: who came by one list, was known to another, and came again after the first was taken back, was told as differing.
#[test]
fn whoever_was_taken_back_and_said_anew_is_compared_as_who_they_are() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let rows = |of| vec![ImportRow { of, line: 2, said: listed(&person(700)) }];
        let first = another(&world, 1);
        assert_eq!(identity.import(&rows(first), &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        let second = another(&world, 2);
        identity.import(&rows(second), &mut |_| {}).unwrap(); // a duplicate
        let gone = [second, first].map(|list| identity.take_back_import(list, &mut |_| {}).unwrap().changed);
        let compared = || identity.compare_import(&rows(second), &mut |_| {}).unwrap();
        assert_eq!(gone, [0, 1], "{engine:?}: the other list had found them there");
        assert_eq!(compared().differing, [2], "{engine:?}: they are gone");
        assert_eq!(identity.import(&rows(another(&world, 1)), &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        assert_eq!((compared().rows, compared().agrees()), (1, true), "{engine:?}");
    }
}

/// Whole chunks in a debug build may take longer on a busy machine than a write may; what was given again goes on where it stopped.
/// A list counts what earlier tries changed, too. What is taken back is looked for anew each time: only the last try's is counted.
fn patient<R>(mut give: impl FnMut() -> Result<R, Error>) -> R {
    let given = (0..PATIENCE).map(|_| give()).find(|given| !matches!(given, Err(Error::Store(StoreError::TooLong { .. }))));
    given.expect("within so many tries").unwrap()
}

const PATIENCE: u32 = 20;

/// A host that runs beside it goes on: somebody changes a taxpayer of the list after it was looked at, and the process dies.
#[test]
fn taking_back_that_was_begun_comes_to_an_end_whatever_a_host_does_meanwhile() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        // Three chunks, and a row of each that somebody comes to use.
        let people: Vec<NewTaxpayer> = (0..2 * limits::BULK_CHUNK_ROWS + 10).map(|n| person(1000 + n)).collect();
        let of = begun(&world, people.len() as i64);
        patient(|| identity.import(&rows_of(of, &people), &mut |_| {}));
        let line = |n: usize| n as i64 + 2;
        let verify = |n: usize| {
            let found = [NewRealName { person: people[n].number.clone(), ..verified(0, day(-1)) }];
            world.core.as_system().identity().record_real_names(&found, &mut |_| {}).unwrap();
        };
        let (late, early) = (people.len() - limits::BULK_CHUNK_ROWS - 5, 3);
        let cut = || {
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                identity.take_back_import(of, &mut |_| {
                    verify(late);
                    panic!("cut off behind the first chunk");
                })
            }))
        };
        let was_cut = |_| cut().is_err_and(|said| said.downcast_ref::<&str>() == Some(&"cut off behind the first chunk"));
        assert!((0..PATIENCE).any(was_cut), "{engine:?}");
        let gone = |n: usize| identity.find_by_number(&people[n].number).unwrap().is_none();
        assert_eq!([people.len() - 1, late, early].map(gone), [true, false, false], "{engine:?}: half-way");
        let refused = identity.begin_import(BeginImport { batch: LIST, name: "名单".into(), rows: 1, given: None }).wait().unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ImportTakenBack), "{engine:?}");

        verify(early);
        // How many of the list there were before the try that came to its end, and what it says it took back.
        let take_back = |of| {
            let mut before = 0;
            let done = patient(|| {
                before = (0..people.len()).filter(|n| !gone(*n)).count();
                identity.take_back_import(of, &mut |_| {})
            });
            (before, done.changed as usize)
        };
        let (before, changed) = take_back(of);
        assert_eq!(identity.import_kept(of).unwrap(), [line(early), line(late)], "{engine:?}");
        assert_eq!(changed, before - 2, "{engine:?}");
        for n in 0..people.len() {
            assert_eq!(gone(n), n != early && n != late, "{engine:?} {n}");
        }
        // Once more is once too often, and harmless; the list may come anew and finds those who stayed.
        let again = identity.take_back_import(of, &mut |_| {}).unwrap();
        assert_eq!(again.rows, 0, "{engine:?}");
        let anew = begun(&world, 1);
        assert_eq!(anew.attempt, 2, "{engine:?}");
        let rows = rows_of(anew, &people);
        assert_eq!(patient(|| identity.import(&rows, &mut |_| {})).changed as usize, people.len() - 2, "{engine:?}");
        let (before, changed) = take_back(anew);
        assert_eq!((changed, identity.import_kept(anew).unwrap()), (before - 2, Vec::new()), "{engine:?}");
        assert_eq!((0..people.len()).filter(|n| !gone(*n)).collect::<Vec<_>>(), [early, late], "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new());
        assert_eq!(world.seal().finding, None, "{engine:?}");
    }
}

#[test]
fn a_list_that_says_two_things_of_one_taxpayer_is_told_so_and_one_that_is_over_takes_no_rows() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let of = begun(&world, 3);
        // Another phone, then the one that is known, then the other one again.
        let other = NewTaxpayer { phone: Some("13900000009".into()), ..person(1) };
        let rows = rows_of(of, &[other.clone(), person(1), other]);
        assert_eq!(identity.import(&rows, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        let became: Vec<_> = identity.imported_rows(of, i64::MIN, 9).unwrap().into_iter().map(|v| (v.verdict, v.field)).collect();
        let broken = (ListVerdict::Broken, Some("number".to_owned()));
        assert_eq!(became, [(ListVerdict::Changed, None), broken, (ListVerdict::Duplicate, None)], "{engine:?}");
        identity.take_back_import(of, &mut |_| {}).unwrap();
        let late = identity.import(&rows_of(of, &[person(2)]), &mut |_| {}).unwrap_err();
        assert_eq!(late, Error::Refused(Refusal::ImportTakenBack), "{engine:?}");
        let unknown = ImportBegun { batch: [9; 32], attempt: 1 };
        let never = identity.import(&rows_of(unknown, &[person(2)]), &mut |_| {}).unwrap_err();
        assert_eq!(never, Error::NotFound { what: "import_batch" }, "{engine:?}");
    }
}

/// A list, and what becomes of each row, looked at or imported: the verdict, and the field of a broken one.
type Told = (ListVerdict, Option<&'static str>);
type SaidOfPeople = (Vec<Listed>, Vec<Told>);

fn relation_row(role: &str, person_no: usize, starts_at: &str, ends_at: &str) -> ListedRelation {
    ListedRelation {
        enterprise: company(1).number,
        role: role.into(),
        person: person(person_no).number,
        starts_at: starts_at.into(),
        ends_at: ends_at.into(),
        channel: "税务登记".into(),
        ..ListedRelation::default()
    }
}

/// A list that came and went meanwhile leaves what an earlier one wrote, as another version of it.
#[test]
fn a_second_word_about_one_relation_is_found_also_where_another_list_came_and_went() {
    for engine in ENGINES {
        let world = World::new(engine);
        known_before(&world);
        let system = world.core.as_system();
        let identity = system.identity();
        let said = |ends_at: &str| Listed::Relation(relation_row("办税员", 0, "2026-01-01", ends_at));
        let apply = |of, line, ends_at: &str| {
            let row = ImportRow { of, line, said: said(ends_at) };
            identity.import(&[row], &mut |_| {}).unwrap().changed
        };
        let of = begun(&world, 2);
        assert_eq!(apply(of, 2, "长期"), 1, "{engine:?}");
        let other = identity.begin_import(BeginImport { batch: [8; 32], name: "后来.csv".into(), rows: 1, given: None }).wait().unwrap();
        assert_eq!(apply(other, 2, "2026-06-30"), 1, "{engine:?}");
        assert_eq!(identity.take_back_import(other, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        assert_eq!(apply(of, 3, "2026-05-31"), 0, "{engine:?}");
        let became = identity.imported_rows(of, 2, 1).unwrap();
        assert_eq!((became[0].verdict, became[0].field.as_deref()), (ListVerdict::Broken, Some("starts_at")), "{engine:?}");
        assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap().changed, 1, "{engine:?}: nothing stands in its way");
    }
}

/// Whatever other lists said of one enterprise: an earlier list finds what it made again. Lists stand by their hash, the first
/// list's the last of them.
#[test]
fn a_list_is_taken_back_in_turn_however_many_rows_of_others_are_about_the_same() {
    let world = World::new(Engine::Memory);
    let system = world.core.as_system();
    let identity = system.identity();
    let import = |list: u8, said: Vec<Listed>| {
        let of = another(&world, list);
        let rows: Vec<_> = (2..).zip(said).map(|(line, said)| ImportRow { of, line, said }).collect();
        patient(|| identity.import(&rows, &mut |_| {}));
        assert!(identity.imported_rows(of, i64::MIN, 200).unwrap().iter().all(|row| row.verdict != ListVerdict::Broken), "{list}");
        of
    };
    let made = import(9, vec![listed(&company(1))]);
    let renamed = import(8, vec![listed(&NewTaxpayer { name: "另一个名字".into(), ..company(1) })]);
    let begins = |n: u32| format!("2025-{:02}-{:02}", 1 + n / 28, 1 + n % 28);
    let acts = (0..=limits::PAGE_ROWS_MAX).map(|n| Listed::Relation(relation_row("办税员", 0, &begins(n), "")));
    let acting = import(1, acts.collect());
    for of in [acting, renamed, made] {
        patient(|| identity.take_back_import(of, &mut |_| {}));
    }
    assert_eq!(identity.find_by_number(&company(1).number).unwrap(), None);
}

/// Many rows say what is known; then one says something new, and the last one another thing of the same.
#[test]
fn a_second_word_is_found_behind_however_many_rows_that_say_what_is_known() {
    let world = World::new(Engine::Memory);
    known_before(&world);
    let system = world.core.as_system();
    let identity = system.identity();
    let known = relation_row("财务负责人", 1, "2025-01-01", "");
    let other_phone = |phone: &str| listed(&NewTaxpayer { phone: Some(phone.into()), ..person(1) });
    let handler = |ends_at: &str| Listed::Relation(relation_row("办税员", 0, "2026-01-01", ends_at));
    let lists = [
        (1, Listed::Relation(known), limits::RELATIONS_PER_ENTERPRISE_MAX, [handler(""), handler("2026-06-30")], "starts_at"),
        (2, listed(&person(1)), limits::PAGE_ROWS_MAX, [other_phone("13900000001"), other_phone("13900000002")], "number"),
    ];
    for (list, known, times, [first, second], field) in lists {
        let of = another(&world, list);
        let said = std::iter::repeat_n(known, times as usize).chain([first, second]);
        let rows: Vec<_> = (1..).zip(said).map(|(line, said)| ImportRow { of, line, said }).collect();
        patient(|| identity.import(&rows, &mut |_| {}));
        let last = identity.imported_rows(of, i64::from(times), 2).unwrap();
        let found = |row: &RowVerdict| (row.verdict, row.field.clone());
        assert_ne!(last[0].verdict, ListVerdict::Duplicate, "{list}");
        assert_eq!(found(&last[1]), (ListVerdict::Broken, Some(field.into())), "{list}");
    }
}

/// What is known before: company 1 with a finance officer since 2025, and a legal representative who was released.
fn known_before(world: &World) {
    let midnight = |day: &str| Timestamp::parse(&format!("{day}T00:00:00+08:00")).unwrap();
    let system = world.core.as_system();
    let identity = system.identity();
    let one = company(1);
    identity.enrol(std::slice::from_ref(&one), &mut |_| {}).unwrap();
    let since = |role, n: usize| NewRelation { starts_at: midnight("2025-01-01"), ..relation(&one.number, role, &person(n).number) };
    let gone = NewRelation { ends_at: Some(midnight("2026-01-01")), released: true, ..since(Role::LegalRepresentative, 2) };
    identity.record_relations(&[since(Role::FinanceOfficer, 1), gone], &mut |_| {}).unwrap();
    identity.record_real_names(&[verified(2, day(-10))], &mut |_| {}).unwrap();
    let document = "吉税发〔2025〕1号".to_owned();
    let (roster, starts_at) = (Roster::DesignatedSmallMicro, midnight("2026-01-01"));
    let entry = NewRosterEntry { enterprise: one.number, roster, starts_at, ends_at: None, document };
    identity.record_roster(&[entry], &mut |_| {}).unwrap();
}

fn said_of_people() -> [SaidOfPeople; 4] {
    use ListVerdict::{Broken, Changed, Duplicate, New};
    let ok = |verdict| (verdict, None);
    let broken = |field| (Broken, Some(field));
    let handler = relation_row("办税员", 0, "2026-01-01", "长期");
    let released = ListedRelation { released: "是".into(), ..relation_row("财务负责人", 1, "2025/1/1", "2025-12-31") };
    let relations = vec![
        handler.clone(),
        released,
        relation_row("legal_representative", 2, "20250101", ""),
        handler.clone(),
        relation_row("经理", 0, "2026-01-01", ""),
        relation_row("办税员", 999, "2026-01-01", ""),
        ListedRelation { ends_at: "2026-06-30".into(), ..handler },
        relation_row("开票员", 0, "2026-01-01", "2025-01-01"),
        ListedRelation { enterprise: person(0).number, ..relation_row("开票员", 0, "2026-01-01", "") },
        ListedRelation { external_id: "长".repeat(limits::EXTERNAL_ID_CHARS_MAX + 1), ..relation_row("开票员", 0, "2026-01-01", "") },
    ];
    let ends = [broken("ends_at"), broken("enterprise"), broken("external_id")];
    let became = [ok(New), ok(Changed), broken("ends_at"), ok(Duplicate), broken("role"), broken("person"), broken("starts_at")];

    let finding = |n: usize, state: &str, level: &str, found_at: &str| {
        let [state, level, channel, found_at] = [state, level, "办税服务厅", found_at].map(String::from);
        Listed::RealName(ListedRealName { person: person(n).number, state, level, channel, found_at })
    };
    // The newest first, as systems list them.
    let findings = vec![
        finding(0, "已认证", "人脸核验", "2026-03-02 10:00:00"),
        finding(0, "已采集", "", "2026年3月1日"),
        finding(1, "已认证", "", "2026-03-01"),
        finding(2, "已采集", "", "2026-03-01"),
        finding(3, "verified", "in_person", "2027-01-01"),
        finding(3, "verified", "in_person", "昨天"),
    ];
    let found = vec![ok(New), ok(New), broken("level"), broken("found_at"), broken("found_at"), broken("found_at")];

    let on = |roster: &str, document: &str| {
        let [roster, document, starts_at, ends_at] = [roster, document, "2026-01-01", "9999-12-31"].map(String::from);
        Listed::RosterEntry(ListedRosterEntry { enterprise: company(1).number, roster, starts_at, ends_at, document })
    };
    let long = "长".repeat(limits::DOCUMENT_CHARS_MAX + 1);
    let roster = vec![on("大企业", "吉税发〔2026〕2号"), on("小微企业", "吉税发〔2026〕2号"), on("小微企业", &long), on("中企业", "文")];
    let named = vec![ok(New), ok(Changed), broken("document"), broken("roster")];

    let former = |n: usize, kind: &str, number: &str| {
        let (taxpayer, number_kind, number) = (person(n).number, kind.into(), number.into());
        Listed::FormerNumber(ListedFormerNumber { taxpayer, number_kind, number })
    };
    let own = person(2).number;
    let numbers = vec![
        former(0, "护照", "E12345678"),
        former(1, "护照", "E12345678"),
        former(2, "居民身份证", &own),
        former(2, "护照", "?"),
        former(999, "护照", "E7654321"),
    ];
    let tail = [ok(Duplicate), broken("number"), broken("taxpayer")];
    [
        (relations.into_iter().map(Listed::Relation).collect(), [&became[..], &ends].concat()),
        (findings, found),
        (roster, named),
        (numbers, [&[ok(New), broken("number")][..], &tail].concat()),
    ]
}

/// An owner and their sole trader have one number and are two; a verification goes over a capture of the same instant.
#[test]
fn what_seems_to_come_twice_in_a_list_is_judged_alike_looked_at_or_imported() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let identity = system.identity();
        let alike = |of: ImportBegun, rows: &[ImportRow]| {
            let looked = identity.examine_import(rows, &mut |_| {}).unwrap();
            assert_eq!(identity.import(rows, &mut |_| {}).unwrap().changed, rows.len() as u64, "{engine:?}");
            assert_eq!(looked, identity.imported_rows(of, i64::MIN, 200).unwrap(), "{engine:?}");
        };
        let (kind, number_kind) = (TaxpayerKind::Enterprise, Some(NumberKind::TaxpayerNo));
        let trader = NewTaxpayer { kind, number_kind, name: "测试百货店".into(), ..person(710) };
        let of = begun(&world, 2);
        alike(of, &rows_of(of, &[person(710), trader]));
        let finding = |state: &str, level: &str| {
            let [state, level, channel, found_at] = [state, level, "办税服务厅", "2026-03-01"].map(String::from);
            Listed::RealName(ListedRealName { person: person(0).number, state, level, channel, found_at })
        };
        let of = another(&world, 5);
        let said = [finding("已采集", ""), finding("已认证", "人脸核验")];
        let rows: Vec<ImportRow> = (2..).zip(said).map(|(line, said)| ImportRow { of, line, said }).collect();
        alike(of, &rows);
    }
}

#[test]
fn what_lists_say_of_people_is_looked_at_applied_row_by_row_and_taken_back_whole() {
    for engine in ENGINES {
        let world = World::new(engine);
        known_before(&world);
        let system = world.core.as_system();
        let identity = system.identity();
        let told = |verdicts: &[RowVerdict]| {
            assert!(verdicts.iter().all(|v| v.field.is_some() == (v.why.is_some() && v.mend.is_some())), "{verdicts:?}");
            verdicts.iter().map(|v| (v.verdict, v.field.clone())).collect::<Vec<_>>()
        };
        let expected = |told: &[Told]| told.iter().map(|(v, f)| (*v, f.map(String::from))).collect::<Vec<_>>();
        let known = |world: &World| {
            let card = |n: usize| world.taxpayer(n).identity().relations(world.taxpayers[n]).unwrap();
            let ends = |n: usize| card(n).iter().map(|r| (r.role, r.ends_at, r.released)).collect::<Vec<_>>();
            (ends(0), ends(1), ends(2), identity.find_by_number("E12345678").unwrap())
        };
        let before = known(&world);
        let tables = |lines: Vec<String>| -> Vec<String> {
            let said = ["\"relation\"", "\"real_name\"", "\"roster_entry\"", "\"former_number\""];
            lines.into_iter().filter(|line| said.iter().any(|table| line.contains(table))).collect()
        };
        let nothing = dump(&world);
        let mut begun = Vec::new();
        for (n, (list, became)) in said_of_people().into_iter().enumerate() {
            let begin = BeginImport { batch: [n as u8; 32], name: "名单".into(), rows: list.len() as i64, given: None };
            let rows = |of| (2..).zip(&list).map(|(line, said)| ImportRow { of, line, said: said.clone() }).collect::<Vec<_>>();
            let (at, dry) = (dump(&world), rows(ImportBegun { batch: begin.batch, attempt: 0 }));
            assert_eq!(told(&identity.examine_import(&dry, &mut |_| {}).unwrap()), expected(&became), "{engine:?} {n}");
            assert_eq!(dump(&world), at, "{engine:?}: a look writes nothing");
            let of = identity.begin_import(begin.clone()).wait().unwrap();
            let changed = became.iter().filter(|(v, _)| matches!(v, ListVerdict::New | ListVerdict::Changed)).count() as u64;
            assert_eq!(identity.import(&rows(of), &mut |_| {}).unwrap().changed, changed, "{engine:?} {n}");
            assert_eq!(told(&identity.imported_rows(of, i64::MIN, 200).unwrap()), expected(&became), "{engine:?} {n}");
            let compared = identity.compare_import(&rows(of), &mut |_| {}).unwrap();
            let broken = became.iter().filter(|(v, _)| *v == ListVerdict::Broken).count();
            assert_eq!((compared.rows as usize, compared.left_out as usize), (became.len() - broken, broken), "{engine:?} {n}");
            assert!(compared.agrees() && compared.differing.is_empty(), "{engine:?} {n}: {compared:?}");
            let said = format!("{:?}", identity.imported_rows(of, i64::MIN, 200).unwrap());
            assert!(!said.contains(&person(0).number) && !said.contains("E1234"), "verdicts repeat nothing of the rows: {said}");
            // The same list again, as after a cut.
            assert_eq!(identity.begin_import(begin).wait().unwrap(), of);
            assert_eq!(identity.import(&rows(of), &mut |_| {}).unwrap().changed, changed, "{engine:?} {n}: told as before");
            let again = identity.examine_import(&rows(of), &mut |_| {}).unwrap();
            let good = again.iter().zip(&became).filter(|(_, (became, _))| *became != ListVerdict::Broken);
            let all_there = good.into_iter().all(|(again, _)| again.verdict == ListVerdict::Duplicate);
            assert!(all_there, "{engine:?} {n}: all good rows are there as in the list: {again:?}");
            begun.push(of);
        }
        let last_of_2025 = Some(Timestamp::parse("2026-01-01T00:00:00+08:00").unwrap());
        let (of_0, of_1, of_2, holder) = known(&world);
        assert_eq!(of_0, [(Role::TaxHandler, None, false)], "{engine:?}");
        assert_eq!(of_1, [(Role::FinanceOfficer, last_of_2025, true)], "{engine:?}: the last day is part of it");
        assert_eq!(of_2, [(Role::LegalRepresentative, last_of_2025, true)], "{engine:?}: what has ended stays ended");
        assert_eq!(holder, Some(world.taxpayers[0]), "{engine:?}");
        let card = card_through(&world, world.taxpayers[0], SourceChannel::ALL[0]);
        assert_eq!(value(&card.enterprise.name), company(1).name, "{engine:?}: an officer sees what was imported");

        for of in begun.iter().rev() {
            identity.take_back_import(*of, &mut |_| {}).unwrap();
        }
        assert_eq!(known(&world), before, "{engine:?}");
        // As before, but for the versions of rows that were changed and changed back.
        assert_eq!(tables(dump(&world)).len(), tables(nothing).len(), "{engine:?}");
        let listed_before = |line: &String| line.contains("\"roster_entry\"") && line.contains("吉税发〔2025〕1号");
        assert!(dump(&world).iter().any(listed_before), "{engine:?}");
        assert_eq!(world.recount(), Vec::<String>::new());
        assert_eq!(world.seal().finding, None, "{engine:?}");
        let anew = another(&world, 0);
        let said = Listed::Relation(relation_row("办税员", 0, "2026-01-01", ""));
        assert_eq!(identity.import(&[ImportRow { of: anew, line: 2, said }], &mut |_| {}).unwrap().changed, 1, "{engine:?}");
    }
}

/// Whoever owns the database changes each thing an import wrote, one at a time: the list beside it shows which line.
#[test]
fn a_row_that_was_tampered_with_shows_beside_its_list() {
    let world = World::new(Engine::Sqlite);
    known_before(&world);
    let system = world.core.as_system();
    let identity = system.identity();
    let full = NewTaxpayer { registration_seq: Some("10012".into()), external_id: Some("吉-700".into()), ..person(700) };
    let of_person =
        |role| Listed::Relation(ListedRelation { external_id: "吉-r".into(), ..relation_row(role, 700, "2026-01-01", "2026-12-31") });
    let finding = ListedRealName {
        person: person(700).number,
        state: "已认证".into(),
        level: "人脸核验".into(),
        channel: "办税服务厅".into(),
        found_at: "2026-03-02".into(),
    };
    let on = ListedRosterEntry {
        enterprise: company(1).number,
        roster: "大企业".into(),
        starts_at: "2026-01-01".into(),
        ends_at: "2026-12-31".into(),
        document: "文".into(),
    };
    let former = ListedFormerNumber { taxpayer: person(700).number, number_kind: "护照".into(), number: "E7654321".into() };
    let by_old_number = NewTaxpayer { number_kind: Some(NumberKind::Passport), number: "E7654321".into(), ..full.clone() };
    let lists = [
        vec![listed(&full), listed(&person(701))],
        vec![of_person("办税员")],
        vec![Listed::RealName(finding)],
        vec![Listed::RosterEntry(on)],
        vec![Listed::FormerNumber(former)],
        vec![listed(&by_old_number)],
    ];
    let mut given = Vec::new();
    for (n, list) in (1..).zip(lists) {
        let of = another(&world, n);
        let rows: Vec<_> = (2..).zip(list).map(|(line, said)| ImportRow { of, line, said }).collect();
        identity.import(&rows, &mut |_| {}).unwrap();
        given.push(rows);
    }
    let differing = || -> Vec<(usize, i64)> {
        let all = given.iter().map(|rows| identity.compare_import(rows, &mut |_| {}).unwrap());
        let told = all.enumerate().map(|(n, compared)| {
            assert_eq!(compared.agrees(), compared.differing.is_empty());
            compared.differing.into_iter().map(move |line| (n, line))
        });
        told.flatten().collect()
    };
    assert_eq!(differing(), []);
    let raw = rusqlite::Connection::open(world.keep.path().unwrap()).unwrap();
    let of_all = "(SELECT external_id FROM taxpayer t WHERE t.id = taxpayer.id) = '吉-700'";
    for (table, change, whose, shows) in [
        ("taxpayer", "registration_seq = '10013'", of_all, vec![(0, 2), (5, 2)]),
        ("taxpayer", "external_id = '吉-701'", of_all, vec![(0, 2), (5, 2)]),
        ("taxpayer", "authority = substr(authority, 1, 11)", of_all, vec![(0, 2), (5, 2)]),
        ("taxpayer", "phone = NULL", of_all, vec![(0, 2), (5, 2)]),
        ("taxpayer", "name = number", of_all, vec![(0, 2), (5, 2)]),
        ("taxpayer", "number = (SELECT o.number FROM taxpayer o WHERE o.id <> taxpayer.id LIMIT 1)", of_all, vec![(0, 2)]),
        ("relation", "ends_at = ends_at + 1", "external_id = '吉-r'", vec![(1, 2)]),
        ("relation", "ends_at = NULL", "external_id = '吉-r'", vec![(1, 2)]),
        ("relation", "released = 1", "external_id = '吉-r'", vec![(1, 2)]),
        ("relation", "role = 'tax_agent'", "external_id = '吉-r'", vec![(1, 2)]),
        ("relation", "external_id = '吉-s'", "external_id = '吉-r'", vec![(1, 2)]),
        ("real_name", "level = 'in_person'", "channel = 'hall'", vec![(2, 2)]),
        ("real_name", "state = 'lapsed'", "channel = 'hall'", vec![(2, 2)]),
        ("real_name", "found_at = found_at + 1", "channel = 'hall'", vec![(2, 2)]),
        ("roster_entry", "document = '他'", "document = '文'", vec![(3, 2)]),
        ("roster_entry", "ends_at = NULL", "document = '文'", vec![(3, 2)]),
        ("former_number", "number = x'00'", "1", vec![(4, 2), (5, 2)]),
        ("former_number", "kind = 'taiwan_permit'", "1", vec![(4, 2), (5, 2)]),
    ] {
        raw.execute_batch(&format!("CREATE TABLE as_it_was AS SELECT * FROM {table}; UPDATE {table} SET {change} WHERE {whose};")).unwrap();
        assert_eq!(differing(), shows, "{table}: {change}");
        raw.execute_batch(&format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM as_it_was; DROP TABLE as_it_was;")).unwrap();
        assert_eq!(differing(), [], "{table}: put back after {change}");
    }
}

#[test]
fn what_was_said_anew_since_is_not_taken_back_nor_people_of_whom_something_is_said() {
    for engine in ENGINES {
        let world = World::new(engine);
        known_before(&world);
        let system = world.core.as_system();
        let identity = system.identity();
        let begin = |batch: u8| another(&world, batch);
        let one = |of, said| identity.import(&[ImportRow { of, line: 2, said }], &mut |_| {}).unwrap();
        let (people, relations, later) = (begin(1), begin(2), begin(3));
        one(people, listed(&person(700)));
        let of = |ends_at: &str| Listed::Relation(relation_row("办税员", 700, "2026-01-01", ends_at));
        one(relations, of(""));
        let refused = identity.take_back_import(people, &mut |_| {}).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ImportInUse(2)), "{engine:?}: they act for somebody");
        // Another list ends it: that one is taken back first.
        one(later, of("2026-06-30"));
        let before = dump(&world);
        let refused = identity.take_back_import(relations, &mut |_| {}).unwrap_err();
        assert_eq!(refused, Error::Refused(Refusal::ImportInUse(2)), "{engine:?}");
        assert_eq!(dump(&world), before, "{engine:?}");
        for of in [later, relations, people] {
            assert_eq!(identity.take_back_import(of, &mut |_| {}).unwrap().changed, 1, "{engine:?}");
        }
        assert_eq!(identity.find_by_number(&person(700).number).unwrap(), None, "{engine:?}");
    }
}

#[test]
fn a_list_has_a_name_and_no_more_rows_than_a_list_may_have() {
    let world = World::new(Engine::Memory);
    let begin = |name: &str, rows: i64| {
        let cmd = BeginImport { batch: LIST, name: name.into(), rows, given: None };
        world.core.as_system().identity().begin_import(cmd).wait()
    };
    let most = limits::BULK_ROWS_MAX as i64;
    assert_eq!(begin(" ", 1).unwrap_err(), Error::invalid("name", Problem::Empty));
    assert_eq!(begin("名", most + 1).unwrap_err(), Error::invalid("rows", Problem::OutOfRange { min: 0, max: most }));
    begin("名", most).unwrap();
    let id = |chars: usize| NewTaxpayer { external_id: Some("号".repeat(chars)), ..person(30) };
    let of = begun(&world, 2);
    let rows = rows_of(of, &[id(limits::EXTERNAL_ID_CHARS_MAX), id(limits::EXTERNAL_ID_CHARS_MAX + 1)]);
    let told = world.core.as_system().identity().examine_import(&rows, &mut |_| {}).unwrap();
    assert_eq!(told.iter().map(|v| v.verdict).collect::<Vec<_>>(), [ListVerdict::New, ListVerdict::Broken]);
}

fn dump(world: &World) -> Vec<String> {
    lines(&**world.core.store())
}
