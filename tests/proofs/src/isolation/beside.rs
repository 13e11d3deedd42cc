//! Rivals beside a conversation: who takes part in it, who whispers, and which of two goes on.

use std::collections::BTreeSet;

use zhengna_core::access::Permission;
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, OfficerId};
use zhengna_core::interaction::{
    AskColleague, Claim, Close, ConversationState, Join, Leave, Merge, Outcome as Ending, SendMessage, StepOut, Whisper,
};
use zhengna_core::operation::{ASK_COLLEAGUE, CLAIM, CLOSE, JOIN, LEAVE, MERGE, SEND, STEP_OUT, WHISPER};
use zhengna_core::{Core, Error};
use zhengna_tests::world::NANGUAN;

use super::History;
use super::held::{holds, told};
use super::hosts::{Hosts, RIVALS, ensure, enter, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&JOIN, &STEP_OUT], one_of_two_joins_and_steps_out_once),
    (&[&JOIN, &STEP_OUT, &CLOSE], nobody_takes_part_behind_the_end),
    (&[&WHISPER, &ASK_COLLEAGUE, &SEND], whispers_are_numbered_without_gaps),
    (&[&MERGE], one_of_two_goes_on_whichever_side_it_is_merged_from),
    (&[&MERGE, &CLAIM, &LEAVE], what_waits_is_merged_or_claimed_or_left),
];

/// Two who supervise and serve taxpayers.
fn chiefs(hosts: &mut Hosts) -> [OfficerId; 2] {
    [(); 2].map(|()| {
        let staff_no = format!("2204{:04}", hosts.fresh());
        hosts.world.appoint(&staff_no, NANGUAN, &[Permission::SuperviseInteraction, Permission::ServeTaxpayers])
    })
}

fn one_of_two_joins_and_steps_out_once(hosts: &mut Hosts) -> Result<(), String> {
    let chiefs = chiefs(hosts);
    let (_, entered) = hosts.served()?;
    let conversation = entered.conversation;
    // Each of them on both hosts.
    let answers = hosts.race(|n, host| {
        let join = Join { conversation, reason: "协助".into() };
        hosts.officer_on(host, chiefs[n / 2 % 2]).interaction().join(join).wait()
    });
    let joined: BTreeSet<usize> = (0..RIVALS).filter(|n| answers[*n].is_ok()).map(|n| n / 2 % 2).collect();
    let refused = |e: &Error| *e == Error::Refused(Refusal::JoinedAlready);
    let one = joined.len() == 1 && answers.iter().filter_map(|a| a.as_ref().err()).all(refused);
    ensure(one && answers.iter().filter(|a| a.is_ok()).count() == RIVALS / 2, || format!("{answers:?}"))?;
    let rows = told(hosts, conversation, "conversation.joined")?;
    ensure(rows == 1, || format!("told {rows} times that somebody joined"))?;
    let winner = chiefs[joined.first().copied().unwrap_or_default()];
    let answers = hosts.race(|_, host| hosts.officer_on(host, winner).interaction().step_out(StepOut { conversation }).wait());
    let gone = |e: &Error| matches!(e, Error::NotFound { .. } | Error::Refused(Refusal::NotJoined));
    let once = answers.iter().filter(|a| a.is_ok()).count() == 1;
    ensure(once && answers.iter().filter_map(|a| a.as_ref().err()).all(gone), || format!("{answers:?}"))?;
    let rows = told(hosts, conversation, "conversation.stepped_out")?;
    ensure(rows == 1, || format!("told {rows} times that somebody stepped out"))?;
    hosts.close(&entered)
}

fn nobody_takes_part_behind_the_end(hosts: &mut Hosts) -> Result<(), String> {
    let chiefs = chiefs(hosts);
    let (_, entered) = hosts.served()?;
    let (conversation, officer) = (entered.conversation, hosts.world.officers[0]);
    let answers = hosts.race(|n, host| match n {
        0 => {
            let close = Close { conversation, outcome: Ending::Resolved, note: None };
            hosts.officer_on(host, officer).interaction().close(close).wait().map(drop)
        }
        1 | 2 => hosts.officer_on(host, chiefs[n % 2]).interaction().step_out(StepOut { conversation }).wait().map(drop),
        _ => {
            let join = Join { conversation, reason: "协助".into() };
            hosts.officer_on(host, chiefs[n % 2]).interaction().join(join).wait().map(drop)
        }
    });
    let refused = |e: &Error| {
        let known = [Refusal::JoinedAlready, Refusal::ConversationClosed, Refusal::NotJoined];
        matches!(e, Error::NotFound { .. }) || known.into_iter().any(|r| *e == Error::Refused(r))
    };
    ensure(answers[0].is_ok() && answers.iter().filter_map(|a| a.as_ref().err()).all(refused), || format!("{answers:?}"))?;
    let over = holds(hosts, conversation, "state = 'closed' AND joined IS NULL")?;
    let id = conversation.uuid().simple();
    // On their own desks each hears of every beginning and every end of it.
    let desks = format!("FROM journal WHERE conversation = '\\x{id}' AND topic <> '\\x63{id}' AND kind = 'conversation");
    let (came, went) =
        (hosts.count(&format!("SELECT count(*) {desks}.joined'"))?, hosts.count(&format!("SELECT count(*) {desks}.stepped_out'"))?);
    ensure(over && came == went, || format!("let go: {over}; {came} joined, {went} heard that it is over for them"))
}

fn whispers_are_numbered_without_gaps(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, entered) = hosts.served()?;
    let (conversation, supervisor, officer) = (entered.conversation, hosts.world.supervisor, hosts.world.officers[0]);
    let answers = hosts.race(|n, host| match n {
        0 => taxpayer_on(host, taxpayer).interaction().send(SendMessage::new(conversation, "在吗")).wait().map(|_| None),
        n if n % 2 == 0 => {
            let ask = AskColleague { conversation, staff_no: "22010001".into(), text: format!("第{n}问"), confirmed: false };
            hosts.officer_on(host, officer).interaction().ask_colleague(ask).wait().map(|w| Some(w.number))
        }
        _ => {
            let whisper = Whisper { conversation, text: format!("第{n}句"), confirmed: false };
            hosts.officer_on(host, supervisor).interaction().whisper(whisper).wait().map(|w| Some(w.number))
        }
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let numbers: BTreeSet<i64> = answers.iter().flatten().flatten().copied().collect();
    ensure(numbers.iter().copied().eq(1..RIVALS as i64), || format!("numbers {answers:?}"))?;
    let read = hosts.world.officer(0).interaction().whispers(conversation).map_err(|e| e.to_string())?;
    ensure(read.iter().map(|w| w.number).eq(1..RIVALS as i64), || format!("{} are there", read.len()))?;
    let asked = hosts.world.officer(1).interaction().whispers(conversation).map_err(|e| e.to_string())?.len();
    ensure(asked == RIVALS / 2 - 1, || format!("whoever is asked sees {asked} of them"))?;
    hosts.close(&entered)
}

/// A taxpayer in two lines; officer 0 has the first, and the second too where `both`.
fn parallel(
    hosts: &mut Hosts,
    both: bool,
) -> Result<(zhengna_core::id::TaxpayerId, [ConversationId; 2], zhengna_core::id::LineId), String> {
    let (taxpayer, first) = hosts.served()?;
    let line = hosts.line()?;
    let entered = insist(|| taxpayer_on(&hosts.world.core, taxpayer).interaction().enter(enter(line)).wait());
    let second = entered.map_err(|e| format!("entering: {e}"))?.conversation;
    if both {
        insist(|| hosts.world.officer(0).interaction().claim(Claim { line }).wait()).map_err(|e| format!("claiming: {e}"))?;
    }
    Ok((taxpayer, [first.conversation, second], line))
}

fn one_of_two_goes_on_whichever_side_it_is_merged_from(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, ids, _) = parallel(hosts, true)?;
    let officer = hosts.world.officers[0];
    // Each way from both hosts.
    let way = |n: usize| if (n / 2).is_multiple_of(2) { ids } else { [ids[1], ids[0]] };
    let answers = hosts.race(|n, host| {
        let [conversation, other] = way(n);
        hosts.officer_on(host, officer).interaction().merge(Merge { conversation, other }).wait()
    });
    let done: Vec<usize> = (0..RIVALS).filter(|n| answers[*n].is_ok()).collect();
    let [one] = done[..] else { return Err(format!("merged by {done:?}: {answers:?}")) };
    let refused = |e: &Error| *e == Error::Refused(Refusal::ConversationClosed) || matches!(e, Error::Invalid { .. });
    ensure(answers.iter().filter_map(|a| a.as_ref().err()).all(refused), || format!("{answers:?}"))?;
    let [kept, ended] = way(one);
    let look = |id| taxpayer_on(&hosts.world.core, taxpayer).interaction().conversation(id).map_err(|e| e.to_string());
    let (goes_on, over) = (look(kept)?, look(ended)?);
    let fits = goes_on.state == ConversationState::Active && over.state == ConversationState::Closed && over.merged_into == Some(kept);
    ensure(fits && goes_on.merged_into.is_none(), || format!("{kept} is {:?}, {ended} is {:?}", goes_on.state, over.state))?;
    let rows = (told(hosts, ended, "conversation.closed")?, merges_of(hosts, kept, ended)?);
    ensure(rows == (1, 1), || format!("told (closed, merged) {rows:?} times"))?;
    close(hosts, &hosts.world.core, officer, kept)
}

/// How often it was told that `other` goes on in `kept`.
fn merges_of(hosts: &Hosts, kept: ConversationId, other: ConversationId) -> Result<i64, String> {
    let (kept, other) = (kept.uuid().simple(), other.uuid().simple());
    hosts.count(&format!(
        "SELECT count(*) FROM journal WHERE kind = 'conversation.merged' AND topic = '\\x63{kept}' AND conversation = '\\x{other}'"
    ))
}

fn close(hosts: &Hosts, host: &Core, officer: OfficerId, conversation: ConversationId) -> Result<(), String> {
    let close = Close { conversation, outcome: Ending::Resolved, note: None };
    let closed = insist(|| hosts.officer_on(host, officer).interaction().close(close.clone()).wait());
    closed.map(drop).map_err(|e| format!("closing {conversation}: {e}"))
}

fn what_waits_is_merged_or_claimed_or_left(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, [kept, other], line) = parallel(hosts, false)?;
    let officers = hosts.world.officers.clone();
    let answers = hosts.race(|n, host| {
        let desk = |n: usize| hosts.officer_on(host, officers[n]);
        match n {
            0..4 => desk(0).interaction().merge(Merge { conversation: kept, other }).wait().map(drop),
            4 | 5 => desk(n - 3).interaction().claim(Claim { line }).wait().map(drop),
            _ => taxpayer_on(host, taxpayer).interaction().leave(Leave { conversation: other }).wait().map(drop),
        }
    });
    let done: Vec<usize> = (0..RIVALS).filter(|n| answers[*n].is_ok()).collect();
    let [one] = done[..] else { return Err(format!("done by {done:?}: {answers:?}")) };
    let known = |(n, e): (usize, &Error)| {
        let as_ended = match one {
            4 | 5 => [Refusal::HadByAnother, Refusal::AlreadyServed],
            _ => [Refusal::ConversationClosed, Refusal::ConversationClosed],
        };
        match n {
            0..4 if !(4..6).contains(&one) => matches!(e, Error::Invalid { .. }),
            4 | 5 => *e == Error::Refused(Refusal::NobodyWaiting),
            _ => as_ended.into_iter().any(|r| *e == Error::Refused(r)),
        }
    };
    let errors = answers.iter().enumerate().filter_map(|(n, a)| a.as_ref().err().map(|e| (n, e)));
    ensure(errors.into_iter().all(known), || format!("done by {one}: {answers:?}"))?;
    let merged = merges_of(hosts, kept, other)?;
    ensure(merged == i64::from(one < 4), || format!("done by {one}, and told {merged} times that it was merged"))?;
    if (4..6).contains(&one) {
        close(hosts, &hosts.world.core, officers[one - 3], other)?;
    }
    close(hosts, &hosts.world.core, officers[0], kept)
}
