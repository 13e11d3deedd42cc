//! Rating a service (好差评, GB/T 39735-2020): five grades, once per conversation, by its taxpayer, after it ended.
//!
//! The reasons that may be given are data, in versions: a rating names the version it was given with, and is shown with the words of
//! that version however they change later.

use serde::{Deserialize, Serialize};

use super::conversation::open;
use super::follow_up;
use super::{Conversation, ConversationState};
use crate::access::{Checked, check};
use crate::calendar::Calendars;
use crate::clock::Timestamp;
use crate::crypto::Place;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::{ConversationId, OfficerId};
use crate::identity::subject::{self, sealed_text};
use crate::journal::{self, EventKind, Topic};
use crate::limits;
use crate::store::{ReadTx, Reads, Record, Tx, Writes};

words! {
    /// How good the service was.
    pub enum Grade {
        /// 非常满意, five stars.
        VerySatisfied = "very_satisfied",
        /// 满意, four.
        Satisfied = "satisfied",
        /// 基本满意, three.
        RatherSatisfied = "rather_satisfied",
        /// 不满意, two.
        Dissatisfied = "dissatisfied",
        /// 非常不满意, one.
        VeryDissatisfied = "very_dissatisfied",
    }
}

impl Grade {
    /// Its name in Chinese, as the standard has it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::VerySatisfied => "非常满意",
            Self::Satisfied => "满意",
            Self::RatherSatisfied => "基本满意",
            Self::Dissatisfied => "不满意",
            Self::VeryDissatisfied => "非常不满意",
        }
    }

    /// Whether somebody has to follow it up (差评).
    pub const fn is_low(self) -> bool {
        matches!(self, Self::Dissatisfied | Self::VeryDissatisfied)
    }
}

record! {
    /// A rating.
    pub struct Rating in "rating" {
        /// The conversation.
        conversation: ConversationId,
        /// Who served last.
        officer: Option<OfficerId>,
        /// How good it was.
        grade: Grade,
        /// Codes of the reasons, with commas between.
        reasons: String,
        /// Version of the set that the reasons are of.
        reasons_version: i64,
        /// What else the taxpayer says, sealed with the conversation's key.
        comment: Option<Vec<u8>>,
        /// When.
        rated_at: Timestamp,
    }
    key(conversation);
}

impl Rating {
    fn place(id: &ConversationId) -> Place<'_> {
        Place { table: Self::TABLE.name, column: "comment", row: id.as_bytes() }
    }
}

/// A reason that may be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RatingReason {
    /// Its code.
    pub code: String,
    /// What it says, for people.
    pub title: String,
    /// Whether it goes with a low grade; else with the three others.
    pub low: bool,
}

/// The reasons that may be given now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RatingReasons {
    /// Version of the set.
    pub version: i64,
    /// Each of them.
    pub items: Vec<RatingReason>,
}

/// The lines of `core/data/rating_reasons.csv`: version, code, low or not, title.
fn shipped() -> impl Iterator<Item = (i64, RatingReason)> {
    include_str!("../../data/rating_reasons.csv").lines().skip(1).filter_map(|line| {
        let mut fields = line.trim_end().splitn(4, ',');
        let version = fields.next()?.parse().ok()?;
        let (code, low) = (fields.next()?.to_owned(), fields.next()? == "low");
        Some((version, RatingReason { code, low, title: fields.next()?.to_owned() }))
    })
}

/// The reasons of the newest version.
pub fn rating_reasons() -> RatingReasons {
    let version = shipped().map(|(version, _)| version).max().unwrap_or_default();
    RatingReasons { version, items: shipped().filter(|(of, _)| *of == version).map(|(_, reason)| reason).collect() }
}

/// Rates a conversation.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Which.
    pub conversation: ConversationId,
    /// How good it was.
    pub grade: Grade,
    /// Codes of reasons of the newest version that go with the grade; may be empty.
    pub reasons: Vec<String>,
    /// What else there is to say, at most 500 characters.
    pub comment: Option<String>,
}

/// The conversation is rated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rated {
    /// Which.
    pub conversation: ConversationId,
    /// Whether somebody will call back: a low grade is followed up.
    pub followed_up: bool,
}

impl crate::core::Answer for Rated {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Rates a conversation that was served and has ended, once. A low grade opens a follow-up.
pub(crate) fn rate(tx: &mut dyn Tx, ctx: &Ctx, calendars: &Calendars, cmd: Rate) -> Result<Rated, Error> {
    let known = rating_reasons();
    let reasons = reasons_of(&known, cmd.grade, cmd.reasons)?;
    let comment = cmd.comment.as_deref().map(|text| error::text("comment", text, limits::CLOSING_NOTE_CHARS_MAX)).transpose()?;
    let found = tx.lock_row::<Conversation>((cmd.conversation,))?;
    let c = check(ctx, found)?;
    let ended_at = match (c.state, c.ended_at) {
        (ConversationState::Closed | ConversationState::Left, Some(ended_at)) if was_served(&c) => ended_at,
        (ConversationState::Left | ConversationState::Closed, _) => return Err(Error::Refused(Refusal::NotServed)),
        _ => return Err(Error::Refused(Refusal::NotOverYet)),
    };
    if tx.find::<Rating>((c.id,))?.is_some() {
        return Err(Error::Refused(Refusal::RatedAlready));
    }
    if ctx.now() > ended_at.plus(limits::RATE_WITHIN) {
        return Err(Error::Refused(Refusal::RateTooLate));
    }
    let key = subject::key_of(tx, ctx, c.id.uuid())?;
    let comment = comment.map(|text| subject::seal(ctx, &key, Rating::place(&c.id), &text));
    let (officer, reasons_version, rated_at) = (c.served().last().copied(), known.version, ctx.now());
    tx.add(&Rating { conversation: c.id, officer, grade: cmd.grade, reasons, reasons_version, comment, rated_at })?;
    journal::record(tx, ctx, Topic::Taxpayer(c.taxpayer), EventKind::Rated, Some(c.id), None)?;
    if cmd.grade.is_low() {
        follow_up::begin(tx, ctx, calendars, &c)?;
    }
    Ok(Rated { conversation: c.id, followed_up: cmd.grade.is_low() })
}

/// Whether somebody was served before it ended: one that was left after it went back to a line was; one that goes on in another is rated
/// there.
fn was_served(c: &Conversation) -> bool {
    c.merged_into.is_none() && (c.state == ConversationState::Closed || !c.served().is_empty())
}

/// The codes as they are kept: known ones that go with the grade, each once, in the order of the set.
fn reasons_of(known: &RatingReasons, grade: Grade, given: Vec<String>) -> Result<String, Error> {
    if given.len() > known.items.len() {
        return Err(Error::invalid("reasons", Problem::TooMany { max: known.items.len() }));
    }
    let fits = |code: &String| known.items.iter().any(|r| r.code == *code && r.low == grade.is_low());
    if let Some(at) = given.iter().position(|code| !fits(code)) {
        return Err(Error::invalid(format!("reasons[{at}]"), Problem::Unknown("reason")));
    }
    let kept: Vec<&str> = known.items.iter().map(|r| r.code.as_str()).filter(|code| given.iter().any(|g| g == code)).collect();
    Ok(kept.join(","))
}

/// A rating as shown.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RatingView {
    /// How good it was.
    pub grade: Grade,
    /// What the grade is called.
    pub title: String,
    /// The reasons, in the words of their version.
    pub reasons: Vec<RatingReason>,
    /// Version of their set.
    pub reasons_version: i64,
    /// What else the taxpayer says.
    pub comment: Option<String>,
    /// When.
    pub rated_at: Timestamp,
}

/// How a conversation stands with its rating.
#[derive(Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RatingState {
    /// The rating, where there is one.
    pub rating: Option<RatingView>,
    /// Until when it may be rated; absent where it may not, or not any more.
    pub until: Option<Timestamp>,
    /// What became of a low one, for its taxpayer.
    pub answer: Option<String>,
}

/// How a conversation of the caller's own stands with its rating. Officers are not told by this: their supervisors are.
pub fn rating(tx: &mut dyn ReadTx, ctx: &Ctx, id: ConversationId) -> Result<RatingState, Error> {
    let c = open(tx, ctx, id)?;
    let rating = rating_of(tx, ctx, &c)?;
    let until = c.ended_at.filter(|_| was_served(&c) && rating.is_none()).map(|at| at.plus(limits::RATE_WITHIN));
    let (answer, _) = follow_up::follow_up_texts(tx, ctx, &c)?;
    Ok(RatingState { rating, until: until.filter(|until| ctx.now() <= *until), answer })
}

/// The rating of a conversation that was opened.
pub(crate) fn rating_of(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Checked<Conversation>) -> Result<Option<RatingView>, Error> {
    let Some(row) = tx.find::<Rating>((c.id,))? else { return Ok(None) };
    let row = row.trust("whoever opened a conversation for this sees its rating").into_inner();
    let key = subject::known_key(tx, ctx, c.id.uuid())?;
    let comment = row.comment.as_deref().map(|sealed| sealed_text(key.as_deref(), Rating::place(&c.id), sealed)).transpose()?;
    let reasons = shipped().filter(|(version, r)| *version == row.reasons_version && row.reasons.split(',').any(|code| code == r.code));
    Ok(Some(RatingView {
        grade: row.grade,
        title: row.grade.title().to_owned(),
        reasons: reasons.map(|(_, reason)| reason).collect(),
        reasons_version: row.reasons_version,
        comment,
        rated_at: row.rated_at,
    }))
}

/// Opens all that is sealed of a rating and what followed it.
pub(super) fn opened_rating(tx: &mut dyn ReadTx, ctx: &Ctx, c: &Checked<Conversation>) -> Result<(), Error> {
    rating_of(tx, ctx, c)?;
    follow_up::follow_up_texts(tx, ctx, c)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_reasons_is_read_and_each_version_has_both_kinds() {
        let all: Vec<(i64, RatingReason)> = shipped().collect();
        assert_eq!(all.len(), include_str!("../../data/rating_reasons.csv").lines().count() - 1);
        for (version, _) in &all {
            let of: Vec<&RatingReason> = all.iter().filter(|(v, _)| v == version).map(|(_, r)| r).collect();
            let mut codes: Vec<&str> = of.iter().map(|r| r.code.as_str()).collect();
            codes.dedup();
            assert_eq!(codes.len(), of.len(), "version {version}");
            assert!(of.iter().any(|r| r.low) && of.iter().any(|r| !r.low), "version {version}");
        }
    }

    #[test]
    fn reasons_fit_the_grade_and_are_kept_in_the_order_of_the_set() {
        let known = rating_reasons();
        let of = |low: bool| known.items.iter().filter(|r| r.low == low).map(|r| r.code.clone()).collect::<Vec<_>>();
        let mut low = of(true);
        low.reverse();
        let kept = reasons_of(&known, Grade::Dissatisfied, [low.clone(), low.clone()].concat()[..low.len()].to_vec()).unwrap();
        assert_eq!(kept, of(true).join(","));
        assert!(reasons_of(&known, Grade::Satisfied, low).is_err());
        assert_eq!(reasons_of(&known, Grade::Satisfied, Vec::new()).unwrap(), "");
    }
}
