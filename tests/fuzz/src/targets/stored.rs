//! What is read back from storage: rows, dumps, checkpoints, remembered answers, and notes from other hosts.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zhengna_core::access::{
    Bootstrapped, FactorConfirmed, FactorEnrolled, FactorReset, GrantEnded, Granted, LeaveRecorded, OfficerAdded, PasswordSet, PostAdded,
    ProviderOutcome, SignInOutcome, SignedIn, SignedOut, TicketIssued, Unlinked,
};
use zhengna_core::appeal::{AppealAnswered, AppealFiled, ChannelSet, CollectionBegun};
use zhengna_core::approval::{Decided, Delegated, DelegationEnded, Opened};
use zhengna_core::audit::{Checkpoint, Checkpointed, Sealed};
use zhengna_core::control::{AlertReviewed, Raised};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::delivery::Settled;
use zhengna_core::grid::GridOfficerAssigned;
use zhengna_core::identity::{ImportBegun, PersonErased, PhoneTaken, RelationReleased};
use zhengna_core::interaction::{
    CallbackRequested, CalledBackLater, CannedReplyPut, Claimed, Closed, Declined, Entered, FollowedUp, Held, Joined, Left, LineOpened,
    Merged, Offered, Prioritised, Rated, Recalled, Recomputed, Reminded, RepliedLate, Returned, Sent, Transferred, Typing, Whispered,
};
use zhengna_core::store::memory::MemoryStore;
use zhengna_core::store::{Kind, Store, StoreError, Value, dump as dumps, reread, tables};
use zhengna_core::{Error, Timestamp, crypto};

use super::text::empty_core;
use super::{Bytes, lossy};
use crate::secrecy::repeats_nothing;

/// First byte: which table. Then the columns, mostly of the kind that the table declares.
pub(super) fn row(data: &[u8]) {
    let mut bytes = Bytes(data);
    let tables = tables();
    let table = tables[usize::from(bytes.u8()) % tables.len()];
    let row: Vec<Value> = table.columns.iter().map(|column| value(&mut bytes, column.kind)).collect();
    let Some(read) = reread(table.name, row.clone()) else { return }; // postings are written, never read as a type
    match read {
        Ok(again) => assert_eq!(again, row, "{} is written as it was read", table.name),
        Err(StoreError::Corrupt(why)) => {
            assert!(why.starts_with(table.name) && why.len() < 200, "{why}");
            for value in &row {
                if let Value::Text(text) = value {
                    repeats_nothing(&why, text, "");
                }
            }
        }
        Err(e) => panic!("a row that does not fit is corrupt, not {e}"),
    }
    let short: Vec<Value> = row.iter().skip(1).cloned().collect();
    assert!(matches!(reread(table.name, short), Some(Err(StoreError::Corrupt(_)))));
}

fn value(bytes: &mut Bytes<'_>, declared: Kind) -> Value {
    let how = bytes.u8();
    let kind = match how % 8 {
        0 => return Value::Null,
        1 => Kind::Int,
        2 => Kind::Text,
        3 => Kind::Bytes,
        _ => declared,
    };
    match kind {
        Kind::Int => Value::Int(if how < 128 { i64::from(bytes.u8()) } else { bytes.i64() }),
        Kind::Text => {
            let length = usize::from(bytes.u8() % 40);
            Value::Text(lossy(bytes.take(length)).into_owned().into())
        }
        Kind::Bytes => {
            let length = [16, 17, 32, usize::from(how) / 4][usize::from(how / 16 % 4)];
            let mut taken = bytes.take(length).to_vec();
            taken.resize(length, how);
            Value::Bytes(taken.into())
        }
    }
}

pub(super) const DUMP_WORDS: &[&str] = &[
    "\n",
    "{\"row\":{\"table\":\"",
    "series",
    "authority",
    "conversation",
    "message",
    "journal",
    "audit_record",
    "audit_link",
    "idempotency",
    "\"values\":[",
    "{\"hex\":\"",
    "\"}",
    "null",
    "9223372036854775807",
    "{\"zhengna\":{\"format\":1,\"schema\":1}}",
    "{\"end\":{\"rows\":1,\"sm3\":\"",
];

fn restored(lines: &[String]) -> (Arc<dyn Store>, Result<u64, Error>) {
    let store: Arc<dyn Store> = MemoryStore::new(PROJECTIONS);
    let outcome = dumps::restore(&*store, || Ok(lines.iter().cloned().map(Ok::<_, io::Error>)));
    (store, outcome)
}

fn dumped(store: &dyn Store) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let put = lines.clone();
    dumps::dump(store, move |line| {
        put.lock().expect("nothing panics here").push(line.to_owned());
        Ok(())
    })
    .expect("a store in memory can be dumped");
    std::mem::take(&mut *lines.lock().expect("nothing panics here"))
}

/// A dump around rows: head and end as they must be.
fn whole(rows: &[&str]) -> Vec<String> {
    static HEAD: OnceLock<String> = OnceLock::new();
    let head = HEAD.get_or_init(|| dumped(&*MemoryStore::new(PROJECTIONS))[0].clone());
    let mut lines = vec![head.clone()];
    lines.extend(rows.iter().map(|&row| row.to_owned()));
    let sum = lines.iter().fold([0; 32], |sum, line| crypto::sm3(&[&sum, line.as_bytes()]));
    lines.push(format!("{{\"end\":{{\"rows\":{},\"sm3\":\"{}\"}}}}", rows.len(), crypto::hex(&sum)));
    lines
}

/// First byte: a dump as it is, one around these rows, or one that was altered afterwards.
pub(super) fn dump(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (how, text) = (bytes.u8(), lossy(bytes.0));
    let rows: Vec<&str> = text.lines().filter(|l| !l.is_empty()).collect();
    let lines = match how % 3 {
        0 => text.lines().map(str::to_owned).collect(),
        1 => whole(&rows),
        _ => {
            let mut lines = whole(&rows);
            // Not the last line: blanks behind the sum change nothing.
            let at = usize::from(how) % (lines.len() - 1);
            match how / 3 % 4 {
                0 => drop(lines.remove(at)),
                1 => lines[at].push(' '),
                2 => lines.insert(at.max(1), "{\"row\":{\"table\":\"series\",\"values\":[\"x\",1,0]}}".into()),
                _ => lines.truncate(at),
            }
            let (store, outcome) = restored(&lines);
            assert!(outcome.is_err(), "an altered dump was restored");
            assert_eq!(dumped(&*store).len(), 2, "something of an altered dump was restored");
            return;
        }
    };
    let (store, outcome) = restored(&lines);
    match outcome {
        Ok(rows) => {
            assert_eq!(rows as usize, lines.len() - 2);
            let first = dumped(&*store);
            let (again, outcome) = restored(&first);
            assert_eq!(outcome, Ok(first.len() as u64 - 2), "what is dumped can be restored");
            assert_eq!(dumped(&*again), first);
        }
        Err(e) => {
            assert!(!matches!(e, Error::Store(StoreError::Panicked)), "restoring panicked");
            assert!(matches!(e, Error::Store(_)), "{e}");
            assert!(e.to_string().len() < 600, "an error as long as its cause: {e}");
            if matches!(e, Error::Store(StoreError::Corrupt(_) | StoreError::Newer { .. })) {
                assert_eq!(dumped(&*store).len(), 2, "{e}, yet something was restored");
            }
        }
    }
}

pub(super) fn checkpoint_line(data: &[u8]) {
    let given = lossy(data);
    if let Some(checkpoint) = Checkpoint::from_line(&given) {
        let line = checkpoint.to_line();
        assert_eq!(Checkpoint::from_line(&line).as_ref(), Some(&checkpoint));
        assert!(given.to_ascii_lowercase().contains(&crypto::hex(&checkpoint.hash)));
        let mut later = checkpoint.clone();
        later.at = Timestamp::from_micros(checkpoint.at.micros() ^ 1);
        assert_ne!(later.message(), checkpoint.message(), "every field is signed");
    }
}

/// A remembered answer is read as the type it was written from.
pub(super) fn remembered(data: &[u8]) {
    fn answer<A: Serialize + DeserializeOwned>(text: &str) {
        if let Ok(answer) = serde_json::from_str::<A>(text) {
            let written = serde_json::to_string(&answer).expect("answers are JSON");
            let again: A = serde_json::from_str(&written).expect("what is remembered is read back");
            assert_eq!(serde_json::to_string(&again).expect("answers are JSON"), written);
        }
    }
    let given = lossy(data);
    macro_rules! answers {
        ($($Answer:ty),* $(,)?) => {$(answer::<$Answer>(&given);)*};
    }
    answers! {
        Claimed, Closed, Decided, Entered, Left, LineOpened, Prioritised, Sent, Granted, OfficerAdded, PasswordSet, PostAdded, Opened,
        Delegated, DelegationEnded, GrantEnded, LeaveRecorded,
        SignInOutcome, SignedIn, SignedOut, TicketIssued, ProviderOutcome, Unlinked, PhoneTaken, Bootstrapped, FactorConfirmed, FactorEnrolled, FactorReset, RelationReleased, GridOfficerAssigned, PersonErased, ImportBegun, Checkpointed, Sealed, Settled, bool, u64,
        Raised, AlertReviewed, AppealFiled, AppealAnswered, ChannelSet, CollectionBegun, Recalled, CannedReplyPut, Rated, FollowedUp, Recomputed, CallbackRequested, CalledBackLater, Returned,
        Transferred, Declined, Held, Joined, Merged, Offered, Reminded, RepliedLate, Whispered
    }
}

/// A note from another host changes nothing but who is there and who types.
pub(super) fn whisper(data: &[u8]) {
    static HEARD: OnceLock<Arc<Mutex<Vec<Typing>>>> = OnceLock::new();
    let heard = HEARD.get_or_init(|| {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let put = heard.clone();
        empty_core().on_typing(move |typing| put.lock().expect("nothing panics here").push(typing.clone()));
        heard
    });
    let given = lossy(data);
    let before = empty_core().store().signal().count();
    empty_core().store().signal().hear(&given);
    for typing in heard.lock().expect("nothing panics here").drain(..) {
        let written = serde_json::to_string(&typing).expect("typing is JSON");
        assert_eq!(serde_json::from_str::<Typing>(&written).expect("what is whispered is heard"), typing);
    }
    assert_eq!(empty_core().store().signal().count(), before, "a whisper is no commit");
}
