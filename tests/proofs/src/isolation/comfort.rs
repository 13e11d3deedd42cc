//! Rivals in canned replies, in ratings and in what follows them.

use std::collections::BTreeSet;

use zhengna_core::access::Permission;
use zhengna_core::error::Refusal;
use zhengna_core::id::{ConversationId, TaxpayerId};
use zhengna_core::interaction::{
    AnswerFollowUp, DeleteCannedReply, DeleteOwnCannedReply, FindCannedReplies, Grade, PutCannedReply, PutOwnCannedReply, Rate, Revisit,
    RevisitFollowUp,
};
use zhengna_core::operation::{
    ANSWER_FOLLOW_UP, DELETE_CANNED_REPLY, DELETE_OWN_CANNED_REPLY, FOLLOW_UP_DUE, PUT_CANNED_REPLY, PUT_OWN_CANNED_REPLY, RATE,
    RECOMPUTE_DUE, REVISIT_FOLLOW_UP, RUN_DUE,
};
use zhengna_core::{Core, Error, limits};
use zhengna_tests::approval::approve;
use zhengna_tests::calendar::notice;
use zhengna_tests::world::{NANGUAN, PROVINCE, code};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&PUT_CANNED_REPLY, &DELETE_CANNED_REPLY], a_reply_is_changed_or_deleted),
    (&[&PUT_OWN_CANNED_REPLY, &DELETE_OWN_CANNED_REPLY], an_own_reply_is_deleted_once),
    (&[&RATE], a_service_is_rated_once),
    (&[&ANSWER_FOLLOW_UP, &REVISIT_FOLLOW_UP], a_low_rating_is_answered_once_and_called_back_once),
    (&[&RUN_DUE, &FOLLOW_UP_DUE, &RECOMPUTE_DUE], a_follow_up_is_computed_anew_and_found_overdue_once),
];

/// One deletes it while the others change it: whoever comes later finds nothing, and one reply more or less is there.
fn a_reply_is_changed_or_deleted(hosts: &mut Hosts) -> Result<(), String> {
    let (topic, supervisor) = (format!("主题{}", hosts.fresh()), hosts.world.supervisor);
    let put = |reply, n: usize| PutCannedReply { reply, authority: code(NANGUAN), topic: topic.clone(), text: format!("第{n}句") };
    let desk = |host: &Core| hosts.officer_on(host, supervisor);
    let written = desk(&hosts.world.core).interaction().put_canned_reply(put(None, 0)).wait().map_err(|e| e.to_string())?;
    let answers = hosts.race(|n, host| match n {
        0 => desk(host).interaction().delete_canned_reply(DeleteCannedReply { reply: written.reply }).wait(),
        _ => desk(host).interaction().put_canned_reply(put(Some(written.reply), n)).wait(),
    });
    let gone = |e: &Error| matches!(e, Error::NotFound { .. });
    ensure(answers[0].is_ok() && answers.iter().filter_map(|a| a.as_ref().err()).all(gone), || format!("{answers:?}"))?;
    let asked = FindCannedReplies { find: Some(topic.clone()), limit: 10 };
    let left = desk(&hosts.world.core).interaction().managed_canned_replies(asked).map_err(|e| e.to_string())?;
    ensure(left.is_empty(), || format!("deleted, and {} are left", left.len()))
}

fn an_own_reply_is_deleted_once(hosts: &mut Hosts) -> Result<(), String> {
    let (topic, officer) = (format!("主题{}", hosts.fresh()), hosts.world.officers[0]);
    let desk = |host: &Core| hosts.officer_on(host, officer);
    let put = |n: usize| PutOwnCannedReply { reply: None, topic: topic.clone(), text: format!("第{n}句") };
    let written = hosts.race(|n, host| desk(host).interaction().put_own_canned_reply(put(n)).wait());
    let ids: BTreeSet<_> = written.iter().flatten().map(|w| w.reply).collect();
    ensure(ids.len() == RIVALS, || format!("{RIVALS} wrote {}: {written:?}", ids.len()))?;
    for reply in ids {
        let deleted = hosts.race(|_, host| desk(host).interaction().delete_own_canned_reply(DeleteOwnCannedReply { reply }).wait());
        let gone = |e: &Error| matches!(e, Error::NotFound { .. });
        let once = deleted.iter().filter(|d| d.is_ok()).count() == 1;
        ensure(once && deleted.iter().filter_map(|d| d.as_ref().err()).all(gone), || format!("{deleted:?}"))?;
    }
    Ok(())
}

/// One that was served and is over.
fn over(hosts: &mut Hosts) -> Result<(TaxpayerId, ConversationId), String> {
    let (taxpayer, entered) = hosts.served()?;
    hosts.close(&entered)?;
    Ok((taxpayer, entered.conversation))
}

fn low(conversation: ConversationId) -> Rate {
    Rate { conversation, grade: Grade::Dissatisfied, reasons: Vec::new(), comment: Some("慢".into()) }
}

fn rows(hosts: &Hosts, table: &str, conversation: ConversationId, and: &str) -> Result<i64, String> {
    hosts.count(&format!("SELECT count(*) FROM {table} WHERE conversation = '\\x{}' {and}", conversation.uuid().simple()))
}

fn a_service_is_rated_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, conversation) = over(hosts)?;
    let answers = hosts.race(|_, host| taxpayer_on(host, taxpayer).interaction().rate(low(conversation)).wait());
    let refused = |e: &Error| *e == Error::Refused(Refusal::RatedAlready);
    let once = answers.iter().filter(|a| a.is_ok()).count() == 1;
    ensure(once && answers.iter().filter_map(|a| a.as_ref().err()).all(refused), || format!("{answers:?}"))?;
    let (ratings, follow_ups) = (rows(hosts, "rating", conversation, "")?, rows(hosts, "follow_up", conversation, "")?);
    ensure((ratings, follow_ups) == (1, 1), || format!("{ratings} ratings, {follow_ups} follow-ups"))
}

fn a_low_rating_is_answered_once_and_called_back_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, conversation) = over(hosts)?;
    insist(|| taxpayer_on(&hosts.world.core, taxpayer).interaction().rate(low(conversation)).wait()).map_err(|e| e.to_string())?;
    let supervisor = hosts.world.supervisor;
    let answered = hosts.race(|n, host| {
        let answer = AnswerFollowUp::new(conversation, format!("第{n}次说明"));
        hosts.officer_on(host, supervisor).interaction().answer_follow_up(answer).wait()
    });
    let revisited = hosts.race(|_, host| {
        let heard = RevisitFollowUp { conversation, revisit: Revisit::Content, note: "满意".into() };
        hosts.officer_on(host, supervisor).interaction().revisit_follow_up(heard).wait()
    });
    for answers in [answered, revisited] {
        let later = |e: &Error| *e == Error::Refused(Refusal::FollowUpState);
        let once = answers.iter().filter(|a| a.is_ok()).count() == 1;
        ensure(once && answers.iter().filter_map(|a| a.as_ref().err()).all(later), || format!("{answers:?}"))?;
    }
    Ok(())
}

fn a_follow_up_is_computed_anew_and_found_overdue_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, conversation) = over(hosts)?;
    insist(|| taxpayer_on(&hosts.world.core, taxpayer).interaction().rate(low(conversation)).wait()).map_err(|e| e.to_string())?;
    let (staff_no, year) = (format!("2203{:04}", hosts.fresh()), 2030 + hosts.fresh() as i32 % 60);
    let checker = hosts.world.appoint(&staff_no, PROVINCE, &[Permission::ApproveCalendar]);
    let proposed = insist(|| hosts.world.session_of(hosts.world.supervisor).calendar().propose(notice(year)).wait());
    let proposed = proposed.map_err(|e| e.to_string())?;
    insist(|| approve(&hosts.world.session_of(checker), &proposed)).map_err(|e| e.to_string())?;
    let number = hosts.count("SELECT max(number) FROM approval WHERE family = 'calendar'")?;
    let ran = hosts.race(|_, host| host.run_due(50));
    ensure(ran.iter().all(Result::is_ok), || format!("{ran:?}"))?;
    insist(|| hosts.world.core.run_due(50)).map_err(|e| e.to_string())?;
    let anew = rows(hosts, "follow_up", conversation, &format!("AND calendar = {number}"))?;
    ensure(anew == 1, || "it was not computed anew".to_owned())?;
    hosts.advance(std::time::Duration::from_secs(20 * 86_400));
    let ran = hosts.race(|_, host| host.run_due(50));
    ensure(ran.iter().all(Result::is_ok), || format!("{ran:?}"))?;
    hosts.advance(limits::TIMER_LEASE);
    while insist(|| hosts.world.core.run_due(50)).map_err(|e| e.to_string())? > 0 {}
    let overdue = rows(hosts, "follow_up", conversation, "AND overdue_at IS NOT NULL")?;
    let left = hosts.count(&format!("SELECT count(*) FROM timer WHERE subject = '\\x{}'", conversation.uuid().simple()))?;
    ensure((overdue, left) == (1, 0), || format!("overdue {overdue} times, {left} timers are left"))
}
