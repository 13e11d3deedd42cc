//! Notices of working days for tests.

use zhengna_core::calendar::{Arrangement, Calendar, Change, Date, Draft, NoticeDay};

/// A change of the calendar with a document that nobody published.
pub fn draft(change: Change) -> Draft {
    Draft { document: "文".into(), title: "通知".into(), source: "https://www.gov.cn/".into(), change }
}

/// A notice of one day of a year, which does not arrange all of it.
pub fn notice(year: i32) -> Draft {
    let date = Date::from_ymd_opt(year, 1, 4).expect("a day");
    draft(Change::WorkingDays { year, days: vec![NoticeDay { date, arrangement: Arrangement::Off, name: "元旦".into() }] })
}

/// The holidays of a year but New Year's, on weekends: with them a notice arranges a whole year, and counts as it did.
pub fn other_holidays(year: i32) -> impl Iterator<Item = NoticeDay> {
    let calendar = Calendar::of_published();
    let holidays = [("春节", 2), ("清明节", 4), ("劳动节", 5), ("端午节", 6), ("中秋节", 9), ("国庆节", 10)];
    holidays.into_iter().map(move |(name, month)| {
        let first = Date::from_ymd_opt(year, month, 1).unwrap();
        let free = first.iter_days().find(|day| calendar.works(*day) == Some(false)).unwrap();
        NoticeDay { date: free, arrangement: Arrangement::Off, name: name.into() }
    })
}
