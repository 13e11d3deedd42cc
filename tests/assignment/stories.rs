//! One sentence each; most are what users of other systems complained about.

use zhengna_core::assignment::{
    Assigner, Attendance, Bar, Candidate, Choice, Overtaken, Pass, PassedOver, Record, Waiting, Widening, decide,
};

use super::support::{at, comes, line, officer, path, policy, present, topic, work};

fn assigner(officers: impl IntoIterator<Item = Candidate>, waiting: impl IntoIterator<Item = Waiting>) -> Assigner {
    let mut assigner = Assigner::new();
    assigner.set_policy(line(1), policy());
    officers.into_iter().for_each(|o| assigner.set_officer(o));
    waiting.into_iter().for_each(|w| assigner.add(w));
    assigner
}

/// All that is assigned now, as numbers: which to whom.
fn assigned(assigner: &mut Assigner, second: u64) -> Vec<(u128, u128)> {
    let all = std::iter::from_fn(|| assigner.next(at(second)));
    all.map(|r| (r.decision.work.uuid().as_u128(), r.decision.officer.uuid().as_u128())).collect()
}

fn next(assigner: &mut Assigner, second: u64) -> Record {
    let record = assigner.next(at(second)).unwrap();
    assert!(record.replays(), "{record:#?}");
    record
}

/// chatwoot/chatwoot#10583.
#[test]
fn of_four_chats_at_a_capacity_of_three_the_fourth_goes_before_a_fifth_when_one_closes() {
    let mut a = assigner([present(1)], (1..=4).map(|n| comes(n, n as u64)));
    assert_eq!(assigned(&mut a, 10), [(1, 1), (2, 1), (3, 1)]);
    a.add(comes(5, 11));
    assert_eq!(assigned(&mut a, 12), []);
    a.ended(officer(1), 10, 4, at(13));
    assert_eq!(assigned(&mut a, 13), [(4, 1)]);
    a.ended(officer(1), 10, 4, at(14));
    assert_eq!(assigned(&mut a, 14), [(5, 1)]);
}

/// chatwoot/chatwoot#11034.
#[test]
fn load_is_even_in_minutes_though_some_chats_are_long_and_a_cap_is_set() {
    let mut a = assigner((1..=3).map(present), []);
    let minutes = [40, 5, 5, 30, 5, 5, 5, 20];
    for (n, minutes) in (1..).zip(minutes) {
        a.add(Waiting { minutes, ..comes(n, 0) });
        let record = next(&mut a, n as u64);
        a.ended(record.decision.officer, minutes, minutes, at(n as u64));
    }
    let load = [1, 2, 3].map(|n| a.officer(officer(n)).unwrap().load_min);
    assert_eq!(load, [40, 35, 40], "in turn it would have been 75, 30, 10");
}

/// chatwoot/chatwoot#4158.
#[test]
fn who_had_the_same_matter_last_is_preferred_though_others_have_less_load() {
    let busy = Candidate { load_min: 200, ..present(2) };
    let again = || Waiting { last: Some(officer(2)), ..comes(1, 0) };
    let mut a = assigner([present(1), busy.clone()], [again()]);
    let record = next(&mut a, 0);
    assert_eq!((record.decision.officer, record.decision.reason.choice), (officer(2), Choice::Last));
    // Never stranded with somebody who is not there.
    let mut a = assigner([present(1), Candidate { attendance: Attendance::Absent, ..busy }], [again()]);
    let record = next(&mut a, 0);
    assert_eq!(record.decision.officer, officer(1));
    assert_eq!(record.decision.reason.passed_over, [PassedOver { officer: officer(2), bar: Bar::Absent }]);
}

/// chatwoot/chatwoot#1208.
#[test]
fn the_taxpayers_own_officer_comes_first_and_when_offline_somebody_else_at_once() {
    let of_two = || Waiting { own: Some(officer(2)), ..comes(1, 0) };
    let own = Candidate { load_min: 500, skills: vec![], authorities: path(2), ..present(2) };
    let mut a = assigner([present(1), own.clone()], [of_two()]);
    let record = next(&mut a, 0);
    assert_eq!((record.decision.officer, record.decision.reason.choice), (officer(2), Choice::Own), "whatever their topic and authority");
    for attendance in [Attendance::Absent, Attendance::OnLeave] {
        let mut a = assigner([present(1), Candidate { attendance, ..own.clone() }], [of_two()]);
        assert_eq!(assigned(&mut a, 0), [(1, 1)], "{attendance:?}");
    }
    let mut unknown = assigner([present(1)], [of_two()]);
    assert_eq!(assigned(&mut unknown, 0), [(1, 1)], "whoever is not known is not there");
    let mut leaves = assigner([present(1), Candidate { held: 3, ..own.clone() }], [of_two()]);
    assert_eq!(assigned(&mut leaves, 10), []);
    leaves.set_officer(Candidate { attendance: Attendance::Absent, ..own });
    assert_eq!(assigned(&mut leaves, 11), [(1, 1)], "also when they go offline meanwhile");
}

#[test]
fn for_an_own_officer_who_is_busy_it_is_held_for_a_bounded_time_and_says_so() {
    let own = Candidate { held: 3, ..present(2) };
    let mut a = assigner([present(1), own], [Waiting { own: Some(officer(2)), ..comes(1, 0) }, comes(2, 5)]);
    assert_eq!(assigned(&mut a, 6), [(2, 1)], "the younger one is not held up");
    let waits = a.waits(work(1), at(6)).unwrap();
    assert_eq!(waits.held.as_ref().map(|h| (h.officer, h.until)), Some((officer(2), at(45))));
    let sentence = waits.sentence(|o| format!("坐席{}", o.uuid().as_u128()));
    assert!(sentence.contains("为专属服务人员坐席2保留至") && sentence.contains("坐席2（接待已满）"), "{sentence}");
    assert_eq!(a.next_at(), Some(at(45)));
    assert_eq!(assigned(&mut a, 44), []);
    let record = next(&mut a, 45);
    assert_eq!(record.decision.officer, officer(1));
    assert_eq!(record.decision.reason.passed_over, [PassedOver { officer: officer(2), bar: Bar::AtCapacity }]);
}

/// chatwoot/chatwoot#7204.
#[test]
fn what_a_dropped_officer_held_comes_back_to_where_it_stood() {
    let mut a = assigner([present(1)], [comes(1, 0), comes(2, 1), comes(3, 2), comes(4, 3)]);
    assert_eq!(assigned(&mut a, 4).len(), 3);
    a.remove_officer(officer(1));
    [2, 3, 1].into_iter().for_each(|n: u128| a.add(comes(n, n as u64 - 1)));
    assert_eq!(assigned(&mut a, 50), [], "nothing is held by somebody who is not there");
    a.set_officer(present(2));
    assert_eq!(assigned(&mut a, 51), [(1, 2), (2, 2), (3, 2)], "in the order in which they came");
}

#[test]
fn what_is_asked_for_widens_with_the_wait_step_by_step() {
    // The parent topic; the neighbouring district; another prefecture and no such skill.
    let parent = Candidate { skills: vec!["vat".into()], ..present(1) };
    let neighbour = Candidate { authorities: path(1), ..present(2) };
    let far = Candidate { authorities: path(2), skills: vec![], ..present(3) };
    for (candidate, second, step) in [(parent, 60, 1), (neighbour, 120, 2), (far, 240, 3)] {
        let who = candidate.id;
        let mut a = assigner([candidate], [comes(1, 0)]);
        assert_eq!(assigned(&mut a, 0), []);
        let waits = a.waits(work(1), at(0)).unwrap();
        assert_eq!((waits.step, waits.next_step_at), (0, Some(at(60))));
        assert_eq!(assigned(&mut a, second - 1), []);
        let record = next(&mut a, second);
        assert_eq!((record.decision.officer, record.decision.reason.step, record.decision.reason.waited_s), (who, step, second));
    }
    let mut a = assigner([present(1)], [Waiting { required: vec!["sign_language".into()], ..comes(1, 0) }]);
    assert_eq!(assigned(&mut a, 100_000), [], "what it requires it requires however long it waits");
    assert_eq!(a.waits(work(1), at(100_000)).unwrap().passed_over, [PassedOver { officer: officer(1), bar: Bar::LacksSkill }]);
}

#[test]
fn nothing_goes_to_somebody_on_leave_or_near_the_end_of_the_shift_or_full_or_who_takes_no_offers() {
    let cases = [
        (Candidate { attendance: Attendance::OnLeave, ..present(1) }, None),
        (Candidate { until: Some(at(10)), ..present(1) }, Some(Bar::ShiftEnds)),
        (Candidate { held: 3, ..present(1) }, Some(Bar::AtCapacity)),
        (Candidate { accepts_push: false, ..present(1) }, Some(Bar::TakesNoOffers)),
    ];
    for (candidate, bar) in cases {
        let takes_no_offers = !candidate.accepts_push;
        let mut a = assigner([candidate], [comes(1, 0)]);
        assert_eq!(assigned(&mut a, 10), [], "{bar:?}");
        let named = a.waits(work(1), at(10)).unwrap().passed_over;
        assert_eq!(named.first().map(|p| p.bar), bar, "whoever is there is named");
        assert_eq!(a.pull(officer(1), line(1), at(10)).is_some(), takes_no_offers, "{bar:?}: who takes no offers may ask");
    }
    let mut a = assigner([Candidate { until: Some(at(10)), ..present(1) }], []);
    a.add(comes(1, 9));
    assert_eq!(assigned(&mut a, 9), [(1, 1)], "until then they work");
}

#[test]
fn an_offer_that_was_let_pass_goes_to_the_next_and_after_a_while_comes_round_again() {
    let mut a = assigner([present(1), present(2)], [comes(1, 0)]);
    let record = next(&mut a, 0);
    assert_eq!((record.decision.officer, record.decision.offer_until), (officer(1), at(20)));
    let back = |passed: &[(u128, u64)]| {
        let passed = passed.iter().map(|&(n, s)| Pass { officer: officer(n), at: at(s) }).collect();
        Waiting { passed, ..comes(1, 0) }
    };
    a.declined(officer(1), 10);
    a.add(back(&[(1, 20)]));
    let record = next(&mut a, 20);
    assert_eq!(record.decision.officer, officer(2));
    assert_eq!(record.decision.reason.passed_over, [PassedOver { officer: officer(1), bar: Bar::LetPass }]);
    a.declined(officer(2), 10);
    a.add(back(&[(1, 20), (2, 40)]));
    assert_eq!(assigned(&mut a, 109), [], "both let it pass");
    assert_eq!(a.officer(officer(1)).unwrap().load_min, 0, "an offer that was let pass is no load");
    assert_eq!(assigned(&mut a, 110), [(1, 1)]);
}

#[test]
fn who_asks_gets_the_oldest_of_the_line_that_is_for_them_and_is_told_what_was_not() {
    let income = Waiting { topics: topic(2), ..comes(1, 0) };
    let of_two = Waiting { own: Some(officer(2)), ..comes(2, 1) };
    let let_pass = Waiting { passed: vec![Pass { officer: officer(1), at: at(2) }], ..comes(3, 2) };
    let elsewhere = Waiting { line: line(2), ..comes(4, 0) };
    let asks = Candidate { accepts_push: false, ..present(1) };
    let busy = Candidate { held: 3, ..present(2) };
    let mut a = assigner([asks, busy], [income, of_two, let_pass, elsewhere]);
    let record = a.pull(officer(1), line(1), at(3)).unwrap();
    assert!(record.replays());
    let reason = &record.decision.reason;
    assert_eq!((record.decision.work, reason.choice), (work(3), Choice::Asked), "who asks may change their mind");
    let overtaken = |n, bar| Overtaken { work: work(n), bar };
    assert_eq!(reason.overtaken, [overtaken(1, Bar::OtherTopic), overtaken(2, Bar::Held)]);
    let text = record.decision.sentence(|o| format!("坐席{}", o.uuid().as_u128()), |w| format!("第{}号", w.uuid().as_u128()));
    assert_eq!(
        text,
        "第3号等待 1 秒，派单范围第 1 步（本主题，本机关），由坐席1接待：主动领取下一件。在岗且在范围内 2 人；等待更久而未派给该人员的：\
         第1号（不熟悉该主题）、第2号（正为纳税人的专属服务人员保留）。"
    );
    assert_eq!(a.pull(officer(1), line(1), at(3)), None);
    assert_eq!(a.nothing_for(officer(1), line(1), at(3)), [overtaken(1, Bar::OtherTopic), overtaken(2, Bar::Held)]);
    assert_eq!(a.pull(officer(9), line(1), at(3)), None);
    assert_eq!(a.nothing_for(officer(9), line(1), at(3))[0].bar, Bar::Absent);
}

#[test]
fn rank_goes_before_arrival_and_ties_of_officers_go_by_idleness_then_id() {
    let rested = Candidate { idle_since: at(1), ..present(3) };
    let officers = [Candidate { idle_since: at(2), ..present(1) }, Candidate { idle_since: at(2), ..present(2) }, rested];
    let urgent = Waiting { rank: -10, ..comes(9, 5) };
    let mut a = assigner(officers, [comes(1, 3), comes(2, 4), urgent]);
    let all: Vec<_> = std::iter::from_fn(|| a.next(at(6))).collect();
    let seen: Vec<_> = all.iter().map(|r| (r.decision.work, r.decision.officer, r.decision.reason.choice)).collect();
    assert_eq!(
        seen,
        [(work(9), officer(3), Choice::LongestIdle), (work(1), officer(1), Choice::SmallestId), (work(2), officer(2), Choice::LeastLoad),]
    );
    assert!(all.iter().all(Record::replays));
}

#[test]
fn a_recorded_decision_is_read_back_and_replayed_and_an_altered_one_is_not() {
    let officers = (1..=200).map(|n| Candidate { held: if n < 100 { 3 } else { 0 }, load_min: n as u32, ..present(n) });
    let older = (1..=50).map(|n| Waiting { topics: topic(2), ..comes(n, n as u64) });
    let mut a = assigner(officers, older.chain([comes(51, 51)]));
    let record = next(&mut a, 51);
    assert_eq!((record.decision.officer, record.decision.reason.considered), (officer(100), 200));
    assert_eq!(record.decision.reason.passed_over.len(), 3, "some, not all");
    assert!(record.inputs.officers.len() < 8 && record.inputs.waiting.len() < 8, "what it turned on, not everything");
    let json = serde_json::to_string(&record).unwrap();
    let read: Record = serde_json::from_str(&json).unwrap();
    assert_eq!(read, record);
    assert!(read.replays());
    let mut other = read.clone();
    other.decision.officer = officer(101);
    assert!(!other.replays());
    let mut other = read.clone();
    other.inputs.officers.iter_mut().filter(|c| c.id == officer(100)).for_each(|c| c.load_min = 102);
    assert!(!other.replays());
    assert_ne!(decide(&other.inputs), decide(&read.inputs));
}

#[test]
fn changing_what_a_line_declares_holds_for_those_who_wait() {
    let mut a = assigner([Candidate { skills: vec![], ..present(1) }], [comes(1, 0)]);
    assert_eq!(assigned(&mut a, 1), []);
    let mut wide = policy();
    let mut steps = wide.relax.steps().to_vec();
    steps.iter_mut().for_each(|s| s.topics = Widening::Any);
    wide.relax = zhengna_core::assignment::Relax::new(steps).unwrap();
    a.set_policy(line(1), wide);
    assert_eq!(assigned(&mut a, 1), [(1, 1)]);
}
