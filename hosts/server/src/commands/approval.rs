//! `zhengna approval`.

use clap::{Args, Subcommand};
use serde_json::json;
use zhengna_core::Core;
use zhengna_core::approval::{ApprovalView, Approve, Decided, Execute, Reject, Which, Withdraw};
use zhengna_core::id::ApprovalId;
use zhengna_core::limits;

use super::acting::Officer;
use super::configured;
use crate::config::Flags;
use crate::failure::Failure;
use crate::open::{self, Mode};
use crate::output::{self, say};

/// What was put forward for approval: changes of the calendar, posts, grants, disclosures; and deciding about it.
///
/// Nobody decides about what they put forward. Officers sign in here with their own passwords and second factors, or do the same over
/// HTTP; nobody acts for them.
#[derive(Args)]
pub(super) struct Approval {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    List(List),
    /// Agrees to what another officer put forward; with the last vote it takes effect, or waits for who carries it out.
    #[command(after_help = "\
Example:
  zhengna approval list --json      (compare what is put forward with the document)
  pass show zhengna/220100002 | zhengna approval approve 019a... --digest 66c7... --officer 220100002
  (pass show zhengna/220000002; pass otp zhengna/220000002) | zhengna approval approve 019a... --digest 66c7... --officer 220000002

Next, where it is approved and not done:
  zhengna approval execute APPROVAL --digest DIGEST --officer STAFF_NO")]
    Approve(Decide),
    Reject(Refuse),
    Withdraw(Recall),
    /// Carries out what was approved, where its rule leaves that to whoever put it forward, or to a third who did neither.
    ///
    /// Most of what is approved takes effect with the last vote and needs nobody for that. Personal data is shown over HTTP only.
    #[command(after_help = "\
Example:
  pass show zhengna/220100003 | zhengna approval execute 019a... --digest 66c7... --officer 220100003

Next:
  zhengna approval list      (it is done)")]
    Execute(Decide),
}

/// Prints what was put forward, newest first, with the digest that whoever decides must name.
///
/// Works beside a running host and changes nothing.
#[derive(Args)]
#[command(after_help = "\
Example:
  zhengna approval list

Next:
  zhengna approval approve APPROVAL --digest DIGEST --officer STAFF_NO")]
struct List {
    /// As JSON, with everything that was put forward.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct Decide {
    /// The approval.
    #[arg(value_parser = approval)]
    approval: ApprovalId,
    /// The digest of what you looked at.
    #[arg(long)]
    digest: String,
    #[command(flatten)]
    officer: Officer,
}

/// Rejects what another officer put forward, for good; something better may be put forward after it.
#[derive(Args)]
#[command(after_help = "\
Example:
  pass show zhengna/220100002 | zhengna approval reject 019a... --digest 66c7... --officer 220100002 --reason 日期有误

Next:
  Whoever put it forward reads why, and puts something better forward.")]
struct Refuse {
    #[command(flatten)]
    decide: Decide,
    /// Why, for whoever put it forward.
    #[arg(long)]
    reason: String,
}

/// Takes back what you put forward, before it takes effect.
#[derive(Args)]
#[command(after_help = "\
Example:
  pass show zhengna/220100001 | zhengna approval withdraw 019a... --officer 220100001 --reason 文件有误

Next:
  Put it forward anew, mended: nothing that waits is edited.")]
struct Recall {
    /// The approval.
    #[arg(value_parser = approval)]
    approval: ApprovalId,
    /// Why.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    officer: Officer,
}

fn approval(text: &str) -> Result<ApprovalId, String> {
    ApprovalId::parse(text).ok_or_else(|| "the id of an approval, as `zhengna approval list` prints it".into())
}

fn told(decided: &Decided) -> (serde_json::Value, String) {
    let version = decided.number.map_or_else(String::new, |n| format!("; what it changes is now version {n}"));
    (json!(decided), format!("{} is {}{version}", decided.approval, decided.state.as_str()))
}

impl Approval {
    pub(super) fn json(&self) -> bool {
        match &self.action {
            Action::List(c) => c.json,
            Action::Approve(c) | Action::Execute(c) => c.officer.json,
            Action::Reject(c) => c.decide.officer.json,
            Action::Withdraw(c) => c.officer.json,
        }
    }

    pub(super) fn run(self, flags: &Flags) -> Result<(), Failure> {
        let config = configured(flags)?;
        let open = |mode| Ok::<Core, Failure>(open::open(&config, mode)?.core);
        match self.action {
            Action::List(c) => c.run(&open(Mode::Read)?),
            Action::Approve(Decide { approval, digest, officer }) => {
                officer.acts(open, |s| s.approval().approve(Approve { approval, digest }).wait().map(|d| told(&d)))
            }
            Action::Execute(Decide { approval, digest, officer }) => {
                officer.acts(open, |s| s.approval().execute(Execute { approval, digest }).wait().map(|d| told(&d)))
            }
            Action::Reject(Refuse { decide: Decide { approval, digest, officer }, reason }) => {
                officer.acts(open, |s| s.approval().reject(Reject { approval, digest, reason }).wait().map(|d| told(&d)))
            }
            Action::Withdraw(Recall { approval, reason, officer }) => {
                officer.acts(open, |s| s.approval().withdraw(Withdraw { approval, reason }).wait().map(|d| told(&d)))
            }
        }
    }
}

impl List {
    fn run(self, core: &Core) -> Result<(), Failure> {
        let system = core.as_system();
        let mut all: Vec<ApprovalView> = Vec::new();
        let mut before = None;
        loop {
            let page = system.approval().list(Which::All, before, limits::APPROVALS_SHOWN_MAX)?;
            all.extend(page.items);
            before = page.before;
            if before.is_none() {
                break;
            }
        }
        if self.json {
            output::json(&json!({ "items": all }));
            return Ok(());
        }
        if all.is_empty() {
            say("Nothing was put forward yet. `zhengna calendar propose --help` says how, for the calendar.");
        }
        for a in &all {
            say(format_args!(
                "{}  {:<9}  {} {}\n  digest {}\n  by {} at {}",
                a.id,
                a.state.as_str(),
                a.matter.as_str(),
                a.subject,
                a.digest,
                a.proposed_by,
                a.proposed_at.rfc3339()
            ));
        }
        Ok(())
    }
}
