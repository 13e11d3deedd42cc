//! The callers of the matrix: kinds, sessions, posts and places, as the oracle knows them. What they hold is written down here
//! when it is given, not read back from the core.

use uuid::Uuid;
use zhengna_core::access::{
    AccessChange, ActorKind, ActorRef, AddOfficer, AddPost, AuthorityKind, Credentials, GrantPost, NewAuthority, Permission, Permissions,
    RecordLeave, SetSeparation,
};
use zhengna_core::id::{OfficerId, PostId, TaxpayerId};
use zhengna_core::{Core, Timestamp, limits};

use crate::approval::decree;
use crate::world::{CHANGCHUN, JILIN_CITY, KUANCHENG, NANGUAN, PROVINCE, World, code, enrolled, start};

/// An office below 南关区.
pub const OFFICE: &str = "12201020100";
/// The pair that is ruled apart after it was granted.
pub const APART: (Permission, Permission) = (Permission::ManageLines, Permission::ManageRelations);
const PASSWORD: &str = "Tax-Payer-2026";

/// Where a post lies, as seen from 南关区.
pub const PLACES: [(&str, &str); 6] = [
    ("own", NANGUAN),
    ("parent", CHANGCHUN),
    ("grandparent", PROVINCE),
    ("child", OFFICE),
    ("sibling", KUANCHENG),
    ("foreign", JILIN_CITY),
];

/// An authority and those above it, root first.
pub fn chain(authority: &str) -> Vec<&'static str> {
    match authority {
        PROVINCE => vec![PROVINCE],
        CHANGCHUN => vec![PROVINCE, CHANGCHUN],
        JILIN_CITY => vec![PROVINCE, JILIN_CITY],
        NANGUAN => vec![PROVINCE, CHANGCHUN, NANGUAN],
        KUANCHENG => vec![PROVINCE, CHANGCHUN, KUANCHENG],
        OFFICE => vec![PROVINCE, CHANGCHUN, NANGUAN, OFFICE],
        other => panic!("{other} is not in the world of the matrix"),
    }
}

/// Whether the session of a caller is good, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// No token.
    None,
    /// A token that is none.
    Malformed,
    /// A token that nobody was given.
    Unknown,
    /// Signed out.
    Ended,
    /// Not used for too long.
    Idle,
    /// The officer has left.
    Left,
    /// Somebody else gave the password.
    PasswordDuty,
    /// The posts ask for a second factor.
    FactorDuty,
    /// Good.
    Good,
}

impl SessionState {
    /// As the matrix writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Ended => "ended",
            Self::Idle => "idle",
            Self::Left => "left",
            Self::PasswordDuty => "password_duty",
            Self::FactorDuty => "factor_duty",
            Self::Good => "good",
        }
    }
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nobody known.
    Nobody,
    /// A taxpayer.
    Taxpayer(TaxpayerId),
    /// An officer.
    Officer(OfficerId),
}

/// A caller.
#[derive(Clone, Debug)]
pub struct Person {
    /// Kind, as the matrix writes it.
    pub kind: &'static str,
    /// What posts: `none`, `one:P`, `all_but:P`, `expired:P`, `apart`.
    pub post: String,
    /// Where.
    pub place: &'static str,
    /// Session.
    pub session: SessionState,
    /// The token.
    pub token: Option<String>,
    /// Who.
    pub who: Who,
    /// Permissions held now, and where.
    pub posts: Vec<(Vec<Permission>, &'static str)>,
    /// The authority an officer belongs to.
    pub home: &'static str,
    /// The permission that this caller is about; none for those that are asked everything.
    pub about: Option<Permission>,
    /// Whether they have a password.
    pub password: bool,
    /// Whether they have a second factor.
    pub factor: bool,
}

impl Person {
    /// Whether they were given both that are kept apart.
    pub fn holds_both_apart(&self) -> bool {
        let held = |p| self.posts.iter().any(|(permissions, _)| permissions.contains(&p));
        held(APART.0) && held(APART.1)
    }

    fn counts(&self, permission: Permission) -> bool {
        !(self.holds_both_apart() && [APART.0, APART.1].contains(&permission))
    }

    /// Whether a permission counts anywhere.
    pub fn may(&self, permission: Permission) -> bool {
        self.counts(permission) && self.posts.iter().any(|(permissions, _)| permissions.contains(&permission))
    }

    /// Whether it counts at an authority: there, or above.
    pub fn may_at(&self, permission: Permission, authority: &str) -> bool {
        let above = chain(authority);
        self.counts(permission) && self.posts.iter().any(|(permissions, at)| permissions.contains(&permission) && above.contains(at))
    }

    /// Whether the object is about the caller's own unit: the authority they belong to, or one where they hold a post, or one above either.
    pub fn is_kept_out(&self, terms: &super::case::Terms) -> bool {
        let mut places = std::iter::once(self.home).chain(self.posts.iter().map(|(_, at)| *at));
        terms.kept_from.is_some_and(|unit| matches!(self.who, Who::Officer(_)) && places.any(|place| chain(place).contains(&unit)))
    }

    /// The officer's id.
    pub fn officer(&self) -> Option<OfficerId> {
        if let Who::Officer(id) = self.who { Some(id) } else { None }
    }

    /// For the matrix.
    pub fn label(&self) -> String {
        format!("caller={} post={} place={} session={}", self.kind, self.post, self.place, self.session.as_str())
    }
}

/// Makes officers and gives them what they hold.
pub struct Staff<'a> {
    world: &'a World,
    number: std::cell::Cell<u32>,
    posts: std::cell::RefCell<Vec<(Vec<Permission>, PostId)>>,
    passwords: std::cell::RefCell<std::collections::BTreeSet<Uuid>>,
}

impl<'a> Staff<'a> {
    /// Nobody yet.
    pub fn new(world: &'a World) -> Self {
        Self { world, number: std::cell::Cell::new(1), posts: Default::default(), passwords: Default::default() }
    }

    /// A number nobody had.
    pub fn serial(&self) -> u32 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    /// A new officer without posts.
    pub fn officer(&self, at: &str) -> OfficerId {
        let staff_no = format!("220{:05}", 20_000 + self.serial());
        let cmd = AddOfficer { staff_no, name: "坐席".into(), authority: code(at), capacity: limits::OFFICER_CAPACITY_MAX };
        self.world.core.as_system().access().add_officer(cmd).wait().expect("a new officer").officer
    }

    /// The post with exactly these permissions.
    pub fn post(&self, permissions: &[Permission]) -> PostId {
        if let Some((_, id)) = self.posts.borrow().iter().find(|(held, _)| held == permissions) {
            return *id;
        }
        let cmd = AddPost { name: format!("岗位{}", self.serial()), permissions: Permissions(permissions.to_vec()) };
        let id = self.world.core.as_system().access().add_post(cmd).wait().expect("a new post").post;
        self.posts.borrow_mut().push((permissions.to_vec(), id));
        id
    }

    /// Grants it.
    pub fn grant(&self, officer: OfficerId, permissions: &[Permission], at: &str, ends_at: Option<Timestamp>) -> zhengna_core::id::GrantId {
        let cmd = GrantPost { officer, post: self.post(permissions), authority: code(at), ends_at };
        self.world.core.as_system().access().grant_post(cmd).wait().expect("a grant").grant
    }

    /// A session, begun with a second factor: no password is hashed for it.
    pub fn token(&self, officer: OfficerId) -> String {
        enrolled(&self.world.core, &self.world.session_of(officer)).expect("a second factor").1
    }

    /// A session begun with a password; of an officer, one who is asked for nothing more.
    pub fn signed_in(&self, kind: ActorKind, id: Uuid) -> String {
        let login = format!("u{}", &id.simple().to_string()[12..]);
        // Once: another password would end the sessions that stand.
        if self.passwords.borrow_mut().insert(id) {
            self.world.core.as_system().access().set_password(ActorRef { kind, id }, &login, PASSWORD).expect("a password");
        }
        self.world.core.sign_in(&Credentials { login, password: PASSWORD.into() }, "-").expect("signs in").token
    }

    /// An officer with these posts and a good session.
    pub fn person(
        &self,
        post: String,
        about: Option<Permission>,
        place: (&'static str, &'static str),
        permissions: &[Permission],
    ) -> Person {
        let officer = self.officer(place.1);
        let mut posts = Vec::new();
        if !permissions.is_empty() {
            self.grant(officer, permissions, place.1, None);
            posts.push((permissions.to_vec(), place.1));
        }
        Person {
            kind: "officer",
            post,
            place: place.0,
            session: SessionState::Good,
            token: Some(self.token(officer)),
            who: Who::Officer(officer),
            posts,
            home: place.1,
            about,
            password: false,
            factor: true,
        }
    }
}

/// Adds the office below 南关区.
pub fn grow(world: &World) {
    let office = NewAuthority {
        code: code(OFFICE),
        parent: Some(code(NANGUAN)),
        kind: AuthorityKind::Office,
        name: "国家税务总局长春市南关区税务局第一税务所".into(),
        effective_from: start(),
    };
    world.core.as_system().access().add_authorities(&[office], &mut |_| {}).expect("an office");
}

/// Every business permission but `missing`, as far as they go together.
fn all_but(missing: Option<Permission>) -> Vec<Permission> {
    let business = Permission::ALL.iter().copied().filter(|p| !p.administrative() && Some(*p) != missing);
    let mut held: Vec<Permission> = business.collect();
    for (first, second) in [
        (Permission::ProposeCalendar, Permission::ApproveCalendar),
        (Permission::RevealPersonalData, Permission::ApproveDisclosure),
        (Permission::TakeEmergencyPost, Permission::ApproveDisclosure),
        (Permission::RevealPersonalData, Permission::ReviewControl),
        (Permission::ApproveDisclosure, Permission::ReviewControl),
        (Permission::TakeEmergencyPost, Permission::ReviewControl),
        APART,
    ] {
        if held.contains(&first) && held.contains(&second) {
            held.retain(|p| *p != second);
        }
    }
    held
}

/// Signs somebody out.
fn end(core: &Core, token: &str) {
    let caller = core.authenticate(token).expect("a good session");
    core.as_actor(caller.actor.clone()).access().sign_out(&caller).wait().expect("signs out");
}

/// Grants that will be over, before the clock moves on.
pub fn expiring(staff: &Staff<'_>) -> Vec<(Permission, OfficerId)> {
    let soon = Some(start().plus(std::time::Duration::from_secs(3600)));
    let give = |p: &Permission| {
        let officer = staff.officer(NANGUAN);
        staff.grant(officer, &[*p], NANGUAN, soon);
        (*p, officer)
    };
    Permission::ALL.iter().map(give).collect()
}

/// Everybody. The clock moves on by as much as an idle session takes.
pub fn furnish(world: &World, staff: &Staff<'_>, expired: Vec<(Permission, OfficerId)>) -> Vec<Person> {
    let core = &world.core;
    let mut people = Vec::new();
    let one = |p: Permission| format!("one:{}", p.as_str());
    let spoilt = |mut person: Person, session| {
        person.session = session;
        person
    };
    let taxpayer = |n: usize, kind, token: String, session| Person {
        kind,
        post: "none".into(),
        place: "-",
        session,
        token: Some(token),
        who: Who::Taxpayer(world.taxpayers[n]),
        posts: Vec::new(),
        home: NANGUAN,
        about: None,
        password: true,
        factor: false,
    };
    let sign_in = |n: usize| staff.signed_in(ActorKind::Taxpayer, world.taxpayers[n].uuid());
    // What must lie idle comes first.
    for p in Permission::ALL {
        people.push(spoilt(staff.person(one(*p), Some(*p), PLACES[0], &[*p]), SessionState::Idle));
    }
    people.push(taxpayer(0, "taxpayer_own", sign_in(0), SessionState::Idle));
    world.clock.advance(limits::TAXPAYER_IDLE);
    for p in Permission::ALL {
        let person = staff.person(one(*p), Some(*p), PLACES[0], &[*p]);
        end(core, person.token.as_deref().unwrap_or_default());
        people.push(spoilt(person, SessionState::Ended));
    }
    let over = sign_in(0);
    end(core, &over);
    people.push(taxpayer(0, "taxpayer_own", over, SessionState::Ended));
    people.push(taxpayer(0, "taxpayer_own", sign_in(0), SessionState::Good));
    people.push(taxpayer(1, "taxpayer_foreign", sign_in(1), SessionState::Good));
    for (token, session) in
        [(None, SessionState::None), (Some("nonsense".into()), SessionState::Malformed), (Some("A".repeat(43)), SessionState::Unknown)]
    {
        let nobody = taxpayer(0, "nobody", String::new(), session);
        people.push(Person { token, who: Who::Nobody, ..nobody });
    }
    for p in Permission::ALL {
        for place in PLACES {
            people.push(staff.person(one(*p), Some(*p), place, &[*p]));
        }
    }
    for (p, officer) in expired {
        people.push(Person {
            kind: "officer",
            post: format!("expired:{}", p.as_str()),
            place: "own",
            session: SessionState::Good,
            token: Some(staff.token(officer)),
            who: Who::Officer(officer),
            posts: Vec::new(),
            home: NANGUAN,
            about: Some(p),
            password: false,
            factor: true,
        });
    }
    for p in Permission::ALL.iter().filter(|p| !p.administrative()) {
        people.push(staff.person(format!("all_but:{}", p.as_str()), Some(*p), PLACES[1], &all_but(Some(*p))));
    }
    people.push(staff.person("all_business".into(), None, PLACES[1], &all_but(None)));
    people.push(staff.person("none".into(), None, PLACES[0], &[]));
    // Granted one by one while they went together.
    let mut apart = staff.person("apart".into(), None, PLACES[0], &[APART.0]);
    let officer = apart.officer().expect("an officer");
    staff.grant(officer, &[APART.1], NANGUAN, None);
    apart.posts.push((vec![APART.1], NANGUAN));
    people.push(apart);
    let change = SetSeparation { first: APART.0, second: APART.1, apart: true, source: "文".into() };
    decree(world, AccessChange::Separation(change)).expect("is approved");
    // Belongs to the unit that complaints are about, and handles complaints from above it.
    let officer = staff.officer(NANGUAN);
    staff.grant(officer, &[Permission::HandleAppeals], PROVINCE, None);
    people.push(Person {
        kind: "officer",
        post: one(Permission::HandleAppeals),
        place: "of_the_unit",
        session: SessionState::Good,
        token: Some(staff.token(officer)),
        who: Who::Officer(officer),
        posts: vec![(vec![Permission::HandleAppeals], PROVINCE)],
        home: NANGUAN,
        about: Some(Permission::HandleAppeals),
        password: false,
        factor: true,
    });
    // Whoever has left.
    let gone = staff.person(one(Permission::ServeTaxpayers), None, PLACES[0], &[Permission::ServeTaxpayers]);
    let leave = RecordLeave { officer: gone.officer().expect("an officer"), left_at: None };
    core.as_system().access().record_leave(leave).wait().expect("leaves");
    people.push(spoilt(gone, SessionState::Left));
    people.extend(under_duty(world, staff));
    // With a password and a factor.
    let officer = staff.officer(NANGUAN);
    staff.grant(officer, &[Permission::ServeTaxpayers], NANGUAN, None);
    staff.signed_in(ActorKind::Officer, officer.uuid());
    people.push(Person {
        kind: "officer",
        post: one(Permission::ServeTaxpayers),
        place: "own",
        session: SessionState::Good,
        token: Some(staff.token(officer)),
        who: Who::Officer(officer),
        posts: vec![(vec![Permission::ServeTaxpayers], NANGUAN)],
        home: NANGUAN,
        about: None,
        password: true,
        factor: true,
    });
    people
}

/// Officers who have something to do first: the posts they hold would let them call.
fn under_duty(world: &World, staff: &Staff<'_>) -> Vec<Person> {
    let mut people = Vec::new();
    for (session, permissions) in [
        (SessionState::PasswordDuty, vec![Permission::ServeTaxpayers, Permission::ManageLines]),
        (SessionState::PasswordDuty, vec![Permission::ManageAccess, Permission::ViewStaff]),
        (SessionState::FactorDuty, vec![Permission::ManageAccess, Permission::ViewStaff]),
        (SessionState::FactorDuty, vec![Permission::ReadAudit]),
    ] {
        let officer = staff.officer(CHANGCHUN);
        staff.grant(officer, &permissions, CHANGCHUN, None);
        let token = if session == SessionState::FactorDuty {
            staff.signed_in(ActorKind::Officer, officer.uuid())
        } else {
            let administrator = world.session_of(world.administrator);
            administrator.access().give_password(officer, PASSWORD).expect("a password");
            sign_in_of(world, officer)
        };
        people.push(Person {
            kind: "officer",
            post: format!("one:{}", permissions[0].as_str()),
            place: "parent",
            session,
            token: Some(token),
            who: Who::Officer(officer),
            posts: vec![(permissions, CHANGCHUN)],
            home: CHANGCHUN,
            about: None,
            password: true,
            factor: false,
        });
    }
    people
}

fn sign_in_of(world: &World, officer: OfficerId) -> String {
    // Their login is the staff number, which the list of officers tells.
    let page = zhengna_core::store::Page { after: None, limit: 200 };
    let seen = world.session_of(world.security).access().officers(None, page).expect("a list").items;
    let login = seen.into_iter().find(|o| o.id == officer).expect("the newest are listed first").staff_no;
    world.core.sign_in(&Credentials { login, password: PASSWORD.into() }, "-").expect("signs in").token
}
