//! The three stores cannot be told apart: the same operations on memory, SQLite and PostgreSQL, with the same
//! clock and the same seed, give the same answers and errors step by step and leave the same rows.

mod appeal;
mod approval;
mod desk;
mod people;
mod staff;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use zhengna_core::access::{Actor, AddOfficer, AddPost, Credentials, GrantPost, Permission, Permissions};
use zhengna_core::approval::Opened;
use zhengna_core::delivery::SettleDelivery;
use zhengna_core::id::{AppealId, ConversationId, LineId, OfficerId};
use zhengna_core::identity::{PersonalField, RevealTaxpayer};
use zhengna_core::interaction::{
    AnswerFollowUp, Claim, Claimed, Close, DeleteCannedReply, DeleteOwnCannedReply, Enter, Entered, ExportFormat, ExportReviewed,
    ExportTranscript, FindCannedReplies, FollowUpsAsked, Grade, Leave, MarkRead, OpenLine, Outcome, PutCannedReply, PutOwnCannedReply,
    Rate, Recall, Revisit, RevisitFollowUp, Search, SendMessage, Wanted,
};
use zhengna_core::store::Page;
use zhengna_core::{Core, Error, Session, limits};
use zhengna_tests::faults::lines;
use zhengna_tests::world::{CHANGCHUN, ENGINES, Engine, JILIN_CITY, KUANCHENG, Keep, NANGUAN, World, code, person, settle};

const STEPS: usize = 40;
const CASES: u32 = 24;
/// Of sequences that are mostly about people, and mostly about officers: those have long sequences.
const CASES_OF_PEOPLE: u32 = 14;
const CASES_OF_STAFF: u32 = 6;
const CASES_OF_VISITS: u32 = 14;
/// Of those about appeals.
const CASES_OF_APPEALS: u32 = 10;
/// Of those about what officers do beside answering.
const CASES_OF_DESKS: u32 = 14;
/// Of those who decide.
const CASES_OF_APPROVAL: u32 = 14;
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
    /// Supervises, and serves taxpayers.
    Joiner,
    IdleHand,
    System,
    /// An enterprise, by its number among the parties.
    Enterprise(usize),
    /// Somebody of another prefecture, who may there what officers and supervisors may.
    Outsider,
    Administrator,
    Security,
    /// Of those who decide, by number.
    Decider(usize),
    /// Handles appeals of the prefecture; so does officer 1, who belongs to a unit below.
    Chief,
}

/// One step. A conversation is named by how many were entered behind it, with one that does not exist at the end.
#[derive(Clone, Debug)]
enum Step {
    Enter(Who, u8),
    Leave(Who, usize, u8),
    Claim(Who, u8),
    Send(Who, usize, u8, u8),
    Quote(Who, usize, i64),
    Recall(Who, usize, u8, i64),
    Search(Who, usize),
    Rate(Who, usize, u8, bool),
    Rating(Who, usize),
    FollowUps(Who),
    Answer(Who, usize, u8),
    Revisit(Who, usize, usize),
    Canned(Who, usize, u8),
    Export(Who, usize, bool),
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
    Approval(approval::Deed),
    Appeal(appeal::Deed),
    Desk(desk::Deed),
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

/// Mostly people who come through providers; one has a password from the start.
fn visits() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => people::visit().prop_map(Step::People),
        1 => (1..1900u64).prop_map(Step::Advance),
        1 => (0..3usize).prop_map(|n| Step::Enter(Who::Taxpayer(n), 0)),
    ];
    let first = [people::Affair::Enrol(6, 7), people::Affair::SignUp, people::Affair::SignIn];
    after(first.map(Step::People).to_vec(), collection::vec(step, STEPS))
}

/// Mostly appeals, and conversations for them to be about.
fn appeals() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => appeal::deed().prop_map(Step::Appeal),
        2 => ((0..4usize).prop_map(Who::Taxpayer), key()).prop_map(|(w, k)| Step::Enter(w, k)),
        2 => ((0..2usize).prop_map(Who::Officer), key()).prop_map(|(w, k)| Step::Claim(w, k)),
        1 => (1..120u64).prop_map(Step::Advance),
        2 => step(),
    ];
    collection::vec(step, STEPS)
}

/// Mostly what officers do with conversations beside answering, and conversations for it; what falls due is run often. One person has two, an officer has the
/// first of them.
fn desks() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        16 => desk::deed().prop_map(Step::Desk),
        2 => ((0..2usize).prop_map(Who::Taxpayer), key()).prop_map(|(w, k)| Step::Enter(w, k)),
        4 => ((0..2usize).prop_map(Who::Officer), key()).prop_map(|(w, k)| Step::Claim(w, k)),
        3 => (prop_oneof![3 => Just(Who::Owner), 2 => Just(Who::Holder), 1 => Just(Who::Joiner)], which(), key(), 0..2u8)
            .prop_map(|(w, c, k, t)| Step::Send(w, c, k, t)),
        2 => (1..200u64).prop_map(Step::Advance),
        2 => Just(Step::RunDue),
        1 => step(),
    ];
    let first = vec![Step::Enter(Who::Taxpayer(0), 0), Step::Claim(Who::Officer(0), 0), Step::Desk(desk::Deed::Enter(Who::Taxpayer(0), 0))];
    after(first, collection::vec(step, STEPS))
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

/// What is put forward and what becomes of it, days passing. Some matters ask for more from the start than one vote.
fn approvals() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        16 => approval::deed().prop_map(Step::Approval),
        20 => staff::decision().prop_map(Step::Staff),
        2 => (1..3600u64).prop_map(Step::Advance),
        1 => (1..30u64).prop_map(|days| Step::Advance(days * 86_400)),
    ];
    after(approval::first(), collection::vec(step, STEPS))
}

fn after(first: Vec<Step>, rest: impl Strategy<Value = Vec<Step>>) -> impl Strategy<Value = Vec<Step>> {
    rest.prop_map(move |rest| [first.clone(), rest].concat())
}

fn step() -> impl Strategy<Value = Step> {
    let taxpayer = || (0..4usize).prop_map(Who::Taxpayer);
    let officer = || (0..2usize).prop_map(Who::Officer);
    let holder = || prop_oneof![5 => Just(Who::Holder), 1 => officer()];
    let supervisor = || prop_oneof![5 => Just(Who::Supervisor), 1 => officer(), 1 => Just(Who::Stranger)];
    prop_oneof![
        6 => (taxpayer(), key()).prop_map(|(w, k)| Step::Enter(w, k)),
        1 => (who(), key()).prop_map(|(w, k)| Step::Enter(w, k)),
        2 => (who(), which(), key()).prop_map(|(w, c, k)| Step::Leave(w, c, k)),
        5 => (officer(), key()).prop_map(|(w, k)| Step::Claim(w, k)),
        1 => (who(), key()).prop_map(|(w, k)| Step::Claim(w, k)),
        8 => (who(), which(), key(), 0..3u8).prop_map(|(w, c, k, t)| Step::Send(w, c, k, t)),
        3 => (who(), which(), 0..5i64).prop_map(|(w, c, n)| Step::MarkRead(w, c, n)),
        2 => (who(), which(), 0..4i64).prop_map(|(w, c, n)| Step::Quote(w, c, n)),
        2 => (who(), which(), key(), 0..4i64).prop_map(|(w, c, k, n)| Step::Recall(w, c, k, n)),
        2 => (holder(), which(), key()).prop_map(|(w, c, k)| Step::Close(w, c, k)),
        1 => (who(), which(), key()).prop_map(|(w, c, k)| Step::Close(w, c, k)),
        1 => (who(), which()).prop_map(|(w, c)| Step::Look(w, c)),
        2 => (who(), 1..5u32).prop_map(|(w, n)| Step::List(w, n)),
        1 => (who(), which(), 0..3i64).prop_map(|(w, c, n)| Step::Messages(w, c, n)),
        1 => (who(), which()).prop_map(|(w, c)| Step::Position(w, c)),
        1 => who().prop_map(Step::Waiting),
        1 => (who(), which()).prop_map(|(w, c)| Step::Transcript(w, c)),
        1 => (who(), 0..3usize).prop_map(|(w, t)| Step::Search(w, t)),
        3 => (who(), which(), key(), any::<bool>()).prop_map(|(w, c, k, low)| Step::Rate(w, c, k, low)),
        1 => (who(), which()).prop_map(|(w, c)| Step::Rating(w, c)),
        1 => supervisor().prop_map(Step::FollowUps),
        2 => (supervisor(), which(), key()).prop_map(|(w, c, k)| Step::Answer(w, c, k)),
        2 => (supervisor(), which(), 0..3usize).prop_map(|(w, c, r)| Step::Revisit(w, c, r)),
        2 => (supervisor(), 0..6usize, key()).prop_map(|(w, n, k)| Step::Canned(w, n, k)),
        1 => (who(), which(), any::<bool>()).prop_map(|(w, c, r)| Step::Export(w, c, r)),
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
    deciders: Vec<OfficerId>,
    learned: approval::Learned,
    chief: OfficerId,
    joiner: OfficerId,
    second_line: LineId,
    appeals: Vec<AppealId>,
    /// Of the officers who sign in.
    desks: [staff::Desk; 2],
    taxpayers_token: Option<String>,
    /// Sessions that began through a provider, and what stands for the account that was refused last.
    came: Vec<String>,
    link: Option<String>,
    proposals: Vec<Opened>,
}

/// Anything an operation may answer, as text.
fn told<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    format!("{answer:?}")
}

/// Answers whose `Debug` shows not all, because they carry what no log may see.
fn written<T: serde::Serialize>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(answer) => format!("Ok({})", serde_json::to_string(&answer).unwrap()),
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
            Permission::TakeEmergencyPost,
        ];
        let outsider = world.appoint("22020001", JILIN_CITY, &may);
        let deciders = approval::deciders(&world);
        let chief = world.appoint("22010991", CHANGCHUN, &[Permission::HandleAppeals]);
        let joiner = world.appoint("22010992", NANGUAN, &[Permission::SuperviseInteraction, Permission::ServeTaxpayers]);
        let second_line = OpenLine::new("发票", code(NANGUAN));
        let second_line = world.core.as_system().interaction().open_line(second_line).wait().unwrap().line;
        let handling = AddPost { name: "投诉处理".into(), permissions: Permissions(vec![Permission::HandleAppeals]) };
        let access = world.core.as_system();
        let post = access.access().add_post(handling).wait().unwrap().post;
        let below = GrantPost { officer: world.officers[1], post, authority: code(CHANGCHUN), ends_at: None };
        access.access().grant_post(below).wait().unwrap();
        Self {
            world,
            conversations: Vec::new(),
            owners: Vec::new(),
            holders: Vec::new(),
            outsider,
            deciders,
            learned: Default::default(),
            chief,
            joiner,
            second_line,
            appeals: Vec::new(),
            desks: Default::default(),
            taxpayers_token: None,
            came: Vec::new(),
            link: None,
            proposals: Vec::new(),
        }
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
            Who::Administrator => world.session_of(world.administrator),
            Who::Security => world.session_of(world.security),
            Who::Decider(n) => world.session_of(self.deciders[n]),
            Who::Chief => world.session_of(self.chief),
            Who::Joiner => world.session_of(self.joiner),
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

    fn learn_entered(&mut self, who: Who, answer: Result<Entered, Error>) -> String {
        if let Ok(entered) = &answer
            && !self.conversations.contains(&entered.conversation)
        {
            self.conversations.push(entered.conversation);
            self.owners.push(match who {
                Who::Taxpayer(_) | Who::Enterprise(_) => who,
                _ => self.owners.last().copied().unwrap_or(Who::Taxpayer(0)), // the owner of the last one, again
            });
            self.holders.push(None);
        }
        written(answer)
    }

    fn learn_claimed(&mut self, who: Who, answer: Result<Claimed, Error>) -> String {
        if let (Ok(claimed), Who::Officer(n)) = (&answer, who)
            && let Some(place) = self.conversations.iter().position(|c| *c == claimed.conversation)
        {
            self.holders[place] = Some(n);
        }
        written(answer)
    }

    /// Takes the step and tells everything that came of it.
    fn take(&mut self, step: &Step) -> String {
        let line = self.world.line;
        match step {
            Step::Enter(who, key) => {
                let cmd = Enter { ..self.world.enter() };
                let answer = self.as_(*who, *key).interaction().enter(cmd).wait();
                self.learn_entered(*who, answer)
            }
            Step::Leave(who, c, key) => {
                written(self.about(*who, *c, *key).interaction().leave(Leave { conversation: self.conversation(*c) }).wait())
            }
            Step::Claim(who, key) => {
                let answer = self.as_(*who, *key).interaction().claim(Claim { line }).wait();
                self.learn_claimed(*who, answer)
            }
            Step::Send(who, c, key, text) => {
                let text = ["您好", "请问怎么填？", "  "][usize::from(*text)].to_owned();
                written(self.about(*who, *c, *key).interaction().send(SendMessage::new(self.conversation(*c), text)).wait())
            }
            Step::Quote(who, c, number) => {
                let cmd = SendMessage { quotes: Some(*number), ..SendMessage::new(self.conversation(*c), "引用") };
                written(self.about(*who, *c, 0).interaction().send(cmd).wait())
            }
            Step::Recall(who, c, key, number) => {
                let cmd = Recall { conversation: self.conversation(*c), number: *number };
                written(self.about(*who, *c, *key).interaction().recall(cmd).wait())
            }
            Step::Search(who, text) => {
                let text = ["您好", "请问", "不"][*text].to_owned();
                written(self.as_(*who, 0).interaction().search(Search { text, place: None, limit: Some(5) }))
            }
            Step::Export(who, c, reviewed) => {
                let (conversation, format, session) = (self.conversation(*c), ExportFormat::Json, self.about(*who, *c, 0));
                let exported = match reviewed {
                    true => session.interaction().export_reviewed(ExportReviewed { conversation, format, reason: "质检".into() }),
                    false => session.interaction().export_transcript(ExportTranscript { conversation, format }),
                };
                written(exported.wait())
            }
            Step::Rate(who, c, key, low) => {
                let (grade, reasons) = if *low { (Grade::Dissatisfied, vec!["slow".into()]) } else { (Grade::Satisfied, Vec::new()) };
                let cmd = Rate { conversation: self.conversation(*c), grade, reasons, comment: low.then(|| "太慢".into()) };
                written(self.about(*who, *c, *key).interaction().rate(cmd).wait())
            }
            Step::Rating(who, c) => written(self.about(*who, *c, 0).interaction().rating(self.conversation(*c))),
            Step::FollowUps(who) => written(
                self.as_(*who, 0).interaction().follow_ups(FollowUpsAsked::default(), Page { after: None, limit: 50 }).map(|f| f.items),
            ),
            Step::Answer(who, c, key) => {
                let cmd = AnswerFollowUp::new(self.conversation(*c), "已说明");
                written(self.about(*who, *c, *key).interaction().answer_follow_up(cmd).wait())
            }
            Step::Revisit(who, c, heard) => {
                let revisit = Revisit::ALL[*heard];
                let cmd = RevisitFollowUp { conversation: self.conversation(*c), revisit, note: "电话回访".into() };
                written(self.about(*who, *c, 0).interaction().revisit_follow_up(cmd).wait())
            }
            Step::Canned(who, n, key) => self.canned(*who, *n, *key),
            Step::MarkRead(who, c, number) => written(
                self.about(*who, *c, 0)
                    .interaction()
                    .mark_read(vec![MarkRead { conversation: self.conversation(*c), number: *number }])
                    .wait(),
            ),
            Step::Close(who, c, key) => {
                let cmd = Close { conversation: self.conversation(*c), outcome: Outcome::Resolved, note: Some("已解答".into()) };
                written(self.about(*who, *c, *key).interaction().close(cmd).wait())
            }
            Step::Look(who, c) => written(self.about(*who, *c, 0).interaction().conversation(self.conversation(*c))),
            Step::List(who, limit) => self.list(*who, *limit),
            Step::Messages(who, c, after) => written(self.about(*who, *c, 0).interaction().messages(self.conversation(*c), *after, 3)),
            // On PostgreSQL a read's view of who waits may be a moment old: ask for what is exact only.
            Step::Position(who, c) => match self.about(*who, *c, 0).interaction().position(self.conversation(*c)) {
                Ok(_) => "a position".into(),
                Err(e) => format!("{e:?}"),
            },
            Step::Waiting(who) => written(self.as_(*who, 0).interaction().waiting(line, 3).map(|w| w.first)),
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
            Step::RunDue => written(self.world.core.run_due(5)),
            Step::SignIn(right) => {
                let password = if *right { PASSWORD } else { "wrong" }.to_owned();
                written(self.world.core.sign_in(&Credentials { login: LOGIN.into(), password }, "r"))
            }
            Step::OpenLine(who, key) => {
                written(self.as_(*who, *key).interaction().open_line(OpenLine::new("车购税", code(NANGUAN))).wait())
            }
            Step::AddOfficer(n) => {
                let cmd = AddOfficer { staff_no: format!("2201099{n}"), name: "新人".into(), authority: code(KUANCHENG), capacity: 1 };
                written(self.as_(Who::System, 0).access().add_officer(cmd).wait())
            }
            Step::AddPost(n, key) => {
                let cmd = AddPost { name: format!("岗位{n}"), permissions: Permissions(vec![Permission::ServeTaxpayers]) };
                written(self.as_(Who::System, *key).access().add_post(cmd).wait())
            }
            Step::Grant(n) => {
                let post = zhengna_core::id::PostId::from_uuid(uuid::Uuid::from_u128(7)); // nobody's
                written(
                    self.as_(Who::System, 0)
                        .access()
                        .grant_post(GrantPost { officer: self.world.officers[*n], post, authority: code(NANGUAN), ends_at: None })
                        .wait(),
                )
            }
            Step::Enrol(n) => written(self.as_(Who::System, 0).identity().enrol(&[person(*n), person(n + 5)], &mut |_| {})),
            Step::Deliver(well) => self.deliver(*well),
            Step::People(affair) => self.affair(affair),
            Step::Staff(deed) => self.deed(deed),
            Step::Approval(deed) => self.approval(deed),
            Step::Appeal(deed) => self.appeals(deed),
            Step::Desk(deed) => self.at_desk(deed),
            Step::Seal => {
                self.until_all_can_be_sealed();
                self.world.seal();
                String::new()
            }
        }
    }

    /// What is sealed on PostgreSQL ends before the oldest transaction of the whole cluster. If that is another test's, sealing takes more
    /// calls, and those behind it get other ids.
    fn until_all_can_be_sealed(&self) {
        let Keep::Database(database) = &self.world.keep else { return };
        let client = RefCell::new(postgres::Client::connect(database.url(), postgres::NoTls).unwrap());
        let held_up =
            "SELECT count(*) FROM audit_record WHERE xid >= CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS TEXT) AS BIGINT)";
        let ask = |_: &Core| client.borrow_mut().query_one(held_up, &[]).unwrap().get::<_, i64>(0);
        assert_eq!(settle(&self.world.core, ask, |held_up| *held_up == 0), 0, "somebody's transaction does not end");
    }

    /// Writes, changes, deletes or lists canned replies; of those that are listed the first is in question.
    fn canned(&self, who: Who, n: usize, key: u8) -> String {
        let (session, asked) = (self.as_(who, key), FindCannedReplies { find: None, limit: 5 });
        let interaction = session.interaction();
        let listed = if n.is_multiple_of(2) { interaction.managed_canned_replies(asked) } else { interaction.canned_replies(asked) };
        let first = listed.as_ref().ok().and_then(|l| l.first()).map(|r| r.id);
        let (topic, text) = ("个税".to_owned(), format!("第{n}句"));
        let done = match (n, first) {
            (0 | 2, _) => {
                written(interaction.put_canned_reply(PutCannedReply { reply: first, authority: code(NANGUAN), topic, text }).wait())
            }
            (1 | 3, _) => written(interaction.put_own_canned_reply(PutOwnCannedReply { reply: None, topic, text }).wait()),
            (4, Some(reply)) => written(interaction.delete_canned_reply(DeleteCannedReply { reply }).wait()),
            (_, Some(reply)) => written(interaction.delete_own_canned_reply(DeleteOwnCannedReply { reply }).wait()),
            (_, None) => String::new(),
        };
        format!("{} {done}", written(listed))
    }

    /// Every page of what somebody may see.
    fn list(&self, who: Who, limit: u32) -> String {
        let (session, mut after, mut all) = (self.as_(who, 0), None, Vec::new());
        loop {
            match session.interaction().conversations(Page { after, limit }, Wanted::default()) {
                Ok(page) => {
                    all.extend(page.items);
                    after = page.after;
                    if after.is_none() {
                        return written(Ok(all));
                    }
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
            .map(|d| written(self.world.core.settle_delivery(SettleDelivery { id: d.id, token: d.token, error: error.clone() })))
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
fn every_engine_says_the_same_to_whoever_comes_through_a_provider() {
    run(CASES_OF_VISITS, visits(), |steps| compare(&steps, Engine::Memory, &ENGINES[1..]));
}

#[test]
fn every_engine_says_the_same_to_officers_who_sign_in_and_decide() {
    run(CASES_OF_STAFF, staff(), |steps| compare(&steps, Engine::Memory, &ENGINES[1..]));
}

#[test]
fn every_engine_says_the_same_to_those_who_decide() {
    run(CASES_OF_APPROVAL, approvals(), |steps| compare(&steps, Engine::Memory, &ENGINES[1..]));
}

#[test]
fn every_engine_says_the_same_of_appeals() {
    run(CASES_OF_APPEALS, appeals(), |steps| compare(&steps, Engine::Memory, &ENGINES[1..]));
}

#[test]
fn every_engine_says_the_same_of_what_is_done_beside_answering() {
    run(CASES_OF_DESKS, desks(), |steps| compare(&steps, Engine::Memory, &ENGINES[1..]));
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
                Step::Approval(deed) => Play::decided(deed, &answer),
                Step::Appeal(deed) => Play::appealed(deed, &answer),
                Step::Desk(deed) => Play::came_to(deed, &answer),
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
fn the_steps_about_appeals_are_not_all_refused() {
    let wanted = [
        "about an officer",
        "about an authority",
        "about nobody yet",
        "some listed",
        "read",
        "answered",
        "answered already",
        "no such appeal",
    ];
    reach(&outcomes(20 * CASES_OF_APPEALS, appeals()), &wanted);
}

#[test]
fn the_steps_beside_answering_are_not_all_refused() {
    let wanted = [
        "held",
        "held for too long",
        "resumed",
        "joined",
        "supervises only, or serves only",
        "stepped out",
        "whispered",
        "warned",
        "asked",
        "asked nobody",
        "heard",
        "parallel",
        "merged",
        "not to be merged",
        "a colleague's",
        "not offered",
        "transferred",
    ];
    reach(&outcomes(20 * CASES_OF_DESKS, desks()), &wanted);
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
        "kept as listed",
        "exported",
        "erased",
        "wrapped anew",
        "whole",
    ];
    reach(&outcomes(20 * CASES_OF_PEOPLE, people()), &wanted);
}

#[test]
fn the_steps_through_providers_are_not_all_refused() {
    let wanted = [
        "came verified, with another account",
        "came verified",
        "came through a linked account",
        "came unknown",
        "came with a used ticket",
        "came too late to link",
        "said what cannot be",
        "used a session from a provider",
        "saw linked accounts",
        "unlinked",
        "nothing to unlink",
        "phone taken",
    ];
    reach(&outcomes(6 * CASES_OF_VISITS, visits()), &wanted);
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
    reach(&outcomes(9 * CASES_OF_STAFF, staff()), &wanted);
}

#[test]
fn the_steps_of_those_who_decide_are_not_all_refused() {
    let wanted = [
        "put forward",
        "another kind of account",
        "waits already",
        "withdrawn",
        "executed",
        "not theirs to carry out",
        "delegated",
        "would unite what stays apart",
        "delegation ended",
        "taken in an emergency",
        "grant ended",
        "asked for many",
        "asked for the same again",
        "shown",
        "not shown before it is approved",
        "left for good",
        "approved",
        "own proposal",
        "rejected",
        "voted already",
    ];
    reach(&outcomes(30 * CASES_OF_APPROVAL, approvals()), &wanted);
}
