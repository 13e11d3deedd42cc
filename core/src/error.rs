//! Two errors: what rules return inside, and what a person or program outside is told. One table, [`Error::public`],
//! turns the first into the second and decides what is logged.

mod refusal;

use serde::Serialize;

use crate::access::ProviderError;
use crate::crypto::{CryptoError, PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS, PasswordProblem};
use crate::identity::PersonalDatum;
use crate::limits;
use crate::planted::{Bug, planted};
use crate::store::StoreError;
pub use refusal::{Challenged, Refusal};

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
    /// Fewer characters than asked for.
    #[error("at least {min} characters")]
    TooShort {
        /// The limit.
        min: usize,
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
    /// A number of somebody stands in it.
    #[error("a number of somebody stands in it")]
    PersonalData,
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
            Self::TooShort { min } => format!("至少 {min} 个字"),
            Self::TooMany { max } => format!("最多 {max} 项"),
            Self::OutOfRange { min, max } => format!("应在 {min} 到 {max} 之间"),
            Self::Malformed(_) => "格式不正确，请核对后再填".into(),
            Self::Unknown(_) => "没有找到，请核对后再填".into(),
            Self::Taken => "已经有了，请换一个".into(),
            Self::PersonalData => "不能含有身份证号、手机号或银行卡号".into(),
            Self::Password(problem) => match problem {
                PasswordProblem::TooShort { .. } => format!("至少需要 {PASSWORD_MIN_CHARS} 个字符"),
                PasswordProblem::TooLong { .. } => format!("最多 {PASSWORD_MAX_CHARS} 个字符"),
                PasswordProblem::TooFewClasses { .. } => "请包含大写字母、小写字母、数字、其他符号中的至少三种".into(),
                PasswordProblem::ContainsName => "请不要包含账号、姓名或工号".into(),
                PasswordProblem::Common => "该密码过于常见，容易被猜到，请换一个".into(),
            },
            Self::UsedBefore { last } => format!("不能与最近 {last} 次用过的相同"),
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
        self.within(&format!("rows[{row}]"))
    }

    /// The same of a part of what was given.
    pub(crate) fn within(self, part: &str) -> Self {
        match self {
            Self::Invalid { field, problem } => Self::Invalid { field: format!("{part}.{field}"), problem },
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
            Self::Store(_) | Self::Crypto(_) | Self::Provider(ProviderError::Misconfigured(_)) | Self::Refused(Refusal::RightsAltered) => {
                Severity::Alarm
            }
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
                    Refusal::ApprovalPending(id) => Some(id.to_string()),
                    Refusal::PersonalData(found) => Some(places_of(found)),
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
            Self::Crypto(CryptoError::ModuleUnavailable) => PublicError {
                retry_after_s: Some(1),
                ..error("keys.module_unavailable", 503, "密码设备暂时没有响应，请稍后再试")
            },
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
    ("access.given_password_run_out", 118),
    ("access.dormant", 119),
    ("access.incompatible", 120),
    ("access.other_plane", 121),
    ("access.rights_altered", 122),
    ("access.has_left", 123),
    ("access.grant_over", 124),
    ("interaction.line_closed", 200),
    ("interaction.already_in_line", 201),
    ("interaction.nobody_waiting", 202),
    ("interaction.at_capacity", 203),
    ("interaction.nobody_for_you", 212),
    ("interaction.not_its_officer", 213),
    ("interaction.on_hold_max", 214),
    ("interaction.joined_already", 215),
    ("interaction.not_joined", 216),
    ("interaction.had_by_another", 217),
    ("interaction.offer_over", 218),
    ("interaction.held_too_long", 219),
    ("interaction.closed", 204),
    ("interaction.full", 205),
    ("interaction.already_served", 206),
    ("interaction.line_full", 207),
    ("interaction.officer_away", 210),
    ("interaction.officer_full", 211),
    ("interaction.no_enterprise", 208),
    ("interaction.not_on_roster", 209),
    ("interaction.not_the_sender", 220),
    ("interaction.recall_too_late", 221),
    ("interaction.personal_data", 222),
    ("interaction.not_served", 223),
    ("interaction.not_over", 224),
    ("interaction.rated", 225),
    ("interaction.rate_too_late", 226),
    ("interaction.own_rating", 227),
    ("interaction.follow_up_state", 228),
    ("interaction.line_takes_nobody", 229),
    ("interaction.not_for_them", 230),
    ("interaction.they_are_in_line", 231),
    ("interaction.stays_at_desk", 232),
    ("identity.relation_over", 250),
    ("identity.import_in_use", 251),
    ("identity.import_taken_back", 252),
    ("identity.other_name", 253),
    ("lease.lost", 300),
    ("slot.none_left", 400),
    ("keys.module_unavailable", 500),
    ("keys.epoch_in_use", 501),
    ("identity.still_open", 502),
    ("control.blocked", 520),
    ("control.own_alert", 521),
    ("control.reviewed", 522),
    ("appeal.closed", 600),
    ("approval.pending", 700),
    ("approval.own", 701),
    ("approval.other_content", 702),
    ("approval.decided", 703),
    ("approval.expired", 704),
    ("approval.not_approved", 705),
    ("approval.voted", 706),
    ("approval.emergency_lasts", 707),
];

/// Where each stands, as `mobile_phone:3+11`: kind, first character, and how many.
fn places_of(found: &[PersonalDatum]) -> String {
    found.iter().map(|d| format!("{}:{}+{}", d.kind.as_str(), d.start, d.length)).collect::<Vec<_>>().join(",")
}

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
    use crate::access::Permission;
    use crate::clock::Timestamp;
    use crate::id::{ApprovalId, ConversationId};
    use crate::identity::Roster;

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
            Refusal::GivenPasswordRunOut,
            Refusal::Dormant(180),
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
            Refusal::LineClosed(None),
            Refusal::LineFull,
            Refusal::OfficerAway,
            Refusal::OfficerFull,
            Refusal::NoEnterprise(Roster::LargeEnterprise),
            Refusal::NotOnRoster(Roster::DesignatedSmallMicro),
            Refusal::AlreadyInLine(ConversationId::from_uuid(uuid::Uuid::nil())),
            Refusal::LineTakesNobody,
            Refusal::NotForThem(Roster::LargeEnterprise),
            Refusal::TheyAreInLine,
            Refusal::StaysAtDesk,
            Refusal::NobodyWaiting,
            Refusal::NobodyForYou,
            Refusal::AtCapacity(1),
            Refusal::ConversationClosed,
            Refusal::AlreadyServed,
            Refusal::NotItsOfficer,
            Refusal::OnHoldMax(5),
            Refusal::HeldTooLong,
            Refusal::JoinedAlready,
            Refusal::NotJoined,
            Refusal::HadByAnother,
            Refusal::OfferOver,
            Refusal::ConversationFull,
            Refusal::NotTheSender,
            Refusal::RecallTooLate,
            Refusal::PersonalData(Vec::new()),
            Refusal::NotServed,
            Refusal::NotOverYet,
            Refusal::RatedAlready,
            Refusal::RateTooLate,
            Refusal::OwnRating,
            Refusal::FollowUpState,
            Refusal::LeaseLost,
            Refusal::RelationOver(None),
            Refusal::ImportInUse(1),
            Refusal::ImportTakenBack,
            Refusal::OtherName,
            Refusal::EpochInUse(1),
            Refusal::StillOpen(ConversationId::from_uuid(uuid::Uuid::nil())),
            Refusal::NoSlot,
            Refusal::ApprovalPending(ApprovalId::from_uuid(uuid::Uuid::nil())),
            Refusal::OwnApproval,
            Refusal::OtherContent,
            Refusal::ApprovalDecided,
            Refusal::ApprovalExpired,
            Refusal::NotApproved,
            Refusal::EmergencyLasts(Timestamp::default()),
            Refusal::VotedAlready,
            Refusal::Incompatible(Permission::ALL[0], Permission::ALL[1]),
            Refusal::OtherPlane,
            Refusal::RightsAltered,
            Refusal::HasLeft,
            Refusal::GrantOver,
            Refusal::ControlBlocked { shown: 60, minutes: 60, until: Timestamp::from_micros(0) },
            Refusal::AlertAboutCaller,
            Refusal::AlertReviewed,
            Refusal::AppealClosed,
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
