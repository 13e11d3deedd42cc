//! The lines of a world: whose they are, when they are served, who is let in, how many may wait. Data alone: the stage opens them by it, the
//! model says by it what should come of that.

use zhengna_core::assignment::{Policy, Relax, Step, Widening};
use zhengna_core::calendar::Span;
use zhengna_core::error::Problem;
use zhengna_core::id::{LineId, OfficerId};
use zhengna_core::interaction::{LineHours, LineKind, LineSettings, OpenLine, RoutedTopic, Routing, Specialist};
use zhengna_core::{Core, Error};
use zhengna_tests::world::{CHANGCHUN, JILIN_CITY, KUANCHENG, NANGUAN, code};

/// The county of each line.
pub(crate) const LINES: [&str; 9] = [NANGUAN, NANGUAN, KUANCHENG, JILIN_CITY, NANGUAN, NANGUAN, NANGUAN, NANGUAN, NANGUAN];
/// Authorities to which somebody is handed on; the last has no line.
pub(crate) const AUTHORITIES: [&str; 4] = [NANGUAN, KUANCHENG, JILIN_CITY, CHANGCHUN];
/// The line that nobody serves.
pub(crate) const UNSERVED: u8 = 3;
/// The line in which those who wait are offered to whoever is there.
pub(crate) const OFFERING: u8 = 4;
/// The line that is served in some stretches of each working day; the others are day and night.
pub(crate) const HOURED: u8 = 5;
/// These stretches, in minutes from midnight: some begin and end soon after a world begins, whenever that is.
pub(crate) const HOURS: [(u16, u16); 8] = [(3, 12), (20, 50), (530, 546), (553, 575), (590, 900), (1225, 1236), (1242, 1272), (1280, 1330)];

/// The line in which few may wait, and nobody takes over; the one beside it, of which it takes over.
pub(crate) const NARROW: u8 = 6;
pub(crate) const BESIDE: u8 = 7;
/// The line that is for small and micro enterprises, and whoever acts for one. Of this the narrow one takes over, too.
pub(crate) const ZONE: u8 = 8;

/// How many may wait in a line: as the shared world and the core have it, but of those that are full soon.
pub(crate) fn waiting_max(line: u8) -> usize {
    match line {
        0 => 250_000,
        NARROW | BESIDE => 2,
        ZONE => 3,
        _ => 300,
    }
}

/// The line that takes over where one is full.
pub(crate) fn overflow(line: u8) -> Option<u8> {
    matches!(line, BESIDE | ZONE).then_some(NARROW)
}

/// Within how many minutes of a line's hours somebody is answered who left a message: as the shared world has it of the first line, few of
/// the others, so that some are answered late.
pub(crate) fn reply_minutes(line: u8) -> i64 {
    if line == 0 { 120 } else { 5 }
}

/// The topics of the line that offers, each with the one above it.
pub(crate) const TOPICS: [(&str, Option<u8>); 3] = [("vat", None), ("vat_refund", Some(0)), ("land", None)];
/// Which of them officers know, by their numbers.
pub(crate) const KNOWN: [&[u8]; 4] = [&[0], &[1], &[1, 2], &[]];
/// After so many seconds those are asked who know the topic above, and then anybody.
pub(crate) const ABOVE_S: u32 = 30;
pub(crate) const ANYBODY_S: u32 = 75;

/// Whoever knows a topic goes first, in the line that offers what waits there.
fn offering(officers: &[OfficerId]) -> Result<Routing, Error> {
    let step = |after_s, topics| Step { after_s, topics, authorities: Widening::Any };
    let steps = vec![step(0, Widening::Up(0)), step(ABOVE_S, Widening::Up(1)), step(ANYBODY_S, Widening::Any)];
    let code = |n: u8| TOPICS[usize::from(n)].0.to_owned();
    let topic = |(of, above): (&str, Option<u8>)| RoutedTopic {
        code: of.into(),
        name: format!("主题 {of}"),
        parent: above.map(code),
        specialists_only: false,
    };
    let knows = |(officer, known): (&OfficerId, &[u8])| Specialist { officer: *officer, topics: known.iter().map(|n| code(*n)).collect() };
    let (topics, specialists) = (TOPICS.map(topic).to_vec(), officers.iter().zip(KNOWN).map(knows).collect());
    let relax = Relax::new(steps).map_err(|e| Error::invalid("routing.policy.relax", Problem::Malformed(e.to_string())))?;
    Ok(Routing { topics, specialists, policy: Policy { relax, ..Policy::default() }, push: true })
}

fn settings(line: u8, before: &[LineId], officers: &[OfficerId]) -> Result<LineSettings, Error> {
    let hours = HOURS.map(|(from_min, until_min)| Span { from_min, until_min });
    Ok(LineSettings {
        routing: (line == OFFERING).then(|| offering(officers)).transpose()?,
        hours: if line == HOURED { LineHours::WorkingDays(hours.to_vec()) } else { LineHours::Always },
        reply_minutes: reply_minutes(line),
        kind: if line == ZONE { LineKind::SmallMicro } else { LineKind::General },
        waiting_max: waiting_max(line) as i64,
        overflow: overflow(line).and_then(|over| before.get(usize::from(over)).copied()),
        ..LineSettings::new(format!("队列{line}"))
    })
}

/// Opens the lines beside the first, which is there already.
pub(crate) fn open(core: &Core, first: LineId, officers: &[OfficerId]) -> Result<Vec<LineId>, Error> {
    let mut lines = vec![first];
    for (line, county) in (0..).zip(LINES).skip(1) {
        let open = OpenLine { settings: settings(line, &lines, officers)?, ..OpenLine::new("", code(county)) };
        lines.push(core.as_system().interaction().open_line(open).wait()?.line);
    }
    Ok(lines)
}
