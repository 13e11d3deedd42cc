//! Rivals in sign-ins, sessions and tickets.

use std::time::Duration;

use zhengna_core::access::{
    ActorKind, ActorRef, AddOfficer, Authenticated, Credentials, FactorCode, PasswordChange, Proof, Provider, SecondStep,
};
use zhengna_core::crypto::{TOTP_STEP, secret_of_uri, totp_code, totp_step};
use zhengna_core::error::Refusal;
use zhengna_core::id::{OfficerId, TaxpayerId};
use zhengna_core::operation::{
    CHANGE_PASSWORD, CONFIRM_FACTOR, CONFIRM_SIGN_IN, ENROL_FACTOR, GIVE_PASSWORD, ISSUE_TICKET, POSITION, REMOVE_FACTOR, RESET_FACTOR,
    SET_PASSWORD, SIGN_IN, SIGN_IN_WITH_PROVIDER, SIGN_OUT, TAKE_PHONE, TOUCH_SESSIONS, UNLINK_IDENTITY,
};
use zhengna_core::{Error, limits};
use zhengna_tests::provider::Believes;
use zhengna_tests::world::{self, NANGUAN, code};

use super::History;
use super::hosts::{Hosts, RIVALS, ensure, insist, taxpayer_on};

/// The histories.
pub(super) const ALL: &[History] = &[
    (&[&SET_PASSWORD], one_login_is_one_persons),
    (&[&SIGN_IN], failures_are_counted_one_by_one),
    (&[&SIGN_IN], so_many_sessions_and_no_more),
    (&[&ISSUE_TICKET], a_ticket_is_good_once),
    (&[&SIGN_IN_WITH_PROVIDER], a_person_whom_all_verify_is_one),
    (&[&SIGN_IN_WITH_PROVIDER, &UNLINK_IDENTITY], an_account_has_one_holder),
    (&[&TAKE_PHONE], the_last_phone_is_whole),
    (&[&CONFIRM_SIGN_IN, &ENROL_FACTOR, &CONFIRM_FACTOR], a_code_lets_one_in),
    (&[&REMOVE_FACTOR, &RESET_FACTOR], a_factor_goes_once),
    (&[&CHANGE_PASSWORD, &GIVE_PASSWORD], one_password_follows_another),
    (&[&TOUCH_SESSIONS, &SIGN_OUT], the_latest_use_wins_and_an_ended_session_stays_ended),
];

const PASSWORD: &str = "Xiang-Kan-2026";

fn as_ref(id: TaxpayerId) -> ActorRef {
    ActorRef { kind: ActorKind::Taxpayer, id: id.uuid() }
}

/// A taxpayer with a login.
fn signed_up(hosts: &mut Hosts) -> Result<(TaxpayerId, Credentials), String> {
    let (taxpayer, login) = (hosts.taxpayers(1)?[0], format!("login{}", hosts.fresh()));
    let set = || hosts.world.core.as_system().access().set_password(as_ref(taxpayer), &login, PASSWORD);
    insist(set).map_err(|e| format!("setting a password: {e}"))?;
    Ok((taxpayer, Credentials { login, password: PASSWORD.into() }))
}

fn session(hosts: &mut Hosts) -> Result<(TaxpayerId, String, Authenticated), String> {
    let (taxpayer, typed) = signed_up(hosts)?;
    let token = insist(|| hosts.world.core.sign_in(&typed, "-")).map_err(|e| format!("signing in: {e}"))?.token;
    let caller = hosts.world.core.authenticate(&token).map_err(|e| e.to_string())?;
    Ok((taxpayer, token, caller))
}

fn one_login_is_one_persons(hosts: &mut Hosts) -> Result<(), String> {
    let (people, login) = (hosts.taxpayers(RIVALS)?, format!("shared{}", hosts.fresh()));
    let answers = hosts.race(|n, host| host.as_system().access().set_password(as_ref(people[n]), &login, PASSWORD));
    let won = answers.iter().filter(|a| a.is_ok()).count();
    let taken = |e: &Error| matches!(e, Error::Invalid { field, .. } if field == "login");
    ensure(won == 1 && answers.iter().filter_map(|a| a.as_ref().err()).all(taken), || format!("{answers:?}"))
}

fn failures_are_counted_one_by_one(hosts: &mut Hosts) -> Result<(), String> {
    let (_, typed) = signed_up(hosts)?;
    let wrong = Credentials { password: "Xiang-Kan-2027".into(), ..typed.clone() };
    let answers = hosts.race(|_, host| host.sign_in(&wrong, "-").map(drop));
    let told = |refusal: fn(&Refusal) -> bool| answers.iter().filter(|a| matches!(a, Err(Error::Refused(r)) if refusal(r))).count();
    let (counted, locked) = (told(|r| *r == Refusal::WrongCredentials), told(|r| matches!(r, Refusal::Locked(_))));
    let most = limits::SIGN_IN_FAILURES_MAX as usize - 1;
    ensure(counted == most && locked == RIVALS - most, || format!("{counted} told wrong, {locked} told locked: {answers:?}"))
}

fn so_many_sessions_and_no_more(hosts: &mut Hosts) -> Result<(), String> {
    let (_, typed) = signed_up(hosts)?;
    let answers = hosts.race(|_, host| host.sign_in(&typed, "-").map(|s| s.token));
    ensure(answers.iter().all(Result::is_ok), || "a right password was refused".into())?;
    let open = answers.iter().flatten().filter(|token| hosts.world.core.authenticate(token).is_ok()).count();
    ensure(open == limits::TAXPAYER_SESSIONS_MAX, || format!("{open} sessions are open"))
}

fn a_ticket_is_good_once(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, _, caller) = session(hosts)?;
    let issued = hosts.race(|_, host| taxpayer_on(host, taxpayer).access().issue_ticket(&caller).wait());
    ensure(issued.iter().all(Result::is_ok), || "a ticket was refused".into())?;
    for ticket in issued.iter().flatten() {
        let redeemed = hosts.race(|_, host| host.redeem(&ticket.ticket).wait());
        let won = redeemed.iter().filter(|r| r.is_ok()).count();
        let used = |e: &Error| *e == Error::SignInRequired;
        ensure(won == 1 && redeemed.iter().filter_map(|r| r.as_ref().err()).all(used), || format!("redeemed {won} times: {redeemed:?}"))?;
    }
    Ok(())
}

/// Nobody is known by the number yet: rivals enrol them once. One link ticket links once.
fn a_person_whom_all_verify_is_one(hosts: &mut Hosts) -> Result<(), String> {
    let n = 20_000 + hosts.fresh();
    let refused = insist(|| match hosts.world.core.sign_in_with(&Believes(Provider::MiniProgram), &account(&format!("open{n}")), "-") {
        Err(Error::Refused(Refusal::NotLinked(ticket))) => Ok(ticket.0),
        Err(e) => Err(e),
        Ok(_) => Ok(String::new()),
    });
    let link = refused.map_err(|e| format!("no link ticket: {e}"))?;
    let answers = hosts.race(|rival, host| {
        let proof = Proof { proof: format!("u{n}={n}"), link: (rival < 2).then(|| link.clone()) };
        host.sign_in_with(&Believes(Provider::ElectronicTaxBureau), &proof, "-").map(drop)
    });
    let linked = answers[..2].iter().filter(|a| a.is_ok()).count();
    let over = |e: &Error| *e == Error::Refused(Refusal::ChallengeOver);
    ensure(linked == 1 && answers[..2].iter().filter_map(|a| a.as_ref().err()).all(over), || {
        format!("linked {linked} times: {answers:?}")
    })?;
    ensure(answers[2..].iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let found = hosts.world.core.as_system().identity().find_by_number(&world::person(n).number).map_err(|e| e.to_string())?;
    let account = hosts.world.core.sign_in_with(&Believes(Provider::MiniProgram), &account(&format!("open{n}")), "-");
    let token = account.map_err(|e| format!("the account is not linked: {e}"))?.token;
    let caller = hosts.world.core.authenticate(&token).map_err(|e| e.to_string())?;
    let holder = TaxpayerId::from_uuid(caller.actor.as_ref().id);
    ensure(found == Some(holder), || format!("{found:?} has the number, {holder} the account"))
}

fn account(user: &str) -> Proof {
    Proof { proof: user.into(), link: None }
}

/// Verified as several people at once, or let go of meanwhile, an account is one person's or nobody's.
fn an_account_has_one_holder(hosts: &mut Hosts) -> Result<(), String> {
    let n = 20_000 + hosts.fresh();
    let bureau = Believes(Provider::ElectronicTaxBureau);
    insist(|| hosts.world.core.sign_in_with(&bureau, &account(&format!("u{n}={n}")), "-")).map_err(|e| format!("signing in: {e}"))?;
    let first = hosts.world.core.as_system().identity().find_by_number(&world::person(n).number).map_err(|e| e.to_string())?;
    let first = first.ok_or("nobody was enrolled")?;
    let answers = hosts.race(|rival, host| match rival {
        0 | 1 => taxpayer_on(host, first).access().unlink_identity(Provider::ElectronicTaxBureau).wait().map(drop),
        _ => host.sign_in_with(&bureau, &account(&format!("u{n}={}", n + 1 + rival)), "-").map(drop),
    });
    ensure(answers[2..].iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let unknown = |e: &Error| matches!(e, Error::NotFound { .. });
    ensure(answers[..2].iter().filter_map(|a| a.as_ref().err()).all(unknown), || format!("{answers:?}"))?;
    // Whoever holds it now is one of the rivals: the link was made or moved by each, one behind the other.
    let token = hosts.world.core.sign_in_with(&bureau, &account(&format!("u{n}")), "-").map_err(|e| format!("nobody holds it: {e}"))?.token;
    let holder = hosts.world.core.authenticate(&token).map_err(|e| e.to_string())?.actor.as_ref().id;
    ensure(holder != first.uuid(), || "the first holder has it back".into())
}

fn the_last_phone_is_whole(hosts: &mut Hosts) -> Result<(), String> {
    let taxpayer = hosts.taxpayers(1)?[0];
    let phone = |rival: usize| format!("1390000{rival:04}");
    let take = |rival: usize, host: &zhengna_core::Core| {
        taxpayer_on(host, taxpayer).identity().take_phone(&Believes(Provider::MiniProgram), &phone(rival)).map(drop)
    };
    let answers = hosts.race(take);
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    let shown = taxpayer_on(&hosts.world.core, taxpayer)
        .identity()
        .view(taxpayer)
        .map_err(|e| e.to_string())?
        .phone
        .map_or_else(String::new, |p| p.to_string());
    ensure((0..RIVALS).any(|rival| shown == zhengna_core::identity::mask_phone(&phone(rival))), || format!("the phone is {shown}"))
}

fn the_latest_use_wins_and_an_ended_session_stays_ended(hosts: &mut Hosts) -> Result<(), String> {
    let (taxpayer, token, caller) = session(hosts)?;
    for n in 0..2 {
        // One host after the other sees a later use; both write down at once.
        hosts.advance(limits::SESSION_TOUCH_EVERY + Duration::from_secs(1));
        hosts.host(n).touch(&caller, &POSITION);
    }
    let latest = hosts.world.core.now();
    let written = hosts.race(|_, host| host.write_down_touches());
    ensure(written.iter().all(Result::is_ok), || format!("{written:?}"))?;
    let seen_at = hosts.world.core.authenticate(&token).map_err(|e| e.to_string())?.seen_at;
    ensure(seen_at == latest, || format!("used at {latest:?}, written down as {seen_at:?}"))?;
    hosts.advance(limits::SESSION_TOUCH_EVERY + Duration::from_secs(1));
    hosts.host(1).touch(&caller, &POSITION);
    let answers = hosts.race(|n, host| match n {
        0 => host.write_down_touches().map(drop),
        1 => hosts.host(1).write_down_touches().map(drop),
        _ => taxpayer_on(host, taxpayer).access().sign_out(&caller).wait().map(drop),
    });
    ensure(answers.iter().all(Result::is_ok), || format!("{answers:?}"))?;
    ensure(hosts.world.core.authenticate(&token).is_err(), || "an ended session is open again".into())
}

/// An officer with a login of their own.
fn hired(hosts: &mut Hosts) -> Result<(OfficerId, Credentials), String> {
    let n = hosts.fresh();
    let new = AddOfficer { staff_no: format!("22018{n:04}"), name: "新人".into(), authority: code(NANGUAN), capacity: 1 };
    let system = hosts.world.core.as_system();
    let officer = insist(|| system.access().add_officer(new.clone()).wait()).map_err(|e| format!("adding an officer: {e}"))?.officer;
    let typed = Credentials { login: format!("staff{n}"), password: PASSWORD.into() };
    let whose = ActorRef { kind: ActorKind::Officer, id: officer.uuid() };
    insist(|| system.access().set_password(whose, &typed.login, PASSWORD)).map_err(|e| format!("setting a password: {e}"))?;
    Ok((officer, typed))
}

/// One with a second factor, whose present code is not used up.
fn factored(hosts: &mut Hosts) -> Result<(OfficerId, Credentials, Vec<u8>), String> {
    let (officer, typed) = hired(hosts)?;
    // Rivals in making it: whichever was last is the one that can be confirmed, and once.
    let made = hosts.race(|_, host| hosts.officer_on(host, officer).access().enrol_factor().wait());
    let secrets: Vec<Vec<u8>> = made.iter().flatten().filter_map(|m| secret_of_uri(&m.uri)).collect();
    ensure(secrets.len() == RIVALS, || "making a factor anew was refused".into())?;
    let now = totp_step(hosts.world.core.now());
    let code = |n: usize| FactorCode { code: totp_code(&secrets[n], now) };
    let confirmed = hosts.race(|n, host| hosts.officer_on(host, officer).access().confirm_factor(code(n))?.wait());
    let won: Vec<usize> = (0..RIVALS).filter(|n| confirmed[*n].is_ok()).collect();
    let [won] = won[..] else { return Err(format!("confirmed by {won:?}")) };
    hosts.advance(TOTP_STEP);
    Ok((officer, typed, secrets[won].clone()))
}

fn shown(hosts: &Hosts, secret: &[u8]) -> String {
    totp_code(secret, totp_step(hosts.world.core.now()))
}

fn a_code_lets_one_in(hosts: &mut Hosts) -> Result<(), String> {
    let (_, typed, secret) = factored(hosts)?;
    let challenge = match insist(|| hosts.world.core.sign_in(&typed, "-")) {
        Err(Error::Refused(Refusal::SecondFactorNeeded(challenge))) => challenge.0,
        other => return Err(format!("no challenge: {:?}", other.map(|s| s.duty))),
    };
    let code = shown(hosts, &secret);
    let step = || SecondStep { challenge: challenge.clone(), code: code.clone() };
    let answers = hosts.race(|_, host| host.confirm_sign_in(step(), "-")?.wait()?.into_result().map(|s| s.token));
    let won = answers.iter().filter(|a| a.is_ok()).count();
    let over = |e: &Error| *e == Error::Refused(Refusal::ChallengeOver);
    ensure(won == 1 && answers.iter().filter_map(|a| a.as_ref().err()).all(over), || format!("{won} were let in"))
}

fn a_factor_goes_once(hosts: &mut Hosts) -> Result<(), String> {
    let (officer, _, secret) = factored(hosts)?;
    let code = shown(hosts, &secret);
    let answers = hosts.race(|n, host| {
        if n < RIVALS / 2 {
            return host.as_system().access().reset_factor(officer).wait().map(drop);
        }
        let removed = hosts.officer_on(host, officer).access().remove_factor(FactorCode { code: code.clone() })?;
        removed.wait()?.into_result().map(drop)
    });
    let won = answers.iter().filter(|a| a.is_ok()).count();
    let gone = |e: &Error| *e == Error::Refused(Refusal::NoSecondFactor);
    ensure(won == 1 && answers.iter().filter_map(|a| a.as_ref().err()).all(gone), || format!("it went {won} times: {answers:?}"))
}

fn one_password_follows_another(hosts: &mut Hosts) -> Result<(), String> {
    let (officer, typed) = hired(hosts)?;
    let new = |n: usize| format!("Ming-Tian-203{n}");
    let answers = hosts.race(|n, host| {
        let change = PasswordChange { current: PASSWORD.into(), password: new(n) };
        match n {
            0 => host.as_system().access().give_password(officer, &new(n)).map(|_| None),
            _ => hosts.officer_on(host, officer).access().change_password(&change).map(|s| Some(s.token)),
        }
    });
    // The given one always, and one of the others where it came first: the rest knew the old password only.
    let changed = answers[1..].iter().filter(|a| a.is_ok()).count();
    ensure(answers[0].is_ok() && changed <= 1, || format!("{changed} changed it"))?;
    let good = (0..RIVALS).filter(|n| {
        let typed = Credentials { login: typed.login.clone(), password: new(*n) };
        matches!(insist(|| hosts.world.core.sign_in(&typed, "-")), Ok(_) | Err(Error::Refused(Refusal::Locked(_))))
    });
    let good = good.count();
    ensure(good >= 1, || "no password is good".into())
}
