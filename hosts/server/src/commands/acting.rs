//! An officer who acts at the command line: signs in with their own password and second factor, and out again.

use clap::Args;
use zhengna_core::access::{Authenticated, Credentials, SecondStep, SignedIn};
use zhengna_core::error::Refusal;
use zhengna_core::{Core, Error, Session};

use super::audit::rights_of;
use super::typed;
use crate::failure::{Exit, Failure};
use crate::open::Mode;
use crate::output::{self, say};

/// Where these sign-ins come from, as the audit trail says it.
const FROM: &str = "command line";

#[derive(Args)]
pub(super) struct Officer {
    /// Your staff number (工号). Standard input has the password in its first line and, where you have a second factor, the code of
    /// your authenticator (or a recovery code) in its second. Signing in here ends your session elsewhere.
    #[arg(long, value_name = "STAFF_NO")]
    pub(super) officer: String,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Officer {
    /// Signs the officer in, acts, and signs out again.
    pub(super) fn acts(
        self,
        open: impl FnOnce(Mode) -> Result<Core, Failure>,
        act: impl FnOnce(&Session) -> Result<(serde_json::Value, String), Error>,
    ) -> Result<(), Failure> {
        let password = typed::line()?.to_string();
        let core = open(Mode::Existing)?;
        // No host has compared yet for this process: what the trail speaks against must give this officer nothing.
        rights_of(&core)?;
        let signed_in = sign_in(&core, Credentials { login: self.officer, password })?;
        let caller: Authenticated = core.authenticate(&signed_in.token)?;
        let session = core.as_actor(caller.actor.clone());
        let acted = act(&session);
        session.access().sign_out(&caller).wait()?;
        core.seal_audit()?;
        let (as_json, text) = acted?;
        if self.json {
            output::json(&as_json)
        } else {
            say(text)
        }
        Ok(())
    }
}

/// With the password, and with a second factor where there is one.
fn sign_in(core: &Core, credentials: Credentials) -> Result<SignedIn, Failure> {
    let challenge = match core.sign_in(&credentials, FROM) {
        Err(Error::Refused(Refusal::SecondFactorNeeded(challenge))) => challenge.0,
        done => return Ok(done?),
    };
    let code = typed::line()?.to_string();
    if code.is_empty() {
        return Err(Failure::new(Exit::Usage, "the second factor is needed")
            .advise("Give the code of the authenticator, or a recovery code, in the second line of standard input. Nothing was changed."));
    }
    Ok(core.confirm_sign_in(SecondStep { challenge, code }, FROM)?.wait()?.into_result()?)
}
