//! Who may do what: the authority tree, posts and permissions, sessions, and scopes.
//!
//! A [`Scope`] can be built only here; a list cannot be read without one. An object fetched by id comes out
//! [`Unchecked`] and is opened by [`check`]: the same terms decide both, so that a list and a single object can
//! never disagree about who may see what.

mod actor;
mod authority;
mod officer;
mod post;
mod scope;
mod session;
mod sign_in;

pub use actor::{Actor, ActorKind, ActorRef, HeldPost, OfficerActor, Permission, admit};
pub use authority::{Authority, AuthorityKind, AuthorityPath, NewAuthority, add_authorities, path_of};
pub(crate) use officer::find_officer;
pub use officer::{AddOfficer, Officer, OfficerAdded, add_officer};
pub(crate) use post::find_post;
pub use post::{AddPost, Grant, GrantPost, Granted, Permissions, Post, PostAdded, add_post, grant_post};
pub use scope::{Checked, Engine, Scope, Term, Unchecked, check};
pub use session::{
    Authenticated, IssueTicket, SessionRow, SignOut, SignedOut, SocketTicket, TicketIssued, Touch, authenticate, issue_ticket, redeem,
    sign_out, touch,
};
pub(crate) use session::{authenticate_used, officer_actor};
pub(crate) use sign_in::compare;
pub use sign_in::{
    Attempt, Credential, Credentials, Me, PasswordSet, SetPassword, SignInOutcome, SignedIn, credential_of, me, set_password, sign_in,
};
