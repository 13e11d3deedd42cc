//! Rivals in putting forward, deciding and carrying out, and in who may do what.

use std::time::Duration;

use zhengna_core::access::{
    AccessChange, AddOfficer, EndGrant, GrantPost, Permission, Permissions, ProposeChange, RecordLeave, SetPost, TakeEmergencyPost,
};
use zhengna_core::approval::{ApprovalState, Decided, Delegate, Execution, Matter, Opened, Reject, Rule, SetRule, Step, Withdraw};
use zhengna_core::calendar::{Change, Date, DayHours, Draft, Span};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::{OfficerId, PostId};
use zhengna_core::identity::{Disclose, PersonalField, RequestDisclosure};
use zhengna_core::interaction::{LineSettings, ProposeLine};
use zhengna_core::operation::{
    ADD_OFFICER, APPROVE, DELEGATE, DISCLOSE, END_DELEGATION, END_GRANT, EXECUTE, GRANT_POST, PROPOSE_CHANGE, RECORD_LEAVE, REJECT,
    REQUEST_DISCLOSURE, TAKE_EMERGENCY_POST, WITHDRAW,
};
use zhengna_core::{Core, Error, limits};
use zhengna_tests::approval::{approve, execute, propose, reject};
use zhengna_tests::calendar::draft;
use zhengna_tests::world::{NANGUAN, PROVINCE, code};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&PROPOSE_CHANGE, &APPROVE], so_many_agree_and_the_last_of_them_puts_it_in_force),
    (&[&APPROVE], nobody_agrees_with_themselves),
    (&[&APPROVE, &DELEGATE], a_right_counts_once),
    (&[&APPROVE, &REJECT, &WITHDRAW], one_word_is_the_last),
    (&[&EXECUTE, &WITHDRAW], what_was_approved_is_carried_out_once),
    (&[&PROPOSE_CHANGE, &APPROVE, &GRANT_POST], an_account_is_for_one_thing),
    (&[&APPROVE, &GRANT_POST], nobody_is_given_what_must_stay_apart),
    (&[&TAKE_EMERGENCY_POST], nobody_takes_what_must_stay_apart),
    (&[&TAKE_EMERGENCY_POST, &REJECT], an_emergency_is_looked_at),
    (&[&DELEGATE, &END_DELEGATION], so_many_stand_in_and_each_ends_once),
    (&[&REQUEST_DISCLOSURE, &DISCLOSE], a_disclosure_is_shown_once),
    (&[&END_GRANT, &RECORD_LEAVE], what_ends_ends_once),
    (
        &[
            &ADD_OFFICER,
            &PROPOSE_CHANGE,
            &APPROVE,
            &WITHDRAW,
            &TAKE_EMERGENCY_POST,
            &END_GRANT,
            &DELEGATE,
            &END_DELEGATION,
            &RECORD_LEAVE,
            &REQUEST_DISCLOSURE,
        ],
        one_key_has_one_effect_and_one_answer,
    ),
];

/// Whoever decides about the calendar.
const CHECK: Permission = Permission::ApproveCalendar;
const DAY: Duration = Duration::from_secs(86_400);

fn told<R>(answer: Result<R, Error>, what: &str) -> Result<R, String> {
    answer.map_err(|e| format!("{what}: {e}"))
}

/// Somebody new with one post of their own.
fn officer(hosts: &mut Hosts, permissions: &[Permission]) -> OfficerId {
    let staff_no = format!("6{:07}", hosts.fresh());
    hosts.world.appoint(&staff_no, PROVINCE, permissions)
}

/// Somebody new without a post.
fn newcomer(hosts: &mut Hosts) -> Result<OfficerId, String> {
    let staff_no = format!("6{:07}", hosts.fresh());
    let new = AddOfficer { staff_no, name: "新人".into(), authority: code(NANGUAN), capacity: 1 };
    let system = hosts.world.core.as_system();
    told(insist(|| system.access().add_officer(new.clone()).wait()), "adding an officer").map(|o| o.officer)
}

fn put_forward(hosts: &Hosts, change: AccessChange) -> Result<Opened, String> {
    let administrator = hosts.world.session_of(hosts.world.administrator);
    told(insist(|| propose(&administrator, change.clone())), "putting forward")
}

/// Puts a change of who may do what in force.
fn changed(hosts: &Hosts, change: AccessChange) -> Result<(), String> {
    let opened = put_forward(hosts, change)?;
    let security = hosts.world.session_of(hosts.world.security);
    told(insist(|| approve(&security, &opened)), "agreeing").map(drop)
}

/// A post nobody has yet.
fn post(hosts: &mut Hosts, permissions: &[Permission], emergency: bool) -> Result<PostId, String> {
    let name = format!("权{}", hosts.fresh());
    changed(
        hosts,
        AccessChange::Post(SetPost { post: None, name: name.clone(), permissions: Permissions(permissions.into()), emergency }),
    )?;
    told(hosts.world.core.as_system().access().find_post(&name), "finding a post")?.ok_or_else(|| "no post".into())
}

/// What a matter of the calendar asks for from now on.
fn rule(hosts: &Hosts, matter: Matter, permission: Permission, votes: i64, execution: Execution) -> Result<(), String> {
    let steps = vec![Step { permission, votes }];
    changed(hosts, AccessChange::ApprovalRule(SetRule { matter, rule: Rule { steps, execution, valid_days: 30 }, source: "文".into() }))
}

fn hours(at: &str) -> Draft {
    let spans = vec![Span { from_min: 540, until_min: 960 }];
    let seasons = vec![DayHours { date: Date::from_ymd_opt(2027, 1, 1).unwrap_or_default(), spans }];
    draft(Change::OfficeHours { authority: code(at), seasons, exceptions: Vec::new() })
}

/// Filing periods of a year that nothing else waits for.
fn filing(hosts: &mut Hosts) -> Result<Opened, String> {
    let year = 2027 + (hosts.fresh() % 70) as i32;
    let last_days = (1..=12).map(|month| Date::from_ymd_opt(year, month, 16).unwrap_or_default()).collect();
    let draft = draft(Change::FilingPeriods { year, last_days });
    let maker = hosts.world.session_of(hosts.world.supervisor);
    told(insist(|| maker.calendar().propose(draft.clone()).wait()), "proposing")
}

fn errors<R>(answers: &[Result<R, Error>]) -> impl Iterator<Item = &Error> {
    answers.iter().filter_map(|a| a.as_ref().err())
}

fn refused(e: &Error, refusals: &[Refusal]) -> bool {
    refusals.iter().any(|r| *e == Error::Refused(r.clone()))
}

fn waits(e: &Error) -> bool {
    matches!(e, Error::Refused(Refusal::ApprovalPending(_)))
}

fn uuid_of(id: impl std::fmt::Display) -> String {
    id.to_string().replace('-', "")
}

/// Votes that cross each other at one step: three are needed, three count, one of them puts it in force; and across
/// approvals that are decided at once the numbers have no gap.
fn so_many_agree_and_the_last_of_them_puts_it_in_force(hosts: &mut Hosts) -> Result<(), String> {
    rule(hosts, Matter::FilingPeriods, CHECK, 3, Execution::AtOnce)?;
    let checkers: Vec<OfficerId> = (0..RIVALS).map(|_| officer(hosts, &[Permission::ApproveCalendar])).collect();
    let opened = filing(hosts)?;
    let answers = hosts.race(|n, host| approve(&hosts.officer_on(host, checkers[n]), &opened));
    let states = |state| answers.iter().flatten().filter(|d| d.state == state).count();
    let late = errors(&answers).all(|e| refused(e, &[Refusal::ApprovalDecided]));
    ensure(states(ApprovalState::Pending) == 2 && states(ApprovalState::Done) == 1 && late, || {
        format!("three votes of eight: {answers:?}")
    })?;
    let votes = hosts.count(&format!("SELECT count(*) FROM approval_vote WHERE approval = '\\x{}'", uuid_of(opened.approval)))?;
    ensure(votes == 3, || format!("three votes count, {votes} are kept"))?;

    rule(hosts, Matter::FilingPeriods, CHECK, 2, Execution::AtOnce)?;
    let several = (0..RIVALS / 2).map(|_| filing(hosts)).collect::<Result<Vec<_>, _>>()?;
    let answers = hosts.race(|n, host| approve(&hosts.officer_on(host, checkers[n]), &several[n / 2]));
    ensure(answers.iter().all(Result::is_ok), || format!("two votes of two: {answers:?}"))?;
    let mut numbers: Vec<i64> = answers.iter().flatten().filter_map(|d| d.number).collect();
    numbers.sort_unstable();
    let first = numbers.first().copied().unwrap_or_default();
    ensure(numbers.iter().copied().eq(first..first + several.len() as i64), || format!("{} in force, numbered {numbers:?}", several.len()))
}

/// One who may put forward and decide: whatever the moment, it is the other one's word that counts.
fn nobody_agrees_with_themselves(hosts: &mut Hosts) -> Result<(), String> {
    let (line, maker, other) = (hosts.line()?, hosts.world.supervisor, officer(hosts, &[Permission::ManageLines]));
    let (desk, settings) = (hosts.world.session_of(maker), LineSettings::new(hosts.fresh().to_string()));
    let cmd = ProposeLine { line: Some(line), authority: None, settings, reason: "服务需要".into() };
    let opened = told(insist(|| desk.interaction().propose_line(cmd.clone()).wait()), "proposing")?;
    let alone = insist(|| approve(&desk, &opened));
    ensure(alone == Err(Error::Refused(Refusal::OwnApproval)), || format!("one's own word counted: {alone:?}"))?;
    let answers = hosts.race(|n, host| approve(&hosts.officer_on(host, if n % 2 == 0 { maker } else { other }), &opened));
    let own = (0..RIVALS).filter(|n| n % 2 == 0 && answers[*n].is_ok()).count();
    ensure(own == 0, || format!("one's own word counted {own} times: {answers:?}"))?;
    let one = answers.iter().filter(|a| a.is_ok()).count() == 1;
    let late = errors(&answers).all(|e| refused(e, &[Refusal::OwnApproval, Refusal::ApprovalDecided]));
    ensure(one && late, || format!("{answers:?}"))
}

/// Whoever is away and whoever stands in for them have one right between them.
fn a_right_counts_once(hosts: &mut Hosts) -> Result<(), String> {
    rule(hosts, Matter::FilingPeriods, CHECK, 2, Execution::AtOnce)?;
    let giver = officer(hosts, &[Permission::ApproveCalendar]);
    let takers: Vec<OfficerId> = (0..limits::DELEGATIONS_MAX).map(|_| officer(hosts, &[])).collect();
    let (away, ends_at) = (hosts.world.session_of(giver), hosts.world.core.now().plus(DAY));
    for &taker in &takers {
        told(insist(|| away.approval().delegate(Delegate { taker, starts_at: None, ends_at }).wait()), "delegating")?;
    }
    let opened = filing(hosts)?;
    let answers = hosts.race(|n, host| {
        let who = if n < takers.len() { takers[n] } else { giver };
        approve(&hosts.officer_on(host, who), &opened)
    });
    let counted = answers.iter().filter(|a| a.is_ok()).count();
    ensure(counted == 1 && errors(&answers).all(|e| refused(e, &[Refusal::VotedAlready])), || {
        format!("one right counted {counted} times: {answers:?}")
    })
}

/// Agreed, rejected or withdrawn: whichever was first.
fn one_word_is_the_last(hosts: &mut Hosts) -> Result<(), String> {
    rule(hosts, Matter::FilingPeriods, CHECK, 1, Execution::AtOnce)?;
    let checkers: Vec<OfficerId> = (0..RIVALS).map(|_| officer(hosts, &[Permission::ApproveCalendar])).collect();
    let (opened, maker) = (filing(hosts)?, hosts.world.supervisor);
    let approval = opened.approval;
    let answers = hosts.race(|n, host| {
        let desk = hosts.officer_on(host, checkers[n]);
        match n % 3 {
            0 => approve(&desk, &opened),
            1 => reject(&desk, &opened),
            _ => hosts.officer_on(host, maker).approval().withdraw(Withdraw { approval, reason: "有误".into() }).wait(),
        }
    });
    let won: Vec<&Decided> = answers.iter().flatten().collect();
    let [one] = won[..] else { return Err(format!("decided {} times: {answers:?}", won.len())) };
    ensure(errors(&answers).all(|e| refused(e, &[Refusal::ApprovalDecided])), || format!("{answers:?}"))?;
    let numbered = one.number.is_some() == (one.state == ApprovalState::Done);
    let kept = hosts.count(&format!(
        "SELECT count(*) FROM approval WHERE id = '\\x{}' AND state = '{}'",
        uuid_of(approval),
        one.state.as_str()
    ))?;
    ensure(numbered && kept == 1, || format!("told {one:?}, {kept} rows say so"))
}

/// Whoever put it forward carries it out on two hosts, and takes it back.
fn what_was_approved_is_carried_out_once(hosts: &mut Hosts) -> Result<(), String> {
    rule(hosts, Matter::OfficeHours, CHECK, 1, Execution::Maker)?;
    let (checker, maker) = (officer(hosts, &[Permission::ApproveCalendar]), hosts.world.supervisor);
    let (desk, hours) = (hosts.world.session_of(maker), hours(NANGUAN));
    let opened = told(insist(|| desk.calendar().propose(hours.clone()).wait()), "proposing")?;
    let checked = hosts.world.session_of(checker);
    let agreed = told(insist(|| approve(&checked, &opened)), "agreeing")?;
    ensure(agreed.state == ApprovalState::Approved && agreed.number.is_none(), || format!("{agreed:?}"))?;
    let answers = hosts.race(|n, host| {
        let desk = hosts.officer_on(host, maker);
        match n {
            0 | 1 => desk.approval().withdraw(Withdraw { approval: opened.approval, reason: "有误".into() }).wait(),
            _ => execute(&desk, &opened),
        }
    });
    let won = answers.iter().filter(|a| a.is_ok()).count();
    ensure(won == 1 && errors(&answers).all(|e| refused(e, &[Refusal::ApprovalDecided])), || {
        format!("carried out {won} times: {answers:?}")
    })
}

/// Grants of these posts to one newcomer, each put forward.
fn grants_of(hosts: &Hosts, officer: OfficerId, posts: &[PostId]) -> Result<(Vec<Opened>, Vec<GrantPost>), String> {
    let grant = |post: &PostId| GrantPost { officer, post: *post, authority: code(NANGUAN), ends_at: None };
    let grants: Vec<GrantPost> = posts.iter().map(grant).collect();
    let opened = grants.iter().map(|grant| put_forward(hosts, AccessChange::Grant(grant.clone()))).collect::<Result<_, _>>()?;
    Ok((opened, grants))
}

/// Rivals that approve one grant or the other, or give it by the command line: so many times each post was given.
fn given(hosts: &mut Hosts, posts: &[PostId], refusals: &[Refusal]) -> Result<Vec<usize>, String> {
    let officer = newcomer(hosts)?;
    let (opened, grants) = grants_of(hosts, officer, posts)?;
    let security = hosts.world.security;
    let answers = hosts.race(|n, host| match n {
        0..4 => approve(&hosts.officer_on(host, security), &opened[n % 2]).map(drop),
        _ => host.as_system().access().grant_post(grants[n % 2].clone()).wait().map(drop),
    });
    let mut allowed = refusals.to_vec();
    allowed.push(Refusal::ApprovalDecided);
    ensure(errors(&answers).all(|e| refused(e, &allowed)), || format!("{answers:?}"))?;
    let won = |side: usize| (0..RIVALS).filter(|n| n % 2 == side && answers[*n].is_ok()).count();
    Ok(vec![won(0), won(1)])
}

fn an_account_is_for_one_thing(hosts: &mut Hosts) -> Result<(), String> {
    let (serving, auditing) = (post(hosts, &[Permission::ServeTaxpayers], false)?, post(hosts, &[Permission::ReadAudit], false)?);
    let given = given(hosts, &[serving, auditing], &[Refusal::OtherPlane])?;
    ensure(given.contains(&0) && given.iter().any(|n| *n > 0), || format!("of two kinds of account were given {given:?}"))?;
    // Two administrators put the same forward: it waits once.
    let (officer, second) = (newcomer(hosts)?, officer(hosts, &[Permission::ManageAccess]));
    let grant = AccessChange::Grant(GrantPost { officer, post: serving, authority: code(NANGUAN), ends_at: None });
    let administrators = [hosts.world.administrator, second];
    let answers = hosts.race(|n, host| {
        let desk = hosts.officer_on(host, administrators[n / 2 % 2]);
        desk.access().propose_change(ProposeChange { change: grant.clone(), reason: "需要".into() }).wait()
    });
    let opened: Vec<&Opened> = answers.iter().flatten().collect();
    let [one] = opened[..] else { return Err(format!("put forward {} times: {answers:?}", opened.len())) };
    ensure(errors(&answers).all(|e| refused(e, &[Refusal::ApprovalPending(one.approval)])), || format!("{answers:?}"))
}

const APART: Refusal = Refusal::Incompatible(Permission::ProposeCalendar, Permission::ApproveCalendar);

fn nobody_is_given_what_must_stay_apart(hosts: &mut Hosts) -> Result<(), String> {
    let posts = [post(hosts, &[Permission::ProposeCalendar], false)?, post(hosts, &[Permission::ApproveCalendar], false)?];
    for _ in 0..3 {
        let given = given(hosts, &posts, &[APART])?;
        ensure(given.contains(&0) && given.iter().any(|n| *n > 0), || format!("of two that stay apart were given {given:?}"))?;
    }
    Ok(())
}

fn emergency(post: PostId) -> TakeEmergencyPost {
    TakeEmergencyPost { post, authority: code(NANGUAN), minutes: 30, reason: "系统故障".into() }
}

fn nobody_takes_what_must_stay_apart(hosts: &mut Hosts) -> Result<(), String> {
    let posts = [post(hosts, &[Permission::ProposeCalendar], true)?, post(hosts, &[Permission::ApproveCalendar], true)?];
    for _ in 0..3 {
        let taker = officer(hosts, &[Permission::TakeEmergencyPost]);
        let session = hosts.world.session_of(taker).actor().clone();
        let answers = hosts.race(|n, host| host.as_actor(session.clone()).access().take_emergency_post(emergency(posts[n % 2])).wait());
        let taken = |side: usize| (0..RIVALS).filter(|n| n % 2 == side && answers[*n].is_ok()).count();
        // Whoever asks again for the same is told that the one taken waits to be looked at.
        ensure(errors(&answers).all(|e| refused(e, &[APART]) || waits(e)), || format!("{answers:?}"))?;
        let (one, other) = (taken(0), taken(1));
        ensure(one + other == 1, || format!("of two that stay apart were taken {one} and {other}"))?;
    }
    Ok(())
}

/// An emergency post is taken once until somebody has looked at it; one that is rejected has ended, once, and may be taken again.
fn an_emergency_is_looked_at(hosts: &mut Hosts) -> Result<(), String> {
    let post = post(hosts, &[Permission::ManageLines], true)?;
    let taker = officer(hosts, &[Permission::TakeEmergencyPost]);
    let answers = hosts.race(|_, host| hosts.officer_on(host, taker).access().take_emergency_post(emergency(post)).wait());
    ensure(errors(&answers).all(waits), || format!("{answers:?}"))?;
    let (taken, of) = (answers.iter().filter(|a| a.is_ok()).count() as i64, uuid_of(taker));
    let running = format!("SELECT count(*) FROM access_grant WHERE officer = '\\x{of}' AND post = '\\x{}'", uuid_of(post));
    let grants = hosts.count(&running)?;
    let to_see =
        hosts.count(&format!("SELECT count(*) FROM approval WHERE matter = 'emergency' AND about = '\\x{of}' AND state = 'pending'"))?;
    ensure([taken, grants, to_see] == [1; 3], || format!("{taken} were taken: {grants} grants, {to_see} to be looked at"))?;
    let security = hosts.world.security;
    let desk = hosts.world.session_of(security);
    let listed = told(desk.approval().list(zhengna_core::approval::Which::ForMe, None, 20), "listing")?.items;
    let one = listed.into_iter().find(|a| a.subject == format!("{taker}/{post}")).ok_or("it is not in the inbox")?;
    let answers = hosts.race(|_, host| {
        let reject = Reject { approval: one.id, digest: one.digest.clone(), reason: "无故".into() };
        hosts.officer_on(host, security).approval().reject(reject).wait()
    });
    let won = answers.iter().filter(|a| a.is_ok()).count();
    ensure(won == 1 && errors(&answers).all(|e| refused(e, &[Refusal::ApprovalDecided])), || format!("{answers:?}"))?;
    let now = hosts.world.core.now().micros();
    let over = hosts.count(&format!("{running} AND ends_at <= {now}"))?;
    ensure(over == 1, || format!("one was turned down, {over} have ended"))?;
    let again = hosts.race(|_, host| hosts.officer_on(host, taker).access().take_emergency_post(emergency(post)).wait());
    let won = again.iter().filter(|a| a.is_ok()).count();
    ensure(won == 1 && errors(&again).all(waits), || format!("after it was looked at it was taken {won} times: {again:?}"))
}

fn so_many_stand_in_and_each_ends_once(hosts: &mut Hosts) -> Result<(), String> {
    let giver = officer(hosts, &[Permission::ApproveCalendar]);
    let takers: Vec<OfficerId> = (0..RIVALS).map(|_| officer(hosts, &[])).collect();
    let ends_at = hosts.world.core.now().plus(DAY);
    let give = |n: usize, host: &Core| {
        hosts.officer_on(host, giver).approval().delegate(Delegate { taker: takers[n], starts_at: None, ends_at }).wait()
    };
    let answers = hosts.race(give);
    let made = answers.iter().filter(|a| a.is_ok()).count();
    let most = |e: &Error| matches!(e, Error::Invalid { problem: Problem::TooMany { .. }, .. });
    ensure(made == limits::DELEGATIONS_MAX as usize && errors(&answers).all(most), || format!("{made} stand in: {answers:?}"))?;
    let (n, delegation) = answers.iter().enumerate().find_map(|(n, a)| Some((n, a.as_ref().ok()?.delegation))).ok_or("nobody stands in")?;
    // Whoever stands in decides while the right is taken back: before it or not at all.
    rule(hosts, Matter::FilingPeriods, CHECK, 1, Execution::AtOnce)?;
    let opened = filing(hosts)?;
    let answers = hosts.race(|rival, host| match rival {
        0..4 => approve(&hosts.officer_on(host, takers[n]), &opened).map(|_| true),
        _ => hosts.officer_on(host, giver).approval().end_delegation(delegation).wait().map(|_| false),
    });
    let ended = answers.iter().flatten().filter(|agreed| !**agreed).count();
    let agreed = answers.iter().flatten().filter(|agreed| **agreed).count();
    let late = |e: &Error| refused(e, &[Refusal::ApprovalExpired, Refusal::ApprovalDecided]) || matches!(e, Error::Denied { .. });
    ensure(ended == 1 && agreed <= 1 && errors(&answers).all(late), || format!("ended {ended} times, agreed {agreed} times: {answers:?}"))?;
    let after = filing(hosts)?;
    let answer = insist(|| approve(&hosts.world.session_of(takers[n]), &after));
    ensure(matches!(answer, Err(Error::Denied { .. })), || format!("whose delegation has ended decides still: {answer:?}"))
}

fn a_disclosure_is_shown_once(hosts: &mut Hosts) -> Result<(), String> {
    let (guardian, taxpayer) = (officer(hosts, &[Permission::ApproveDisclosure]), hosts.taxpayers(1)?[0]);
    let (asker, fields) = (hosts.world.supervisor, vec![PersonalField::Name, PersonalField::Phone]);
    let asked = RequestDisclosure { taxpayers: vec![taxpayer], fields, authority: code(NANGUAN), reason: "专项核查".into() };
    let requests = hosts.race(|_, host| hosts.officer_on(host, asker).identity().request_disclosure(asked.clone()).wait());
    let Some(opened) = requests.iter().flatten().next() else { return Err(format!("{requests:?}")) };
    let approval = opened.approval;
    let put = requests.iter().filter(|r| r.is_ok()).count();
    ensure(put == 1 && errors(&requests).all(waits), || format!("asked for the same {put} times: {requests:?}"))?;
    // Decided and shown at once: not before it was approved, and once after that.
    let answers = hosts.race(|n, host| match n {
        0 => approve(&hosts.officer_on(host, guardian), opened).map(|_| 0),
        _ => hosts.officer_on(host, asker).identity().disclose(Disclose { approval }).wait().map(|shown| shown.items.len()),
    });
    let early = errors(&answers).all(|e| refused(e, &[Refusal::NotApproved, Refusal::ApprovalDecided]));
    let first: usize = answers[1..].iter().filter(|a| a.is_ok()).count();
    ensure(answers[0].is_ok() && first <= 1 && early, || format!("{answers:?}"))?;
    let answers =
        hosts.race(|_, host| hosts.officer_on(host, asker).identity().disclose(Disclose { approval }).wait().map(|s| s.items.len()));
    let shown = first + answers.iter().filter(|a| a.is_ok()).count();
    ensure(shown == 1 && errors(&answers).all(|e| refused(e, &[Refusal::ApprovalDecided])), || {
        format!("shown {shown} times: {answers:?}")
    })?;
    let records = hosts.count(&format!(
        "SELECT count(*) FROM audit_record WHERE operation = 'identity.disclose' AND subject = 'approval/{approval}' AND reason IS NULL"
    ))?;
    ensure(records == 1, || format!("shown once, on record {records} times"))
}

fn what_ends_ends_once(hosts: &mut Hosts) -> Result<(), String> {
    let (leaver, post) = (newcomer(hosts)?, post(hosts, &[Permission::ServeTaxpayers], false)?);
    let system = hosts.world.core.as_system();
    let granted = GrantPost { officer: leaver, post, authority: code(NANGUAN), ends_at: None };
    let grant = told(insist(|| system.access().grant_post(granted.clone()).wait()), "granting")?.grant;
    let (security, administrator) = (hosts.world.security, hosts.world.administrator);
    let answers = hosts.race(|_, host| {
        let ending = EndGrant { grant, reason: "轮岗".into() };
        hosts.officer_on(host, security).access().end_grant(ending).wait()
    });
    let won = answers.iter().filter(|a| a.is_ok()).count();
    ensure(won == 1 && errors(&answers).all(|e| refused(e, &[Refusal::GrantOver])), || format!("ended {won} times: {answers:?}"))?;
    let answers = hosts.race(|_, host| {
        let leave = RecordLeave { officer: leaver, left_at: None };
        hosts.officer_on(host, administrator).access().record_leave(leave).wait()
    });
    let won = answers.iter().filter(|a| a.is_ok()).count();
    ensure(won == 1 && errors(&answers).all(|e| refused(e, &[Refusal::HasLeft])), || format!("left {won} times: {answers:?}"))
}

/// A repeat may come while the first call is still under way, on another host.
fn one_key_has_one_effect_and_one_answer(hosts: &mut Hosts) -> Result<(), String> {
    let key = format!("key-{}", hosts.fresh());
    let emergency_post = post(hosts, &[Permission::ManageLines], true)?;
    let taker = officer(hosts, &[Permission::TakeEmergencyPost]);
    let (giver, stand_in) = (officer(hosts, &[Permission::ApproveCalendar]), officer(hosts, &[]));
    let n = hosts.fresh();
    let ends_at = hosts.world.core.now().plus(DAY);
    let (administrator, security, supervisor) = (hosts.world.administrator, hosts.world.security, hosts.world.supervisor);
    let waiting = filing(hosts)?;
    let taxpayers = hosts.taxpayers(1)?;
    let hosts = &*hosts;
    let keyed = |host: &Core, who| hosts.officer_on(host, who).with_key(&key);
    let one = |what: &str, answers: Vec<Result<String, Error>>| {
        let alike = answers.iter().all(|a| a.is_ok() && *a == answers[0]);
        ensure(alike, || format!("repeats of one {what} with one key differ: {answers:?}"))
    };
    fn text<R: std::fmt::Debug>(answer: Result<R, Error>) -> Result<String, Error> {
        answer.map(|a| format!("{a:?}"))
    }
    let new = AddOfficer { staff_no: format!("6{n:07}"), name: "新人".into(), authority: code(NANGUAN), capacity: 1 };
    one("adding", hosts.race(|_, host| text(keyed(host, administrator)?.access().add_officer(new.clone()).wait())))?;
    let change = AccessChange::Post(SetPost { post: None, name: key.clone(), permissions: Permissions(Vec::new()), emergency: false });
    let proposed = ProposeChange { change, reason: "需要".into() };
    let forward = |_, host: &Core| keyed(host, administrator)?.access().propose_change(proposed.clone()).wait();
    let opened = hosts.race(forward);
    let put = opened.iter().flatten().next().cloned().ok_or_else(|| format!("{opened:?}"))?;
    one("putting forward", opened.into_iter().map(text).collect())?;
    one("vote", hosts.race(|_, host| text(approve(&keyed(host, security)?, &put))))?;
    let back = || Withdraw { approval: waiting.approval, reason: "有误".into() };
    one("taking back", hosts.race(|_, host| text(keyed(host, supervisor)?.approval().withdraw(back()).wait())))?;
    let taken = hosts.race(|_, host| keyed(host, taker)?.access().take_emergency_post(emergency(emergency_post)).wait());
    let grant = taken.iter().flatten().next().map(|g| g.grant).ok_or_else(|| format!("{taken:?}"))?;
    one("emergency", taken.into_iter().map(text).collect())?;
    let ending = || EndGrant { grant, reason: "已恢复".into() };
    one("end of a grant", hosts.race(|_, host| text(keyed(host, security)?.access().end_grant(ending()).wait())))?;
    let lent = || Delegate { taker: stand_in, starts_at: None, ends_at };
    let given = hosts.race(|_, host| keyed(host, giver)?.approval().delegate(lent()).wait());
    let delegation = given.iter().flatten().next().map(|d| d.delegation).ok_or_else(|| format!("{given:?}"))?;
    one("delegation", given.into_iter().map(text).collect())?;
    one("end of one", hosts.race(|_, host| text(keyed(host, giver)?.approval().end_delegation(delegation).wait())))?;
    let asked = RequestDisclosure { taxpayers, fields: vec![PersonalField::Phone], authority: code(NANGUAN), reason: "核查".into() };
    one("request", hosts.race(|_, host| text(keyed(host, supervisor)?.identity().request_disclosure(asked.clone()).wait())))?;
    let leave = || RecordLeave { officer: stand_in, left_at: None };
    one("leave", hosts.race(|_, host| text(keyed(host, administrator)?.access().record_leave(leave()).wait())))
}
