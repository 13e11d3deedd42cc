//! What a matter asks for before it takes effect: data, changed by approval itself.

use serde::{Deserialize, Serialize};

use super::Matter;
use crate::access::{Integrity, Permission, Sealed, add_sealed, genuine, replace_sealed};
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::limits;
use crate::store::{ReadTx, Reads, StoreError, Tx};

words! {
    /// How what was approved takes effect.
    pub enum Execution {
        /// With the last vote.
        AtOnce = "at_once",
        /// Whoever put it forward carries it out.
        Maker = "maker",
        /// Somebody carries it out who neither put it forward nor voted.
        Third = "third",
    }
}

/// One step: so many of those who hold a permission agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Who decides: officers with a post that has this permission, where the matter counts or above.
    pub permission: Permission,
    /// How many of them.
    pub votes: i64,
}

/// What a matter asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// One after the other. None: it passes unseen.
    pub steps: Vec<Step>,
    /// How it takes effect.
    pub execution: Execution,
    /// Days until nobody can decide or carry out any more.
    pub valid_days: i64,
}

record! {
    /// A rule that was approved here in place of the one this program has.
    pub struct RuleRow in "approval_rule" {
        /// Of which matter.
        matter: Matter,
        /// The rule, as JSON.
        rule: String,
        /// The document it follows.
        source: String,
        /// Binds the row.
        mac: Integrity,
        /// Counts updates.
        version: i64,
    }
    key(matter);
    version version;
}

impl Sealed for RuleRow {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

/// Sets the rule of a matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SetRule {
    /// Which matter.
    pub matter: Matter,
    /// Its rule.
    pub rule: Rule,
    /// The document it follows: number and title.
    pub source: String,
}

impl SetRule {
    /// Within the limits, and no door left open: what may not pass unseen has a step, and one of whoever the decision belongs to.
    pub(crate) fn checked(mut self) -> Result<Self, Error> {
        self.source = error::text("source", &self.source, limits::SOURCE_CHARS_MAX)?;
        let Rule { steps, valid_days, .. } = &self.rule;
        if steps.len() > limits::APPROVAL_STEPS_MAX {
            return Err(Error::invalid("rule.steps", Problem::TooMany { max: limits::APPROVAL_STEPS_MAX }));
        }
        if steps.is_empty() && !self.matter.may_pass_unseen() {
            return Err(Error::invalid("rule.steps", Problem::Empty));
        }
        // Shown to whoever asked, and to nobody else; looked at once it is done, and nothing to carry out.
        let asked_of = match self.matter {
            Matter::Disclosure => Some(Execution::Maker),
            Matter::Emergency => Some(Execution::AtOnce),
            _ => None,
        };
        if asked_of.is_some_and(|asked_of| self.rule.execution != asked_of) {
            return Err(Error::invalid("rule.execution", Problem::Unknown("execution of this matter")));
        }
        // Whose decision it is stays among those asked, whoever else is.
        let decides = shipped(self.matter).steps.first().map(|step| step.permission);
        if let Some(decides) = decides.filter(|decides| !steps.is_empty() && steps.iter().all(|step| step.permission != *decides)) {
            return Err(Error::invalid("rule.steps", Problem::Malformed(format!("expected a step of {}", decides.as_str()))));
        }
        let out_of = |n: i64, max: i64| (!(1..=max).contains(&n)).then_some(Problem::OutOfRange { min: 1, max });
        if let Some((i, problem)) = steps.iter().enumerate().find_map(|(i, s)| Some((i, out_of(s.votes, limits::APPROVAL_VOTES_MAX)?))) {
            return Err(Error::invalid(format!("rule.steps[{i}].votes"), problem));
        }
        match out_of(*valid_days, limits::APPROVAL_DAYS_MAX) {
            Some(problem) => Err(Error::invalid("rule.valid_days", problem)),
            None => Ok(self),
        }
    }
}

/// What this program has, where nothing else was approved: one other person decides: the one
/// who keeps the calendar, the security administrator, or a superior (GB/T 22239-2019 8.1.4.2, 8.1.10.1; tender, part 4, 授权审批).
fn shipped(matter: Matter) -> Rule {
    let one = |permission| vec![Step { permission, votes: 1 }];
    let (steps, execution, valid_days) = match matter {
        Matter::WorkingDays | Matter::FilingPeriods | Matter::LegalNumber | Matter::OfficeHours => {
            (one(Permission::ApproveCalendar), Execution::AtOnce, 30)
        }
        Matter::Grant | Matter::Post | Matter::Separation | Matter::ApprovalRule | Matter::Emergency | Matter::ControlRule => {
            (one(Permission::ApproveAccess), Execution::AtOnce, 30)
        }
        Matter::Line => (one(Permission::ManageLines), Execution::AtOnce, 30),
        Matter::Import => (one(Permission::ImportLists), Execution::AtOnce, 30),
        Matter::Disclosure => (one(Permission::ApproveDisclosure), Execution::Maker, 7),
    };
    Rule { steps, execution, valid_days }
}

/// The rule of a matter now.
pub(super) fn rule_of(tx: &mut dyn ReadTx, ctx: &Ctx, matter: Matter) -> Result<Rule, Error> {
    in_force(tx, ctx, matter).map(|set| set.rule)
}

/// What would set the rule of a matter as it is now; the document is empty where none was approved.
pub(crate) fn in_force(tx: &mut dyn ReadTx, ctx: &Ctx, matter: Matter) -> Result<SetRule, Error> {
    let Some(found) = tx.find::<RuleRow>((matter,))? else {
        ctx.rights().never_was(&format!("approval_rule/{}", matter.as_str()))?;
        return Ok(SetRule { matter, rule: shipped(matter), source: String::new() });
    };
    let row = genuine(ctx.rights(), found.trust("rules bind everybody").into_inner())?;
    let rule = serde_json::from_str(&row.rule).map_err(|e| StoreError::Corrupt(format!("approval_rule {}: {e}", matter.as_str())))?;
    Ok(SetRule { matter, rule, source: row.source })
}

/// Puts a rule in force that was approved.
pub(crate) fn put_in_force(tx: &mut dyn Tx, ctx: &Ctx, set: SetRule) -> Result<(), Error> {
    let SetRule { matter, rule, source } = set.checked()?;
    let rule = serde_json::to_string(&rule).map_err(|e| StoreError::Backend(format!("a rule cannot be written down: {e}")))?;
    let row = RuleRow { matter, rule, source, mac: Integrity::default(), version: 0 };
    match tx.find::<RuleRow>((matter,))? {
        None => add_sealed(tx, ctx, row),
        Some(old) => replace_sealed(tx, ctx, &old.trust("rules bind everybody").into_inner(), row).map(drop),
    }
}
