//! Rivals in appeals.

use std::collections::BTreeSet;

use zhengna_core::Error;
use zhengna_core::access::Permission;
use zhengna_core::appeal::{AnswerAppeal, AppealState, FileAppeal, Respondent};
use zhengna_core::error::Refusal;
use zhengna_core::operation::{ANSWER_APPEAL, BEGIN_COLLECTION, COLLECT, FILE_APPEAL, SET_CHANNEL, TAKE_BACK_ARRIVALS};
use zhengna_tests::arrivals::{arrivals, set_channel};
use zhengna_tests::world::{CHANGCHUN, NANGUAN, code};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&FILE_APPEAL], each_files_their_own),
    (&[&ANSWER_APPEAL, &FILE_APPEAL], an_appeal_is_answered_once),
    (&[&SET_CHANNEL, &BEGIN_COLLECTION, &COLLECT, &TAKE_BACK_ARRIVALS], a_table_given_by_all_is_taken_in_and_back_once),
];

fn complaint(text: String) -> FileAppeal {
    FileAppeal::new(Respondent::Authority(code(NANGUAN)), text)
}

fn each_files_their_own(hosts: &mut Hosts) -> Result<(), String> {
    let taxpayer = hosts.taxpayers(1)?[0];
    let filed = hosts.race(|n, host| taxpayer_on(host, taxpayer).appeals().file(complaint(format!("第{n}件"))).wait());
    let ids: BTreeSet<_> = filed.iter().flatten().map(|f| f.appeal).collect();
    ensure(ids.len() == RIVALS, || format!("{RIVALS} were filed, {} are there: {filed:?}", ids.len()))
}

fn an_appeal_is_answered_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, n) = (hosts.taxpayers(1)?[0], hosts.fresh());
    let handler = hosts.world.appoint(&format!("L{n:07}"), CHANGCHUN, &[Permission::HandleAppeals]);
    let file = || taxpayer_on(&hosts.world.core, taxpayer).appeals().file(complaint("无人接待".into())).wait();
    let appeal = insist(file).map_err(|e| format!("filing: {e}"))?.appeal;
    let answers = hosts.race(|n, host| {
        hosts.officer_on(host, handler).appeals().answer(AnswerAppeal { appeal, text: format!("第{n}个答复") }).wait().map(|_| n)
    });
    let won: Vec<usize> = answers.iter().flatten().copied().collect();
    let [winner] = won[..] else { return Err(format!("answered by {won:?}: {answers:?}")) };
    let over = |e: &Error| *e == Error::Refused(Refusal::AppealClosed);
    ensure(answers.iter().filter_map(|a| a.as_ref().err()).all(over), || format!("{answers:?}"))?;
    let read = taxpayer_on(&hosts.world.core, taxpayer).appeals().appeal(appeal).map_err(|e| e.to_string())?;
    ensure(read.state == AppealState::Closed && read.answer == Some(format!("第{winner}个答复")), || format!("{read:?}"))
}

/// Three rows that are new, taken in by all; then taken back by all.
fn a_table_given_by_all_is_taken_in_and_back_once(hosts: &mut Hosts) -> Result<(), String> {
    let list = arrivals(hosts.fresh() as u64, 3);
    let set = hosts.race(|_, host| insist(|| host.as_system().appeals().set_channel(set_channel("hotline_12345")).wait()));
    ensure(set.iter().all(Result::is_ok), || format!("{set:?}"))?;
    let all = "SELECT count(*) FROM appeal";
    let before = hosts.count(all)?;
    let begun = hosts.race(|_, host| insist(|| host.as_system().appeals().begin_collection(&list).wait()));
    let of = *begun.first().and_then(|b| b.as_ref().ok()).ok_or_else(|| format!("{begun:?}"))?;
    ensure(begun.iter().all(|b| b.as_ref() == Ok(&of)), || format!("{begun:?}"))?;
    let taken = hosts.race(|_, host| insist(|| host.as_system().appeals().collect(of, &list, &mut |_| {})));
    let there = hosts.count(all)? - before;
    ensure(taken.iter().all(|t| t.as_ref().is_ok_and(|t| t.changed == 3)) && there == 3, || format!("{there} appeals: {taken:?}"))?;
    let back = hosts.race(|_, host| insist(|| host.as_system().appeals().take_back_collection(of, &mut |_| {})));
    let there = hosts.count(all)? - before;
    ensure(back.iter().all(Result::is_ok) && there == 0, || format!("{there} appeals are left: {back:?}"))?;
    let next = insist(|| hosts.world.core.as_system().appeals().begin_collection(&list).wait()).map_err(|e| e.to_string())?;
    ensure(next.attempt == of.attempt + 1, || format!("taken back once, and the next attempt is {}", next.attempt))
}
