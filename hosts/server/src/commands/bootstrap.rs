//! `zhengna bootstrap`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::json;
use zeroize::Zeroizing;
use zhengna_core::access::{ADMINISTRATOR_POST, AddOfficer};
use zhengna_core::crypto::password_rules;
use zhengna_core::error::Refusal;
use zhengna_core::identity::AuthorityCode;
use zhengna_core::{Error, limits};

use super::{configured, typed};
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, say};
use crate::secret_file;

/// Makes the first administrator, once.
///
/// A new installation has no account at all. This makes the first, with the post 系统管理员, and is refused for ever
/// after: also when that officer has left, and by every host of the database. The password is read from a file that
/// only its owner can read, or from standard input, and never from an argument, which others on the machine could see.
#[derive(Args)]
#[command(group(ArgGroup::new("password").required(true)), after_help = "\
Example:
  zhengna bootstrap 220000001 --name 管理员 --authority 12200000000 --password-file first.password
  pass show zhengna/220000001 | zhengna bootstrap 220000001 --name 管理员 --authority 12200000000 --password-stdin

Next:
  The administrator signs in from one of the administration_networks, changes the password and enrols a second factor
  (TOTP): until both are done nothing else is answered. The password ends after a time if it was not changed; then
  zhengna user password STAFF_NO gives another. Delete the file.
  zhengna user add STAFF_NO --post 安全管理员 ..., and --post 审计管理员: three people, who grant nothing alone from then on.
  zhengna user add makes other officers.")]
pub(super) struct Bootstrap {
    /// Number of the administrator (工号); the login.
    staff_no: String,
    /// Name; sealed in the database.
    #[arg(long)]
    name: String,
    /// Code of the tax authority (税务机关代码), 11 digits; they administer it and what is below it.
    #[arg(long)]
    authority: String,
    /// Reads the password from the first line of a file of mode 0600.
    #[arg(long, value_name = "FILE", group = "password")]
    password_file: Option<PathBuf>,
    /// Reads the password from the first line of standard input.
    #[arg(long, group = "password")]
    password_stdin: bool,
    /// As JSON.
    #[arg(long)]
    pub(super) json: bool,
}

impl Bootstrap {
    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let authority = AuthorityCode::parse(&self.authority).map_err(|e| Failure::new(Exit::Usage, format_args!("--authority: {e}")))?;
        let password = self.password()?;
        password_rules(&password, &[&self.staff_no, &self.name]).map_err(|e| Failure::new(Exit::Usage, e))?;
        let core = open::open(&configured(flags)?, Mode::Existing)?.core;
        let officer = AddOfficer { staff_no: self.staff_no.clone(), name: self.name.clone(), authority, capacity: 1 };
        let officer = core.as_system().access().bootstrap(officer, &password).map_err(|e| match e {
            Error::Refused(Refusal::Bootstrapped) => Failure::new(Exit::Usage, e).advise(
                "Nothing was changed. An administrator who cannot sign in any more: zhengna user password STAFF_NO, and zhengna user \
                 second-factor STAFF_NO takes a lost second factor away.",
            ),
            Error::Invalid { ref field, .. } if field == "authority" => {
                Failure::new(Exit::Usage, e).advise("zhengna authority import FILE brings the authorities in. Nothing was changed.")
            }
            e => e.into(),
        })?;
        core.seal_audit()?;
        if self.json {
            output::json(&json!({
                "officer": officer, "staff_no": self.staff_no, "authority": authority.as_str(), "post": ADMINISTRATOR_POST,
                "duties": ["change_password", "enrol_second_factor"],
            }));
        } else {
            say(format_args!(
                "officer {} administers {} with the post {ADMINISTRATOR_POST}\n\
                 Next: sign in with that number, change the password, enrol a second factor. Until then nothing else is answered.\n\
                 The password ends after {} hours if it was not changed.\n\
                 Delete the file or entry the password came from.",
                self.staff_no,
                self.authority,
                limits::GIVEN_PASSWORD_VALID.as_secs() / 3600
            ));
        }
        Ok(())
    }

    fn password(&self) -> Result<Zeroizing<String>, Failure> {
        let text = match &self.password_file {
            Some(file) => secret_file::read(file).map_err(|e| Failure::new(Exit::Keys, e))?,
            None => typed::line()?,
        };
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }
}
