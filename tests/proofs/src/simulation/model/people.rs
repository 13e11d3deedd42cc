//! People and enterprises as they should be: whose a number is, what was found of real names, who acts for whom, and what
//! officers are shown of all that.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::imports::{Imports, Words};
use super::{INVALID, LINES, Model, NOT_FOUND, Subject, Told};
use crate::simulation::directory::Directory;
use crate::simulation::step::{Affair, Number, Who};

const DAY: i64 = 24 * 3600 * 1_000_000;
/// How far the clocks of other systems may be ahead.
pub(super) const AHEAD: i64 = 300 * 1_000_000;
/// Relations that a card shows, and that are read of a person.
const SHOWN: usize = 50;
pub(crate) const STATES: [&str; 4] = ["captured", "verified", "failed", "lapsed"];
pub(crate) const LEVELS: [&str; 4] = ["name_and_number", "name_number_and_phone", "face", "in_person"];
pub(crate) const CHANNELS: [(&str, &str); 5] = [
    ("hall", "办税服务厅"),
    ("electronic_tax_bureau", "电子税务局"),
    ("portal", "吉事办"),
    ("mini_program", "微信小程序"),
    ("register", "税务登记"),
];
/// The first three are the three officers.
pub(crate) const ROLES: [&str; 6] =
    ["legal_representative", "finance_officer", "tax_handler", "invoice_issuer", "invoice_collector", "tax_agent"];
pub(crate) const ROSTERS: [&str; 2] = ["large_enterprise", "designated_small_micro"];
pub(crate) const FIELDS: [&str; 3] = ["name", "number", "phone"];
/// What the answer says of everybody enrolled here: they came from the register.
pub(super) const REGISTER: &str = "register";

/// One value of a card.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) enum Known {
    Yes { value: String, masked: bool, source: String, since: i64, days: i64 },
    No(&'static str),
}

/// Somebody on a card.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Holder {
    pub(crate) who: Option<u16>,
    pub(crate) name: Known,
    pub(crate) number: Known,
    pub(crate) phone: Known,
}

/// A relation as it is shown.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Line {
    pub(crate) company: u16,
    pub(crate) company_name: String,
    pub(crate) role: &'static str,
    pub(crate) person: u16,
    pub(crate) person_name: String,
    pub(crate) starts_at: i64,
    pub(crate) ends_at: Option<i64>,
    pub(crate) holds: bool,
    pub(crate) released: bool,
    pub(crate) channel: &'static str,
    pub(crate) recorded_at: i64,
}

/// One of the three officers.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Acting {
    pub(crate) role: usize,
    pub(crate) since: Option<i64>,
    /// Who says that they act, and when it was last written down.
    pub(crate) known: Option<(&'static str, i64)>,
    pub(crate) holder: Holder,
}

/// A card. Entries of one role, one roster, one start stand in the order of what they say.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Card {
    pub(crate) person: Holder,
    pub(crate) state: Known,
    pub(crate) level: Option<&'static str>,
    pub(crate) channel: Known,
    pub(crate) enterprise: Holder,
    pub(crate) officers: Vec<Acting>,
    /// Which, the document, until when, and when it was last written down.
    pub(crate) rosters: Vec<(&'static str, String, Option<i64>, i64)>,
    pub(crate) relations: Vec<Line>,
}

/// Somebody seen by themselves or by an officer.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(crate) struct Face {
    pub(crate) who: u16,
    pub(crate) company: bool,
    pub(crate) name: String,
    pub(crate) number: String,
    pub(crate) phone: Option<String>,
    pub(crate) county: String,
}

#[derive(Clone, Debug)]
struct Finding {
    state: u8,
    level: Option<u8>,
    channel: u8,
    found_at: i64,
}

impl Finding {
    fn verified(&self) -> bool {
        STATES[usize::from(self.state)] == "verified"
    }

    fn present(&self) -> bool {
        self.level.is_some_and(|level| matches!(LEVELS[usize::from(level)], "face" | "in_person"))
    }

    /// Whether whoever was signed in before may have been somebody else: they were not verified, or never while they were there.
    fn is_surer(&self, before: &[Self]) -> bool {
        let mut run = before.iter().rev().take_while(|found| found.verified()).peekable();
        self.verified() && (run.peek().is_none() || self.present() && !run.any(Self::present))
    }

    /// Whether they were there before, and nothing since spoke against it.
    fn stands_shown(before: &[Self]) -> bool {
        let since = before.iter().rev().take_while(|found| matches!(STATES[usize::from(found.state)], "verified" | "captured"));
        since.filter(|found| found.present()).count() > 0
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Relation {
    ends_at: Option<i64>,
    released: bool,
    channel: &'static str,
    recorded_at: i64,
}

/// Until when an enterprise is on a roster, the document, and when it was last written down.
type OnRoster = (Option<i64>, u8, i64);

/// For which enterprise, as what, who, from when.
type Bond = (u16, u8, u16, i64);

/// What is known of people.
#[derive(Default)]
pub(crate) struct People {
    pub(crate) directory: Directory,
    pub(super) enrolled: BTreeMap<u16, i64>,
    /// Whose a number is, in use or from before, by text and register.
    pub(super) numbers: BTreeMap<(String, &'static str), u16>,
    findings: BTreeMap<u16, Vec<Finding>>,
    relations: BTreeMap<Bond, Relation>,
    rosters: BTreeMap<(u16, u8, i64), OnRoster>,
    /// What was said of somebody since they were enrolled.
    pub(super) said: Words,
    pub(crate) imports: Imports,
    /// The lists that were applied and how much each changed: the same list is not applied again.
    pub(super) lists: BTreeMap<String, u64>,
}

fn stars(text: &str, front: usize, back: usize) -> String {
    let hidden = front..text.chars().count() - back;
    text.chars().enumerate().map(|(at, c)| if hidden.contains(&at) { '*' } else { c }).collect()
}

/// How a list that is sent says that a relation came to be known.
pub(crate) fn told_by(released: bool) -> &'static str {
    if released { "hall" } else { REGISTER }
}

/// The phone that somebody tells us.
pub(crate) fn told_phone(n: u16) -> String {
    format!("139{n:08}")
}

/// The document that puts an enterprise on a roster.
pub(crate) fn document(n: u8) -> String {
    format!("吉税发〔2026〕{n}号")
}

impl People {
    pub(crate) fn of(directory: Directory, enrolled_at: i64) -> Self {
        let mut people = Self { directory, ..Self::default() };
        directory.everybody().for_each(|n| people.enrol(n, enrolled_at));
        people
    }

    pub(super) fn text(&self, number: Number) -> (String, &'static str) {
        let (kind, text) = self.directory.number(number);
        (text, kind.as_str())
    }

    /// A number is one taxpayer's, whether in use or from before: whoever comes with it again is known.
    fn enrol(&mut self, n: u16, now: i64) {
        let number = self.text(Number::Own(n));
        if let Entry::Vacant(free) = self.numbers.entry(number) {
            free.insert(n);
            self.enrolled.insert(n, now);
        }
    }

    pub(crate) fn is_enrolled(&self, n: u16) -> bool {
        self.enrolled.contains_key(&n)
    }

    /// Whom a number means, as it is typed: nobody where it means two.
    pub(crate) fn holder(&self, number: Number) -> Option<u16> {
        let (text, _) = self.text(number);
        let of_text = self.numbers.range((text.clone(), "")..).take_while(|((other, _), _)| *other == text);
        let holders: BTreeSet<u16> = of_text.map(|(_, n)| *n).collect();
        if holders.len() == 1 { holders.first().copied() } else { None }
    }

    fn company(&self, number: Number) -> Option<u16> {
        self.holder(number).filter(|n| self.directory.is_company(*n))
    }

    fn person(&self, number: Number) -> Option<u16> {
        self.holder(number).filter(|n| !self.directory.is_company(*n))
    }

    fn name(&self, n: u16) -> String {
        let name = self.directory.row(n).name;
        if self.directory.is_company(n) { name } else { name.chars().take(1).chain(['*']).collect() }
    }

    fn face(&self, n: u16) -> Face {
        let (row, company) = (self.directory.row(n), self.directory.is_company(n));
        Face {
            who: n,
            company,
            name: self.name(n),
            number: if company { row.number } else { stars(&row.number, 3, 4) },
            phone: self.phone(n).map(|phone| stars(&phone, 3, 4)),
            county: self.directory.county(n).to_owned(),
        }
    }

    /// Somebody as they see themselves.
    pub(crate) fn own_face(&self, n: u16) -> Told {
        Told::Face(Box::new(self.face(n)))
    }

    fn open(&self, n: u16, field: u8) -> Option<String> {
        let row = self.directory.row(n);
        match FIELDS[usize::from(field)] {
            "name" => Some(row.name),
            "number" => Some(row.number),
            _ => self.phone(n),
        }
    }

    pub(super) fn phone(&self, n: u16) -> Option<String> {
        self.said.phone(n).map(|said| said.phone.clone()).or_else(|| self.directory.row(n).phone)
    }

    /// Who told the phone of somebody, and when.
    pub(super) fn phone_told(&self, n: u16) -> (&'static str, i64) {
        self.said.phone(n).map_or((REGISTER, self.enrolled[&n]), |said| (said.source, said.at))
    }

    /// A provider calls somebody verified: what it says is not older than it was found, but for who was only captured since. Whether
    /// it is surer than before who they are.
    pub(super) fn vouched(&mut self, n: u16, level: u8, channel: u8, since: i64, now: i64) -> Option<bool> {
        let all = self.findings.entry(n).or_default();
        let known = all.last().map(|newest| (newest.found_at, STATES[usize::from(newest.state)]));
        let found_at = match known {
            Some((at, _)) if since > at => since,
            Some((_, "captured")) => now,
            Some((at, known)) if since == at && known != "verified" => since,
            Some(_) => return None,
            None => since,
        };
        let state = STATES.iter().position(|word| *word == "verified").unwrap_or(0) as u8;
        let found = Finding { state, level: Some(level), channel, found_at };
        let surer = found.is_surer(all).then(|| Finding::stands_shown(all));
        all.push(found);
        surer
    }

    /// A list as it is written, so that the same rows are known again whatever they mean.
    fn written(&self, affair: &Affair) -> String {
        let text = |number: Number| self.text(number);
        match *affair {
            Affair::Enrol { newcomer, known } => format!("enrol {newcomer} {known}"),
            Affair::FormerNumber { of, number } => format!("former {} {:?}", text(of).0, text(number)),
            Affair::RealName { of, state, level, channel, found_at } => {
                format!("real name {} {state} {level:?} {channel} {found_at}", text(of).0)
            }
            Affair::Relate { company, role, person, starts_at, ends_at, released } => {
                format!("relate {} {role} {} {starts_at} {ends_at:?} {released}", text(company).0, text(person).0)
            }
            Affair::Roster { company, roster, starts_at, ends_at, document } => {
                format!("roster {} {roster} {starts_at} {ends_at:?} {document}", text(company).0)
            }
            _ => String::new(),
        }
    }

    /// How many rows of a list changed something; `None` where a row is refused. Whose sessions end is added to `out`.
    fn apply(&mut self, affair: &Affair, now: i64, out: &mut Option<(u16, bool)>) -> Option<u64> {
        match *affair {
            Affair::Enrol { newcomer, known } => {
                let before = self.enrolled.len();
                self.enrol(newcomer, now);
                self.enrol(known, now);
                Some((self.enrolled.len() - before) as u64)
            }
            Affair::FormerNumber { of, number } => {
                let (whose, number) = (self.holder(of)?, self.text(number));
                match self.numbers.get(&number) {
                    Some(same) => (*same == whose).then_some(0),
                    None => {
                        self.numbers.insert(number, whose);
                        Some(1)
                    }
                }
            }
            Affair::RealName { of, state, level, channel, found_at } => {
                let whose = self.person(of)?;
                let verified = STATES[usize::from(state)] == "verified";
                let compared = verified || STATES[usize::from(state)] == "lapsed";
                if (verified && level.is_none()) || (!compared && level.is_some()) || found_at > now + AHEAD {
                    return None;
                }
                let all = self.findings.entry(whose).or_default();
                let verifies = |newest: &Finding| verified && found_at == newest.found_at && !newest.verified();
                if all.last().is_some_and(|newest| found_at <= newest.found_at && !verifies(newest)) {
                    return Some(0);
                }
                let found = Finding { state, level, channel, found_at };
                if found.is_surer(all) {
                    *out = Some((whose, Finding::stands_shown(all)));
                }
                all.push(found);
                Some(1)
            }
            Affair::Relate { company, role, person, starts_at, ends_at, released } => {
                let bond = (self.company(company)?, role, self.person(person)?, starts_at);
                if ends_at.map_or(released, |end| end <= starts_at) {
                    return None;
                }
                let said = Relation { ends_at, released, channel: told_by(released), recorded_at: now };
                match self.relations.get(&bond) {
                    Some(known) if ends_at.is_none() || (known.ends_at, known.released) == (ends_at, released) => return Some(0),
                    // What is over stays over.
                    Some(known)
                        if (known.released || known.ends_at.is_some_and(|end| end <= now)) && !released && ends_at > known.ends_at =>
                    {
                        return Some(0);
                    }
                    _ => self.relations.insert(bond, said),
                };
                Some(1)
            }
            Affair::Roster { company, roster, starts_at, ends_at, document } => {
                let place = (self.company(company)?, roster, starts_at);
                if ends_at.is_some_and(|end| end <= starts_at) {
                    return None;
                }
                let known = self.rosters.get(&place).map(|(ends_at, document, _)| (*ends_at, *document));
                let changed = known != Some((ends_at, document));
                if changed {
                    self.rosters.insert(place, (ends_at, document, now));
                }
                Some(u64::from(changed))
            }
            _ => None,
        }
    }

    fn holds(&self, bond: &Bond, now: i64) -> bool {
        bond.3 <= now && self.relations[bond].ends_at.is_none_or(|end| now < end)
    }

    /// The relations of an enterprise, or the newest of a person, newest first.
    fn bonds(&self, n: u16) -> Vec<Bond> {
        let mut all: Vec<Bond> = self.relations.keys().filter(|(company, _, person, _)| *company == n || *person == n).copied().collect();
        all.sort_by_key(|(company, role, person, starts)| (std::cmp::Reverse(*starts), *company, *role, *person));
        if !self.directory.is_company(n) {
            all.truncate(SHOWN);
        }
        all
    }

    /// Some relation that somebody has now or had, for those who ask about it again.
    pub(crate) fn nth_bond(&self, n: u64) -> Option<Bond> {
        self.relations.keys().nth(n.checked_rem(self.relations.len() as u64)? as usize).copied()
    }

    /// Those who may stand on a card beside somebody: their enterprises and whoever has to do with these.
    pub(crate) fn beside(&self, n: u16) -> Vec<u16> {
        let companies: BTreeSet<u16> = self.bonds(n).iter().map(|b| b.0).chain([n]).collect();
        let around = self.relations.keys().filter(|b| companies.contains(&b.0)).flat_map(|b| [b.0, b.2]);
        around.collect::<BTreeSet<u16>>().into_iter().collect()
    }

    pub(crate) fn is_verified(&self, n: u16) -> bool {
        self.findings.get(&n).and_then(|all| all.last()).is_some_and(|newest| STATES[usize::from(newest.state)] == "verified")
    }

    fn lines(&self, n: u16, now: i64) -> Vec<Line> {
        let line = |bond: &Bond| {
            let (relation, (company, role, person, starts_at)) = (&self.relations[bond], *bond);
            Line {
                company,
                company_name: self.name(company),
                role: ROLES[usize::from(role)],
                person,
                person_name: self.name(person),
                starts_at,
                ends_at: relation.ends_at,
                holds: self.holds(bond, now),
                released: relation.released,
                channel: relation.channel,
                recorded_at: relation.recorded_at,
            }
        };
        self.bonds(n).iter().map(line).collect()
    }

    fn released(&self, company: u16, role: u8, person: u16, now: i64) -> Result<Vec<Bond>, Told> {
        let mut all = self.relations.keys().filter(|b| (b.0, b.1, b.2) == (company, role, person)).peekable();
        if all.peek().is_none() {
            return Err(NOT_FOUND);
        }
        let holding: Vec<Bond> = all.filter(|b| self.holds(b, now)).copied().collect();
        if holding.is_empty() { Err(Told::Refused("identity.relation_over", 0)) } else { Ok(holding) }
    }

    /// A provider says somebody's name.
    pub(super) fn said_name(&mut self, n: u16, channel: u8, now: i64) {
        self.said.take_name(n, CHANNELS[usize::from(channel)].0, now);
    }

    fn on_card(&self, n: u16, now: i64) -> Holder {
        let (face, row, since) = (self.face(n), self.directory.row(n), self.enrolled[&n]);
        let known = |shown: Option<String>, whole: Option<String>, (source, since): (&str, i64)| match (shown, whole) {
            (Some(value), Some(whole)) => {
                let (masked, source) = (value != whole, source.to_owned());
                Known::Yes { value, masked, source, since, days: ((now - since) / DAY).max(0) }
            }
            _ => Known::No("not_captured"),
        };
        Holder {
            who: Some(n),
            name: known(Some(face.name), Some(row.name), self.said.name(n).unwrap_or((REGISTER, since))),
            number: known(Some(face.number), Some(row.number), (REGISTER, since)),
            phone: known(face.phone, self.phone(n), self.phone_told(n)),
        }
    }

    /// The enterprise on the card of somebody: itself, or the one a person began to act for last.
    fn enterprise(&self, n: u16, now: i64) -> Option<u16> {
        if self.directory.is_company(n) { Some(n) } else { self.bonds(n).iter().find(|b| self.holds(b, now)).map(|b| b.0) }
    }

    /// The enterprises for which somebody acts now: themselves, where they are one.
    pub(crate) fn acts_for(&self, n: u16, now: i64) -> Vec<u16> {
        if self.directory.is_company(n) {
            return vec![n];
        }
        let all: BTreeSet<u16> = self.bonds(n).iter().filter(|b| self.holds(b, now)).map(|b| b.0).collect();
        all.into_iter().collect()
    }

    /// Whether an enterprise is on a roster now.
    pub(super) fn is_on(&self, company: u16, roster: u8, now: i64) -> bool {
        let mut entries = self.rosters.range((company, roster, i64::MIN)..=(company, roster, now));
        entries.any(|(_, (ends_at, ..))| ends_at.is_none_or(|end| now < end))
    }

    /// Since when an enterprise is on a roster, by the entry that began last.
    pub(crate) fn on_since(&self, company: u16, roster: u8) -> Option<i64> {
        self.rosters.range((company, roster, i64::MIN)..=(company, roster, i64::MAX)).next_back().map(|((.., starts_at), _)| *starts_at)
    }

    /// Those who hold a role of an enterprise now.
    fn acting(&self, company: u16, role: u8, now: i64) -> Vec<Bond> {
        self.bonds(company).into_iter().filter(|b| b.1 == role && self.holds(b, now)).collect()
    }

    /// The card of somebody, who was let in for an enterprise or not.
    fn card(&self, (n, on_behalf): (u16, Option<u16>), now: i64) -> Card {
        let nobody = |why| Holder { who: None, name: Known::No(why), number: Known::No(why), phone: Known::No(why) };
        let over = |bonds: &[Bond], otherwise| {
            let any = bonds.iter().any(|b| self.relations[b].ends_at.is_some_and(|end| end <= now));
            if any { "released" } else { otherwise }
        };
        let company = self.directory.is_company(n);
        let why = if company { "enterprise_signed_in" } else { "not_captured" };
        let newest = self.findings.get(&n).and_then(|all| all.last());
        let said = |value: &dyn Fn(&Finding) -> &'static str| match newest {
            None => Known::No(why),
            Some(f) => {
                let (source, days) = (CHANNELS[usize::from(f.channel)].0.to_owned(), ((now - f.found_at) / DAY).max(0));
                Known::Yes { value: value(f).to_owned(), masked: false, source, since: f.found_at, days }
            }
        };
        let enterprise = on_behalf.or_else(|| self.enterprise(n, now));
        let none = over(&self.bonds(n), "no_relation");
        let vacant = |role: u8, why| Acting { role: usize::from(role), since: None, known: None, holder: nobody(why) };
        let mut officers = Vec::new();
        for role in 0..3u8 {
            let Some(enterprise) = enterprise else {
                officers.push(vacant(role, none));
                continue;
            };
            let acting = self.acting(enterprise, role, now);
            if acting.is_empty() {
                let had: Vec<Bond> = self.bonds(enterprise).into_iter().filter(|b| b.1 == role).collect();
                officers.push(vacant(role, over(&had, "not_captured")));
            }
            officers.extend(acting.iter().map(|b| {
                let relation = &self.relations[b];
                let known = Some((relation.channel, relation.recorded_at));
                Acting { role: usize::from(role), since: Some(b.3), known, holder: self.on_card(b.2, now) }
            }));
        }
        officers.sort_by_key(|o| (o.role, o.holder.who, o.since));
        let of_enterprise = |place: &(u16, u8, i64), ends_at: Option<i64>| {
            Some(place.0) == enterprise && place.2 <= now && ends_at.is_none_or(|end| now < end)
        };
        let listed = self.rosters.iter().filter(|(place, (ends_at, ..))| of_enterprise(place, *ends_at));
        let shown = listed.map(|(place, (ends_at, doc, recorded))| (ROSTERS[usize::from(place.1)], document(*doc), *ends_at, *recorded));
        let mut rosters: Vec<_> = shown.collect();
        rosters.sort();
        Card {
            person: if company { nobody("enterprise_signed_in") } else { self.on_card(n, now) },
            state: said(&|f| STATES[usize::from(f.state)]),
            level: newest.and_then(|f| f.level).map(|level| LEVELS[usize::from(level)]),
            channel: said(&|f| CHANNELS[usize::from(f.channel)].1),
            enterprise: enterprise.map_or_else(|| nobody(none), |n| self.on_card(n, now)),
            officers,
            rosters,
            relations: self.lines(n, now).into_iter().take(SHOWN).collect(),
        }
    }

    /// Whether anything is known of somebody that would be lost with them.
    pub(super) fn is_spoken_of(&self, n: u16) -> bool {
        let bound = self.relations.keys().any(|(company, _, person, _)| *company == n || *person == n);
        let found = self.findings.get(&n).is_some_and(|all| !all.is_empty());
        bound || found || self.numbers.values().filter(|holder| **holder == n).count() > 1
    }

    /// Whether somebody is on the card of another.
    fn is_on_card(&self, (of, on_behalf): (u16, Option<u16>), n: u16, now: i64) -> bool {
        let enterprise = on_behalf.or_else(|| self.enterprise(of, now));
        let acts = |company| (0..3).any(|role| self.acting(company, role, now).iter().any(|b| b.2 == n));
        of == n || enterprise == Some(n) || enterprise.is_some_and(acts)
    }

    /// Every number there is, with its register and whose it is.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&str, &'static str, u16)> {
        self.numbers.iter().map(|((text, kind), n)| (text.as_str(), *kind, *n))
    }
}

/// The operation behind an affair, as the audit trail names it; none for one that leaves no record.
pub(super) fn operation(affair: &Affair) -> &'static str {
    match affair {
        Affair::Enrol { .. } => "identity.enrol_taxpayers",
        Affair::FormerNumber { .. } => "identity.record_former_numbers",
        Affair::RealName { .. } => "identity.record_real_names",
        Affair::Relate { .. } => "identity.record_relations",
        Affair::Roster { .. } => "identity.record_roster",
        Affair::BeginImport { .. } => "identity.begin_import",
        Affair::ImportRows { .. } => "identity.import_rows",
        Affair::TakeBack { .. } => "identity.take_back_import",
        Affair::Release { .. } => "identity.release_relation",
        Affair::Reveal { .. } => "identity.reveal_taxpayer",
        Affair::RevealOnCard { .. } => "identity.reveal_on_card",
        Affair::TakePhone { .. } => "identity.take_phone",
        Affair::Unlink { .. } => "access.unlink_identity",
        Affair::Examine { .. } | Affair::Imported { .. } | Affair::Compare { .. } => "",
        Affair::Linked | Affair::Find { .. } | Affair::View { .. } | Affair::Relations { .. } | Affair::Card { .. } => "",
    }
}

/// Who may ask for it at all.
pub(super) fn may(who: Who, affair: &Affair) -> bool {
    match affair {
        Affair::Enrol { .. }
        | Affair::FormerNumber { .. }
        | Affair::RealName { .. }
        | Affair::Relate { .. }
        | Affair::Roster { .. }
        | Affair::BeginImport { .. }
        | Affair::Examine { .. }
        | Affair::ImportRows { .. }
        | Affair::Imported { .. }
        | Affair::Compare { .. }
        | Affair::TakeBack { .. }
        | Affair::Find { .. } => who == Who::System,
        Affair::View { .. } | Affair::Relations { .. } => matches!(who, Who::Taxpayer(_) | Who::Officer(_) | Who::Outsider),
        Affair::Release { .. } => matches!(who, Who::Taxpayer(_) | Who::Supervisor | Who::Outsider),
        Affair::Reveal { .. } | Affair::RevealOnCard { .. } => matches!(who, Who::Supervisor | Who::Outsider),
        Affair::Card { .. } => matches!(who, Who::Officer(_) | Who::Outsider),
        Affair::TakePhone { .. } | Affair::Linked | Affair::Unlink { .. } => matches!(who, Who::Taxpayer(_)),
    }
}

impl Model {
    /// Whether a caller who may ask reaches somebody.
    fn reaches(&self, who: Who, n: u16) -> bool {
        let county = self.people.directory.county(n);
        self.people.is_enrolled(n)
            && match who {
                Who::Taxpayer(me) => me == n,
                Who::Officer(officer) => self.county(officer) == county,
                Who::Supervisor => county == LINES[0] || county == LINES[2],
                Who::Outsider => county == LINES[3],
                _ => false,
            }
    }

    /// Whether a repeat is still answered.
    pub(super) fn reaches_either(&self, who: Who, affair: &Affair) -> bool {
        matches!(*affair, Affair::Release { company, person, .. } if self.reaches(who, company) || self.reaches(who, person))
    }

    pub(super) fn affair(&mut self, who: Who, affair: &Affair, now: i64) -> Told {
        match *affair {
            Affair::Enrol { .. }
            | Affair::FormerNumber { .. }
            | Affair::RealName { .. }
            | Affair::Relate { .. }
            | Affair::Roster { .. } => self.list(affair, now),
            Affair::BeginImport { .. }
            | Affair::Examine { .. }
            | Affair::ImportRows { .. }
            | Affair::Imported { .. }
            | Affair::Compare { .. }
            | Affair::TakeBack { .. } => self.import(affair, now),
            Affair::Release { company, role, person } => {
                if !self.reaches_either(who, affair) {
                    return NOT_FOUND;
                }
                let bonds = match self.people.released(company, role, person, now) {
                    Ok(bonds) => bonds,
                    Err(refused) => return refused,
                };
                for bond in bonds {
                    if let Some(relation) = self.people.relations.get_mut(&bond) {
                        *relation = Relation { ends_at: Some(now), released: true, recorded_at: now, ..relation.clone() };
                    }
                }
                self.record(operation(affair), who, Subject::Relation(company, role, person), now);
                Told::Released(now)
            }
            Affair::TakePhone { phone } => match who {
                Who::Taxpayer(n) => {
                    let phone = told_phone(phone);
                    if self.people.phone(n).as_ref() != Some(&phone) {
                        self.people.said.take_phone(n, None, phone, "mini_program", now);
                    }
                    self.record(operation(affair), who, Subject::Phone(n), now);
                    Told::Done(0)
                }
                _ => NOT_FOUND,
            },
            Affair::Linked => {
                if let Who::Taxpayer(n) = who {
                    self.linked(n)
                } else {
                    NOT_FOUND
                }
            }
            Affair::Unlink { provider } => {
                if let Who::Taxpayer(n) = who {
                    self.unlink(n, provider, now)
                } else {
                    NOT_FOUND
                }
            }
            Affair::Find { number } => Told::Whose(self.people.holder(number)),
            Affair::View { of } if self.reaches(who, of) => Told::Face(Box::new(self.people.face(of))),
            Affair::Relations { of } if self.reaches(who, of) => Told::Relations(self.people.lines(of, now)),
            Affair::Reveal { of, field } if self.reaches(who, of) => self.revealed(who, affair, of, field, now),
            Affair::Card { conversation } => match self.talks(who, conversation) {
                Some(n) => Told::Card(Box::new(self.people.card(n, now))),
                None => NOT_FOUND,
            },
            Affair::RevealOnCard { conversation, of, field } => match self.talks(who, conversation) {
                Some(n) if self.people.is_on_card(n, of, now) => self.revealed(who, affair, of, field, now),
                _ => NOT_FOUND,
            },
            _ => NOT_FOUND,
        }
    }

    fn list(&mut self, affair: &Affair, now: i64) -> Told {
        let (written, mut out) = (self.people.written(affair), None);
        if let Some(changed) = self.people.lists.get(&written) {
            return Told::List(*changed);
        }
        let Some(changed) = self.people.apply(affair, now, &mut out) else { return INVALID };
        self.people.lists.insert(written, changed);
        if let Some((verified, shown)) = out {
            // Whoever was signed in before may have been somebody else.
            self.surer(verified, shown, now);
        }
        self.record(operation(affair), Who::System, Subject::List, now);
        Told::List(changed)
    }

    fn revealed(&mut self, who: Who, affair: &Affair, of: u16, field: u8, now: i64) -> Told {
        self.record(operation(affair), who, Subject::Field(of, field), now);
        Told::Revealed(self.people.open(of, field))
    }

    /// Whose conversation it is, and for which enterprise they were let in, if the caller may see its card.
    fn talks(&self, who: Who, label: u32) -> Option<(u16, Option<u16>)> {
        let c = self.conversations.get(&label)?;
        let county = LINES[usize::from(c.line)];
        let sees = match who {
            Who::Officer(n) => c.officer == Some(n) || self.county(n) == county,
            Who::Supervisor => county == LINES[0] || county == LINES[2],
            Who::Outsider => county == LINES[3],
            _ => false,
        };
        sees.then_some((c.taxpayer, c.on_behalf))
    }
}
