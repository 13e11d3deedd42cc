//! Two errors: what rules return inside, and what a person or program outside is told. One table, [`Error::public`],
//! turns the first into the second and decides what is logged.

use serde::Serialize;

use crate::access::ProviderError;
use crate::clock::Timestamp;
use crate::crypto::{CryptoError, PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS, PasswordProblem};
use crate::id::{ConversationId, ProposalId};
use crate::limits;
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
    /// An identity provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
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
    /// A password that breaks a rule.
    #[error("{0}")]
    Password(PasswordProblem),
    /// One of the last so many.
    #[error("is one of the last {last}")]
    UsedBefore {
        /// How many are remembered.
        last: usize,
    },
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
            Self::Password(problem) => match problem {
                PasswordProblem::TooShort { .. } => format!("至少需要 {PASSWORD_MIN_CHARS} 个字符"),
                PasswordProblem::TooLong { .. } => format!("最多 {PASSWORD_MAX_CHARS} 个字符"),
                PasswordProblem::TooFewClasses { .. } => "请包含大写字母、小写字母、数字、其他符号中的至少三种".into(),
                PasswordProblem::ContainsName => "请不要包含账号、姓名或工号".into(),
            },
            Self::UsedBefore { last } => format!("不能与最近 {last} 次用过的相同"),
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
    /// The password was right; a code of the second factor is needed.
    #[error("a second factor is needed")]
    SecondFactorNeeded(Challenged),
    /// The sign-in was begun too long ago, was finished, or never begun: they answer alike.
    #[error("the sign-in must be begun anew")]
    ChallengeOver,
    /// The code is wrong, or was used already.
    #[error("the code is wrong, or was used already")]
    WrongCode,
    /// The present password was typed wrongly by somebody who is signed in.
    #[error("the present password is wrong")]
    WrongPassword,
    /// A second factor is there already.
    #[error("there is a second factor already")]
    SecondFactorEnrolled,
    /// There is no second factor.
    #[error("there is no second factor")]
    NoSecondFactor,
    /// The password was given by somebody else, or is too old: it must be changed before anything else.
    #[error("the password must be changed first")]
    PasswordChangeNeeded,
    /// The officer's posts ask for a second factor, and there is none.
    #[error("a second factor must be enrolled first")]
    SecondFactorRequired,
    /// Nobody is known to hold the account at the provider: somebody must verify who does.
    #[error("the account is linked to nobody who is verified")]
    NotLinked(Challenged),
    /// There has been an administrator before.
    #[error("there has been an administrator before")]
    Bootstrapped,
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
    /// The relation holds no more; since when, where it is known.
    #[error("the relation is over")]
    RelationOver(Option<Timestamp>),
    /// A taxpayer of the import has been used or changed since; the line where they stand.
    #[error("the taxpayer of line {0} has been used or changed since")]
    ImportInUse(i64),
    /// The list is being taken back.
    #[error("the list is being taken back")]
    ImportTakenBack,
    /// The last slot is taken.
    #[error("no slot is left")]
    NoSlot,
    /// The same thing waits for a decision already.
    #[error("proposal {0} about the same waits for a decision")]
    ProposalPending(ProposalId),
    /// Whoever proposes does not decide.
    #[error("the caller made this proposal, so somebody else decides")]
    OwnProposal,
    /// What the caller decides about is not what was proposed.
    #[error("the digest is not that of the proposal")]
    OtherContent,
    /// It was approved or rejected, and that is final.
    #[error("the proposal was decided already")]
    ProposalDecided,
}

/// The one-time text that stands for a right password until the second factor is shown, or for an account until it is linked.
/// Never written to a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenged(pub String);

impl std::fmt::Debug for Challenged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Challenged(..)")
    }
}

impl Refusal {
    fn public(&self) -> (&'static str, u16, String) {
        match self {
            Self::WrongCredentials => ("access.wrong_credentials", 401, "账号或密码不正确".into()),
            Self::Locked(until) => ("access.locked", 429, format!("登录失败次数过多，请在 {} 之后再试", &until.rfc3339()[11..16])),
            Self::SecondFactorNeeded(_) => ("access.second_factor_needed", 401, "请输入验证器上显示的六位验证码".into()),
            Self::ChallengeOver => ("access.challenge_over", 401, "本次登录已超时，请重新登录".into()),
            Self::WrongCode => ("access.wrong_code", 422, "验证码不正确或已使用过，请等待新的验证码后再试".into()),
            Self::WrongPassword => ("access.wrong_password", 422, "当前密码不正确".into()),
            Self::SecondFactorEnrolled => ("access.second_factor_enrolled", 409, "您已启用两步验证，如需更换请先停用".into()),
            Self::NoSecondFactor => ("access.no_second_factor", 409, "尚未启用两步验证".into()),
            Self::PasswordChangeNeeded => ("access.password_change_needed", 403, "请先修改密码，修改后即可继续使用".into()),
            Self::SecondFactorRequired => ("access.second_factor_required", 403, "您的岗位需要两步验证，请先完成设置".into()),
            Self::NotLinked(_) => ("access.not_linked", 401, "首次使用请先完成实名认证".into()),
            Self::Bootstrapped => ("access.bootstrapped", 409, "系统管理员已经设置过，不能再次设置".into()),
            Self::LineClosed => ("interaction.line_closed", 409, "该队列暂不接待，请稍后再来".into()),
            Self::AlreadyInLine(_) => ("interaction.already_in_line", 409, "您已经在该队列中，无需重复排队".into()),
            Self::NobodyWaiting => ("interaction.nobody_waiting", 409, "当前没有等待的纳税人".into()),
            Self::AtCapacity(n) => ("interaction.at_capacity", 409, format!("您正在接待 {n} 位纳税人，已达上限")),
            Self::ConversationClosed => ("interaction.closed", 409, "本次会话已结束".into()),
            Self::AlreadyServed => ("interaction.already_served", 409, "工作人员已接通，请在会话中告知对方结束".into()),
            Self::ConversationFull => ("interaction.full", 409, "本次会话消息已满，请结束后重新排队".into()),
            Self::LeaseLost => ("lease.lost", 409, "该任务已由他人处理".into()),
            Self::RelationOver(since) => {
                let since = since.map_or_else(String::new, |at| format!("（{}）", &at.rfc3339()[..10]));
                ("identity.relation_over", 409, format!("该关联关系已解除{since}，无需重复操作"))
            }
            Self::ImportInUse(line) => ("identity.import_in_use", 409, format!("第 {line} 行登记的内容已被使用或已被修改，不能撤回")),
            Self::ImportTakenBack => ("identity.import_taken_back", 409, "该名单正在撤回，请先完成撤回".into()),
            Self::NoSlot => ("slot.none_left", 409, "已约满，请选择其他时段".into()),
            Self::ProposalPending(_) => ("calendar.proposal_pending", 409, "同一事项已有方案待审批，请先处理该方案".into()),
            Self::OwnProposal => ("calendar.own_proposal", 409, "您提出的方案需由其他人审批".into()),
            Self::OtherContent => ("calendar.other_content", 409, "方案内容与您核对的不一致，请重新核对后再审批".into()),
            Self::ProposalDecided => ("calendar.proposal_decided", 409, "该方案已审批完毕，如需调整请另提方案".into()),
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
    /// What goes on from the refusal, such as the conversation one is in already, or the challenge to answer.
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

    /// The same of a row of a list, from 0.
    pub(crate) fn in_row(self, row: usize) -> Self {
        match self {
            Self::Invalid { field, problem } => Self::Invalid { field: format!("rows[{row}].{field}"), problem },
            other => other,
        }
    }

    /// Whether it speaks of what was looked at, rather than of storage as a whole: others can still be looked at.
    pub(crate) fn is_of_one_thing(&self) -> bool {
        !matches!(self, Self::Store(e) if !matches!(e, StoreError::Corrupt(_)))
    }

    /// How loudly it is logged.
    pub fn severity(&self) -> Severity {
        match self {
            Self::Store(StoreError::Busy | StoreError::Conflict | StoreError::TooLong { .. })
            | Self::Provider(ProviderError::Busy { .. } | ProviderError::Unavailable(_)) => Severity::Notice,
            Self::Store(_) | Self::Crypto(_) | Self::Provider(ProviderError::Misconfigured(_)) => Severity::Alarm,
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
                let related = match refusal {
                    Refusal::AlreadyInLine(id) => Some(id.to_string()),
                    Refusal::ProposalPending(id) => Some(id.to_string()),
                    Refusal::SecondFactorNeeded(challenge) | Refusal::NotLinked(challenge) => Some(challenge.0.clone()),
                    _ => None,
                };
                PublicError { related, ..error(code, status, &message) }
            }
            Self::Provider(e) => {
                let unavailable = |after| PublicError {
                    retry_after_s: Some(after),
                    detail: "the identity provider cannot be asked now; the log has more under this request id".into(),
                    ..error("access.provider_unavailable", 503, "登录服务暂时没有响应，请稍后再试")
                };
                match e {
                    ProviderError::Spent => error("access.proof_spent", 401, "登录凭证已失效，请返回重新登录"),
                    ProviderError::AccountRefused => error("access.account_refused", 403, "您的账号暂时无法登录，请按平台提示处理后再试"),
                    ProviderError::NotOffered => error("access.provider_not_offered", 404, "暂未开通这种登录方式"),
                    ProviderError::Busy { retry_after_s } => unavailable(*retry_after_s),
                    ProviderError::Unavailable(_) | ProviderError::Misconfigured(_) => unavailable(limits::PROVIDER_RETRY_S),
                }
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
    ("access.second_factor_needed", 104),
    ("access.challenge_over", 105),
    ("access.wrong_code", 106),
    ("access.wrong_password", 107),
    ("access.second_factor_enrolled", 108),
    ("access.no_second_factor", 109),
    ("access.password_change_needed", 110),
    ("access.second_factor_required", 111),
    ("access.bootstrapped", 112),
    ("access.not_linked", 113),
    ("access.proof_spent", 114),
    ("access.account_refused", 115),
    ("access.provider_unavailable", 116),
    ("access.provider_not_offered", 117),
    ("interaction.line_closed", 200),
    ("interaction.already_in_line", 201),
    ("interaction.nobody_waiting", 202),
    ("interaction.at_capacity", 203),
    ("interaction.closed", 204),
    ("interaction.full", 205),
    ("interaction.already_served", 206),
    ("identity.relation_over", 250),
    ("identity.import_in_use", 251),
    ("identity.import_taken_back", 252),
    ("lease.lost", 300),
    ("slot.none_left", 400),
    ("calendar.proposal_pending", 700),
    ("calendar.own_proposal", 701),
    ("calendar.other_content", 702),
    ("calendar.proposal_decided", 703),
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
            Refusal::SecondFactorNeeded(Challenged(String::new())),
            Refusal::ChallengeOver,
            Refusal::WrongCode,
            Refusal::WrongPassword,
            Refusal::SecondFactorEnrolled,
            Refusal::NoSecondFactor,
            Refusal::PasswordChangeNeeded,
            Refusal::SecondFactorRequired,
            Refusal::NotLinked(Challenged(String::new())),
            Refusal::Bootstrapped,
            Refusal::LineClosed,
            Refusal::AlreadyInLine(ConversationId::from_uuid(uuid::Uuid::nil())),
            Refusal::NobodyWaiting,
            Refusal::AtCapacity(1),
            Refusal::ConversationClosed,
            Refusal::AlreadyServed,
            Refusal::ConversationFull,
            Refusal::LeaseLost,
            Refusal::RelationOver(None),
            Refusal::ImportInUse(1),
            Refusal::ImportTakenBack,
            Refusal::NoSlot,
            Refusal::ProposalPending(ProposalId::from_uuid(uuid::Uuid::nil())),
            Refusal::OwnProposal,
            Refusal::OtherContent,
            Refusal::ProposalDecided,
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
