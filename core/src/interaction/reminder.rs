//! Reminders (消息提醒): what sounds and pops up for whom, as each line declares; and who is told when somebody is left without an answer.

use serde::{Deserialize, Serialize};

use super::{Conversation, ConversationState, Line};
use crate::access::{Actor, Permission, check};
use crate::agenda::{self, TimerKind};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{Error, Problem};
use crate::id::{ConversationId, TimerId};
use crate::journal::{self, Event, EventKind, Topic};
use crate::limits;
use crate::store::{ReadTx, Reads, Tx, Writes};

words! {
    /// Of what somebody is reminded.
    pub enum ReminderKind {
        /// Somebody entered the line.
        Entered = "entered",
        /// The first message of the other side of a conversation.
        FirstMessage = "first_message",
        /// Another message.
        Message = "message",
        /// A taxpayer waits for an answer for too long.
        Unanswered = "unanswered",
        /// They still do: told to those who supervise.
        Escalated = "escalated",
        /// A conversation is offered to the officer.
        Offered = "offered",
        /// An officer took the conversation.
        Claimed = "claimed",
        /// The conversation was transferred.
        Transferred = "transferred",
        /// It goes on after it was on hold.
        Resumed = "resumed",
        /// A colleague asks, or whispers.
        Mentioned = "mentioned",
    }
}

words! {
    /// Who is reminded.
    pub enum ReminderFor {
        /// The taxpayer.
        Taxpayer = "taxpayer",
        /// The officer who has it, or those who serve the line.
        Officer = "officer",
        /// Those who supervise it.
        Supervisor = "supervisor",
    }
}

words! {
    /// What is heard.
    pub enum Sound {
        /// Nothing.
        None = "none",
        /// A sound.
        Once = "once",
        /// A sound again and again, until it is looked at.
        UntilSeen = "until_seen",
    }
}

/// What is heard and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReminderRule {
    /// Of what.
    pub on: ReminderKind,
    /// Whom.
    pub to: ReminderFor,
    /// What is heard.
    pub sound: Sound,
    /// Whether a window pops up.
    pub popup: bool,
}

/// How a line reminds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Reminders {
    /// What is heard and shown; nothing for what is not named. Each kind at most once for each of those who are reminded.
    pub rules: Vec<ReminderRule>,
    /// The officer is reminded after so many seconds without an answer, at most [`limits::UNANSWERED_S_MAX`]; absent: never.
    #[serde(default)]
    pub unanswered_s: Option<i64>,
    /// Those who supervise are told so many seconds after that, at most [`limits::UNANSWERED_S_MAX`]; absent: never.
    #[serde(default)]
    pub escalate_s: Option<i64>,
}

stored_as_json!(Reminders);

impl Default for Reminders {
    /// What a line has that declares nothing; the seconds are an assumption.
    fn default() -> Self {
        use ReminderFor::{Officer, Supervisor, Taxpayer};
        use ReminderKind::{Claimed, Entered, Escalated, FirstMessage, Mentioned, Message, Offered, Resumed, Transferred, Unanswered};
        let rule = |on, to, sound, popup| ReminderRule { on, to, sound, popup };
        Self {
            rules: vec![
                rule(Entered, Officer, Sound::Once, false),
                rule(FirstMessage, Officer, Sound::Once, true),
                rule(Message, Officer, Sound::Once, false),
                rule(Unanswered, Officer, Sound::UntilSeen, true),
                rule(Offered, Officer, Sound::UntilSeen, true),
                rule(Transferred, Officer, Sound::Once, true),
                rule(Resumed, Officer, Sound::Once, true),
                rule(Mentioned, Officer, Sound::Once, true),
                rule(Escalated, Supervisor, Sound::Once, true),
                rule(Claimed, Taxpayer, Sound::Once, true),
                rule(FirstMessage, Taxpayer, Sound::Once, true),
                rule(Message, Taxpayer, Sound::Once, false),
                rule(Transferred, Taxpayer, Sound::None, true),
                rule(Resumed, Taxpayer, Sound::Once, true),
            ],
            unanswered_s: Some(limits::UNANSWERED_S),
            escalate_s: Some(limits::ESCALATE_S),
        }
    }
}

impl Reminders {
    /// Within the limits, and nothing said twice.
    pub(super) fn checked(self) -> Result<Self, Error> {
        for (i, rule) in self.rules.iter().enumerate() {
            if self.rules[..i].iter().any(|before| (before.on, before.to) == (rule.on, rule.to)) {
                return Err(Error::invalid(format!("reminders.rules[{i}].on"), Problem::Taken));
            }
        }
        for (field, seconds) in [("reminders.unanswered_s", self.unanswered_s), ("reminders.escalate_s", self.escalate_s)] {
            if seconds.is_some_and(|s| !(1..=limits::UNANSWERED_S_MAX).contains(&s)) {
                return Err(Error::invalid(field, Problem::OutOfRange { min: 1, max: limits::UNANSWERED_S_MAX }));
            }
        }
        if self.escalate_s.is_some() && self.unanswered_s.is_none() {
            return Err(Error::invalid("reminders.unanswered_s", Problem::Empty));
        }
        Ok(self)
    }

    /// When its officer is reminded of a taxpayer who waits for an answer since then, and when those who supervise are told.
    fn due(&self, since: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        let later = |from: Timestamp, s: i64| from.plus(std::time::Duration::from_secs(s.unsigned_abs()));
        let reminded = self.unanswered_s.map(|s| later(since, s));
        (reminded, reminded.zip(self.escalate_s).map(|(at, s)| later(at, s)))
    }
}

/// What a client does about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reminder {
    /// Of what it reminds.
    pub of: ReminderKind,
    /// What is heard.
    pub sound: Sound,
    /// Whether a window pops up.
    pub popup: bool,
}

/// Of what an event reminds a kind of reader. Each is reminded once, on one of the topics that tell of it: officers of what comes to them on
/// their desk, of the rest where it happens. `first`: of a message, whether its side of the conversation had written nothing before.
pub(crate) fn reminds(event: &Event, first: bool, topic: Topic, to: ReminderFor) -> Option<ReminderKind> {
    let on_desk = matches!(topic, Topic::Officer(_));
    let in_place = matches!(topic, Topic::Conversation(_));
    match (event.kind, to) {
        (EventKind::Escalated, ReminderFor::Supervisor) => Some(ReminderKind::Escalated),
        (_, ReminderFor::Supervisor) => None,
        (EventKind::LineEntered, ReminderFor::Officer) => Some(ReminderKind::Entered),
        (EventKind::MessageSent, _) if first => Some(ReminderKind::FirstMessage),
        (EventKind::MessageSent, _) => Some(ReminderKind::Message),
        (EventKind::Offered, ReminderFor::Officer) if on_desk => Some(ReminderKind::Offered),
        (EventKind::Unanswered, ReminderFor::Officer) if on_desk => Some(ReminderKind::Unanswered),
        (EventKind::Claimed, ReminderFor::Taxpayer) if in_place => Some(ReminderKind::Claimed),
        (EventKind::Transferred, ReminderFor::Taxpayer) if in_place => Some(ReminderKind::Transferred),
        (EventKind::Transferred, ReminderFor::Officer) if on_desk => Some(ReminderKind::Transferred),
        (EventKind::Resumed, _) if in_place => Some(ReminderKind::Resumed),
        (EventKind::Mentioned | EventKind::Whispered, _) if on_desk => Some(ReminderKind::Mentioned),
        _ => None,
    }
}

/// What a line's clients do about something.
pub(crate) fn reminder(line: Option<&Line>, of: ReminderKind, to: ReminderFor) -> Option<Reminder> {
    let found = |reminders: &Reminders| reminders.rules.iter().find(|rule| (rule.on, rule.to) == (of, to)).copied();
    let rule = match line.and_then(|line| line.reminders.as_ref()) {
        Some(own) => found(own),
        None => found(&Reminders::default()),
    };
    rule.map(|rule| Reminder { of, sound: rule.sound, popup: rule.popup })
}

/// As whom somebody is reminded of what happens in a line or conversation.
pub(crate) fn reminded_as(actor: &Actor, line: &Line) -> ReminderFor {
    match actor {
        Actor::Officer(officer) if officer.may_at(Permission::SuperviseInteraction, &line.authority) => ReminderFor::Supervisor,
        Actor::Officer(_) => ReminderFor::Officer,
        _ => ReminderFor::Taxpayer,
    }
}

/// Sees to it that somebody is reminded of a taxpayer who waits for an answer from now on.
pub(super) fn watch(tx: &mut dyn Tx, c: &Conversation, since: Timestamp) -> Result<(), Error> {
    let line = line_of(tx, c)?;
    match due(&line, since) {
        (Some(due), _) => agenda::set_by(tx, TimerKind::Unanswered, c.id.uuid(), due),
        (None, _) => Ok(()),
    }
}

fn line_of(tx: &mut dyn ReadTx, c: &Conversation) -> Result<Line, Error> {
    let found = tx.find::<Line>((c.line,))?.ok_or(Error::NotFound { what: "line" })?;
    Ok(found.trust("how a conversation's line reminds").into_inner())
}

/// When its officer is reminded of a taxpayer of a line who waits for an answer since then, and when those who supervise are told.
pub(super) fn due(line: &Line, since: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
    declared(line).due(since)
}

fn declared(line: &Line) -> Reminders {
    line.reminders.clone().unwrap_or_default()
}

/// A taxpayer may have waited for an answer for too long.
#[derive(Clone, Debug, Serialize)]
pub struct RemindUnanswered {
    /// The leased timer.
    pub timer: TimerId,
    /// Its fencing token.
    pub token: i64,
}

/// Who was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reminded {
    /// Of which conversation.
    pub conversation: ConversationId,
    /// Whether its officer was reminded.
    pub officer: bool,
    /// Whether those who supervise it were told.
    pub supervisors: bool,
}

impl crate::core::Answer for Reminded {
    fn subject(&self) -> String {
        format!("conversation/{}", self.conversation)
    }
}

/// Reminds the officer, and later tells those who supervise, where a taxpayer still waits for an answer; sets the timer anew where they wait
/// since a later moment.
pub(crate) fn remind_unanswered(tx: &mut dyn Tx, ctx: &Ctx, cmd: RemindUnanswered) -> Result<Reminded, Error> {
    let id = ConversationId::from_uuid(agenda::subject_of(tx, cmd.timer)?);
    let found = tx.lock_row::<Conversation>((id,))?;
    let c = check(ctx, found)?;
    agenda::take(tx, cmd.timer, cmd.token)?;
    let mut told = Reminded { conversation: id, officer: false, supervisors: false };
    let (Some(since), Some(officer), ConversationState::Active) = (c.unanswered_since, c.officer, c.state) else { return Ok(told) };
    let (remind, escalate) = due(&line_of(tx, &c)?, since);
    let Some(remind) = remind else { return Ok(told) };
    let now = ctx.now();
    let next = match escalate {
        _ if now < remind => Some(remind),
        Some(escalate) if escalate <= now => {
            journal::record(tx, ctx, Topic::Line(c.line), EventKind::Escalated, Some(id), None)?;
            told.supervisors = true;
            None
        }
        escalate => {
            journal::record(tx, ctx, Topic::Officer(officer), EventKind::Unanswered, Some(id), None)?;
            told.officer = true;
            escalate
        }
    };
    next.map_or(Ok(()), |due| agenda::set_by(tx, TimerKind::Unanswered, id.uuid(), due))?;
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_twice_and_nobody_is_told_before_the_officer_is() {
        assert_eq!(Reminders::default().checked(), Ok(Reminders::default()));
        let twice = |mut r: Reminders| {
            r.rules.push(r.rules[0]);
            r
        };
        let place = format!("reminders.rules[{}].on", Reminders::default().rules.len());
        assert_eq!(twice(Reminders::default()).checked(), Err(Error::invalid(place, Problem::Taken)));
        let late = Reminders { unanswered_s: None, ..Reminders::default() };
        assert_eq!(late.checked(), Err(Error::invalid("reminders.unanswered_s", Problem::Empty)));
        let at = |unanswered_s| Reminders { unanswered_s: Some(unanswered_s), ..Reminders::default() }.checked().is_ok();
        assert_eq!([0, 1, limits::UNANSWERED_S_MAX, limits::UNANSWERED_S_MAX + 1].map(at), [false, true, true, false]);
    }

    #[test]
    fn every_kind_reminds_somebody_where_nothing_is_declared() {
        let rules = Reminders::default().rules;
        for kind in ReminderKind::ALL {
            assert!(rules.iter().any(|rule| rule.on == *kind), "{kind:?}");
        }
    }
}
