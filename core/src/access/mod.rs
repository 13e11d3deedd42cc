//! Who may do what: the authority tree, posts and permissions, sessions, and scopes.
//!
//! A [`Scope`] can be built only here; a list cannot be read without one. An object fetched by id comes out
//! [`Unchecked`] and is opened by [`check`]: the same terms decide both, so that a list and a single object can
//! never disagree about who may see what.

mod actor;
mod authority;
mod bootstrap;
mod change;
mod duty;
mod emergency;
mod integrity;
mod named;
mod officer;
mod password;
mod post;
mod provider;
mod scope;
mod second_factor;
mod separation;
mod session;
mod sign_in;
mod strange_login;
mod trail;

pub(crate) use actor::my_permissions;
pub use actor::{Actor, ActorKind, ActorRef, HeldPost, MyPermission, OfficerActor, Permission, Plane, admit};
pub use authority::{Authority, AuthorityKind, AuthorityPage, AuthorityPath, AuthorityView, NewAuthority, add_authorities, authorities};
pub(crate) use authority::{above, codes_by_name, name_of, path_named, path_of, top_of};
pub use bootstrap::{ADMINISTRATOR_POST, Bootstrap, Bootstrapped, bootstrap};
pub use change::{AccessChange, ProposeChange, propose_change};
pub(crate) use change::{carry_out, changes, within_posts};
pub use duty::Duty;
pub use emergency::{TakeEmergencyPost, emergency_posts, take_emergency_post};
pub(crate) use emergency::{emergency_is_over, end_emergency};
pub use integrity::{Integrity, Sealed};
pub(crate) use integrity::{add_sealed, altered, genuine, replace_sealed};
pub use named::Named;
pub(crate) use named::{named_officer, named_post};
pub use officer::{
    AddOfficer, LeaveRecorded, Officer, OfficerAdded, OfficerView, Officers, RecordLeave, add_officer, officers, record_leave,
};
pub(crate) use officer::{find_officer, staff_no_of};
pub use password::{ChangePassword, GivePassword, PasswordChange, PastPassword, change_password, give_password};
pub(crate) use password::{not_within_given, own_passwords};
pub use post::{
    AddPost, EndGrant, Grant, GrantEnded, GrantPost, GrantView, Granted, OfficerPlane, Permissions, Post, PostAdded, PostView, SetPost,
    add_post, end_grant, grant_post, grants, posts,
};
pub(crate) use post::{find_post, plane_of};
pub use provider::{
    Account, AssertedRelation, Assertion, IdentityProvider, LinkTicket, LinkedIdentity, LinkedProvider, Once, PhoneProvider, PortalTickets,
    Proof, Provider, ProviderError, ProviderOutcome, ProviderSignIn, SignInWithProvider, TicketKeyError, UnlinkIdentity, Unlinked,
    UsedProof, VerifiedPerson, linked_identities, sign_in_with_provider, unlink_identity,
};
pub(crate) use provider::{link_ticket_stands, linked_of, within_a_proof};
pub use scope::{Bar, Checked, Engine, Scope, Term, Unchecked, check};
pub(crate) use second_factor::within_a_code;
pub use second_factor::{
    Challenge, ConfirmSignIn, EnrolFactor, FactorCode, FactorConfirmed, FactorEnrolled, FactorReset, RecoveryCode, ResetFactor,
    SecondFactor, SecondStep, confirm_factor, confirm_sign_in, enrol_factor, remove_factor, reset_factor,
};
pub use separation::{Separation, SeparationView, SetSeparation};
pub(crate) use separation::{compatible, separations};
pub use session::{
    Authenticated, IssueTicket, SessionRow, SessionTimes, SignOut, SignedOut, SocketTicket, TicketIssued, Touch, issue_ticket, sign_out,
    touch,
};
pub(crate) use session::{authenticate_used, end_sessions, holds_at, officer_actor, redeem, session_times};
pub(crate) use sign_in::credential_of;
pub use sign_in::{
    Attempt, Credential, Credentials, Me, PasswordSet, SetPassword, SignInEnd, SignInOutcome, SignedIn, me, set_password, sign_in,
};
pub(crate) use sign_in::{compare, forget_sign_ins, shut_out};
pub use strange_login::StrangeLogin;
pub(crate) use trail::{Distrusted, Rights, RightsTrail};
pub use trail::{RightsFinding, RightsFindingKind, RightsVerdict};
