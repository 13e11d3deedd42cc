//! Rivals in conversations on hold, and in telling of those who are left without an answer.

use std::time::Duration;

use zhengna_core::error::Refusal;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{
    Claim, Close, Enter, Hold, LineHours, LineSettings, OpenLine, Outcome as Ending, RequestCallback, Resume, SendMessage,
};
use zhengna_core::operation::{
    CLAIM, CLOSE, ENTER, HOLD, HOLD_OVER, HOURS_OVER, REMIND_UNANSWERED, REPLY_DUE, REQUEST_CALLBACK, RESUME, RUN_DUE, SEND,
};
use zhengna_core::{Core, Error, limits};
use zhengna_tests::world::{NANGUAN, code};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&HOLD_OVER, &RESUME, &SEND, &RUN_DUE], what_is_on_hold_goes_on_once),
    (&[&HOLD, &SEND, &CLOSE], holds_and_messages_take_turns),
    (&[&HOLD, &RESUME, &CLAIM], no_more_are_on_hold_than_may_be),
    (&[&HOURS_OVER, &RUN_DUE, &ENTER, &REQUEST_CALLBACK], whoever_waits_at_closing_time_is_called_back_once),
    (&[&REPLY_DUE, &RUN_DUE, &REQUEST_CALLBACK], whoever_is_answered_late_is_told_of_once),
    (&[&REMIND_UNANSWERED, &RUN_DUE, &SEND], an_officer_is_reminded_once_and_those_who_supervise_are_told_once),
];

/// Whatever is due is done: what is raced for is due alone.
pub(super) fn nothing_due(hosts: &Hosts) -> Result<(), String> {
    while insist(|| hosts.world.core.run_due(100)).map_err(|e| e.to_string())? > 0 {}
    Ok(())
}

/// How often something was told in the topic of a conversation.
pub(super) fn told(hosts: &Hosts, conversation: ConversationId, kind: &str) -> Result<i64, String> {
    let id = conversation.uuid().simple();
    hosts.count(&format!("SELECT count(*) FROM journal WHERE kind = '{kind}' AND conversation = '\\x{id}' AND topic = '\\x63{id}'"))
}

/// How often something was told of a conversation on desks, in lines, or to whoever it was for.
pub(super) fn told_elsewhere(hosts: &Hosts, conversation: ConversationId, kind: &str) -> Result<i64, String> {
    let id = conversation.uuid().simple();
    hosts.count(&format!("SELECT count(*) FROM journal WHERE kind = '{kind}' AND conversation = '\\x{id}' AND topic <> '\\x63{id}'"))
}

/// One column of a conversation's row, as a condition.
pub(super) fn holds(hosts: &Hosts, conversation: ConversationId, condition: &str) -> Result<bool, String> {
    let id = conversation.uuid().simple();
    Ok(hosts.count(&format!("SELECT count(*) FROM conversation WHERE id = '\\x{id}' AND {condition}"))? == 1)
}

/// Its time is over, which both hosts see, while its taxpayer writes and its officer says that it goes on.
fn what_is_on_hold_goes_on_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let (conversation, officer) = (entered.conversation, hosts.world.officers[0]);
    // Once with somebody who says so, once with the clock alone.
    for alone in [false, true] {
        nothing_due(hosts)?;
        let before = told(hosts, conversation, "conversation.resumed")?;
        insist(|| hosts.world.officer(0).interaction().hold(Hold { conversation, minutes: 1 }).wait()).map_err(|e| e.to_string())?;
        hosts.advance(Duration::from_secs(60));
        let answers = hosts.race(|n, host| match n {
            0 | 1 if !alone => taxpayer_on(host, taxpayer).interaction().send(SendMessage::new(conversation, "找到了")).wait().map(drop),
            2 | 3 if !alone => hosts.officer_on(host, officer).interaction().resume(Resume { conversation }).wait().map(drop),
            _ => host.run_due(20).map(drop),
        });
        ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
        let resumed = told(hosts, conversation, "conversation.resumed")? - before;
        ensure(resumed == 1, || format!("it went on {resumed} times, alone: {alone}"))?;
        let goes_on = holds(hosts, conversation, "held_until IS NULL AND unanswered_since IS NOT NULL AND state = 'active'")?;
        ensure(goes_on, || "it does not go on, or nobody waits for an answer".into())?;
    }
    hosts.close(&entered)
}

/// The answer is due, which both hosts see, while the one who waits asks once more to be called back.
fn whoever_is_answered_late_is_told_of_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, _, entered) = hosts.waiting()?;
    let conversation = entered.conversation;
    let ask = |host: &Core| taxpayer_on(host, taxpayer).interaction().request_callback(RequestCallback { conversation }).wait();
    let due = insist(|| ask(&hosts.world.core)).map_err(|e| e.to_string())?.reply_due;
    hosts.advance(due.since(hosts.world.core.now()));
    let answers = hosts.race(|n, host| if n == 0 { ask(host).map(drop) } else { host.run_due(20).map(drop) });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    nothing_due(hosts)?;
    let told = told_elsewhere(hosts, conversation, "conversation.escalated")?;
    // Whoever asked first was promised anew: then it is not late yet.
    let anew = !holds(hosts, conversation, &format!("reply_due = {}", due.micros()))?;
    ensure(told == i64::from(!anew), || format!("told {told} times; promised anew: {anew}"))
}

/// The hours of a line are over, which both hosts see, while one of those who wait asks to be called back and somebody else comes.
fn whoever_waits_at_closing_time_is_called_back_once(hosts: &mut Hosts) -> Result<(), String> {
    let settings = LineSettings { hours: LineHours::OfficeHours, ..LineSettings::new(format!("办公时间{}", hosts.fresh())) };
    let cmd = OpenLine { authority: code(NANGUAN), settings, external_id: None };
    let line = insist(|| hosts.world.core.as_system().interaction().open_line(cmd.clone()).wait()).map_err(|e| e.to_string())?.line;
    let people = hosts.taxpayers(3)?;
    let served = |hosts: &Hosts| -> Result<bool, String> {
        let lines = taxpayer_on(&hosts.world.core, people[0]).interaction().lines().map_err(|e| e.to_string())?;
        Ok(lines.iter().any(|l| l.id == line && l.served))
    };
    while !served(hosts)? {
        hosts.advance(Duration::from_secs(3600));
    }
    nothing_due(hosts)?;
    let entered = |host: &Core, n: usize| taxpayer_on(host, people[n]).interaction().enter(Enter::new(line, "问")).wait();
    let waits = [0, 1].map(|n| insist(|| entered(&hosts.world.core, n)).map(|entered| entered.conversation));
    let [asks, waits] = waits.map(|id| id.map_err(|e| e.to_string()));
    let (asks, waits) = (asks?, waits?);
    while served(hosts)? {
        hosts.advance(Duration::from_secs(600));
    }
    let answers = hosts.race(|n, host| match n {
        0 => entered(host, 2).map(drop),
        1 => taxpayer_on(host, people[0]).interaction().request_callback(RequestCallback { conversation: asks }).wait().map(drop),
        _ => host.run_due(20).map(drop),
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    nothing_due(hosts)?;
    for id in [asks, waits] {
        let told = told(hosts, id, "conversation.callback_requested")?;
        let promised = holds(hosts, id, "reply_due IS NOT NULL AND state = 'waiting'")?;
        ensure(told == 1 && promised, || format!("told {told} times of being called back; promised: {promised}"))?;
    }
    Ok(())
}

/// One puts it on hold again and again, the other writes: each message ends a hold that was before it, none ends two, and what ends is
/// on hold no more.
fn holds_and_messages_take_turns(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let (conversation, officer) = (entered.conversation, hosts.world.officers[0]);
    let answers = hosts.race(|n, host| {
        let desk = hosts.officer_on(host, officer);
        match n {
            0 => {
                let close = Close { conversation, outcome: Ending::Resolved, note: None };
                insist(|| desk.interaction().hold(Hold { conversation, minutes: 5 }).wait()).map(drop).or_else(over)?;
                desk.interaction().close(close).wait().map(drop)
            }
            n if n % 2 == 0 => desk.interaction().hold(Hold { conversation, minutes: 5 }).wait().map(drop).or_else(over),
            _ => {
                let say = || taxpayer_on(host, taxpayer).interaction().send(SendMessage::new(conversation, "在吗")).wait();
                (0..2).try_for_each(|_| insist(say).map(drop)).or_else(over)
            }
        }
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let id = conversation.uuid().simple();
    let out_of_turn = hosts.count(&format!(
        "SELECT count(*) FROM (SELECT kind, lag(kind) OVER (ORDER BY seq) AS before FROM journal
         WHERE topic = '\\x63{id}' AND kind IN ('conversation.held', 'conversation.resumed')) AS told
         WHERE kind = 'conversation.resumed' AND before IS DISTINCT FROM 'conversation.held'"
    ))?;
    let over = holds(hosts, conversation, "state = 'closed' AND held_until IS NULL AND unanswered_since IS NULL")?;
    ensure(out_of_turn == 0 && over, || format!("went on {out_of_turn} times without having been on hold; closed and let go: {over}"))
}

/// Refused for nothing but that it is over.
fn over(e: Error) -> Result<(), Error> {
    if e == Error::Refused(Refusal::ConversationClosed) { Ok(()) } else { Err(e) }
}

/// The last place on hold is wanted for each of three, and what is on hold leaves room for no more than one of those who wait.
fn no_more_are_on_hold_than_may_be(hosts: &mut Hosts) -> Result<(), String> {
    let (line, officer) = (hosts.line()?, hosts.world.officers[0]);
    let desk = hosts.world.officer(0);
    let capacity = 3;
    let on_hold = limits::ON_HOLD_MAX as usize - 1;
    let mut taken = Vec::new();
    for taxpayer in hosts.taxpayers(on_hold + capacity + 2)? {
        let entered = insist(|| taxpayer_on(&hosts.world.core, taxpayer).interaction().enter(Enter::new(line, "问")).wait());
        let conversation = entered.map_err(|e| format!("entering: {e}"))?.conversation;
        if taken.len() < on_hold + capacity {
            insist(|| desk.interaction().claim(Claim { line }).wait()).map_err(|e| format!("claiming: {e}"))?;
        }
        if taken.len() < on_hold {
            insist(|| desk.interaction().hold(Hold { conversation, minutes: 60 }).wait()).map_err(|e| format!("holding: {e}"))?;
        }
        taken.push(conversation);
    }
    let answers = hosts.race(|n, host| {
        let desk = hosts.officer_on(host, officer);
        match n {
            0..6 => desk.interaction().hold(Hold { conversation: taken[on_hold + n % 3], minutes: 60 }).wait().map(|_| true),
            _ => match desk.interaction().claim(Claim { line }).wait() {
                Err(Error::Refused(Refusal::AtCapacity(_))) => Ok(false),
                claimed => claimed.map(|_| true),
            },
        }
    });
    let full = |e: &Error| *e == Error::Refused(Refusal::OnHoldMax(limits::ON_HOLD_MAX));
    let expected = answers[6..].iter().all(Result::is_ok) && answers[..6].iter().filter_map(|a| a.as_ref().err()).all(full);
    ensure(expected, || format!("{answers:?}"))?;
    let which: std::collections::BTreeSet<usize> = (0..6).filter(|n| answers[*n].is_ok()).map(|n| n % 3).collect();
    ensure(which.len() == 1, || format!("one place on hold, and {which:?} got one: {answers:?}"))?;
    let own = officer.uuid().simple();
    let of = |condition: &str| {
        hosts.count(&format!("SELECT count(*) FROM conversation WHERE officer = '\\x{own}' AND state = 'active' AND {condition}"))
    };
    let (held, talking) = (of("held_until IS NOT NULL")?, of("held_until IS NULL")?);
    let claimed = answers[6..].iter().flatten().filter(|claimed| **claimed).count();
    let most = claimed <= 1 && talking == capacity as i64 - 1 + claimed as i64;
    ensure(held == limits::ON_HOLD_MAX && most, || format!("{held} on hold, {talking} beside them, {claimed} claimed"))?;
    // What is on hold comes back however many are there.
    for conversation in &taken[..on_hold] {
        insist(|| desk.interaction().resume(Resume { conversation: *conversation }).wait()).map_err(|e| e.to_string())?;
    }
    for conversation in taken {
        let close = Close { conversation, outcome: Ending::Resolved, note: None };
        let closed = insist(|| desk.interaction().close(close.clone()).wait());
        if closed.is_err() {
            insist(|| desk.interaction().claim(Claim { line }).wait()).map_err(|e| format!("claiming the last: {e}"))?;
            insist(|| desk.interaction().close(close.clone()).wait()).map_err(|e| format!("closing the last: {e}"))?;
        }
    }
    Ok(())
}

/// Both hosts find that somebody waits for an answer, while the taxpayer asks once more: which changes nothing about since when.
fn an_officer_is_reminded_once_and_those_who_supervise_are_told_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let conversation = entered.conversation;
    nothing_due(hosts)?;
    for (after, told_now) in [(limits::UNANSWERED_S, (1, 0)), (limits::ESCALATE_S, (1, 1))] {
        hosts.advance(Duration::from_secs(after.unsigned_abs()));
        let answers = hosts.race(|n, host| match n {
            0 | 1 => taxpayer_on(host, taxpayer).interaction().send(SendMessage::new(conversation, "在吗")).wait().map(drop),
            _ => host.run_due(20).map(drop),
        });
        ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
        let reminded = told_elsewhere(hosts, conversation, "conversation.unanswered")?;
        let escalated = told_elsewhere(hosts, conversation, "conversation.escalated")?;
        ensure((reminded, escalated) == told_now, || format!("reminded {reminded} times, told of {escalated} times, not {told_now:?}"))?;
    }
    // An answer, and another question: from then on it is counted anew, though every host looks.
    let officer = hosts.world.officers[0];
    let answers = hosts.race(|n, host| {
        let say = |session: &zhengna_core::Session| session.interaction().send(SendMessage::new(conversation, "请看首页")).wait();
        match n {
            0 => insist(|| say(&hosts.officer_on(host, officer))).map(drop),
            _ => host.run_due(20).map(drop),
        }
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let again = taxpayer_on(&hosts.world.core, taxpayer);
    insist(|| again.interaction().send(SendMessage::new(conversation, "没有")).wait()).map_err(|e| e.to_string())?;
    hosts.advance(Duration::from_secs(limits::UNANSWERED_S.unsigned_abs()));
    let ran = hosts.race(|_, host| host.run_due(20));
    ensure(ran.iter().all(Result::is_ok), || format!("{ran:?}"))?;
    let reminded = told_elsewhere(hosts, conversation, "conversation.unanswered")?;
    ensure(reminded == 2, || format!("{RIVALS} looked at another question: reminded {reminded} times in all"))?;
    hosts.close(&entered)
}
