//! The calendar, through the core, on every engine: who may change it, and what it says then.

use zhengna_core::access::Permission;
use zhengna_core::approval::{ApprovalState, Opened, Which};
use zhengna_core::calendar::{Arrangement, AskDue, Change, Date, DayHours, Draft, LegalNumber, NoticeDay, Span, TermUnit};
use zhengna_core::error::Refusal;
use zhengna_core::id::ApprovalId;
use zhengna_core::{Error, Session, Timestamp, limits};
use zhengna_tests::approval;
use zhengna_tests::calendar::other_holidays;
use zhengna_tests::world::{CHANGCHUN, ENGINES, Engine, KUANCHENG, NANGUAN, PROVINCE, World, code};

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("{text}+08:00")).unwrap()
}

fn of(change: Change) -> Draft {
    Draft {
        document: "国办发明电〔2026〕9号".into(),
        title: "国务院办公厅关于2027年部分节假日安排的通知".into(),
        source: "https://www.gov.cn/zhengce/2027.htm".into(),
        change,
    }
}

fn day(text: &str, arrangement: Arrangement, name: &str) -> NoticeDay {
    NoticeDay { date: date(text), arrangement, name: name.into() }
}

/// A notice as nobody has published it.
fn notice() -> Draft {
    let days = vec![day("2027-01-04", Arrangement::Off, "元旦"), day("2027-01-09", Arrangement::Work, "元旦")];
    of(Change::WorkingDays { year: 2027, days: days.into_iter().chain(other_holidays(2027)).collect() })
}

/// Five working days from the last one of 2026.
fn asked() -> AskDue {
    AskDue { began: at("2026-12-31T10:00:00"), amount: 5, unit: TermUnit::WorkingDays, authority: None, pauses: Vec::new() }
}

fn maker_and_checker(world: &World) -> (Session, Session) {
    let checker = world.appoint("22019001", PROVINCE, &[Permission::ApproveCalendar]);
    (world.session_of(world.supervisor), world.session_of(checker))
}

fn approve(session: &Session, of: &Opened) -> Result<Option<i64>, Error> {
    approval::approve(session, of).map(|d| d.number)
}

fn reject(session: &Session, of: &Opened) -> Result<Option<i64>, Error> {
    approval::reject(session, of).map(|d| d.number)
}

#[test]
fn what_one_proposed_another_approves_and_the_calendar_says_so() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (maker, checker) = maker_and_checker(&world);
        let taxpayer = world.taxpayer(0);
        let before = taxpayer.calendar().due(asked()).unwrap();
        assert_eq!((before.at, before.provisional, before.version), (Some(at("2027-01-07T16:30:00")), true, 0), "{engine:?}");
        assert!(taxpayer.calendar().year(2027).unwrap().provisional);
        assert_eq!(world.core.missing_notice().unwrap(), Some(2027), "{engine:?}: it is November");

        let proposed = maker.calendar().propose(notice()).wait().unwrap();
        assert_eq!(taxpayer.calendar().due(asked()).unwrap(), before, "{engine:?}: a proposal changes nothing");
        assert_eq!(approve(&checker, &proposed).unwrap(), Some(1), "{engine:?}");

        let after = taxpayer.calendar().due(asked()).unwrap();
        assert_eq!((after.at, after.provisional, after.version), (Some(at("2027-01-08T16:30:00")), false, 1), "{engine:?}");
        let year = taxpayer.calendar().year(2027).unwrap();
        assert_eq!((year.provisional, year.version, year.days.len()), (false, 1, 365));
        let (off, made_up) = (&year.days[3], &year.days[8]);
        assert_eq!((off.worked, off.holiday.as_deref(), off.document.as_deref()), (false, Some("元旦"), Some("国办发明电〔2026〕9号")));
        assert_eq!((made_up.worked, made_up.made_up, made_up.provisional), (true, true, false));
        assert_eq!(world.core.missing_notice().unwrap(), None, "{engine:?}");

        // A later change about the same year changes the days it names and no others.
        world.clock.advance(std::time::Duration::from_secs(1));
        let later = of(Change::WorkingDays { year: 2027, days: vec![day("2027-01-05", Arrangement::Off, "元旦")] });
        let proposed = maker.calendar().propose(later).wait().unwrap();
        assert_eq!(approve(&checker, &proposed).unwrap(), Some(2));
        let last = taxpayer.calendar().due(asked()).unwrap();
        assert_eq!((last.at, last.version), (Some(at("2027-01-09T16:30:00")), 2), "{engine:?}: the Saturday that is worked");

        let listed = checker.approval().list(Which::All, None, 20).unwrap().items;
        assert_eq!(
            listed.iter().map(|p| (p.state, p.number)).collect::<Vec<_>>(),
            [(ApprovalState::Done, Some(2)), (ApprovalState::Done, Some(1))]
        );
        assert_eq!(listed[1].content, serde_json::to_value(notice()).unwrap());
        assert_eq!(
            checker.approval().list(Which::All, Some(listed[0].id), 20).unwrap().items.len(),
            1,
            "{engine:?}: a page behind the first"
        );
        assert_eq!(listed[0].proposed_by, maker.actor().as_ref().to_string());
        assert_eq!(listed[0].decided_by.clone().unwrap(), checker.actor().as_ref().to_string());
        let verdict = world.seal();
        assert_eq!(verdict.finding, None);
    }
}

#[test]
fn nobody_decides_about_what_they_proposed_or_about_something_else_than_they_read() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (maker, checker) = maker_and_checker(&world);
        let proposed = maker.calendar().propose(notice()).wait().unwrap();
        let refused = |answer: Result<Option<i64>, Error>, why: Refusal| assert_eq!(answer.unwrap_err(), Error::Refused(why), "{engine:?}");
        refused(approve(&maker, &proposed), Refusal::OwnApproval);
        refused(reject(&maker, &proposed), Refusal::OwnApproval);
        let keyed = maker.clone().with_key("again").unwrap();
        refused(approve(&keyed, &proposed), Refusal::OwnApproval);
        let other = |digest: &str| Opened { digest: digest.into(), ..proposed.clone() };
        for digest in ["", "00", "nonsense", &"0".repeat(64), &proposed.digest[..62]] {
            refused(approve(&checker, &other(digest)), Refusal::OtherContent);
            refused(reject(&checker, &other(digest)), Refusal::OtherContent);
        }
        // Nor does anybody else: not the host itself, nobody without the permission, no taxpayer.
        for session in [world.core.as_system(), world.officer(0), world.session_of(world.idle_hand), world.taxpayer(0)] {
            assert!(matches!(approve(&session, &proposed), Err(Error::Denied { .. })), "{engine:?}");
            assert!(matches!(reject(&session, &proposed), Err(Error::Denied { .. })));
            assert!(matches!(session.calendar().propose(notice()).wait(), Err(Error::Denied { .. })));
        }
        assert!(matches!(world.taxpayer(0).approval().list(Which::All, None, 1), Err(Error::Denied { .. })));
        let unknown = Opened { approval: ApprovalId::from_uuid(uuid::Uuid::nil()), ..proposed.clone() };
        assert!(matches!(approve(&checker, &unknown), Err(Error::NotFound { .. })));
        assert_eq!(world.taxpayer(0).calendar().year(2027).unwrap().version, 0, "{engine:?}: nothing is in force");
        assert_eq!(approve(&checker, &other(&proposed.digest.to_uppercase())).unwrap(), Some(1), "{engine:?}: the same number");
        refused(approve(&checker, &proposed), Refusal::ApprovalDecided);
        refused(reject(&checker, &proposed), Refusal::ApprovalDecided);
    }
}

#[test]
fn one_proposal_about_the_same_waits_at_a_time_and_a_rejection_is_final() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (maker, checker) = maker_and_checker(&world);
        let proposed = maker.calendar().propose(notice()).wait().unwrap();
        let again = maker.calendar().propose(notice()).wait().unwrap_err();
        assert_eq!(again, Error::Refused(Refusal::ApprovalPending(proposed.approval)), "{engine:?}");
        // Another year, and another kind for the same year, are other things.
        let of_2028 = of(Change::WorkingDays { year: 2028, days: vec![day("2028-01-03", Arrangement::Off, "元旦")] });
        maker.calendar().propose(of_2028).wait().unwrap();
        let filing = of(Change::FilingPeriods { year: 2027, last_days: (1..=12).map(|m| date(&format!("2027-{m:02}-16"))).collect() });
        let filing = maker.calendar().propose(filing).wait().unwrap();

        assert_eq!(reject(&checker, &proposed).unwrap(), None);
        for answer in [approve(&checker, &proposed), reject(&checker, &proposed)] {
            assert_eq!(answer.unwrap_err(), Error::Refused(Refusal::ApprovalDecided), "{engine:?}");
        }
        let listed = maker.approval().list(Which::All, None, 20).unwrap().items;
        let rejected = listed.iter().find(|p| p.id == proposed.approval).unwrap();
        assert_eq!((rejected.state, rejected.reason.as_deref()), (ApprovalState::Rejected, Some("与原文不符")));
        assert_eq!(world.taxpayer(0).calendar().year(2027).unwrap().version, 0);
        let second = maker.calendar().propose(notice()).wait().unwrap();
        assert_ne!(second.approval, proposed.approval, "{engine:?}: the same may be proposed anew");

        let months = || world.taxpayer(0).calendar().filing_periods(2027).unwrap().months;
        assert!(months().iter().all(|m| m.computed && m.document.is_none()));
        assert_eq!(approve(&checker, &filing).unwrap(), Some(1), "{engine:?}: the rejected one took no number");
        let now = months();
        assert_eq!(now.len(), 12);
        assert!(now.iter().all(|m| !m.computed && m.document.as_deref() == Some("国办发明电〔2026〕9号")));
        assert_eq!(now[1].last_day, date("2027-02-16"), "{engine:?}");
    }
}

/// The rule gives each month that was ever published, and the published table is what is shown.
#[test]
fn filing_periods_are_shown_with_what_they_rest_on() {
    let world = World::new(Engine::Memory);
    let mut shown = Vec::new();
    for year in 2024..=2026 {
        let months = world.taxpayer(0).calendar().filing_periods(year).unwrap().months;
        assert!(months.iter().all(|m| !m.computed && m.document.is_some()));
        shown.extend(months.iter().map(|m| m.last_day.to_string()));
    }
    let table = include_str!("../core/data/filing_periods.csv").lines().skip(1);
    assert_eq!(shown, table.map(|l| l.split(',').nth(1).unwrap().to_owned()).collect::<Vec<_>>());
    assert_eq!(shown.len(), 36);
}

/// A law changes a number from a day on: another officer approves it, and what the rule gives from then on follows.
#[test]
fn a_legal_number_is_changed_by_two_from_a_day_on_and_what_reads_it_follows() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (maker, checker) = maker_and_checker(&world);
        let taxpayer = world.taxpayer(0);
        let days =
            || taxpayer.calendar().filing_periods(2027).unwrap().months.into_iter().map(|m| m.last_day.to_string()).collect::<Vec<_>>();
        let number = |number, from: &str, value| of(Change::LegalNumber { number, from: date(from), value });
        let before = days();
        assert_eq!((&*before[5], &*before[6]), ("2027-06-15", "2027-07-15"), "{engine:?}");

        let proposed = maker.calendar().propose(number(LegalNumber::FilingDay, "2027-07-01", 20)).wait().unwrap();
        assert_eq!(days(), before, "{engine:?}: a proposal changes nothing");
        let again = maker.calendar().propose(number(LegalNumber::FilingDay, "2028-01-01", 21)).wait().unwrap_err();
        assert_eq!(again, Error::Refused(Refusal::ApprovalPending(proposed.approval)), "{engine:?}: one at a time of each number");
        assert!(approve(&maker, &proposed).is_err(), "{engine:?}: nobody approves their own");
        assert_eq!(approve(&checker, &proposed).unwrap(), Some(1), "{engine:?}");

        let after = days();
        assert_eq!((&after[..6], &*after[6]), (&before[..6], "2027-07-20"), "{engine:?}: from the day on, and not before");
        let shown = taxpayer.calendar().legal_numbers().unwrap();
        let filing_day = shown.numbers.iter().find(|n| n.number == LegalNumber::FilingDay).unwrap();
        let last = filing_day.values.last().unwrap();
        assert_eq!((last.from, last.value, last.approved, &*last.document), (date("2027-07-01"), 20, true, "国办发明电〔2026〕9号"));
        assert!(filing_day.values[0].value == 15 && !filing_day.values[0].approved && shown.version == 1, "{engine:?}: {shown:?}");
        // What was published stays as it was published.
        assert!(taxpayer.calendar().filing_periods(2026).unwrap().months.iter().all(|m| !m.computed));
    }
}

#[test]
fn an_authority_has_its_own_hours_and_those_below_have_them_too() {
    let world = World::new(Engine::Memory);
    let (maker, checker) = maker_and_checker(&world);
    let span = |from_min, until_min| Span { from_min, until_min };
    let hours = |authority: &str, until_min| {
        of(Change::OfficeHours {
            authority: code(authority),
            seasons: vec![DayHours { date: date("2018-01-01"), spans: vec![span(540, 720), span(780, until_min)] }],
            exceptions: vec![DayHours { date: date("2026-12-24"), spans: vec![span(540, 720)] }],
        })
    };
    let minutes =
        |authority| AskDue { began: at("2026-12-24T11:00:00"), amount: 120, unit: TermUnit::OpenMinutes, authority, pauses: Vec::new() };
    let due = |authority: Option<&str>| world.taxpayer(0).calendar().due(minutes(authority.map(code))).unwrap();
    assert_eq!((due(None).at, due(None).hours), (Some(at("2026-12-24T14:30:00")), None), "assumed, and it says so");
    for draft in [hours(CHANGCHUN, 1020), hours(NANGUAN, 990)] {
        let proposed = maker.calendar().propose(draft).wait().unwrap();
        approve(&checker, &proposed).unwrap();
    }
    // Half a day, then the next morning.
    assert_eq!((due(Some(NANGUAN)).at, due(Some(NANGUAN)).version), (Some(at("2026-12-25T10:00:00")), 2));
    let days =
        |authority| world.taxpayer(0).calendar().due(AskDue { amount: 1, unit: TermUnit::WorkingDays, ..minutes(Some(code(authority))) });
    assert_eq!(days(NANGUAN).unwrap().at, Some(at("2026-12-25T16:30:00")));
    assert_eq!(days(KUANCHENG).unwrap().at, Some(at("2026-12-25T17:00:00")), "those of the city");
    assert_eq!(days(KUANCHENG).unwrap().hours.as_deref(), Some("国办发明电〔2026〕9号"));
    assert_eq!(days(PROVINCE).unwrap().hours, None, "the province has none of its own");
    assert!(matches!(days("12299990000"), Err(Error::NotFound { .. })));
    // Hours of a place that is not the proposer's, or not the approver's.
    assert!(matches!(maker.calendar().propose(hours(PROVINCE, 990)).wait(), Err(Error::Invalid { .. })));
    let local = world.session_of(world.appoint("22019002", KUANCHENG, &[Permission::ApproveCalendar]));
    let proposed = maker.calendar().propose(hours(CHANGCHUN, 1000)).wait().unwrap();
    assert!(matches!(approve(&local, &proposed), Err(Error::Denied { .. })), "one of the district decides nothing for the city");
    assert_eq!(approve(&checker, &proposed).unwrap(), Some(3));
    assert_eq!(days(KUANCHENG).unwrap().at, Some(at("2026-12-25T16:40:00")), "the new hours replace the old");
}

/// Day by day as a list that others keep has it.
#[test]
fn every_day_of_2018_to_2026_is_as_others_count_it() {
    let world = World::new(Engine::Memory);
    let mut compared = 0;
    for line in include_str!("support/data/working_days.txt").lines().skip(1) {
        let (month, worked) = line.split_once(' ').unwrap();
        let year = world.taxpayer(0).calendar().year(month[..4].parse().unwrap()).unwrap();
        let of_month = year.days.iter().filter(|day| day.date.to_string().starts_with(month));
        let ours: String = of_month.map(|day| if day.worked { '1' } else { '0' }).collect();
        assert_eq!(ours, worked, "{month}");
        compared += ours.len();
    }
    assert_eq!(compared, 3287);
}

#[test]
fn drafts_are_held_to_their_limits() {
    let world = World::new(Engine::Memory);
    let (maker, _) = maker_and_checker(&world);
    let field = |draft: Draft| match maker.calendar().propose(draft).wait() {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let year = |year, days| of(Change::WorkingDays { year, days });
    let work = |text: String| day(&text, Arrangement::Work, "元旦");
    let many = |n: usize| date("2026-12-01").iter_days().take(n).map(|d| work(d.to_string())).collect::<Vec<_>>();
    assert_eq!(field(year(2027, vec![])), "change.days");
    assert_eq!(field(year(2027, many(limits::NOTICE_DAYS_MAX + 1))), "change.days");
    assert_eq!(field(year(1999, many(1))), "year");
    assert_eq!(field(year(2100, many(1))), "year");
    assert_eq!(field(year(2027, vec![work("2026-11-30".into())])), "change.days[0].date");
    assert_eq!(field(year(2027, vec![work("2027-01-02".into()), work("2027-01-02".into())])), "change.days[1].date");
    assert_eq!(field(year(2027, vec![day("2027-01-02", Arrangement::Off, " ")])), "change.days[0].name");
    assert_eq!(field(of(Change::FilingPeriods { year: 2027, last_days: vec![date("2027-01-15")] })), "change.last_days");
    let wrong_month = (1..=12).map(|m| date(&format!("2027-{:02}-15", if m == 6 { 7 } else { m }))).collect();
    assert_eq!(field(of(Change::FilingPeriods { year: 2027, last_days: wrong_month })), "change.last_days[5]");
    let number = |from: &str, value| of(Change::LegalNumber { number: LegalNumber::FilingDay, from: date(from), value });
    assert_eq!([0, 29].map(|value| field(number("2027-01-01", value))), ["change.value"; 2]);
    assert_eq!(["1999-12-31", "2100-01-01"].map(|from| field(number(from, 15))), ["change.from"; 2]);
    let none = Change::OfficeHours { authority: code(NANGUAN), seasons: vec![], exceptions: vec![] };
    assert_eq!(field(of(none)), "change.seasons");
    let with = |change: fn(&mut Draft)| {
        let mut draft = notice();
        change(&mut draft);
        draft
    };
    assert_eq!(field(with(|d| d.document = String::new())), "document");
    assert_eq!(field(with(|d| d.title = "长".repeat(limits::NAME_CHARS_MAX + 1))), "title");
    assert_eq!(field(with(|d| d.title = "两\n行".into())), "title");
    assert_eq!(field(with(|d| d.source = "ftp://x".into())), "source");
    assert_eq!(field(with(|d| d.source = format!("https://{}", "x".repeat(limits::SOURCE_CHARS_MAX)))), "source");
    let mut full = year(2027, many(limits::NOTICE_DAYS_MAX));
    full.title = "长".repeat(limits::NAME_CHARS_MAX);
    full.source = format!("https://{}", "x".repeat(limits::SOURCE_CHARS_MAX - 8));
    maker.calendar().propose(full).wait().expect("all that is allowed");

    let due = |amount, unit| world.taxpayer(0).calendar().due(AskDue { amount, unit, ..asked() });
    assert!(due(limits::TERM_WORKING_DAYS_MAX, TermUnit::WorkingDays).is_ok());
    assert!(due(limits::TERM_MINUTES_MAX, TermUnit::OpenMinutes).is_ok() && due(limits::TERM_MINUTES_MAX, TermUnit::Minutes).is_ok());
    for (amount, unit) in [
        (limits::TERM_WORKING_DAYS_MAX + 1, TermUnit::WorkingDays),
        (limits::TERM_MINUTES_MAX + 1, TermUnit::OpenMinutes),
        (limits::TERM_MINUTES_MAX + 1, TermUnit::Minutes),
    ] {
        assert!(matches!(due(amount, unit), Err(Error::Invalid { field, .. }) if field == "amount"));
    }
    let behind = AskDue { began: at("2099-12-31T10:00:00"), ..asked() };
    assert!(matches!(world.taxpayer(0).calendar().due(behind), Err(Error::Invalid { field, .. }) if field == "began"));
    for wrong in [1999, 2100, i32::MIN, i32::MAX] {
        assert!(matches!(world.taxpayer(0).calendar().year(wrong), Err(Error::Invalid { .. })));
        assert!(matches!(world.taxpayer(0).calendar().filing_periods(wrong), Err(Error::Invalid { .. })));
    }
    assert_eq!(world.taxpayer(0).calendar().year(2000).unwrap().days.len(), 366);
    assert_eq!(world.taxpayer(0).calendar().year(2099).unwrap().days.len(), 365);
}

/// A row that was changed behind the core's back is an error to whoever asks, and no calendar.
#[test]
fn a_damaged_row_is_an_error_and_no_calendar() {
    let world = World::new(Engine::Sqlite);
    let (maker, checker) = maker_and_checker(&world);
    let proposed = maker.calendar().propose(notice()).wait().unwrap();
    approve(&checker, &proposed).unwrap();
    let raw = rusqlite::Connection::open(world.keep.path().unwrap()).unwrap();
    raw.execute("UPDATE approval SET content = replace(content, '2027-01-04', '2027-01-05')", []).unwrap();
    let year = world.taxpayer(0).calendar().year(2027);
    assert!(matches!(year, Err(Error::Store(zhengna_core::store::StoreError::Corrupt(_)))), "{year:?}");
    // Even one whose hash was made to fit has to be a draft.
    let hash = zhengna_core::crypto::sm3(&[b"{}"]);
    raw.execute("UPDATE approval SET content = '{}', digest = ?1", [&hash[..]]).unwrap();
    assert!(matches!(world.taxpayer(0).calendar().year(2027), Err(Error::Store(zhengna_core::store::StoreError::Corrupt(_)))));
    assert!(world.core.missing_notice().is_err());
}
