//! Lines (队列): waiting queues of people.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reply::Reply;
use super::{ReadyLines, Reminders, RoutedTopic, Routing};
use crate::access::{Actor, AuthorityPath, Named, Permission, Scope, Term, check, named_officer};
use crate::calendar::{Calendars, Hours, InForce, Span, Term as Period};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::LineId;
use crate::identity::{AuthorityCode, Roster, Taxpayer};
use crate::limits;
use crate::operation;
use crate::store::{Page, ReadTx, Reads, StoreError};

words! {
    /// What a line is for. It decides who is let in.
    pub enum LineKind {
        /// Everybody, about everything (综合咨询).
        General = "general",
        /// 办不成事反映专窗: straight to a specialist, about what could not be done elsewhere.
        UnresolvedMatterDesk = "unresolved_matter_desk",
        /// 大企业专区: for enterprises on that roster, and whoever acts for one.
        LargeEnterprise = "large_enterprise",
        /// 小微企业专区: for enterprises on that roster, and whoever acts for one.
        SmallMicro = "small_micro",
        /// 线上快速问题处理专线: urgent difficulties, with a promise of its own.
        FastLine = "fast_line",
    }
}

impl LineKind {
    /// The roster that one must be on, where there is a gate.
    pub const fn gate(self) -> Option<Roster> {
        match self {
            Self::General | Self::UnresolvedMatterDesk | Self::FastLine => None,
            Self::LargeEnterprise => Some(Roster::LargeEnterprise),
            Self::SmallMicro => Some(Roster::DesignatedSmallMicro),
        }
    }
}

/// When a line is served. Outside of that, whoever enters leaves a message that is answered by a deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LineHours {
    /// Day and night.
    Always,
    /// In the office hours of its authority, on working days.
    OfficeHours,
    /// In these stretches of each working day.
    WorkingDays(Vec<Span>),
}

stored_as_json!(LineHours);

record! {
    /// A line. Its row is the guard that entering and claiming lock, which makes it strictly first in, first
    /// out whatever the clocks of the hosts say.
    pub struct Line in "line" {
        /// Id.
        id: LineId,
        /// The authority it belongs to, with all above.
        authority: AuthorityPath,
        /// Name, in Chinese.
        name: String,
        /// Whether it takes people in.
        open: bool,
        /// The number the next one to enter gets.
        next_ticket: i64,
        /// When it was opened.
        opened_at: Timestamp,
        /// Id in the platform in service before this one.
        external_id: Option<String>,
        /// Counts updates.
        version: i64,
        /// What it is for.
        kind: LineKind,
        /// When it is served.
        hours: LineHours,
        /// As many may wait.
        waiting_max: i64,
        /// Where whoever comes when it is full goes instead.
        overflow: Option<LineId>,
        /// Within so many seconds somebody answers, as was promised.
        promise_s: Option<i64>,
        /// Within so many open minutes a message that was left is answered.
        reply_minutes: i64,
        /// What is shown while it takes nobody in, or is not served.
        closing_message: Option<String>,
        /// How it is shared out; absent where whoever asks gets the first in line.
        routing: Option<Routing>,
        /// How it reminds; absent where it declares nothing.
        reminders: Option<Reminders>,
    }
    key(id);
    version version;
    lock 30;
    scoped opened_at by terms;
    unique BY_EXTERNAL_ID(external_id);
}

impl Line {
    fn terms(&self) -> Vec<Term> {
        let mut terms: Vec<Term> = self.authority.codes().iter().copied().map(Term::Subtree).collect();
        if self.is_shown() {
            terms.push(Term::Public);
        }
        terms.extend(self.authority.own().map(Term::Published));
        terms
    }

    /// One that takes nobody in is shown as long as it says why.
    fn is_shown(&self) -> bool {
        self.open || self.closing_message.is_some()
    }

    /// A line that nobody has entered yet.
    pub(super) fn new(id: LineId, authority: AuthorityPath, opened_at: Timestamp, settings: LineSettings) -> Self {
        let LineSettings { name, kind, open, hours, waiting_max, overflow, promise_s, reply_minutes, closing_message, routing, reminders } =
            settings;
        Self {
            id,
            authority,
            name,
            open,
            next_ticket: 1,
            opened_at,
            external_id: None,
            version: 0,
            kind,
            hours,
            waiting_max,
            overflow,
            promise_s,
            reply_minutes,
            closing_message,
            routing,
            reminders,
        }
    }

    /// The same line, working otherwise.
    pub(super) fn with(self, settings: LineSettings) -> Self {
        let LineSettings { name, kind, open, hours, waiting_max, overflow, promise_s, reply_minutes, closing_message, routing, reminders } =
            settings;
        Self { name, kind, open, hours, waiting_max, overflow, promise_s, reply_minutes, closing_message, routing, reminders, ..self }
    }

    /// How it works.
    pub(super) fn settings(&self) -> LineSettings {
        let Self { name, kind, open, hours, waiting_max, overflow, promise_s, reply_minutes, closing_message, routing, reminders, .. } =
            self.clone();
        LineSettings { name, kind, open, hours, waiting_max, overflow, promise_s, reply_minutes, closing_message, routing, reminders }
    }

    /// Whether somebody serves it at an instant, by the calendar.
    pub(super) fn is_served(&self, now: &InForce, at: Timestamp) -> Result<bool, Error> {
        Ok(!self.has_hours() || now.timeline(&self.authority, self.own_hours())?.is_open(at))
    }

    /// When a message that was left in it is answered at the latest: so many minutes of its hours later, or of its authority's office
    /// hours where it is served day and night.
    pub(super) fn reply_due(&self, now: &InForce, began: Timestamp, minutes: i64) -> Result<Reply, Error> {
        let term = Period::OpenTime(Duration::from_secs(60 * minutes.unsigned_abs()));
        let due = now.timeline(&self.authority, self.own_hours())?.due(began, term, &[]);
        let reply = due.and_then(|due| Some(Reply { due: due.at?, began, minutes, calendar: due.calendar, provisional: due.provisional }));
        reply.ok_or_else(|| {
            StoreError::Corrupt(format!("a message of {} is answered behind the end of the calendar", began.rfc3339())).into()
        })
    }

    /// When whoever comes now is answered at the latest, where nobody serves the line: what they leave is a message.
    pub(super) fn message_due(&self, now: &InForce, at: Timestamp) -> Result<Option<Reply>, Error> {
        if self.is_served(now, at)? { Ok(None) } else { self.reply_due(now, at, self.reply_minutes).map(Some) }
    }

    /// Until when it is served that is served now; `None` where that never ends.
    pub(super) fn served_until(&self, now: &InForce, at: Timestamp) -> Result<Option<Timestamp>, Error> {
        if self.has_hours() { Ok(now.timeline(&self.authority, self.own_hours())?.open_until(at)) } else { Ok(None) }
    }

    /// Whether there are times at which nobody serves it.
    pub(super) fn has_hours(&self) -> bool {
        self.hours != LineHours::Always
    }

    /// Until when whoever entered then hears a word, as is promised.
    pub(super) fn promised(&self, entered: Timestamp) -> Option<Timestamp> {
        self.promise_s.map(|s| entered.plus(Duration::from_secs(s.unsigned_abs())))
    }

    /// Whether those who wait are offered to officers.
    pub(super) fn pushes(&self) -> bool {
        self.routing.as_ref().is_some_and(|routing| routing.push)
    }

    /// Whether whoever enters may name this topic.
    pub(super) fn has_topic(&self, code: &str) -> bool {
        self.routing.as_ref().is_some_and(|routing| routing.has(code))
    }

    fn own_hours(&self) -> Option<&[Span]> {
        if let LineHours::WorkingDays(spans) = &self.hours { Some(spans) } else { None }
    }
}

/// How a line works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LineSettings {
    /// Name, in Chinese, 1 to 100 characters.
    pub name: String,
    /// What it is for.
    pub kind: LineKind,
    /// Whether it takes people in.
    #[serde(default = "yes")]
    pub open: bool,
    /// When it is served.
    pub hours: LineHours,
    /// As many may wait, 1 to [`limits::LINE_WAITING_MAX`].
    #[serde(default = "waiting_max")]
    pub waiting_max: i64,
    /// Where whoever comes when it is full goes instead.
    #[serde(default)]
    pub overflow: Option<LineId>,
    /// Within so many seconds somebody answers, as was promised.
    #[serde(default)]
    pub promise_s: Option<i64>,
    /// Within so many minutes of office time a message that was left is answered.
    #[serde(default = "reply_minutes")]
    pub reply_minutes: i64,
    /// What is shown while it takes nobody in, or is not served, at most 200 characters.
    #[serde(default)]
    pub closing_message: Option<String>,
    /// How it is shared out among those who serve it; absent where whoever asks gets the first in line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Routing>,
    /// What sounds and pops up for whom, and when somebody is told of a taxpayer without an answer; absent for what the program comes with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminders: Option<Reminders>,
}

fn yes() -> bool {
    true
}

fn waiting_max() -> i64 {
    limits::LINE_WAITING_DEFAULT
}

fn reply_minutes() -> i64 {
    limits::LINE_REPLY_MINUTES_DEFAULT
}

impl LineSettings {
    /// A general line that is served day and night.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: LineKind::General,
            open: true,
            hours: LineHours::Always,
            waiting_max: waiting_max(),
            overflow: None,
            promise_s: None,
            reply_minutes: reply_minutes(),
            closing_message: None,
            routing: None,
            reminders: None,
        }
    }

    /// Within the limits, texts without blanks around them.
    pub(super) fn checked(mut self) -> Result<Self, Error> {
        self.name = error::text("name", &self.name, limits::NAME_CHARS_MAX)?;
        if let LineHours::WorkingDays(spans) = &self.hours {
            Hours::from(chrono::NaiveDate::default(), spans)?;
        }
        let within = |field, n: i64, max: i64| {
            if (1..=max).contains(&n) { Ok(()) } else { Err(Error::invalid(field, Problem::OutOfRange { min: 1, max })) }
        };
        within("waiting_max", self.waiting_max, limits::LINE_WAITING_MAX)?;
        within("reply_minutes", self.reply_minutes, limits::LINE_REPLY_MINUTES_MAX)?;
        self.promise_s.map_or(Ok(()), |s| within("promise_s", s, limits::LINE_PROMISE_S_MAX))?;
        let message = self.closing_message.as_deref();
        self.closing_message = message.map(|text| error::text("closing_message", text, limits::CLOSING_MESSAGE_CHARS_MAX)).transpose()?;
        self.routing = self.routing.map(Routing::checked).transpose()?;
        self.reminders = self.reminders.map(Reminders::checked).transpose()?;
        Ok(self)
    }
}

/// A line with all that is set, for whoever manages it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ManagedLine {
    /// Id.
    pub id: LineId,
    /// Code of the authority it belongs to.
    pub authority: Option<AuthorityCode>,
    /// How it works: what to put forward with one thing changed.
    pub settings: LineSettings,
    /// What its specialists are called.
    pub names: Vec<Named>,
}

/// A line that the caller manages, whether or not it takes people in.
pub fn managed_line(tx: &mut dyn ReadTx, ctx: &Ctx, line: LineId) -> Result<ManagedLine, Error> {
    let found = tx.find::<Line>((line,))?;
    let line = check(ctx, found)?;
    let mut names = Vec::new();
    for specialist in line.routing.iter().flat_map(|routing| &routing.specialists) {
        names.extend(named_officer(tx, ctx, specialist.officer)?);
    }
    Ok(ManagedLine { id: line.id, authority: line.authority.own(), settings: line.settings(), names })
}

/// A line as shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineView {
    /// Id.
    pub id: LineId,
    /// Name.
    pub name: String,
    /// What it is for.
    pub kind: LineKind,
    /// Code of the authority it belongs to.
    pub authority: Option<AuthorityCode>,
    /// Whether it takes people in.
    pub open: bool,
    /// Whether somebody serves it now; otherwise whoever enters leaves a message.
    pub served: bool,
    /// How many wait in it now.
    pub waiting: u32,
    /// Within so many seconds somebody answers, as was promised.
    pub promise_s: Option<i64>,
    /// What to show while it is not served.
    pub closing_message: Option<String>,
    /// Topics that whoever enters may name, each behind the one above it.
    pub topics: Vec<RoutedTopic>,
    /// Whether those who wait are offered to officers, who need not ask for the next one.
    pub push: bool,
    /// Whether the caller may put forward how it works.
    pub managed: bool,
}

/// A line by name, for a reader of what names it.
pub(crate) fn named_line(tx: &mut dyn ReadTx, id: LineId) -> Result<Option<Named>, Error> {
    let found = tx.find::<Line>((id,))?.map(|line| line.trust("names of lines are public").into_inner());
    Ok(found.map(|line| Named { id: id.to_string(), name: line.name, staff_no: None }))
}

/// Lines within a scope, newest first, at most `max`, and whether these are all.
pub(crate) fn lines_within(tx: &mut dyn ReadTx, scope: &Scope, max: usize) -> Result<(Vec<Line>, bool), Error> {
    let mut lines: Vec<Line> = Vec::new();
    while lines.len() < max {
        let after = lines.last().map(|line| (line.opened_at, line.id.uuid()));
        let page: Vec<Line> = tx.list(scope, Page { after, limit: limits::PAGE_ROWS_MAX })?;
        let last = (page.len() as u32) < limits::PAGE_ROWS_MAX;
        lines.extend(page);
        if last && lines.len() <= max {
            return Ok((lines, true));
        }
    }
    lines.truncate(max);
    Ok((lines, false))
}

/// All lines of the caller's authority and those above it, and all that they serve, supervise or manage; then others that are shown to
/// everybody, so many that a screen holds them.
fn nearest(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Vec<Line>, Error> {
    let near = match ctx.actor() {
        Actor::Taxpayer(id) => {
            let me = tx.find::<Taxpayer>((*id,))?.ok_or(Error::SignInRequired)?.trust("the caller's own record");
            vec![Scope::published_to(&me.authority)]
        }
        Actor::Officer(me) => {
            let posts = [&operation::WAITING, &operation::CONVERSATIONS, &operation::LINE].map(|theirs| Scope::by(ctx, theirs));
            [Scope::published_to(&me.authority)].into_iter().chain(posts).collect()
        }
        Actor::Anonymous | Actor::System => Vec::new(),
    };
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    for scope in near {
        let (lines, _) = lines_within(tx, &scope, limits::WALL_LINES_MAX)?;
        found.extend(lines.into_iter().filter(|line| line.is_shown() && known.insert(line.id)));
    }
    let others: Vec<Line> = tx.list(&Scope::of(ctx), Page { after: None, limit: limits::LINES_SHOWN_MAX })?;
    found.extend(others.into_iter().filter(|line| known.insert(line.id)));
    Ok(found)
}

/// The lines that take people in, and those that say why they do not: those near the caller first, each part newest first.
pub fn lines(tx: &mut dyn ReadTx, ctx: &Ctx, calendars: &Calendars) -> Result<Vec<LineView>, Error> {
    let found = nearest(tx, ctx)?;
    let counts: Vec<u32> = tx.project(|ready: &ReadyLines| found.iter().map(|l| ready.waiting(l.id)).collect()).unwrap_or_default();
    let now = calendars.in_force(tx)?;
    let mut shown = Vec::with_capacity(found.len());
    for (i, line) in found.into_iter().enumerate() {
        shown.push(LineView {
            waiting: counts.get(i).copied().unwrap_or_default(),
            served: line.is_served(&now, ctx.now())?,
            push: line.pushes(),
            id: line.id,
            name: line.name,
            kind: line.kind,
            open: line.open,
            promise_s: line.promise_s,
            closing_message: line.closing_message,
            managed: matches!(ctx.actor(), Actor::Officer(caller) if caller.may_at(Permission::ManageLines, &line.authority)),
            authority: line.authority.own(),
            topics: line.routing.map(|routing| routing.topics).unwrap_or_default(),
        });
    }
    Ok(shown)
}
