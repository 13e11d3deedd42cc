//! The operation table: each thing the core can do, declared once. The door enforces it; the authorisation
//! matrix, audit kinds, API document, span names and menus are read from it.

use serde::Serialize;

use crate::access::{Actor, Permission};
use crate::store::Isolation;

/// What kind of thing an operation is, which decides how the door runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Reads.
    Query,
    /// Reads what is worth a record of its own: a reveal, an export. The audit record commits before the answer leaves.
    AuditedQuery,
    /// Changes something: the whole door.
    Command,
    /// Many rows in chunks; one audit record per chunk with a root over its rows; continues where it stopped.
    Bulk,
    /// Frequent small facts: durable, batched, no audit record per row.
    Ingest,
    /// Worth no disk: typing, presence.
    Ephemeral,
}

/// Who may call at all, before posts and scopes are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Caller {
    /// Nobody signed in.
    Anonymous,
    /// A taxpayer.
    Taxpayer,
    /// An officer.
    Officer,
    /// The host itself: timers, sealing, delivery, the command line.
    System,
}

/// How an object comes into a caller's reach. An operation names several; any one is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The taxpayer whose affair it is.
    Participant,
    /// The officer it is assigned to.
    Assigned,
    /// Officers whose post, with the operation's permission, covers the object's authority or one above it.
    Subtree,
    /// Officers whose post covers the authority where it began, wherever it is by now. For what is counted only: it opens no row.
    Began,
    /// Published by the caller's own authority or one above it.
    Published,
    /// Everybody.
    Public,
    /// The host itself, whatever the object.
    System,
}

/// One row of the table. Each says who may call and what is reached; a row that does not is none:
///
/// ```compile_fail,E0063
/// use zhengna_core::operation::{Class, Operation};
/// use zhengna_core::store::Isolation;
/// static SHUT_DOWN: Operation = Operation {
///     name: "host.shut_down", class: Class::Command, audited: true, isolation: Isolation::Guarded,
///     answers_repeats: false, per_minute: 1, title: "停机", summary: "Ends the host.",
/// }; // neither callers, permission nor reach
/// ```
///
/// And no rule runs without a row, nor outside the door:
///
/// ```compile_fail,E0624
/// fn anything(session: &zhengna_core::Session) {
///     session.query(&zhengna_core::operation::ME, |_, _| Ok(()));
/// }
/// ```
#[derive(Debug, Serialize)]
pub struct Operation {
    /// Stable name, `noun.verb`: operation id, span name, audit kind.
    pub name: &'static str,
    /// Class.
    pub class: Class,
    /// Who may call.
    pub callers: &'static [Caller],
    /// The permission officers need.
    pub permission: Option<Permission>,
    /// How its object comes into reach; empty where it has none, or is about the caller only.
    pub reach: &'static [Reach],
    /// Whether each call leaves an audit record of its own, but that of a timer that found nothing to do. Reads and frequent small facts do not, nor does the
    /// housekeeping of the engine itself (sealing the trail cannot be in the trail).
    pub audited: bool,
    /// How its write is isolated.
    #[serde(serialize_with = "isolation_word")]
    pub isolation: Isolation,
    /// Whether a repeat with the same idempotency key is answered from memory.
    pub answers_repeats: bool,
    /// Calls per minute and caller; a shell refuses more with 429.
    pub per_minute: u32,
    /// What it does, for menus, in Chinese.
    pub title: &'static str,
    /// What it does, for developers, in English.
    pub summary: &'static str,
}

fn isolation_word<S: serde::Serializer>(isolation: &Isolation, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(match isolation {
        Isolation::Guarded => "guarded",
        Isolation::Serializable => "serializable",
    })
}

impl Operation {
    /// Whether it belongs to the administration plane, which a host opens to certain networks only.
    pub fn administrative(&self) -> bool {
        self.permission.is_some_and(Permission::administrative)
    }

    /// Whether it belongs to the administration plane when this caller calls it: whoever administers decides about what others
    /// put forward from there only, too.
    pub fn administrative_for(&self, actor: &Actor) -> bool {
        let decides = self.name.starts_with("approval.") && matches!(actor, Actor::Officer(officer) if officer.administers());
        self.administrative() || decides
    }
}

impl PartialEq for Operation {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

macro_rules! operations {
    ($($(#[$doc:meta])* $NAME:ident = $name:literal $class:ident $($unaudited:ident)? [$($caller:ident),*] $(needs $permission:ident)? reach [$($reach:ident),*] $isolation:ident repeats $repeats:literal per_minute $rate:literal $title:literal $summary:literal;)*) => {
        $(
            #[doc = $summary]
            pub static $NAME: Operation = Operation {
                name: $name, class: Class::$class, callers: &[$(Caller::$caller),*],
                permission: operations!(@permission $($permission)?),
                audited: operations!(@audited $class $($unaudited)?),
                reach: &[$(Reach::$reach),*], isolation: Isolation::$isolation,
                answers_repeats: $repeats, per_minute: $rate, title: $title, summary: $summary,
            };
        )*
        /// Every operation, in the order of this page.
        pub static OPERATIONS: &[&Operation] = &[$(&$NAME),*];
    };
    (@audited $class:ident engine) => { false };
    (@audited $class:ident) => { matches!(Class::$class, Class::Command | Class::AuditedQuery | Class::Bulk) };
    (@permission $p:ident) => { Some(Permission::$p) };
    (@permission) => { None };
}

operations! {
    SIGN_IN = "access.sign_in" Command [Anonymous] reach [] Serializable repeats false per_minute 300
        "登录" "Begin a session with login and password.";
    CONFIRM_SIGN_IN = "access.confirm_sign_in" Command [Anonymous] reach [] Serializable repeats false per_minute 300
        "两步验证" "Finish a sign-in with a code of the second factor, or with a recovery code.";
    SIGN_IN_WITH_PROVIDER = "access.sign_in_with_provider" Command [Anonymous] reach [] Serializable repeats false per_minute 300
        "统一身份登录" "Begin a session through an identity provider: WeChat, the provincial portal, the e-tax bureau.";
    LINKED_IDENTITIES = "access.linked_identities" Query [Taxpayer] reach [] Serializable repeats false per_minute 60
        "已绑定账号" "The caller's accounts at identity providers.";
    UNLINK_IDENTITY = "access.unlink_identity" Command [Taxpayer] reach [] Serializable repeats false per_minute 20
        "解除绑定" "Unlink the caller's accounts at an identity provider; all sessions of the caller end.";
    SIGN_OUT = "access.sign_out" Command [Taxpayer, Officer] reach [] Serializable repeats false per_minute 20
        "退出" "End the session that calls.";
    ME = "access.me" Query [Taxpayer, Officer] reach [] Serializable repeats false per_minute 120
        "我的信息" "Who the caller is and what they may do.";
    CHANGE_PASSWORD = "access.change_password" Command [Officer] reach [] Serializable repeats false per_minute 30
        "修改密码" "Change one's own password; earlier sessions end, a new one begins.";
    ENROL_FACTOR = "access.enrol_factor" Command [Officer] reach [] Serializable repeats false per_minute 10
        "设置两步验证" "A new second factor for an authenticator; it counts once a code has confirmed it.";
    CONFIRM_FACTOR = "access.confirm_factor" Command [Officer] reach [] Serializable repeats false per_minute 20
        "启用两步验证" "Confirm the second factor with a code; recovery codes are shown once, earlier sessions end, a new one begins.";
    REMOVE_FACTOR = "access.remove_factor" Command [Officer] reach [] Serializable repeats false per_minute 20
        "停用两步验证" "Remove one's own second factor with a code; earlier sessions end, a new one begins.";
    GIVE_PASSWORD = "access.give_password" Command [Officer, System] needs ManageAccess reach [Subtree, System] Serializable repeats false per_minute 30
        "重置密码" "Give an officer a password, to be changed at the next sign-in; their sessions end.";
    RESET_FACTOR = "access.reset_factor" Command [Officer, System] needs ManageAccess reach [Subtree, System] Serializable repeats false per_minute 30
        "重置两步验证" "Take the second factor of an officer away who has lost it; their sessions end.";
    BOOTSTRAP = "access.bootstrap" Command [System] reach [System] Guarded repeats false per_minute 60
        "设置首位管理员" "Make the first administrator; refused once there has been one.";
    ISSUE_TICKET = "access.issue_ticket" Command [Taxpayer, Officer] reach [] Serializable repeats false per_minute 60
        "连接凭证" "A one-time ticket that opens the live event stream within 30 seconds.";
    ADD_AUTHORITIES = "access.add_authorities" Bulk [System] reach [] Serializable repeats false per_minute 60
        "维护机构" "Add tax authorities to the tree, parents first.";
    ADD_POST = "access.add_post" Command [System] reach [] Serializable repeats true per_minute 60
        "设置岗位" "Create a post: a named set of permissions.";
    ADD_OFFICER = "access.add_officer" Command [Officer, System] needs ManageAccess reach [] Serializable repeats true per_minute 60
        "添加人员" "Add an officer at an authority.";
    RECORD_LEAVE = "access.record_leave" Command [Officer, System] needs ManageAccess reach [Subtree, System] Serializable repeats true per_minute 60
        "人员离岗" "Note that an officer leaves; from that instant they are nobody here.";
    AUTHORITIES = "access.authorities" Query [Taxpayer, Officer] reach [Public] Serializable repeats false per_minute 240
        "税务机关" "Tax authorities that exist now, with the one above each.";
    OFFICERS = "access.officers" Query [Officer] needs ViewStaff reach [Subtree] Serializable repeats false per_minute 120
        "人员列表" "Officers within reach: all, newest first, or those found by number or name.";
    POSTS = "access.posts" Query [Officer, System] needs ViewStaff reach [] Serializable repeats false per_minute 120
        "岗位列表" "Every post and what it allows.";
    GRANTS = "access.grants" Query [Officer] needs ViewStaff reach [Subtree] Serializable repeats false per_minute 120
        "授权列表" "The posts an officer holds or held, and where.";
    SEPARATIONS = "access.separations" Query [Officer] needs ViewStaff reach [] Serializable repeats false per_minute 120
        "不相容岗位" "Permissions that one person may not hold together.";
    PROPOSE_CHANGE = "access.propose_change" Command [Officer] needs ManageAccess reach [] Guarded repeats true per_minute 60
        "提出授权变更" "Put forward a grant, a post, what is kept apart, or how a matter is approved.";
    END_GRANT = "access.end_grant" Command [Officer, System] needs ApproveAccess reach [] Serializable repeats true per_minute 60
        "收回岗位" "End a grant at once, with a reason.";
    EMERGENCY_POSTS = "access.emergency_posts" Query [Officer] needs TakeEmergencyPost reach [] Serializable repeats false per_minute 120
        "应急岗位" "The posts that may be taken in an emergency.";
    TAKE_EMERGENCY_POST = "access.take_emergency_post" Command [Officer] needs TakeEmergencyPost reach [] Guarded repeats true per_minute 60
        "应急授权" "Take an emergency post for some hours, with a reason; somebody looks at it afterwards.";
    GRANT_POST = "access.grant_post" Command [System] reach [] Guarded repeats true per_minute 60
        "授予岗位" "Give an officer a post at an authority for a time.";
    SET_PASSWORD = "access.set_password" Command [System] reach [] Serializable repeats false per_minute 60
        "设置密码" "Give a taxpayer or an officer a sign-in with a password.";
    ENROL_TAXPAYERS = "identity.enrol_taxpayers" Bulk [System] reach [] Serializable repeats false per_minute 60
        "登记纳税人" "Enrol taxpayers; personal data is sealed on the way in.";
    VIEW_TAXPAYER = "identity.view_taxpayer" Query [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Subtree] Serializable repeats false per_minute 240
        "查看纳税人" "A taxpayer's card, personal data masked.";
    TAKE_PHONE = "identity.take_phone" Command [Taxpayer] reach [Participant] Serializable repeats false per_minute 10
        "更新联系电话" "Take over the phone that the caller lets WeChat tell us.";
    REVEAL_TAXPAYER = "identity.reveal_taxpayer" AuditedQuery [Officer] needs RevealPersonalData reach [Subtree] Serializable repeats false per_minute 30
        "查看完整信息" "One field of a taxpayer unmasked, with a reason; leaves an audit record.";
    REQUEST_DISCLOSURE = "identity.request_disclosure" Command [Officer] needs RevealPersonalData reach [Subtree] Guarded repeats true per_minute 60
        "申请批量查询" "Ask for personal data of many taxpayers unmasked, with a reason; somebody else decides.";
    DISCLOSE = "identity.disclose" AuditedQuery [Officer] needs RevealPersonalData reach [Subtree] Guarded repeats false per_minute 10
        "批量查询" "Personal data of many taxpayers unmasked, as it was approved; shown once.";
    RECORD_FORMER_NUMBERS = "identity.record_former_numbers" Bulk [System] reach [] Serializable repeats false per_minute 60
        "登记曾用号码" "Write down numbers that taxpayers had before the one in use.";
    RECORD_REAL_NAMES = "identity.record_real_names" Bulk [System] reach [] Serializable repeats false per_minute 60
        "登记实名状态" "Write down findings about the real names of persons.";
    RECORD_RELATIONS = "identity.record_relations" Bulk [System] reach [] Serializable repeats false per_minute 60
        "登记关联关系" "Write down which person acts for which enterprise, as what, from when to when.";
    RECORD_ROSTER = "identity.record_roster" Bulk [System] reach [] Serializable repeats false per_minute 60
        "登记名册" "Write down which enterprises a document names as large, or as small and micro.";
    BEGIN_IMPORT = "identity.begin_import" Command [System] reach [] Serializable repeats false per_minute 60
        "开始导入" "Name a list before its rows come.";
    EXAMINE_IMPORT = "identity.examine_import" Query [System] reach [] Serializable repeats false per_minute 6000
        "试导入" "What an import would make of each row; nothing is written.";
    IMPORT_ROWS = "identity.import_rows" Bulk [System] reach [] Serializable repeats false per_minute 60
        "导入名单" "Apply the rows of a list, each with its verdict.";
    IMPORTED_ROWS = "identity.imported_rows" Query [System] reach [] Serializable repeats false per_minute 6000
        "导入结果" "What became of each row of a list.";
    COMPARE_IMPORT = "identity.compare_import" Query [System] reach [] Serializable repeats false per_minute 6000
        "核对导入" "Counts and hashes of a list and of what is kept of it.";
    TAKE_BACK_IMPORT = "identity.take_back_import" Bulk [System] reach [] Serializable repeats false per_minute 60
        "撤回导入" "Undo what a list did, where nothing depends on it yet.";
    EXAMINE_LIST = "identity.examine_list" Query [Officer] needs ImportLists reach [Subtree] Serializable repeats false per_minute 60
        "试导名单" "What an import of a list would make of each row, and how it stands with its approval; nothing is written.";
    PROPOSE_IMPORT = "identity.propose_import" Command [Officer] needs ImportLists reach [Subtree] Guarded repeats true per_minute 60
        "提出名单导入" "Put forward that a list is imported, with what would become of its rows.";
    IMPORT_LIST = "identity.import_list" Bulk [Officer] needs ImportLists reach [Subtree] Serializable repeats false per_minute 60
        "导入已批名单" "Apply the rows of a list that somebody else agreed to, each with its verdict.";
    ERASE_PERSON = "identity.erase_person" Command [System] reach [System] Serializable repeats false per_minute 60
        "删除个人信息" "Destroy a person's keys, what they are found by and how they sign in; ids stay.";
    EXPORT_PERSON = "identity.export_person" AuditedQuery [System] reach [System] Serializable repeats false per_minute 60
        "导出个人信息" "All that is kept of a person, for the person; leaves an audit record for each part.";
    REWRAP_KEYS = "identity.rewrap_keys" Bulk [System] reach [] Serializable repeats false per_minute 6000
        "更换密钥" "Wrap the keys of persons and conversations anew by the current epoch.";
    KEY_EPOCHS = "identity.key_epochs" Query [System] reach [] Serializable repeats false per_minute 60
        "密钥批次" "How many keys each epoch wraps.";
    VERIFY_SEALED = "identity.verify_sealed" Query [System] reach [System] Serializable repeats false per_minute 60
        "核验加密数据" "Whether any sealed value, key or index was altered past the door.";
    RELATIONS = "identity.relations" Query [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Subtree] Serializable repeats false per_minute 240
        "关联关系" "Who acts, or acted, for whom.";
    RELEASE_RELATION = "identity.release_relation" Command [Taxpayer, Officer] needs ManageRelations reach [Participant, Subtree] Serializable repeats true per_minute 60
        "解除关联关系" "End a relation between a person and an enterprise, with a reason.";
    GRID_OFFICERS = "grid.officers" Query [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Subtree] Serializable repeats false per_minute 240
        "网格员" "Who looks after a taxpayer, and did before.";
    ASSIGN_GRID_OFFICER = "grid.assign_officer" Command [Officer] needs ManageRelations reach [Subtree] Serializable repeats true per_minute 60
        "分配网格员" "Say who looks after a taxpayer from now on, with a reason.";
    CARD = "identity.card" Query [Officer] needs ServeTaxpayers reach [Assigned, Subtree] Serializable repeats false per_minute 240
        "实名信息" "Who is on the other side of a conversation, for which enterprise, and how that is known; personal data masked.";
    REVEAL_ON_CARD = "identity.reveal_on_card" AuditedQuery [Officer] needs RevealPersonalData reach [Assigned, Subtree] Serializable repeats false per_minute 30
        "查看卡片完整信息" "One field of somebody on a conversation's card unmasked, with a reason; leaves an audit record.";
    OPEN_LINE = "interaction.open_line" Command [System] reach [] Serializable repeats true per_minute 60
        "开设队列" "Open a waiting line where nobody is there yet to agree: when a bureau is set up.";
    PROPOSE_LINE = "interaction.propose_line" Command [Officer] needs ManageLines reach [Subtree] Guarded repeats true per_minute 60
        "设置队列" "Put forward that a line is opened or works otherwise.";
    SIGN_ENTRY = "interaction.sign_entry" Query [Officer, System] needs ManageLines reach [Subtree, System] Serializable repeats false per_minute 60
        "入口链接" "Sign an entry into a line, so that where whoever follows it comes from is known without asking.";
    LINE = "interaction.line" Query [Officer] needs ManageLines reach [Subtree] Serializable repeats false per_minute 120
        "队列设置" "A line with all that is set.";
    LINES = "interaction.lines" Query [Taxpayer, Officer] reach [Public] Serializable repeats false per_minute 240
        "队列" "The lines that take people in, and those that say why they do not.";
    ENTER = "interaction.enter" Command [Taxpayer] reach [Public] Guarded repeats true per_minute 20
        "排队" "Enter a line.";
    REQUEST_CALLBACK = "interaction.request_callback" Command [Taxpayer] reach [Participant] Guarded repeats true per_minute 20
        "留言回呼" "Keep the place in line without waiting there, and be called back.";
    POSITION = "interaction.position" Query [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Subtree] Serializable repeats false per_minute 240
        "排队位次" "How many are ahead, and an estimate of the wait.";
    LEAVE = "interaction.leave" Command [Taxpayer] reach [Participant] Guarded repeats true per_minute 20
        "离开队列" "Leave the line before being served.";
    WAITING = "interaction.waiting" Query [Officer] needs ServeTaxpayers reach [Subtree] Serializable repeats false per_minute 240
        "等待情况" "Who waits in a line, first in line first.";
    CLAIM = "interaction.claim" Command [Officer] needs ServeTaxpayers reach [Subtree] Guarded repeats true per_minute 120
        "接入" "Take the first in line.";
    PRIORITISE = "interaction.prioritise" Command [Officer] needs ManageLines reach [Subtree] Guarded repeats true per_minute 60
        "优先接待" "Let somebody who waits go before those in ordinary order, with a reason.";
    SEND = "interaction.send" Command [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned] Guarded repeats true per_minute 120
        "发送消息" "Write a message.";
    RECALL = "interaction.recall" Command [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned] Guarded repeats true per_minute 60
        "撤回消息" "Recall a message of one's own within two minutes; the record keeps it.";
    PUT_CANNED_REPLY = "interaction.put_canned_reply" Command [Officer] needs ManageLines reach [Subtree] Serializable repeats true per_minute 60
        "设置常用语" "Write or change a canned reply of an authority, for its officers and those below.";
    DELETE_CANNED_REPLY = "interaction.delete_canned_reply" Command [Officer] needs ManageLines reach [Subtree] Serializable repeats true per_minute 60
        "删除常用语" "Delete a canned reply of an authority.";
    MANAGED_CANNED_REPLIES = "interaction.managed_canned_replies" Query [Officer] needs ManageLines reach [Subtree] Serializable repeats false per_minute 120
        "常用语管理" "Canned replies of the authorities within reach.";
    PUT_OWN_CANNED_REPLY = "interaction.put_own_canned_reply" Command [Officer] needs ServeTaxpayers reach [Assigned] Serializable repeats true per_minute 60
        "设置个人常用语" "Write or change a canned reply of one's own.";
    DELETE_OWN_CANNED_REPLY = "interaction.delete_own_canned_reply" Command [Officer] needs ServeTaxpayers reach [Assigned] Serializable repeats true per_minute 60
        "删除个人常用语" "Delete a canned reply of one's own.";
    CANNED_REPLIES = "interaction.canned_replies" Query [Officer] needs ServeTaxpayers reach [Published, Assigned] Serializable repeats false per_minute 240
        "常用语" "Canned replies that the caller may use: their own, and those published by their authority or one above.";
    MARK_READ = "interaction.mark_read" Ingest [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned] Guarded repeats false per_minute 240
        "已读" "Everything up to a message was read.";
    TYPING = "interaction.typing" Ephemeral [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned] Serializable repeats false per_minute 120
        "正在输入" "The caller is typing.";
    BE_PRESENT = "interaction.be_present" Ingest [Officer] needs ServeTaxpayers reach [] Serializable repeats false per_minute 30
        "在线" "Renew an officer's presence.";
    TRANSFER = "interaction.transfer" Command [Officer] needs ServeTaxpayers reach [Assigned] Guarded repeats true per_minute 60
        "转接" "Hand a conversation to a colleague, a line or another authority, with a note.";
    OFFER_WAITING = "interaction.offer_waiting" Command [System] reach [] Guarded repeats false per_minute 6000
        "自动派单" "Offer what waits in a line to officers who are there, and pass on what was let pass.";
    OFFERS = "interaction.offers" Query [Officer] needs ServeTaxpayers reach [Subtree] Serializable repeats false per_minute 240
        "待接派单" "Conversations that are offered to the caller now.";
    ACCEPT_OFFER = "interaction.accept_offer" Command [Officer] needs ServeTaxpayers reach [Subtree] Guarded repeats true per_minute 120
        "接受派单" "Take a conversation that is offered to the caller.";
    DECLINE_OFFER = "interaction.decline_offer" Command [Officer] needs ServeTaxpayers reach [Subtree] Guarded repeats true per_minute 120
        "谢绝派单" "Let an offer pass; somebody else is asked.";
    PROMISES = "interaction.promises" Query [Officer] needs SuperviseInteraction reach [Subtree, Began] Serializable repeats false per_minute 60
        "承诺兑现" "How long people waited in the lines of one's area, and how often promises were kept.";
    WALL = "interaction.wall" Query [Officer] needs SuperviseInteraction reach [Subtree] Serializable repeats false per_minute 60
        "督导墙" "How the lines of one's area stand now: who waits too long, who is there, how many places are free.";
    HOLD = "interaction.hold" Command [Officer] needs ServeTaxpayers reach [Assigned] Guarded repeats true per_minute 60
        "挂起会话" "Put a conversation on hold for some minutes, and take others meanwhile.";
    RESUME = "interaction.resume" Command [Officer] needs ServeTaxpayers reach [Assigned] Guarded repeats true per_minute 60
        "恢复会话" "Let a conversation that is on hold go on.";
    HOLD_OVER = "interaction.hold_over" Command [System] reach [System] Guarded repeats false per_minute 6000
        "挂起到期" "Let a conversation go on whose time on hold is over.";
    JOIN = "interaction.join" Command [Officer] needs SuperviseInteraction reach [Subtree] Guarded repeats true per_minute 60
        "督导加入" "Take part in a conversation of one's area beside its officer, with a reason.";
    STEP_OUT = "interaction.step_out" Command [Officer] reach [Assigned] Guarded repeats true per_minute 60
        "督导退出" "Take part in a conversation no more.";
    WHISPER = "interaction.whisper" Command [Officer] needs SuperviseInteraction reach [Subtree] Guarded repeats true per_minute 60
        "督导提示" "Tell the officer of a conversation something that its taxpayer does not see.";
    ASK_COLLEAGUE = "interaction.ask_colleague" Command [Officer] needs ServeTaxpayers reach [Assigned] Guarded repeats true per_minute 60
        "请教同事" "Ask a colleague about a conversation; its taxpayer does not see it.";
    WHISPERS = "interaction.whispers" Query [Officer] needs ServeTaxpayers reach [Assigned] Serializable repeats false per_minute 240
        "内部提示" "Remarks of officers beside a conversation; of one that is somebody else's, those that ask the caller.";
    MERGE = "interaction.merge" Command [Officer] needs ServeTaxpayers reach [Assigned] Guarded repeats true per_minute 60
        "合并会话" "Let another conversation of the same taxpayer go on in one that the caller has.";
    PARALLEL = "interaction.parallel" Query [Officer] needs ServeTaxpayers reach [Assigned] Serializable repeats false per_minute 240
        "并行会话" "Other conversations of the same taxpayer that are not over.";
    REMIND_UNANSWERED = "interaction.remind_unanswered" Command [System] reach [System] Guarded repeats false per_minute 6000
        "超时未回" "Remind an officer of a taxpayer who waits for an answer, and tell those who supervise.";
    HOURS_OVER = "interaction.hours_over" Command [System] reach [System] Guarded repeats false per_minute 6000
        "下班转留言" "Promise those who wait in a line whose hours are over that they are called back.";
    REPLY_DUE = "interaction.reply_due" Command [System] reach [System] Guarded repeats false per_minute 6000
        "留言逾期" "Tell those who supervise of somebody who waits still for an answer that was promised by then.";
    RETURN_HELD = "interaction.return_held" Command [System] reach [] Guarded repeats false per_minute 6000
        "退回队列" "Let what an officer held who is gone wait again where it stood.";
    CLOSE = "interaction.close" Command [Officer] needs ServeTaxpayers reach [Assigned] Guarded repeats true per_minute 60
        "结束会话" "Close a conversation with an outcome.";
    CLOSE_IDLE = "interaction.close_idle" Command [System] reach [System] Guarded repeats false per_minute 6000
        "超时结束" "Close a conversation in which nobody writes any more.";
    CONVERSATION = "interaction.conversation" Query [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned, Subtree] Serializable repeats false per_minute 240
        "会话" "One conversation.";
    CONVERSATIONS = "interaction.conversations" Query [Officer] needs SuperviseInteraction reach [Subtree] Serializable repeats false per_minute 120
        "会话列表" "Conversations within reach, newest first.";
    SOURCES = "interaction.sources" Query [Officer] needs SuperviseInteraction reach [Subtree, Began] Serializable repeats false per_minute 60
        "来源渠道" "How many conversations of one's area came by each channel in a period.";
    MY_CONVERSATIONS = "interaction.mine" Query [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned] Serializable repeats false per_minute 240
        "我的会话" "The caller's own conversations, newest first.";
    MESSAGES = "interaction.messages" Query [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned] Serializable repeats false per_minute 240
        "消息" "Messages of a conversation after a number.";
    TRANSCRIPT = "interaction.transcript" AuditedQuery [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned] Serializable repeats false per_minute 30
        "会话记录" "Everything that happened in a conversation of one's own; leaves an audit record.";
    REVIEW = "interaction.review" AuditedQuery [Officer] needs SuperviseInteraction reach [Subtree] Serializable repeats false per_minute 30
        "会话检查" "Everything that happened in a conversation of one's area, with a reason; leaves an audit record.";
    ASSIGNMENTS = "interaction.assignments" Query [Officer] needs SuperviseInteraction reach [Subtree] Serializable repeats false per_minute 120
        "派单记录" "How a conversation came to its officers: why, and whether the same is decided again.";
    SET_CHANNEL = "appeal.set_channel" Command [System] reach [] Serializable repeats false per_minute 60
        "设置诉求渠道" "Set how a channel of appeals works, where nobody is there yet to agree: when a bureau is set up.";
    CHANNELS = "appeal.channels" Query [System] reach [] Serializable repeats false per_minute 6000
        "诉求渠道" "Every channel by which appeals arrive, and how it works.";
    BEGIN_COLLECTION = "appeal.begin_collection" Command [System] reach [] Serializable repeats false per_minute 60
        "开始诉求汇集" "Name a table of a channel before its rows come.";
    EXAMINE_ARRIVALS = "appeal.examine_arrivals" Query [System] reach [] Serializable repeats false per_minute 6000
        "试汇集" "What a collection would make of each row; nothing is written.";
    COLLECT = "appeal.collect" Bulk [System] reach [] Serializable repeats false per_minute 60
        "诉求汇集" "Take the rows of a channel's table in, each with its verdict.";
    COLLECTED_ROWS = "appeal.collected_rows" Query [System] reach [] Serializable repeats false per_minute 6000
        "汇集结果" "What became of each row of a channel's table.";
    TAKE_BACK_ARRIVALS = "appeal.take_back" Bulk [System] reach [] Serializable repeats false per_minute 60
        "撤回汇集" "Undo what a collection did, where nothing was answered or changed since.";
    BALANCE = "appeal.balance" Query [System] reach [] Serializable repeats false per_minute 600
        "渠道收支" "What arrived by each channel on each day, and where it stands.";
    FILE_APPEAL = "appeal.file" Command [Taxpayer] reach [Participant] Guarded repeats true per_minute 20
        "提交投诉" "File a complaint about the officer of a conversation of one's own, or about an authority; the one above handles it.";
    READ_APPEAL = "appeal.read" Query [Taxpayer, Officer] needs HandleAppeals reach [Participant, Subtree] Serializable repeats false per_minute 240
        "诉求" "One appeal: of one's own, or to be handled; kept from whom it is about and their unit.";
    MY_APPEALS = "appeal.mine" Query [Taxpayer] reach [Participant] Serializable repeats false per_minute 120
        "我的诉求" "The caller's own appeals, newest first.";
    APPEALS = "appeal.list" Query [Officer] needs HandleAppeals reach [Subtree] Serializable repeats false per_minute 120
        "诉求列表" "Appeals to be handled within reach, newest first; without those about the caller or their unit.";
    ANSWER_APPEAL = "appeal.answer" Command [Officer] needs HandleAppeals reach [Subtree] Guarded repeats true per_minute 60
        "答复诉求" "Answer an appeal, once; the taxpayer reads it.";
    EXPORT_TRANSCRIPT = "interaction.export_transcript" AuditedQuery [Taxpayer] reach [Participant] Serializable repeats false per_minute 30
        "导出会话记录" "A conversation of one's own to take away: text, a page to print, or JSON with its hash.";
    EXPORT_REVIEWED = "interaction.export_reviewed" AuditedQuery [Officer] needs SuperviseInteraction reach [Subtree] Serializable repeats false per_minute 30
        "导出会话记录（检查）" "A conversation of one's area to take away, with a reason; leaves an audit record.";
    SEARCH = "interaction.search" Query [Taxpayer, Officer] needs ServeTaxpayers reach [Participant, Assigned] Serializable repeats false per_minute 60
        "查找聊天记录" "Topics and messages of the caller's own conversations that hold a text, newest first.";
    RATING_REASONS = "interaction.rating_reasons" Query [Taxpayer, Officer] reach [Public] Serializable repeats false per_minute 120
        "评价指标" "The reasons that may be given with a rating.";
    RATE = "interaction.rate" Command [Taxpayer] reach [Participant] Guarded repeats true per_minute 60
        "服务评价" "Rate a conversation of one's own after its end, once; a low grade is followed up.";
    RATING = "interaction.rating" Query [Taxpayer] reach [Participant] Serializable repeats false per_minute 240
        "我的评价" "How a conversation of one's own stands with its rating, and what was answered to it.";
    FOLLOW_UPS = "interaction.follow_ups" Query [Officer] needs SuperviseInteraction reach [Subtree] Serializable repeats false per_minute 120
        "差评处理" "Low ratings of one's area and how they are followed up, newest first.";
    ANSWER_FOLLOW_UP = "interaction.answer_follow_up" Command [Officer] needs SuperviseInteraction reach [Subtree] Guarded repeats true per_minute 60
        "差评整改" "Say what was put right or explained after a low rating of somebody else.";
    REVISIT_FOLLOW_UP = "interaction.revisit_follow_up" Command [Officer] needs SuperviseInteraction reach [Subtree] Guarded repeats true per_minute 60
        "差评回访" "Write down what a call-back about a low rating of somebody else heard.";
    FOLLOW_UP_DUE = "interaction.follow_up_due" Command [System] reach [System] Guarded repeats false per_minute 6000
        "差评逾期" "Note that a low rating was not answered in time.";
    RECOMPUTE_DUE = "interaction.recompute_due" Command [System] reach [System] Guarded repeats false per_minute 6000
        "期限重算" "Compute anew what was due by an earlier calendar.";
    CALENDAR_YEAR = "calendar.year" Query [Taxpayer, Officer, System] reach [Public] Serializable repeats false per_minute 120
        "工作日历" "Each day of a year: worked or not, why, and by which document.";
    FILING_PERIODS = "calendar.filing_periods" Query [Taxpayer, Officer, System] reach [Public] Serializable repeats false per_minute 120
        "征期日历" "The last day of each filing month of a year, and on what it rests.";
    LEGAL_NUMBERS = "calendar.legal_numbers" Query [Taxpayer, Officer, System] reach [Public] Serializable repeats false per_minute 120
        "法定数值" "Numbers that laws and notices set, each with the days from which it holds and its document.";
    DUE = "calendar.due" Query [Taxpayer, Officer, System] reach [Public] Serializable repeats false per_minute 120
        "期限计算" "When a term of working days or of office time ends.";
    PROPOSE = "calendar.propose" Command [Officer] needs ProposeCalendar reach [] Guarded repeats true per_minute 60
        "提出日历变更" "Propose a notice of working days, a year of filing periods, a legal number, or office hours.";
    APPROVALS = "approval.list" Query [Officer, System] reach [] Serializable repeats false per_minute 120
        "审批单" "What was put forward for approval and what became of it, as far as it concerns the caller, newest first.";
    APPROVE = "approval.approve" Command [Officer] reach [] Guarded repeats true per_minute 60
        "同意" "Agree to what somebody else put forward, where one's post, or that of whom one stands in for, decides.";
    REJECT = "approval.reject" Command [Officer] reach [] Guarded repeats true per_minute 60
        "退回" "Reject what somebody else put forward, with a reason; that is final.";
    WITHDRAW = "approval.withdraw" Command [Officer] reach [] Guarded repeats true per_minute 60
        "撤回" "Take back what one put forward, before it takes effect.";
    EXECUTE = "approval.execute" Command [Officer] reach [] Guarded repeats true per_minute 60
        "执行" "Carry out what was approved, where the rule names the caller for it.";
    DELEGATE = "approval.delegate" Command [Officer] reach [] Serializable repeats true per_minute 60
        "设置代理人" "Let another officer decide in one's place for a time.";
    DELEGATIONS = "approval.delegations" Query [Officer] reach [] Serializable repeats false per_minute 120
        "代理情况" "For whom the caller stands in, and who stands in for the caller.";
    END_DELEGATION = "approval.end_delegation" Command [Officer] reach [] Serializable repeats true per_minute 60
        "取消代理" "End a delegation of one's own, now.";
    CONTROL_RULES = "control.rules" Query [Officer] needs ReviewControl reach [] Serializable repeats false per_minute 120
        "内控规则" "The rules of built-in control as they are in force.";
    CONTROL_ALERTS = "control.alerts" Query [Officer] needs ReviewControl reach [Subtree] Serializable repeats false per_minute 120
        "内控预警" "What built-in control found in the caller's area, newest first.";
    REVIEW_ALERT = "control.review_alert" Command [Officer] needs ReviewControl reach [Subtree] Guarded repeats true per_minute 60
        "核查预警" "Say what an alert about somebody else was: confirmed or in order, with a reason.";
    SCREEN = "control.screen" Command [System] reach [] Guarded repeats false per_minute 6000
        "事后筛查" "Write down what screening the audit trail found.";
    RECORD_DENIALS = "control.record_denials" Ingest [System] reach [] Serializable repeats false per_minute 6000
        "越权记录" "Write down how often callers were refused.";
    CONTROL_REPORT = "control.report" Query [System] reach [] Serializable repeats false per_minute 60
        "内控报告" "What built-in control found in a period and what became of it; how approval and separation were kept.";
    EVENTS = "journal.events" Query [Taxpayer, Officer] reach [Participant, Assigned, Public] Serializable repeats false per_minute 600
        "事件" "Events after a cursor that concern the caller.";
    AUDIT_VERIFICATION = "audit.verification" Query [Officer, System] needs ReadAudit reach [] Serializable repeats false per_minute 60
        "审计校验状态" "How far the host has verified the audit trail, and what it found.";
    READ_AUDIT = "audit.read" AuditedQuery [Officer, System] needs ReadAudit reach [] Serializable repeats false per_minute 60
        "审计查询" "Audit records, oldest first.";
    SEAL_AUDIT = "audit.seal" Command engine [System] reach [] Guarded repeats false per_minute 6000
        "审计封存" "Chain the audit records that are not chained yet.";
    CHECKPOINT_AUDIT = "audit.checkpoint" Command engine [System] reach [] Guarded repeats false per_minute 600
        "审计签名" "Sign the head of the audit chain for the second sink.";
    RUN_DUE = "agenda.run_due" Command engine [System] reach [] Guarded repeats false per_minute 6000
        "到期任务" "Lease and run what is due.";
    LEASE_DELIVERIES = "delivery.lease" Command engine [System] reach [] Guarded repeats false per_minute 6000
        "领取投递" "Take deliveries to bring to outside systems.";
    SETTLE_DELIVERY = "delivery.settle" Command engine [System] reach [] Guarded repeats false per_minute 6000
        "投递结果" "Say how a delivery ended.";
    TOUCH_SESSIONS = "access.touch_sessions" Ingest [System] reach [] Serializable repeats false per_minute 6000
        "会话活动" "Write down when sessions were last used.";
    FORGET_KEYS = "door.forget_keys" Command engine [System] reach [] Serializable repeats false per_minute 600
        "清理过期数据" "Forget idempotency keys, deliveries and progress of lists older than their retention, and proofs and tickets whose time is over.";
}

/// The operation with this name.
pub fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|o| o.name == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_officer_operation_on_objects_needs_a_permission() {
        let mut names: Vec<&str> = OPERATIONS.iter().map(|o| o.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OPERATIONS.len());
        for o in OPERATIONS {
            assert!(!o.callers.is_empty(), "{} may be called by nobody", o.name);
            if o.reach.contains(&Reach::Subtree) {
                assert!(o.permission.is_some(), "{} reaches a subtree without a permission", o.name);
            }
        }
    }
}
