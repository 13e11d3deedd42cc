//! The approval engine, through the core, on every engine. Each test is named after what a peer got wrong, or what the customer
//! asked for.

use std::time::Duration;

use zhengna_core::access::{
    AccessChange, AddPost, EndGrant, GrantPost, Permission, Permissions, RecordLeave, SetPost, SetSeparation, TakeEmergencyPost,
};
use zhengna_core::approval::{ApprovalState, Delegate, Execution, Matter, Opened, Rule, SetRule, Step, Which, Withdraw};
use zhengna_core::audit::AuditAsked;
use zhengna_core::calendar::{Change, DayHours, Draft, Span};
use zhengna_core::control::Watch;
use zhengna_core::error::{Problem, Refusal};
use zhengna_core::id::{OfficerId, PostId};
use zhengna_core::identity::{Disclose, PersonalField, RequestDisclosure};
use zhengna_core::operation::{Caller, OPERATIONS};
use zhengna_core::store::Page;
use zhengna_core::store::fault::{Fault, Repeat};
use zhengna_core::{Error, Session, limits};
use zhengna_tests::approval::{approve, decree, execute, propose, reject};
use zhengna_tests::calendar::notice;
use zhengna_tests::faults::Stage;
use zhengna_tests::world::{CHANGCHUN, ENGINES, Engine, JILIN_CITY, KUANCHENG, NANGUAN, PROVINCE, World, code, refused, signed_in};

fn rule(matter: Matter, steps: &[(Permission, i64)], execution: Execution) -> AccessChange {
    let steps = steps.iter().map(|(permission, votes)| Step { permission: *permission, votes: *votes }).collect();
    AccessChange::ApprovalRule(SetRule {
        matter, rule: Rule { steps, execution, valid_days: 10 }, source: "吉税办〔2026〕1号".into()
    })
}

/// The two administrators who change who may do what.
struct Two {
    system: Session,
    security: Session,
}

fn two(world: &World) -> Two {
    let [system, security] = [world.administrator, world.security].map(|id| world.session_of(id));
    Two { system, security }
}

/// Put in force by the two whom it takes.
fn in_force(world: &World, change: AccessChange) {
    assert_eq!(decree(world, change).unwrap().state, ApprovalState::Done);
}

fn post(world: &World, name: &str) -> PostId {
    world.core.as_system().access().find_post(name).unwrap().unwrap()
}

fn state(session: &Session, of: &Opened) -> ApprovalState {
    let listed = session.approval().list(Which::All, None, 20).unwrap();
    listed.items.iter().find(|a| a.id == of.approval).unwrap().state
}

#[test]
fn a_grant_takes_effect_when_another_administrator_agrees_and_ends_when_it_is_taken_away() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let grant =
            GrantPost { officer: world.idle_hand, post: post(&world, "办税服务坐席"), authority: code(NANGUAN), ends_at: None };
        let opened = propose(&two.system, AccessChange::Grant(grant.clone())).unwrap();
        assert_eq!(opened.state, ApprovalState::Pending);
        assert!(world.session_of(world.idle_hand).access().me().unwrap().permissions.is_empty(), "{engine:?}: nothing yet");
        assert_eq!(refused(propose(&two.system, AccessChange::Grant(grant.clone()))), Refusal::ApprovalPending(opened.approval));
        let inbox = two.security.approval().list(Which::ForMe, None, 20).unwrap().items;
        assert_eq!((inbox.len(), inbox[0].id, inbox[0].may_decide), (1, opened.approval, true), "{engine:?}");
        let done = approve(&two.security, &opened).unwrap();
        assert_eq!((done.state, done.number), (ApprovalState::Done, Some(1)), "{engine:?}");
        let me = world.session_of(world.idle_hand).access().me().unwrap();
        assert_eq!(me.permissions, [Permission::ServeTaxpayers], "{engine:?}");
        let held = two.security.access().grants(world.idle_hand).unwrap();
        assert_eq!(held[0].approval, Some(opened.approval), "{engine:?}: it says what approved it");
        let end = |session: &Session| session.access().end_grant(EndGrant { grant: held[0].id, reason: "调岗".into() }).wait().map(drop);
        assert!(
            matches!(end(&two.system), Err(Error::Denied { .. })),
            "{engine:?}: who keeps the accounts grants nothing and takes nothing"
        );
        assert_eq!(end(&two.security), Ok(()));
        assert_eq!(refused(end(&two.security)), Refusal::GrantOver);
        assert!(world.session_of(world.idle_hand).access().me().unwrap().permissions.is_empty(), "{engine:?}");
        assert_eq!(world.seal().finding, None);
    }
}

/// Wagtail, bytebase#19142, GLPI#19198: the button was hidden, the interface let it pass.
#[test]
fn nobody_decides_about_what_they_put_forward_or_what_is_about_them_by_any_path() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let other = world.appoint("22019101", PROVINCE, &[Permission::ApproveAccess, Permission::ViewStaff]);
        // About the one who would decide.
        let post = post(&world, "安全管理员");
        let about = |at| AccessChange::Grant(GrantPost { officer: world.security, post, authority: code(at), ends_at: None });
        let opened = propose(&two.system, about(CHANGCHUN)).unwrap();
        assert_eq!(refused(approve(&two.security, &opened)), Refusal::OwnApproval, "{engine:?}: it is about the caller");
        assert_eq!(refused(reject(&two.security, &opened)), Refusal::OwnApproval);
        assert_eq!(refused(approve(&two.system, &opened)), Refusal::OwnApproval, "{engine:?}: the caller put it forward");
        // Nor through somebody who stands in for whom it is about.
        let ends_at = world.core.now().plus(Duration::from_secs(3600));
        let stand_in = world.appoint("22019102", NANGUAN, &[Permission::ApproveAccess]); // whose own right ends at the county
        let stands_in = |giver: &Session| giver.approval().delegate(Delegate { taker: stand_in, starts_at: None, ends_at }).wait();
        stands_in(&two.security).unwrap();
        assert!(matches!(approve(&world.session_of(stand_in), &opened), Err(Error::Denied { .. } | Error::NotFound { .. })), "{engine:?}");
        // Through somebody whose right is their own, it goes.
        stands_in(&world.session_of(other)).unwrap();
        assert_eq!(approve(&world.session_of(stand_in), &opened).unwrap().state, ApprovalState::Done, "{engine:?}");
        let votes = &two.security.approval().list(Which::All, None, 1).unwrap().items[0].steps[0].votes;
        assert_eq!((votes[0].voter, votes[0].in_place_of), (stand_in, Some(other)), "{engine:?}: it says in whose place");
        // Who left lends nothing any more; security still does, but for what is about them.
        two.system.access().record_leave(RecordLeave { officer: other, left_at: None }).wait().unwrap();
        let opened = propose(&two.system, about(JILIN_CITY)).unwrap();
        assert!(matches!(approve(&world.session_of(stand_in), &opened), Err(Error::Denied { .. } | Error::NotFound { .. })), "{engine:?}");
        let grant = GrantPost { officer: world.idle_hand, post: serving(&world), authority: code(CHANGCHUN), ends_at: None };
        let opened = propose(&two.system, AccessChange::Grant(grant)).unwrap();
        assert_eq!(approve(&world.session_of(stand_in), &opened).unwrap().state, ApprovalState::Done, "{engine:?}");
    }
}

/// An administrator of one county learns nothing of the officers of another: who is not theirs is nobody.
#[test]
fn an_officer_of_elsewhere_is_given_a_post_by_somebody_above_both_places() {
    for engine in ENGINES {
        let world = World::new(engine);
        let own = world.session_of(world.appoint("22019103", NANGUAN, &[Permission::ManageAccess]));
        let put = |officer| {
            propose(&own, AccessChange::Grant(GrantPost { officer, post: serving(&world), authority: code(NANGUAN), ends_at: None }))
        };
        let above = world.appoint("22019104", CHANGCHUN, &[Permission::ManageRelations]);
        for officer in [world.stranger, above, OfficerId::from_uuid(uuid::Uuid::nil())] {
            assert_eq!(put(officer).unwrap_err(), Error::invalid("officer", Problem::Unknown("officer")), "{engine:?}");
        }
        assert_eq!(put(world.idle_hand).unwrap().state, ApprovalState::Pending, "{engine:?}");
        let grant = GrantPost { officer: world.stranger, post: serving(&world), authority: code(NANGUAN), ends_at: None };
        assert_eq!(propose(&two(&world).system, AccessChange::Grant(grant)).unwrap().state, ApprovalState::Pending, "{engine:?}");
    }
}

fn serving(world: &World) -> PostId {
    post(world, "办税服务坐席")
}

/// blueking-dbm#12339: a way for whoever is above all to agree to their own. There is nobody above all: not the host either.
#[test]
fn the_host_itself_decides_about_nothing() {
    for engine in ENGINES {
        let world = World::new(engine);
        let grant = GrantPost { officer: world.idle_hand, post: serving(&world), authority: code(NANGUAN), ends_at: None };
        let opened = propose(&two(&world).system, AccessChange::Grant(grant)).unwrap();
        let host = world.core.as_system();
        for decided in [approve(&host, &opened), reject(&host, &opened), execute(&host, &opened)] {
            assert!(matches!(decided, Err(Error::Denied { .. })), "{engine:?}: {decided:?}");
        }
    }
}

/// casbin#227, #668, #1072: a branch sees its own, whoever is above sees all, in lists as for single objects.
#[test]
fn a_county_lists_its_own_officers_and_whoever_is_above_lists_them_all() {
    for engine in ENGINES {
        let world = World::new(engine);
        let seen = |staff_no: &str, at: &str| -> Vec<OfficerId> {
            let watcher = world.session_of(world.appoint(staff_no, at, &[Permission::ViewStaff]));
            let listed = watcher.access().officers(None, Page { after: None, limit: 50 }).unwrap().items;
            listed.into_iter().map(|o| o.id).collect()
        };
        let (county, other) = (seen("22019211", NANGUAN), seen("22019212", KUANCHENG));
        assert!(county.contains(&world.officers[0]) && !county.contains(&world.stranger), "{engine:?}");
        assert!(other.contains(&world.stranger) && !other.contains(&world.officers[0]), "{engine:?}");
        assert!(!county.contains(&world.supervisor), "{engine:?}: nor whoever is above");
        let above = seen("22019213", CHANGCHUN);
        assert!([world.officers[0], world.stranger, world.supervisor].iter().all(|o| above.contains(o)), "{engine:?}");
        assert!(!seen("22019214", JILIN_CITY).contains(&world.stranger), "{engine:?}: beside it");
    }
}

/// node-casbin#392: the more users, the longer it took to load what says who may do what.
#[test]
fn what_a_call_is_authorised_with_does_not_grow_with_the_number_of_officers() {
    let stage = Stage::new(Engine::Memory);
    let (world, login) = (&stage.world, "22010000");
    world.core.as_system().access().set_password(world.officer(0).actor().as_ref(), login, "Xiang-Kan-2026").unwrap();
    let token = signed_in(&world.core, login, "Xiang-Kan-2026").unwrap();
    let calls = || {
        stage.faults.arm(Fault::Before, u64::MAX, Repeat::Once);
        let caller = world.core.authenticate(&token).unwrap();
        world.core.as_actor(caller.actor).interaction().waiting(world.line, 1).unwrap();
        stage.faults.disarm().calls
    };
    let few = calls();
    for n in 0..60 {
        world.appoint(&format!("22018{n:03}"), NANGUAN, &[Permission::ServeTaxpayers, Permission::ManageRelations]);
    }
    assert_eq!(calls(), few);
    assert!((2..40).contains(&few), "{few} storage calls");
}

/// GLPI#24399: a rejection at the second step left the first step's approval standing.
#[test]
fn steps_follow_each_other_votes_count_once_and_one_rejection_ends_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let twice = [(Permission::ApproveCalendar, 2), (Permission::SuperviseInteraction, 1)];
        in_force(&world, rule(Matter::WorkingDays, &twice, Execution::AtOnce));
        let maker = world.session_of(world.appoint("22019110", PROVINCE, &[Permission::ProposeCalendar]));
        let checkers: Vec<OfficerId> = (0..3)
            .map(|n| world.appoint(&format!("2201912{n}"), PROVINCE, &[Permission::ApproveCalendar, Permission::SuperviseInteraction]))
            .collect();
        let checker = |n: usize| world.session_of(checkers[n]);
        let opened = maker.calendar().propose(notice(2027)).wait().unwrap();
        assert_eq!(approve(&checker(0), &opened).unwrap().state, ApprovalState::Pending, "{engine:?}: one of two");
        assert_eq!(refused(approve(&checker(0), &opened)), Refusal::VotedAlready, "{engine:?}");
        assert_eq!(approve(&checker(1), &opened).unwrap().state, ApprovalState::Pending, "{engine:?}: the first step is done");
        for n in 0..2 {
            assert_eq!(refused(approve(&checker(n), &opened)), Refusal::VotedAlready, "{engine:?}: not again at the next step");
        }
        assert_eq!(reject(&checker(2), &opened).unwrap().state, ApprovalState::Rejected, "{engine:?}");
        for session in [checker(0), checker(1), world.session_of(world.supervisor)] {
            assert_eq!(refused(approve(&session, &opened)), Refusal::ApprovalDecided, "{engine:?}: final");
        }
        assert_eq!(world.taxpayer(0).calendar().year(2027).unwrap().version, 0);
        let opened = maker.calendar().propose(notice(2027)).wait().unwrap();
        approve(&checker(0), &opened).unwrap();
        approve(&checker(1), &opened).unwrap();
        let done = approve(&checker(2), &opened);
        assert!(done.as_ref().is_ok_and(|d| d.state == ApprovalState::Done && d.number == Some(1)), "{engine:?}: {done:?}");
        assert_eq!(world.taxpayer(0).calendar().year(2027).unwrap().version, 1, "{engine:?}");
    }
}

/// FINERACT: whoever created it, or approved it last, could carry it out.
#[test]
fn who_checked_does_not_carry_out_and_nothing_is_carried_out_before_it_is_approved() {
    for engine in ENGINES {
        let world = World::new(engine);
        in_force(&world, rule(Matter::WorkingDays, &[(Permission::ApproveCalendar, 1)], Execution::Third));
        let maker = world.session_of(world.supervisor);
        let checker = world.session_of(world.appoint("22019131", PROVINCE, &[Permission::ApproveCalendar]));
        let third = world.session_of(world.appoint("22019132", PROVINCE, &[Permission::ProposeCalendar]));
        let opened = maker.calendar().propose(notice(2027)).wait().unwrap();
        assert_eq!(refused(execute(&third, &opened)), Refusal::NotApproved, "{engine:?}");
        assert_eq!(approve(&checker, &opened).unwrap().state, ApprovalState::Approved, "{engine:?}");
        assert_eq!(world.taxpayer(0).calendar().year(2027).unwrap().version, 0, "{engine:?}: not in force");
        let for_me = |who: &Session| who.approval().list(Which::ForMe, None, 20).unwrap().items.len();
        assert_eq!([&maker, &checker, &third].map(for_me), [0, 0, 1], "{engine:?}: in the list of whoever may carry it out");
        assert_eq!(refused(execute(&maker, &opened)), Refusal::OwnApproval, "{engine:?}");
        assert_eq!(refused(execute(&checker, &opened)), Refusal::OwnApproval, "{engine:?}");
        let other = Opened { digest: "0".repeat(64), ..opened.clone() };
        assert_eq!(refused(execute(&third, &other)), Refusal::OtherContent);
        assert_eq!(execute(&third, &opened).unwrap().state, ApprovalState::Done, "{engine:?}");
        assert_eq!(refused(execute(&third, &opened)), Refusal::ApprovalDecided);
        assert_eq!(world.taxpayer(0).calendar().year(2027).unwrap().version, 1);
    }
}

/// A right in another's hands is the giver's word: who gave it carries nothing out that it decided.
#[test]
fn whoever_let_a_stand_in_vote_does_not_carry_out() {
    for engine in ENGINES {
        let world = World::new(engine);
        in_force(
            &world,
            rule(Matter::WorkingDays, &[(Permission::SuperviseInteraction, 1), (Permission::ApproveCalendar, 1)], Execution::Third),
        );
        let maker = world.session_of(world.appoint("22019135", PROVINCE, &[Permission::ProposeCalendar]));
        let giver = world.session_of(world.appoint("22019139", PROVINCE, &[Permission::SuperviseInteraction]));
        let taker = world.appoint("22019136", CHANGCHUN, &[Permission::ServeTaxpayers]);
        let ends_at = world.core.now().plus(Duration::from_secs(60));
        giver.approval().delegate(Delegate { taker, starts_at: None, ends_at }).wait().unwrap();
        let opened = maker.calendar().propose(notice(2027)).wait().unwrap();
        assert_eq!(approve(&world.session_of(taker), &opened).unwrap().state, ApprovalState::Pending, "{engine:?}");
        let checker = world.session_of(world.appoint("22019138", PROVINCE, &[Permission::ApproveCalendar]));
        assert_eq!(approve(&checker, &opened).unwrap().state, ApprovalState::Approved, "{engine:?}");
        assert_eq!(refused(execute(&giver, &opened)), Refusal::OwnApproval, "{engine:?}");
        let third = world.session_of(world.appoint("22019137", PROVINCE, &[Permission::ProposeCalendar]));
        assert_eq!(execute(&third, &opened).unwrap().state, ApprovalState::Done, "{engine:?}");
    }
}

#[test]
fn what_nobody_decides_in_time_expires_and_what_was_withdrawn_stays_so() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let maker = world.session_of(world.supervisor);
        let checker = world.session_of(world.appoint("22019141", PROVINCE, &[Permission::ApproveCalendar]));
        let opened = maker.calendar().propose(notice(2027)).wait().unwrap();
        let back = |session: &Session| session.approval().withdraw(Withdraw { approval: opened.approval, reason: "有误".into() }).wait();
        assert!(matches!(back(&checker), Err(Error::Denied { .. })), "{engine:?}: not somebody else's");
        assert!(matches!(back(&two.system), Err(Error::Denied { .. })), "{engine:?}");
        assert_eq!(back(&maker).unwrap().state, ApprovalState::Withdrawn);
        assert_eq!(refused(approve(&checker, &opened)), Refusal::ApprovalDecided);
        let second = maker.calendar().propose(notice(2027)).wait().unwrap();
        world.clock.advance(Duration::from_secs(30 * 86_400 - 1));
        assert_eq!(state(&checker, &second), ApprovalState::Pending, "{engine:?}: the last second");
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(state(&checker, &second), ApprovalState::Expired, "{engine:?}");
        assert_eq!(refused(approve(&checker, &second)), Refusal::ApprovalExpired);
        assert_eq!(refused(reject(&checker, &second)), Refusal::ApprovalExpired);
        let third = maker.calendar().propose(notice(2027)).wait().unwrap();
        assert_eq!(approve(&checker, &third).unwrap().state, ApprovalState::Done, "{engine:?}: the same may be put forward anew");
    }
}

#[test]
fn a_rule_without_steps_says_so_and_only_where_it_may() {
    let world = World::new(Engine::Memory);
    let two = two(&world);
    let empty = |matter| propose(&two.system, rule(matter, &[], Execution::AtOnce));
    for matter in Matter::ALL.iter().filter(|m| !m.may_pass_unseen()) {
        assert_eq!(empty(*matter).unwrap_err(), Error::invalid("rule.steps", Problem::Empty), "{matter:?}");
    }
    in_force(&world, rule(Matter::OfficeHours, &[], Execution::AtOnce));
    let seasons = vec![DayHours { date: "2027-01-01".parse().unwrap(), spans: vec![Span { from_min: 540, until_min: 1000 }] }];
    let hours = Draft { change: Change::OfficeHours { authority: code(NANGUAN), seasons, exceptions: vec![] }, ..notice(2027) };
    let opened = world.session_of(world.supervisor).calendar().propose(hours).wait().unwrap();
    assert_eq!(opened.state, ApprovalState::Done, "it is in force, and the approval says that nobody looked");
    let shown = &world.session_of(world.supervisor).approval().list(Which::Mine, None, 1).unwrap().items[0];
    assert!(shown.steps.is_empty() && shown.decided_by.is_none() && shown.number == Some(1));
    // The edges of a rule.
    let edge = |steps: &[(Permission, i64)]| propose(&two.system, rule(Matter::Post, steps, Execution::AtOnce)).map(|_| ());
    let field = |answer: Result<(), Error>| match answer {
        Err(Error::Invalid { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let by = Permission::ApproveAccess;
    assert_eq!(field(edge(&[(by, 1); limits::APPROVAL_STEPS_MAX + 1])), "rule.steps");
    assert_eq!(field(edge(&[(by, 1), (by, 0)])), "rule.steps[1].votes");
    assert_eq!(field(edge(&[(Permission::ServeTaxpayers, 1)])), "rule.steps", "the security administrator stays among those asked");
    assert_eq!(field(edge(&[(by, limits::APPROVAL_VOTES_MAX + 1)])), "rule.steps[0].votes");
    assert_eq!(edge(&[(by, limits::APPROVAL_VOTES_MAX); limits::APPROVAL_STEPS_MAX]), Ok(()));
    // What is disclosed is for whoever asked, and a review leaves nothing to carry out.
    let executed = |matter, execution| propose(&two.system, rule(matter, &[(by, 1)], execution)).map(|_| ());
    for execution in [Execution::AtOnce, Execution::Third] {
        assert_eq!(field(executed(Matter::Disclosure, execution)), "rule.execution");
    }
    for execution in [Execution::Maker, Execution::Third] {
        assert_eq!(field(executed(Matter::Emergency, execution)), "rule.execution");
    }
}

#[test]
fn an_account_is_for_one_plane_for_good_and_the_database_says_so_too() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let grant = |officer, name: &str| {
            let grant = GrantPost { officer, post: post(&world, name), authority: code(PROVINCE), ends_at: None };
            propose(&two.system, AccessChange::Grant(grant))
        };
        for (officer, name) in [
            (world.officers[0], "审计管理员"),
            (world.officers[0], "系统管理员"),
            (world.auditor, "系统管理员"),
            (world.administrator, "安全管理员"),
            (world.security, "督导"),
        ] {
            assert_eq!(refused(grant(officer, name)), Refusal::OtherPlane, "{engine:?}: {name}");
            let direct = GrantPost { officer, post: post(&world, name), authority: code(PROVINCE), ends_at: None };
            assert_eq!(
                refused(world.core.as_system().access().grant_post(direct).wait()),
                Refusal::OtherPlane,
                "{engine:?}: nor by the host"
            );
        }
        let mixed = |permissions: &[Permission]| {
            let set = SetPost { post: None, name: "混岗".into(), permissions: Permissions(permissions.to_vec()), emergency: false };
            propose(&two.system, AccessChange::Post(set))
        };
        assert_eq!(refused(mixed(&[Permission::ReadAudit, Permission::ManageAccess])), Refusal::OtherPlane, "{engine:?}");
        assert_eq!(refused(mixed(&[Permission::ServeTaxpayers, Permission::ApproveAccess])), Refusal::OtherPlane, "{engine:?}");
        // The end of every grant does not free the account for another plane.
        let held = two.security.access().grants(world.auditor).unwrap();
        two.security.access().end_grant(EndGrant { grant: held[0].id, reason: "换岗".into() }).wait().unwrap();
        assert_eq!(refused(grant(world.auditor, "系统管理员")), Refusal::OtherPlane, "{engine:?}");
        assert!(
            matches!(world.session_of(world.auditor).audit().read(AuditAsked::behind(0, 1)).wait(), Err(Error::Denied { .. })),
            "{engine:?}: it is over"
        );
    }
    // By the database itself: the foreign key.
    let world = World::new(Engine::Sqlite);
    let raw = rusqlite::Connection::open(world.keep.path().unwrap()).unwrap();
    raw.pragma_update(None, "foreign_keys", true).unwrap();
    let changed = raw.execute("UPDATE access_grant SET plane = 'audit' WHERE plane = 'business'", []);
    assert!(changed.unwrap_err().to_string().contains("FOREIGN KEY"));
    let changed = raw.execute("INSERT INTO officer_plane SELECT officer, 'audit' FROM officer_plane WHERE plane = 'system'", []);
    assert!(changed.unwrap_err().to_string().contains("UNIQUE"));
}

#[test]
fn permissions_that_are_kept_apart_are_refused_in_a_post_in_a_person_and_when_acting() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let (first, second) = (Permission::ProposeCalendar, Permission::ApproveCalendar);
        let set = SetPost { post: None, name: "自批".into(), permissions: Permissions(vec![second, first]), emergency: false };
        assert_eq!(refused(propose(&two.system, AccessChange::Post(set))), Refusal::Incompatible(first, second), "{engine:?}");
        let checker = world.appoint("22019151", PROVINCE, &[second]);
        let proposer = SetPost { post: None, name: "提案".into(), permissions: Permissions(vec![first]), emergency: false };
        in_force(&world, AccessChange::Post(proposer));
        let grant = GrantPost { officer: checker, post: post(&world, "提案"), authority: code(NANGUAN), ends_at: None };
        assert_eq!(refused(propose(&two.system, AccessChange::Grant(grant.clone()))), Refusal::Incompatible(first, second), "{engine:?}");
        // Ruled apart after they were granted: neither counts any more, and the rest does.
        let (serve, lines) = (Permission::ServeTaxpayers, Permission::ManageLines);
        let both = world.appoint("22019152", NANGUAN, &[serve, lines, Permission::ManageRelations]);
        let before = world.session_of(both);
        assert!(before.interaction().waiting(world.line, 1).is_ok());
        assert!(before.access().permissions().unwrap().iter().any(|p| p.operation == "interaction.propose_line"), "{engine:?}");
        in_force(
            &world,
            AccessChange::Separation(SetSeparation { first: lines, second: serve, apart: true, source: "吉税办〔2026〕2号".into() }),
        );
        let after = world.session_of(both);
        assert!(matches!(after.interaction().waiting(world.line, 1), Err(Error::Denied { .. })), "{engine:?}");
        let may: Vec<_> = after.access().permissions().unwrap().into_iter().map(|p| p.operation).collect();
        assert!(may.contains(&"identity.release_relation") && !may.contains(&"interaction.propose_line"), "{engine:?}: {may:?}");
        let told = two.security.access().separations().unwrap();
        assert!(told.iter().any(|s| (s.first, s.second) == (serve, lines) && s.source.is_some()), "{engine:?}");
        // Lifted again, with a document.
        in_force(
            &world,
            AccessChange::Separation(SetSeparation { first: lines, second: serve, apart: false, source: "吉税办〔2026〕3号".into() }),
        );
        assert!(world.session_of(both).interaction().waiting(world.line, 1).is_ok(), "{engine:?}");
        // A stand-in does not unite what must stay apart.
        let ends_at = world.core.now().plus(Duration::from_secs(60));
        let lend = world.session_of(checker).approval().delegate(Delegate { taker: world.supervisor, starts_at: None, ends_at }).wait();
        assert_eq!(refused(lend), Refusal::Incompatible(first, second), "{engine:?}");
    }
}

/// What menus are made of is what the operation table and the posts say, and where: here worked out by hand.
#[test]
fn the_menu_says_what_the_posts_allow_and_where() {
    for engine in ENGINES {
        let world = World::new(engine);
        let officer = world.appoint("22019171", NANGUAN, &[Permission::ServeTaxpayers]);
        let system = world.core.as_system();
        let permissions = Permissions(vec![Permission::ManageLines]);
        let post = system.access().add_post(AddPost { name: "队列管理".into(), permissions }).wait().unwrap().post;
        let _granted = system.access().grant_post(GrantPost { officer, post, authority: code(CHANGCHUN), ends_at: None }).wait().unwrap();
        let held = [(Permission::ServeTaxpayers, NANGUAN), (Permission::ManageLines, CHANGCHUN)];
        let menus = [(Caller::Officer, world.session_of(officer), &held[..]), (Caller::Taxpayer, world.taxpayer(0), &[])];
        for (caller, session, held) in menus {
            let menu = session.access().permissions().unwrap();
            for operation in OPERATIONS {
                let asks_nothing = caller == Caller::Taxpayer || operation.permission.is_none();
                let at: Vec<_> = held.iter().filter(|(p, _)| Some(*p) == operation.permission).map(|(_, at)| code(at)).collect();
                let wanted = operation.callers.contains(&caller) && (asks_nothing || !at.is_empty());
                let shown = menu.iter().find(|m| m.operation == operation.name);
                assert_eq!(shown.is_some(), wanted, "{engine:?} {caller:?} {}", operation.name);
                if let Some(shown) = shown {
                    assert_eq!(shown.authorities, (!asks_nothing).then_some(at), "{engine:?} {}", operation.name);
                }
            }
        }
    }
}

#[test]
fn delegations_are_for_colleagues_for_a_time_and_end() {
    for engine in ENGINES {
        let world = World::new(engine);
        let giver = world.session_of(world.appoint("22019161", CHANGCHUN, &[Permission::ApproveCalendar]));
        let taker = world.appoint("22019162", NANGUAN, &[Permission::ServeTaxpayers]);
        let elsewhere = world.appoint("22019163", JILIN_CITY, &[Permission::ServeTaxpayers]);
        let now = world.core.now();
        let lend = |taker, from: u64, until: u64| {
            let at = |s: u64| now.plus(Duration::from_secs(s));
            giver.approval().delegate(Delegate { taker, starts_at: Some(at(from)), ends_at: at(until) }).wait()
        };
        for wrong in [lend(elsewhere, 0, 60), lend(OfficerId::from_uuid(uuid::Uuid::nil()), 0, 60)] {
            assert_eq!(wrong.unwrap_err(), Error::invalid("taker", Problem::Unknown("officer")), "{engine:?}: alike");
        }
        let longest = limits::DELEGATION_AGE_MAX.as_secs();
        for wrong in [lend(taker, 60, 60), lend(taker, 0, longest + 1)] {
            assert!(matches!(wrong, Err(Error::Invalid { field, .. }) if field == "ends_at"), "{engine:?}");
        }
        lend(taker, 100, 100 + longest).unwrap();
        let spans = vec![Span { from_min: 540, until_min: 1020 }];
        let seasons = vec![DayHours { date: "2018-01-01".parse().unwrap(), spans }];
        let change = Change::OfficeHours { authority: code(CHANGCHUN), seasons, exceptions: Vec::new() };
        let hours = Draft { change, ..notice(2027) };
        let opened = world.session_of(world.supervisor).calendar().propose(hours).wait().unwrap();
        let stand_in = || approve(&world.session_of(taker), &opened);
        assert!(matches!(stand_in(), Err(Error::Denied { .. })), "{engine:?}: not yet");
        world.clock.advance(Duration::from_secs(101));
        let lent = &giver.approval().delegations().unwrap()[0];
        assert_eq!(giver.approval().end_delegation(lent.id).wait().unwrap().delegation, lent.id);
        assert!(matches!(stand_in(), Err(Error::Denied { .. })), "{engine:?}: no more");
        assert!(
            matches!(world.session_of(taker).approval().end_delegation(lent.id).wait(), Err(Error::NotFound { .. })),
            "{engine:?}: not theirs"
        );
        assert!(giver.approval().delegations().unwrap().is_empty());
        for n in 0..u64::from(limits::DELEGATIONS_MAX) {
            lend(taker, 200, 300 + n).unwrap();
        }
        assert!(matches!(lend(taker, 200, 400), Err(Error::Invalid { problem: Problem::TooMany { .. }, .. })), "{engine:?}");
        world.clock.advance(Duration::from_secs(150));
        assert_eq!(stand_in().unwrap().state, ApprovalState::Done, "{engine:?}: while it lasts");
        assert_eq!(refused(approve(&giver, &opened)), Refusal::ApprovalDecided);
    }
}

/// The three administrators stay three: none lends to another, nor to anybody outside.
#[test]
fn whoever_administers_lends_to_nobody_of_another_plane() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let ends_at = world.core.now().plus(Duration::from_secs(60));
        let lend = |giver: &Session, taker| giver.approval().delegate(Delegate { taker, starts_at: None, ends_at }).wait();
        for (giver, taker) in [
            (&two.security, world.administrator),
            (&two.security, world.auditor),
            (&two.security, world.supervisor),
            (&two.security, world.idle_hand),
            (&two.system, world.security),
        ] {
            assert_eq!(refused(lend(giver, taker)), Refusal::OtherPlane, "{engine:?}");
        }
    }
}

/// What the two may do is asked again whenever the right is used: a post granted meanwhile ends the lending, and its end lets it go on.
#[test]
fn a_stand_in_who_comes_to_hold_what_is_kept_apart_lends_no_right_any_more() {
    for engine in ENGINES {
        let world = World::new(engine);
        let giver = world.session_of(world.appoint("22019201", PROVINCE, &[Permission::ApproveCalendar]));
        let taker = world.appoint("22019202", PROVINCE, &[Permission::ServeTaxpayers]);
        let ends_at = world.core.now().plus(Duration::from_secs(600));
        giver.approval().delegate(Delegate { taker, starts_at: None, ends_at }).wait().unwrap();
        let opened = world.session_of(world.supervisor).calendar().propose(notice(2027)).wait().unwrap();
        let proposer =
            SetPost { post: None, name: "提案".into(), permissions: Permissions(vec![Permission::ProposeCalendar]), emergency: false };
        in_force(&world, AccessChange::Post(proposer));
        in_force(
            &world,
            AccessChange::Grant(GrantPost { officer: taker, post: post(&world, "提案"), authority: code(NANGUAN), ends_at: None }),
        );
        assert!(matches!(approve(&world.session_of(taker), &opened), Err(Error::Denied { .. })), "{engine:?}");
        let security = world.session_of(world.security);
        let grant = security.access().grants(taker).unwrap()[0].id;
        security.access().end_grant(EndGrant { grant, reason: "调岗".into() }).wait().unwrap();
        assert_eq!(approve(&world.session_of(taker), &opened).unwrap().state, ApprovalState::Done, "{engine:?}");
    }
}

/// Whose right was used has spoken: in person, or through whoever stood in.
#[test]
fn one_right_counts_once_whoever_uses_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        in_force(&world, rule(Matter::WorkingDays, &[(Permission::ApproveCalendar, 2)], Execution::AtOnce));
        let giver = world.session_of(world.appoint("22019171", PROVINCE, &[Permission::ApproveCalendar]));
        let takers = ["22019172", "22019173"].map(|n| world.appoint(n, PROVINCE, &[Permission::ServeTaxpayers]));
        let ends_at = world.core.now().plus(Duration::from_secs(60));
        for taker in takers {
            giver.approval().delegate(Delegate { taker, starts_at: None, ends_at }).wait().unwrap();
        }
        let opened = world.session_of(world.supervisor).calendar().propose(notice(2027)).wait().unwrap();
        assert_eq!(approve(&world.session_of(takers[0]), &opened).unwrap().state, ApprovalState::Pending);
        assert_eq!(refused(approve(&world.session_of(takers[1]), &opened)), Refusal::VotedAlready, "{engine:?}: the same right");
        assert_eq!(refused(approve(&giver, &opened)), Refusal::VotedAlready, "{engine:?}: their own right was used");
        let other = world.session_of(world.appoint("22019174", PROVINCE, &[Permission::ApproveCalendar]));
        assert_eq!(approve(&other, &opened).unwrap().state, ApprovalState::Done, "{engine:?}");
    }
}

#[test]
fn an_emergency_post_ends_by_itself_and_is_looked_at_by_somebody_else() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let may = Permissions(vec![Permission::SuperviseInteraction]);
        in_force(&world, AccessChange::Post(SetPost { post: None, name: "应急".into(), permissions: may, emergency: true }));
        let taker = world.appoint("22019181", NANGUAN, &[Permission::TakeEmergencyPost]);
        let take = |post, at: &str, minutes, reason: &str| {
            let cmd = TakeEmergencyPost { post, authority: code(at), minutes, reason: reason.into() };
            world.session_of(taker).access().take_emergency_post(cmd).wait()
        };
        let emergency = post(&world, "应急");
        let own = world.session_of(taker);
        let offered = own.access();
        assert_eq!(offered.emergency_posts().unwrap().iter().map(|p| p.id).collect::<Vec<_>>(), [emergency], "{engine:?}");
        assert!(matches!(offered.posts(), Err(Error::Denied { .. })), "{engine:?}: the others are not for them");
        assert!(
            matches!(take(post(&world, "督导"), NANGUAN, 10, "故障"), Err(Error::Invalid { field, .. }) if field == "post"),
            "{engine:?}"
        );
        assert!(matches!(take(emergency, CHANGCHUN, 10, "故障"), Err(Error::Invalid { field, .. }) if field == "authority"), "{engine:?}");
        assert!(matches!(take(emergency, NANGUAN, 10, " "), Err(Error::Invalid { field, .. }) if field == "reason"), "{engine:?}");
        for minutes in [0, limits::EMERGENCY_MINUTES_MAX + 1] {
            assert!(
                matches!(take(emergency, NANGUAN, minutes, "故障"), Err(Error::Invalid { field, .. }) if field == "minutes"),
                "{engine:?}"
            );
        }
        let may_supervise = || world.session_of(taker).access().me().unwrap().permissions.contains(&Permission::SuperviseInteraction);
        take(emergency, NANGUAN, 30, "值班人员不在岗").unwrap();
        assert!(may_supervise(), "{engine:?}: at once");
        let waiting = two.security.approval().list(Which::ForMe, None, 20).unwrap().items;
        assert_eq!((waiting[0].matter, &waiting[0].content["taken"]["reason"]), (Matter::Emergency, &serde_json::json!("值班人员不在岗")));
        let opened = Opened { approval: waiting[0].id, digest: waiting[0].digest.clone(), state: ApprovalState::Pending };
        let own = world.session_of(taker);
        assert_eq!(refused(approve(&own, &opened)), Refusal::OwnApproval, "{engine:?}");
        let back = own.approval().withdraw(Withdraw { approval: opened.approval, reason: "算了".into() }).wait();
        assert!(matches!(back, Err(Error::Denied { .. })), "{engine:?}: that somebody looks is not called off");
        assert_eq!(
            refused(take(emergency, NANGUAN, 30, "还要")),
            Refusal::ApprovalPending(opened.approval),
            "{engine:?}: one nobody looked at"
        );
        reject(&two.security, &opened).unwrap();
        assert!(!may_supervise(), "{engine:?}: it was not in order, and ends");
        let again = take(emergency, NANGUAN, 30, "再次故障").unwrap();
        let waiting = two.security.approval().list(Which::ForMe, None, 20).unwrap().items;
        let opened = Opened { approval: waiting[0].id, digest: waiting[0].digest.clone(), state: ApprovalState::Pending };
        let early = refused(approve(&two.security, &opened));
        assert!(matches!(early, Refusal::EmergencyLasts(_)), "{engine:?}: nobody can have looked at what is not over: {early:?}");
        world.clock.advance(Duration::from_secs(30 * 60));
        assert!(!may_supervise(), "{engine:?}: over by itself");
        approve(&two.security, &opened).unwrap();
        // Whoever reviews alerts hears of each, whatever became of the review.
        world.seal();
        world.core.ensure_timers().unwrap();
        while world.core.run_due(10).unwrap() > 0 {}
        let reviewer = world.session_of(world.appoint("22019182", PROVINCE, &[Permission::ReviewControl]));
        let alerts = reviewer.control().alerts(None, Page { after: None, limit: 20 }).unwrap().items;
        let told = &alerts.iter().find(|a| a.rule == Watch::EmergencyPost).unwrap().names;
        assert_eq!(told.iter().map(|n| n.staff_no.as_deref()).collect::<Vec<_>>(), [Some("22019181")], "{engine:?}: whose deed it was");
        let heard: Vec<String> = alerts.into_iter().filter(|a| a.rule == Watch::EmergencyPost).filter_map(|a| a.subject).collect();
        assert!(heard.len() == 2 && heard.contains(&format!("grant/{}", again.grant)), "{engine:?}: {heard:?}");
        // However late: nobody gets rid of it by waiting.
        take(emergency, NANGUAN, 30, "又一次故障").unwrap();
        world.clock.advance(Duration::from_secs(400 * 86_400));
        let waiting = two.security.approval().list(Which::ForMe, None, 20).unwrap().items;
        let opened = Opened { approval: waiting[0].id, digest: waiting[0].digest.clone(), state: ApprovalState::Pending };
        assert_eq!((waiting[0].matter, waiting[0].state), (Matter::Emergency, ApprovalState::Pending), "{engine:?}");
        assert_eq!(refused(take(emergency, NANGUAN, 30, "还要")), Refusal::ApprovalPending(opened.approval), "{engine:?}");
        assert_eq!(approve(&two.security, &opened).unwrap().state, ApprovalState::Done, "{engine:?}");
    }
}

/// Whoever agreed to a grant agreed to what the post allowed then.
#[test]
fn a_grant_of_a_post_that_was_widened_meanwhile_is_void() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let set = |post: Option<PostId>, permissions: &[Permission]| {
            AccessChange::Post(SetPost { post, name: "轮岗".into(), permissions: Permissions(permissions.to_vec()), emergency: false })
        };
        in_force(&world, set(None, &[Permission::ServeTaxpayers]));
        let rotated = post(&world, "轮岗");
        let grant = GrantPost { officer: world.idle_hand, post: rotated, authority: code(NANGUAN), ends_at: None };
        let opened = propose(&two.system, AccessChange::Grant(grant)).unwrap();
        let shown = two.security.approval().list(Which::ForMe, None, 20).unwrap().items.remove(0);
        assert_eq!(shown.content["allows"], serde_json::json!(["serve_taxpayers"]), "{engine:?}: whoever agrees reads it");
        in_force(&world, set(Some(rotated), &[Permission::ServeTaxpayers, Permission::SuperviseInteraction]));
        assert_eq!(refused(approve(&two.security, &opened)), Refusal::OtherContent, "{engine:?}");
        assert!(world.session_of(world.idle_hand).access().me().unwrap().permissions.is_empty(), "{engine:?}");
        in_force(&world, set(Some(rotated), &[Permission::ServeTaxpayers]));
        assert_eq!(approve(&two.security, &opened).unwrap().state, ApprovalState::Done, "{engine:?}: as it was put forward");
    }
}

#[test]
fn data_of_many_is_shown_once_to_whoever_asked_after_somebody_else_agreed() {
    for engine in ENGINES {
        let world = World::new(engine);
        let boss = world.session_of(world.supervisor);
        let head = world.session_of(world.appoint("22019191", CHANGCHUN, &[Permission::ApproveDisclosure]));
        let ask = |taxpayers: &[_], authority: &str| {
            let cmd = RequestDisclosure {
                taxpayers: taxpayers.to_vec(),
                fields: vec![PersonalField::Phone, PersonalField::Name],
                authority: code(authority),
                reason: "专项核查".into(),
            };
            boss.identity().request_disclosure(cmd).wait()
        };
        assert!(matches!(ask(&[], NANGUAN), Err(Error::Invalid { field, .. }) if field == "taxpayers"), "{engine:?}");
        assert!(
            matches!(ask(&world.taxpayers[..1], PROVINCE), Err(Error::Invalid { field, .. }) if field == "authority"),
            "{engine:?}: above the caller"
        );
        let unknown = zhengna_core::id::TaxpayerId::from_uuid(uuid::Uuid::nil());
        assert!(matches!(ask(&[unknown], NANGUAN), Err(Error::NotFound { .. })), "{engine:?}");
        let opened = ask(&world.taxpayers[..3], NANGUAN).unwrap();
        // Asked for again, whatever the order and the reason: one waits.
        let again = [world.taxpayers[2], world.taxpayers[0], world.taxpayers[1], world.taxpayers[0]];
        assert_eq!(refused(ask(&again, NANGUAN)), Refusal::ApprovalPending(opened.approval), "{engine:?}");
        ask(&world.taxpayers[..2], NANGUAN).unwrap();
        ask(&world.taxpayers[..3], CHANGCHUN).unwrap();
        let take = |session: &Session| session.identity().disclose(Disclose { approval: opened.approval }).wait();
        assert_eq!(refused(take(&boss).map(drop)), Refusal::NotApproved, "{engine:?}");
        approve(&head, &opened).unwrap();
        assert_eq!(refused(ask(&again, NANGUAN)), Refusal::ApprovalPending(opened.approval), "{engine:?}: approved, not taken");
        let colleague = world.session_of(world.appoint("22019192", CHANGCHUN, &[Permission::RevealPersonalData]));
        assert_eq!(refused(take(&colleague).map(drop)), Refusal::OwnApproval, "{engine:?}: not whoever asked");
        assert!(matches!(execute(&boss, &opened), Err(Error::Denied { .. })), "{engine:?}: data leaves by one door");
        let shown = take(&boss).unwrap();
        assert_eq!((shown.items.len(), shown.shown_to.clone()), (6, boss.actor().as_ref().to_string()), "{engine:?}");
        assert!(shown.items.iter().any(|r| r.value.as_deref() == Some("测试0")), "{engine:?}");
        assert_eq!(refused(take(&boss).map(drop)), Refusal::ApprovalDecided, "{engine:?}: once");
        assert_eq!(ask(&again, NANGUAN).unwrap().state, ApprovalState::Pending, "{engine:?}: another time it is another request");
    }
}

/// FINERACT-2982: writes that nobody had put a check on. A leaver is nobody, on every path, from that instant on.
#[test]
fn whoever_left_is_nobody_from_that_instant_on() {
    for engine in ENGINES {
        let world = World::new(engine);
        let two = two(&world);
        let leave = |session: &Session, officer, left_at| session.access().record_leave(RecordLeave { officer, left_at }).wait().map(drop);
        let at = world.core.now().plus(Duration::from_secs(60));
        assert_eq!(leave(&two.system, world.officers[0], Some(at)), Ok(()));
        assert!(world.core.officer(world.officers[0]).is_ok(), "{engine:?}: not yet");
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(world.core.officer(world.officers[0]).unwrap_err(), Error::SignInRequired, "{engine:?}");
        assert_eq!(refused(leave(&two.system, world.officers[0], None)), Refusal::HasLeft);
        let late = GrantPost { officer: world.officers[0], post: serving(&world), authority: code(NANGUAN), ends_at: None };
        assert!(matches!(propose(&two.system, AccessChange::Grant(late)), Err(Error::Invalid { .. })), "{engine:?}");
        assert!(
            matches!(leave(&two.system, world.administrator, None), Err(Error::Denied { .. })),
            "{engine:?}: nobody notes it of themselves"
        );
        assert!(matches!(leave(&two.security, world.officers[1], None), Err(Error::Denied { .. })), "{engine:?}");
    }
}

/// Grants that are over stand for nothing, however many there are, and hide none that holds.
#[test]
fn an_officer_holds_so_many_posts_and_no_more_whatever_they_held_before() {
    let world = World::new(Engine::Memory);
    let system = world.core.as_system();
    let post = system.access().find_post("办税服务坐席").unwrap().unwrap();
    let officer = world.idle_hand;
    let grant = |ends_at| system.access().grant_post(GrantPost { officer, post, authority: code(NANGUAN), ends_at }).wait();
    let second = Duration::from_secs(1);
    for _ in 0..=limits::PAGE_ROWS_MAX {
        grant(Some(world.core.now().plus(second))).unwrap();
        world.clock.advance(second);
    }
    for _ in 0..limits::GRANTS_PER_OFFICER_MAX {
        grant(None).unwrap();
    }
    let max = limits::GRANTS_PER_OFFICER_MAX as usize;
    assert_eq!(grant(None).unwrap_err(), Error::invalid("officer", Problem::TooMany { max }));
}
