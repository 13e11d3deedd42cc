//! Who acts.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::{AuthorityPath, Bar, Duty};
use crate::error::Error;
use crate::id::{OfficerId, TaxpayerId};
use crate::identity::AuthorityCode;
use crate::operation::{Caller, Operation};
use crate::planted::{Bug, planted};
use crate::store::{Field, Kind, Value};

words! {
    /// What a post allows.
    pub enum Permission {
        /// Take people from lines and talk to them.
        ServeTaxpayers = "serve_taxpayers",
        /// Read conversations of one's area.
        SuperviseInteraction = "supervise_interaction",
        /// Open and change lines.
        ManageLines = "manage_lines",
        /// Propose changes of the calendar: notices, filing periods, office hours.
        ProposeCalendar = "propose_calendar",
        /// Approve or reject changes of the calendar that somebody else proposed.
        ApproveCalendar = "approve_calendar",
        /// See personal data unmasked, one field at a time, with a reason.
        RevealPersonalData = "reveal_personal_data",
        /// Release relations between people and enterprises of one's area.
        ManageRelations = "manage_relations",
        /// Read the audit trail.
        ReadAudit = "read_audit",
        /// Keep the accounts of officers: add them, note that they left, give new passwords; put forward posts and grants.
        ManageAccess = "manage_access",
        /// Approve posts, grants, and the rules about them; end grants.
        ApproveAccess = "approve_access",
        /// See officers, the posts there are and who holds them.
        ViewStaff = "view_staff",
        /// Agree that personal data of many taxpayers is shown unmasked.
        ApproveDisclosure = "approve_disclosure",
        /// Take an emergency post for some hours, which is looked at afterwards.
        TakeEmergencyPost = "take_emergency_post",
        /// Read and answer the complaints that one's area handles: about officers and authorities below it.
        HandleAppeals = "handle_appeals",
        /// Look at the alerts of built-in control about other people of one's area, and say what they were.
        ReviewControl = "review_control",
        /// Put lists of taxpayers forward and import those that somebody else agreed to; agree to those of others. Counts at the province.
        ImportLists = "import_lists",
    }
}

words! {
    /// What an account is for. One account is for one of them, for good: whoever administers handles no taxpayer's affairs, and the
    /// three administrators are three people (三员分立, GB/T 22239-2019 8.1.5). Somebody who changes sides gets another account.
    pub enum Plane {
        /// Taxpayers' affairs.
        Business = "business",
        /// 系统管理员: accounts; grants nothing.
        System = "system",
        /// 安全管理员: agrees to posts and grants; makes no account.
        Security = "security",
        /// 审计管理员: reads the trail; changes nothing.
        Audit = "audit",
    }
}

impl Permission {
    /// The one kind of account it belongs to; none where it goes with each kind of administrator.
    pub const fn plane(self) -> Option<Plane> {
        match self {
            Self::ServeTaxpayers
            | Self::SuperviseInteraction
            | Self::ManageLines
            | Self::ProposeCalendar
            | Self::ApproveCalendar
            | Self::RevealPersonalData
            | Self::ManageRelations
            | Self::ApproveDisclosure
            | Self::HandleAppeals
            | Self::ImportLists
            | Self::TakeEmergencyPost => Some(Plane::Business),
            // 督察内审 is a department of each bureau, with that bureau's area; most alerts are about business, and those about the
            // three administrators are looked at by somebody who is none of them.
            Self::ReviewControl => Some(Plane::Business),
            Self::ManageAccess => Some(Plane::System),
            Self::ApproveAccess => Some(Plane::Security),
            Self::ReadAudit => Some(Plane::Audit),
            Self::ViewStaff => None,
        }
    }

    /// Whether it belongs to the administration plane: whoever holds it signs in with a second factor, and uses it
    /// only from the networks a host names for administration.
    pub const fn administrative(self) -> bool {
        !matches!(self.plane(), Some(Plane::Business))
    }
}

words! {
    /// Kind of an actor.
    pub enum ActorKind {
        /// Nobody signed in.
        Anonymous = "anonymous",
        /// A taxpayer.
        Taxpayer = "taxpayer",
        /// An officer.
        Officer = "officer",
        /// The host itself.
        System = "system",
    }
}

/// An actor as records name them: kind and id, never a name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorRef {
    /// Kind.
    pub kind: ActorKind,
    /// Id; nil for the anonymous and the system.
    pub id: Uuid,
}

impl ActorRef {
    /// Reads what `Display` wrote of a taxpayer or an officer.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('/')?;
        let kind = ActorKind::parse(kind).filter(|k| matches!(k, ActorKind::Taxpayer | ActorKind::Officer))?;
        Some(Self { kind, id: Uuid::try_parse(id).ok()? })
    }
}

impl fmt::Display for ActorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ActorKind::Anonymous | ActorKind::System => f.write_str(self.kind.as_str()),
            _ => write!(f, "{}/{}", self.kind.as_str(), self.id),
        }
    }
}

impl fmt::Debug for ActorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ActorRef {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl Field for ActorRef {
    const KIND: Kind = Kind::Bytes;
    fn encode(&self) -> Value {
        let tag = ActorKind::ALL.iter().position(|k| *k == self.kind).unwrap_or(0) as u8; // ALL lists every kind
        Value::Bytes(std::iter::once(tag).chain(*self.id.as_bytes()).collect())
    }
    fn decode(value: Value) -> Option<Self> {
        let Value::Bytes(bytes) = value else { return None };
        let (tag, id) = bytes.split_first()?;
        let (kind, id) = (*ActorKind::ALL.get(usize::from(*tag))?, Uuid::from_slice(id).ok()?);
        // Nobody in particular has no id: one would be no part of what the audit chain says of them.
        let nameless = matches!(kind, ActorKind::Anonymous | ActorKind::System);
        (!nameless || id.is_nil()).then_some(Self { kind, id })
    }
}

/// A post an officer holds now.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldPost {
    /// Where, with all authorities above.
    pub authority: AuthorityPath,
    /// What it allows.
    pub permissions: Vec<Permission>,
}

/// An officer with the posts held at the moment of the call.
#[derive(Clone, Debug, PartialEq)]
pub struct OfficerActor {
    /// Who.
    pub id: OfficerId,
    /// The authority they belong to, with all above.
    pub authority: AuthorityPath,
    /// How many conversations they may have at once.
    pub capacity: u32,
    /// Their posts.
    pub posts: Vec<HeldPost>,
    /// Permissions that their posts give and that do not go together: none of them counts.
    pub apart: Vec<Permission>,
    /// What they must do before anything else.
    pub duty: Option<Duty>,
}

/// Who acts. Made by authentication; the host has no other way to act for a person.
#[derive(Clone, Debug, PartialEq)]
pub enum Actor {
    /// Nobody signed in.
    Anonymous,
    /// A taxpayer.
    Taxpayer(TaxpayerId),
    /// An officer.
    Officer(Arc<OfficerActor>),
    /// The host itself: timers, sealing, delivery, the command line.
    System,
}

impl Actor {
    /// How records name this actor.
    pub fn as_ref(&self) -> ActorRef {
        match self {
            Self::Anonymous => ActorRef { kind: ActorKind::Anonymous, id: Uuid::nil() },
            Self::Taxpayer(id) => ActorRef { kind: ActorKind::Taxpayer, id: id.uuid() },
            Self::Officer(officer) => ActorRef { kind: ActorKind::Officer, id: officer.id.uuid() },
            Self::System => ActorRef { kind: ActorKind::System, id: Uuid::nil() },
        }
    }

    fn caller(&self) -> Caller {
        match self {
            Self::Anonymous => Caller::Anonymous,
            Self::Taxpayer(_) => Caller::Taxpayer,
            Self::Officer(_) => Caller::Officer,
            Self::System => Caller::System,
        }
    }

    /// The taxpayer's id, where a taxpayer acts.
    pub(crate) fn taxpayer(&self) -> Result<TaxpayerId, Error> {
        if let Self::Taxpayer(id) = self { Ok(*id) } else { Err(Error::SignInRequired) }
    }

    /// The officer, where one acts.
    pub(crate) fn officer(&self) -> Result<&OfficerActor, Error> {
        if let Self::Officer(officer) = self { Ok(officer) } else { Err(Error::SignInRequired) }
    }
}

impl OfficerActor {
    /// Whether any post held now gives `permission`.
    pub fn may(&self, permission: Permission) -> bool {
        !self.apart.contains(&permission) && self.posts.iter().any(|p| p.permissions.contains(&permission))
    }

    /// Whether a post at this authority, or above it, gives `permission`.
    pub fn may_at(&self, permission: Permission, path: &AuthorityPath) -> bool {
        let mut posts = self.posts.iter().filter(|p| p.permissions.contains(&permission)).filter_map(|p| p.authority.own());
        !self.apart.contains(&permission) && posts.any(|held| path.codes().contains(&held))
    }

    /// Whether a bar means this officer: by who they are, the authority they belong to, or any post held now.
    pub(crate) fn is_meant_by(&self, bar: &Bar) -> bool {
        match bar {
            Bar::Officer(id) => *id == self.id,
            Bar::Unit(unit) => {
                let mut places = std::iter::once(&self.authority).chain(self.posts.iter().map(|post| &post.authority));
                places.any(|path| path.codes().contains(unit))
            }
        }
    }

    /// Whether any post held now belongs to the administration plane.
    pub fn administers(&self) -> bool {
        self.posts.iter().flat_map(|p| &p.permissions).any(|p| p.administrative())
    }
}

/// An operation the caller may call, with what a console needs to show it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MyPermission {
    /// The operation.
    pub operation: &'static str,
    /// What it does, in Chinese: a menu's text.
    pub title: &'static str,
    /// Whether it belongs to the administration plane.
    pub administrative: bool,
    /// The authorities where, with all below them, for an operation that a post allows; absent where the operation is about the
    /// caller's own things.
    pub authorities: Option<Vec<AuthorityCode>>,
}

/// What the caller may do and where: from the operation table, the same that the door holds them to.
pub(crate) fn my_permissions(actor: &Actor) -> Vec<MyPermission> {
    let allowed = crate::operation::OPERATIONS.iter().filter(|o| admit(o, actor).is_ok());
    let mine = allowed.map(|o| MyPermission {
        operation: o.name,
        title: o.title,
        administrative: o.administrative(),
        authorities: match (actor, o.permission) {
            (Actor::Officer(officer), Some(permission)) => {
                let posts = officer.posts.iter().filter(|p| p.permissions.contains(&permission));
                let mut at: Vec<AuthorityCode> = posts.filter_map(|p| p.authority.own()).collect();
                at.sort_unstable();
                at.dedup();
                Some(at)
            }
            _ => None,
        },
    });
    mine.collect()
}

/// The static part of authorisation: may this kind of caller, with these posts, call the operation at all?
pub fn admit(operation: &'static Operation, actor: &Actor) -> Result<(), Error> {
    let let_in = planted(Bug::CallerKindUncompared) && *actor != Actor::Anonymous;
    if !operation.callers.contains(&actor.caller()) && !let_in {
        return Err(match actor {
            Actor::Anonymous => Error::SignInRequired,
            _ => Error::Denied { operation: operation.name },
        });
    }
    if let Actor::Officer(officer) = actor
        && let Some(duty) = officer.duty.filter(|duty| !duty.admits(operation) && !planted(Bug::DutyIgnored))
    {
        return Err(duty.refusal());
    }
    match (actor, operation.permission) {
        (Actor::Officer(officer), Some(permission)) if !officer.may(permission) && !planted(Bug::PermissionUncompared) => {
            Err(Error::Denied { operation: operation.name })
        }
        _ => Ok(()),
    }
}
