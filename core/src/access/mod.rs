//! Who may do what: the authority tree, posts and permissions, sessions, and scopes.
//!
//! A [`Scope`] can be built only here; a list cannot be read without one. An object fetched by id comes out
//! [`Unchecked`] and is opened by [`check`]: the same terms decide both, so that a list and a single object can
//! never disagree about who may see what.

mod actor;
mod authority;
mod bootstrap;
mod duty;
mod officer;
mod password;
mod post;
mod provider;
mod scope;
mod second_factor;
mod session;
mod sign_in;

pub use actor::{Actor, ActorKind, ActorRef, HeldPost, OfficerActor, Permission, admit};
pub(crate) use authority::root_of;
pub use authority::{Authority, AuthorityKind, AuthorityPath, NewAuthority, add_authorities, path_of};
pub use bootstrap::{ADMINISTRATOR_POST, Bootstrap, Bootstrapped, bootstrap};
pub use duty::Duty;
pub(crate) use officer::find_officer;
pub use officer::{AddOfficer, Officer, OfficerAdded, add_officer};
pub(crate) use password::own_passwords;
pub use password::{ChangePassword, GivePassword, PasswordChange, PastPassword, change_password, give_password};
pub(crate) use post::find_post;
pub use post::{AddPost, Grant, GrantPost, Granted, Permissions, Post, PostAdded, add_post, grant_post};
pub use provider::{
    Account, AssertedRelation, Assertion, IdentityProvider, LinkTicket, LinkedIdentity, LinkedProvider, Once, PhoneProvider, PortalTickets,
    Proof, Provider, ProviderError, ProviderOutcome, ProviderSignIn, SignInWithProvider, TicketKeyError, UnlinkIdentity, Unlinked,
    UsedProof, VerifiedPerson, linked_identities, sign_in_with_provider, unlink_identity,
};
pub(crate) use provider::{link_ticket_stands, within_a_proof};
pub use scope::{Checked, Engine, Scope, Term, Unchecked, check};
pub(crate) use second_factor::within_a_code;
pub use second_factor::{
    Challenge, ConfirmSignIn, EnrolFactor, FactorCode, FactorConfirmed, FactorEnrolled, FactorReset, RecoveryCode, ResetFactor,
    SecondFactor, SecondStep, confirm_factor, confirm_sign_in, enrol_factor, remove_factor, reset_factor,
};
pub use session::{
    Authenticated, IssueTicket, SessionRow, SignOut, SignedOut, SocketTicket, TicketIssued, Touch, authenticate, issue_ticket, redeem,
    sign_out, touch,
};
pub(crate) use session::{authenticate_used, end_sessions, officer_actor};
pub(crate) use sign_in::compare;
pub use sign_in::{
    Attempt, Credential, Credentials, Me, PasswordSet, SetPassword, SignInOutcome, SignedIn, credential_of, me, set_password, sign_in,
};
