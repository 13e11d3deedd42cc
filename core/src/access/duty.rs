//! What an officer must do before anything else: change a password that is not theirs alone, enrol a second factor.

use super::{ActorKind, ActorRef, Credential, OfficerActor, second_factor};
use crate::clock::Timestamp;
use crate::error::{Error, Refusal};
use crate::limits;
use crate::operation::{self, Operation};
use crate::store::{ReadTx, Reads};

words! {
    /// What an officer must do before anything else.
    pub enum Duty {
        /// Change the password: somebody else gave it, or it is too old.
        ChangePassword = "change_password",
        /// Enrol a second factor: a post of theirs belongs to the administration plane.
        EnrolSecondFactor = "enrol_second_factor",
    }
}

impl Duty {
    /// Whether an operation may be called while the duty is not done.
    pub(super) fn admits(self, operation: &Operation) -> bool {
        let doing: &[&Operation] = match self {
            Self::ChangePassword => &[&operation::CHANGE_PASSWORD],
            Self::EnrolSecondFactor => &[&operation::ENROL_FACTOR, &operation::CONFIRM_FACTOR],
        };
        [&operation::ME, &operation::SIGN_OUT].iter().chain(doing).any(|allowed| **allowed == *operation)
    }

    pub(super) fn refusal(self) -> Error {
        Error::Refused(match self {
            Self::ChangePassword => Refusal::PasswordChangeNeeded,
            Self::EnrolSecondFactor => Refusal::SecondFactorRequired,
        })
    }
}

/// What the officer must do, looked up at every call: a post granted or a factor taken away counts at once, in
/// sessions that are open too.
pub(super) fn of(tx: &mut dyn ReadTx, now: Timestamp, officer: &OfficerActor) -> Result<Option<Duty>, Error> {
    let whose = ActorRef { kind: ActorKind::Officer, id: officer.id.uuid() };
    let credential = tx.find_by::<Credential>(Credential::BY_ACTOR, (whose,))?.map(|c| c.trust("the caller's own sign-in").into_inner());
    if credential.is_some_and(|c| c.given_by.is_some() || now >= c.set_at.plus(limits::OFFICER_PASSWORD_AGE_MAX)) {
        return Ok(Some(Duty::ChangePassword));
    }
    let lacking = officer.administers() && second_factor::confirmed(tx, officer.id)?.is_none();
    Ok(lacking.then_some(Duty::EnrolSecondFactor))
}
