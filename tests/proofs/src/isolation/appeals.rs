//! Rivals in appeals.

use std::collections::BTreeSet;

use zhengna_core::Error;
use zhengna_core::access::Permission;
use zhengna_core::appeal::{AnswerAppeal, AppealState, FileAppeal, Respondent};
use zhengna_core::error::Refusal;
use zhengna_core::operation::{ANSWER_APPEAL, FILE_APPEAL};
use zhengna_tests::world::{CHANGCHUN, NANGUAN, code};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] =
    &[(&[&FILE_APPEAL], each_files_their_own), (&[&ANSWER_APPEAL, &FILE_APPEAL], an_appeal_is_answered_once)];

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
