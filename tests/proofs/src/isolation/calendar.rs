//! Rivals in changing the calendar.

use zhengna_core::Error;
use zhengna_core::access::Permission;
use zhengna_core::approval::{Approve, Decided, Opened, Reject};
use zhengna_core::calendar::Draft;
use zhengna_core::error::Refusal;
use zhengna_core::id::OfficerId;
use zhengna_core::operation::{APPROVE, PROPOSE, REJECT};
use zhengna_tests::calendar::notice;
use zhengna_tests::world::PROVINCE;

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist};

/// The histories.
pub(super) const ALL: &[History] =
    &[(&[&PROPOSE, &APPROVE, &REJECT], one_proposal_waits_and_is_decided_once), (&[&PROPOSE, &APPROVE], numbers_have_no_gaps)];

/// A year that no other round speaks of, and one day of it.
fn draft(hosts: &mut Hosts) -> Draft {
    notice(2027 + (hosts.fresh() % 70) as i32)
}

fn checker(hosts: &mut Hosts) -> OfficerId {
    let staff_no = format!("5{:07}", hosts.fresh());
    hosts.world.appoint(&staff_no, PROVINCE, &[Permission::ApproveCalendar])
}

fn proposed_once(hosts: &Hosts, draft: &Draft) -> Result<Opened, String> {
    let maker = hosts.world.supervisor;
    let answers = hosts.race(|_, host| hosts.officer_on(host, maker).calendar().propose(draft.clone()).wait());
    let proposed: Vec<_> = answers.iter().flatten().collect();
    let [one] = proposed[..] else { return Err(format!("proposed {} times", proposed.len())) };
    let waits = Error::Refused(Refusal::ApprovalPending(one.approval));
    ensure(answers.iter().filter_map(|a| a.as_ref().err()).all(|e| *e == waits), || format!("{answers:?}"))?;
    Ok(one.clone())
}

fn one_proposal_waits_and_is_decided_once(hosts: &mut Hosts) -> Result<(), String> {
    let (draft, checker) = (draft(hosts), checker(hosts));
    let Opened { approval, digest, .. } = proposed_once(hosts, &draft)?;
    let answers = hosts.race(|n, host| {
        let desk = hosts.officer_on(host, checker);
        match n % 2 {
            0 => desk.approval().approve(Approve { approval, digest: digest.clone() }).wait(),
            _ => desk.approval().reject(Reject { approval, digest: digest.clone(), reason: "有误".into() }).wait(),
        }
    });
    let decided = answers.iter().filter(|a| a.is_ok()).count();
    let late = |e: &Error| *e == Error::Refused(Refusal::ApprovalDecided);
    ensure(decided == 1 && answers.iter().filter_map(|a| a.as_ref().err()).all(late), || format!("{answers:?}"))
}

/// Different proposals that are approved at once get one number each, and the calendar is the last of them.
fn numbers_have_no_gaps(hosts: &mut Hosts) -> Result<(), String> {
    let checker = checker(hosts);
    let mut proposed = Vec::new();
    for _ in 0..RIVALS {
        let draft = draft(hosts);
        let maker = hosts.world.session_of(hosts.world.supervisor);
        proposed.push(insist(|| maker.calendar().propose(draft.clone()).wait()).map_err(|e| format!("proposing: {e}"))?);
    }
    let before = hosts.world.core.as_system().calendar().year(2027).map_err(|e| e.to_string())?.version;
    let answers = hosts.race(|n, host| {
        let Opened { approval, digest, .. } = proposed[n].clone();
        hosts.officer_on(host, checker).approval().approve(Approve { approval, digest }).wait()
    });
    let mut numbers: Vec<i64> = answers.iter().flatten().filter_map(|d: &Decided| d.number).collect();
    numbers.sort_unstable();
    ensure(numbers.iter().copied().eq(before + 1..=before + RIVALS as i64), || format!("{answers:?}"))?;
    for n in 0..2 {
        let version = hosts.host(n).as_system().calendar().year(2027).map_err(|e| e.to_string())?.version;
        ensure(version == before + RIVALS as i64, || format!("host {n} is at version {version}"))?;
    }
    Ok(())
}
