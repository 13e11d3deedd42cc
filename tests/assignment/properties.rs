//! Whatever happens, in whatever order: what holds of every decision, said here once more and independently of the engine.

use std::collections::BTreeMap;

use proptest::prelude::*;
use zhengna_core::assignment::{Assigner, Attendance, Candidate, Decision, Inputs, Pass, Question, Record, Waiting, Widening, decide};
use zhengna_core::id::OfficerId;

use super::support::{at, comes, line, officer, path, policy, present, topic, work};

/// What may happen.
#[derive(Clone, Debug)]
enum Event {
    Officer(Candidate),
    Gone(u128),
    Comes(Waiting),
    Leaves(u128),
    Ends(u128, u32),
    /// The last assignment is let pass.
    LetPass,
    Time(u64),
    Asks(u128, u128),
    /// So many are assigned, if as many can be.
    Assign(usize),
}

const OFFICERS: u128 = 6;

fn candidate() -> impl Strategy<Value = Candidate> {
    let skills = proptest::sample::subsequence(vec!["vat.invoice", "vat.refund", "vat", "income.annual", "income", "sign", "seal"], 0..5);
    let attendance = prop_oneof![6 => Just(Attendance::Present), 1 => Just(Attendance::Absent), 1 => Just(Attendance::OnLeave)];
    let until = prop_oneof![4 => Just(None), 1 => (0u64..400).prop_map(|s| Some(at(s)))];
    let numbers = (1..=OFFICERS, 0u32..4, 0u32..4, 0u32..30, 0u64..5);
    (numbers, skills, 0usize..4, attendance, until, prop::bool::weighted(0.9)).prop_map(
        |((n, capacity, held, load_min, idle), skills, authority, attendance, until, accepts_push)| Candidate {
            capacity,
            held,
            load_min,
            idle_since: at(idle),
            skills: skills.into_iter().map(str::to_owned).collect(),
            authorities: path(authority),
            attendance,
            until,
            accepts_push,
            ..present(n)
        },
    )
}

fn waiting() -> impl Strategy<Value = Waiting> {
    let required = proptest::sample::subsequence(vec!["sign", "seal"], 0..=2);
    let required = prop_oneof![3 => Just(vec![]), 1 => required];
    let known = || proptest::option::weighted(0.3, (1..=OFFICERS).prop_map(officer));
    (1u128..40, 1u128..3, 0u64..300, -1i64..2, 0usize..4, 0usize..5, required, known(), known(), 0u32..20).prop_map(
        |(n, in_line, arrived, rank, about, authority, required, own, last, minutes)| Waiting {
            line: line(in_line),
            rank,
            topics: topic(about),
            authorities: if authority == 4 { vec![] } else { path(authority) },
            required: required.into_iter().map(str::to_owned).collect(),
            own,
            last,
            minutes,
            ..comes(n, arrived)
        },
    )
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => candidate().prop_map(Event::Officer),
        1 => (1..=OFFICERS).prop_map(Event::Gone),
        6 => waiting().prop_map(Event::Comes),
        1 => (1u128..40).prop_map(Event::Leaves),
        3 => (1..=OFFICERS, 0u32..15).prop_map(|(n, took)| Event::Ends(n, took)),
        2 => Just(Event::LetPass),
        3 => (0u64..90).prop_map(Event::Time),
        2 => (1..=OFFICERS, 1u128..3).prop_map(|(n, l)| Event::Asks(n, l)),
        6 => prop_oneof![3 => Just(usize::MAX), 1 => 1usize..3].prop_map(Event::Assign),
    ]
}

/// Everything, in plain lists: what the engine must agree with.
struct Plain {
    now: u64,
    inputs: Inputs,
    last: Option<(Waiting, OfficerId)>,
}

impl Plain {
    fn new() -> Self {
        let inputs = Inputs {
            now: at(0),
            question: Question::Push,
            policies: BTreeMap::from([(line(1), policy())]), // the second line has the default
            waiting: vec![],
            officers: vec![],
            others: 0,
        };
        Self { now: 0, inputs, last: None }
    }

    fn officer(&mut self, id: OfficerId) -> Option<&mut Candidate> {
        self.inputs.officers.iter_mut().find(|c| c.id == id)
    }

    /// Something an officer had is over; `took`: how long it took, or nothing where the offer was let pass.
    fn freed(&mut self, id: OfficerId, expected: u32, took: Option<u32>) {
        let now = at(self.now);
        if let Some(c) = self.officer(id) {
            c.held = c.held.saturating_sub(1);
            c.load_min = c.load_min.saturating_sub(expected) + took.unwrap_or_default();
            c.idle_since = if took.is_some() { c.idle_since.max(now) } else { c.idle_since };
        }
    }

    fn asked(&self, question: Question) -> Option<Decision> {
        decide(&Inputs { now: at(self.now), question, ..self.inputs.clone() })
    }

    /// Holds a decision against the rules, then carries it out.
    fn check(&mut self, record: &Record, asked: bool) -> Result<(), TestCaseError> {
        let decision = &record.decision;
        prop_assert!(record.replays(), "does not replay: {record:#?}");
        let read: Record = serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap();
        prop_assert_eq!(&read, record);
        let place = self.inputs.waiting.iter().position(|w| w.id == decision.work);
        prop_assert!(place.is_some(), "what does not wait is not assigned");
        let taken = self.inputs.waiting.remove(place.unwrap());
        let chosen = self.officer(decision.officer).cloned();
        prop_assert!(chosen.is_some(), "to somebody unknown");
        let chosen = chosen.unwrap();
        prop_assert!(self.may(&chosen, &taken, asked), "{chosen:?} may not take {taken:?}");
        let older = |w: &&Waiting| w.line == taken.line && w.place() < taken.place();
        for older in self.inputs.waiting.iter().filter(older) {
            prop_assert!(!self.may(&chosen, older, asked), "{chosen:?} might have taken {older:?}, which is older");
            let anybody = self.inputs.officers.iter().any(|c| self.may(c, older, false));
            prop_assert!(asked || !anybody, "somebody might have taken {older:?}, which is older");
        }
        let c = self.officer(decision.officer).unwrap();
        c.held += 1;
        c.load_min += taken.minutes;
        prop_assert!(c.held <= c.capacity, "over capacity");
        self.last = Some((taken, decision.officer));
        Ok(())
    }

    /// The rules once more, as they are told to officers.
    fn may(&self, c: &Candidate, w: &Waiting, asked: bool) -> bool {
        let now = at(self.now);
        let policy = self.inputs.policies.get(&w.line).cloned().unwrap_or_default();
        let after = |s: u32| std::time::Duration::from_secs(u64::from(s));
        let works = |c: &Candidate| {
            c.attendance == Attendance::Present && c.until.is_none_or(|u| now < u) && w.required.iter().all(|s| c.skills.contains(s))
        };
        let own_may_come = self.inputs.officers.iter().any(|own| {
            Some(own.id) == w.own
                && works(own)
                && now < w.arrived.plus(after(policy.own_wait_s))
                && w.passed.iter().all(|p| p.officer != own.id)
        });
        let waited = now.since(w.arrived);
        let step = policy.relax.steps().iter().rfind(|s| after(s.after_s) <= waited).unwrap();
        let topics = match step.topics {
            Widening::Any => &[][..],
            Widening::Up(n) => &w.topics[..w.topics.len().min(usize::from(n) + 1)],
        };
        let nearest = match step.authorities {
            Widening::Any => None,
            Widening::Up(n) => w.authorities.iter().take(usize::from(n) + 1).next_back(),
        };
        let fits = (topics.is_empty() || topics.iter().any(|t| c.skills.contains(t))) && nearest.is_none_or(|a| c.authorities.contains(a));
        let recently = |p: &Pass| p.officer == c.id && now < p.at.plus(after(policy.again_s));
        works(c)
            && c.held < c.capacity
            && (asked || (c.accepts_push && !w.passed.iter().any(recently)))
            && (!own_may_come || w.own == Some(c.id))
            && (fits || w.own == Some(c.id) || w.last == Some(c.id))
    }
}

/// Plays events to the engine and to plain lists, and holds them against each other after each.
fn play(events: &[Event]) -> Result<Vec<Record>, TestCaseError> {
    let (mut a, mut plain, mut seen) = (Assigner::new(), Plain::new(), Vec::new());
    a.set_policy(line(1), policy());
    for event in events {
        match event.clone() {
            Event::Officer(c) => {
                plain.inputs.officers.retain(|o| o.id != c.id);
                plain.inputs.officers.push(c.clone());
                a.set_officer(c);
            }
            Event::Gone(n) => {
                plain.inputs.officers.retain(|o| o.id != officer(n));
                a.remove_officer(officer(n));
            }
            Event::Comes(w) => {
                let w = Waiting { arrived: w.arrived.plus(std::time::Duration::from_secs(plain.now / 2)), ..w };
                plain.inputs.waiting.retain(|o| o.id != w.id);
                plain.inputs.waiting.push(w.clone());
                a.add(w);
            }
            Event::Leaves(n) => {
                plain.inputs.waiting.retain(|o| o.id != work(n));
                a.remove(work(n));
            }
            Event::Ends(n, took) => {
                plain.freed(officer(n), 5, Some(took));
                a.ended(officer(n), 5, took, at(plain.now));
            }
            Event::LetPass => {
                let Some((mut w, who)) = plain.last.take() else { continue };
                if plain.inputs.waiting.iter().any(|o| o.id == w.id) {
                    continue; // it came again meanwhile
                }
                w.passed.push(Pass { officer: who, at: at(plain.now) });
                plain.freed(who, w.minutes, None);
                a.declined(who, w.minutes);
                plain.inputs.waiting.push(w.clone());
                a.add(w);
            }
            Event::Time(s) => plain.now += s,
            Event::Asks(n, l) => {
                let expected = plain.asked(Question::Pull { officer: officer(n), line: line(l) });
                let record = a.pull(officer(n), line(l), at(plain.now));
                prop_assert_eq!(record.as_ref().map(|r| &r.decision), expected.as_ref());
                if let Some(record) = record {
                    plain.check(&record, true)?;
                    seen.push(record);
                } else if plain.officer(officer(n)).is_some() {
                    let of_line = |w: &&Waiting| w.line == line(l);
                    let named = a.nothing_for(officer(n), line(l), at(plain.now)).len();
                    prop_assert_eq!(named, plain.inputs.waiting.iter().filter(of_line).count().min(3), "each is said why");
                }
            }
            Event::Assign(at_most) => {
                for _ in 0..at_most {
                    let expected = plain.asked(Question::Push);
                    let record = a.next(at(plain.now));
                    prop_assert_eq!(record.as_ref().map(|r| &r.decision), expected.as_ref());
                    let Some(record) = record else { break };
                    plain.check(&record, false)?;
                    seen.push(record);
                }
            }
        }
        prop_assert_eq!(a.len(), plain.inputs.waiting.len());
    }
    Ok(seen)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    /// Never over capacity, never to somebody who may not, nobody older overtaken who could be served; the indexes answer what looking at
    /// everything answers, with the same reason; every record replays; equal histories give equal decisions.
    #[test]
    fn the_engine_agrees_with_looking_at_everything_and_keeps_its_rules(events in proptest::collection::vec(event(), 1..120)) {
        let first = play(&events)?;
        prop_assert_eq!(play(&events)?, first, "the same again");
    }

    #[test]
    fn whoever_may_take_something_may_take_it_later_too(
        officers in proptest::collection::vec(candidate(), 1..6), w in waiting(), passes in proptest::collection::vec((1..=OFFICERS, 0u64..200), 0..3),
        in_line in 1u128..3, early in 0u64..600, later in 0u64..600,
    ) {
        let passed = passes.into_iter().map(|(n, s)| Pass { officer: officer(n), at: at(s) }).collect();
        let w = Waiting { line: line(in_line), passed, ..w };
        let officers: BTreeMap<OfficerId, Candidate> = officers.into_iter().map(|c| (c.id, Candidate { until: None, ..c })).collect();
        let able = |second: u64| -> Vec<(OfficerId, bool)> {
            let ask = |question: Question, officers: Vec<Candidate>| {
                let policies = BTreeMap::from([(line(1), policy())]);
                decide(&Inputs { now: at(second), question, policies, waiting: vec![w.clone()], officers, others: 0 }).is_some()
            };
            let all: Vec<Candidate> = officers.values().cloned().collect();
            let mut able = Vec::new();
            for id in officers.keys() {
                // Unasked: all the others are busy.
                let others_busy = all.iter().cloned().map(|c| if c.id == *id { c } else { Candidate { capacity: 0, ..c } }).collect();
                able.extend(ask(Question::Pull { officer: *id, line: line(in_line) }, all.clone()).then_some((*id, true)));
                able.extend(ask(Question::Push, others_busy).then_some((*id, false)));
            }
            able
        };
        let late = able(early + later);
        for one in able(early) {
            prop_assert!(late.contains(&one), "{one:?} at {early} s, not {later} s after");
        }
    }

    /// Load in minutes stays within one conversation of each other, for officers who can do the same and have room.
    #[test]
    fn equal_officers_stay_within_one_conversation_of_each_other(
        officers in 2u128..8, minutes in proptest::collection::vec(1u32..60, 1..80), ends in proptest::collection::vec(any::<bool>(), 80),
    ) {
        let mut a = Assigner::new();
        for n in 1..=officers {
            a.set_officer(Candidate { capacity: 1000, ..present(n) });
        }
        let mut longest = 0;
        for (i, (minutes, ends)) in (1u64..).zip(minutes.into_iter().zip(ends)) {
            longest = longest.max(minutes);
            a.add(Waiting { minutes, ..comes(u128::from(i), i) });
            let given = a.next(at(i)).unwrap().decision;
            if ends {
                a.ended(given.officer, minutes, minutes, at(i)); // as long as expected
            }
            let load = |n| a.officer(officer(n)).unwrap().load_min;
            let (least, most) = ((1..=officers).map(load).min().unwrap(), (1..=officers).map(load).max().unwrap());
            prop_assert!(most - least <= longest, "{least} to {most}, the longest takes {longest}");
        }
    }
}
