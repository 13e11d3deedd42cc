//! Sign-in of staff: passwords, their history and age, second factors, challenges, the first administrator. The names
//! begin with the number of the attack (docs/security/t-tests.md) that a test is about.

use std::time::Duration;

use zhengna_core::access::{
    AccessChange, ActorKind, ActorRef, AddOfficer, Credentials, Duty, FactorCode, GrantPost, PasswordChange, SecondStep, SignedIn, admit,
};
use zhengna_core::audit::AuditAsked;
use zhengna_core::control::{SetControlRule, Watch};
use zhengna_core::crypto::{TOTP_STEP, hex, secret_of_uri, totp_code, totp_step};
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::OfficerId;
use zhengna_core::operation::{self, OPERATIONS};
use zhengna_core::store::fault::{Fault, FaultStore, Repeat};
use zhengna_core::{Core, Error, Session, limits};
use zhengna_tests::approval::decree;
use zhengna_tests::faults::lines;
use zhengna_tests::world::{CHANGCHUN, ENGINES, Engine, Keep, NANGUAN, PROVINCE, World, code, core_over, refused};

const PASSWORD: &str = "Xiang-Kan-2026";

/// The login of an officer.
fn login(officer: OfficerId) -> String {
    format!("u{}", &officer.uuid().simple().to_string()[12..])
}

fn typed(officer: OfficerId, password: &str) -> Credentials {
    Credentials { login: login(officer), password: password.into() }
}

/// Gives an officer a sign-in of their own.
fn sign_up(world: &World, officer: OfficerId) {
    let whose = ActorRef { kind: ActorKind::Officer, id: officer.uuid() };
    world.core.as_system().access().set_password(whose, &login(officer), PASSWORD).unwrap();
}

fn sign_in(world: &World, officer: OfficerId) -> Result<SignedIn, Error> {
    world.core.sign_in(&typed(officer, PASSWORD), "test")
}

/// Acts as whoever holds the token, or says why not.
fn by(core: &Core, token: &str) -> Result<Session, Error> {
    core.authenticate(token).map(|caller| core.as_actor(caller.actor))
}

fn stands(core: &Core, token: &str) -> bool {
    core.authenticate(token).is_ok()
}

fn now_shown(world: &World, secret: &[u8]) -> String {
    totp_code(secret, totp_step(world.core.now()))
}

/// What nobody would be shown within this year.
fn never_shown(world: &World, secret: &[u8]) -> String {
    let shown = totp_step(world.core.now()) - 2..=totp_step(world.core.now()) + 2;
    let near: Vec<String> = shown.map(|step| totp_code(secret, step)).collect();
    (0..10).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
}

struct Factor {
    secret: Vec<u8>,
    recovery: Vec<String>,
    token: String,
}

/// Enrols and confirms a second factor, and waits until the code that confirmed it is no longer shown.
fn enrol(world: &World, officer: OfficerId) -> Factor {
    sign_up(world, officer);
    let session = by(&world.core, &sign_in(world, officer).unwrap().token).unwrap();
    let secret = secret_of_uri(&session.access().enrol_factor().wait().unwrap().uri).unwrap();
    let confirmed = session.access().confirm_factor(FactorCode { code: now_shown(world, &secret) }).unwrap().wait().unwrap();
    world.clock.advance(TOTP_STEP);
    Factor { secret, recovery: confirmed.recovery_codes, token: confirmed.session.token }
}

fn challenge(world: &World, officer: OfficerId) -> String {
    match sign_in(world, officer) {
        Err(Error::Refused(Refusal::SecondFactorNeeded(challenge))) => challenge.0,
        other => panic!("{:?}", other.map(|s| s.duty)),
    }
}

fn answer(core: &Core, challenge: &str, code: &str) -> Result<SignedIn, Error> {
    core.confirm_sign_in(SecondStep { challenge: challenge.into(), code: code.into() }, "test")?.wait()?.into_result()
}

fn change(session: &Session, current: &str, password: &str) -> Result<SignedIn, Error> {
    session.access().change_password(&PasswordChange { current: current.into(), password: password.into() })
}

/// Cal.com let a TOTP code skip the password (CVE-2025-66489).
#[test]
fn t18_every_factor_that_is_there_is_needed_and_no_other_opens_anything() {
    for engine in ENGINES {
        let world = World::new(engine);
        let [with, without] = [world.officers[0], world.officers[1]];
        let factor = enrol(&world, with);
        sign_up(&world, without);
        for enrolled in [false, true] {
            for right_password in [false, true] {
                for right_code in [false, true] {
                    world.clock.advance(TOTP_STEP);
                    let officer = if enrolled { with } else { without };
                    let first = world.core.sign_in(&typed(officer, if right_password { PASSWORD } else { "Xiang-Kan-2027" }), "test");
                    let code = if right_code { now_shown(&world, &factor.secret) } else { never_shown(&world, &factor.secret) };
                    let challenge = match &first {
                        Err(Error::Refused(Refusal::SecondFactorNeeded(challenge))) => challenge.0.clone(),
                        // Without one, a text of the right form is all that can be tried.
                        _ => "A".repeat(43),
                    };
                    let second = answer(&world.core, &challenge, &code);
                    let opened = [first.ok(), second.ok()].into_iter().flatten().any(|s| stands(&world.core, &s.token));
                    let expected = right_password && (right_code || !enrolled);
                    assert_eq!(opened, expected, "{engine:?}: enrolled {enrolled}, password {right_password}, code {right_code}");
                }
            }
        }
    }
}

#[test]
fn t18_sessions_do_not_survive_a_change_of_factor_or_password() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        sign_up(&world, officer);
        let first = sign_in(&world, officer).unwrap().token;
        let session = by(&world.core, &first).unwrap();
        let secret = secret_of_uri(&session.access().enrol_factor().wait().unwrap().uri).unwrap();
        assert!(stands(&world.core, &first), "{engine:?}: nothing counts before a code confirmed it");
        let code = now_shown(&world, &secret);
        let second = session.access().confirm_factor(FactorCode { code }).unwrap().wait().unwrap().session.token;
        assert!(!stands(&world.core, &first) && stands(&world.core, &second), "{engine:?}: the factor is on");

        let pending = challenge(&world, officer);
        let third = change(&by(&world.core, &second).unwrap(), PASSWORD, "Ming-Tian-2026").unwrap().token;
        assert!(!stands(&world.core, &second) && stands(&world.core, &third), "{engine:?}: the password is new");
        world.clock.advance(TOTP_STEP);
        let late = answer(&world.core, &pending, &now_shown(&world, &secret));
        assert_eq!(refused(late), Refusal::ChallengeOver, "{engine:?}: begun with the old password");

        let session = by(&world.core, &third).unwrap();
        let code = now_shown(&world, &secret);
        let fourth = session.access().remove_factor(FactorCode { code }).unwrap().wait().unwrap().into_result().unwrap().token;
        assert!(!stands(&world.core, &third) && stands(&world.core, &fourth), "{engine:?}: the factor is off");
        assert!(world.core.sign_in(&typed(officer, "Ming-Tian-2026"), "test").is_ok(), "{engine:?}: the password is enough again");
    }
}

#[test]
fn a_code_is_good_once_and_so_is_a_recovery_code_and_so_is_a_challenge() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        let factor = enrol(&world, officer);
        assert_eq!(factor.recovery.len(), limits::RECOVERY_CODES);
        let code = now_shown(&world, &factor.secret);
        let begun = challenge(&world, officer);
        answer(&world.core, &begun, &code).unwrap();
        assert_eq!(refused(answer(&world.core, &begun, &code)), Refusal::ChallengeOver, "{engine:?}");
        let next = challenge(&world, officer);
        assert_eq!(refused(answer(&world.core, &next, &code)), Refusal::WrongCode, "{engine:?}: seen over a shoulder");
        // As it was written on paper, in any spelling.
        let recovery = factor.recovery[3].to_lowercase().replace('-', " ");
        answer(&world.core, &next, &recovery).unwrap();
        let next = challenge(&world, officer);
        assert_eq!(refused(answer(&world.core, &next, &recovery)), Refusal::WrongCode, "{engine:?}: used");
        answer(&world.core, &next, &factor.recovery[4]).unwrap();
        let first = challenge(&world, officer);
        let second = challenge(&world, officer);
        assert_eq!(refused(answer(&world.core, &first, &factor.recovery[5])), Refusal::ChallengeOver, "{engine:?}: begun anew");
        answer(&world.core, &second, &factor.recovery[5]).unwrap();
    }
}

#[test]
fn a_challenge_ends_at_its_limit() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        let factor = enrol(&world, officer);
        let [tick, age] = [Duration::from_micros(1), limits::CHALLENGE_AGE_MAX];
        let begun = challenge(&world, officer);
        world.clock.advance(age - tick);
        answer(&world.core, &begun, &now_shown(&world, &factor.secret)).unwrap();
        let begun = challenge(&world, officer);
        world.clock.advance(age);
        let late = answer(&world.core, &begun, &now_shown(&world, &factor.secret));
        assert_eq!(refused(late), Refusal::ChallengeOver, "{engine:?}");
    }
}

#[test]
fn failures_of_both_factors_lock_together_and_a_right_password_does_not_forgive_wrong_codes() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        let factor = enrol(&world, officer);
        for _ in 0..limits::SIGN_IN_FAILURES_MAX - 2 {
            let begun = challenge(&world, officer);
            assert_eq!(refused(answer(&world.core, &begun, &never_shown(&world, &factor.secret))), Refusal::WrongCode);
        }
        assert_eq!(refused(world.core.sign_in(&typed(officer, "Xiang-Kan-2027"), "test")), Refusal::WrongCredentials);
        let begun = challenge(&world, officer);
        let locked = refused(answer(&world.core, &begun, "000 000"));
        assert!(matches!(locked, Refusal::Locked(_)), "{engine:?}: {locked:?}");
        assert!(matches!(refused(sign_in(&world, officer)), Refusal::Locked(_)), "{engine:?}");
        assert_eq!(refused(answer(&world.core, &begun, &now_shown(&world, &factor.secret))), Refusal::ChallengeOver, "{engine:?}");
        world.clock.advance(limits::SIGN_IN_LOCK);
        let begun = challenge(&world, officer);
        answer(&world.core, &begun, &now_shown(&world, &factor.secret)).unwrap();
    }
}

#[test]
fn a_session_that_was_left_open_is_no_place_to_guess_the_password_or_a_code() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        let factor = enrol(&world, officer);
        let session = by(&world.core, &factor.token).unwrap();
        for _ in 0..limits::SIGN_IN_FAILURES_MAX - 2 {
            assert_eq!(refused(change(&session, "Xiang-Kan-2027", "Ming-Tian-2026")), Refusal::WrongPassword, "{engine:?}");
        }
        let wrong = FactorCode { code: never_shown(&world, &factor.secret) };
        let removal = || session.access().remove_factor(wrong.clone()).unwrap().wait().unwrap().into_result();
        assert_eq!(refused(removal()), Refusal::WrongCode, "{engine:?}");
        assert!(matches!(refused(removal()), Refusal::Locked(_)), "{engine:?}");
        assert!(matches!(refused(change(&session, PASSWORD, "Ming-Tian-2026")), Refusal::Locked(_)), "{engine:?}");
        assert!(!stands(&world.core, &factor.token), "{engine:?}: closed with the lock");
    }
}

#[test]
fn none_of_the_last_passwords_may_be_had_again_and_the_one_before_them_may() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        sign_up(&world, officer);
        let mut had = vec![PASSWORD.to_owned()];
        let session = world.session_of(officer);
        for n in 0..limits::PASSWORDS_REMEMBERED {
            let used = Error::invalid("password", Problem::UsedBefore { last: limits::PASSWORDS_REMEMBERED });
            for old in had.iter().rev().take(limits::PASSWORDS_REMEMBERED) {
                assert_eq!(change(&session, had.last().unwrap(), old).map(drop).unwrap_err(), used, "{engine:?}: {old} after {n}");
            }
            let next = format!("Ming-Tian-203{n}");
            change(&session, had.last().unwrap(), &next).unwrap();
            had.push(next);
        }
        assert!(change(&session, had.last().unwrap(), PASSWORD).is_ok(), "{engine:?}: five others lie between");
        let weak = change(&session, PASSWORD, "坐席0-Aa1-Kan").map(drop).unwrap_err();
        assert!(matches!(weak, Error::Invalid { problem: Problem::Password(_), .. }), "{engine:?}: {weak:?}");
    }
}

#[test]
fn an_officers_password_ends_at_its_age_and_lets_in_only_to_change_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        sign_up(&world, officer);
        world.clock.advance(limits::OFFICER_PASSWORD_AGE_MAX - Duration::from_micros(1));
        let young = sign_in(&world, officer).unwrap();
        assert_eq!((young.duty, by(&world.core, &young.token).unwrap().access().me().unwrap().duty), (None, None), "{engine:?}");
        world.clock.advance(Duration::from_micros(1));
        assert_eq!(by(&world.core, &young.token).unwrap().access().me().unwrap().duty, Some(Duty::ChangePassword), "{engine:?}: at once");
        let old = sign_in(&world, officer).unwrap();
        assert_eq!(old.duty, Some(Duty::ChangePassword), "{engine:?}");
        let session = by(&world.core, &old.token).unwrap();
        only(&session, &[&operation::ME, &operation::SIGN_OUT, &operation::CHANGE_PASSWORD], Refusal::PasswordChangeNeeded);
        let fresh = change(&session, PASSWORD, "Ming-Tian-2026").unwrap();
        assert_eq!(fresh.duty, None);
        assert!(by(&world.core, &fresh.token).unwrap().interaction().be_present().wait().is_ok(), "{engine:?}");
    }
}

const DAY: Duration = Duration::from_secs(86_400);
const TICK: Duration = Duration::from_micros(1);
/// As shipped.
const UNUSED_MAX: u32 = 180;

/// GB/T 22239-2019 8.1.4.2 c): an account that nobody needs any more is no way in.
#[test]
fn an_account_that_nobody_used_for_long_is_refused_until_a_new_password_is_given() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (officer, administrator) = (world.officers[0], world.session_of(world.administrator));
        sign_up(&world, officer);
        let token = sign_in(&world, officer).unwrap().token;
        // It is its last use that counts, not its sign-in.
        world.clock.advance(limits::STAFF_IDLE / 2);
        world.core.touch(&world.core.authenticate(&token).unwrap(), &operation::CLAIM);
        world.core.write_down_touches().unwrap();
        world.clock.advance(DAY * UNUSED_MAX - TICK);
        assert_eq!(sign_in(&world, officer).unwrap().duty, Some(Duty::ChangePassword), "{engine:?}: not yet");
        world.clock.advance(DAY * UNUSED_MAX);
        // Only whoever has the password learns so, and it is no failure that locks.
        let wrong = world.core.sign_in(&typed(officer, "Xiang-Kan-2027"), "test");
        assert_eq!(refused(wrong), Refusal::WrongCredentials, "{engine:?}");
        for _ in 0..limits::SIGN_IN_FAILURES_MAX {
            assert_eq!(refused(sign_in(&world, officer)), Refusal::Dormant(180), "{engine:?}");
        }
        // Somebody tried the account: that is found like a use of it.
        let tries = lines(&**world.core.store()).iter().filter(|line| line.contains(&format!("officer/{officer}/idle"))).count();
        assert_eq!(tries, 1 + limits::SIGN_IN_FAILURES_MAX as usize, "{engine:?}");
        administrator.access().give_password(officer, "Gei-Ni-Yong-2026").unwrap();
        let given = world.core.sign_in(&typed(officer, "Gei-Ni-Yong-2026"), "test").unwrap();
        let session = by(&world.core, &given.token).unwrap();
        assert_eq!(change(&session, "Gei-Ni-Yong-2026", "Ming-Tian-2026").unwrap().duty, None, "{engine:?}");
        world.clock.advance(DAY);
        assert!(world.core.sign_in(&typed(officer, "Ming-Tian-2026"), "test").is_ok(), "{engine:?}: it is used again");
        // One that was never used counts from its password on, and taxpayers come when they need us.
        sign_up(&world, world.officers[1]);
        let taxpayer = ActorRef { kind: ActorKind::Taxpayer, id: world.taxpayers[0].uuid() };
        world.core.as_system().access().set_password(taxpayer, "13900000000", PASSWORD).unwrap();
        world.clock.advance(DAY * UNUSED_MAX);
        assert_eq!(refused(sign_in(&world, world.officers[1])), Refusal::Dormant(180), "{engine:?}");
        assert!(world.core.sign_in(&Credentials { login: "13900000000".into(), password: PASSWORD.into() }, "test").is_ok(), "{engine:?}");
    }
}

#[test]
fn that_an_account_was_not_used_is_told_behind_the_second_factor_only() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        let factor = enrol(&world, officer);
        world.clock.advance(DAY * UNUSED_MAX);
        let begun = challenge(&world, officer);
        let wrong = answer(&world.core, &begun, &never_shown(&world, &factor.secret));
        assert_eq!(refused(wrong), Refusal::WrongCode, "{engine:?}");
        let code = now_shown(&world, &factor.secret);
        assert_eq!(refused(answer(&world.core, &begun, &code)), Refusal::Dormant(180), "{engine:?}");
        assert_eq!(refused(answer(&world.core, &begun, &code)), Refusal::ChallengeOver, "{engine:?}");
        let next = challenge(&world, officer);
        assert_eq!(refused(answer(&world.core, &next, &code)), Refusal::WrongCode, "{engine:?}: the code is used");
        // A new password opens it again, for whoever still has the factor.
        world.session_of(world.administrator).access().give_password(officer, "Gei-Ni-Yong-2026").unwrap();
        let begun = match world.core.sign_in(&typed(officer, "Gei-Ni-Yong-2026"), "test") {
            Err(Error::Refused(Refusal::SecondFactorNeeded(begun))) => begun.0,
            other => panic!("{engine:?} {:?}", other.map(|s| s.duty)),
        };
        assert!(answer(&world.core, &begun, &factor.recovery[0]).is_ok(), "{engine:?}");
    }
}

#[test]
fn after_how_many_days_an_account_is_refused_is_a_rule_that_can_be_changed_and_switched_off() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        let rule = |threshold: i64, enabled: bool| {
            let source = "吉税发〔2026〕8号".into();
            let set = SetControlRule { rule: Watch::DormantLock, threshold, window_minutes: 1440, enabled, source };
            decree(&world, AccessChange::ControlRule(set))
        };
        sign_up(&world, officer);
        rule(limits::DORMANT_LOCK_DAYS_MIN, true).unwrap();
        world.clock.advance(DAY * 30 - TICK);
        assert!(sign_in(&world, officer).is_ok(), "{engine:?}: one tick before");
        world.clock.advance(DAY * 30);
        assert_eq!(refused(sign_in(&world, officer)), Refusal::Dormant(30), "{engine:?}");
        rule(31, true).unwrap();
        assert!(sign_in(&world, officer).is_ok(), "{engine:?}");
        rule(30, false).unwrap();
        world.clock.advance(DAY * 1000);
        assert!(sign_in(&world, officer).is_ok(), "{engine:?}: switched off");
        assert!(matches!(rule(29, true), Err(Error::Invalid { .. })), "{engine:?}: whoever is on leave");
    }
}

/// Every operation but these is refused to the session, and for this reason.
fn only(session: &Session, allowed: &[&'static operation::Operation], why: Refusal) {
    for o in OPERATIONS.iter().copied().filter(|o| o.callers.contains(&operation::Caller::Officer)) {
        let admitted = admit(o, session.actor());
        match allowed.contains(&o) {
            true => assert_eq!(admitted, Ok(()), "{}", o.name),
            false => assert_eq!(admitted, Err(Error::Refused(why.clone())), "{}", o.name),
        }
    }
    assert_eq!(session.access().me().unwrap().operations.len(), allowed.len(), "the menu shows no more");
}

/// A pre-made account (Chatwoot, CVE-2026-44707): whoever knew the password before knows nothing after.
#[test]
fn t16_a_password_given_by_an_administrator_ends_what_was_before_and_must_be_changed_first() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (officer, administrator) = (world.officers[0], world.session_of(world.administrator));
        sign_up(&world, officer);
        let before = sign_in(&world, officer).unwrap().token;
        administrator.access().give_password(officer, "Gei-Ni-Yong-2026").unwrap();
        assert!(!stands(&world.core, &before), "{engine:?}");
        assert_eq!(refused(sign_in(&world, officer)), Refusal::WrongCredentials, "{engine:?}");
        let given = world.core.sign_in(&typed(officer, "Gei-Ni-Yong-2026"), "test").unwrap();
        assert_eq!(given.duty, Some(Duty::ChangePassword), "{engine:?}");
        let session = by(&world.core, &given.token).unwrap();
        only(&session, &[&operation::ME, &operation::SIGN_OUT, &operation::CHANGE_PASSWORD], Refusal::PasswordChangeNeeded);
        assert!(change(&session, "Gei-Ni-Yong-2026", "Gei-Ni-Yong-2026").is_err(), "{engine:?}: the same is no change");
        assert_eq!(change(&session, "Gei-Ni-Yong-2026", "Ming-Tian-2026").unwrap().duty, None, "{engine:?}");
    }
}

/// A password that travelled by paper or message is good for a day (FreeScout, CVE-2026-41902: an invitation without an end).
#[test]
fn t21_a_given_password_ends_after_a_day() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (officer, administrator) = (world.officers[0], world.session_of(world.administrator));
        sign_up(&world, officer);
        let given = || world.core.sign_in(&typed(officer, "Gei-Ni-Yong-2026"), "test");
        administrator.access().give_password(officer, "Gei-Ni-Yong-2026").unwrap();
        world.clock.advance(limits::GIVEN_PASSWORD_VALID - Duration::from_micros(1));
        let in_time = given().unwrap();
        world.clock.advance(Duration::from_micros(1));
        assert_eq!(refused(given()), Refusal::GivenPasswordRunOut, "{engine:?}");
        // Only whoever has it learns so, and it is no failure that locks.
        let wrong = || world.core.sign_in(&typed(officer, "Xiang-Kan-2027"), "test");
        assert_eq!(refused(wrong()), Refusal::WrongCredentials, "{engine:?}");
        for _ in 0..limits::SIGN_IN_FAILURES_MAX {
            assert_eq!(refused(given()), Refusal::GivenPasswordRunOut, "{engine:?}");
        }
        // Whoever signed in in time may still choose their own, which ends at its age and not before.
        let session = by(&world.core, &in_time.token).unwrap();
        change(&session, "Gei-Ni-Yong-2026", "Ming-Tian-2026").unwrap();
        world.clock.advance(limits::GIVEN_PASSWORD_VALID);
        assert!(world.core.sign_in(&typed(officer, "Ming-Tian-2026"), "test").is_ok(), "{engine:?}");
        // Given anew, another day begins.
        administrator.access().give_password(officer, "Gei-Ni-Yong-2027").unwrap();
        let anew = world.core.sign_in(&typed(officer, "Gei-Ni-Yong-2027"), "test").unwrap();
        assert_eq!(anew.duty, Some(Duty::ChangePassword), "{engine:?}");
    }
}

#[test]
fn t21_the_first_administrators_password_ends_after_a_day_and_the_command_line_gives_another() {
    let store = Keep::fresh(Engine::Memory).open();
    let (core, clock) = core_over(store, 1);
    province(&core);
    let first = core.as_system().access().bootstrap(administrator(), PASSWORD).unwrap();
    let typed = |password: &str| Credentials { login: "220000001".into(), password: password.into() };
    clock.advance(limits::GIVEN_PASSWORD_VALID);
    assert_eq!(refused(core.sign_in(&typed(PASSWORD), "test")), Refusal::GivenPasswordRunOut);
    core.as_system().access().give_password(first, "Gei-Ni-Yong-2026").unwrap();
    assert!(core.sign_in(&typed("Gei-Ni-Yong-2026"), "test").is_ok());
}

#[test]
fn whoever_administers_enrols_a_second_factor_before_anything_else() {
    for engine in ENGINES {
        let world = World::new(engine);
        sign_up(&world, world.auditor);
        let begun = sign_in(&world, world.auditor).unwrap();
        assert_eq!(begun.duty, Some(Duty::EnrolSecondFactor), "{engine:?}");
        let session = by(&world.core, &begun.token).unwrap();
        only(
            &session,
            &[&operation::ME, &operation::SIGN_OUT, &operation::ENROL_FACTOR, &operation::CONFIRM_FACTOR],
            Refusal::SecondFactorRequired,
        );
        assert_eq!(refused(session.audit().read(AuditAsked::behind(0, 1)).wait()), Refusal::SecondFactorRequired, "{engine:?}");
        let factor = enrol(&world, world.auditor);
        let session = by(&world.core, &factor.token).unwrap();
        assert!(session.audit().read(AuditAsked::behind(0, 1)).wait().is_ok(), "{engine:?}");
        assert_eq!(refused(session.access().enrol_factor().wait()), Refusal::SecondFactorEnrolled, "{engine:?}: not over the old one");

        // An officer who is given such a post while signed in has to enrol one from that moment on.
        sign_up(&world, world.idle_hand);
        let token = sign_in(&world, world.idle_hand).unwrap().token;
        assert_eq!(by(&world.core, &token).unwrap().access().me().unwrap().duty, None, "{engine:?}");
        let post = world.core.as_system().access().find_post("审计管理员").unwrap().unwrap();
        let grant = GrantPost { officer: world.idle_hand, post, authority: code(NANGUAN), ends_at: None };
        world.core.as_system().access().grant_post(grant).wait().unwrap();
        assert_eq!(by(&world.core, &token).unwrap().access().me().unwrap().duty, Some(Duty::EnrolSecondFactor), "{engine:?}");
    }
}

#[test]
fn t10_an_administrator_resets_officers_within_reach_and_neither_those_above_nor_themselves() {
    for engine in ENGINES {
        let world = World::new(engine);
        let system = world.core.as_system();
        let grant = |officer, post, at| {
            let post = system.access().find_post(post).unwrap().unwrap();
            system.access().grant_post(GrantPost { officer, post, authority: code(at), ends_at: None }).wait().unwrap()
        };
        let county = world.idle_hand;
        grant(county, "系统管理员", NANGUAN);
        let session = world.session_of(county);
        let reset = |officer| session.access().reset_factor(officer).wait().map(drop);
        let give = |officer| session.access().give_password(officer, "Gei-Ni-Yong-2026").map(drop);
        let with_number = session.access().give_password(world.officers[1], "Gei-22010001-Yong");
        assert!(matches!(with_number, Err(Error::Invalid { field, problem: Problem::Password(_) }) if field == "password"), "{engine:?}");
        enrol(&world, world.officers[0]);
        assert_eq!((give(world.officers[0]), reset(world.officers[0])), (Ok(()), Ok(())), "{engine:?}: a colleague of the county");
        assert_eq!(refused(reset(world.officers[0])), Refusal::NoSecondFactor, "{engine:?}: it is gone");
        for stranger in [world.stranger, world.supervisor, OfficerId::from_uuid(uuid::Uuid::from_u128(1))] {
            assert!(matches!(give(stranger), Err(Error::NotFound { .. })), "{engine:?}: elsewhere, or nowhere");
            assert!(matches!(reset(stranger), Err(Error::NotFound { .. })), "{engine:?}: elsewhere, or nowhere");
        }
        enrol(&world, county);
        assert!(matches!((give(county), reset(county)), (Err(Error::Denied { .. }), Err(Error::Denied { .. }))), "{engine:?}: oneself");
        // Of the county, with a post above it: taking that officer over would be taking the post.
        enrol(&world, world.officers[1]);
        grant(world.officers[1], "办税服务坐席", CHANGCHUN);
        assert!(matches!(give(world.officers[1]), Err(Error::Denied { .. })), "{engine:?}");
        assert!(matches!(reset(world.officers[1]), Err(Error::Denied { .. })), "{engine:?}");
        let above = world.session_of(world.administrator);
        let given = above.access().give_password(world.officers[1], "Gei-Ni-Yong-2026").unwrap();
        assert_eq!(given.whose, format!("officer/{}", world.officers[1]), "{engine:?}");
        // Nor those whose agreement they need, and whose eyes are on them: taking them over would be agreeing to one's own wishes.
        for apart in [world.security, world.auditor] {
            enrol(&world, apart);
            assert!(matches!(above.access().give_password(apart, "Gei-Ni-Yong-2026"), Err(Error::Denied { .. })), "{engine:?}");
            assert!(matches!(above.access().reset_factor(apart).wait(), Err(Error::Denied { .. })), "{engine:?}");
            system.access().give_password(apart, "Gei-Ni-Yong-2026").unwrap();
            system.access().reset_factor(apart).wait().unwrap();
        }
        world.seal();
        let trail = world.session_of(world.auditor).audit().read(AuditAsked::behind(0, limits::PAGE_ROWS_MAX)).wait().unwrap().items;
        let told = format!("credential/officer/{}", world.officers[1]);
        assert!(trail.iter().any(|record| record.subject == told), "{engine:?}: the trail says whose password was given");
        assert!(matches!(world.officer(0).access().give_password(world.officers[2], PASSWORD), Err(Error::Denied { .. })), "{engine:?}");
    }
}

fn administrator() -> AddOfficer {
    AddOfficer { staff_no: "220000001".into(), name: "管理员".into(), authority: code(PROVINCE), capacity: 1 }
}

fn province(core: &Core) {
    use zhengna_core::access::{AuthorityKind, NewAuthority};
    let root = NewAuthority {
        code: code(PROVINCE),
        parent: None,
        kind: AuthorityKind::Province,
        name: "国家税务总局吉林省税务局".into(),
        effective_from: zhengna_tests::world::start(),
    };
    core.as_system().access().add_authorities(&[root], &mut |_| {}).unwrap();
}

/// Zammad's set-up stayed alive after set-up (CVE-2026-34723).
#[test]
fn t13_the_first_administrator_is_made_once_also_after_a_restart_and_nobody_is_there_before() {
    for engine in ENGINES {
        let keep = Keep::fresh(engine);
        let store = keep.open();
        let (core, _) = core_over(store.clone(), 1);
        province(&core);
        let rows = lines(&*store);
        assert!(!rows.iter().any(|l| ["\"credential\"", "\"officer\"", "\"post\""].iter().any(|t| l.contains(t))), "{engine:?}: {rows:?}");
        let anonymous = core.sign_in(&Credentials { login: "admin".into(), password: "admin".into() }, "test");
        assert_eq!(refused(anonymous), Refusal::WrongCredentials, "{engine:?}");
        core.as_system().access().bootstrap(administrator(), PASSWORD).unwrap();
        let again = |core: &Core| {
            let other = AddOfficer { staff_no: "220000002".into(), ..administrator() };
            refused(core.as_system().access().bootstrap(other, PASSWORD))
        };
        assert_eq!(again(&core), Refusal::Bootstrapped, "{engine:?}");
        let typed = Credentials { login: "220000001".into(), password: PASSWORD.into() };
        let first = core.sign_in(&typed, "test").unwrap();
        assert_eq!(first.duty, Some(Duty::ChangePassword), "{engine:?}");
        let changed = change(&by(&core, &first.token).unwrap(), PASSWORD, "Ming-Tian-2026").unwrap();
        assert_eq!(changed.duty, Some(Duty::EnrolSecondFactor), "{engine:?}");

        // As a host that starts again; in memory there is nothing to start from but the store.
        drop(core);
        let store = if engine == Engine::Memory {
            store
        } else {
            drop(store);
            keep.open()
        };
        let (restarted, clock) = core_over(store, 2);
        assert_eq!(again(&restarted), Refusal::Bootstrapped, "{engine:?}");
        clock.advance(Duration::from_secs(10 * 365 * 24 * 3600));
        assert_eq!(again(&restarted), Refusal::Bootstrapped, "{engine:?}");
        drop((restarted, keep));
    }
}

#[test]
fn t13_of_rivals_one_makes_the_first_administrator() {
    for engine in ENGINES {
        let keep = Keep::fresh(engine);
        let store = keep.open();
        let hosts = [core_over(store.clone(), 1).0, core_over(if engine == Engine::Postgres { keep.open() } else { store }, 2).0];
        province(&hosts[0]);
        let barrier = std::sync::Barrier::new(4);
        let made: usize = std::thread::scope(|scope| {
            let rivals: Vec<_> = (0..4)
                .map(|n| {
                    let (core, barrier) = (&hosts[n % 2], &barrier);
                    scope.spawn(move || {
                        let officer = AddOfficer { staff_no: format!("22000000{n}"), ..administrator() };
                        barrier.wait();
                        match core.as_system().access().bootstrap(officer, PASSWORD) {
                            Ok(_) => 1,
                            Err(Error::Refused(Refusal::Bootstrapped) | Error::Store(_) | Error::Invalid { .. }) => 0,
                            Err(e) => panic!("{e:?}"),
                        }
                    })
                })
                .collect();
            rivals.into_iter().map(|r| r.join().unwrap()).sum()
        });
        assert_eq!(made, 1, "{engine:?}");
        drop(hosts);
    }
}

/// Struck at each of its storage calls, it is done as a whole or not at all, and can be done afterwards.
#[test]
fn t13_half_an_administrator_is_never_made() {
    for k in 1.. {
        let keep = Keep::fresh(Engine::Memory);
        let faults = FaultStore::over(keep.open());
        let (core, _) = core_over(faults.clone(), 1);
        province(&core);
        let bootstrap = || core.as_system().access().bootstrap(administrator(), PASSWORD);
        let before = lines(&*faults);
        faults.arm(Fault::Before, k, Repeat::Once);
        let answer = bootstrap();
        let report = faults.disarm();
        if answer.is_err() {
            assert_eq!(lines(&*faults), before, "struck at {k}");
            bootstrap().unwrap();
        }
        assert_eq!(refused(bootstrap()), Refusal::Bootstrapped, "struck at {k}");
        if !report.struck {
            assert!(k > 10, "only {k} calls were counted");
            return;
        }
    }
}

/// Tokens that were stored as they are (T-21), or could be computed (T-22).
#[test]
fn t21_t22_nothing_that_opens_a_session_is_stored_as_it_is() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        let factor = enrol(&world, officer);
        let begun = challenge(&world, officer);
        let stored = lines(&**world.core.store()).join("\n").to_lowercase();
        let code = factor.recovery[0].replace('-', "");
        let secrets = [&factor.token, &begun, &factor.recovery[0], &code, PASSWORD, &hex(&factor.secret)];
        for secret in secrets.map(|s: &str| s.to_lowercase()) {
            assert!(!stored.contains(&secret), "{engine:?}: {secret} is stored");
        }
        let tokens: std::collections::BTreeSet<String> = (0..50).map(|_| challenge(&world, officer)).collect();
        assert!(tokens.len() == 50 && tokens.iter().all(|t| t.len() == 43), "{engine:?}: 256 bits, none twice");
    }
}

/// What is signed for one use is good for no other (T-20), and a session is what it was begun as (T-19).
#[test]
fn t20_a_challenge_is_no_token_and_a_token_is_no_challenge() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.officers[0];
        let factor = enrol(&world, officer);
        let begun = challenge(&world, officer);
        assert!(!stands(&world.core, &begun), "{engine:?}: a challenge opens nothing");
        let caller = world.core.authenticate(&factor.token).unwrap();
        let ticket = world.core.as_actor(caller.actor.clone()).access().issue_ticket(&caller).wait().unwrap().ticket;
        assert!(!stands(&world.core, &ticket), "{engine:?}: a ticket is no token");
        assert!(world.core.redeem(&begun).wait().is_err() && world.core.redeem(&factor.token).wait().is_err(), "{engine:?}");
        let code = now_shown(&world, &factor.secret);
        for other in [factor.token.as_str(), &ticket, "", "x", &begun[1..], &begun.to_uppercase()] {
            assert_eq!(refused(answer(&world.core, other, &code)), Refusal::ChallengeOver, "{engine:?}: {other}");
        }
        let [token, other] = [answer(&world.core, &begun, &code).unwrap().token, factor.token];
        assert!(token != begun && token != other, "{engine:?}: nothing is carried from before the second factor");
        assert!(world.core.redeem(&ticket).wait().is_err(), "{engine:?}: a ticket ends with the session it speaks for");
    }
}

/// Accounts told apart by what is answered (CVE-2026-45294).
#[test]
fn t23_a_wrong_password_tells_nothing_of_the_account_or_its_second_factor() {
    for engine in ENGINES {
        let world = World::new(engine);
        enrol(&world, world.officers[0]);
        sign_up(&world, world.officers[1]);
        world.core.as_system().access().give_password(world.officers[2], "Gei-Ni-Yong-2026").unwrap();
        let logins = [login(world.officers[0]), login(world.officers[1]), "22010002".into(), "nobody-here".into()];
        // Now at this host, now at another.
        let hosts = [core_over(world.core.store().clone(), 8).0, world.core.clone()];
        for n in 1..=limits::SIGN_IN_FAILURES_MAX + 1 {
            let said = logins.each_ref().map(|login| {
                let wrong = Credentials { login: login.clone(), password: "Xiang-Kan-2027".into() };
                hosts[n as usize % 2].sign_in(&wrong, "test").map(drop).unwrap_err().public()
            });
            assert!(said.iter().all(|s| *s == said[0]), "{engine:?}: attempt {n}: {said:?}");
            assert_eq!(said[0].code, if n < limits::SIGN_IN_FAILURES_MAX { "access.wrong_credentials" } else { "access.locked" });
        }
        // The right password of a locked account is told the same as a wrong one.
        let [right, unknown] = [typed(world.officers[1], PASSWORD), Credentials { login: "nobody-here".into(), password: PASSWORD.into() }];
        let said = [right, unknown].map(|t| world.core.sign_in(&t, "test").map(drop).unwrap_err().public());
        assert_eq!(said[0], said[1], "{engine:?}");
        // Nor does it show how long failures are kept, with the timer that forgets or without it.
        world.core.as_system().access().give_password(world.officers[2], "Gei-Ni-Yong-2027").unwrap();
        let told = || {
            let typed = |login: &str| Credentials { login: login.into(), password: "Xiang-Kan-2027".into() };
            ["22010002", "nobody-there"].map(|login| world.core.sign_in(&typed(login), "test").map(drop).unwrap_err().public().code)
        };
        for (later, locked) in [(limits::SIGN_IN_FAILURES_KEPT - Duration::from_secs(1), true), (limits::SIGN_IN_FAILURES_KEPT, false)] {
            (1..limits::SIGN_IN_FAILURES_MAX).for_each(|_| assert_eq!(told(), ["access.wrong_credentials"; 2], "{engine:?}"));
            world.clock.advance(later);
            assert_eq!(told(), [if locked { "access.locked" } else { "access.wrong_credentials" }; 2], "{engine:?}: {later:?}");
            world.clock.advance(limits::SIGN_IN_LOCK);
        }
    }
}

/// Accounts told apart by how long the answer takes (T-23). The two kinds take turns, so that whatever else the machine does weighs on
/// both alike; without the same work for both, one takes a hundredth of the other.
#[test]
fn t23_an_unknown_login_takes_as_long_as_a_known_one() {
    zhengna_core::crypto::hash_as_shipped();
    let world = World::new(Engine::Memory);
    sign_up(&world, world.officers[0]);
    let mut took = [Vec::new(), Vec::new()];
    for n in 0..30 {
        let unknown = Credentials { login: format!("nobody-{n}"), password: "Xiang-Kan-2027".into() };
        for (took, typed) in took.iter_mut().zip([typed(world.officers[0], "Xiang-Kan-2027"), unknown]) {
            let began = std::time::Instant::now();
            world.core.sign_in(&typed, "test").map(drop).unwrap_err();
            took.push(began.elapsed());
        }
        world.clock.advance(limits::SIGN_IN_LOCK);
    }
    let [known, unknown] = took.map(|mut took| {
        took.sort_unstable();
        took[took.len() / 2]
    });
    assert!(known < unknown * 3 / 2 && unknown < known * 3 / 2, "{known:?} {unknown:?}");
}

/// The secret of an officer opens with that officer's key only, and a row moved to another officer does not.
#[test]
fn a_second_factor_copied_to_another_officer_opens_nothing() {
    let world = World::new(Engine::Sqlite);
    let [owner, thief] = [world.officers[0], world.officers[1]];
    let factor = enrol(&world, owner);
    sign_up(&world, thief);
    let raw = rusqlite::Connection::open(world.keep.path().unwrap()).unwrap();
    let moved = "INSERT INTO second_factor SELECT ?1, secret, enrolled_at, confirmed_at, last_step, version FROM second_factor";
    raw.execute(moved, [&thief.as_bytes()[..]]).unwrap();
    drop(raw);
    let begun = challenge(&world, thief);
    let opened = answer(&world.core, &begun, &now_shown(&world, &factor.secret));
    assert!(matches!(opened, Err(Error::Crypto(_))), "sealed for another");
}
