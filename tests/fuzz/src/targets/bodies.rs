//! JSON bodies: every command and answer type of the core, through the reader that every route uses.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zhengna_core::access::{
    AddOfficer, AddPost, Credentials, EndGrant, FactorCode, GrantPost, NewAuthority, PasswordChange, Proof, ProposeChange, RecordLeave,
    ResetFactor, SecondStep, SetPost, TakeEmergencyPost, UnlinkIdentity,
};
use zhengna_core::appeal::{AnswerAppeal, ArrivalRow, BeginCollection, FileAppeal, SetChannel, TakeBackArrival};
use zhengna_core::approval::{Approve, Delegate, EndDelegation, Execute, Reject, Withdraw};
use zhengna_core::audit::AuditAsked;
use zhengna_core::calendar::Draft;
use zhengna_core::control::{ReviewAlert, SetControlRule};
use zhengna_core::grid::AssignGridOfficer;
use zhengna_core::identity::{
    BeginImport, Disclose, ImportRow, NewFormerNumber, NewRealName, NewRelation, NewRosterEntry, NewTaxpayer, ProposeImport,
    ReleaseRelation, RequestDisclosure, RevealOnCard, RevealTaxpayer, TakeBack,
};
use zhengna_core::interaction::{
    AcceptOffer, AnswerFollowUp, AskColleague, Claim, Close, DeclineOffer, DeleteCannedReply, DeleteOwnCannedReply, Enter, Hold, Join,
    Leave, MarkRead, Merge, OpenLine, Prioritise, ProposeLine, PutCannedReply, PutOwnCannedReply, Rate, Recall, Reminders, RequestCallback,
    Resume, RevisitFollowUp, Search, SendMessage, StepOut, Transfer, Typing, Whisper, is_as_exported,
};
use zhengna_server::body::{JsonLimits, from_slice};

use super::Bytes;
use crate::secrecy::repeats_nothing;

/// Pieces of JSON.
pub(super) const WORDS: &[&str] = &[
    "{}",
    "[]",
    "null",
    "true",
    "\"\"",
    "\"",
    ",",
    ":",
    "{\"",
    "\\u0000",
    "\\ud800",
    "\\n",
    "`, expected ",
    "`",
    "\"channel\":\"web\"",
    "\"conversation\":",
    "\"019a0000-0000-7000-8000-000000000001\"",
    "\"line\":",
    "\"topic\":\"",
    "\"text\":\"",
    "\"reason\":\"",
    "\"note\":null",
    "\"outcome\":\"resolved\"",
    "\"number\":1",
    "\"minutes\":5",
    "\"other\":",
    "\"staff_no\":\"22010001\"",
    "\"confirmed\":true",
    "{\"on\":\"message\",\"to\":\"officer\",\"sound\":\"until_seen\",\"popup\":true}",
    "\"authority\":\"12200000000\"",
    "\"permissions\":[\"serve_taxpayers\"]",
    "2026-11-23T08:00:00+08:00",
    "\"change\":{\"working_days\":{\"year\":2027,\"days\":[",
    "\"change\":{\"approval_rule\":{\"matter\":\"grant\",\"rule\":{\"steps\":[",
    "{\"permission\":\"approve_access\",\"votes\":1}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "1e400",
    "-0.0",
    "110101199001011234",
];

/// Codes that the reader of bodies may answer.
const CODES: [&str; 6] = ["body.not_utf8", "body.too_deep", "body.duplicate_key", "body.not_json", "body.invalid", "body.broken"];

fn refusals<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    match from_slice::<T>(body, JsonLimits::default().depth) {
        Ok(value) => Some(value),
        Err(problem) => {
            assert!(problem.status == 400 && CODES.contains(&problem.code), "{problem:?}");
            assert!(problem.field.as_deref().is_none_or(|f| f.chars().count() <= 200), "{problem:?}");
            assert!(problem.detail.chars().count() <= 250, "{problem:?}");
            repeats_nothing(&format!("{} {}", problem.title, problem.detail), &String::from_utf8_lossy(body), "");
            // The reader takes nothing that serde_json would not.
            if let Err(e) = serde_json::from_slice::<T>(body) {
                assert!(!e.to_string().is_empty());
            }
            None
        }
    }
}

fn reads_and_writes<T: Serialize + DeserializeOwned>(body: &[u8]) {
    let Some(value) = refusals::<T>(body) else { return };
    let written = serde_json::to_value(&value).expect("commands are JSON");
    let loose: T = serde_json::from_slice(body).expect("stricter than serde_json, else the same");
    assert_eq!(serde_json::to_value(&loose).expect("commands are JSON"), written);
    let again: T = from_slice(written.to_string().as_bytes(), JsonLimits::default().depth).expect("what is written is read back");
    assert_eq!(serde_json::to_value(&again).expect("commands are JSON"), written);
}

/// First byte: which type. The rest: the body.
pub(super) fn body(data: &[u8]) {
    let mut bytes = Bytes(data);
    let which = bytes.u8();
    let body = bytes.0;
    match which.wrapping_sub(b'a') % 27 {
        0 => {
            refusals::<Credentials>(body);
            refusals::<PasswordChange>(body);
            refusals::<SecondStep>(body);
            refusals::<Proof>(body);
            reads_and_writes::<UnlinkIdentity>(body);
            reads_and_writes::<FactorCode>(body);
            reads_and_writes::<ResetFactor>(body);
        }
        1 => reads_and_writes::<NewTaxpayer>(body),
        2 => reads_and_writes::<NewAuthority>(body),
        3 => {
            reads_and_writes::<RevealTaxpayer>(body);
            reads_and_writes::<RequestDisclosure>(body);
            reads_and_writes::<ProposeImport>(body);
            reads_and_writes::<Disclose>(body);
        }
        4 => reads_and_writes::<Leave>(body),
        5 => reads_and_writes::<SendMessage>(body),
        6 => {
            reads_and_writes::<MarkRead>(body);
            reads_and_writes::<Recall>(body);
            reads_and_writes::<Search>(body);
            reads_and_writes::<Rate>(body);
            reads_and_writes::<AnswerFollowUp>(body);
            reads_and_writes::<RevisitFollowUp>(body);
            // What was not taken away from here is not as it left.
            assert!(!is_as_exported(&String::from_utf8_lossy(body)));
            reads_and_writes::<PutCannedReply>(body);
            reads_and_writes::<PutOwnCannedReply>(body);
            reads_and_writes::<DeleteCannedReply>(body);
            reads_and_writes::<DeleteOwnCannedReply>(body);
        }
        7 => reads_and_writes::<Enter>(body),
        8 => reads_and_writes::<Close>(body),
        9 => reads_and_writes::<Prioritise>(body),
        10 => reads_and_writes::<Claim>(body),
        11 => {
            reads_and_writes::<OpenLine>(body);
            reads_and_writes::<ProposeLine>(body);
            reads_and_writes::<RequestCallback>(body);
            reads_and_writes::<Transfer>(body);
            reads_and_writes::<Reminders>(body);
            reads_and_writes::<AcceptOffer>(body);
            reads_and_writes::<DeclineOffer>(body);
            reads_and_writes::<Hold>(body);
            reads_and_writes::<Resume>(body);
            reads_and_writes::<Join>(body);
            reads_and_writes::<StepOut>(body);
            reads_and_writes::<Whisper>(body);
            reads_and_writes::<AskColleague>(body);
            reads_and_writes::<Merge>(body);
        }
        12 => {
            reads_and_writes::<AddPost>(body);
            reads_and_writes::<SetPost>(body);
            reads_and_writes::<ProposeChange>(body);
            reads_and_writes::<SetControlRule>(body);
            reads_and_writes::<ReviewAlert>(body);
            reads_and_writes::<FileAppeal>(body);
            reads_and_writes::<AnswerAppeal>(body);
            reads_and_writes::<AuditAsked>(body);
        }
        13 => {
            reads_and_writes::<GrantPost>(body);
            reads_and_writes::<EndGrant>(body);
            reads_and_writes::<TakeEmergencyPost>(body);
        }
        14 => {
            reads_and_writes::<AddOfficer>(body);
            reads_and_writes::<RecordLeave>(body);
        }
        15 => reads_and_writes::<Typing>(body),
        16 => reads_and_writes::<NewFormerNumber>(body),
        17 => reads_and_writes::<NewRealName>(body),
        18 => reads_and_writes::<NewRelation>(body),
        19 => reads_and_writes::<NewRosterEntry>(body),
        20 => {
            reads_and_writes::<ReleaseRelation>(body);
            reads_and_writes::<AssignGridOfficer>(body);
        }
        21 => reads_and_writes::<RevealOnCard>(body),
        22 => {
            reads_and_writes::<BeginImport>(body);
            reads_and_writes::<BeginCollection>(body);
            reads_and_writes::<SetChannel>(body);
        }
        23 => {
            reads_and_writes::<ImportRow>(body);
            reads_and_writes::<ArrivalRow>(body);
        }
        24 => {
            reads_and_writes::<TakeBack>(body);
            reads_and_writes::<TakeBackArrival>(body);
        }
        25 => {
            reads_and_writes::<Draft>(body);
            reads_and_writes::<Approve>(body);
            reads_and_writes::<Reject>(body);
            reads_and_writes::<Withdraw>(body);
            reads_and_writes::<Execute>(body);
            reads_and_writes::<Delegate>(body);
            reads_and_writes::<EndDelegation>(body);
        }
        _ => reads_and_writes::<serde_json::Value>(body),
    }
}
