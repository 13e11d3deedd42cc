//! Who acts.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use super::{AuthorityPath, Duty};
use crate::error::Error;
use crate::id::{OfficerId, TaxpayerId};
use crate::operation::{Caller, Operation};
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
        /// Give officers new passwords and take lost second factors away.
        ManageAccess = "manage_access",
    }
}

impl Permission {
    /// Whether it belongs to the administration plane: whoever holds it signs in with a second factor, and uses it
    /// only from the networks a host names for administration.
    pub const fn administrative(self) -> bool {
        match self {
            Self::ServeTaxpayers
            | Self::SuperviseInteraction
            | Self::ManageLines
            | Self::ProposeCalendar
            | Self::ApproveCalendar
            | Self::RevealPersonalData
            | Self::ManageRelations => false,
            Self::ReadAudit | Self::ManageAccess => true,
        }
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
        Some(Self { kind: *ActorKind::ALL.get(usize::from(*tag))?, id: Uuid::from_slice(id).ok()? })
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
    /// Their posts.
    pub posts: Vec<HeldPost>,
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
        self.posts.iter().any(|p| p.permissions.contains(&permission))
    }

    /// Whether any post held now belongs to the administration plane.
    pub fn administers(&self) -> bool {
        self.posts.iter().flat_map(|p| &p.permissions).any(|p| p.administrative())
    }
}

/// The static part of authorisation: may this kind of caller, with these posts, call the operation at all?
pub fn admit(operation: &'static Operation, actor: &Actor) -> Result<(), Error> {
    if !operation.callers.contains(&actor.caller()) {
        return Err(match actor {
            Actor::Anonymous => Error::SignInRequired,
            _ => Error::Denied { operation: operation.name },
        });
    }
    if let Actor::Officer(officer) = actor
        && let Some(duty) = officer.duty.filter(|duty| !duty.admits(operation))
    {
        return Err(duty.refusal());
    }
    match (actor, operation.permission) {
        (Actor::Officer(officer), Some(permission)) if !officer.may(permission) => Err(Error::Denied { operation: operation.name }),
        _ => Ok(()),
    }
}
