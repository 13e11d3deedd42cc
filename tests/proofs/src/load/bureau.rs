//! The bureau that is played: halls with a line each, officers who serve one hall, taxpayers who come to any. Everybody is signed in
//! before a host starts, past HTTP: what one address may try in a minute is for another test.

use std::sync::Arc;

use zhengna_core::access::{
    ActorKind, ActorRef, AddOfficer, AddPost, AuthorityKind, Credentials, GrantPost, NewAuthority, Permission, Permissions,
};
use zhengna_core::interaction::OpenLine;
use zhengna_core::store::StoreError;
use zhengna_core::{Core, Error, ManualClock};
use zhengna_tests::world::{self, Keep, World};

const PASSWORD: &str = "Tax-Payer-2026";
/// People are signed in by so many threads: on PostgreSQL a sign-in is mostly waiting.
const AT_ONCE: usize = 8;
/// Officers of one hall.
pub(super) const PER_HALL: usize = 10;
/// Conversations that an officer may hold.
pub(super) const CAPACITY: usize = 3;

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// As topics name them: `officer/..` or `taxpayer/..`.
    pub(super) name: String,
    pub(super) token: String,
}

/// Everybody, and the lines.
pub(super) struct Bureau {
    pub(super) taxpayers: Vec<Person>,
    /// The first [`PER_HALL`] serve the first line, and so on.
    pub(super) officers: Vec<Person>,
    pub(super) lines: Vec<String>,
}

impl Bureau {
    /// Furnishes an empty database.
    pub(super) fn furnish(core: &Core, taxpayers: usize, officers: usize) -> Result<Self, String> {
        let made = || -> Result<Self, Error> {
            // The world's own clock moves nothing here: this core has the machine's.
            let clock = Arc::new(ManualClock::at(core.now()));
            let world = World::furnish(core.clone(), clock, Keep::Nothing, 0, taxpayers)?;
            let halls: Vec<NewAuthority> = (0..officers.div_ceil(PER_HALL)).map(hall).collect();
            let system = core.as_system();
            system.access().add_authorities(&halls, &mut |_| {})?;
            let post = AddPost { name: "大厅坐席".into(), permissions: Permissions(vec![Permission::ServeTaxpayers]) };
            let post = system.access().add_post(post).wait()?.post;
            let officer = |n: usize| {
                let authority = halls[n / PER_HALL].code;
                let (staff_no, name) = (format!("22030{n:03}"), format!("大厅坐席{n}"));
                let new = AddOfficer { staff_no, name, authority, capacity: CAPACITY as i64 };
                let officer = system.access().add_officer(new).wait()?.officer;
                system.access().grant_post(GrantPost { officer, post, authority, ends_at: None }).wait()?;
                Ok(ActorRef { kind: ActorKind::Officer, id: officer.uuid() })
            };
            let officers = (0..officers).map(officer).collect::<Result<Vec<_>, Error>>()?;
            let line = |hall: &NewAuthority| {
                let open = OpenLine::new(hall.name.clone(), hall.code);
                Ok(system.interaction().open_line(open).wait()?.line.to_string())
            };
            let lines = halls.iter().map(line).collect::<Result<_, Error>>()?;
            let taxpayers: Vec<ActorRef> = world.taxpayers.iter().map(|id| ActorRef { kind: ActorKind::Taxpayer, id: id.uuid() }).collect();
            Ok(Self { taxpayers: signed_in(core, &taxpayers)?, officers: signed_in(core, &officers)?, lines })
        };
        made().map_err(|e| format!("the bureau cannot be furnished: {e}"))
    }
}

fn hall(n: usize) -> NewAuthority {
    NewAuthority {
        code: world::code(&format!("122011{n:02}000")),
        parent: Some(world::code(world::CHANGCHUN)),
        kind: AuthorityKind::County,
        name: format!("{n}号办税服务厅"),
        effective_from: world::start(),
    }
}

/// Once more where others were in the way too often: nothing was done.
fn undisturbed<R>(write: impl Fn() -> Result<R, Error>) -> Result<R, Error> {
    loop {
        match write() {
            Err(Error::Store(StoreError::Conflict)) => {}
            other => return other,
        }
    }
}

fn signed_in(core: &Core, people: &[ActorRef]) -> Result<Vec<Person>, Error> {
    let one = |whose: &ActorRef| {
        let login = whose.to_string();
        undisturbed(|| core.as_system().access().set_password(*whose, &login, PASSWORD))?;
        let sign_in = || core.sign_in(&Credentials { login: login.clone(), password: PASSWORD.into() }, "-");
        let token = undisturbed(sign_in)?.token;
        Ok(Person { name: login, token })
    };
    let part = people.len().div_ceil(AT_ONCE).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            people.chunks(part).map(|some| scope.spawn(move || some.iter().map(one).collect::<Result<Vec<_>, Error>>())).collect();
        let mut all = Vec::with_capacity(people.len());
        for thread in threads {
            // A panic there is one here.
            all.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(all)
    })
}
