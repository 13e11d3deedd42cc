//! People and enterprises: what is asked of the core about them, and its answers in the words of the model.

use std::collections::BTreeSet;

use zhengna_core::access::Provider;
use zhengna_core::error::Problem;
use zhengna_core::id::{ConversationId, TaxpayerId};
use zhengna_core::identity::{
    CaptureChannel, CardHolder, CardOfficer, CardRoster, Fact, NewFormerNumber, NewRealName, NewRelation, NewRosterEntry, OfficerCard,
    PersonalField, RealNameLevel, RealNameState, RelationView, ReleaseRelation, RevealOnCard, RevealTaxpayer, Role, Roster, TaxpayerCard,
    TaxpayerKind,
};
use zhengna_core::{Error, Timestamp};
use zhengna_tests::provider::Believes;

use super::super::model::Told;
use super::super::model::people::{
    Acting, CHANNELS, Card, FIELDS, Face, Holder, Known, LEVELS, Line, ROLES, ROSTERS, STATES, document, told_by, told_phone,
};
use super::super::stage::patiently;
use super::super::step::{Affair, Deed, Number, Step, Who};
use super::doors::{number_of, provider_of};
use super::{Came, Checked, Player};

/// Why somebody reveals or releases.
pub(super) const REASON: &str = "核对经办人";

/// A word of the model, as the core has it.
pub(super) fn word<T>(parse: impl Fn(&str) -> Option<T>, words: &[&str], n: u8) -> Result<T, Error> {
    let word = words.get(usize::from(n)).copied().unwrap_or_default();
    parse(word).ok_or_else(|| Error::invalid("word", Problem::Unknown("word")))
}

fn fact(fact: &Fact) -> Known {
    match fact {
        Fact::Known { value, source, since, age_days, masked, .. } => {
            Known::Yes { value: value.clone(), masked: *masked, source: source.as_str().to_owned(), since: since.micros(), days: *age_days }
        }
        Fact::Unknown { why, .. } => Known::No(why.as_str()),
    }
}

impl Player {
    /// The id of somebody, where they are enrolled.
    pub(super) fn who_is(&self, n: u16) -> TaxpayerId {
        let known = self.stage.taxpayers.get(usize::from(n)).or_else(|| self.newcomers.get(&n));
        known.copied().unwrap_or_else(|| TaxpayerId::from_uuid(uuid::Uuid::nil()))
    }

    pub(super) fn number_of(&self, id: TaxpayerId) -> u16 {
        self.taxpayers.get(&id).copied().unwrap_or(u16::MAX)
    }

    fn typed(&self, number: Number) -> String {
        self.model.people.directory.number(number).1
    }

    pub(super) fn ask(&self, who: Who, affair: &Affair, key: Option<u32>) -> Result<Told, Error> {
        let session = self.stage.session(who, key);
        let identity = session.identity();
        let at = Timestamp::from_micros;
        let talk = |label: u32| self.id(label).unwrap_or_else(|| ConversationId::from_uuid(uuid::Uuid::nil()));
        match *affair {
            Affair::Enrol { newcomer, known } => {
                let rows = [newcomer, known].map(|n| self.model.people.directory.row(n));
                identity.enrol(&rows, &mut |_| self.piece()).map(|done| Told::List(done.changed))
            }
            Affair::FormerNumber { of, number } => {
                let (kind, number) = self.model.people.directory.number(number);
                let row = NewFormerNumber { taxpayer: self.typed(of), kind, number };
                identity.record_former_numbers(&[row], &mut |_| {}).map(|done| Told::List(done.changed))
            }
            Affair::RealName { of, state, level, channel, found_at } => {
                let row = NewRealName {
                    person: self.typed(of),
                    state: word(RealNameState::parse, &STATES, state)?,
                    level: level.map(|level| word(RealNameLevel::parse, &LEVELS, level)).transpose()?,
                    channel: word(CaptureChannel::parse, &CHANNELS.map(|(word, _)| word), channel)?,
                    found_at: at(found_at),
                };
                identity.record_real_names(&[row], &mut |_| {}).map(|done| Told::List(done.changed))
            }
            Affair::Relate { company, role, person, starts_at, ends_at, released } => {
                let row = NewRelation {
                    enterprise: self.typed(company),
                    role: word(Role::parse, &ROLES, role)?,
                    person: self.typed(person),
                    starts_at: at(starts_at),
                    ends_at: ends_at.map(at),
                    released,
                    channel: word(CaptureChannel::parse, &[told_by(released)], 0)?,
                    external_id: None,
                };
                identity.record_relations(&[row], &mut |_| {}).map(|done| Told::List(done.changed))
            }
            Affair::Roster { company, roster, starts_at, ends_at, document: n } => {
                let row = NewRosterEntry {
                    enterprise: self.typed(company),
                    roster: word(Roster::parse, &ROSTERS, roster)?,
                    starts_at: at(starts_at),
                    ends_at: ends_at.map(at),
                    document: document(n),
                };
                identity.record_roster(&[row], &mut |_| {}).map(|done| Told::List(done.changed))
            }
            Affair::BeginImport { .. }
            | Affair::Examine { .. }
            | Affair::ImportRows { .. }
            | Affair::Imported { .. }
            | Affair::Compare { .. }
            | Affair::TakeBack { .. } => self.ask_import(&identity, affair),
            Affair::Release { company, role, person } => {
                let role = word(Role::parse, &ROLES, role)?;
                let (enterprise, person) = (self.who_is(company), self.who_is(person));
                let cmd = ReleaseRelation { enterprise, role, person, reason: REASON.into() };
                identity.release_relation(cmd).wait().map(|done| Told::Released(done.ends_at.micros()))
            }
            Affair::Find { number } => {
                let found = identity.find_by_number(&self.typed(number))?;
                Ok(Told::Whose(found.map(|id| self.number_of(id))))
            }
            Affair::View { of } => identity.view(self.who_is(of)).map(|card| Told::Face(Box::new(self.face(&card)))),
            Affair::Relations { of } => {
                let mut lines: Vec<Line> = identity.relations(self.who_is(of))?.iter().map(|r| self.line(r)).collect();
                // An enterprise's are told by role.
                lines.sort_by_key(newest_first);
                Ok(Told::Relations(lines))
            }
            Affair::Reveal { of, field } => {
                let (taxpayer, field) = (self.who_is(of), word(PersonalField::parse, &FIELDS, field)?);
                let cmd = RevealTaxpayer { taxpayer, field, reason: REASON.into() };
                identity.reveal(cmd).wait().map(|revealed| Told::Revealed(revealed.value))
            }
            Affair::Card { conversation } => {
                let card = identity.card(talk(conversation))?;
                if card.conversation != talk(conversation) || card.relations.windows(2).any(|w| w[0].starts_at < w[1].starts_at) {
                    return Ok(Told::Done(u32::MAX));
                }
                Ok(Told::Card(Box::new(self.card(&card))))
            }
            Affair::RevealOnCard { conversation, of, field } => {
                let (taxpayer, field) = (self.who_is(of), word(PersonalField::parse, &FIELDS, field)?);
                let cmd = RevealOnCard { conversation: talk(conversation), taxpayer, field, reason: REASON.into() };
                identity.reveal_on_card(cmd).wait().map(|revealed| Told::Revealed(revealed.value))
            }
            Affair::TakePhone { phone } => {
                let believes = Believes(Provider::MiniProgram);
                identity.take_phone(&believes, &told_phone(phone)).map(|_| Told::Done(0))
            }
            Affair::Linked => {
                let linked = session.access().linked_identities()?;
                Ok(Told::linked(linked.iter().map(|l| (l.provider.as_str(), l.linked_at.micros())).collect()))
            }
            Affair::Unlink { provider } => {
                session.access().unlink_identity(provider_of(provider)).wait().map(|done| Told::Done(number_of(done.provider)))
            }
        }
    }

    pub(super) fn face(&self, card: &TaxpayerCard) -> Face {
        Face {
            who: self.number_of(card.id),
            company: card.kind == TaxpayerKind::Enterprise,
            name: card.name.to_string(),
            number: card.number.to_string(),
            phone: card.phone.as_ref().map(ToString::to_string),
            county: card.authority.map_or_else(String::new, |code| code.as_str().to_owned()),
        }
    }

    fn line(&self, r: &RelationView) -> Line {
        Line {
            company: self.number_of(r.enterprise),
            company_name: r.enterprise_name.to_string(),
            role: r.role.as_str(),
            person: self.number_of(r.person),
            person_name: r.person_name.to_string(),
            starts_at: r.starts_at.micros(),
            ends_at: r.ends_at.map(Timestamp::micros),
            holds: r.holds,
            released: r.released,
            channel: r.channel.as_str(),
            recorded_at: r.recorded_at.micros(),
        }
    }

    fn holder(&self, h: &CardHolder) -> Holder {
        Holder { who: h.taxpayer.map(|id| self.number_of(id)), name: fact(&h.name), number: fact(&h.number), phone: fact(&h.phone) }
    }

    fn card(&self, card: &OfficerCard) -> Card {
        let role = |role: Role| ROLES.iter().position(|word| *word == role.as_str()).unwrap_or(usize::MAX);
        let acting = |o: &CardOfficer| Acting {
            role: role(o.role),
            since: o.starts_at.map(Timestamp::micros),
            known: o.known.as_ref().map(|known| (known.source.as_str(), known.recorded_at.micros())),
            holder: self.holder(&o.holder),
        };
        let mut officers: Vec<_> = card.officers.iter().map(acting).collect();
        officers.sort_by_key(|o| (o.role, o.holder.who, o.since));
        let on = |r: &CardRoster| (r.roster.as_str(), r.document.clone(), r.ends_at.map(Timestamp::micros), r.recorded_at.micros());
        let mut rosters: Vec<_> = card.rosters.iter().map(on).collect();
        rosters.sort();
        let mut relations: Vec<Line> = card.relations.iter().map(|r| self.line(r)).collect();
        relations.sort_by_key(newest_first);
        Card {
            person: self.holder(&card.person),
            state: fact(&card.real_name.state),
            level: card.real_name.level.map(RealNameLevel::as_str),
            channel: fact(&card.real_name.channel),
            enterprise: self.holder(&card.enterprise),
            officers,
            rosters,
            relations,
        }
    }

    /// Whoever was taken back is nobody.
    fn forgotten(&mut self, n: u16) -> Checked<()> {
        let Some(id) = self.newcomers.remove(&n) else { return Ok(()) };
        self.taxpayers.remove(&id);
        let number = self.typed(Number::Own(n));
        match patiently(|| self.core().as_system().identity().find_by_number(&number)).map_err(|e| e.to_string())? {
            None => Ok(()),
            Some(found) => Err(format!("person {n} was taken back and is still {found}")),
        }
    }

    /// Gets to know whom a list enrolled.
    pub(super) fn acquainted(&mut self, deed: &Deed) -> Checked<()> {
        let newcomers = match *deed {
            Deed::People { affair: Affair::Enrol { newcomer, known }, .. } => [newcomer, known],
            Deed::People { affair: Affair::ImportRows { list, .. } | Affair::TakeBack { list, .. }, .. } => {
                [self.model.people.directory.by_import(list); 2]
            }
            _ => return Ok(()),
        };
        for n in newcomers {
            if !self.model.people.is_enrolled(n) {
                self.forgotten(n)?;
                continue;
            }
            if !self.who_is(n).uuid().is_nil() {
                continue;
            }
            let number = self.typed(Number::Own(n));
            let found = patiently(|| self.core().as_system().identity().find_by_number(&number)).map_err(|e| e.to_string())?;
            let id = found.ok_or_else(|| format!("person {n} was enrolled and is not found"))?;
            if self.taxpayers.insert(id, n).is_some() {
                return Err(format!("person {n} was enrolled and is somebody else too"));
            }
            self.newcomers.insert(n, id);
        }
        Ok(())
    }

    /// After a relation was written down or released: the enterprise sees its relations as the model has them, and none
    /// that it saw before is gone.
    pub(super) fn related(&mut self, step: &Step, came: Came) -> Checked<()> {
        let Deed::People { affair, .. } = step.deed else { return Ok(()) };
        let company = match affair {
            Affair::Release { company, .. } => Some(company),
            Affair::Relate { company, .. } => self.model.people.holder(company),
            _ => None,
        };
        let Some(of) = company.filter(|n| came == Came::Done && self.model.people.directory.is_company(*n)) else { return Ok(()) };
        let look =
            Step { deed: Deed::People { who: Who::Taxpayer(of), affair: Affair::Relations { of } }, key: None, strike: None, ..*step };
        let seen = patiently(|| self.ask(Who::Taxpayer(of), &Affair::Relations { of }, None)).map_err(|e| e.to_string())?;
        let should = self.model.take(&look, None);
        if seen != should {
            return Err(format!("after it the relations of {of} are {seen:?}\n  should be {should:?}"));
        }
        let Told::Relations(lines) = seen else { return Ok(()) };
        let bonds: BTreeSet<_> = lines.iter().map(|l| (l.role, l.person, l.starts_at)).collect();
        let before = self.related.insert(of, bonds).unwrap_or_default();
        match before.difference(&self.related[&of]).next() {
            Some(lost) => Err(format!("of {of} the relation {lost:?} is gone")),
            None => Ok(()),
        }
    }

    /// Each number is one taxpayer's: whoever the model says, in use or from before.
    pub(super) fn numbers(&self) -> Checked<()> {
        let system = self.core().as_system();
        let mut texts: Vec<(&str, &str, u16)> = self.model.people.numbers().collect();
        // The same text in two registers is nobody's.
        let twice: BTreeSet<&str> = texts.windows(2).filter(|w| w[0].0 == w[1].0 && w[0].2 != w[1].2).map(|w| w[0].0).collect();
        texts.dedup_by_key(|(text, ..)| *text);
        for (text, kind, n) in texts {
            let found = patiently(|| system.identity().find_by_number(text)).map_err(|e| e.to_string())?.map(|id| self.number_of(id));
            let should = Some(n).filter(|_| !twice.contains(text));
            if found != should {
                return Err(format!("{kind} {text} is the number of {found:?}, should be {should:?}"));
            }
        }
        Ok(())
    }
}

fn newest_first(l: &Line) -> (std::cmp::Reverse<i64>, u16, usize, u16) {
    let role = ROLES.iter().position(|word| *word == l.role).unwrap_or(usize::MAX);
    (std::cmp::Reverse(l.starts_at), l.company, role, l.person)
}
