//! Rivals in built-in control.

use zhengna_core::Error;
use zhengna_core::access::Permission;
use zhengna_core::control::{AlertState, ReviewAlert, Verdict};
use zhengna_core::error::Refusal;
use zhengna_core::id::OfficerId;
use zhengna_core::operation::{RECORD_DENIALS, REVIEW_ALERT, SCREEN};
use zhengna_core::store::Page;
use zhengna_tests::world::NANGUAN;

use super::History;
use super::hosts::{Hosts, RIVALS, ensure};

/// The histories.
pub(super) const ALL: &[History] = &[(&[&RECORD_DENIALS, &SCREEN, &REVIEW_ALERT], refusals_are_counted_once_found_once_and_reviewed_once)];

/// Each is refused often enough together, and not alone.
const EACH: usize = 20_usize.div_ceil(RIVALS);

fn refusals_are_counted_once_found_once_and_reviewed_once(hosts: &mut Hosts) -> Result<(), String> {
    let n = hosts.fresh();
    let somebody: OfficerId = hosts.world.appoint(&format!("J{n:07}"), NANGUAN, &[]);
    let reviewer = hosts.world.appoint(&format!("K{n:07}"), NANGUAN, &[Permission::ReviewControl]);
    let written = hosts.race(|_, host| {
        for _ in 0..EACH {
            let refused = hosts.officer_on(host, somebody).control().rules();
            if !matches!(refused, Err(Error::Denied { .. })) {
                return refused.map(|_| 0);
            }
        }
        host.write_down_denials(true)
    });
    ensure(written.iter().all(Result::is_ok), || format!("{written:?}"))?;
    let id = format!("officer/{somebody}");
    let counted = format!(
        "SELECT CAST(coalesce(sum(rows), 0) AS BIGINT) FROM audit_record WHERE operation = 'control.record_denials' AND subject = '{id}'"
    );
    let counted = hosts.count(&counted)?;
    ensure(counted == (EACH * RIVALS) as i64, || format!("{counted} of {} refusals were written down", EACH * RIVALS))?;
    hosts.world.seal();
    let end = hosts.world.core.now().plus(std::time::Duration::from_secs(1));
    let begin = end.minus(std::time::Duration::from_secs(600));
    let screened = hosts.race(|_, host| host.screen(begin, end));
    ensure(screened.iter().all(|s| matches!(s, Ok(done) if done.found >= 1)), || format!("{screened:?}"))?;
    let page = Page { after: None, limit: 200 };
    let alerts = hosts.world.session_of(reviewer).control().alerts(Some(AlertState::Open), page).map_err(|e| e.to_string())?.items;
    let about: Vec<_> = alerts.iter().filter(|a| a.actor == id).collect();
    let [alert] = about[..] else { return Err(format!("one alert was to be raised, not {}", about.len())) };
    let cmd = ReviewAlert { alert: alert.id, verdict: Verdict::Confirmed, reason: "属实".into() };
    let said = hosts.race(|_, host| hosts.officer_on(host, reviewer).control().review_alert(cmd.clone()).wait());
    let over = |e: &Error| matches!(e, Error::Refused(Refusal::AlertReviewed));
    let won = said.iter().filter(|s| s.is_ok()).count();
    ensure(won == 1 && said.iter().filter_map(|s| s.as_ref().err()).all(over), || format!("{said:?}"))
}
