//! Notices of working days, and what stands on them.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use zhengna_core::Timestamp;
use zhengna_core::calendar::{ArrangedDay, Arrangement, Calendar, Change, Date, Hours, Notice, Pause, Span, Term, Timeline};

use super::{Bytes, lossy};

pub(super) const WORDS: &[&str] = &[
    "year,date,kind,name,document\n",
    "2026,2026-02-15,off,春节,文\n",
    "month,last_day,document\n",
    "2027-01,2027-01-15,文\n",
    "work",
    "2100",
    "-12-31",
    "2026-11-24T10:00:00+08:00/",
    "/..",
    ",",
];

pub(super) fn calendar(data: &[u8]) {
    notices(data);
    filing(data);
    period(data);
    pauses(data);
}

fn notices(data: &[u8]) {
    let given = lossy(data);
    match Notice::parse(&given) {
        Ok(notices) => {
            assert_eq!(Notice::parse(&Notice::to_csv(&notices)).as_ref(), Ok(&notices), "what is written is read back");
            let calendar = Calendar::new(1, &notices);
            for notice in &notices {
                assert!(notice.days.iter().all(|day| !calendar.is_provisional(day.date)));
                let december = format!("{}-12", notice.year);
                let off = |day: &&ArrangedDay| day.arrangement == Arrangement::Off && !day.date.to_string().starts_with(&december);
                let missing = |holiday: &&str| notice.days.iter().filter(off).all(|day| !day.name.contains(*holiday));
                assert!(calendar.missing(notice.year).iter().all(missing), "{notice:?}");
            }
            // A day that two years speak of is as the later year says.
            for day in notices.last().into_iter().flat_map(|n| &n.days) {
                let worked = calendar.works(day.date);
                assert!(worked.is_none_or(|works| works == (day.arrangement == Arrangement::Work)), "{day:?}");
            }
        }
        Err(e) => assert!(e.to_string().len() < 200, "{e}"),
    }
}

/// A legal number, or a year's filing periods: days of the months their lines name, at most thirteen, of one document; else a reason.
fn filing(data: &[u8]) {
    let given = lossy(data);
    if let Ok((_, change)) = Change::working_days_of_csv(&given) {
        assert!(matches!(change, Change::WorkingDays { .. }));
    }
    match Change::legal_number_of_csv(&given) {
        Ok((document, Change::LegalNumber { .. })) => assert!(given.contains(&document)),
        Ok((_, other)) => panic!("{other:?} is about something else"),
        Err(e) => assert!(e.starts_with("line ") || e.starts_with("expected one line"), "{e}"),
    }
    match Change::filing_periods_of_csv(&given) {
        Ok((document, Change::FilingPeriods { last_days, .. })) => {
            assert!((1..=13).contains(&last_days.len()) && given.contains(&document));
        }
        Ok((_, other)) => panic!("{other:?} is about something else"),
        Err(e) => assert!(e.starts_with("line ") || e.starts_with("expected one document"), "{e}"),
    }
}

static TIMELINE: LazyLock<Timeline> = LazyLock::new(|| {
    let day = [Span { from_min: 510, until_min: 690 }, Span { from_min: 780, until_min: 990 }];
    let hours = Hours::from(Date::default(), &day).expect("spans of a day");
    Timeline::new(Arc::new(Calendar::of_published()), hours)
});

/// Pauses that are read end behind their beginning.
fn pauses(data: &[u8]) {
    match Pause::parse_list(&lossy(data)) {
        Ok(pauses) => assert!(pauses.iter().all(|pause| pause.until.is_none_or(|until| pause.from < until)), "{pauses:?}"),
        Err(e) => assert_eq!(e.public().code, "invalid"),
    }
}

/// Any period at any instant ends or says that it does not, and never before it began.
fn period(data: &[u8]) {
    let mut bytes = Bytes(data);
    let began = Timestamp::from_micros(bytes.i64());
    let amount = bytes.i64().unsigned_abs();
    let term = match bytes.u8() % 3 {
        0 => Term::WorkingDays(amount as u32),
        1 => Term::OpenTime(Duration::from_micros(amount)),
        _ => Term::Elapsed(Duration::from_micros(amount)),
    };
    let pauses: Vec<Pause> = (0..bytes.u8() % 4)
        .map(|_| Pause { from: Timestamp::from_micros(bytes.i64()), until: (bytes.u8() > 40).then(|| Timestamp::from_micros(bytes.i64())) })
        .collect();
    if let Some(due) = TIMELINE.due(began, term, &pauses) {
        assert!(due.at.is_none_or(|at| at >= began), "{due:?}");
        assert_eq!(TIMELINE.due(began, term, &pauses), Some(due));
    }
}
