//! The authorisation matrix: every route, by callers of every kind, session, post and place, on objects in every state.
//!
//! What is expected comes from the operation table and from what this module gave its callers; core is never asked. A cell
//! that is refused must leave the database as it was, to the last value of its last row.

mod case;
mod people;
mod samples;
mod scene;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use zhengna_core::access::Permission;
use zhengna_core::operation::{Caller, OPERATIONS, Operation, Reach};
use zhengna_core::store::{Row, Table};

pub use people::{Person, SessionState, Who};
pub use sweep::Swept;

use crate::world::{CHANGCHUN, World};
use case::{About, Case, Object};
use people::Staff;
use scene::Scene;

/// A route, as the host declares it.
#[derive(Clone, Debug)]
pub struct Route {
    /// Method.
    pub method: String,
    /// Path with `{parameters}`.
    pub path: String,
    /// Operation id.
    pub id: &'static str,
    /// The row it is declared with.
    pub operation: &'static Operation,
}

/// How much of the matrix is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Every cell.
    Whole,
    /// Objects of one authority; callers who hold what the operation needs, or are special, and one in so many of the others.
    Sampled(u64),
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// No good session.
    Session,
    /// Something has to be done first.
    Duty,
    /// Another kind of caller.
    Kind,
    /// No post that allows it.
    Post,
    /// The object is not theirs.
    Reach,
    /// There is no such object.
    Missing,
    /// The object, or the caller, is in a state that does not allow it.
    State,
}

/// The answer to who may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: Why,
    /// Status.
    pub status: u16,
    /// Code.
    pub code: &'static str,
}

/// Refuses.
fn refuse(why: Why, status: u16, code: &'static str) -> Option<Refusal> {
    Some(Refusal { why, status, code })
}

/// A host to drive.
pub struct Target<'a> {
    /// `http://address`.
    pub base: String,
    /// What is in it.
    pub world: &'a World,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body; text where it is not JSON.
    pub body: Value,
}

impl Answer {
    /// The code of a problem.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// Speaks HTTP over connections that stay open.
pub struct Wire {
    base: String,
    agent: ureq::Agent,
    keys: std::cell::Cell<u64>,
}

impl Wire {
    /// To a host.
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(20)));
        Self { base: base.to_owned(), agent: config.build().into(), keys: std::cell::Cell::new(0) }
    }

    /// One call, with a fresh idempotency key.
    ///
    /// # Errors
    /// The host did not answer.
    pub fn call(&self, world: &World, method: &str, path: &str, token: Option<&str>, body: &Value) -> Result<Answer, String> {
        // The world's clock stands still; rates would never refill.
        world.clock.advance(Duration::from_millis(50));
        self.keys.set(self.keys.get() + 1);
        let key = format!("019a0000-0000-7000-9000-{:012x}", self.keys.get());
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base)).header("idempotency-key", key);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let told = |e: &dyn std::fmt::Display| format!("{method} {path} was not answered: {e}");
        // A text is a file.
        let (bytes, kind) = match body {
            Value::Null => (Vec::new(), None),
            Value::String(file) => (file.clone().into_bytes(), Some("application/octet-stream")),
            json => (json.to_string().into_bytes(), Some("application/json")),
        };
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        let request = request.body(bytes).map_err(|e| told(&e))?;
        let mut response = self.agent.run(request).map_err(|e| told(&e))?;
        let status = response.status().as_u16();
        let stream = response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        let text = if stream { String::new() } else { response.body_mut().read_to_string().map_err(|e| told(&e))? };
        Ok(ended(status, &text))
    }
}

/// What was answered: of lines of JSON the last one says how it ended.
pub fn ended(status: u16, text: &str) -> Answer {
    let body = || serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    let last = text.lines().last().filter(|_| text.ends_with('\n')).and_then(|line| serde_json::from_str::<Value>(line).ok());
    match last {
        Some(line) if line["done"].is_object() => Answer { status, body: line["done"].clone() },
        Some(line) if line["problem"].is_object() => Answer {
            status: line["problem"]["status"].as_u64().and_then(|s| u16::try_from(s).ok()).unwrap_or(500),
            body: line["problem"].clone(),
        },
        _ => Answer { status, body: body() },
    }
}

/// A hash of the whole database: a row at a time, it need not fit.
pub fn hash_of_rows(world: &World) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let sum = Arc::new(Mutex::new(DefaultHasher::new()));
    let put = sum.clone();
    let each = move |table: &Table, row: Row| (table.name, row).hash(&mut *put.lock().unwrap_or_else(PoisonError::into_inner));
    zhengna_core::store::dump::rows(&**world.core.store(), each).expect("every row can be read");
    sum.lock().unwrap_or_else(PoisonError::into_inner).finish()
}

/// What was driven.
#[derive(Clone, Debug, Default)]
pub struct Matrix {
    /// Cells.
    pub cells: u64,
    /// Those that were refused.
    pub refused: u64,
    /// Those that were admitted.
    pub admitted: u64,
    /// How often the whole database was compared.
    pub compared: u64,
    /// Routes.
    pub routes: usize,
    /// Callers.
    pub callers: usize,
    /// Refused cells by why.
    pub by_why: BTreeMap<Why, u64>,
    /// Identifiers.
    pub swept: Swept,
    /// Every cell as a line of CSV, behind a heading.
    pub csv: String,
}

/// Operations that everybody may call before they are anybody: there is nobody to compare. What they refuse is in
/// hosts/server/tests/staff.rs and providers.rs.
const OPEN: [&str; 3] = ["access.sign_in", "access.confirm_sign_in", "access.sign_in_with_provider"];

/// Routes that nobody is admitted to here, and why that is proved elsewhere.
const NEVER_ADMITTED: [(&str, &str); 3] = [
    ("journal.follow", "it answers with a stream: hosts/server/tests/live.rs"),
    ("access.sign_out", "it would end the session of a caller that is still needed: http.rs, staff.rs"),
    ("access.unlink_identity", "nobody here has an account at a provider: providers.rs"),
];

/// Routes whose callers who are admitted give a wrong code or password: to be asked is all they may. Whoever gives the right one is in
/// hosts/server/tests/staff.rs.
const NEVER_DONE: [&str; 3] = ["access.change_password", "access.confirm_factor", "access.remove_factor"];

/// Routes that are answered alike in whatever state their object is.
const IN_ANY_STATE: [(&str, &str); 17] = [
    ("appeal.read", "what was answered is read as what was not"),
    ("identity.card", "who was served is seen as long as the conversation is"),
    ("identity.reveal_on_card", "the same"),
    ("interaction.conversation", "a conversation is read, by whoever may, for as long as it is kept"),
    ("interaction.messages", "the same"),
    ("interaction.transcript", "the same"),
    ("interaction.position", "of a conversation that does not wait it says so"),
    ("interaction.mark_read", "what was said last is read after the end, too"),
    ("interaction.typing", "it tells whoever is there, and nobody is"),
    ("interaction.review", "what is over is what is reviewed"),
    ("interaction.assignments", "the same"),
    ("interaction.whispers", "what was said beside it stays with whoever had it"),
    ("interaction.parallel", "what else the taxpayer has is not over, whatever became of this one"),
    ("interaction.waiting", "an empty line is shown as empty"),
    ("interaction.export_transcript", "a conversation is taken away by whoever may read it, whenever"),
    ("interaction.export_reviewed", "the same"),
    ("interaction.rating", "it says that there is none yet, and until when there may be"),
];

/// Operations that change what their caller may do: driven last.
const LAST: [&str; 1] = ["access.take_emergency_post"];

/// What the caller is told, by the row of the table and by what was given to the caller.
fn refusal(operation: &Operation, caller: &Person, object: &Object) -> Option<Refusal> {
    let kind = match caller.who {
        Who::Nobody => Caller::Anonymous,
        Who::Taxpayer(_) => Caller::Taxpayer,
        Who::Officer(_) => Caller::Officer,
    };
    match caller.session {
        SessionState::Good | SessionState::PasswordDuty | SessionState::FactorDuty => {}
        _ => return refuse(Why::Session, 401, "access.sign_in_required"),
    }
    if !operation.callers.contains(&kind) {
        return refuse(Why::Kind, 403, "access.denied");
    }
    let always = ["access.me", "access.sign_out"];
    match caller.session {
        SessionState::PasswordDuty if !always.contains(&operation.name) && operation.name != "access.change_password" => {
            return refuse(Why::Duty, 403, "access.password_change_needed");
        }
        SessionState::FactorDuty
            if !always.contains(&operation.name) && !["access.enrol_factor", "access.confirm_factor"].contains(&operation.name) =>
        {
            return refuse(Why::Duty, 403, "access.second_factor_required");
        }
        _ => {}
    }
    if let (Who::Officer(_), Some(permission)) = (caller.who, operation.permission)
        && !caller.may(permission)
    {
        return refuse(Why::Post, 403, "access.denied");
    }
    let (status, code) = object.beyond;
    match &object.about {
        About::Nothing => {}
        About::Missing => return refuse(Why::Missing, status, code),
        About::Object(terms) => {
            let reached = operation.reach.iter().any(|reach| match (reach, caller.who) {
                (Reach::Public, _) => terms.public,
                (Reach::Participant, Who::Taxpayer(id)) => terms.participants.contains(&id),
                (Reach::Assigned, Who::Officer(id)) => terms.assigned == Some(id),
                (Reach::Subtree, Who::Officer(_)) => match (operation.permission, terms.authority) {
                    (Some(permission), Some(authority)) => caller.may_at(permission, authority),
                    _ => false,
                },
                _ => false,
            });
            if !reached || caller.is_kept_out(terms) {
                return refuse(Why::Reach, status, code);
            }
        }
    }
    (object.rule)(caller)
}

/// Furnishes a world for the matrix and drives all of it.
///
/// # Errors
/// Says which cells were answered otherwise than they should be, which changed what they may not, or what is not covered.
pub fn drive(target: &Target<'_>, routes: &[Route], document: &Value, extent: Extent) -> Result<Matrix, String> {
    let world = target.world;
    declared(routes)?;
    people::grow(world);
    let staff = Staff::new(world);
    let expired = people::expiring(&staff);
    let old = scene::to_expire(world, &staff);
    world.clock.advance(Duration::from_secs(31 * 86_400));
    let people = people::furnish(world, &staff, expired);
    let scene = Scene::new(world, &staff, people, old);
    let wire = Wire::new(&target.base);
    let heading = "operation,route,caller,post,place,session,object,expected,answered\n".to_owned();
    let mut matrix = Matrix { csv: heading, routes: routes.len(), callers: scene.people().len(), ..Matrix::default() };
    let (mut covered, mut wrong) = (Coverage::default(), Vec::new());
    match sweep::sweep(&wire, &scene, routes, document) {
        Ok(swept) => matrix.swept = swept,
        Err(broken) => wrong.push(broken),
    }
    scene.tidy();
    let (first, last): (Vec<&Route>, Vec<&Route>) = routes.iter().partition(|r| !LAST.contains(&r.id));
    for route in first.into_iter().chain(last).filter(|r| !OPEN.contains(&r.id)) {
        let mut cases = scene.cases(route.id).ok_or_else(|| format!("the matrix has no sample for {}: add one to samples.rs", route.id))?;
        // A sample has the objects of one authority; callers lie around it on every side all the same.
        cases.retain(|case| extent == Extent::Whole || !case.name.ends_with(CHANGCHUN));
        Driver { wire: &wire, scene: &scene, route, extent }.route(&cases, &mut matrix, &mut covered, &mut wrong)?;
        if wrong.len() > SHOWN {
            break; // a hole is as wide as that in one route: enough is known
        }
        scene.tidy();
    }
    told(&wrong)?;
    covered.complete(routes)?;
    Ok(matrix)
}

/// Each operation has a route, or is the host's own.
fn declared(routes: &[Route]) -> Result<(), String> {
    let named: BTreeSet<&str> = routes.iter().map(|r| r.operation.name).collect();
    let lost = OPERATIONS.iter().find(|o| !named.contains(o.name) && o.callers.iter().any(|c| *c != Caller::System));
    lost.map_or(Ok(()), |o| Err(format!("{} is for people, and no route leads to it", o.name)))
}

struct Driver<'a> {
    wire: &'a Wire,
    scene: &'a Scene<'a>,
    route: &'a Route,
    extent: Extent,
}

/// A cell to be driven.
struct Cell<'a> {
    case: &'a Case<'a>,
    person: &'a Person,
    object: &'a Object,
    refused: Option<Refusal>,
}

impl Driver<'_> {
    fn chosen(&self, case: &str, person: &Person) -> bool {
        let Extent::Sampled(one_in) = self.extent else { return true };
        let needed = [self.route.operation.permission, matters(self.route.operation.name)];
        let close = person.about.is_none_or(|about| needed.contains(&Some(about)));
        close || seed(&[self.route.id, case, &person.post, person.place, person.session.as_str()]).is_multiple_of(one_in)
    }

    fn route(&self, cases: &[Case<'_>], matrix: &mut Matrix, covered: &mut Coverage, wrong: &mut Vec<String>) -> Result<(), String> {
        covered.states(self.route.id, cases);
        let objects: Vec<Object> = cases.iter().map(|case| (case.make)()).collect();
        let mut refused = Vec::new();
        let mut admitted = Vec::new();
        for (case, object) in cases.iter().zip(&objects) {
            for person in self.scene.people().iter().filter(|p| self.chosen(&case.name, p)) {
                let cell = Cell { case, person, object, refused: refusal(self.route.operation, person, object) };
                if cell.refused.is_some() {
                    refused.push(cell);
                } else if case.admitted {
                    admitted.push(cell);
                }
            }
        }
        let before = hash_of_rows(self.scene.world);
        let known = wrong.len();
        for cell in &refused {
            self.drive(cell, cell.object, matrix, covered, wrong)?;
        }
        matrix.compared += 1;
        // Whoever was let in has changed something: that is told already.
        if wrong.len() == known && hash_of_rows(self.scene.world) != before {
            wrong.push(self.culprit(&refused)?);
        }
        for cell in &admitted {
            if !cell.case.spent {
                self.drive(cell, cell.object, matrix, covered, wrong)?;
                continue;
            }
            let fresh = (cell.case.make)();
            if let Some(refused) = refusal(self.route.operation, cell.person, &fresh) {
                return Err(format!("{}: the oracle is of two minds: {refused:?}", self.named(cell)));
            }
            self.drive(cell, &fresh, matrix, covered, wrong)?;
        }
        Ok(())
    }

    fn named(&self, cell: &Cell<'_>) -> String {
        format!("{} {} object={}", self.route.id, cell.person.label(), cell.case.name)
    }

    fn ask(&self, person: &Person, object: &Object) -> Result<Answer, String> {
        let mut path = self.route.path.clone();
        for (name, value) in &object.params {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        path.push_str(object.query);
        self.wire.call(self.scene.world, &self.route.method, &path, person.token.as_deref(), &object.body)
    }

    fn drive(
        &self,
        cell: &Cell<'_>,
        object: &Object,
        matrix: &mut Matrix,
        covered: &mut Coverage,
        wrong: &mut Vec<String>,
    ) -> Result<(), String> {
        let answer = self.ask(cell.person, object)?;
        let success = (200..300).contains(&answer.status);
        let (fits, expected) = match cell.refused {
            Some(refused) => {
                let fits = answer.status == refused.status && answer.code() == refused.code;
                (fits, format!("{} {}", refused.status, refused.code))
            }
            None => (success || cell.case.also.contains(&answer.code()), "admitted".into()),
        };
        let got = if success { answer.status.to_string() } else { format!("{} {}", answer.status, answer.code()) };
        if !fits {
            wrong.push(format!("{}: expected {expected}, was {got}", self.named(cell)));
        }
        matrix.cells += 1;
        match cell.refused {
            Some(refused) => {
                matrix.refused += 1;
                *matrix.by_why.entry(refused.why).or_default() += 1;
            }
            None => matrix.admitted += 1,
        }
        covered.add(self.route.id, cell.refused.map(|r| r.why), success);
        let p = cell.person;
        // Writing to a string cannot fail.
        let _ = writeln!(
            matrix.csv,
            "{},{} {},{},{},{},{},{},{expected},{got}",
            self.route.operation.name,
            self.route.method,
            self.route.path,
            p.kind,
            p.post,
            p.place,
            p.session.as_str(),
            cell.case.name
        );
        Ok(())
    }

    /// Which of the refused cells changes the database: asked again, half by half.
    fn culprit(&self, cells: &[Cell<'_>]) -> Result<String, String> {
        let mut left: Vec<&Cell<'_>> = cells.iter().collect();
        while left.len() > 1 {
            let half = left.split_off(left.len() / 2);
            let before = hash_of_rows(self.scene.world);
            for cell in &left {
                self.ask(cell.person, cell.object)?;
            }
            if hash_of_rows(self.scene.world) == before {
                left = half;
            }
        }
        let name = left.first().map_or_else(|| "nothing".into(), |cell| self.named(cell));
        Ok(format!("a refused call changed the database, as far as it changes it again: {name}"))
    }
}

/// The permission that decides about what an operation without a permission of its own is about.
fn matters(operation: &str) -> Option<Permission> {
    match operation {
        "approval.approve" | "approval.reject" => Some(Permission::ApproveAccess),
        "approval.execute" | "approval.withdraw" => Some(Permission::ProposeCalendar),
        "approval.end_delegation" => Some(Permission::ServeTaxpayers),
        _ => None,
    }
}

/// So many cells are told of.
const SHOWN: usize = 24;

fn told(wrong: &[String]) -> Result<(), String> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{} cells are answered otherwise than the table says:\n{}", wrong.len(), wrong[..wrong.len().min(SHOWN)].join("\n")))
}

/// FNV-1a: the same sample on every machine.
fn seed(parts: &[&str]) -> u64 {
    parts.iter().flat_map(|p| p.bytes().chain([0])).fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// What was driven of one route.
#[derive(Clone, Default)]
struct Covered {
    /// Why calls were refused.
    whys: BTreeSet<Why>,
    /// How many were admitted.
    admitted: u64,
    /// How many succeeded.
    done: u64,
    /// States of the object.
    states: BTreeSet<String>,
}

/// What was driven, by route.
#[derive(Default)]
struct Coverage(BTreeMap<&'static str, Covered>);

impl Coverage {
    fn add(&mut self, id: &'static str, why: Option<Why>, success: bool) {
        let of = self.0.entry(id).or_default();
        match why {
            Some(why) => drop(of.whys.insert(why)),
            None => of.admitted += 1,
        }
        of.done += u64::from(success);
    }

    fn states(&mut self, id: &'static str, cases: &[Case<'_>]) {
        self.0.entry(id).or_default().states.extend(cases.iter().filter_map(|case| case.state().map(str::to_owned)));
    }

    /// Each axis that the row of an operation speaks of has a refused cell, and the operation an admitted one.
    fn complete(&self, routes: &[Route]) -> Result<(), String> {
        let mut missing = Vec::new();
        for route in routes.iter().filter(|r| !OPEN.contains(&r.id)) {
            let Covered { whys, admitted, done, states } = self.0.get(route.id).cloned().unwrap_or_default();
            let row = route.operation;
            let person = |c: &&Caller| matches!(c, Caller::Taxpayer | Caller::Officer);
            let officers = row.callers.contains(&Caller::Officer);
            let of_the_caller = ["access.me", "access.change_password", "access.enrol_factor", "access.confirm_factor"].contains(&row.name);
            let object = row.reach.iter().any(|r| matches!(r, Reach::Participant | Reach::Assigned | Reach::Subtree))
                && route.path.contains("{")
                || row.name == "interaction.propose_line";
            let any = IN_ANY_STATE.iter().any(|(id, _)| *id == route.id);
            if any && (states.len() < 2 || whys.contains(&Why::State)) {
                missing.push(format!("{}: its object has one state, or some are refused: take it out of IN_ANY_STATE", route.id));
            }
            let id = route.path.contains('{') && !["{year}", "{provider}"].iter().any(|own| route.path.contains(own));
            for (why, wanted) in [
                (Why::Session, true),
                (Why::Duty, officers && !(of_the_caller || row.name == "access.sign_out")),
                (Why::Kind, row.callers.iter().filter(person).count() == 1),
                (Why::Post, row.permission.is_some()),
                (Why::Reach, object),
                (Why::Missing, id),
                (Why::State, states.len() > 1 && !any),
            ] {
                if wanted && !whys.contains(&why) {
                    missing.push(format!("{}: nobody was refused for {why:?}", route.id));
                }
            }
            let never = NEVER_ADMITTED.iter().any(|(id, _)| *id == route.id);
            if (admitted == 0) != never {
                missing.push(format!("{}: {admitted} cells were admitted", route.id));
            }
            if (done == 0) != (never || NEVER_DONE.contains(&route.id)) {
                missing.push(format!("{}: {done} cells succeeded", route.id));
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(format!("the matrix is not covered:\n{}", missing.join("\n"))) }
    }
}
