//! Every operation that writes, struck by every kind of fault at its first, second, third... storage call until a
//! run finishes untouched. After each fault: nothing or everything was done, as the answer says; what is kept in
//! memory equals the rows; the audit trail is whole; and doing it again with the same key completes it once.

mod cast;
mod driven;

use zhengna_core::Error;
use zhengna_core::operation::{self, Class, OPERATIONS};
use zhengna_core::store::StoreError;
use zhengna_core::store::fault::{FAULTS, Fault, INJECTED, Repeat};
use zhengna_tests::faults::Rows;
use zhengna_tests::world::Engine;

use cast::Cast;
use driven::{Again, DRIVEN, Driven, EXCEPTIONS};

#[test]
fn every_operation_that_writes_is_struck_or_named_as_an_exception() {
    for o in OPERATIONS.iter().filter(|o| matches!(o.class, Class::Command | Class::Bulk | Class::Ingest | Class::AuditedQuery)) {
        let struck = DRIVEN.iter().any(|d| d.operation == *o);
        let excepted = EXCEPTIONS.iter().any(|(name, why)| *name == o.name && !why.is_empty());
        assert!(struck != excepted, "{}: add it to DRIVEN, or to EXCEPTIONS with the reason, and not to both", o.name);
    }
}

/// What holds at any time.
fn check(cast: &Cast, at: &str) {
    assert_eq!(cast.stage.world.recount(), Vec::<String>::new(), "{at}: memory differs from the rows");
    assert_eq!(cast.stage.world.seal().finding, None, "{at}: the trail is broken");
}

fn expected_error(error: &Error) -> bool {
    match error {
        Error::Store(StoreError::Backend(said)) => said == INJECTED || said == "nothing ran",
        Error::Store(StoreError::Unknown(said)) => said == INJECTED,
        Error::Store(StoreError::Panicked) => true,
        _ => false,
    }
}

/// Strikes one operation at one call; says whether the call was reached.
fn strike(cast: &Cast, driven: &Driven, whole: &Whole, (fault, repeat): (Fault, Repeat), k: u64, n: u64) -> bool {
    let at = format!("{} struck {fault:?} {repeat:?} at call {k}", driven.operation.name);
    let deed = (driven.prepare)(cast, n);
    let before = cast.stage.rows();
    cast.stage.faults.arm(fault, k, repeat);
    let answer = deed();
    let report = cast.stage.faults.disarm();
    let after = cast.stage.rows();
    let changed = after != before;
    match &answer {
        Ok(()) => assert_eq!(after.since(&before), whole.0, "{at}: answered as done"),
        Err(error) => {
            assert!(expected_error(error), "{at}: {error}");
            let unknown = matches!(error, Error::Store(StoreError::Unknown(_)));
            assert!(!changed || unknown || driven.again == Again::Steps, "{at}: said {error:?}, and yet something changed");
            if changed && driven.again != Again::Steps {
                assert_eq!(after.since(&before), whole.0, "{at}: half done");
            }
        }
    }
    let unfinished = match driven.again {
        Again::Harmless => true,
        Again::Another => !changed,
        Again::Steps => after.since(&before) != whole.0,
    };
    if unfinished {
        deed().unwrap_or_else(|e| panic!("{at}: doing it again: {e}"));
    }
    assert_eq!(cast.stage.rows().since(&before), whole.0, "{at}: done once, whatever happened on the way");
    check(cast, &at);
    report.struck
}

/// Tables of rows that carry a hash (`core/src/access/integrity.rs`).
const SEALED: &[&str] = &[
    "access_grant",
    "approval",
    "approval_delegation",
    "approval_rule",
    "approval_vote",
    "authority",
    "control_rule",
    "post",
    "separation",
];

/// What the whole deed adds and removes, per table.
struct Whole(std::collections::BTreeMap<&'static str, i64>);

fn untouched(cast: &Cast, driven: &Driven) -> Whole {
    // Once for what is made at the first use, such as a series.
    (driven.prepare)(cast, 0)().unwrap_or_else(|e| panic!("{} without a fault: {e}", driven.operation.name));
    let deed = (driven.prepare)(cast, 1);
    let before = cast.stage.rows();
    deed().unwrap_or_else(|e| panic!("{} without a fault: {e}", driven.operation.name));
    let after: Rows = cast.stage.rows();
    assert!(after != before, "{} changed nothing", driven.operation.name);
    let whole = after.since(&before);
    // The idle deeds end in CLOSE_IDLE; forgetting keys is housekeeping to its end.
    let audited = driven.operation.audited || driven.again == Again::Steps && driven.operation != &operation::FORGET_KEYS;
    // Each row that says who may do what leaves a record of its own beside the deed's.
    let records = i64::from(audited) + after.written(&before, SEALED);
    assert_eq!(whole.get("audit_record").copied().unwrap_or(0), records, "{}: audit records", driven.operation.name);
    Whole(whole)
}

/// More calls than any operation makes.
const CALLS_MAX: usize = 500;

/// Every call of every operation of `share`.
fn strike_all(engine: Engine, share: usize, shares: usize, step: u64) {
    let modes = || FAULTS.map(|fault| (fault, Repeat::Once)).into_iter().chain([(Fault::Before, Repeat::Sticky)]);
    for driven in DRIVEN.iter().skip(share).step_by(shares) {
        let mut staged = None;
        for (mode, n) in modes().zip((1..).step_by(CALLS_MAX)) {
            // A database of PostgreSQL takes long to make; in the others all is read before and after each strike, and small ones are faster.
            let (cast, whole) = match staged.take().filter(|_| engine == Engine::Postgres) {
                Some(staged) => staged,
                None => {
                    let cast = Cast::on(engine);
                    let whole = untouched(&cast, driven);
                    (cast, whole)
                }
            };
            let mut k = 1;
            loop {
                assert!(k < CALLS_MAX as u64, "{} never ends", driven.operation.name);
                if !strike(&cast, driven, &whole, mode, k, n + k) {
                    break;
                }
                k += step;
            }
            assert!(k > 2, "{}: only {k} calls were counted", driven.operation.name);
            staged = Some((cast, whole));
        }
    }
}

#[test]
fn memory() {
    strike_all(Engine::Memory, 0, 1, 1);
}

#[test]
fn sqlite_first_half() {
    strike_all(Engine::Sqlite, 0, 2, 1);
}

#[test]
fn sqlite_second_half() {
    strike_all(Engine::Sqlite, 1, 2, 1);
}

#[test]
fn postgres_at_every_ninth_call_first_half() {
    strike_all(Engine::Postgres, 0, 2, 9);
}

#[test]
fn postgres_at_every_ninth_call_second_half() {
    strike_all(Engine::Postgres, 1, 2, 9);
}
