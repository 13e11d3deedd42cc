//! Instants, cursors, ids, words, text that people type.

use std::sync::OnceLock;
use std::time::Duration;

use zhengna_core::access::{ActorKind, AuthorityKind, Permission};
use zhengna_core::agenda::TimerKind;
use zhengna_core::audit::FindingKind;
use zhengna_core::calendar::LegalNumber;
use zhengna_core::control::{AlertState, ControlKind, Verdict, Watch};
use zhengna_core::delivery::DeliveryState;
use zhengna_core::id::{AuditId, ConversationId, DeliveryId, GrantId, LineId, OfficerId, PostId, TaxpayerId, TimerId, millis_of_v7};
use zhengna_core::identity::{PersonalField, TaxpayerKind};
use zhengna_core::interaction::{ConversationState, Outcome, SourceChannel};
use zhengna_core::journal::{Cursor, EventKind};
use zhengna_core::{Core, Error, Timestamp, crypto, limits};
use zhengna_tests::world::{Engine, Keep, core_over};

use super::{Bytes, lossy};
use crate::secrecy::{repeats_nothing, turns_text};

pub(super) fn timestamp(data: &[u8]) {
    let given = lossy(data);
    let json = serde_json::to_string(&given).expect("a string");
    let read = Timestamp::parse(&given);
    assert_eq!(serde_json::from_str::<Timestamp>(&json).ok(), read);
    if let Some(at) = read {
        let text = at.rfc3339();
        assert!(text.ends_with("+08:00") && text.len() == 32, "{text}");
        assert_eq!(Timestamp::parse(&text), Some(at), "what is written is read back");
        assert_eq!(serde_json::from_value::<Timestamp>(serde_json::to_value(at).expect("a string")).ok(), Some(at));
    }
    // Any instant can be computed with and shown.
    let mut bytes = Bytes(data);
    let (at, other) = (Timestamp::from_micros(bytes.i64()), Timestamp::from_micros(bytes.i64()));
    let by = Duration::from_micros(bytes.i64().unsigned_abs());
    assert!(at.plus(by) >= at && at.minus(by) <= at);
    assert!(at.plus(by).since(at) <= by && at.minus(by).since(at) == Duration::ZERO);
    assert!(at.since(other) == Duration::ZERO || other.since(at) == Duration::ZERO);
    let text = at.rfc3339();
    assert!(Timestamp::parse(&text).is_none_or(|again| again == at), "{text}");
}

pub(super) fn cursor(data: &[u8]) {
    let given = lossy(data);
    match Cursor::parse(&given) {
        Ok(cursor) => {
            let text = cursor.to_string();
            assert!(text.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "no place is negative: {text}");
            assert_eq!(Cursor::parse(&text), Ok(cursor));
            assert_eq!(serde_json::from_value::<Cursor>(text.into()).expect("well formed"), cursor);
            assert!(cursor >= Cursor::default());
        }
        Err(e) => {
            let public = e.public();
            assert_eq!((public.code, public.status, public.field.as_deref()), ("invalid", 422, Some("cursor")));
            repeats_nothing(&format!("{e} {}", public.message), &given, "");
        }
    }
}

pub(super) fn id(data: &[u8]) {
    let given = lossy(data);
    macro_rules! ids {
        ($($Id:ident)*) => {$({
            let read = $Id::parse(&given);
            let json = serde_json::to_string(&given).expect("a string");
            let deserialised = serde_json::from_str::<$Id>(&json);
            match read {
                Some(id) => {
                    assert_eq!(id.to_string(), given.to_ascii_lowercase());
                    assert_eq!($Id::parse(&id.to_string()), Some(id));
                    assert_eq!(deserialised.expect("well formed"), id);
                    assert_eq!($Id::from_uuid(id.uuid()), id);
                    assert!(millis_of_v7(&id.uuid()).is_none_or(|ms| (0..1 << 48).contains(&ms)));
                }
                None => repeats_nothing(&deserialised.expect_err("as parse says").to_string(), &given, "0192f3a4-0000-7000-8000-000000000000"),
            }
        })*};
    }
    ids! { TaxpayerId OfficerId PostId GrantId LineId ConversationId AuditId TimerId DeliveryId }
}

/// Every word that is stored or sent.
pub(super) const WORDS: &[&str] = &[
    "person",
    "name",
    "conversation.idle",
    "message.sent",
    "message.recalled",
    "conversation.rated",
    "parked",
    "waiting",
    "web",
    "resolved",
    "altered",
    "serve_taxpayers",
    "officer",
    "county",
];

pub(super) fn word(data: &[u8]) {
    let given = lossy(data);
    macro_rules! words {
        ($($Word:ident)*) => {$(
            let read = $Word::parse(&given);
            assert_eq!(read.map($Word::as_str), read.map(|_| &*given), "a word is itself");
            assert_eq!(serde_json::from_value::<$Word>(serde_json::Value::String(given.to_string())).ok(), read);
            for word in $Word::ALL {
                assert_eq!($Word::parse(word.as_str()), Some(*word));
            }
        )*};
    }
    words! {
        TaxpayerKind PersonalField TimerKind EventKind DeliveryState ConversationState SourceChannel Outcome FindingKind Permission ActorKind
        AuthorityKind ControlKind Watch AlertState Verdict LegalNumber
    }
}

/// A core with nothing in it.
pub(super) fn empty_core() -> &'static Core {
    static CORE: OnceLock<Core> = OnceLock::new();
    CORE.get_or_init(|| core_over(Keep::fresh(Engine::Memory).open(), 1).0)
}

/// Text that people type, as every command takes it: here an idempotency key.
pub(super) fn given_text(data: &[u8]) {
    let given = lossy(data);
    let invisible = |c: char| matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{00AD}') || turns_text(c);
    let core = given.trim_matches(|c: char| c.is_whitespace() || invisible(c));
    let forges = |c: char| c.is_control() && c != '\n' && c != '\t' || turns_text(c);
    let good = (1..=limits::IDEMPOTENCY_KEY_CHARS_MAX).contains(&core.chars().count()) && !core.chars().any(forges);
    match empty_core().as_system().with_key(&given) {
        Ok(_) => assert!(good, "accepted: {given:?}"),
        Err(e) => {
            assert!(!good, "refused: {given:?}");
            assert!(matches!(&e, Error::Invalid { field, .. } if field == "idempotency_key"));
            assert_eq!(e.public().code, "invalid");
            repeats_nothing(&format!("{e} {}", e.public().message), &given, "");
        }
    }
    // Request ids are cut, not refused.
    let _session = empty_core().as_system().for_request(&given);
}

pub(super) fn hex(data: &[u8]) {
    assert_eq!(crypto::unhex(&crypto::hex(data)).as_deref(), Some(data));
    let given = lossy(data);
    match crypto::unhex(&given) {
        Some(bytes) => assert_eq!(crypto::hex(&bytes), given.to_ascii_lowercase()),
        None => assert!(given.len() % 2 == 1 || !given.bytes().all(|b| b.is_ascii_hexdigit())),
    }
}
