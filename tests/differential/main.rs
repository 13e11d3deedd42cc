//! The three stores cannot be told apart: the same operations on memory, SQLite and PostgreSQL, with the same
//! clock and the same seed, give the same answers and errors step by step and leave the same rows.

mod people;
mod staff;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use zhengna_core::access::{Actor, AddOfficer, AddPost, Credentials, GrantPost, Permission, Permissions};
use zhengna_core::calendar::Proposed;
use zhengna_core::delivery::SettleDelivery;
use zhengna_core::id::{ConversationId, OfficerId};
use zhengna_core::identity::{PersonalField, RevealTaxpayer};
use zhengna_core::interaction::{Claim, Close, Enter, Leave, MarkRead, OpenLine, Outcome, SendMessage};
use zhengna_core::store::Page;
use zhengna_core::{Error, Session, limits};
use zhengna_tests::faults::lines;
use zhengna_tests::world::{ENGINES, Engine, JILIN_CITY, KUANCHENG, NANGUAN, World, code, person};

const STEPS: usize = 40;
const CASES: u32 = 24;
/// Of sequences that are mostly about people, and mostly about officers: those hash passwords, slowly on purpose.
const CASES_OF_PEOPLE: u32 = 14;
const CASES_OF_STAFF: u32 = 6;
const LOGIN: &str = "22010000";
const PASSWORD: &str = "Xiang-Kan-2026";

/// Who acts: taxpayers and officers by number, right ones and wrong ones.
#[derive(Clone, Copy, Debug)]
enum Who {
    Taxpayer(usize),
    Officer(usize),
    /// The taxpayer of the conversation in question.
    Owner,
    /// The officer who has it.
    Holder,
    Stranger,
    Supervisor,
    IdleHand,
    System,
    /// An enterprise, by its number among the parties.
    Enterprise(usize),
    /// Somebody of another prefecture, who may there what officers and supervisors may.
    Outsider,
}

/// One step. A conversation is named by how many were entered behind it, with one that does not exist at the end.
#[derive(Clone, Debug)]
enum Step {
    Enter(Who, u8),
    Leave(Who, usize, u8),
    Claim(Who, u8),
    Send(Who, usize, u8, u8),
    MarkRead(Who, usize, i64),
    Close(Who, usize, u8),
    Look(Who, usize),
    List(Who, u32),
    Messages(Who, usize, i64),
    Position(Who, usize),
    Waiting(Who),
    Transcript(Who, usize),
    Reveal(Who, usize),
    Advance(u64),
    RunDue,
    SignIn(bool),
    OpenLine(Who, u8),
    AddOfficer(u8),
    AddPost(u8, u8),
    Grant(usize),
    Enrol(usize),
    Deliver(bool),
    Seal,
    People(people::Affair),
    Staff(staff::Deed),
}

fn who() -> impl Strategy<Value = Who> {
    prop_oneof![
        3 => (0..4usize).prop_map(Who::Taxpayer),
        3 => (0..2usize).prop_map(Who::Officer),
        12 => Just(Who::Owner),
        8 => Just(Who::Holder),
        1 => Just(Who::Stranger),
        1 => Just(Who::Supervisor),
        1 => Just(Who::IdleHand),
        1 => Just(Who::System),
    ]
}

/// A key of 0 is none; the few others are used again and again, also with another body.
fn key() -> impl Strategy<Value = u8> {
    prop_oneof![2 => Just(0u8), 3 => 1..3u8]
}

fn which() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0..1usize, 3 => 1..3usize, 1 => 3..9usize]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    collection::vec(step(), STEPS)
}

/// Mostly people, who also talk, so that there are cards; two enterprises are known and somebody is signed in from the start.
fn people() -> impl Strategy<Value = Vec<Step>> {
    let enters = prop_oneof![4 => (0..4usize).prop_map(Who::Taxpayer), 2 => (6..9usize).prop_map(Who::Enterprise)];
    let step = prop_oneof![
        8 => people::affair().prop_map(Step::People),
        1 => enters.prop_map(|w| Step::Enter(w, 0)),
        1 => (0..2usize).prop_map(|n| Step::Claim(Who::Officer(n), 0)),
        1 => step(),
    ];
    let first = [people::Affair::Enrol(6, 7), people::Affair::SignUp, people::Affair::SignIn];
    after(first.map(Step::People).to_vec(), collection::vec(step, STEPS))
}

/// Mostly officers and what they decide; two have passwords from the start.
fn staff() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => staff::deed().prop_map(Step::Staff),
        3 => (1..120u64).prop_map(Step::Advance),
        1 => (1..1900u64).prop_map(Step::Advance),
    ];
    let first = [0, 1].map(|officer| Step::Staff(staff::Deed::SetPassword(officer, 0)));
    after(first.to_vec(), collection::vec(step, STEPS))
}

fn after(first: Vec<Step>, rest: impl Strategy<Value = Vec<Step>>) -> impl Strategy<Value = Vec<Step>> {
    rest.prop_map(move |rest| [first.clone(), rest].concat())
}

fn step() -> impl Strategy<Value = Step> {
    let taxpayer = || (0..4usize).prop_map(Who::Taxpayer);
    let officer = || (0..2usize).prop_map(Who::Officer);
    let holder = || prop_oneof![5 => Just(Who::Holder), 1 => officer()];
    prop_oneof![
        6 => (taxpayer(), key()).prop_map(|(w, k)| Step::Enter(w, k)),
        1 => (who(), key()).prop_map(|(w, k)| Step::Enter(w, k)),
        2 => (who(), which(), key()).prop_map(|(w, c, k)| Step::Leave(w, c, k)),
        5 => (officer(), key()).prop_map(|(w, k)| Step::Claim(w, k)),
        1 => (who(), key()).prop_map(|(w, k)| Step::Claim(w, k)),
        8 => (who(), which(), key(), 0..3u8).prop_map(|(w, c, k, t)| Step::Send(w, c, k, t)),
        3 => (who(), which(), 0..5i64).prop_map(|(w, c, n)| Step::MarkRead(w, c, n)),
        2 => (holder(), which(), key()).prop_map(|(w, c, k)| Step::Close(w, c, k)),
        1 => (who(), which(), key()).prop_map(|(w, c, k)| Step::Close(w, c, k)),
        1 => (who(), which()).prop_map(|(w, c)| Step::Look(w, c)),
        2 => (who(), 1..5u32).prop_map(|(w, n)| Step::List(w, n)),
        1 => (who(), which(), 0..3i64).prop_map(|(w, c, n)| Step::Messages(w, c, n)),
        1 => (who(), which()).prop_map(|(w, c)| Step::Position(w, c)),
        1 => who().prop_map(Step::Waiting),
        1 => (who(), which()).prop_map(|(w, c)| Step::Transcript(w, c)),
        1 => (who(), 0..6usize).prop_map(|(w, n)| Step::Reveal(w, n)),
        3 => (1..1900u64).prop_map(Step::Advance),
        3 => Just(Step::RunDue),
        1 => any::<bool>().prop_map(Step::SignIn),
        1 => (who(), key()).prop_map(|(w, k)| Step::OpenLine(w, k)),
        1 => (0..3u8).prop_map(Step::AddOfficer),
        1 => (0..3u8, key()).prop_map(|(n, k)| Step::AddPost(n, k)),
        1 => (0..2usize).prop_map(Step::Grant),
        1 => (0..9usize).prop_map(Step::Enrol),
        1 => any::<bool>().prop_map(Step::Deliver),
        1 => Just(Step::Seal),
        4 => people::affair().prop_map(Step::People),
    ]
}

/// A world and what its players have learned.
struct Play {
    world: World,
    conversations: Vec<ConversationId>,
    /// Per conversation, in the same order.
    owners: Vec<Who>,
    holders: Vec<Option<usize>>,
    outsider: OfficerId,
    /// Of the officers who sign in.
    desks: [staff::Desk; 2],
    taxpayers_token: Option<String>,
    proposals: Vec<Proposed>,
}

/// Anything an operation may answer, as text.
fn told<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    format!("{answer:?}")
}

/// Answers that have no `Debug`, because they carry what no log may see.
fn written<T: serde::Serialize>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(answer) => serde_json::to_string(&answer).unwrap(),
        Err(e) => format!("{e:?}"),
    }
}

impl Play {
    fn on(engine: Engine) -> Self {
        let world = World::new(engine);
        let officer = world.session_of(world.officers[0]);
        world.core.as_system().access().set_password(officer.actor().as_ref(), LOGIN, PASSWORD).unwrap();
        let may = [
            Permission::ServeTaxpayers,
            Permission::RevealPersonalData,
            Permission::ManageRelations,
            Permission::ProposeCalendar,
            Permission::ApproveCalendar,
        ];
        let outsider = world.appoint("22020001", JILIN_CITY, &may);
        let (owners, holders, proposals) = (Vec::new(), Vec::new(), Vec::new());
        Self { world, conversations: Vec::new(), owners, holders, outsider, desks: Default::default(), taxpayers_token: None, proposals }
    }

    fn as_(&self, who: Who, key: u8) -> Session {
        self.about(who, 0, key)
    }

    /// Who, where a conversation is in question.
    fn about(&self, who: Who, which: usize, key: u8) -> Session {
        let world = &self.world;
        let place = self.place(which);
        let session = match who {
            Who::Owner => return self.as_(place.map_or(Who::Taxpayer(0), |p| self.owners[p]), key),
            Who::Enterprise(n) => world.core.as_actor(Actor::Taxpayer(self.party(n))),
            Who::Outsider => world.session_of(self.outsider),
            Who::Holder => world.officer(place.and_then(|p| self.holders[p]).unwrap_or(0)),
            Who::Taxpayer(n) => world.taxpayer(n),
            Who::Officer(n) => world.officer(n),
            Who::Stranger => world.session_of(world.stranger),
            Who::Supervisor => world.session_of(world.supervisor),
            Who::IdleHand => world.session_of(world.idle_hand),
            Who::System => world.core.as_actor(Actor::System),
        };
        if key == 0 { session } else { session.with_key(&format!("019a0000-0000-7000-8000-00000000000{key}")).unwrap() }
    }

    fn place(&self, which: usize) -> Option<usize> {
        self.conversations.len().checked_sub(which + 1)
    }

    fn conversation(&self, which: usize) -> ConversationId {
        self.place(which).map_or(ConversationId::from_uuid(uuid::Uuid::from_u128(which as u128)), |p| self.conversations[p])
    }

    /// Takes the step and tells everything that came of it.
    fn take(&mut self, step: &Step) -> String {
        let line = self.world.line;
        match step {
            Step::Enter(who, key) => {
                let cmd = Enter { ..self.world.enter() };
                let answer = self.as_(*who, *key).interaction().enter(cmd).wait();
                if let Ok(entered) = &answer
                    && !self.conversations.contains(&entered.conversation)
                {
                    self.conversations.push(entered.conversation);
                    self.owners.push(match who {
                        Who::Taxpayer(_) | Who::Enterprise(_) => *who,
                        _ => self.owners.last().copied().unwrap_or(Who::Taxpayer(0)), // the owner of the last one, again
                    });
                    self.holders.push(None);
                }
                told(answer)
            }
            Step::Leave(who, c, key) => {
                told(self.about(*who, *c, *key).interaction().leave(Leave { conversation: self.conversation(*c) }).wait())
            }
            Step::Claim(who, key) => {
                let answer = self.as_(*who, *key).interaction().claim(Claim { line }).wait();
                if let (Ok(claimed), Who::Officer(n)) = (&answer, who)
                    && let Some(place) = self.conversations.iter().position(|c| *c == claimed.conversation)
                {
                    self.holders[place] = Some(*n);
                }
                told(answer)
            }
            Step::Send(who, c, key, text) => {
                let text = ["您好", "请问怎么填？", "  "][usize::from(*text)].to_owned();
                told(self.about(*who, *c, *key).interaction().send(SendMessage { conversation: self.conversation(*c), text }).wait())
            }
            Step::MarkRead(who, c, number) => told(
                self.about(*who, *c, 0)
                    .interaction()
                    .mark_read(vec![MarkRead { conversation: self.conversation(*c), number: *number }])
                    .wait(),
            ),
            Step::Close(who, c, key) => {
                let cmd = Close { conversation: self.conversation(*c), outcome: Outcome::Resolved, note: Some("已解答".into()) };
                told(self.about(*who, *c, *key).interaction().close(cmd).wait())
            }
            Step::Look(who, c) => told(self.about(*who, *c, 0).interaction().conversation(self.conversation(*c))),
            Step::List(who, limit) => self.list(*who, *limit),
            Step::Messages(who, c, after) => told(self.about(*who, *c, 0).interaction().messages(self.conversation(*c), *after, 3)),
            // On PostgreSQL a read's view of who waits may be a moment old: ask for what is exact only.
            Step::Position(who, c) => match self.about(*who, *c, 0).interaction().position(self.conversation(*c)) {
                Ok(_) => "a position".into(),
                Err(e) => format!("{e:?}"),
            },
            Step::Waiting(who) => told(self.as_(*who, 0).interaction().waiting(line, 3).map(|w| w.first)),
            Step::Transcript(who, c) => written(self.about(*who, *c, 0).interaction().transcript(self.conversation(*c)).wait()),
            Step::Reveal(who, n) => {
                let taxpayer = self.world.taxpayers[*n];
                written(
                    self.as_(*who, 0)
                        .identity()
                        .reveal(RevealTaxpayer { taxpayer, field: PersonalField::Phone, reason: "回访".into() })
                        .wait(),
                )
            }
            Step::Advance(seconds) => {
                self.world.clock.advance(Duration::from_secs(*seconds));
                String::new()
            }
            Step::RunDue => told(self.world.core.run_due(5)),
            Step::SignIn(right) => {
                let password = if *right { PASSWORD } else { "wrong" }.to_owned();
                written(self.world.core.sign_in(&Credentials { login: LOGIN.into(), password }, "r"))
            }
            Step::OpenLine(who, key) => {
                told(self.as_(*who, *key).interaction().open_line(OpenLine { name: "车购税".into(), authority: code(NANGUAN) }).wait())
            }
            Step::AddOfficer(n) => {
                let cmd = AddOfficer { staff_no: format!("2201099{n}"), name: "新人".into(), authority: code(KUANCHENG), capacity: 1 };
                told(self.as_(Who::System, 0).access().add_officer(cmd).wait())
            }
            Step::AddPost(n, key) => {
                let cmd = AddPost { name: format!("岗位{n}"), permissions: Permissions(vec![Permission::ServeTaxpayers]) };
                told(self.as_(Who::System, *key).access().add_post(cmd).wait())
            }
            Step::Grant(n) => {
                let post = zhengna_core::id::PostId::from_uuid(uuid::Uuid::from_u128(7)); // nobody's
                told(
                    self.as_(Who::System, 0)
                        .access()
                        .grant_post(GrantPost { officer: self.world.officers[*n], post, authority: code(NANGUAN), ends_at: None })
                        .wait(),
                )
            }
            Step::Enrol(n) => told(self.as_(Who::System, 0).identity().enrol(&[person(*n), person(n + 5)], &mut |_| {})),
            Step::Deliver(well) => self.deliver(*well),
            Step::People(affair) => self.affair(affair),
            Step::Staff(deed) => self.deed(deed),
            Step::Seal => {
                self.world.seal();
                String::new()
            }
        }
    }

    /// Every page of what somebody may see.
    fn list(&self, who: Who, limit: u32) -> String {
        let (session, mut after, mut all) = (self.as_(who, 0), None, Vec::new());
        loop {
            match session.interaction().conversations(Page { after, limit }) {
                Ok(page) => {
                    let Some(last) = page.last() else { return format!("{all:?}") };
                    after = Some((last.entered_at, last.id.uuid()));
                    all.extend(page);
                }
                Err(e) => return format!("{e:?}"),
            }
        }
    }

    fn deliver(&self, well: bool) -> String {
        let leased = match self.world.core.lease_deliveries(2) {
            Ok(leased) => leased,
            Err(e) => return format!("{e:?}"),
        };
        let error = (!well).then(|| "refused".to_owned());
        let settled: Vec<String> = leased
            .iter()
            .map(|d| told(self.world.core.settle_delivery(SettleDelivery { id: d.id, token: d.token, error: error.clone() })))
            .collect();
        format!("{leased:?} {settled:?}")
    }

    /// What is left at the end: checked, sealed, written down.
    fn end(&self) -> Result<Vec<String>, TestCaseError> {
        prop_assert_eq!(self.world.recount(), Vec::<String>::new());
        prop_assert_eq!(self.world.seal().finding, None);
        self.world.core.checkpoint_audit(true).unwrap();
        prop_assert_eq!(self.world.seal().finding, None);
        Ok(lines(&**self.world.core.store()))
    }
}

fn compare(steps: &[Step], left: Engine, others: &[Engine]) -> Result<(), TestCaseError> {
    let mut first = Play::on(left);
    let mut plays: Vec<(Engine, Play)> = others.iter().map(|e| (*e, Play::on(*e))).collect();
    for (n, step) in steps.iter().enumerate() {
        let expected = first.take(step);
        for (engine, play) in &mut plays {
            prop_assert_eq!(&play.take(step), &expected, "step {} of {}: {:?} on {:?} and {:?}", n, steps.len(), step, engine, left);
        }
    }
    let expected = first.end()?;
    for (engine, play) in &plays {
        let rows = play.end()?;
        for (row, expected) in rows.iter().zip(&expected) {
            prop_assert_eq!(row, expected, "a row on {:?} and {:?}", engine, left);
        }
        prop_assert_eq!(rows.len(), expected.len());
    }
    Ok(())
}

fn run(cases: u32, steps: impl Strategy<Value = Vec<Step>>, test: impl Fn(Vec<Step>) -> Result<(), TestCaseError>) {
    let seed = std::env::var("ZHENGNA_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| {
        use std::hash::{BuildHasher, Hasher};
        std::hash::RandomState::new().build_hasher().finish()
    });
    run_from(seed, cases, steps, test);
}

fn run_from(seed: u64, cases: u32, steps: impl Strategy<Value = Vec<Step>>, test: impl Fn(Vec<Step>) -> Result<(), TestCaseError>) {
    // Bounded: shrinking replays whole worlds. A failure prints the steps that are left, ready to be a test.
    let config = Config { cases, max_shrink_iters: 60, failure_persistence: None, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps, test);
    if let Err(e) = outcome {
        panic!("ZHENGNA_TEST_SEED={seed}\n{e}");
    }
}

#[test]
fn every_engine_gives_the_same_answers_and_keeps_the_same_rows() {
    run(CASES, steps(), |steps| compare(&steps, Engine::Memory, &ENGINES[1..]));
}

#[test]
fn every_engine_says_the_same_of_people() {
    run(CASES_OF_PEOPLE, people(), |steps| compare(&steps, Engine::Memory, &ENGINES[1..]));
}

#[test]
fn every_engine_says_the_same_to_officers_who_sign_in_and_decide() {
    run(CASES_OF_STAFF, staff(), |steps| compare(&steps, Engine::Memory, &ENGINES[1..]));
}

#[test]
fn the_same_seed_gives_the_same_rows_twice() {
    run(CASES / 4, steps(), |steps| compare(&steps, Engine::Memory, &[Engine::Memory]));
}

/// How often steps reach each outcome. About the strategy, so always the same steps; in memory they cost little.
fn outcomes(cases: u32, steps: impl Strategy<Value = Vec<Step>>) -> BTreeMap<&'static str, u32> {
    let seen = RefCell::new(BTreeMap::<&str, u32>::new());
    run_from(1, cases, steps, |steps| {
        let mut play = Play::on(Engine::Memory);
        for step in &steps {
            let answer = play.take(step);
            let saw = |what| *seen.borrow_mut().entry(what).or_default() += 1;
            match (step, answer.starts_with("Ok")) {
                (Step::Enter(..), true) => saw("entered"),
                (Step::Claim(..), true) => saw("claimed"),
                (Step::Send(..), true) => saw("sent"),
                (Step::Close(..), true) => saw("closed"),
                (Step::Leave(..), true) => saw("left"),
                (Step::MarkRead(..), true) => saw("read"),
                (_, false) if answer.contains("KeyReused") => saw("key reused"),
                (_, false) if answer.contains("AtCapacity") => saw("at capacity"),
                (_, false) if answer.contains("NotFound") => saw("not found"),
                (_, false) if answer.contains("Denied") => saw("denied"),
                (Step::RunDue, true) if answer != "Ok(0)" => saw("fell due"),
                _ => {}
            }
            let told = match step {
                Step::People(affair) => Play::reached(affair, &answer),
                Step::Staff(deed) => Play::settled(deed, &answer),
                _ => None,
            };
            told.into_iter().for_each(saw);
        }
        Ok(())
    });
    seen.into_inner()
}

fn reach(seen: &BTreeMap<&str, u32>, wanted: &[&str]) {
    for wanted in wanted {
        assert!(seen.get(wanted).copied().unwrap_or(0) >= 3, "{wanted} hardly ever happens: {seen:?}");
    }
}

/// The steps above do reach every outcome that matters: a property over nothing but refusals would prove little.
#[test]
fn the_steps_are_not_all_refused() {
    let wanted = ["entered", "claimed", "sent", "closed", "left", "read", "key reused", "not found", "denied", "fell due"];
    reach(&outcomes(8 * CASES, steps()), &wanted);
    assert!(limits::CONVERSATION_IDLE <= Duration::from_secs(1900), "a clock step can pass the idle limit");
}

#[test]
fn the_steps_about_people_are_not_all_refused() {
    let wanted = [
        "enrolled",
        "known already",
        "former number",
        "number of somebody else",
        "verified",
        "session ended by a verification",
        "older than known",
        "related",
        "nobody known by a number",
        "on a roster",
        "released",
        "released already",
        "card with a relation",
        "revealed on a card",
        "imported",
        "taken back",
        "import in use",
        "attempt over",
    ];
    reach(&outcomes(10 * CASES_OF_PEOPLE, people()), &wanted);
}

#[test]
fn the_steps_of_officers_are_not_all_refused() {
    let wanted = [
        "locked",
        "second factor needed",
        "wrong password",
        "signed in",
        "second factor shown",
        "second factor enrolled",
        "password changed",
        "proposed",
        "approved",
        "own proposal",
        "something else than was read",
        "rejected",
    ];
    reach(&outcomes(6 * CASES_OF_STAFF, staff()), &wanted);
}
