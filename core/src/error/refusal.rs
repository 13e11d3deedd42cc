//! What the rules of the domain do not allow, with what is told about it.

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::id::{ApprovalId, ConversationId};
use crate::identity::{PersonalDataKind, PersonalDatum, Roster};
use crate::limits;

/// Why the present state does not allow it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Login or password is wrong, or the account does not exist: the three answer alike.
    #[error("login or password is wrong")]
    WrongCredentials,
    /// The password was given by somebody else, and not replaced in time.
    #[error("the password was given and not used in time: an administrator has to give another")]
    GivenPasswordRunOut,
    /// The officer's account was not used for so many days or more.
    #[error("the account was not used for {0} days or more: an administrator has to give a new password")]
    Dormant(i64),
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
    LineClosed(Option<String>),
    /// As many wait as may.
    #[error("the line is full")]
    LineFull,
    /// The line is for enterprises, and the caller acts for none.
    #[error("the line is for enterprises on the roster {}, and the caller acts for none", .0.as_str())]
    NoEnterprise(Roster),
    /// The line is for enterprises on a roster, and no enterprise of the caller is on it.
    #[error("no enterprise of the caller is on the roster {}", .0.as_str())]
    NotOnRoster(Roster),
    /// The taxpayer waits or talks in this line already.
    #[error("already in this line as conversation {0}")]
    AlreadyInLine(ConversationId),
    /// A line to which a conversation is handed on takes nobody in.
    #[error("the line takes nobody in")]
    LineTakesNobody,
    /// The line to which a taxpayer is handed on is for enterprises on a roster, and none for whom they act is on it.
    #[error("no enterprise of the taxpayer is on the roster {}", .0.as_str())]
    NotForThem(Roster),
    /// The taxpayer who is handed on waits or talks in that line already.
    #[error("the taxpayer is in this line already")]
    TheyAreInLine,
    /// What waits at the desk of what could not be settled goes on in no other line, where nobody follows it to its outcome.
    #[error("a conversation of the unresolved-matter desk stays there")]
    StaysAtDesk,
    /// Nobody waits.
    #[error("nobody is waiting")]
    NobodyWaiting,
    /// Those who wait are for others, as the line is shared out.
    #[error("nobody is waiting whom the caller may take by now")]
    NobodyForYou,
    /// The officer holds as many conversations as they may.
    #[error("at capacity: {0} conversations")]
    AtCapacity(i64),
    /// The colleague is not at their desk.
    #[error("the colleague is not there")]
    OfficerAway,
    /// The colleague holds as many conversations as they may.
    #[error("the colleague is at capacity")]
    OfficerFull,
    /// The conversation is over.
    #[error("the conversation is closed")]
    ConversationClosed,
    /// An officer has taken the conversation already.
    #[error("an officer has the conversation already")]
    AlreadyServed,
    /// Another officer has the conversation; the caller takes part in it.
    #[error("another officer has the conversation")]
    NotItsOfficer,
    /// The officer has as many conversations on hold as they may.
    #[error("{0} conversations are on hold already")]
    OnHoldMax(i64),
    /// Nobody has said a word for so long that the conversation cannot stay on hold for longer.
    #[error("nobody has said a word for so long that it cannot stay on hold for longer")]
    HeldTooLong,
    /// The caller has the conversation, or somebody else who supervises takes part already.
    #[error("the caller has the conversation, or somebody else takes part already")]
    JoinedAlready,
    /// The caller does not take part.
    #[error("the caller does not take part in the conversation")]
    NotJoined,
    /// Another officer has the other conversation.
    #[error("another officer has the other conversation: ask them to transfer it")]
    HadByAnother,
    /// The conversation is not offered to the caller, or not any more.
    #[error("the conversation is not offered to the caller any more")]
    OfferOver,
    /// The conversation has as many messages as one may have.
    #[error("the conversation is full")]
    ConversationFull,
    /// Somebody else wrote the message.
    #[error("somebody else wrote the message")]
    NotTheSender,
    /// The message was sent too long ago.
    #[error("the message was sent too long ago to be recalled")]
    RecallTooLate,
    /// Numbers of people stand in the message, and whoever sends it was not warned yet.
    #[error("numbers of people stand in the message: send it with `confirmed` if they are meant to")]
    PersonalData(Vec<PersonalDatum>),
    /// Nobody served the conversation.
    #[error("nobody served the conversation")]
    NotServed,
    /// The conversation goes on.
    #[error("the conversation is not over yet")]
    NotOverYet,
    /// The conversation has its rating.
    #[error("the conversation was rated already")]
    RatedAlready,
    /// The conversation ended too long ago.
    #[error("the conversation ended too long ago to be rated")]
    RateTooLate,
    /// Nobody follows up a rating of themselves.
    #[error("the rating is of the caller")]
    OwnRating,
    /// The follow-up stands elsewhere.
    #[error("the follow-up is not in the state for this")]
    FollowUpState,
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
    /// Somebody of another name is known by the number of their passport.
    #[error("somebody of another name has the passport number here")]
    OtherName,
    /// Something is still wrapped by the epoch.
    #[error("epoch {0} still wraps keys: wrap them anew first")]
    EpochInUse(u32),
    /// The person waits or is served.
    #[error("the person is in conversation {0}, which is not over")]
    StillOpen(ConversationId),
    /// The last slot is taken.
    #[error("no slot is left")]
    NoSlot,
    /// The same thing waits for a decision already.
    #[error("approval {0} about the same waits already")]
    ApprovalPending(ApprovalId),
    /// Whoever puts a thing forward, or whom it is about, does not decide; nor does whoever checked it carry it out.
    #[error("somebody else has to do this: the caller put it forward, checked it, or is whom it is about")]
    OwnApproval,
    /// What the caller decides about is not what was put forward.
    #[error("the digest is not that of what was put forward")]
    OtherContent,
    /// It was approved, rejected or withdrawn, and that is final.
    #[error("it was decided already")]
    ApprovalDecided,
    /// Nobody decided in time.
    #[error("the time to decide is over")]
    ApprovalExpired,
    /// It cannot be carried out before everybody agreed.
    #[error("it is not approved yet")]
    NotApproved,
    /// An emergency post that may still be used cannot have been looked at; it can be ended at any time.
    #[error("the emergency post may be used until {}; it is looked at afterwards, or rejected and ended now", .0.rfc3339())]
    EmergencyLasts(Timestamp),
    /// The caller, or whoever's right they use, has spoken.
    #[error("the caller has voted, or the right they use was used")]
    VotedAlready,
    /// Two permissions that one person may not hold together.
    #[error("{} and {} are kept apart", .0.as_str(), .1.as_str())]
    Incompatible(Permission, Permission),
    /// The account is for something else.
    #[error("an account is for one kind of post: business, system, security or audit")]
    OtherPlane,
    /// A row that says who may do what was altered in the database.
    #[error("a row that says what the caller may do was altered behind the core's back")]
    RightsAltered,
    /// The officer has left.
    #[error("the officer has left")]
    HasLeft,
    /// The grant is over.
    #[error("the grant is over")]
    GrantOver,
    /// A rule of built-in control lets the caller do no more of this for now.
    #[error("{shown} fields within {minutes} minutes were revealed to the caller, the next from {until:?} on")]
    ControlBlocked {
        /// As many as are allowed.
        shown: i64,
        /// Within so many minutes.
        minutes: i64,
        /// From then on the next is allowed.
        until: Timestamp,
    },
    /// Nobody reviews an alert about themselves.
    #[error("the alert is about the caller")]
    AlertAboutCaller,
    /// Somebody has reviewed it, and that is final.
    #[error("the alert was reviewed already")]
    AlertReviewed,
    /// Somebody has answered it, and that is final.
    #[error("the appeal was answered already")]
    AppealClosed,
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
    pub(super) fn public(&self) -> (&'static str, u16, String) {
        match self {
            Self::WrongCredentials => ("access.wrong_credentials", 401, "账号或密码不正确".into()),
            Self::GivenPasswordRunOut => {
                let hours = limits::GIVEN_PASSWORD_VALID.as_secs() / 3600;
                ("access.given_password_run_out", 401, format!("初始密码已超过 {hours} 小时，不能再用，请联系管理员重新设置"))
            }
            Self::Dormant(days) => {
                let message = format!("该账号已 {days} 天以上未使用，已停用。请联系本单位管理员重新设置密码，设置后即可登录");
                ("access.dormant", 403, message)
            }
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
            Self::LineClosed(said) => ("interaction.line_closed", 409, said.clone().unwrap_or_else(|| "该队列暂不接待，请稍后再来".into())),
            Self::LineFull => ("interaction.line_full", 409, "当前排队人数较多，已暂停取号，请稍后再试或选择其他队列".into()),
            Self::NoEnterprise(roster) => {
                let name = roster.title();
                let message = format!(
                    "这里为{name}服务，您目前没有与任何企业建立有效的办税关联。请先在电子税务局完成企业关联，或由企业的法定代表人、财务负责人、办税员进入；一般问题请进入“综合咨询”"
                );
                ("interaction.no_enterprise", 403, message)
            }
            Self::NotOnRoster(roster) => {
                let name = roster.title();
                let message = format!(
                    "这里为名册内的{name}服务，您所代表的企业目前不在名册内。如认为应当列入，请联系主管税务机关核实；一般问题请进入“综合咨询”"
                );
                ("interaction.not_on_roster", 403, message)
            }
            Self::AlreadyInLine(_) => ("interaction.already_in_line", 409, "您已经在该队列中，无需重复排队".into()),
            Self::LineTakesNobody => ("interaction.line_takes_nobody", 409, "该队列目前不接待，请转到其他队列".into()),
            Self::NotForThem(roster) => {
                let message = format!("该队列只接待名册内的{}，这位纳税人及其代表的企业目前不在名册内，请转到其他队列", roster.title());
                ("interaction.not_for_them", 409, message)
            }
            Self::TheyAreInLine => ("interaction.they_are_in_line", 409, "这位纳税人已在该队列中排队或交谈，请转到其他队列".into()),
            Self::StaysAtDesk => ("interaction.stays_at_desk", 409, "办不成事反映专窗的会话不能并入其他队列，请在专窗中接待".into()),
            Self::NobodyWaiting => ("interaction.nobody_waiting", 409, "当前没有等待的纳税人".into()),
            Self::NobodyForYou => {
                ("interaction.nobody_for_you", 409, "正在等待的纳税人目前由熟悉其主题或所属机关的同事接待，请稍后再试".into())
            }
            Self::AtCapacity(n) => ("interaction.at_capacity", 409, format!("您正在接待 {n} 位纳税人，已达上限")),
            Self::OfficerAway => ("interaction.officer_away", 409, "该同事当前不在线，请转给其他同事或转入队列".into()),
            Self::OfficerFull => ("interaction.officer_full", 409, "该同事正在接待的人数已达上限，请转给其他同事或转入队列".into()),
            Self::ConversationClosed => ("interaction.closed", 409, "本次会话已结束".into()),
            Self::AlreadyServed => ("interaction.already_served", 409, "工作人员已接通，请在会话中告知对方结束".into()),
            Self::NotItsOfficer => ("interaction.not_its_officer", 409, "该会话由其他工作人员接待，请由其办理".into()),
            Self::HeldTooLong => {
                ("interaction.held_too_long", 409, "会话已久无人发言，挂起不能再延长：请先与纳税人说一声，再继续挂起".into())
            }
            Self::OnHoldMax(n) => ("interaction.on_hold_max", 409, format!("您已挂起 {n} 个会话，已达上限，请先恢复其中一个")),
            Self::JoinedAlready => ("interaction.joined_already", 409, "该会话由您接待，或已有其他督导人员加入".into()),
            Self::NotJoined => ("interaction.not_joined", 409, "您未加入该会话".into()),
            Self::HadByAnother => ("interaction.had_by_another", 409, "另一会话正由其他工作人员接待，请联系其转接给您后再合并".into()),
            Self::OfferOver => ("interaction.offer_over", 409, "该派单已超时或已由他人接待".into()),
            Self::ConversationFull => ("interaction.full", 409, "本次会话消息已满，请结束后重新排队".into()),
            Self::NotTheSender => ("interaction.not_the_sender", 409, "只能撤回自己发送的消息".into()),
            Self::RecallTooLate => {
                ("interaction.recall_too_late", 409, format!("消息发出已超过 {} 分钟，不能撤回", limits::RECALL_WITHIN.as_secs() / 60))
            }
            Self::PersonalData(found) => ("interaction.personal_data", 409, format!("消息中含有{}，请核对后再发送", kinds_in(found))),
            Self::NotServed => ("interaction.not_served", 409, "本次排队未接通，无法评价".into()),
            Self::NotOverYet => ("interaction.not_over", 409, "请在会话结束后再评价".into()),
            Self::RatedAlready => ("interaction.rated", 409, "您已评价过本次服务，感谢您的反馈".into()),
            Self::RateTooLate => {
                ("interaction.rate_too_late", 409, format!("会话结束已超过 {} 天，不能再评价", limits::RATE_WITHIN.as_secs() / 86_400))
            }
            Self::OwnRating => ("interaction.own_rating", 409, "这条评价与您本人有关，需由其他人处理".into()),
            Self::FollowUpState => ("interaction.follow_up_state", 409, "该差评已由他人处理，请刷新后查看".into()),
            Self::LeaseLost => ("lease.lost", 409, "该任务已由他人处理".into()),
            Self::RelationOver(since) => {
                let since = since.map_or_else(String::new, |at| format!("（{}）", &at.rfc3339()[..10]));
                ("identity.relation_over", 409, format!("该关联关系已解除{since}，无需重复操作"))
            }
            Self::ImportInUse(line) => (
                "identity.import_in_use",
                409,
                format!("第 {line} 行登记的内容已被使用、修改，或已列入之后导入的名单，不能撤回；后导入的名单请先撤回"),
            ),
            Self::ImportTakenBack => ("identity.import_taken_back", 409, "该名单正在撤回，请先完成撤回".into()),
            Self::OtherName => ("identity.other_name", 409, "该护照号码在本系统已登记为其他姓名，请携带护照到办税服务厅核对".into()),
            Self::EpochInUse(_) => ("keys.epoch_in_use", 409, "该批次密钥仍在使用，请先完成密钥更换".into()),
            Self::StillOpen(_) => ("identity.still_open", 409, "该纳税人有未结束的会话，请在会话结束后再删除".into()),
            Self::NoSlot => ("slot.none_left", 409, "已约满，请选择其他时段".into()),
            Self::ApprovalPending(_) => ("approval.pending", 409, "同一事项已有审批单待处理，请先处理该审批单".into()),
            Self::OwnApproval => ("approval.own", 409, "您是制单人、审核人或当事人，此步骤需由其他人办理".into()),
            Self::OtherContent => ("approval.other_content", 409, "内容与您核对的不一致，请重新核对后再办理".into()),
            Self::ApprovalDecided => ("approval.decided", 409, "该审批单已办结，如需调整请另行提交".into()),
            Self::ApprovalExpired => ("approval.expired", 409, "已过有效期，如仍需办理请重新提交".into()),
            Self::NotApproved => ("approval.not_approved", 409, "审批尚未通过，请等待审核".into()),
            Self::EmergencyLasts(_) => {
                ("approval.emergency_lasts", 409, "应急授权尚未结束，请在结束后复核；如认为不妥，可直接驳回，授权随即终止".into())
            }
            Self::VotedAlready => ("approval.voted", 409, "您（或您所代理的人）已表达过意见，不能重复".into()),
            Self::Incompatible(..) => ("access.incompatible", 409, "所涉权限属于不相容岗位，不能由同一人担任".into()),
            Self::OtherPlane => ("access.other_plane", 409, "业务、系统管理、安全管理、审计管理岗位须使用各自的账号".into()),
            Self::RightsAltered => ("access.rights_altered", 403, "权限数据校验未通过，已停止使用并告警，请联系安全管理员".into()),
            Self::HasLeft => ("access.has_left", 409, "该人员已离岗".into()),
            Self::GrantOver => ("access.grant_over", 409, "该授权已经结束".into()),
            Self::ControlBlocked { shown, minutes, until } => {
                let until = &until.plus(std::time::Duration::from_secs(59)).rfc3339()[11..16];
                let message = format!(
                    "您在 {minutes} 分钟内已查看 {shown} 项完整信息，已达上限。请在 {until} 之后再试；确需继续查看，请提交“批量查询”申请，经审批后查看"
                );
                ("control.blocked", 429, message)
            }
            Self::AlertAboutCaller => ("control.own_alert", 409, "这条预警与您本人有关，需由其他人核查".into()),
            Self::AlertReviewed => ("control.reviewed", 409, "这条预警已核查完毕".into()),
            Self::AppealClosed => ("appeal.closed", 409, "该诉求已答复办结".into()),
        }
    }
}

/// 身份证号、手机号: each kind once.
fn kinds_in(found: &[PersonalDatum]) -> String {
    let named = PersonalDataKind::ALL.iter().filter(|kind| found.iter().any(|d| d.kind == **kind));
    named.map(|kind| kind.title()).collect::<Vec<_>>().join("、")
}
