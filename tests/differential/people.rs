//! People and enterprises: lists that outside systems send, imports, relations, and what officers are shown.

use proptest::prelude::*;
use rand_core::SeedableRng as _;
use zhengna_core::access::{Account, Actor, AssertedRelation, Assertion, Credentials, Once, Proof, Provider, VerifiedPerson};
use zhengna_core::crypto::{KeyRing, Rng};
use zhengna_core::error::Refusal;
use zhengna_core::grid::AssignGridOfficer;
use zhengna_core::id::TaxpayerId;
use zhengna_core::identity::{
    BeginImport, CaptureChannel, ErasePerson, ExportPerson, ImportBegun, ImportRow, NewFormerNumber, NewRealName, NewRelation,
    NewRosterEntry, NewTaxpayer, NumberKind, PersonalField, RealNameLevel, RealNameState, ReleaseRelation, RevealOnCard, RevealTaxpayer,
    Role, Roster,
};
use zhengna_core::{Error, Timestamp};
use zhengna_tests::provider::{Believes, Says};
use zhengna_tests::world::{KUANCHENG, code, company, listed, person, start};

use crate::{Play, Who, key, told, which, who, written};

/// Somebody: six taxpayers of the world, then three enterprises, then persons who may come later, the last by an import.
type Party = usize;
const BY_IMPORT: Party = 12;
const COMPANIES: std::ops::Range<usize> = 6..9;
/// Keys of one step: fewer than there are.
const WRAPPED_ANEW: usize = 5;

/// A number as it is typed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Typed {
    InUse(Party),
    Former(usize),
    Malformed,
}

#[derive(Clone, Debug)]
pub(crate) enum Affair {
    Enrol(Party, Party),
    FormerNumber(Typed, Typed),
    RealName(Typed, RealNameState, Option<RealNameLevel>, i64),
    /// From so many hours ago, for so many hours.
    Relate(Typed, Role, Typed, i64, Option<i64>, bool),
    Roster(Typed, Roster, i64, Option<i64>, u8),
    Find(Who, Typed),
    Release(Who, Party, Role, Party, u8),
    View(Who, Party),
    Relations(Who, Party),
    GridOfficer(Who, Party, Option<usize>, u8),
    GridOfficers(Who, Party),
    Reveal(Who, Party, PersonalField),
    Card(Who, usize),
    /// Of somebody, or of whoever talks.
    RevealOnCard(Who, usize, Option<Party>, PersonalField),
    BeginImport(u8, u8),
    Examine(u8),
    /// Rows of a list, at which attempt.
    Import(u8, i64),
    Imported(u8, i64),
    TakeBack(u8, i64),
    Compare(u8, i64),
    /// What is kept of somebody.
    Export(Party),
    /// Somebody is erased; and what is kept of them then.
    Erase(Party),
    /// The keys get another epoch, and some of what an older one wraps is wrapped anew.
    Rotate,
    /// Which epoch wraps how much, and whether all that is sealed is whole.
    Whole,
    /// The first taxpayer gets a password.
    SignUp,
    SignIn,
    /// Somebody comes through a provider.
    Come(Door),
    /// A session that began so, by how many began behind it.
    Use(usize),
    Linked(Who),
    Unlink(Who, Provider),
    TakePhone(Who, u8),
}

/// What a provider says of whoever comes through it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Door {
    provider: Provider,
    account: u8,
    /// Who they are, how surely, since when.
    person: Option<(Party, RealNameLevel, i64)>,
    /// Which ticket they hold, and until when.
    once: Option<(u8, i64)>,
    /// Whether the account that was refused last is theirs too.
    link: bool,
}

const LOGIN: &str = "13800000000";
const PASSWORD: &str = "Xiang-Kan-2026";

fn typed() -> impl Strategy<Value = Typed> {
    prop_oneof![
        12 => (0..12usize).prop_map(Typed::InUse),
        3 => (0..6usize).prop_map(Typed::Former),
        1 => Just(Typed::Malformed),
    ]
}

fn typed_person() -> impl Strategy<Value = Typed> {
    prop_oneof![12 => (0..3usize).prop_map(Typed::InUse), 3 => Just(Typed::InUse(BY_IMPORT)), 1 => typed()]
}

fn typed_company() -> impl Strategy<Value = Typed> {
    prop_oneof![12 => (6..8usize).prop_map(Typed::InUse), 1 => typed()]
}

fn role() -> impl Strategy<Value = Role> {
    // Few, so that the same relation comes again and is released.
    prop_oneof![6 => Just(Role::TaxHandler), 2 => Just(Role::LegalRepresentative), 1 => Just(Role::TaxAgent)]
}

/// Hours from the start of the test; few, so that the same start comes again.
fn hours() -> impl Strategy<Value = i64> {
    prop_oneof![Just(-48i64), Just(-24), Just(-1), Just(0), Just(24)]
}

pub(crate) fn affair() -> impl Strategy<Value = Affair> {
    let party = || 0..13usize;
    let field = || prop::sample::select(PersonalField::ALL);
    let list = || prop_oneof![2 => Just(0u8), 5 => Just(1), 1 => Just(2)];
    let attempt = || prop_oneof![5 => Just(1i64), 2 => Just(2)];
    let level = || prop::option::weighted(0.6, prop::sample::select(RealNameLevel::ALL));
    let length = || prop::option::weighted(0.4, prop_oneof![Just(0i64), Just(12), Just(48), Just(1000)]);
    prop_oneof![
        3 => (6..13usize, party()).prop_map(|(a, b)| Affair::Enrol(a, b)),
        2 => (typed(), typed()).prop_map(|(a, b)| Affair::FormerNumber(a, b)),
        4 => (typed_person(), prop::sample::select(RealNameState::ALL), level(), hours())
            .prop_map(|(p, s, l, h)| Affair::RealName(p, s, l, h)),
        9 => (typed_company(), role(), typed_person(), hours(), length(), any::<bool>())
            .prop_map(|(c, r, p, h, l, released)| Affair::Relate(c, r, p, h, l, released)),
        2 => (typed_company(), prop::sample::select(Roster::ALL), hours(), length(), 0..3u8)
            .prop_map(|(c, r, h, l, d)| Affair::Roster(c, r, h, l, d)),
        1 => (who(), typed()).prop_map(|(w, n)| Affair::Find(w, n)),
        1 => typed().prop_map(|n| Affair::Find(Who::System, n)),
        14 => (releaser(), 6..8usize, role(), 0..3usize, key()).prop_map(|(w, c, r, p, k)| Affair::Release(w, c, r, p, k)),
        1 => (who(), party(), role(), party(), key()).prop_map(|(w, c, r, p, k)| Affair::Release(w, c, r, p, k)),
        2 => (asker(), party()).prop_map(|(w, p)| Affair::View(w, p)),
        3 => (asker(), party()).prop_map(|(w, p)| Affair::Relations(w, p)),
        3 => (asker(), party(), prop::option::weighted(0.8, 0..3usize), key()).prop_map(|(w, p, o, k)| Affair::GridOfficer(w, p, o, k)),
        2 => (asker(), party()).prop_map(|(w, p)| Affair::GridOfficers(w, p)),
        1 => (asker(), party(), field()).prop_map(|(w, p, f)| Affair::Reveal(w, p, f)),
        7 => (holder(), which()).prop_map(|(w, c)| Affair::Card(w, c)),
        3 => (holder(), which(), prop::option::of(party()), field()).prop_map(|(w, c, p, f)| Affair::RevealOnCard(w, c, p, f)),
        5 => (list(), key()).prop_map(|(l, k)| Affair::BeginImport(l, k)),
        1 => list().prop_map(Affair::Examine),
        6 => (list(), attempt()).prop_map(|(l, a)| Affair::Import(l, a)),
        1 => (list(), attempt()).prop_map(|(l, a)| Affair::Imported(l, a)),
        9 => (list(), attempt()).prop_map(|(l, a)| Affair::TakeBack(l, a)),
        4 => (list(), attempt()).prop_map(|(l, a)| Affair::Compare(l, a)),
        1 => party().prop_map(Affair::Export),
        1 => party().prop_map(Affair::Erase),
        1 => Just(Affair::Rotate),
        1 => Just(Affair::Whole),
        1 => Just(Affair::SignIn),
    ]
}

/// What comes of providers, and what else says who somebody is.
pub(crate) fn visit() -> impl Strategy<Value = Affair> {
    let provider = || prop::sample::select(Provider::ALL);
    prop_oneof![
        16 => door().prop_map(Affair::Come),
        3 => (0..4usize).prop_map(Affair::Use),
        3 => (0..3usize).prop_map(|n| Affair::Linked(Who::Taxpayer(n))),
        4 => ((0..3usize).prop_map(Who::Taxpayer), provider()).prop_map(|(w, p)| Affair::Unlink(w, p)),
        1 => (asker(), provider()).prop_map(|(w, p)| Affair::Unlink(w, p)),
        3 => (asker(), 0..4u8).prop_map(|(w, n)| Affair::TakePhone(w, n)),
        1 => (0..3usize, prop::sample::select(RealNameState::ALL), hours())
            .prop_map(|(p, s, h)| Affair::RealName(Typed::InUse(p), s, (s == RealNameState::Verified).then_some(RealNameLevel::Face), h)),
        1 => Just(Affair::SignIn),
        2 => affair(),
    ]
}

fn door() -> impl Strategy<Value = Door> {
    let provider = prop::sample::select(vec![Provider::MiniProgram, Provider::Portal, Provider::ElectronicTaxBureau]);
    let party = prop_oneof![8 => 0..3usize, 2 => 9..12usize, 1 => 6..7usize];
    let level = prop_oneof![3 => Just(RealNameLevel::Face), 1 => prop::sample::select(RealNameLevel::ALL)];
    let person = prop::option::weighted(0.6, (party, level, hours()));
    let once = prop::option::weighted(0.3, (0..3u8, hours()));
    (provider, 0..3u8, person, once, any::<bool>()).prop_map(|(provider, account, person, once, link)| Door {
        provider,
        account,
        person,
        once,
        link,
    })
}

fn asker() -> impl Strategy<Value = Who> {
    prop_oneof![
        2 => (0..4usize).prop_map(Who::Taxpayer),
        2 => COMPANIES.prop_map(Who::Enterprise),
        1 => Just(Who::Officer(0)),
        2 => Just(Who::Supervisor),
        1 => Just(Who::Outsider),
        1 => who(),
    ]
}

fn releaser() -> impl Strategy<Value = Who> {
    prop_oneof![
        4 => Just(Who::Supervisor),
        1 => (0..3usize).prop_map(Who::Taxpayer),
        1 => (6..8usize).prop_map(Who::Enterprise),
        1 => Just(Who::Outsider),
    ]
}

fn holder() -> impl Strategy<Value = Who> {
    prop_oneof![4 => Just(Who::Holder), 2 => Just(Who::Officer(0)), 4 => Just(Who::Supervisor), 1 => Just(Who::Outsider), 1 => who()]
}

fn row(party: Party) -> NewTaxpayer {
    match party {
        BY_IMPORT => person(20),
        _ if COMPANIES.contains(&party) => company(party),
        _ => person(party),
    }
}

fn number(typed: Typed) -> (NumberKind, String) {
    match typed {
        Typed::InUse(party) => (if COMPANIES.contains(&party) { NumberKind::Uscc } else { NumberKind::ResidentId }, row(party).number),
        // The same digits in two registers, among them.
        Typed::Former(n) => match n % 3 {
            0 => (NumberKind::Passport, format!("H1234567{n}")),
            1 => (NumberKind::TaxpayerNo, format!("220102M1234567{n}")),
            _ => (NumberKind::HongKongMacaoPermit, format!("H1234567{}", n - 2)),
        },
        Typed::Malformed => (NumberKind::ResidentId, "220102199001011235".into()),
    }
}

/// A list of an import: new ones, known ones that differ, one broken, one number on two lines, ids somebody else has.
fn list(n: u8) -> Vec<NewTaxpayer> {
    let renamed = NewTaxpayer { name: format!("改名{n}"), ..person(0) };
    let moved = NewTaxpayer { authority: code(KUANCHENG), phone: None, ..person(1) };
    let fresh = NewTaxpayer { external_id: Some(format!("旧{n}")), synthetic: false, ..person(20) };
    let broken = NewTaxpayer { number: number(Typed::Malformed).1, ..person(21) };
    match n {
        0 => vec![fresh, person(3), renamed, broken, NewTaxpayer { phone: Some("13900000001".into()), ..person(20) }, company(6)],
        1 => vec![fresh, moved, person(22)],
        _ => {
            vec![renamed, NewTaxpayer { external_id: Some("旧0".into()), ..person(23) }, NewTaxpayer { name: String::new(), ..person(24) }]
        }
    }
}

fn hour(n: i64) -> Timestamp {
    Timestamp::from_micros(start().micros() + n * 3_600_000_000)
}

impl Door {
    fn says(self) -> Says {
        let acts = |n: Party| AssertedRelation {
            enterprise: row(n).number,
            role: Role::TaxHandler,
            starts_at: hour(-48),
            ends_at: (n == 7).then(|| hour(24)),
            released: n == 7,
        };
        let person = self.person.map(|(party, level, since)| VerifiedPerson {
            // The phone is somebody else's too.
            phone: person(party + usize::from(self.account)).phone,
            level,
            verified_at: hour(since),
            authority: (self.account == 1).then(|| code(KUANCHENG)),
            relations: if self.account == 2 { vec![acts(6), acts(7)] } else { Vec::new() },
            name: row(party).name,
            number_kind: NumberKind::ResidentId,
            number: row(party).number,
        });
        let account = Account { app_id: "app".into(), user_id: format!("user {}", self.account) };
        let once = self.once.map(|(n, until)| Once { id: format!("ticket {n}"), expires_at: hour(until) });
        Says(self.provider, Assertion { account, once, person })
    }
}

impl Play {
    fn come(&mut self, door: Door) -> String {
        let link = self.link.clone().filter(|_| door.link);
        let answer = self.world.core.sign_in_with(&door.says(), &Proof { proof: "code".into(), link }, "r");
        match &answer {
            Ok(session) => self.came.push(session.token.clone()),
            Err(Error::Refused(Refusal::NotLinked(ticket))) => self.link = Some(ticket.0.clone()),
            Err(_) => {}
        }
        let (came, link) = (self.came.len(), self.link.as_deref().unwrap_or_default().to_owned());
        let of_all = self.came.iter().map(|token| self.world.core.authenticate(token).is_ok()).collect::<Vec<_>>();
        format!("{} {came} {of_all:?} {link}", written(answer))
    }

    /// The id of somebody, or one that nobody has.
    pub(crate) fn party(&self, party: Party) -> TaxpayerId {
        let found = self.world.core.as_system().identity().find_by_number(&row(party).number).expect("reads");
        found.unwrap_or_else(|| TaxpayerId::from_uuid(uuid::Uuid::from_u128(party as u128)))
    }

    fn stands(&self) -> bool {
        self.taxpayers_token.as_ref().is_some_and(|token| self.world.core.authenticate(token).is_ok())
    }

    pub(crate) fn affair(&mut self, affair: &Affair) -> String {
        let signed_in = self.stands();
        if let Affair::SignIn = affair {
            let typed = Credentials { login: LOGIN.into(), password: PASSWORD.into() };
            let answer = self.world.core.sign_in(&typed, "r");
            self.taxpayers_token = answer.as_ref().ok().map(|session| session.token.clone());
            return written(answer);
        }
        if let Affair::Come(door) = affair {
            return self.come(*door);
        }
        let answer = self.asked(affair);
        if signed_in && !self.stands() { format!("{answer}, and a session ended") } else { answer }
    }

    fn asked(&self, affair: &Affair) -> String {
        let as_ = |who: &Who, key: u8| self.as_(*who, key);
        let system = self.as_(Who::System, 0);
        let lists = system.identity();
        let of = |list: u8, attempt: i64| ImportBegun { batch: [list; 32], attempt };
        let rows = |n: u8, attempt: i64| -> Vec<ImportRow> {
            list(n).iter().zip(2..).map(|(row, line)| ImportRow { of: of(n, attempt), line, said: listed(row) }).collect()
        };
        match affair {
            Affair::Enrol(a, b) => told(lists.enrol(&[row(*a), row(*b)], &mut |_| {})),
            Affair::FormerNumber(whose, former) => {
                let (kind, number) = (number(*former), number(*whose).1);
                let row = NewFormerNumber { taxpayer: number, kind: kind.0, number: kind.1 };
                told(lists.record_former_numbers(&[row], &mut |_| {}))
            }
            Affair::RealName(person, state, level, found) => {
                let channel = CaptureChannel::ElectronicTaxBureau;
                let row = NewRealName { person: number(*person).1, state: *state, level: *level, channel, found_at: hour(*found) };
                told(lists.record_real_names(&[row], &mut |_| {}))
            }
            Affair::Relate(company, role, person, from, length, released) => {
                let row = NewRelation {
                    enterprise: number(*company).1,
                    role: *role,
                    person: number(*person).1,
                    starts_at: hour(*from),
                    ends_at: length.map(|length| hour(from + length)),
                    released: *released,
                    channel: CaptureChannel::Register,
                    external_id: None,
                };
                told(lists.record_relations(&[row], &mut |_| {}))
            }
            Affair::Roster(company, roster, from, length, document) => {
                let row = NewRosterEntry {
                    enterprise: number(*company).1,
                    roster: *roster,
                    starts_at: hour(*from),
                    ends_at: length.map(|length| hour(from + length)),
                    document: format!("吉税发〔2026〕{document}号"),
                };
                told(lists.record_roster(&[row], &mut |_| {}))
            }
            Affair::Find(who, typed) => told(as_(who, 0).identity().find_by_number(&number(*typed).1)),
            Affair::Release(who, company, role, person, key) => {
                let (enterprise, person) = (self.party(*company), self.party(*person));
                let cmd = ReleaseRelation { enterprise, role: *role, person, reason: "离职".into() };
                told(as_(who, *key).identity().release_relation(cmd).wait())
            }
            Affair::View(who, party) => told(as_(who, 0).identity().view(self.party(*party))),
            Affair::GridOfficer(who, party, officer, key) => {
                let staff_no = officer.map(|n| format!("22010{n:03}"));
                let cmd = AssignGridOfficer { taxpayer: self.party(*party), staff_no, reason: "分配".into() };
                told(as_(who, *key).grid().assign(cmd).wait())
            }
            Affair::GridOfficers(who, party) => told(as_(who, 0).grid().officers(self.party(*party))),
            Affair::Relations(who, party) => told(as_(who, 0).identity().relations(self.party(*party))),
            Affair::Reveal(who, party, field) => {
                let cmd = RevealTaxpayer { taxpayer: self.party(*party), field: *field, reason: "回访".into() };
                written(as_(who, 0).identity().reveal(cmd).wait())
            }
            Affair::Card(who, c) => told(self.about(*who, *c, 0).identity().card(self.conversation(*c))),
            Affair::RevealOnCard(who, c, party, field) => {
                let conversation = self.conversation(*c);
                let taxpayer = match (party, self.about(Who::Owner, *c, 0).actor()) {
                    (Some(party), _) => self.party(*party),
                    (None, Actor::Taxpayer(id)) => *id,
                    (None, _) => self.party(0),
                };
                let cmd = RevealOnCard { conversation, taxpayer, field: *field, reason: "核对".into() };
                written(self.about(*who, *c, 0).identity().reveal_on_card(cmd).wait())
            }
            Affair::BeginImport(n, key) => {
                let cmd = BeginImport { batch: [*n; 32], name: format!("名单{n}"), rows: list(*n).len() as i64, given: None };
                told(self.as_(Who::System, *key).identity().begin_import(cmd).wait())
            }
            Affair::Examine(n) => told(lists.examine_import(&rows(*n, 1), &mut |_| {})),
            Affair::Import(n, attempt) => told(lists.import(&rows(*n, *attempt), &mut |_| {})),
            Affair::Imported(n, attempt) => {
                format!("{} {}", told(lists.imported_rows(of(*n, *attempt), 2, 3)), told(lists.import_attempt([*n; 32])))
            }
            Affair::SignUp => told(system.access().set_password(self.world.taxpayer(0).actor().as_ref(), LOGIN, PASSWORD)),
            Affair::SignIn | Affair::Come(_) => String::new(),
            Affair::Use(behind) => {
                let token = self.came.iter().rev().nth(*behind).map_or("", String::as_str);
                told(self.world.core.authenticate(token).map(|caller| caller.actor.as_ref()))
            }
            Affair::Linked(who) => written(as_(who, 0).access().linked_identities()),
            Affair::Unlink(who, provider) => told(as_(who, 0).access().unlink_identity(*provider).wait()),
            Affair::TakePhone(who, n) => {
                let code = ["13900000001", "13900000002", "x", ""][usize::from(*n)];
                told(as_(who, 0).identity().take_phone(&Believes(Provider::MiniProgram), code))
            }
            Affair::TakeBack(n, attempt) => told(lists.take_back_import(of(*n, *attempt), &mut |_| {})),
            Affair::Compare(n, attempt) => told(lists.compare_import(&rows(*n, *attempt), &mut |_| {})),
            Affair::Rotate => {
                let keys = &self.world.core.settings().keys;
                let mut later = KeyRing::from_text(&keys.to_text()).expect("keys as they were written");
                let rotated = later.rotate(&mut Rng::seed_from_u64(7)).and_then(|_| keys.renew(later));
                format!("{rotated:?} {}", told(lists.rewrap_keys(WRAPPED_ANEW, &mut |_| {})))
            }
            Affair::Whole => format!("{} {}", told(lists.key_epochs()), told(lists.verify_sealed(|_| {}))),
            Affair::Export(party) => self.exported(self.party(*party)),
            Affair::Erase(party) => {
                let person = self.party(*party);
                let erased = lists.erase_person(ErasePerson { person, reason: "本人要求".into() }).wait();
                format!("{} {}", told(erased), self.exported(person))
            }
        }
    }

    fn exported(&self, person: TaxpayerId) -> String {
        let asked = ExportPerson { person, reason: "本人要求".into() };
        written(self.as_(Who::System, 0).identity().export_person(asked, &mut |_| {}))
    }

    /// Names what an affair reached, for the test that looks whether the steps reach anything.
    pub(crate) fn reached(affair: &Affair, answer: &str) -> Option<&'static str> {
        let changed = answer.starts_with("Ok") && !answer.contains("changed: 0");
        let refused = |word: &str| answer.contains(word);
        match affair {
            Affair::Enrol(..) if changed => Some("enrolled"),
            Affair::Enrol(..) if answer.starts_with("Ok") => Some("known already"),
            Affair::FormerNumber(..) if changed => Some("former number"),
            Affair::FormerNumber(..) if refused("Taken") => Some("number of somebody else"),
            Affair::RealName(..) if refused("a session ended") => Some("session ended by a verification"),
            Affair::RealName(_, RealNameState::Verified, ..) if changed => Some("verified"),
            Affair::RealName(..) if answer.starts_with("Ok") => Some("older than known"),
            Affair::Relate(..) if changed => Some("related"),
            Affair::Relate(..) if refused("Unknown") => Some("nobody known by a number"),
            Affair::Roster(..) if changed => Some("on a roster"),
            Affair::Release(..) if answer.starts_with("Ok") => Some("released"),
            Affair::Release(..) if refused("RelationOver") => Some("released already"),
            Affair::Card(..) if answer.starts_with("Ok") && answer.contains("holds: true") => Some("card with a relation"),
            Affair::RevealOnCard(..) if !refused("NotFound") && !refused("Denied") => Some("revealed on a card"),
            Affair::Import(..) if changed => Some("imported"),
            Affair::TakeBack(..) if changed && !answer.contains("rows: 0") => Some("taken back"),
            Affair::TakeBack(..) if refused("ImportInUse") => Some("import in use"),
            Affair::Compare(..) if answer.starts_with("Ok") && !answer.contains("differing: []") => Some("kept otherwise than listed"),
            Affair::Compare(..) if answer.starts_with("Ok") && !answer.contains("rows: 0") => Some("kept as listed"),
            Affair::Rotate if !refused("changed: 0") => Some("wrapped anew"),
            Affair::Whole if refused("finding: None") => Some("whole"),
            Affair::Export(..) if answer.contains("\"erased\":false") => Some("exported"),
            Affair::Erase(..) if answer.contains("\"erased\":true") => Some("erased"),
            Affair::Import(..) if refused("ImportTakenBack") => Some("attempt over"),
            Affair::Come(Door { person: Some(_), link: true, .. }) if refused("\"token\"") => Some("came verified, with another account"),
            Affair::Come(Door { person: Some(_), .. }) if refused("\"token\"") => Some("came verified"),
            Affair::Come(_) if refused("\"token\"") => Some("came through a linked account"),
            Affair::Come(_) if refused("NotLinked") => Some("came unknown"),
            Affair::Come(_) if refused("Spent") => Some("came with a used ticket"),
            Affair::Come(_) if refused("ChallengeOver") => Some("came too late to link"),
            Affair::Come(_) if refused("Misconfigured") => Some("said what cannot be"),
            Affair::Use(_) if answer.starts_with("Ok") => Some("used a session from a provider"),
            Affair::Linked(_) if refused("linked_at") => Some("saw linked accounts"),
            Affair::Unlink(..) if answer.starts_with("Ok") => Some("unlinked"),
            Affair::Unlink(..) if refused("NotFound") => Some("nothing to unlink"),
            Affair::TakePhone(..) if answer.starts_with("Ok") => Some("phone taken"),
            _ => None,
        }
    }
}
