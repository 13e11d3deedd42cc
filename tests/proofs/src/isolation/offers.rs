//! Rivals in what a line offers: both hosts share it out, and whoever is asked takes it, lets it pass, or asks for the next one.

use std::time::Duration;

use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, LineId, OfficerId};
use zhengna_core::interaction::{
    AcceptOffer, Claim, Close, ConversationState, DeclineOffer, Leave, LineSettings, OpenLine, Outcome as Ending, Routing,
};
use zhengna_core::operation::{ACCEPT_OFFER, CLAIM, DECLINE_OFFER, LEAVE, OFFER_WAITING};
use zhengna_core::{Core, Error, Session, limits};
use zhengna_tests::world::{NANGUAN, code, settle};

use super::History;
use super::held::told;
use super::hosts::{Hosts, ensure, enter, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&OFFER_WAITING], each_is_offered_once_and_passed_on_once),
    (&[&OFFER_WAITING, &ACCEPT_OFFER, &DECLINE_OFFER, &CLAIM], each_comes_to_one_officer),
    (&[&OFFER_WAITING, &ACCEPT_OFFER, &LEAVE], one_who_leaves_is_not_taken),
];

/// Conversations, and the two who are there for them: room for so many.
const WAITING: usize = 4;

/// A line that offers, those who wait in it, and two officers who are there, as both hosts know.
struct Offering {
    line: LineId,
    ids: Vec<ConversationId>,
    taxpayers: Vec<zhengna_core::id::TaxpayerId>,
    there: [OfficerId; 2],
}

fn offering(hosts: &mut Hosts) -> Result<Offering, String> {
    // Whoever was there in an earlier history is not any more.
    hosts.advance(limits::PRESENCE_LEASE);
    let settings = LineSettings {
        routing: Some(Routing { push: true, ..Routing::default() }),
        ..LineSettings::new(format!("派单{}", hosts.fresh()))
    };
    let open = || {
        let cmd = OpenLine { authority: code(NANGUAN), settings: settings.clone(), external_id: None };
        hosts.world.core.as_system().interaction().open_line(cmd).wait()
    };
    let line = insist(open).map_err(|e| format!("opening a line: {e}"))?.line;
    let taxpayers = hosts.taxpayers(WAITING)?;
    let mut ids = Vec::new();
    for taxpayer in &taxpayers {
        let entered = insist(|| taxpayer_on(&hosts.world.core, *taxpayer).interaction().enter(enter(line)).wait());
        ids.push(entered.map_err(|e| format!("entering: {e}"))?.conversation);
    }
    let there = [hosts.world.officers[1], hosts.world.officers[2]];
    let offering = Offering { line, ids, taxpayers, there };
    offering.present(hosts)?;
    Ok(offering)
}

impl Offering {
    /// Both are there, and both hosts know it, and who waits.
    fn present(&self, hosts: &Hosts) -> Result<(), String> {
        for officer in self.there {
            insist(|| hosts.officer_on(&hosts.world.core, officer).interaction().be_present().wait()).map_err(|e| e.to_string())?;
        }
        for host in [hosts.host(0), hosts.host(1)] {
            let known = |core: &Core| {
                let asked = self.taxpayers.iter().zip(&self.ids);
                let seen = asked.filter_map(|(taxpayer, id)| taxpayer_on(core, *taxpayer).interaction().position(*id).ok());
                let known = seen.filter(|p| p.estimate.as_ref().is_none_or(|e| e.officers == 2) && p.no_estimate.is_none());
                known.count() == WAITING && core.recount().is_ok_and(|differs| differs.is_empty())
            };
            ensure(settle(host, known, |known| *known), || "a host did not hear who is there".into())?;
        }
        Ok(())
    }

    /// How many rows of their conversations are as the condition says.
    fn rows(&self, hosts: &Hosts, condition: &str) -> Result<i64, String> {
        let line = self.line.uuid().simple();
        hosts.count(&format!("SELECT count(*) FROM conversation WHERE line = '\\x{line}' AND {condition}"))
    }

    /// What was told of their conversations on desks: of this kind; or offered though it was offered to somebody already.
    fn told(&self, hosts: &Hosts, kind: &str) -> Result<i64, String> {
        let line = self.line.uuid().simple();
        let of = format!("conversation IN (SELECT id FROM conversation WHERE line = '\\x{line}')");
        hosts.count(&format!("SELECT count(*) FROM journal WHERE kind = '{kind}' AND get_byte(topic, 0) <> 99 AND {of}"))
    }

    /// Offers that began while another one of the same conversation was live.
    fn offered_twice(&self, hosts: &Hosts) -> Result<i64, String> {
        let line = self.line.uuid().simple();
        hosts.count(&format!(
            "SELECT count(*) FROM (SELECT kind, lag(kind) OVER (PARTITION BY conversation ORDER BY seq) AS before FROM journal
             WHERE kind IN ('conversation.offered', 'conversation.offer_passed')
             AND conversation IN (SELECT id FROM conversation WHERE line = '\\x{line}')) AS told
             WHERE kind = before"
        ))
    }

    /// Neither has more than they may have.
    fn within_capacity(&self, hosts: &Hosts) -> Result<(), String> {
        for officer in self.there {
            let id = officer.uuid().simple();
            let has = hosts.count(&format!(
                "SELECT count(*) FROM conversation WHERE officer = '\\x{id}' AND state = 'active' AND held_until IS NULL"
            ))?;
            let may = hosts.count(&format!("SELECT capacity FROM officer WHERE id = '\\x{id}'"))?;
            ensure(has <= may, || format!("{officer} may have {may}, and has {has}"))?;
        }
        Ok(())
    }

    /// What is left is taken by whoever asks; then everything ends.
    fn end(&self, hosts: &Hosts) -> Result<(), String> {
        for officer in self.there {
            let desk = hosts.officer_on(&hosts.world.core, officer);
            for id in &self.ids {
                let close = Close { conversation: *id, outcome: Ending::Resolved, note: None };
                drop(insist(|| desk.interaction().close(close.clone()).wait())); // of whoever else has it, or is over
            }
            while let Ok(claimed) = insist(|| desk.interaction().claim(Claim { line: self.line }).wait()) {
                let close = Close { conversation: claimed.conversation, outcome: Ending::Resolved, note: None };
                insist(|| desk.interaction().close(close.clone()).wait()).map_err(|e| e.to_string())?;
            }
        }
        let open = self.rows(hosts, "state IN ('waiting', 'active')")?;
        ensure(open == 0, || format!("{open} are left, and nobody has them"))
    }
}

fn each_is_offered_once_and_passed_on_once(hosts: &mut Hosts) -> Result<(), String> {
    let offering = offering(hosts)?;
    let waiting = WAITING as i64;
    for round in 1..=2 {
        let answers = hosts.race(|_, host| host.offer_waiting());
        ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
        let made: u64 = answers.iter().flatten().sum();
        let live = offering.rows(hosts, "offered_to IS NOT NULL")?;
        let (offered, passed) = (offering.told(hosts, "conversation.offered")?, offering.told(hosts, "conversation.offer_passed")?);
        let once = made == WAITING as u64 && live == waiting && offered == round * waiting && passed == (round - 1) * waiting;
        ensure(once, || format!("round {round}: {made} made, {live} live, {offered} told, {passed} passed"))?;
        // The other one is asked next: nobody accepts in time.
        hosts.advance(Duration::from_secs(u64::from(limits::OFFER_S)));
        offering.present(hosts)?;
    }
    let reasons = hosts.count(&format!(
        "SELECT count(*) FROM assignment WHERE conversation IN (SELECT id FROM conversation WHERE line = '\\x{}')",
        offering.line.uuid().simple()
    ))?;
    ensure(reasons == 2 * waiting, || format!("{reasons} decisions are kept"))?;
    let answers = hosts.race(|_, host| host.offer_waiting());
    ensure(answers.iter().all(|a| *a == Ok(0)), || format!("both let it pass, and yet {answers:?}"))?;
    offering.end(hosts)
}

/// Refused for nothing but that another was first, or that there is no room.
fn lost(e: Error) -> Result<(), Error> {
    match e {
        Error::Refused(Refusal::OfferOver | Refusal::AtCapacity(_) | Refusal::NobodyWaiting | Refusal::NobodyForYou) => Ok(()),
        e => Err(e),
    }
}

/// Accepts what is offered to somebody, or lets it pass.
fn answer(session: &Session, accepts: bool) -> Result<(), Error> {
    for offer in session.interaction().offers()? {
        let conversation = offer.conversation.id;
        let done = match accepts {
            true => insist(|| session.interaction().accept_offer(AcceptOffer { conversation }).wait()).map(drop),
            false => insist(|| session.interaction().decline_offer(DeclineOffer { conversation }).wait()).map(drop),
        };
        done.or_else(lost)?;
    }
    Ok(())
}

fn each_comes_to_one_officer(hosts: &mut Hosts) -> Result<(), String> {
    let offering = offering(hosts)?;
    insist(|| hosts.world.core.offer_waiting()).map_err(|e| e.to_string())?;
    for round in 0..4 {
        let answers = hosts.race(|n, host| {
            let desk = hosts.officer_on(host, offering.there[n / 2 % 2]);
            match n {
                0 | 1 => host.offer_waiting().map(drop),
                2..=4 => answer(&desk, true),
                // Of the first rounds, so that much is passed on.
                5 | 6 if round < 2 => answer(&desk, false),
                _ => desk.interaction().claim(Claim { line: offering.line }).wait().map(drop).or_else(lost),
            }
        });
        ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
        offering.within_capacity(hosts)?;
        let twice = offering.offered_twice(hosts)?;
        ensure(twice == 0, || format!("{twice} offers began while another was live"))?;
    }
    for id in &offering.ids {
        let claimed = told(hosts, *id, "conversation.claimed")?;
        ensure(claimed <= 1, || format!("{id} was taken {claimed} times"))?;
    }
    let (taken, waiting) = (offering.rows(hosts, "state = 'active'")?, offering.rows(hosts, "state = 'waiting'")?);
    let wrong = offering.rows(hosts, "state = 'active' AND (officer IS NULL OR offered_to IS NOT NULL)")?;
    ensure(taken > 0 && taken + waiting == WAITING as i64 && wrong == 0, || format!("{taken} taken, {waiting} wait, {wrong} are wrong"))?;
    offering.end(hosts)?;
    for id in &offering.ids {
        let claimed = told(hosts, *id, "conversation.claimed")?;
        ensure(claimed == 1, || format!("{id} was taken {claimed} times in the end"))?;
    }
    Ok(())
}

fn one_who_leaves_is_not_taken(hosts: &mut Hosts) -> Result<(), String> {
    let offering = offering(hosts)?;
    insist(|| hosts.world.core.offer_waiting()).map_err(|e| e.to_string())?;
    let (id, taxpayer) = (offering.ids[0], offering.taxpayers[0]);
    let answers = hosts.race(|n, host| match n {
        0 | 1 => match taxpayer_on(host, taxpayer).interaction().leave(Leave { conversation: id }).wait() {
            Err(Error::Refused(Refusal::AlreadyServed | Refusal::ConversationClosed)) => Ok(0),
            left => left.map(|_| 1),
        },
        2 | 3 => host.offer_waiting().map(|_| 0),
        _ => {
            let desk = hosts.officer_on(host, offering.there[n / 2 % 2]);
            match desk.interaction().accept_offer(AcceptOffer { conversation: id }).wait() {
                Err(Error::Refused(Refusal::OfferOver)) => Ok(0),
                accepted => accepted.map(|_| 10),
            }
        }
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let done: u64 = answers.iter().flatten().sum();
    let state = taxpayer_on(&hosts.world.core, taxpayer).interaction().conversation(id).map_err(|e| e.to_string())?.state;
    let fits = matches!((done, state), (1, ConversationState::Left) | (10, ConversationState::Active));
    let wrong = offering.rows(hosts, "state <> 'waiting' AND offered_to IS NOT NULL")?;
    ensure(fits && wrong == 0, || format!("{answers:?}, and it is {state:?}; {wrong} offered that do not wait"))?;
    offering.end(hosts)
}
