//! `zhengna user`.

use clap::{Args, Subcommand};
use serde_json::json;
use zeroize::Zeroizing;
use zhengna_core::access::{AddOfficer, AddPost, GrantPost, Permission, Permissions, Plane};
use zhengna_core::crypto::password_rules;
use zhengna_core::error::Refusal;
use zhengna_core::id::{OfficerId, PostId};
use zhengna_core::identity::AuthorityCode;
use zhengna_core::{Core, Error, limits};

use super::{configured, typed};
use crate::config::Flags;
use crate::failure::{Exit, Failure};
use crate::open::{self, Mode};
use crate::output::{self, say};
use crate::passwords;

/// Officers and their sign-ins.
#[derive(Args)]
pub(super) struct User {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Add(Add),
    Password(Password),
    SecondFactor(SecondFactor),
}

/// Adds an officer with a post and a password.
///
/// The password is generated and printed once, or read from standard input; they change it at the first sign-in. The
/// staff number is the login. Whoever administers (manage_access, approve_access, read_audit) enrols a second factor too. A post that does not exist yet is made when --permissions says what it allows.
#[derive(Args)]
#[command(after_help = format!("\
Example:
  zhengna user add 220102004 --name 坐席丁 --authority 12201020000 --post 办税服务坐席 --permissions serve_taxpayers
  pass show zhengna/220102004 | zhengna user add 220102004 --name 坐席丁 --authority 12201020000 --post 办税服务坐席 --password-stdin

{}
Next:
  Hand the password over in person; sign in at /console/.
  zhengna user password STAFF_NO gives a new one.", permissions_in_words()))]
struct Add {
    /// Number shown to taxpayers (工号); the login.
    staff_no: String,
    /// Name; sealed in the database.
    #[arg(long)]
    name: String,
    /// Code of the tax authority (税务机关代码), 11 digits; the post reaches what is below it too.
    #[arg(long)]
    authority: String,
    /// Name of the post (岗位).
    #[arg(long)]
    post: String,
    /// What the post allows, with commas, where it does not exist yet.
    #[arg(long, value_delimiter = ',', value_parser = permission)]
    permissions: Vec<Permission>,
    /// Conversations they may hold at once.
    #[arg(long, default_value_t = 3)]
    capacity: i64,
    /// Reads the password from the first line of standard input.
    #[arg(long)]
    password_stdin: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Gives an officer a new password, which ends their sessions, and which they change at the next sign-in.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna user password 220102004

Next:
  Hand the password over in person; what was signed in with the old one has ended.")]
struct Password {
    /// Number of the officer (工号).
    staff_no: String,
    /// Reads the password from the first line of standard input.
    #[arg(long)]
    password_stdin: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Takes the second factor of an officer away who has lost it, which ends their sessions.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna user second-factor 220102004

Next:
  The password alone lets them in; whoever administers enrols a new one before anything else.")]
struct SecondFactor {
    /// Number of the officer (工号).
    staff_no: String,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// Every permission, by what an account is for.
fn permissions_in_words() -> String {
    let of = |plane: Option<Plane>| {
        let words: Vec<&str> = Permission::ALL.iter().filter(|p| p.plane() == plane).map(|p| p.as_str()).collect();
        words.join(", ")
    };
    let mut text = "Permissions, by what an account is for; it is for one of these, for good:\n".to_owned();
    for plane in Plane::ALL {
        text += &format!("  {}: {}\n", plane.as_str(), of(Some(*plane)));
    }
    text + &format!("  any of the three administrators: {}\n", of(None))
}

fn permission(word: &str) -> Result<Permission, String> {
    let known = || Permission::ALL.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(", ");
    Permission::parse(word).ok_or_else(|| format!("one of {}", known()))
}

impl User {
    pub(super) fn json(&self) -> bool {
        match &self.action {
            Action::Add(c) => c.json,
            Action::Password(c) => c.json,
            Action::SecondFactor(c) => c.json,
        }
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let config = configured(flags)?;
        let core = || Ok::<Core, Failure>(open::open(&config, Mode::Existing)?.core);
        match self.action {
            Action::Add(c) => c.run(core),
            Action::Password(c) => c.run(core),
            Action::SecondFactor(c) => c.run(core),
        }
    }
}

impl Add {
    fn run(self, core: impl FnOnce() -> Result<Core, Failure>) -> Result<(), Failure> {
        let authority = AuthorityCode::parse(&self.authority).map_err(|e| Failure::new(Exit::Usage, format_args!("--authority: {e}")))?;
        // Everything that can be wrong is found before anything is written.
        let password = ask(&self.staff_no, self.password_stdin)?;
        let core = core()?;
        let system = core.as_system();
        if system.access().find_officer(&self.staff_no)?.is_some() {
            return Err(Failure::new(Exit::Usage, format_args!("there is an officer {} already", self.staff_no))
                .advise("zhengna user password STAFF_NO gives them a new password."));
        }
        let post = self.post(&core)?;
        let added = AddOfficer { staff_no: self.staff_no.clone(), name: self.name.clone(), authority, capacity: self.capacity };
        let officer = system.access().add_officer(added).wait()?.officer;
        let grant = GrantPost { officer, post, authority, ends_at: None };
        system.access().grant_post(grant).wait()?;
        system.access().give_password(officer, &password.text)?;
        core.seal_audit()?;
        if self.json {
            output::json(&json!({
                "officer": officer, "staff_no": self.staff_no, "authority": authority.as_str(), "post": self.post, "password": password.shown(),
            }));
        } else {
            say(format_args!("added officer {} with the post {} at {}", self.staff_no, self.post, self.authority));
            password.say(&self.staff_no);
        }
        Ok(())
    }

    fn post(&self, core: &Core) -> Result<PostId, Failure> {
        let system = core.as_system();
        match system.access().find_post(&self.post)? {
            Some(_) if !self.permissions.is_empty() => {
                Err(Failure::new(Exit::Usage, format_args!("the post {} exists already", self.post))
                    .advise("Leave --permissions away to give that post, or name another one. Nothing was changed."))
            }
            Some(id) => Ok(id),
            None if self.permissions.is_empty() => {
                let names: Vec<String> = system.access().posts()?.into_iter().map(|post| post.name).collect();
                let there_are = if names.is_empty() { "There is none yet".to_owned() } else { format!("There are: {}", names.join("、")) };
                Err(Failure::new(Exit::Usage, format_args!("there is no post {}", self.post)).advise(format!(
                    "{there_are}. Name one of them, or say with --permissions what {} allows, and it is made. Nothing was changed.",
                    self.post
                )))
            }
            None => {
                let post = AddPost { name: self.post.clone(), permissions: Permissions(self.permissions.clone()) };
                Ok(system.access().add_post(post).wait()?.post)
            }
        }
    }
}

impl Password {
    fn run(self, core: impl FnOnce() -> Result<Core, Failure>) -> Result<(), Failure> {
        let password = ask(&self.staff_no, self.password_stdin)?;
        let core = core()?;
        let officer = known(&core, &self.staff_no)?;
        core.as_system().access().give_password(officer, &password.text)?;
        core.seal_audit()?;
        if self.json {
            output::json(&json!({ "officer": officer, "staff_no": self.staff_no, "password": password.shown() }));
        } else {
            say(format_args!("officer {} has a new password; their sessions have ended", self.staff_no));
            password.say(&self.staff_no);
        }
        Ok(())
    }
}

impl SecondFactor {
    fn run(self, core: impl FnOnce() -> Result<Core, Failure>) -> Result<(), Failure> {
        let core = core()?;
        let officer = known(&core, &self.staff_no)?;
        core.as_system().access().reset_factor(officer).wait().map_err(|e| match e {
            Error::Refused(Refusal::NoSecondFactor) => Failure::new(Exit::Usage, e).advise("Nothing was changed."),
            e => e.into(),
        })?;
        core.seal_audit()?;
        if self.json {
            output::json(&json!({ "officer": officer, "staff_no": self.staff_no }));
        } else {
            say(format_args!("officer {} has no second factor any more; their sessions have ended", self.staff_no));
        }
        Ok(())
    }
}

fn known(core: &Core, staff_no: &str) -> Result<OfficerId, Failure> {
    let found = core.as_system().access().find_officer(staff_no)?;
    found.ok_or_else(|| Failure::new(Exit::Usage, format_args!("there is no officer {staff_no}")))
}

struct Chosen {
    text: Zeroizing<String>,
    generated: bool,
}

impl Chosen {
    /// What may be shown: only what nobody knows yet.
    fn shown(&self) -> Option<&str> {
        self.generated.then_some(&**self.text)
    }

    fn say(&self, login: &str) {
        if let Some(password) = self.shown() {
            say(format_args!(
                "login    {login}\npassword {password}\nIt is shown this once and stored nowhere. Hand it over in person: it ends after {} hours.",
                limits::GIVEN_PASSWORD_VALID.as_secs() / 3600
            ));
        }
    }
}

/// The password, within the rules.
fn ask(login: &str, from_stdin: bool) -> Result<Chosen, Failure> {
    if !from_stdin {
        return Ok(Chosen { text: passwords::generate(login), generated: true });
    }
    let text = typed::line()?;
    password_rules(&text, &[login]).map_err(|e| Failure::new(Exit::Usage, e))?;
    Ok(Chosen { text, generated: false })
}
