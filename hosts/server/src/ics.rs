//! iCalendar (RFC 5545): a year for calendar programs, and the days of a notice from a file of theirs.
//!
//! Written by hand, both ways: ADR 0012 says why.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use zhengna_core::calendar::{Arrangement, CalendarYear, Change, Date, Datelike as _, DayView, FilingYear, NoticeDay};
use zhengna_core::{Timestamp, limits};

/// Octets of a line (RFC 5545, 3.1).
const LINE_OCTETS: usize = 75;
/// What an event is about, as its category says.
const OFF: &str = "HOLIDAY";
const WORK: &str = "WORKDAY";
const FILING: &str = "FILING";

/// The days of a year that are not as their weekday says, and the last days of its filing periods.
pub fn write(year: &CalendarYear, filing: &FilingYear) -> String {
    let mut out = Lines(String::new());
    let stamp = stamp(year.changed_at);
    out.line("BEGIN:VCALENDAR");
    out.line("VERSION:2.0");
    out.line("PRODID:-//Zhengna//Calendar//ZH");
    out.line("CALSCALE:GREGORIAN");
    out.line("METHOD:PUBLISH");
    out.text("X-WR-CALNAME", &format!("{}年办税日历", year.year));
    let mut event = |uid: String, from: Date, last: Date, summary: String, category: &str, says: &str, sure: bool| {
        out.line("BEGIN:VEVENT");
        out.line(&format!("UID:{uid}@zhengna"));
        out.line(&format!("DTSTAMP:{stamp}"));
        out.line(&format!("SEQUENCE:{}", year.version));
        out.line(&format!("DTSTART;VALUE=DATE:{}", from.format("%Y%m%d")));
        // The end is the day behind the last.
        out.line(&format!("DTEND;VALUE=DATE:{}", last.succ_opt().unwrap_or(last).format("%Y%m%d")));
        out.text("SUMMARY", &summary);
        out.text("DESCRIPTION", says);
        out.line(&format!("CATEGORIES:{category}"));
        out.line(if sure { "STATUS:CONFIRMED" } else { "STATUS:TENTATIVE" });
        out.line("TRANSP:TRANSPARENT");
        out.line("END:VEVENT");
    };
    let unknown = "未见文件，按周一至周五推算，可能调整";
    let arranged: Vec<&DayView> = year.days.iter().filter(|d| d.holiday.is_some() && !d.worked).collect();
    let joins = |a: &&DayView, b: &&DayView| a.date.succ_opt() == Some(b.date) && a.holiday == b.holiday && a.document == b.document;
    for days in arranged.chunk_by(joins) {
        let (Some(first), Some(last)) = (days.first(), days.last()) else { continue };
        let name = first.holiday.as_deref().unwrap_or_default();
        let says = first.document.as_deref().unwrap_or(unknown);
        event(format!("off-{}", first.date), first.date, last.date, format!("{name}（休）"), OFF, says, true);
    }
    for day in year.days.iter().filter(|d| d.made_up) {
        let says = day.document.as_deref().unwrap_or(unknown);
        let name = day.holiday.as_deref().unwrap_or("补班");
        event(format!("work-{}", day.date), day.date, day.date, format!("{name}（班）"), WORK, says, true);
    }
    for month in &filing.months {
        let (number, day) = (month.month, month.last_day);
        let says = month.document.as_deref().unwrap_or("尚未公布，按征管法实施细则第一百零九条推算，可能调整");
        event(format!("filing-{}-{number:02}", year.year), day, day, format!("{number}月征期截止"), FILING, says, !month.computed);
    }
    out.line("END:VCALENDAR");
    out.0
}

/// An instant in UTC: `20261126T000000Z`.
fn stamp(at: Timestamp) -> String {
    // Core writes the time of Beijing, which is eight hours ahead.
    let utc = at.minus(std::time::Duration::from_secs(8 * 3600)).rfc3339();
    let digits: String = utc.chars().take("2026-11-26T00:00:00".len()).filter(char::is_ascii_alphanumeric).collect();
    format!("{digits}Z")
}

struct Lines(String);

impl Lines {
    /// A line, folded where it is too long, never within a character.
    fn line(&mut self, text: &str) {
        let mut octets = 0;
        for c in text.chars() {
            if octets + c.len_utf8() > LINE_OCTETS {
                self.0.push_str("\r\n ");
                octets = 1;
            }
            self.0.push(c);
            octets += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }

    fn text(&mut self, name: &str, value: &str) {
        let mut line = format!("{name}:");
        for c in value.chars() {
            let _ = match c {
                '\\' | ';' | ',' => write!(line, "\\{c}"),
                '\n' => write!(line, "\\n"),
                c => write!(line, "{c}"),
            }; // a String takes everything
        }
        self.line(&line);
    }
}

/// Why a file is not taken, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IcsError {
    /// Too long.
    #[error("more than {max} bytes")]
    TooLong {
        /// Bytes allowed.
        max: usize,
    },
    /// Too many.
    #[error("line {line}: more than {max} events")]
    TooMany {
        /// The line, from 1.
        line: usize,
        /// Events allowed.
        max: usize,
    },
    /// A line, or the file as a whole.
    #[error("line {line}: {what}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// The file as a whole.
    #[error("no day off and no day worked in {year}")]
    NoDays {
        /// The year asked for.
        year: i32,
    },
    /// An event.
    #[error("line {line}: event {event}: {what}")]
    Event {
        /// The line, from 1.
        line: usize,
        /// Which event, from 1.
        event: usize,
        /// What is wrong.
        what: &'static str,
    },
}

/// The notice of a year, from a calendar program's file, and how many days of the file belong to other years.
///
/// # Errors
/// As [`read`], and where the year has none.
pub fn notice(text: &str, year: i32) -> Result<(Change, usize), IcsError> {
    let (days, others): (Vec<NoticeDay>, Vec<NoticeDay>) = read(text)?.into_iter().partition(|d| year_of(d) == year);
    if days.is_empty() { Err(IcsError::NoDays { year }) } else { Ok((Change::WorkingDays { year, days }, others.len())) }
}

/// The year whose notice arranges a day: New Year's holiday may begin in December (2019, 2023).
fn year_of(day: &NoticeDay) -> i32 {
    day.date.year() + i32::from(day.date.month() == 12 && day.name.contains("元旦"))
}

/// Reads the days off and the days worked from a calendar program's file, as they stand in it.
///
/// An event is a whole day or several. What it is, its category says (`HOLIDAY`, `WORKDAY`), or else its summary: with
/// 班 in it a day that is worked, with 休 or 假 a day off, and with both neither. What stands in brackets is of this day where it is a mark
/// and nothing more, as in 元旦（休）; 国庆节放假（10月14日上班） is a day off. 调休 says neither. Filing periods and cancelled events are passed over.
///
/// # Errors
/// The first thing that is not so, with its line and event. Nothing is guessed and nothing is left out in silence.
pub fn read(text: &str) -> Result<Vec<NoticeDay>, IcsError> {
    if text.len() > limits::ICS_BYTES_MAX {
        return Err(IcsError::TooLong { max: limits::ICS_BYTES_MAX });
    }
    let mut open: Vec<String> = Vec::new();
    let (mut days, mut seen, mut events, mut ended) = (Vec::new(), BTreeSet::new(), 0, false);
    let mut event: Option<Event> = None;
    for (line, text) in unfolded(text) {
        let wrong = |what| IcsError::Line { line, what };
        if text.trim().is_empty() {
            continue;
        }
        if ended {
            return Err(wrong("something stands behind END:VCALENDAR"));
        }
        let (name, value) = property(&text).ok_or_else(|| wrong("expected NAME:VALUE"))?;
        match (name.as_str(), open.last().map(String::as_str)) {
            ("BEGIN", None) if !value.eq_ignore_ascii_case("VCALENDAR") => return Err(wrong("expected BEGIN:VCALENDAR")),
            ("BEGIN", inside) => {
                if inside == Some("VCALENDAR") && value.eq_ignore_ascii_case("VEVENT") {
                    events += 1;
                    event = Some(Event { number: events, line, ..Event::default() });
                    if events > limits::ICS_EVENTS_MAX {
                        return Err(IcsError::TooMany { line, max: limits::ICS_EVENTS_MAX });
                    }
                }
                if open.len() >= DEPTH_MAX {
                    return Err(wrong("components stand too deep in each other"));
                }
                open.push(value.to_ascii_uppercase());
            }
            ("END", Some(inside)) if value.eq_ignore_ascii_case(inside) => {
                open.pop();
                ended = open.is_empty();
                if open.len() == 1
                    && let Some(whole) = event.take()
                {
                    whole.into_days(&mut days, &mut seen)?;
                }
            }
            ("END", _) => return Err(wrong("this END closes nothing that was begun")),
            (_, None) => return Err(wrong("expected BEGIN:VCALENDAR")),
            (_, Some("VEVENT")) if open.len() == 2 => {
                if let Some(event) = &mut event {
                    event.take(&name, value, line)?;
                }
            }
            _ => {} // of the calendar as a whole, of a time zone, of an alarm
        }
    }
    let lines = text.lines().count();
    if ended { Ok(days) } else { Err(IcsError::Line { line: lines.max(1), what: "the file ends before END:VCALENDAR" }) }
}

/// Components within each other.
const DEPTH_MAX: usize = 8;
/// Days of one event: no holiday is longer.
const EVENT_DAYS_MAX: usize = 31;
/// Characters of a mark in brackets, such as 休 or 补班.
const MARK_CHARS_MAX: usize = 2;

#[derive(Default)]
struct Event {
    number: usize,
    line: usize,
    from: Option<Date>,
    until: Option<Date>,
    summary: String,
    categories: String,
    cancelled: bool,
}

impl Event {
    fn take(&mut self, name: &str, value: &str, line: usize) -> Result<(), IcsError> {
        let wrong = |what| IcsError::Event { line, event: self.number, what };
        let day = || {
            let plain = value.len() == 8 && value.bytes().all(|b| b.is_ascii_digit());
            let day = Date::parse_from_str(value, "%Y%m%d").ok().filter(|_| plain);
            day.ok_or_else(|| wrong("expected a whole day such as 20270101"))
        };
        match name {
            "DTSTART" => self.from = Some(day()?),
            "DTEND" => self.until = Some(day()?),
            "SUMMARY" => self.summary = unescaped(value),
            "CATEGORIES" => self.categories = value.to_ascii_uppercase(),
            "STATUS" => self.cancelled = value.eq_ignore_ascii_case("CANCELLED"),
            "DURATION" => return Err(wrong("a DURATION; expected DTEND, the day behind the last")),
            "RRULE" | "RDATE" | "EXDATE" | "RECURRENCE-ID" => return Err(wrong("it repeats; expected one event for each time")),
            _ => {}
        }
        Ok(())
    }

    fn into_days(self, days: &mut Vec<NoticeDay>, seen: &mut BTreeSet<Date>) -> Result<(), IcsError> {
        let (line, event) = (self.line, self.number);
        let wrong = |what| IcsError::Event { line, event, what };
        let from = self.from.ok_or_else(|| wrong("no DTSTART"))?;
        let category = |word| self.categories.split(',').any(|c| c.trim() == word);
        if self.cancelled || category(FILING) {
            return Ok(());
        }
        let unsure = || {
            wrong(
                "neither a day off nor a day worked: expected CATEGORIES:HOLIDAY or WORKDAY, or in the SUMMARY either 休 or 假, or else 班",
            )
        };
        let arrangement = match (category(OFF), category(WORK)) {
            (true, false) => Arrangement::Off,
            (false, true) => Arrangement::Work,
            (true, true) => return Err(unsure()),
            (false, false) => arrangement_of(&self.summary).ok_or_else(unsure)?,
        };
        let name = holiday_of(&self.summary);
        let until = self.until.or_else(|| from.succ_opt()).unwrap_or(from);
        if until <= from {
            return Err(wrong("it ends before it begins; DTEND is the day behind the last"));
        }
        let own: Vec<Date> = from.iter_days().take_while(|d| *d < until).take(EVENT_DAYS_MAX + 1).collect();
        if own.len() > EVENT_DAYS_MAX {
            return Err(wrong("it is longer than 31 days"));
        }
        for date in own {
            if !seen.insert(date) {
                return Err(wrong("one of its days is in an earlier event already"));
            }
            days.push(NoticeDay { date, arrangement, name: name.to_owned() });
        }
        Ok(())
    }
}

/// What a summary says its day is, if it says one thing.
fn arrangement_of(summary: &str) -> Option<Arrangement> {
    let (mut says, mut bracketed, mut depth) = (String::new(), Vec::<String>::new(), 0_usize);
    for c in summary.chars() {
        match c {
            '(' | '（' => {
                if depth == 0 {
                    bracketed.push(String::new());
                }
                depth += 1;
            }
            ')' | '）' => depth = depth.saturating_sub(1),
            _ if depth == 0 => says.push(c),
            _ => {
                if let Some(part) = bracketed.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    says.extend(bracketed.into_iter().filter(|part| part.trim().chars().count() <= MARK_CHARS_MAX));
    // Days were exchanged: which way, the rest says.
    let says = says.replace("调休", "");
    match (says.contains('班'), says.contains(['休', '假'])) {
        (true, false) => Some(Arrangement::Work),
        (false, true) => Some(Arrangement::Off),
        _ => None,
    }
}

/// The holiday that a summary names: 元旦（休）, 元旦 补班.
fn holiday_of(summary: &str) -> &str {
    let whole = summary.split(['(', '（', '\t', '\n']).next().unwrap_or_default().trim();
    let marks = ["补班", "调休", "放假", "休", "班"];
    let bare = marks.iter().find_map(|mark| whole.strip_suffix(mark)).map_or(whole, str::trim);
    if bare.is_empty() { whole } else { bare }
}

/// Lines with their numbers, folded ones joined.
fn unfolded(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut lines = text.trim_start_matches('\u{feff}').lines().enumerate().peekable();
    std::iter::from_fn(move || {
        let (i, first) = lines.next()?;
        let mut whole = first.to_owned();
        while let Some((_, more)) = lines.next_if(|(_, l)| l.starts_with([' ', '\t'])) {
            whole.push_str(&more[1..]);
        }
        Some((i + 1, whole))
    })
}

/// Name, in capitals, and value of a line; its parameters are passed over.
fn property(line: &str) -> Option<(String, &str)> {
    let mut quoted = false;
    let colon = line.char_indices().find(|(_, c)| {
        quoted ^= *c == '"';
        *c == ':' && !quoted
    });
    let (head, value) = (&line[..colon?.0], &line[colon?.0 + 1..]);
    let name = head.split(';').next()?.trim();
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    named.then(|| (name.to_ascii_uppercase(), value.trim()))
}

fn unescaped(value: &str) -> String {
    let mut chars = value.chars();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n' | 'N') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            (c, false) => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use zhengna_tests::world::{Engine, World};

    fn year(year: i32) -> (CalendarYear, FilingYear) {
        let system = World::new(Engine::Memory).core.as_system();
        (system.calendar().year(year).unwrap(), system.calendar().filing_periods(year).unwrap())
    }

    fn file(events: &str) -> String {
        format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{}END:VCALENDAR\r\n", events.replace('\n', "\r\n"))
    }

    #[test]
    fn a_year_is_written_as_calendar_programs_read_it() {
        let (days, filing) = year(2026);
        let text = write(&days, &filing);
        assert_eq!(write(&days, &filing), text, "the same data, the same bytes");
        assert!(text.split("\r\n").all(|l| l.len() <= LINE_OCTETS && !l.contains(['\r', '\n'])), "{text}");
        assert!(text.contains("DTSTAMP:20261125T160000Z\r\n"), "midnight in Beijing, of the tables and not of the clock");
        let event = |uid: &str| {
            let from = text.find(&format!("UID:{uid}@zhengna\r\n")).unwrap_or_else(|| panic!("no {uid} in {text}"));
            text[from..].split("END:VEVENT").next().unwrap().to_owned()
        };
        let spring = event("off-2026-02-15");
        assert!(spring.contains("DTSTART;VALUE=DATE:20260215\r\nDTEND;VALUE=DATE:20260224\r\nSUMMARY:春节（休）\r\n"), "{spring}");
        assert!(spring.contains("国办发明电〔2025〕7号") && spring.contains("STATUS:CONFIRMED"));
        assert!(event("work-2026-10-10").contains("SUMMARY:国庆节（班）\r\n"));
        let october = event("filing-2026-10");
        assert!(october.contains("DTSTART;VALUE=DATE:20261026\r\n") && october.contains("10月征期截止"), "{october}");
        let (days, filing) = year(2027);
        let next = write(&days, &filing);
        assert_eq!((next.matches("BEGIN:VEVENT").count(), next.matches("STATUS:TENTATIVE").count()), (12, 12), "{next}");
    }

    #[test]
    fn what_was_written_is_read_back_as_the_notice_it_was() {
        let (days, filing) = year(2026);
        let read = read(&write(&days, &filing)).unwrap();
        let of = |arrangement| read.iter().filter(|d| d.arrangement == arrangement).map(|d| d.date).collect::<Vec<_>>();
        assert_eq!(of(Arrangement::Off), days.days.iter().filter(|d| d.holiday.is_some() && !d.worked).map(|d| d.date).collect::<Vec<_>>());
        assert_eq!(of(Arrangement::Work), days.days.iter().filter(|d| d.made_up).map(|d| d.date).collect::<Vec<_>>());
        assert!(read.iter().all(|read| days.days.iter().any(|d| d.date == read.date && d.holiday.as_deref() == Some(&*read.name))));
    }

    #[test]
    fn new_years_holiday_in_december_is_the_next_years_with_the_day_worked_for_it() {
        let [(before, filing), (year_of_it, _)] = [year(2018), year(2019)];
        let text = write(&before, &filing);
        let Change::WorkingDays { days, .. } = notice(&text, 2019).unwrap().0 else { panic!("working days") };
        let december: Vec<String> = days.iter().map(|d| d.date.to_string()).collect();
        assert_eq!(december, ["2018-12-30", "2018-12-31", "2018-12-29"]);
        let (Change::WorkingDays { days, .. }, others) = notice(&text, 2018).unwrap() else { panic!("working days") };
        assert!(others == 3 && days.iter().all(|d| d.date.month() < 12), "{days:?}");
        assert!(year_of_it.days[0].holiday.as_deref() == Some("元旦"));
        let named = |summary: &str| holiday_of(summary).to_owned();
        let of = ["中秋节 国庆节（休）", "元旦 补班", "国庆节班", "补班（班）", "劳动节调休", "春节(休)"];
        assert_eq!(of.map(named), ["中秋节 国庆节", "元旦", "国庆节", "补班", "劳动节", "春节"]);
    }

    /// As the calendars of a phone and of the widely used feeds say it.
    #[test]
    fn files_of_others_are_read() {
        let text = file(
            "BEGIN:VTIMEZONE\nTZID:Asia/Shanghai\nBEGIN:STANDARD\nDTSTART:19700101T000000\nEND:STANDARD\nEND:VTIMEZONE\n\
             BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20270101\nDTEND;VALUE=DATE:20270103\nSUMMARY;LANGUAGE=zh:元旦\n （休）\n\
             BEGIN:VALARM\nTRIGGER:-PT15M\nSUMMARY:x\nEND:VALARM\nEND:VEVENT\n\
             BEGIN:VEVENT\nDTSTART;X-A=\"a:b\";VALUE=DATE:20270109\nSUMMARY:元旦 补班\nEND:VEVENT\n\
             BEGIN:VEVENT\nDTSTART:20270110\nSUMMARY:取消\\, 班\nSTATUS:CANCELLED\nEND:VEVENT\n",
        );
        let days: Vec<(String, Arrangement, String)> =
            read(&text).unwrap().into_iter().map(|d| (d.date.to_string(), d.arrangement, d.name)).collect();
        let expected = [("2027-01-01", Arrangement::Off), ("2027-01-02", Arrangement::Off), ("2027-01-09", Arrangement::Work)];
        assert_eq!(days, expected.map(|(day, arrangement)| (day.to_owned(), arrangement, "元旦".to_owned())));
        assert_eq!(read(&text.replace("\r\n", "\n")).unwrap().len(), 3, "line ends of any kind");
    }

    #[test]
    fn what_a_summary_says_in_brackets_of_other_days_is_not_of_its_own() {
        let of = |summary: &str| {
            let read = read(&file(&format!("BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261001\nSUMMARY:{summary}\nEND:VEVENT\n")));
            read.map(|days| days[0].arrangement).map_err(|e| e.to_string())
        };
        for summary in ["国庆节放假（10月14日上班）", "国庆节（休）(10月14日上班)", "国庆节假期（第1天（共8天），14日补班"]
        {
            assert_eq!(of(summary), Ok(Arrangement::Off), "{summary}");
        }
        for summary in ["国庆节补班（10月1日至8日放假）", "国庆节(班)", "国庆节（ 补班 ）", "国庆节调休上班", "国庆节调休（班）"]
        {
            assert_eq!(of(summary), Ok(Arrangement::Work), "{summary}");
        }
        for summary in ["国庆节放假 10月14日上班", "国庆节放假（班）", "国庆节调休", "国庆节（10月14日上班）"]
        {
            assert!(of(summary).is_err_and(|said| said.starts_with("line 3: event 1: neither a day off nor a day worked")), "{summary}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let said = |text: &str| read(text).unwrap_err().to_string();
        let event = |inside: &str| said(&file(&format!("BEGIN:VEVENT\n{inside}\nEND:VEVENT\n")));
        assert_eq!(said(""), "line 1: the file ends before END:VCALENDAR");
        assert_eq!(said("hello"), "line 1: expected NAME:VALUE");
        assert_eq!(said("DTSTART:20270101"), "line 1: expected BEGIN:VCALENDAR");
        assert_eq!(said("BEGIN:VCARD"), "line 1: expected BEGIN:VCALENDAR");
        assert_eq!(said("BEGIN:VCALENDAR\nBEGIN:VEVENT\n"), "line 2: the file ends before END:VCALENDAR");
        assert_eq!(said("BEGIN:VCALENDAR\nEND:VEVENT\n"), "line 2: this END closes nothing that was begun");
        assert_eq!(said(&format!("{}X:1", file(""))), "line 4: something stands behind END:VCALENDAR");
        assert_eq!(event("SUMMARY:元旦（休）"), "line 3: event 1: no DTSTART");
        assert_eq!(event("DTSTART:20270101T080000Z"), "line 4: event 1: expected a whole day such as 20270101");
        assert_eq!(event("DTSTART:20270230"), "line 4: event 1: expected a whole day such as 20270101");
        assert!(event("DTSTART:20270101\nSUMMARY:会议").starts_with("line 3: event 1: neither a day off nor a day worked"));
        assert!(event("DTSTART:20270101\nRRULE:FREQ=YEARLY").starts_with("line 5: event 1: it repeats"));
        assert!(event("DTSTART:20270101\nDURATION:P1D").starts_with("line 5: event 1: a DURATION"));
        assert!(event("DTSTART:20270102\nDTEND:20270102\nSUMMARY:休").ends_with("DTEND is the day behind the last"));
        assert_eq!(event("DTSTART:20270101\nDTEND:20270202\nSUMMARY:休"), "line 3: event 1: it is longer than 31 days");
        let twice = "BEGIN:VEVENT\nDTSTART:20270101\nSUMMARY:休\nEND:VEVENT\n".repeat(2);
        assert_eq!(said(&file(&twice)), "line 7: event 2: one of its days is in an earlier event already");
        assert_eq!(said(&"BEGIN:VCALENDAR\n".repeat(DEPTH_MAX + 1)), "line 9: components stand too deep in each other");
    }

    #[test]
    fn a_file_that_is_too_much_is_not_read() {
        let cancelled = "BEGIN:VEVENT\nDTSTART:20270101\nSTATUS:CANCELLED\nEND:VEVENT\n";
        assert!(read(&file(&cancelled.repeat(limits::ICS_EVENTS_MAX))).is_ok());
        let more = read(&file(&cancelled.repeat(limits::ICS_EVENTS_MAX + 1)));
        assert!(matches!(more, Err(IcsError::TooMany { .. })), "{more:?}");
        let empty = file("");
        let padded = |n: usize| format!("{}{empty}", "\n".repeat(n - empty.len()));
        assert!(read(&padded(limits::ICS_BYTES_MAX)).is_ok());
        assert_eq!(read(&padded(limits::ICS_BYTES_MAX + 1)), Err(IcsError::TooLong { max: limits::ICS_BYTES_MAX }));
    }
}
