//! Rivals in what is looked at with a record, and in what is done once a second by every host.

use std::collections::BTreeSet;
use std::time::Duration;

use zhengna_core::audit::AuditAsked;
use zhengna_core::delivery::SettleDelivery;
use zhengna_core::error::Refusal;
use zhengna_core::identity::{PersonalField, RevealOnCard, RevealTaxpayer};
use zhengna_core::interaction::{ConversationState, ExportFormat, ExportReviewed, ExportTranscript, Review, SendMessage};
use zhengna_core::operation::{
    CHECKPOINT_AUDIT, CLOSE_IDLE, EXPORT_REVIEWED, EXPORT_TRANSCRIPT, FORGET_KEYS, LEASE_DELIVERIES, READ_AUDIT, REVEAL_ON_CARD,
    REVEAL_TAXPAYER, REVIEW, RUN_DUE, SEAL_AUDIT, SEND, SETTLE_DELIVERY, TRANSCRIPT,
};
use zhengna_core::{Error, limits};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&REVEAL_TAXPAYER, &REVEAL_ON_CARD, &TRANSCRIPT, &REVIEW, &READ_AUDIT], each_look_leaves_its_record),
    (&[&EXPORT_TRANSCRIPT, &EXPORT_REVIEWED], each_export_leaves_its_record),
    (&[&SEAL_AUDIT, &CHECKPOINT_AUDIT], each_record_is_sealed_once),
    (&[&LEASE_DELIVERIES, &SETTLE_DELIVERY], each_delivery_is_one_workers),
    (&[&RUN_DUE, &CLOSE_IDLE, &SEND], an_idle_conversation_is_closed_once),
    (&[&RUN_DUE, &FORGET_KEYS], keys_are_forgotten_once),
];

fn each_look_leaves_its_record(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let (conversation, supervisor) = (entered.conversation, hosts.world.supervisor);
    let auditor = hosts.world.auditor;
    let records =
        |hosts: &Hosts, operation: &str| hosts.count(&format!("SELECT count(*) FROM audit_record WHERE operation = '{operation}'"));
    let looks = RIVALS as i64 / 4;
    let operations =
        [(&REVEAL_TAXPAYER, looks / 2), (&REVEAL_ON_CARD, looks / 2), (&TRANSCRIPT, looks), (&REVIEW, looks), (&READ_AUDIT, looks)];
    let before: Vec<i64> = operations.iter().map(|(o, _)| records(hosts, o.name)).collect::<Result<_, _>>()?;
    let answers = hosts.race(|n, host| {
        let desk = hosts.officer_on(host, supervisor);
        match n % 4 {
            0 if n < RIVALS / 2 => {
                desk.identity().reveal(RevealTaxpayer { taxpayer, field: PersonalField::Phone, reason: "核对".into() }).wait().map(drop)
            }
            0 => {
                let asked = RevealOnCard { conversation, taxpayer, field: PersonalField::Phone, reason: "核对".into() };
                desk.identity().reveal_on_card(asked).wait().map(drop)
            }
            1 => taxpayer_on(host, taxpayer).interaction().transcript(conversation).wait().map(drop),
            2 => desk.interaction().review(Review { conversation, reason: "抽查".into() }).wait().map(drop),
            _ => hosts.officer_on(host, auditor).audit().read(AuditAsked::behind(0, 10)).wait().map(drop),
        }
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    for ((operation, looks), before) in operations.iter().zip(before) {
        let new = records(hosts, operation.name)? - before;
        ensure(new == *looks, || format!("{} left {new} records", operation.name))?;
    }
    hosts.close(&entered)
}

fn each_export_leaves_its_record(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let (conversation, supervisor, format) = (entered.conversation, hosts.world.supervisor, ExportFormat::Json);
    let records = |hosts: &Hosts| hosts.count("SELECT count(*) FROM audit_record WHERE operation LIKE 'interaction.export%'");
    let before = records(hosts)?;
    let answers = hosts.race(|n, host| match n % 2 {
        0 => taxpayer_on(host, taxpayer).interaction().export_transcript(ExportTranscript { conversation, format }).wait().map(|e| e.sm3),
        _ => {
            let asked = ExportReviewed { conversation, format, reason: "抽查".into() };
            hosts.officer_on(host, supervisor).interaction().export_reviewed(asked).wait().map(|e| e.sm3)
        }
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let new = records(hosts)? - before;
    ensure(new == RIVALS as i64, || format!("{RIVALS} exports left {new} records"))?;
    hosts.close(&entered)
}

fn each_record_is_sealed_once(hosts: &mut Hosts) -> Result<(), String> {
    hosts.world.seal();
    let (_, entered) = hosts.served()?;
    hosts.close(&entered)?;
    let unsealed = hosts.count("SELECT (SELECT count(*) FROM audit_record) - (SELECT count(*) FROM audit_link)")?;
    let sealed = hosts.race(|_, host| host.seal_audit());
    let total: i64 = sealed.iter().flatten().map(|s| i64::from(s.sealed)).sum();
    // What the horizon kept back a moment ago is sealed by the next call.
    ensure(sealed.iter().all(Result::is_ok) && total <= unsealed, || format!("{unsealed} records were sealed {total} times: {sealed:?}"))?;
    hosts.world.seal();
    let signed = hosts.race(|_, host| host.checkpoint_audit(true));
    let lines = signed.iter().flatten().filter(|c| c.line.is_some()).count();
    ensure(signed.iter().all(Result::is_ok) && lines == 1, || format!("one head was signed {lines} times: {signed:?}"))?;
    hosts.chain_verifies()
}

fn each_delivery_is_one_workers(hosts: &mut Hosts) -> Result<(), String> {
    hosts.advance(limits::OUTBOX_LEASE); // so that none is still leased by an earlier history
    insist(|| settle_all(hosts)).map_err(|e| format!("settling what was left: {e}"))?;
    for _ in 0..RIVALS {
        let (_, entered) = hosts.served()?;
        hosts.close(&entered)?;
    }
    let leased = hosts.race(|_, host| host.lease_deliveries(3));
    let all: Vec<_> = leased.iter().flatten().flatten().collect();
    let distinct: BTreeSet<_> = all.iter().map(|d| d.id).collect();
    ensure(all.len() == RIVALS && distinct.len() == RIVALS, || format!("{RIVALS} deliveries were leased {} times", all.len()))?;
    for delivery in all {
        let settle = || SettleDelivery { id: delivery.id, token: delivery.token, error: None };
        let settled = hosts.race(|_, host| host.settle_delivery(settle()));
        let late = |e: &Error| *e == Error::Refused(Refusal::LeaseLost);
        let once = settled.iter().filter(|s| s.is_ok()).count() == 1;
        ensure(once && settled.iter().filter_map(|s| s.as_ref().err()).all(late), || format!("{settled:?}"))?;
    }
    Ok(())
}

fn settle_all(hosts: &Hosts) -> Result<(), Error> {
    loop {
        let leased = hosts.world.core.lease_deliveries(limits::OUTBOX_LEASE_ROWS)?;
        if leased.is_empty() {
            return Ok(());
        }
        for d in leased {
            hosts.world.core.settle_delivery(SettleDelivery { id: d.id, token: d.token, error: None })?;
        }
    }
}

/// Both hosts find it idle while the taxpayer writes once more: it is closed once, or the message keeps it open.
fn an_idle_conversation_is_closed_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let conversation = entered.conversation;
    hosts.advance(limits::CONVERSATION_IDLE + Duration::from_secs(1));
    let answers = hosts.race(|n, host| match n {
        0 => {
            let send = SendMessage::new(conversation, "还在");
            match taxpayer_on(host, taxpayer).interaction().send(send).wait() {
                Ok(_) => Ok(1),
                Err(Error::Refused(Refusal::ConversationClosed)) => Ok(0),
                Err(e) => Err(e),
            }
        }
        _ => host.run_due(20).map(|_| 0),
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let written = answers.iter().flatten().sum::<u32>() == 1;
    let view = taxpayer_on(&hosts.world.core, taxpayer).interaction().conversation(conversation).map_err(|e| e.to_string())?;
    let closed = hosts.count(&format!(
        "SELECT count(*) FROM journal WHERE kind = 'conversation.closed' AND conversation = '\\x{0}' AND topic = '\\x63{0}'",
        conversation.uuid().simple()
    ))?;
    match (written, view.state) {
        (false, ConversationState::Closed) if closed == 1 => Ok(()),
        (true, ConversationState::Active) if closed == 0 => hosts.close(&entered),
        (_, state) => Err(format!("written {written}, closed {closed} times, now {state:?}")),
    }
}

fn keys_are_forgotten_once(hosts: &mut Hosts) -> Result<(), String> {
    let ensured = hosts.race(|_, host| host.ensure_timers());
    ensure(ensured.iter().all(Result::is_ok), || format!("{ensured:?}"))?;
    hosts.advance(limits::IDEMPOTENCY_RETENTION * 3); // those that are kept by their period are kept longer
    let ran = hosts.race(|_, host| host.run_due(100));
    ensure(ran.iter().all(Result::is_ok), || format!("{ran:?}"))?;
    let (keys, timers) =
        (hosts.count("SELECT count(*) FROM idempotency")?, hosts.count("SELECT count(*) FROM timer WHERE kind = 'door.forget_keys'")?);
    ensure(keys == 0 && timers == 1, || format!("{keys} keys are left, {timers} timers forget them"))
}
