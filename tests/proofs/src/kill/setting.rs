//! What the host finds when it first starts: authorities, officers, taxpayers, a line for each client, passwords.

use zhengna_core::access::{ActorKind, ActorRef};
use zhengna_core::interaction::{LineSettings, OpenLine, Reminders};
use zhengna_core::{Error, ManualClock};
use zhengna_tests::world::{self, Keep, World};

use super::client::Client;
use crate::host::http::Http;
use crate::host::{Files, Host};

const PASSWORD: &str = "Tax-Payer-2026";

/// Somebody who can sign in.
fn login(kind: ActorKind, n: usize) -> String {
    format!("{}{n}", kind.as_str())
}

/// A client that is not signed in yet: its line.
pub(super) struct Place {
    line: String,
    served: bool,
}

/// Furnishes the database: `clients` places, the first `served` of them with an officer.
pub(super) fn furnish(files: &Files, clients: usize, served: usize) -> Result<Vec<Place>, String> {
    let core = files.create()?;
    let made = || -> Result<Vec<Place>, Error> {
        // The world's own clock moves nothing here: this core has the machine's.
        let clock = std::sync::Arc::new(ManualClock::at(core.now()));
        let world = World::furnish(core.clone(), clock, Keep::Nothing, served, clients)?;
        let system = core.as_system();
        let give = |kind, id, n| system.access().set_password(ActorRef { kind, id }, &login(kind, n), PASSWORD);
        world.officers.iter().enumerate().try_for_each(|(n, o)| give(ActorKind::Officer, o.uuid(), n))?;
        world.taxpayers.iter().enumerate().try_for_each(|(n, t)| give(ActorKind::Taxpayer, t.uuid(), n))?;
        let place = |n: usize| {
            // Nobody is reminded: what the host does by itself has records too, and those of the clients are counted here.
            let nothing = Reminders { rules: Vec::new(), unanswered_s: None, escalate_s: None };
            let settings = LineSettings { reminders: Some(nothing), ..LineSettings::new(format!("{n}号窗口")) };
            let line = OpenLine { authority: world::code(world::NANGUAN), settings, external_id: None };
            let line = system.interaction().open_line(line).wait()?.line;
            Ok(Place { line: line.to_string(), served: n < served })
        };
        (0..clients).map(place).collect()
    };
    made().map_err(|e| e.to_string())
}

/// Signs everybody in, once: sessions outlive every kill.
pub(super) fn sign_in(host: &Host, places: Vec<Place>) -> Result<Vec<Client>, String> {
    let http = Http::new(&host.base);
    let token = |kind, n| {
        let typed = serde_json::json!({ "login": login(kind, n), "password": PASSWORD });
        let answer = http.post("/api/v1/sessions", "", "-", &typed).map_err(|e| e.0)?;
        answer.body["token"].as_str().map(str::to_owned).ok_or_else(|| format!("{} cannot sign in: {answer:?}", login(kind, n)))
    };
    let client = |(n, place): (usize, Place)| {
        let officer = place.served.then(|| token(ActorKind::Officer, n)).transpose()?;
        Ok(Client::new(n, place.line, token(ActorKind::Taxpayer, n)?, officer))
    };
    places.into_iter().enumerate().map(client).collect()
}
