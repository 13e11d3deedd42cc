//! Rivals in lines and conversations.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use zhengna_core::error::Refusal;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{
    Claim, Close, ConversationState, Leave, LineSettings, MarkRead, OpenLine, Outcome as Ending, Prioritise, ProposeLine, Recall,
    RequestCallback, SendMessage, Transfer, TransferTo,
};
use zhengna_core::limits;
use zhengna_core::operation::{
    BE_PRESENT, CLAIM, CLOSE, ENTER, LEAVE, MARK_READ, OPEN_LINE, PRIORITISE, PROPOSE_LINE, RECALL, REQUEST_CALLBACK, RETURN_HELD, SEND,
    TRANSFER,
};
use zhengna_core::{Core, Error};
use zhengna_tests::world::{NANGUAN, code};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, enter, insist, taxpayer_on};

/// How long somebody may take to wait for a lock.
const PATIENCE: Duration = Duration::from_secs(10);

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&OPEN_LINE], lines_are_opened),
    (&[&PROPOSE_LINE], a_change_of_a_line_waits_once),
    (&[&REQUEST_CALLBACK, &CLAIM], one_who_asks_to_be_called_back_is_served_once),
    (&[&TRANSFER, &CLOSE], a_conversation_is_handed_over_or_closed),
    (&[&RETURN_HELD, &BE_PRESENT, &CLAIM], an_officer_who_is_gone_gives_back_once),
    (&[&ENTER], one_taxpayer_enters_once),
    (&[&ENTER], many_enter_in_one_order),
    (&[&CLAIM], one_who_waits_is_claimed_once),
    (&[&ENTER, &CLAIM], whoever_is_claimed_had_entered_before),
    (&[&CLAIM, &LEAVE, &PRIORITISE], one_who_waits_leaves_or_is_claimed),
    (&[&SEND, &CLOSE], nothing_is_written_behind_the_end),
    (&[&MARK_READ, &SEND], marks_go_forward),
    (&[&RECALL, &SEND], a_message_is_recalled_once),
    (&[&ENTER, &LEAVE, &PRIORITISE, &CLAIM, &SEND, &CLOSE, &OPEN_LINE], one_key_has_one_effect_and_one_answer),
];

fn lines_are_opened(hosts: &mut Hosts) -> Result<(), String> {
    let name = hosts.fresh();
    let opened =
        hosts.race(|n, host| host.as_system().interaction().open_line(OpenLine::new(format!("{name}之{n}"), code(NANGUAN))).wait());
    let lines: BTreeSet<_> = opened.iter().flatten().map(|l| l.line).collect();
    ensure(lines.len() == RIVALS, || format!("{RIVALS} opened {} lines: {opened:?}", lines.len()))
}

fn a_change_of_a_line_waits_once(hosts: &mut Hosts) -> Result<(), String> {
    let (line, supervisor) = (hosts.line()?, hosts.world.supervisor);
    let answers = hosts.race(|n, host| {
        let settings = LineSettings::new(format!("改名{n}"));
        let cmd = ProposeLine { line: Some(line), authority: None, settings, reason: "服务需要".into() };
        hosts.officer_on(host, supervisor).interaction().propose_line(cmd).wait()
    });
    let opened: Vec<_> = answers.iter().flatten().collect();
    let [one] = opened[..] else { return Err(format!("{} changes of one line wait", opened.len())) };
    let pending = Error::Refused(Refusal::ApprovalPending(one.approval));
    ensure(answers.iter().filter_map(|a| a.as_ref().err()).all(|e| *e == pending), || format!("{answers:?}"))
}

fn one_who_asks_to_be_called_back_is_served_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, line, entered) = hosts.waiting()?;
    let (conversation, officers) = (entered.conversation, hosts.world.officers.clone());
    let answers = hosts.race(|n, host| match n {
        0 => hosts.officer_on(host, officers[0]).interaction().claim(Claim { line }).wait().map(|_| None),
        _ => taxpayer_on(host, taxpayer).interaction().request_callback(RequestCallback { conversation }).wait().map(|r| Some(r.reply_due)),
    });
    let served = |e: &Error| *e == Error::Refused(Refusal::AlreadyServed);
    ensure(answers[0].is_ok() && answers[1..].iter().filter_map(|a| a.as_ref().err()).all(served), || format!("{answers:?}"))?;
    let told: BTreeSet<_> = answers[1..].iter().flatten().collect();
    let kept = taxpayer_on(&hosts.world.core, taxpayer).interaction().conversation(conversation).map_err(|e| e.to_string())?.reply_due;
    ensure(told.len() <= 1 && told.iter().all(|due| **due == kept), || format!("told {told:?}, kept {kept:?}"))?;
    close(hosts, conversation)
}

fn a_conversation_is_handed_over_or_closed(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let (conversation, officer, line) = (entered.conversation, hosts.world.officers[0], hosts.line()?);
    let answers = hosts.race(|n, host| {
        let desk = hosts.officer_on(host, officer);
        if n < RIVALS / 2 {
            desk.interaction().close(Close { conversation, outcome: Ending::Resolved, note: None }).wait().map(drop)
        } else {
            desk.interaction().transfer(Transfer::new(conversation, TransferTo::Line(line), "请续办")).wait().map(drop)
        }
    });
    let done: Vec<usize> = (0..RIVALS).filter(|n| answers[*n].is_ok()).collect();
    let [one] = done[..] else { return Err(format!("done by {done:?}")) };
    let state = taxpayer_on(&hosts.world.core, taxpayer).interaction().conversation(conversation).map_err(|e| e.to_string())?.state;
    let wanted = if one < RIVALS / 2 { ConversationState::Closed } else { ConversationState::Waiting };
    ensure(state == wanted, || format!("done by {one}, and it is {state:?}"))
}

fn an_officer_who_is_gone_gives_back_once(hosts: &mut Hosts) -> Result<(), String> {
    let (_, line, entered) = hosts.waiting()?;
    let officers = hosts.world.officers.clone();
    let desk = |host: &Core, n: usize| hosts.officer_on(host, officers[n]);
    desk(&hosts.world.core, 0).interaction().claim(Claim { line }).wait().map_err(|e| format!("is claimed: {e}"))?;
    hosts.advance(limits::PRESENCE_LEASE + limits::OFFICER_GRACE);
    let answers = hosts.race(|n, host| match n {
        0 => desk(host, 0).interaction().be_present().wait().map(|_| 0),
        1 => match desk(host, 1).interaction().claim(Claim { line }).wait() {
            Err(Error::Refused(Refusal::NobodyWaiting)) => Ok(0),
            claimed => claimed.map(|_| 0),
        },
        _ => host.return_held(),
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let back: u64 = answers[2..].iter().flatten().sum();
    let waits = desk(&hosts.world.core, 2).interaction().waiting(line, 10).map_err(|e| e.to_string())?.first.len() as u64;
    ensure(back <= 1 && waits <= back, || format!("{back} went back, {waits} wait: {answers:?}"))?;
    if waits == 1 {
        desk(&hosts.world.core, 2).interaction().claim(Claim { line }).wait().map_err(|e| format!("waits, and is not claimed: {e}"))?;
    }
    close(hosts, entered.conversation)
}

/// Closes a conversation, whoever of the officers holds it.
fn close(hosts: &Hosts, conversation: ConversationId) -> Result<(), String> {
    let close = |officer| {
        let close = Close { conversation, outcome: Ending::Resolved, note: None };
        hosts.officer_on(&hosts.world.core, officer).interaction().close(close).wait().is_ok()
    };
    ensure(hosts.world.officers.iter().any(|officer| close(*officer)), || format!("nobody holds {conversation}"))
}

fn one_taxpayer_enters_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, line) = (hosts.taxpayers(1)?[0], hosts.line()?);
    let answers = hosts.race(|_, host| taxpayer_on(host, taxpayer).interaction().enter(enter(line)).wait());
    let entered: Vec<_> = answers.iter().flatten().collect();
    let [one] = entered[..] else { return Err(format!("entered {} times", entered.len())) };
    let refused = Error::Refused(Refusal::AlreadyInLine(one.conversation));
    ensure(one.ticket == 1 && answers.iter().filter_map(|a| a.as_ref().err()).all(|e| *e == refused), || format!("{answers:?}"))
}

fn many_enter_in_one_order(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayers, line) = (hosts.taxpayers(RIVALS)?, hosts.line()?);
    let answers = hosts.race(|n, host| taxpayer_on(host, taxpayers[n]).interaction().enter(enter(line)).wait());
    let tickets: BTreeSet<i64> = answers.iter().flatten().map(|e| e.ticket).collect();
    ensure(tickets.iter().copied().eq(1..=RIVALS as i64), || format!("{answers:?}"))
}

/// A claim that waits for its line takes whoever enters meanwhile, and stands in the journal behind them: else their socket, which learns of
/// the conversation by the entry, is never told.
fn whoever_is_claimed_had_entered_before(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, line, officer) = (hosts.taxpayers(1)?[0], hosts.line()?, hosts.world.officers[0]);
    let mut outside = hosts.outside()?;
    let lock = format!("BEGIN; SELECT FROM line WHERE id = '\\x{}' FOR UPDATE", line.uuid().simple());
    outside.batch_execute(&lock).map_err(|e| e.to_string())?;
    let until_waiting = |many: i64| {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let until = Instant::now() + PATIENCE;
        while hosts.count(waiting)? < many {
            ensure(Instant::now() < until, || format!("{many} never waited for the line"))?;
        }
        Ok::<(), String>(())
    };
    // Whoever waits for so long that the database cuts them off begins anew, behind the claim: then the order asked for was not reached.
    let mut waiters = || -> Result<BTreeSet<String>, String> {
        let since =
            "SELECT pid || ' ' || query_start FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let rows = outside.query(since, &[]).map_err(|e| e.to_string())?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    };
    let entered = taxpayer_on(hosts.host(0), taxpayer).interaction().enter(enter(line));
    until_waiting(1)?;
    let first = waiters()?;
    let claimed = hosts.officer_on(hosts.host(1), officer).interaction().claim(Claim { line });
    until_waiting(2)?;
    let in_order = waiters()?.is_superset(&first);
    outside.batch_execute("ROLLBACK").map_err(|e| e.to_string())?;
    let (entered, claimed) = (entered.wait().map_err(|e| e.to_string())?, claimed.wait());
    if !in_order {
        if claimed.is_err() {
            insist(|| hosts.officer_on(hosts.host(1), officer).interaction().claim(Claim { line }).wait()).map_err(|e| e.to_string())?;
        }
        hosts.close(&entered)?;
        return whoever_is_claimed_had_entered_before(hosts);
    }
    let claimed = claimed.map_err(|e| e.to_string())?;
    ensure(entered.conversation == claimed.conversation, || format!("{entered:?}, {claimed:?}"))?;
    let before = hosts.count(&format!(
        "SELECT count(*) FROM journal e JOIN journal c ON c.conversation = e.conversation AND (c.xid, c.seq) < (e.xid, e.seq)
         WHERE e.kind = 'conversation.entered' AND c.kind = 'conversation.claimed' AND e.conversation = '\\x{}'",
        entered.conversation.uuid().simple()
    ))?;
    ensure(before == 0, || "the claim stands in the journal before whom it took".into())?;
    hosts.close(&entered)
}

fn one_who_waits_is_claimed_once(hosts: &mut Hosts) -> Result<(), String> {
    let (_, line, entered) = hosts.waiting()?;
    let officers = hosts.world.officers.clone();
    let answers = hosts.race(|n, host| hosts.officer_on(host, officers[n]).interaction().claim(Claim { line }).wait());
    let winners: Vec<usize> = (0..RIVALS).filter(|n| answers[*n].is_ok()).collect();
    let [winner] = winners[..] else { return Err(format!("claimed by {winners:?}")) };
    let nobody = |e: &Error| *e == Error::Refused(Refusal::NobodyWaiting);
    ensure(answers.iter().filter_map(|a| a.as_ref().err()).all(nobody), || format!("{answers:?}"))?;
    let desk = hosts.officer_on(&hosts.world.core, officers[winner]);
    let close = Close { conversation: entered.conversation, outcome: Ending::Resolved, note: None };
    desk.interaction().close(close).wait().map(drop).map_err(|e| format!("whoever claimed cannot close: {e}"))
}

fn one_who_waits_leaves_or_is_claimed(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, line, entered) = hosts.waiting()?;
    let (conversation, officers, supervisor) = (entered.conversation, hosts.world.officers.clone(), hosts.world.supervisor);
    let answers = hosts.race(|n, host| match n {
        0 | 1 => taxpayer_on(host, taxpayer).interaction().leave(Leave { conversation }).wait().map(drop),
        2 | 3 => {
            let first = Prioritise { conversation, reason: "行动不便".into() };
            hosts.officer_on(host, supervisor).interaction().prioritise(first).wait().map(drop)
        }
        _ => hosts.officer_on(host, officers[n]).interaction().claim(Claim { line }).wait().map(drop),
    });
    let left = answers[..2].iter().filter(|a| a.is_ok()).count();
    let claimed: Vec<usize> = (4..RIVALS).filter(|n| answers[*n].is_ok()).collect();
    ensure(left + claimed.len() == 1, || format!("left {left} times, claimed by {claimed:?}"))?;
    let told = |e: &Error| {
        let before = [Refusal::NobodyWaiting, if left == 1 { Refusal::ConversationClosed } else { Refusal::AlreadyServed }];
        before.iter().any(|r| *e == Error::Refused(r.clone()))
    };
    ensure(answers.iter().filter_map(|a| a.as_ref().err()).all(told), || format!("left {left} times, and {answers:?}"))?;
    if let [winner] = claimed[..] {
        let close = Close { conversation, outcome: Ending::Resolved, note: None };
        let desk = hosts.officer_on(&hosts.world.core, officers[winner]);
        desk.interaction().close(close).wait().map_err(|e| format!("whoever claimed cannot close: {e}"))?;
    }
    Ok(())
}

fn nothing_is_written_behind_the_end(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let (conversation, officer) = (entered.conversation, hosts.world.officers[0]);
    let answers = hosts.race(|n, host| match n {
        0 | 1 => {
            let close = Close { conversation, outcome: Ending::Resolved, note: None };
            hosts.officer_on(host, officer).interaction().close(close).wait().map(|_| 0)
        }
        _ => taxpayer_on(host, taxpayer).interaction().send(SendMessage::new(conversation, format!("第{n}句"))).wait().map(|s| s.number),
    });
    let closed = answers[..2].iter().filter(|a| a.is_ok()).count();
    let numbers: BTreeSet<i64> = answers[2..].iter().flatten().copied().collect();
    let over = |e: &Error| *e == Error::Refused(Refusal::ConversationClosed);
    ensure(closed == 1 && answers.iter().filter_map(|a| a.as_ref().err()).all(over), || format!("closed {closed} times: {answers:?}"))?;
    let told = answers[2..].iter().flatten().count();
    ensure(numbers.iter().copied().eq(1..=told as i64), || format!("numbers {answers:?}"))?;
    let kept = taxpayer_on(&hosts.world.core, taxpayer).interaction().messages(conversation, 0, 200).map_err(|e| e.to_string())?;
    ensure(kept.len() == told, || format!("{told} were told that they wrote, {} messages are there", kept.len()))
}

fn marks_go_forward(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let (conversation, officer) = (entered.conversation, hosts.world.officers[0]);
    let send = |host: &Core, text: &str| taxpayer_on(host, taxpayer).interaction().send(SendMessage::new(conversation, text)).wait();
    (0..RIVALS).try_for_each(|_| send(&hosts.world.core, "在吗").map(drop)).map_err(|e| format!("writing: {e}"))?;
    let before = hosts.world.core.journal_end().map_err(|e| e.to_string())?;
    let answers = hosts.race(|n, host| match n {
        0 => send(host, "还在吗").map(|_| 0),
        _ => hosts.officer_on(host, officer).interaction().mark_read(vec![MarkRead { conversation, number: n as i64 }]).wait(),
    });
    let moved: u64 = answers.iter().flatten().sum();
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let view = taxpayer_on(&hosts.world.core, taxpayer).interaction().conversation(conversation).map_err(|e| e.to_string())?;
    ensure(view.officer_read == RIVALS as i64 - 1, || format!("the mark stands at {}", view.officer_read))?;
    ensure(view.last_number == RIVALS as i64 + 1, || format!("{} messages", view.last_number))?;
    let events = zhengna_tests::world::settle(
        &hosts.world.core,
        |core| core.journal_after(before, 200).unwrap_or_default().iter().filter(|e| e.kind.as_str() == "messages.read").count() as u64,
        |seen| *seen == moved,
    );
    ensure(events == moved, || format!("{moved} moves, {events} events"))?;
    hosts.close(&entered)
}

/// Others write meanwhile: every call is told the same instant, and it is told live once.
fn a_message_is_recalled_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let conversation = entered.conversation;
    let send = |host: &Core| taxpayer_on(host, taxpayer).interaction().send(SendMessage::new(conversation, "发错了")).wait();
    send(&hosts.world.core).map_err(|e| e.to_string())?;
    let answers = hosts.race(|n, host| match n % 2 {
        0 => taxpayer_on(host, taxpayer).interaction().recall(Recall { conversation, number: 1 }).wait().map(|r| Some(r.recalled_at)),
        _ => send(host).map(|_| None),
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let times: BTreeSet<_> = answers.iter().flatten().flatten().collect();
    ensure(times.len() == 1, || format!("recalled at {times:?}"))?;
    let told = hosts.count(&format!(
        "SELECT count(*) FROM journal WHERE kind = 'message.recalled' AND conversation = '\\x{}'",
        conversation.uuid().simple()
    ))?;
    ensure(told == 1, || format!("told {told} times"))?;
    hosts.close(&entered)
}

/// A repeat may come while the first call is still under way, on another host.
fn one_key_has_one_effect_and_one_answer(hosts: &mut Hosts) -> Result<(), String> {
    let key = format!("key-{}", hosts.fresh());
    let keyed = |session: zhengna_core::Session| session.with_key(&key);
    let one = |what: &str, answers: Vec<Result<String, Error>>| {
        let alike = answers.iter().all(|a| a.is_ok() && *a == answers[0]);
        ensure(alike, || format!("repeats of one {what} with one key differ: {answers:?}"))
    };
    let name = format!("钥匙{key}");
    let opened = hosts.race(|_, host| {
        let open = OpenLine::new(name.clone(), code(NANGUAN));
        keyed(host.as_system())?.interaction().open_line(open).wait().map(|l| l.line.to_string())
    });
    one("opening", opened)?;

    let (taxpayer, line) = (hosts.taxpayers(1)?[0], hosts.line()?);
    let (officer, supervisor) = (hosts.world.officers[0], hosts.world.supervisor);
    let entered = hosts.race(|_, host| keyed(taxpayer_on(host, taxpayer))?.interaction().enter(enter(line)).wait());
    let conversation = entered.iter().flatten().next().ok_or_else(|| format!("{entered:?}"))?.conversation;
    one("entering", entered.into_iter().map(|e| e.map(|e| format!("{e:?}"))).collect())?;

    let first = Prioritise { conversation, reason: "行动不便".into() };
    let prioritised = |_, host: &Core| keyed(hosts.officer_on(host, supervisor))?.interaction().prioritise(first.clone()).wait();
    one("letting first", hosts.race(prioritised).into_iter().map(|p| p.map(|p| format!("{p:?}"))).collect())?;

    let claimed = |_, host: &Core| keyed(hosts.officer_on(host, officer))?.interaction().claim(Claim { line }).wait();
    one("claim", hosts.race(claimed).into_iter().map(|c| c.map(|c| format!("{c:?}"))).collect())?;

    let send = SendMessage::new(conversation, "一句");
    let sent = |_, host: &Core| keyed(taxpayer_on(host, taxpayer))?.interaction().send(send.clone()).wait();
    one("message", hosts.race(sent).into_iter().map(|s| s.map(|s| format!("{s:?}"))).collect())?;
    let kept = taxpayer_on(&hosts.world.core, taxpayer).interaction().messages(conversation, 0, 9).map_err(|e| e.to_string())?;
    ensure(kept.len() == 1, || format!("one message with one key is there {} times", kept.len()))?;

    let close = Close { conversation, outcome: Ending::Resolved, note: None };
    let closed = |_, host: &Core| keyed(hosts.officer_on(host, officer))?.interaction().close(close.clone()).wait();
    one("close", hosts.race(closed).into_iter().map(|c| c.map(|c| format!("{c:?}"))).collect())?;

    let (leaver, _, waits) = hosts.waiting()?;
    let leave = Leave { conversation: waits.conversation };
    let left = |_, host: &Core| keyed(taxpayer_on(host, leaver))?.interaction().leave(leave.clone()).wait();
    one("leaving", hosts.race(left).into_iter().map(|l| l.map(|l| format!("{l:?}"))).collect())
}
