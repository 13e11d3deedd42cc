//! Screening (事后筛查): what the records of the audit trail say together. A function of records, rules and calendar.
//!
//! A rule gives some records a weight. An alert arises where the weights within the window that ends at a record reach the
//! threshold, once in each window counted from the epoch. So an alert depends on the records of at most three windows before it, and on
//! nothing after it: whoever reads from far enough back finds it, however the trail was cut.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::trail::Entry;
use super::{ControlKind, ControlRule, Watch};
use crate::access::{ActorKind, ActorRef};
use crate::audit::AuditRecord;
use crate::calendar::{Calendar, date_of, midnight};
use crate::clock::Timestamp;
use crate::limits;
use crate::operation::{self, Class};

/// What an alert rests on: counts and places of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Facts {
    /// How many there were when the threshold was reached.
    pub count: i64,
    /// The threshold.
    pub threshold: i64,
    /// Within how many minutes.
    pub window_minutes: i64,
    /// Place of the first that counted, in the audit trail.
    pub first: i64,
    /// Place of the one that reached the threshold.
    pub last: i64,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// By which rule.
    pub rule: Watch,
    /// Whose deeds.
    pub actor: ActorRef,
    /// What they were done to, where the rule asks for one thing; else empty.
    pub subject: String,
    /// The window it counts in.
    pub window_start: Timestamp,
    /// When the threshold was reached.
    pub at: Timestamp,
    /// What it rests on.
    pub facts: Facts,
}

/// What one caller did by one rule, to one thing.
#[derive(Debug, Default)]
struct Group {
    /// When, what weight, at which place.
    deeds: VecDeque<(Timestamp, i64, i64)>,
    /// Windows with an alert.
    raised: Vec<Timestamp>,
}

/// A deed with its weight by some rule.
#[derive(Clone, Copy)]
struct Weighed {
    /// Whose.
    actor: ActorRef,
    /// When.
    at: Timestamp,
    /// Its place in the audit trail.
    number: i64,
    /// What it weighs.
    weight: i64,
}

/// Records screened so far.
#[derive(Debug)]
pub struct Screening {
    rules: Vec<ControlRule>,
    calendar: Arc<Calendar>,
    /// The place and hash before the next.
    last: Option<(i64, [u8; 32])>,
    latest: Timestamp,
    groups: HashMap<(Watch, ActorRef, String), Group>,
    /// Who agreed to whose thing lately.
    agreed: VecDeque<(Timestamp, ActorRef, ActorRef)>,
    /// Who gave whom a way to sign in lately: a password, or the chance of another second factor.
    given: VecDeque<(Timestamp, ActorRef, ActorRef)>,
}

/// The longest window there may be, and by how much the clocks of hosts may differ.
const KEPT: Duration = Duration::from_secs(60 * limits::CONTROL_WINDOW_MINUTES_MAX.unsigned_abs() + limits::CLOCK_SKEW_MAX.as_secs());

/// How far back of an instant screening must begin to find the alerts of that instant.
pub(crate) const REACH: Duration = Duration::from_secs(3 * KEPT.as_secs());

/// The nobody in whose name the trail itself is looked at.
const NOBODY: ActorRef = ActorRef { kind: ActorKind::System, id: Uuid::nil() };

impl Screening {
    /// Begins behind a place of the chain.
    pub(crate) fn begin(rules: Vec<ControlRule>, calendar: Arc<Calendar>, after: i64) -> Self {
        let last = (after == 0).then_some((0, crate::audit::GENESIS));
        let rules = rules.into_iter().filter(|r| r.kind == ControlKind::Screen && r.enabled).collect();
        let (agreed, given) = (VecDeque::new(), VecDeque::new());
        Self { rules, calendar, last, latest: Timestamp::default(), groups: HashMap::new(), agreed, given }
    }

    /// Whether it screens by these rules and this calendar.
    pub(crate) fn goes_by(&self, rules: &[ControlRule], calendar: &Arc<Calendar>) -> bool {
        Arc::ptr_eq(&self.calendar, calendar) && self.rules.iter().eq(rules.iter().filter(|r| r.kind == ControlKind::Screen && r.enabled))
    }

    /// The next place of the chain; what it makes known.
    pub(crate) fn next(&mut self, entry: &Entry) -> Vec<Finding> {
        let mut found = Vec::new();
        self.latest = entry.record.as_ref().map_or(self.latest, |r| r.at.max(self.latest));
        let before = self.last.replace((entry.number, entry.hash));
        let whole = before.is_none_or(|(number, hash)| {
            number + 1 == entry.number && entry.record.as_ref().is_some_and(|record| record.chained(&hash) == entry.hash)
        });
        if !whole {
            let at = entry.record.as_ref().map_or(self.latest, |r| r.at);
            let gap = Weighed { actor: NOBODY, at, number: entry.number, weight: 1 };
            self.count(Watch::AuditGap, gap, format!("audit/{}", entry.number), &mut found);
        }
        if let Some(record) = &entry.record {
            self.weigh(record, entry, &mut found);
        }
        found
    }

    /// Forgets what no window reaches any more.
    pub(crate) fn forget(&mut self) {
        let since = self.latest.minus(KEPT);
        self.groups.retain(|_, group| {
            group.deeds.retain(|(at, ..)| *at > since);
            !group.deeds.is_empty()
        });
        self.agreed.retain(|(at, ..)| *at > since);
        self.given.retain(|(at, ..)| *at > since);
    }

    fn weigh(&mut self, record: &AuditRecord, entry: &Entry, found: &mut Vec<Finding>) {
        let (at, actor) = (record.at, record.actor);
        if record.rows == 0 {
            return; // the hash of a row, noted beside the deed
        }
        let one = Weighed { actor, at, number: entry.number, weight: 1 };
        let many = Weighed { weight: record.rows, ..one };
        let is = |operation: &operation::Operation| record.operation == operation.name;
        let on_card = is(&operation::REVEAL_ON_CARD);
        if is(&operation::RECORD_DENIALS) {
            if let Some(denied) = ActorRef::parse(&record.subject) {
                self.count(Watch::DeniedBurst, Weighed { actor: denied, ..many }, String::new(), found);
            }
            return;
        }
        if let Some(officer) = record.subject.strip_suffix("/idle").and_then(ActorRef::parse) {
            self.count(Watch::DormantAccount, Weighed { actor: officer, ..many }, String::new(), found);
        }
        if actor.kind != ActorKind::Officer {
            return;
        }
        if operation::find(&record.operation).is_some_and(|o| o.class == Class::AuditedQuery) && self.is_off_hours(at) {
            self.count(Watch::OffHours, one, String::new(), found);
        }
        if on_card || is(&operation::REVEAL_TAXPAYER) {
            self.count(Watch::BulkReveal, one, String::new(), found);
        }
        if is(&operation::REVEAL_TAXPAYER) {
            // The subject ends in the field: what counts is whose it is.
            let whose = record.subject.rsplit_once('/').map_or(record.subject.as_str(), |(whose, _)| whose).to_owned();
            self.count(Watch::RepeatedReveal, one, whose, found);
        }
        if (is(&operation::GIVE_PASSWORD) || is(&operation::RESET_FACTOR))
            && let Some(whose) = ActorRef::parse(record.subject.strip_prefix("credential/").unwrap_or(&record.subject))
        {
            self.given.push_back((at, actor, whose));
        }
        if is(&operation::TAKE_EMERGENCY_POST) {
            self.count(Watch::EmergencyPost, one, record.subject.clone(), found);
        }
        if is(&operation::DISCLOSE) || is(&operation::EXPORT_REVIEWED) {
            self.count(Watch::ExportSize, many, String::new(), found);
        }
        if let Some(maker) = entry.proposed_by.filter(|maker| maker.kind == ActorKind::Officer) {
            // Who carries out their own is what some rules ask for; who agrees to it is not.
            if is(&operation::APPROVE) {
                self.agreed.push_back((at, actor, maker));
                let since = self.window_of(Watch::BothSides).map(|window| at.minus(window));
                let crossed = |(when, who, whose): &(Timestamp, ActorRef, ActorRef)| {
                    since.is_some_and(|since| *when > since && *when <= at) && *who == maker && *whose == actor
                };
                if self.agreed.iter().any(crossed) {
                    self.count(Watch::BothSides, one, maker.to_string(), found);
                }
                // Whoever gave both of them their way in may have been both of them.
                let given_to = |whose: ActorRef| {
                    let lately = move |when: Timestamp| since.is_some_and(|since| when > since && when <= at);
                    self.given.iter().filter(move |(when, _, to)| *to == whose && lately(*when)).map(|(_, by, _)| *by)
                };
                let behind = given_to(actor).find(|by| given_to(maker).any(|other| other == *by));
                if let Some(behind) = behind {
                    self.count(Watch::BothSides, Weighed { actor: behind, ..one }, format!("{maker} {actor}"), found);
                }
            }
        }
    }

    fn window_of(&self, id: Watch) -> Option<Duration> {
        self.rules.iter().find(|r| r.id == id).map(ControlRule::window)
    }

    fn is_off_hours(&self, at: Timestamp) -> bool {
        let Some(date) = date_of(at) else { return false };
        let hour = (at.micros() - midnight(date).micros()) / 3_600_000_000;
        let (from, until) = limits::ON_DUTY_HOURS;
        !(from..until).contains(&hour) || self.calendar.works(date) == Some(false)
    }

    /// Counts a deed by a rule, where it watches one thing: of `subject`.
    fn count(&mut self, id: Watch, deed: Weighed, subject: String, found: &mut Vec<Finding>) {
        let Weighed { actor, at, number, weight } = deed;
        let Some(rule) = self.rules.iter().find(|r| r.id == id) else { return };
        let window = rule.window();
        let group = self.groups.entry((id, actor, subject.clone())).or_default();
        group.deeds.push_back((at, weight, number));
        let since = at.minus(window);
        let within = group.deeds.iter().filter(|(when, ..)| *when > since && *when <= at);
        let (count, first) =
            within.fold((0_i64, number), |(count, first), (_, weight, number)| (count.saturating_add(*weight), first.min(*number)));
        let micros = window.as_micros() as i64; // at most CONTROL_WINDOW_MINUTES_MAX
        let window_start = Timestamp::from_micros(at.micros().div_euclid(micros) * micros);
        if count < rule.threshold || group.raised.contains(&window_start) {
            return;
        }
        group.raised.push(window_start);
        if group.raised.len() > 4 {
            group.raised.remove(0); // clocks do not differ by so many windows
        }
        let facts = Facts { count, threshold: rule.threshold, window_minutes: rule.window_minutes, first, last: number };
        found.push(Finding { rule: id, actor, subject, window_start, at, facts });
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule::as_shipped;
    use super::*;
    use crate::id::AuditId;
    use proptest::prelude::*;

    /// A Wednesday that is worked, 10:00.
    const MORNING: i64 = 1_792_548_000_000_000;
    const MINUTE: i64 = 60_000_000;

    static CALENDAR: std::sync::LazyLock<Arc<Calendar>> = std::sync::LazyLock::new(|| Arc::new(Calendar::of_published()));

    fn who(n: u128) -> ActorRef {
        ActorRef { kind: ActorKind::Officer, id: Uuid::from_u128(n) }
    }

    /// A deed to be screened: when, in minutes; whose; what, to what, how many.
    #[derive(Clone, Debug)]
    struct Deed {
        minute: i64,
        actor: ActorRef,
        operation: &'static str,
        subject: String,
        rows: i64,
        proposed_by: Option<ActorRef>,
    }

    fn deed(minute: i64, actor: u128, operation: &'static operation::Operation) -> Deed {
        Deed { minute, actor: who(actor), operation: operation.name, subject: "taxpayer/x/name".into(), rows: 1, proposed_by: None }
    }

    fn trail(deeds: &[Deed]) -> Vec<Entry> {
        let mut hash = crate::audit::GENESIS;
        let mut entries = Vec::new();
        for (i, deed) in deeds.iter().enumerate() {
            let record = AuditRecord {
                xid: 0,
                seq: i as i64,
                id: AuditId::from_uuid(Uuid::from_u128(i as u128)),
                at: Timestamp::from_micros(MORNING + deed.minute * MINUTE),
                operation: deed.operation.into(),
                actor: deed.actor,
                subject: deed.subject.clone(),
                reason: None,
                request: "-".into(),
                digest: [0; 32],
                rows: deed.rows,
            };
            hash = record.chained(&hash);
            entries.push(Entry { number: i as i64 + 1, hash, record: Some(record), proposed_by: deed.proposed_by });
        }
        entries
    }

    fn screen(entries: &[Entry]) -> Vec<Finding> {
        let after = entries.first().map_or(0, |e| e.number - 1);
        let mut screening = Screening::begin(as_shipped(), CALENDAR.clone(), after);
        entries
            .iter()
            .flat_map(|entry| {
                let found = screening.next(entry);
                screening.forget(); // after each, which is the hardest
                found
            })
            .collect()
    }

    fn rules_of(deeds: &[Deed]) -> Vec<Watch> {
        screen(&trail(deeds)).into_iter().map(|f| f.rule).collect()
    }

    #[test]
    fn each_rule_finds_at_its_threshold_and_not_one_below() {
        let shipped = as_shipped();
        let threshold = |id| shipped.iter().find(|r| r.id == id).unwrap().threshold;
        for (id, one) in [
            (Watch::BulkReveal, deed(0, 1, &operation::REVEAL_ON_CARD)),
            (Watch::RepeatedReveal, deed(0, 1, &operation::REVEAL_TAXPAYER)),
            (Watch::OffHours, deed(600, 1, &operation::REVIEW)),
            (Watch::DeniedBurst, Deed { actor: NOBODY, subject: who(1).to_string(), ..deed(0, 1, &operation::RECORD_DENIALS) }),
        ] {
            let n = threshold(id) as usize;
            assert_eq!(rules_of(&vec![one.clone(); n - 1]), [], "{}", id.as_str());
            let found = screen(&trail(&vec![one; n]));
            assert_eq!(found.iter().map(|f| (f.rule, f.actor)).collect::<Vec<_>>(), [(id, who(1))]);
            assert_eq!((found[0].facts.count, found[0].facts.first, found[0].facts.last), (n as i64, 1, n as i64));
        }
        for (id, one) in [
            (Watch::ExportSize, deed(0, 1, &operation::DISCLOSE)),
            (Watch::ExportSize, deed(0, 1, &operation::EXPORT_REVIEWED)),
            (Watch::DormantAccount, Deed { actor: NOBODY, subject: format!("{}/idle", who(1)), ..deed(0, 1, &operation::SIGN_IN) }),
        ] {
            let rows = threshold(id);
            assert_eq!(rules_of(&[Deed { rows: rows - 1, ..one.clone() }]), [], "{}", id.as_str());
            assert_eq!(rules_of(&[Deed { rows, ..one }]), [id]);
        }
    }

    #[test]
    fn what_lies_outside_the_window_does_not_count_and_a_window_has_one_alert() {
        let n = 50;
        let mut spread: Vec<Deed> = vec![deed(0, 1, &operation::REVEAL_ON_CARD); n - 1];
        spread.push(deed(60, 1, &operation::REVEAL_ON_CARD));
        assert_eq!(rules_of(&spread), []);
        spread.last_mut().unwrap().minute = 59;
        assert_eq!(rules_of(&spread), [Watch::BulkReveal]);
        // Spread over two people, and often within one window.
        let two: Vec<Deed> = (0..98).map(|i| deed(0, 1 + i % 2, &operation::REVEAL_ON_CARD)).collect();
        assert_eq!(rules_of(&two), []);
        assert_eq!(rules_of(&vec![deed(1, 1, &operation::REVEAL_ON_CARD); 200]), [Watch::BulkReveal]);
    }

    #[test]
    fn two_who_approve_each_others_things_are_found_and_one_way_is_in_order() {
        let agree = |minute, by, of| Deed { proposed_by: Some(who(of)), ..deed(minute, by, &operation::APPROVE) };
        assert_eq!(rules_of(&[agree(0, 1, 2), agree(1, 1, 2), agree(2, 3, 1)]), []);
        assert_eq!(rules_of(&[agree(0, 1, 2), agree(24 * 60 - 1, 2, 1)]), [Watch::BothSides]);
        assert_eq!(rules_of(&[agree(0, 1, 2), agree(24 * 60, 2, 1)]), []);
        // The core refuses that; screening does not rely on it.
        assert_eq!(rules_of(&[agree(0, 1, 1)]), [Watch::BothSides]);
        // Whoever gave both of them a password may have been both.
        let given =
            |minute, by, to: u128| Deed { subject: format!("credential/{}", who(to)), ..deed(minute, by, &operation::GIVE_PASSWORD) };
        let reset = |minute, by, to: u128| Deed { subject: who(to).to_string(), ..deed(minute, by, &operation::RESET_FACTOR) };
        let found = screen(&trail(&[given(0, 9, 1), reset(1, 9, 2), agree(2, 1, 2)]));
        assert_eq!(found.iter().map(|f| (f.rule, f.actor)).collect::<Vec<_>>(), [(Watch::BothSides, who(9))]);
        assert_eq!(rules_of(&[given(0, 9, 1), given(1, 8, 2), agree(2, 1, 2)]), [], "by two administrators");
        assert_eq!(rules_of(&[given(0, 9, 1), given(1, 9, 2), agree(24 * 60 + 1, 1, 2)]), [], "long ago");
    }

    #[test]
    fn nights_and_days_of_rest_are_off_hours() {
        let at = |minute: i64| rules_of(&vec![deed(minute, 1, &operation::REVIEW); 3]).contains(&Watch::OffHours);
        assert!(at(-3 * 60 - 1) && !at(-3 * 60), "07:00");
        assert!(!at(10 * 60 - 1) && at(10 * 60), "20:00");
        assert!(at(3 * 24 * 60), "a Saturday");
    }

    #[test]
    fn a_place_that_is_missing_and_a_record_that_is_gone_or_does_not_fit_are_found() {
        let whole = trail(&vec![deed(0, 1, &operation::CLAIM); 5]);
        assert_eq!(screen(&whole), []);
        let gaps = |entries: &[Entry]| screen(entries).into_iter().map(|f| (f.rule, f.subject)).collect::<Vec<_>>();
        let found = |n: i64| vec![(Watch::AuditGap, format!("audit/{n}"))];
        let mut missing = whole.clone();
        missing.remove(2);
        assert_eq!(gaps(&missing), found(4));
        let mut gone = whole.clone();
        gone[2].record = None;
        assert_eq!(gaps(&gone), found(3));
        let mut altered = whole;
        altered[2].record.as_mut().unwrap().actor = who(9);
        assert_eq!(gaps(&altered), found(3));
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let kinds = [
            &operation::REVEAL_TAXPAYER,
            &operation::REVEAL_ON_CARD,
            &operation::DISCLOSE,
            &operation::EXPORT_REVIEWED,
            &operation::APPROVE,
            &operation::GIVE_PASSWORD,
            &operation::RESET_FACTOR,
        ];
        let one =
            (0..90_i64, 1..4_u128, 0..kinds.len(), 1..3_u128, 1..400_i64, -4..5_i64).prop_map(move |(gap, by, kind, of, rows, skew)| {
                let plain = deed(0, by, kinds[kind]);
                let gives = plain.operation == operation::GIVE_PASSWORD.name || plain.operation == operation::RESET_FACTOR.name;
                let subject = if gives { who(of).to_string() } else { plain.subject.clone() };
                (gap, skew, Deed { rows, subject, proposed_by: Some(who(of)), ..plain })
            });
        prop::collection::vec(one, 0..300).prop_map(|all| {
            let mut minute = 0;
            let placed = all.into_iter().map(|(gap, skew, deed)| {
                minute += gap;
                Deed { minute: minute + skew, ..deed }
            });
            placed.collect()
        })
    }

    proptest! {
        #[test]
        fn in_pieces_it_finds_what_it_finds_at_once(deeds in deeds(), cut in 0..10_000_i64) {
            let entries = trail(&deeds);
            let at = |e: &Entry| e.record.as_ref().unwrap().at;
            let whole = screen(&entries);
            let cut = Timestamp::from_micros(MORNING + cut * MINUTE);
            let late = cut.plus(limits::CLOCK_SKEW_MAX);
            let early = cut.minus(REACH).minus(limits::CLOCK_SKEW_MAX);
            // As `Core::screen` reads: to the first record that is surely later, and from the last that is surely too early.
            let end = entries.iter().position(|e| at(e) >= late).map_or(entries.len(), |i| i + 1);
            let begin = entries.iter().position(|e| at(e) >= early).unwrap_or(entries.len());
            let mut pieces = screen(&entries[..end]);
            pieces.retain(|f| f.at < cut);
            pieces.extend(screen(&entries[begin..]).into_iter().filter(|f| f.at >= cut));
            let key = |f: &Finding| (f.facts.last, f.rule, f.actor);
            let (mut whole, mut pieces) = (whole, pieces);
            whole.sort_by_key(key);
            pieces.sort_by_key(key);
            prop_assert_eq!(&whole, &pieces);
        }
    }
}
