//! Claims under rivalry: strict order, each conversation once, nobody over capacity; on one host and on two.

use std::collections::BTreeSet;

use zhengna_core::audit::AuditAsked;
use zhengna_core::error::Refusal;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{Claim, Enter, Longer, OpenLine, Prioritise, Transfer, TransferTo};
use zhengna_core::journal::EventKind;
use zhengna_core::{Core, Error, limits};
use zhengna_tests::world::{ENGINES, Engine, Keep, NANGUAN, World, code, core_over, settle};

const OFFICERS: usize = 8;
const TAXPAYERS: usize = 20;
const CAPACITY: usize = 3;

#[test]
fn rivals_take_each_conversation_once_first_in_first_out_within_their_capacity() {
    for engine in ENGINES {
        let keep = Keep::fresh(engine);
        let (core, clock) = core_over(keep.open(), 7);
        let world = World::furnish(core, clock, keep, OFFICERS, TAXPAYERS).unwrap();
        // On PostgreSQL a second host on the same database.
        let second = if engine == Engine::Postgres { core_over(world.keep.open(), 8).0 } else { world.core.clone() };
        let hosts: [&Core; 2] = [&world.core, &second];
        // They enter all at once, on both hosts: the ticket is the order.
        let enter = Enter::new(world.line, "问");
        let mut entered: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..TAXPAYERS)
                .map(|n| {
                    let session = hosts[n % 2].as_actor(world.taxpayer(n).actor().clone());
                    let enter = enter.clone();
                    scope.spawn(move || session.interaction().enter(enter).wait().unwrap())
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        entered.sort_by_key(|e| e.ticket);
        assert!(entered.iter().map(|e| e.ticket).eq(1..=TAXPAYERS as i64), "{engine:?}: tickets without gaps");
        // Two windows of each officer claim until they may not, or nobody waits.
        let taken: Vec<(usize, Vec<i64>)> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..OFFICERS * 2)
                .map(|n| {
                    let session = hosts[n % 2].as_actor(world.officer(n / 2).actor().clone());
                    let line = world.line;
                    scope.spawn(move || {
                        let mut mine = Vec::new();
                        loop {
                            match session.interaction().claim(Claim { line }).wait() {
                                Ok(claimed) => mine.push(claimed.ticket),
                                Err(Error::Refused(Refusal::AtCapacity(_) | Refusal::NobodyWaiting)) => return (n / 2, mine),
                                // Beaten too often in a row: nothing was done, so try again.
                                Err(Error::Store(zhengna_core::store::StoreError::Conflict)) => {}
                                Err(e) => panic!("{e:?}"),
                            }
                        }
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let all: Vec<i64> = taken.iter().flat_map(|(_, tickets)| tickets.clone()).collect();
        let once: BTreeSet<i64> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len(), "{engine:?}: nobody is served twice");
        // 24 places for 20 people: all are served, so the smallest tickets are, whoever took them.
        assert_eq!(once.len(), TAXPAYERS.min(OFFICERS * CAPACITY), "{engine:?}");
        for (_, tickets) in &taken {
            assert!(tickets.is_sorted(), "{engine:?}: each window saw the line move forward only: {tickets:?}");
        }
        for officer in 0..OFFICERS {
            let held: usize = taken.iter().filter(|(who, _)| *who == officer).map(|(_, tickets)| tickets.len()).sum();
            assert!(held <= CAPACITY, "{engine:?}: officer {officer} holds {held}");
        }
        let differences = || world.core.recount().unwrap();
        let began = std::time::Instant::now();
        while !differences().is_empty() && began.elapsed().as_secs() < 10 {} // the projection follows the other host
        assert_eq!(differences(), Vec::<String>::new(), "{engine:?}");
    }
}

#[test]
fn whoever_is_let_first_is_served_first_and_the_others_keep_their_order() {
    for engine in ENGINES {
        let world = World::new(engine);
        let entered: Vec<_> = (0..5).map(|n| world.entered(n).conversation).collect();
        let supervisor = world.session_of(world.supervisor);
        for late in [4, 3] {
            let first = Prioritise { conversation: entered[late], reason: "行动不便".into() };
            supervisor.interaction().prioritise(first).wait().unwrap();
        }
        let ahead = |n: usize| {
            let began = std::time::Instant::now();
            loop {
                let ahead = world.taxpayer(n).interaction().position(entered[n]).unwrap().ahead;
                // On PostgreSQL the projection follows the journal a moment behind.
                if engine != Engine::Postgres || ahead == Some([2, 3, 4, 0, 1][n]) || began.elapsed().as_secs() > 10 {
                    return ahead;
                }
            }
        };
        assert_eq!((0..5).map(ahead).collect::<Vec<_>>(), [Some(2), Some(3), Some(4), Some(0), Some(1)], "{engine:?}");
        let first = world.taxpayer(2).interaction().position(entered[2]).unwrap().first;
        assert_eq!(first, Some(2), "{engine:?}: whoever is behind sees why they are");
        let order = [3, 4, 0, 1, 2];
        for (i, n) in order.into_iter().enumerate() {
            let claimed = world.officer(i / 3).interaction().claim(Claim { line: world.line }).wait().unwrap();
            assert_eq!(claimed.conversation, entered[n], "{engine:?}");
        }
        let denied = world.officer(0).interaction().prioritise(Prioritise { conversation: entered[0], reason: "朋友".into() }).wait();
        assert!(matches!(denied.unwrap_err(), Error::Denied { .. }), "whoever serves may not decide who goes first");
        let late = supervisor.interaction().prioritise(Prioritise { conversation: entered[0], reason: "晚了".into() }).wait();
        assert_eq!(late.unwrap_err(), Error::Refused(Refusal::AlreadyServed));
    }
}

/// Who waits is moved back by what is kept with who did it and why, and by nothing else; and they are told so.
#[test]
fn every_step_back_in_line_has_its_record_in_the_trail() {
    for engine in ENGINES {
        let world = World::new(engine);
        let waits = world.entered(0).conversation;
        let other = world.core.as_system().interaction().open_line(OpenLine::new("退税", code(NANGUAN))).wait().unwrap().line;
        let elsewhere = world.taxpayer(3).interaction().enter(Enter::new(other, "问")).wait().unwrap().conversation;
        let there = world.taxpayer(3).interaction().position(elsewhere).unwrap();
        let late = world.entered(1).conversation;
        world.seal();
        let (place, records) = (|| world.taxpayer(0).interaction().position(waits).unwrap(), || records(&world));
        let (mut before, mut known) = (place(), records().len());
        assert_eq!(before.ahead, Some(0), "{engine:?}");
        let mut moved_back_by = |ahead: u32, operation: &str, who: ConversationId| {
            let after = settle(&world.core, |_| place(), |p| p.ahead == Some(ahead));
            assert_eq!(after.told_after(&before).longer, Some(Longer::OthersFirst), "{engine:?}: {operation}");
            let all = records();
            let since = &all[known..];
            let of_it = since.iter().filter(|(of, subject)| of == operation && subject.contains(&who.to_string()));
            assert_eq!(of_it.count(), 1, "{engine:?}: {since:?}");
            (before, known) = (after, all.len());
        };
        let first = Prioritise { conversation: late, reason: "行动不便".into() };
        world.session_of(world.supervisor).interaction().prioritise(first).wait().unwrap();
        moved_back_by(1, "interaction.prioritise", late);
        // One who was served in another line.
        let officer = world.officer(0);
        officer.interaction().claim(Claim { line: other }).wait().unwrap();
        officer.interaction().transfer(Transfer::new(elsewhere, TransferTo::Line(world.line), "请看")).wait().unwrap();
        moved_back_by(2, "interaction.transfer", elsewhere);
        // Of another line nothing is compared.
        let here = settle(&world.core, |_| world.taxpayer(3).interaction().position(elsewhere).unwrap(), |p| p.ahead == Some(1));
        assert_eq!((here.ahead, here.told_after(&there).longer), (Some(1), None), "{engine:?}");
        // Others who come move nobody back.
        world.entered(2);
        world.entered(4);
        assert_eq!(place().told_after(&before).longer, None, "{engine:?}");
    }
}

/// Operation and subject of every record of the trail.
fn records(world: &World) -> Vec<(String, String)> {
    world.seal();
    let trail = world.core.as_system().audit().read(AuditAsked::behind(0, limits::PAGE_ROWS_MAX)).wait().unwrap();
    trail.items.into_iter().map(|entry| (entry.operation, entry.subject)).collect()
}

/// On PostgreSQL a transaction has its place in the journal from its first lock on. A claim that waits for its line while somebody
/// enters takes them, and must stand behind them: else their socket, which learns of the conversation by the entry, is never told.
#[test]
fn whoever_is_claimed_by_one_who_waited_stands_in_the_journal_as_entered_before() {
    let world = World::new(Engine::Postgres);
    let Keep::Database(database) = &world.keep else { panic!("a database") };
    let connect = || postgres::Client::connect(database.url(), postgres::NoTls).unwrap();
    let (mut outside, mut observer) = (connect(), connect());
    let mut until_waiting = |wanted: i64| {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let began = std::time::Instant::now();
        while observer.query_one(sql, &[]).unwrap().get::<_, i64>(0) != wanted {
            assert!(began.elapsed().as_secs() < 10, "{wanted} never waited");
        }
    };
    let before = world.core.journal_end().unwrap();
    outside.batch_execute("BEGIN; SELECT FROM line FOR UPDATE").unwrap();
    let entered = world.taxpayer(0).interaction().enter(world.enter());
    until_waiting(1);
    let claimed = world.officer(0).interaction().claim(Claim { line: world.line });
    until_waiting(2);
    outside.batch_execute("ROLLBACK").unwrap();
    assert_eq!(entered.wait().unwrap().conversation, claimed.wait().unwrap().conversation);
    let events = settle(&world.core, |core| core.journal_after(before, 100).unwrap(), |events| events.len() == 6);
    let kinds: Vec<EventKind> =
        events.iter().map(|e| e.kind).filter(|kind| !matches!(kind, EventKind::LineEntered | EventKind::LineMoved)).collect();
    assert_eq!(kinds, [EventKind::Entered, EventKind::Entered, EventKind::Claimed, EventKind::Claimed]);
}
