//! Two errors: what rules return inside, and what a person or program outside is told. One table, [`Error::public`],
//! turns the first into the second and decides what is logged.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::crypto::CryptoError;
use crate::id::ConversationId;
use crate::planted::{Bug, planted};
use crate::store::StoreError;

/// Why an operation did not happen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// No session, or one that has ended.
    #[error("sign-in required")]
    SignInRequired,
    /// The caller's kind or posts do not allow the operation.
    #[error("{operation} is not allowed to this caller")]
    Denied {
        /// The operation.
        operation: &'static str,
    },
    /// No such object, or none that the caller may know of: the two answer alike.
    #[error("no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The input is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// What is wrong with it.
        problem: Problem,
    },
    /// The input is right, the present state does not allow it.
    #[error("{0}")]
    Refused(Refusal),
    /// The same idempotency key came with another body.
    #[error("this idempotency key was used for another request")]
    KeyReused,
    /// Storage.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys or ciphertexts.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Nothing, or only blanks.
    #[error("must not be empty")]
    Empty,
    /// More characters than allowed.
    #[error("at most {max} characters")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// More entries than allowed.
    #[error("at most {max} entries")]
    TooMany {
        /// The limit.
        max: usize,
    },
    /// Outside the allowed numbers.
    #[error("between {min} and {max}")]
    OutOfRange {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Not of the form it should have.
    #[error("{0}")]
    Malformed(String),
    /// Names something that does not exist.
    #[error("no such {0}")]
    Unknown(&'static str),
    /// Already there.
    #[error("exists already")]
    Taken,
}

impl Problem {
    fn zh(&self) -> String {
        match self {
            Self::Empty => "不能为空".into(),
            Self::TooLong { max } => format!("最多 {max} 个字"),
            Self::TooMany { max } => format!("最多 {max} 项"),
            Self::OutOfRange { min, max } => format!("应在 {min} 到 {max} 之间"),
            Self::Malformed(_) => "格式不正确".into(),
            Self::Unknown(_) => "所指的内容不存在".into(),
            Self::Taken => "已经存在".into(),
        }
    }
}

/// Why the present state does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Login or password is wrong, or the account does not exist: the three answer alike.
    #[error("login or password is wrong")]
    WrongCredentials,
    /// Too many failed sign-ins.
    #[error("locked until {0:?}")]
    Locked(Timestamp),
    /// The line takes nobody in at present.
    #[error("the line is closed")]
    LineClosed,
    /// The taxpayer waits or talks in this line already.
    #[error("already in this line as conversation {0}")]
    AlreadyInLine(ConversationId),
    /// Nobody waits.
    #[error("nobody is waiting")]
    NobodyWaiting,
    /// The officer holds as many conversations as they may.
    #[error("at capacity: {0} conversations")]
    AtCapacity(i64),
    /// The conversation is over.
    #[error("the conversation is closed")]
    ConversationClosed,
    /// An officer has taken the conversation already.
    #[error("an officer has the conversation already")]
    AlreadyServed,
    /// The conversation has as many messages as one may have.
    #[error("the conversation is full")]
    ConversationFull,
    /// The lease ended or passed to somebody else.
    #[error("the lease is no longer held")]
    LeaseLost,
    /// The last slot is taken.
    #[error("no slot is left")]
    NoSlot,
}

impl Refusal {
    fn public(&self) -> (&'static str, u16, String) {
        match self {
            Self::WrongCredentials => ("access.wrong_credentials", 401, "账号或密码不正确".into()),
            Self::Locked(until) => ("access.locked", 429, format!("登录失败次数过多，请在 {} 之后再试", &until.rfc3339()[11..16])),
            Self::LineClosed => ("interaction.line_closed", 409, "该队列暂不接待，请稍后再来".into()),
            Self::AlreadyInLine(_) => ("interaction.already_in_line", 409, "您已经在该队列中，无需重复排队".into()),
            Self::NobodyWaiting => ("interaction.nobody_waiting", 409, "当前没有等待的纳税人".into()),
            Self::AtCapacity(n) => ("interaction.at_capacity", 409, format!("您正在接待 {n} 位纳税人，已达上限")),
            Self::ConversationClosed => ("interaction.closed", 409, "本次会话已结束".into()),
            Self::AlreadyServed => ("interaction.already_served", 409, "工作人员已接通，请在会话中告知对方结束".into()),
            Self::ConversationFull => ("interaction.full", 409, "本次会话消息已满，请结束后重新排队".into()),
            Self::LeaseLost => ("lease.lost", 409, "该任务已由他人处理".into()),
            Self::NoSlot => ("slot.none_left", 409, "已约满，请选择其他时段".into()),
        }
    }
}

/// What somebody outside is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicError {
    /// Stable code; programs decide by it.
    pub code: &'static str,
    /// Stable number, for callers without strings (C).
    pub number: u32,
    /// HTTP status that fits.
    pub status: u16,
    /// For the person, in Chinese.
    pub message: String,
    /// For the developer, in English.
    pub detail: String,
    /// Which field is wrong.
    pub field: Option<String>,
    /// Seconds after which trying again may help.
    pub retry_after_s: Option<u32>,
    /// An object that explains the refusal, such as the conversation one is in already.
    pub related: Option<String>,
}

/// How loudly an error is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The caller's affair.
    Quiet,
    /// Worth a look when it is frequent.
    Notice,
    /// Somebody must look.
    Alarm,
}

impl Error {
    /// The field `field` is wrong.
    pub fn invalid(field: impl Into<String>, problem: Problem) -> Self {
        Self::Invalid { field: field.into(), problem }
    }

    /// How loudly it is logged.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Store(StoreError::Busy | StoreError::Conflict | StoreError::TooLong { .. }) => Severity::Notice,
            Self::Store(_) | Self::Crypto(_) => Severity::Alarm,
            _ => Severity::Quiet,
        }
    }

    /// What somebody outside is told. Internal detail of storage and keys stays inside.
    pub fn public(&self) -> PublicError {
        let error = |code: &'static str, status: u16, message: &str| PublicError {
            code,
            number: number_of(code),
            status,
            message: message.into(),
            detail: self.to_string(),
            field: None,
            retry_after_s: None,
            related: None,
        };
        match self {
            Self::SignInRequired => error("access.sign_in_required", 401, "请先登录"),
            Self::Denied { .. } => error("access.denied", 403, "您没有权限进行此操作"),
            Self::NotFound { .. } => error("not_found", 404, "没有找到相关内容"),
            Self::Invalid { field, problem } => {
                PublicError { field: Some(field.clone()), ..error("invalid", 422, &format!("{field}：{}", problem.zh())) }
            }
            Self::Refused(refusal) => {
                let (code, status, message) = refusal.public();
                let related = if let Refusal::AlreadyInLine(id) = refusal { Some(id.to_string()) } else { None };
                PublicError { related, ..error(code, status, &message) }
            }
            Self::KeyReused => error("idempotency.key_reused", 409, "请求标识已被使用，请刷新后重试"),
            Self::Store(StoreError::Busy | StoreError::Conflict | StoreError::TooLong { .. } | StoreError::Closed) => {
                PublicError { retry_after_s: Some(1), ..error("busy", 503, "系统繁忙，请稍后再试") }
            }
            Self::Store(StoreError::Unknown(_)) => PublicError {
                retry_after_s: Some(1),
                detail: "the outcome is unknown: repeat the request with the same Idempotency-Key".into(),
                ..error("outcome_unknown", 503, "暂时无法确认结果，请稍后重试，不会重复办理")
            },
            Self::Store(StoreError::Full(_)) => {
                PublicError { detail: "storage is full".into(), ..error("storage_full", 507, "系统存储已满，请联系管理员") }
            }
            Self::Store(_) | Self::Crypto(_) => PublicError {
                detail: "internal error; the log has it under this request id".into(),
                ..error("internal", 500, "系统出现问题，请稍后再试或联系我们")
            },
        }
    }
}

/// Every public code with its stable number. New codes get the next number; numbers are never reused.
pub const CODES: &[(&str, u32)] = &[
    ("internal", 1),
    ("busy", 2),
    ("outcome_unknown", 3),
    ("storage_full", 4),
    ("not_found", 5),
    ("invalid", 6),
    ("idempotency.key_reused", 7),
    ("access.sign_in_required", 100),
    ("access.denied", 101),
    ("access.wrong_credentials", 102),
    ("access.locked", 103),
    ("interaction.line_closed", 200),
    ("interaction.already_in_line", 201),
    ("interaction.nobody_waiting", 202),
    ("interaction.at_capacity", 203),
    ("interaction.closed", 204),
    ("interaction.full", 205),
    ("interaction.already_served", 206),
    ("lease.lost", 300),
    ("slot.none_left", 400),
];

fn number_of(code: &str) -> u32 {
    CODES.iter().find(|(known, _)| *known == code).map_or(1, |(_, number)| *number)
}

/// Refuses text that is blank or too long, and returns it without surrounding blanks.
pub(crate) fn text(field: &'static str, value: &str, max: usize) -> Result<String, Error> {
    let trimmed = value.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    if trimmed.is_empty() {
        return Err(Error::invalid(field, Problem::Empty));
    }
    if trimmed.chars().count() > max {
        return Err(Error::invalid(field, Problem::TooLong { max }));
    }
    // Control characters forge log lines and terminal output, marks of direction make text read as it is not
    // written; line breaks and tabs are ordinary writing.
    if trimmed.chars().any(|c| c.is_control() && c != '\n' && c != '\t' || turns_text(c)) {
        return Err(Error::invalid(field, Problem::Malformed("control characters and marks of direction are not allowed".into())));
    }
    Ok(trimmed.to_owned())
}

/// Takes no room: alone it would be a text that nobody can see. Joiners inside words and emoji stay.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{FEFF}' | '\u{00AD}') || turns_text(c)
}

/// Turns the direction of what follows.
pub(crate) fn turns_text(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') && !planted(Bug::MarksPass)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_nobody_can_see_or_that_reads_as_it_is_not_written_is_refused() {
        assert_eq!(text("t", " \u{200B}\u{FEFF} ", 10), Err(Error::invalid("t", Problem::Empty)));
        assert!(text("t", "a\u{202E}b", 10).is_err() && text("t", "a\u{0}b", 10).is_err());
        assert_eq!(text("t", "  你好\n👨\u{200D}👩 ", 10).unwrap(), "你好\n👨\u{200D}👩");
    }

    #[test]
    fn every_refusal_has_a_code_with_a_number_of_its_own() {
        let refusals = [
            Refusal::WrongCredentials,
            Refusal::Locked(Timestamp::from_micros(0)),
            Refusal::LineClosed,
            Refusal::AlreadyInLine(ConversationId::from_uuid(uuid::Uuid::nil())),
            Refusal::NobodyWaiting,
            Refusal::AtCapacity(1),
            Refusal::ConversationClosed,
            Refusal::AlreadyServed,
            Refusal::ConversationFull,
            Refusal::LeaseLost,
            Refusal::NoSlot,
        ];
        for refusal in refusals {
            let public = Error::Refused(refusal).public();
            assert_ne!(public.number, 1, "{} is missing from CODES", public.code);
        }
        let mut numbers: Vec<u32> = CODES.iter().map(|(_, n)| *n).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), CODES.len());
    }

    #[test]
    fn storage_detail_stays_inside() {
        let public = Error::Store(StoreError::Backend("password=hunter2 host=10.0.0.1".into())).public();
        assert!(!format!("{public:?}").contains("hunter2"));
    }
}
