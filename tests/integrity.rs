//! Rows that say who may do what, altered straight in the database: refused, and told as an alarm.

use rusqlite::Connection;
use zhengna_core::access::{AccessChange, EndGrant, GrantPost, Permission, RecordLeave, RightsFinding, RightsFindingKind, SetSeparation};
use zhengna_core::approval::{ApprovalState, Execution, Matter, Opened, Rule, SetRule, Step};
use zhengna_core::audit::FindingKind;
use zhengna_core::error::{Refusal, Severity};
use zhengna_core::id::GrantId;
use zhengna_core::interaction::{LineSettings, ProposeLine};
use zhengna_core::{Core, Error, limits};
use zhengna_tests::approval::{approve, decree, execute, propose};
use zhengna_tests::world::{ENGINES, Engine, NANGUAN, PROVINCE, World, authorities, code, refused};

fn raw(world: &World) -> Connection {
    Connection::open(world.keep.path().unwrap()).unwrap()
}

/// Ends the grant of the first officer; the database keeps a copy of the row as it was.
fn ended(world: &World, raw: &Connection) -> GrantId {
    raw.execute("CREATE TABLE kept AS SELECT * FROM access_grant", []).unwrap();
    let security = world.session_of(world.security);
    let grant = security.access().grants(world.officers[0]).unwrap()[0].id;
    security.access().end_grant(EndGrant { grant, reason: "离岗".into() }).wait().unwrap();
    grant
}

fn delete(raw: &Connection, grant: GrantId) {
    raw.execute("DELETE FROM access_grant WHERE id = ?1", [&grant.uuid().as_bytes()[..]]).unwrap();
}

/// Puts the copy in the place of the row.
fn put_back(raw: &Connection, grant: GrantId) {
    delete(raw, grant);
    raw.execute("INSERT INTO access_grant SELECT * FROM kept WHERE id = ?1", [&grant.uuid().as_bytes()[..]]).unwrap();
}

fn altered<R: std::fmt::Debug>(answer: Result<R, Error>) {
    let error = answer.unwrap_err();
    assert_eq!(error, Error::Refused(Refusal::RightsAltered));
    assert_eq!(error.severity(), Severity::Alarm, "somebody must look");
}

fn rights(core: &Core, world: &World, n: usize) -> Result<Vec<Permission>, Error> {
    core.officer(world.officers[n]).and_then(|actor| core.as_actor(actor).access().me()).map(|me| me.permissions)
}

/// GB/T 39786-2021 8.4: a role flipped in the database gives nothing, and is an alarm.
#[test]
fn a_post_or_grant_that_was_edited_swapped_or_made_in_the_database_gives_nothing() {
    for edit in [
        "UPDATE post SET permissions = permissions || ' reveal_personal_data' WHERE name = '办税服务坐席'",
        "UPDATE post SET version = version + 1 WHERE name = '办税服务坐席'",
        "UPDATE access_grant SET authority = '12200000000' WHERE officer = ?1",
        "UPDATE access_grant SET starts_at = starts_at - 1 WHERE officer = ?1",
        "UPDATE access_grant SET ends_at = 9000000000000000 WHERE officer = ?1",
        "UPDATE access_grant SET post = (SELECT id FROM post WHERE name = '督导') WHERE officer = ?1",
        "UPDATE access_grant SET mac = zeroblob(32) WHERE officer = ?1",
        "UPDATE access_grant SET mac = (SELECT mac FROM access_grant WHERE officer <> ?1 LIMIT 1) WHERE officer = ?1",
        "INSERT INTO access_grant SELECT randomblob(16), officer, post, authority, starts_at, ends_at, plane, approval, mac, version FROM access_grant WHERE officer = ?1",
        "INSERT INTO separation VALUES ('serve_taxpayers', 'manage_lines', 0, 'x', zeroblob(32), 0)",
    ] {
        let world = World::new(Engine::Sqlite);
        assert_eq!(rights(&world.core, &world, 0).unwrap(), [Permission::ServeTaxpayers]);
        let officer = world.officers[if edit.contains("separation") { 1 } else { 0 }].uuid();
        let raw = raw(&world);
        let changed = if edit.contains("?1") { raw.execute(edit, [&officer.as_bytes()[..]]) } else { raw.execute(edit, []) };
        assert_eq!(changed.unwrap(), 1, "{edit}");
        if edit.contains("separation") {
            altered(world.core.officer(world.supervisor)); // who holds several permissions is held against what is kept apart
        } else {
            altered(world.core.officer(world.officers[0]));
        }
        if edit.contains("access_grant") {
            assert!(rights(&world.core, &world, 1).is_ok(), "{edit}: others go on");
        }
    }
}

/// What fits its own hash, and is not what was written last: an older row put back, a row that is gone. The trail knows.
#[test]
fn a_grant_that_was_put_back_as_it_was_gives_nothing_and_one_that_is_gone_is_told() {
    for engine in ENGINES {
        let world = World::new(engine);
        let verdict = world.core.compare_rights().unwrap();
        assert!(verdict.complete && verdict.findings.is_empty() && verdict.rows > 8, "{engine:?}: {verdict:?}");
        world.seal();
        assert!(world.core.compare_rights().unwrap().findings.is_empty(), "{engine:?}: sealed or not");
        world.core.officer(world.officers[0]).unwrap();
    }
    let world = World::new(Engine::Sqlite);
    let raw = raw(&world);
    let grant = ended(&world, &raw);
    world.seal();
    assert!(world.core.compare_rights().unwrap().findings.is_empty());
    assert!(rights(&world.core, &world, 0).unwrap().is_empty(), "it is over");
    put_back(&raw, grant);
    assert_eq!(rights(&world.core, &world, 0).unwrap(), [Permission::ServeTaxpayers], "its own hash fits");
    let found = |kind| RightsFinding { row: format!("access_grant/{grant}"), kind };
    assert_eq!(world.core.compare_rights().unwrap().findings, [found(RightsFindingKind::Altered)]);
    altered(world.core.officer(world.officers[0]));
    assert!(rights(&world.core, &world, 1).is_ok(), "others go on");
    delete(&raw, grant);
    assert_eq!(world.core.compare_rights().unwrap().findings, [found(RightsFindingKind::Removed)]);
    assert!(rights(&world.core, &world, 0).unwrap().is_empty(), "what is gone gives nothing");
    // The same after a restart, which remembers nothing.
    let World { core, keep, .. } = world;
    drop(core); // one process at a time has the file
    let again = zhengna_tests::world::core_over(keep.open(), 9).0;
    assert_eq!(again.compare_rights().unwrap().findings, [found(RightsFindingKind::Removed)]);
}

/// Whoever takes the note of a right out of the trail as well, and waits for the next start: the row fits what is left. The chain has a
/// gap then, which a host comes to that reads on in the trail.
#[test]
fn a_right_whose_last_note_was_deleted_with_it_is_told_by_the_watch_over_the_trail() {
    let world = World::new(Engine::Sqlite);
    let raw = raw(&world);
    let grant = ended(&world, &raw);
    world.seal();
    let before = world.core.watch_audit().unwrap();
    assert!(before.complete && before.finding.is_none() && before.verified > 8, "{before:?}");
    put_back(&raw, grant);
    let (xid, seq): (i64, i64) = raw
        .query_row(
            "SELECT xid, seq FROM audit_record WHERE subject LIKE '%access_grant/' || ?1 ORDER BY xid DESC, seq DESC LIMIT 1",
            [grant.to_string()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!(raw.execute("DELETE FROM audit_record WHERE (xid, seq) = (?1, ?2)", [xid, seq]).unwrap(), 1);
    assert_eq!(world.core.watch_audit().unwrap(), before, "what was read today is read again tomorrow");
    world.clock.advance(limits::WATCH_EVERY);
    let told = world.core.watch_audit().unwrap();
    let finding = told.finding.unwrap();
    assert_eq!((finding.kind, finding.number), (FindingKind::Removed, told.verified + 1));

    let World { core, keep, .. } = world;
    drop(core); // one process at a time has the file
    let (again, _) = zhengna_tests::world::core_over(keep.open(), 9);
    assert!(again.compare_rights().unwrap().findings.is_empty(), "a trail without the note has nothing against the row");
    assert_eq!(again.watch_audit().unwrap().finding, Some(finding));
}

/// What was put back as it was is whole again, once it was read anew; and what is new is read without waiting for that.
#[test]
fn the_watch_over_the_trail_reads_what_is_new_and_everything_again_after_a_day() {
    let world = World::new(Engine::Sqlite);
    let raw = raw(&world);
    world.seal();
    let first = world.core.watch_audit().unwrap();
    world.entered(0);
    world.seal();
    let second = world.core.watch_audit().unwrap();
    assert!(second.complete && second.verified > first.verified, "{second:?}");

    raw.execute_batch("CREATE TABLE kept_record AS SELECT * FROM audit_record; UPDATE audit_record SET reason = 'x'").unwrap();
    world.clock.advance(limits::WATCH_EVERY);
    let altered = world.core.watch_audit().unwrap();
    assert_eq!(altered.finding.as_ref().map(|f| (f.kind, f.number)), Some((FindingKind::Altered, 1)));
    raw.execute_batch("DELETE FROM audit_record; INSERT INTO audit_record SELECT * FROM kept_record").unwrap();
    assert_eq!(world.core.watch_audit().unwrap(), altered, "until it is read again");
    world.clock.advance(limits::WATCH_EVERY);
    assert_eq!(world.core.watch_audit().unwrap(), second);

    world.core.checkpoint_audit(true).unwrap();
    raw.execute("DELETE FROM audit_link WHERE number = ?1", [second.verified]).unwrap();
    world.clock.advance(limits::WATCH_EVERY);
    let cut = world.core.watch_audit().unwrap().finding.unwrap();
    assert_eq!((cut.kind, cut.number), (FindingKind::CutOff, second.verified), "a checkpoint vouches for it");
}

/// Whoever has the database writes into the trail too, before it is sealed: a record made up about an older row, or a copy of the one
/// that was written then. The row stays refused.
#[test]
fn a_record_made_up_or_copied_makes_no_older_row_good() {
    for copied in [false, true] {
        let world = World::new(Engine::Sqlite);
        let raw = raw(&world);
        let grant = ended(&world, &raw);
        put_back(&raw, grant);
        let (record, digest) = if copied { ("id", "digest") } else { ("randomblob(16)", "(SELECT mac FROM kept WHERE id = ?2)") };
        let forged = format!(
            "INSERT INTO audit_record SELECT xid, (SELECT max(seq) + 1 FROM audit_record), {record}, at, operation, actor, subject, reason, \
             request, {digest}, rows FROM audit_record WHERE subject = ?1 ORDER BY seq LIMIT 1"
        );
        let subject = format!("integrity/access_grant/{grant}");
        let id = grant.uuid();
        let inserted =
            if copied { raw.execute(&forged, [&subject]) } else { raw.execute(&forged, rusqlite::params![subject, &id.as_bytes()[..]]) };
        assert_eq!(inserted.unwrap(), 1);
        let found = world.core.compare_rights().unwrap().findings;
        assert_eq!(found, [RightsFinding { row: format!("access_grant/{grant}"), kind: RightsFindingKind::Altered }], "copied: {copied}");
        altered(world.core.officer(world.officers[0]));
    }
}

/// A row that cannot be read switches no comparison off: of its table nothing counts, and of everything where it is the trail.
#[test]
fn a_row_that_cannot_be_read_hides_no_other() {
    let vote = "INSERT INTO approval_vote (approval, voter, right_of, step, agreed, at, mac) \
                VALUES (randomblob(16), zeroblob(5), randomblob(16), 1, 1, 1, zeroblob(32))";
    let record = "UPDATE audit_record SET id = zeroblob(5) WHERE seq = (SELECT max(seq) FROM audit_record)";
    // Of no kind that the column may have: found below the rows, where it spoils the whole comparison.
    let at = "INSERT INTO approval_vote (approval, voter, right_of, step, agreed, at, mac) \
              VALUES (randomblob(16), randomblob(16), randomblob(16), 1, 1, 'x', zeroblob(32))";
    let gone = "ALTER TABLE approval_delegation RENAME TO elsewhere";
    for (spoil, of) in [(vote, Some("approval_vote")), (record, None), (at, None), (gone, None)] {
        let world = World::new(Engine::Sqlite);
        let raw = raw(&world);
        let grant = ended(&world, &raw);
        put_back(&raw, grant);
        raw.execute(spoil, []).unwrap();
        let mut compared = world.core.compare_rights();
        if spoil == gone {
            assert_eq!(rights(&world.core, &world, 1).unwrap(), [Permission::ServeTaxpayers], "a database may be away for a moment");
            (1..limits::RIGHTS_FAILURES_MAX).for_each(|_| compared = world.core.compare_rights());
        }
        match of {
            Some(table) => {
                let grant = RightsFinding { row: format!("access_grant/{grant}"), kind: RightsFindingKind::Altered };
                let unreadable = RightsFinding { row: table.into(), kind: RightsFindingKind::Unreadable };
                assert_eq!(compared.unwrap().findings, [grant, unreadable]);
                assert!(rights(&world.core, &world, 1).is_ok(), "others go on");
            }
            None => {
                assert!(matches!(compared, Err(Error::Store(_))), "{spoil}: {compared:?}");
                altered(world.core.officer(world.officers[1]));
            }
        }
        altered(world.core.officer(world.officers[0]));
    }
}

/// A rule or a separation that is gone is not one that never was.
#[test]
fn what_was_kept_apart_and_is_deleted_lets_nothing_together() {
    let world = World::new(Engine::Sqlite);
    let apart = SetSeparation { first: Permission::ServeTaxpayers, second: Permission::ManageLines, apart: true, source: "文".into() };
    decree(&world, AccessChange::Separation(apart)).unwrap();
    assert_eq!(raw(&world).execute("DELETE FROM separation", []).unwrap(), 1);
    assert_eq!(world.core.compare_rights().unwrap().findings.len(), 1);
    altered(world.core.officer(world.supervisor)); // who holds several permissions is held against what is kept apart
}

/// How far a post reaches is read from the tree of authorities: one that was moved in the database gives nothing, is told, and becomes
/// again what the list says when that is imported anew.
#[test]
fn an_authority_that_was_moved_in_the_database_widens_no_right() {
    for edit in [
        "UPDATE authority SET path = '12200000000' WHERE code = ?1",
        "UPDATE authority SET path = '10000000000/12200000000/12202000000/' || code WHERE code = ?1",
        "UPDATE authority SET path = (SELECT path FROM authority WHERE code = '12200000000'), mac = (SELECT mac FROM authority WHERE code = '12200000000') WHERE code = ?1",
        "UPDATE authority SET effective_to = 1 WHERE code = ?1",
    ] {
        let world = World::new(Engine::Sqlite);
        assert_eq!(raw(&world).execute(edit, [NANGUAN]).unwrap(), 1, "{edit}");
        altered(world.core.officer(world.officers[0])); // whose post is there
        let told = world.core.compare_rights().unwrap().findings;
        let row = format!("authority/{NANGUAN}");
        assert_eq!(told, [RightsFinding { row, kind: RightsFindingKind::Altered }], "{edit}");
        // A list of its own: the one that the world was made with was applied, and is remembered.
        let listed: Vec<_> = authorities().into_iter().filter(|a| a.code == code(NANGUAN)).collect();
        world.core.as_system().access().add_authorities(&listed, &mut |_| {}).unwrap();
        assert_eq!(world.core.compare_rights().unwrap().findings, [], "{edit}");
        assert_eq!(rights(&world.core, &world, 0).unwrap(), [Permission::ServeTaxpayers], "{edit}: as the list says");
    }
}

/// Who may change what holds for everybody is read from the tree of authorities too: one that was made the nation's is not skipped.
#[test]
fn an_authority_whose_kind_was_changed_in_the_database_lets_nobody_below_decide_for_all() {
    let world = World::new(Engine::Sqlite);
    let administrator = world.session_of(world.administrator);
    assert_eq!(raw(&world).execute("UPDATE authority SET kind = 'national' WHERE code = ?1", [PROVINCE]).unwrap(), 1);
    let apart = SetSeparation { first: Permission::ServeTaxpayers, second: Permission::ManageLines, apart: true, source: "文".into() };
    altered(propose(&administrator, AccessChange::Separation(apart)));
}

/// What an account is for stands in a row without a hash; every grant, which has one, says it too.
#[test]
fn an_account_whose_plane_was_edited_or_deleted_is_given_nothing_of_another() {
    for edit in ["DELETE FROM officer_plane WHERE officer = ?1", "UPDATE officer_plane SET plane = 'security' WHERE officer = ?1"] {
        let world = World::new(Engine::Sqlite);
        let raw = raw(&world);
        raw.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        assert_eq!(raw.execute(edit, [&world.officers[0].uuid().as_bytes()[..]]).unwrap(), 1, "{edit}");
        let post = world.core.as_system().access().find_post("安全管理员").unwrap().unwrap();
        let both = GrantPost { officer: world.officers[0], post, authority: code(PROVINCE), ends_at: None };
        altered(world.core.as_system().access().grant_post(both).wait());
    }
}

#[test]
fn a_plane_that_was_edited_or_deleted_is_told_and_one_that_grants_agree_with_is_not() {
    for (edit, kind) in [
        ("DELETE FROM officer_plane WHERE officer = ?1", RightsFindingKind::Removed),
        ("UPDATE officer_plane SET plane = 'security' WHERE officer = ?1", RightsFindingKind::Altered),
    ] {
        let world = World::new(Engine::Sqlite);
        let raw = raw(&world);
        raw.execute_batch("PRAGMA foreign_keys = OFF; CREATE TABLE kept_plane AS SELECT * FROM officer_plane").unwrap();
        let told = |kind| RightsFinding { row: format!("officer_plane/{}", world.officers[0]), kind };
        assert_eq!(raw.execute(edit, [&world.officers[0].uuid().as_bytes()[..]]).unwrap(), 1, "{edit}");
        assert_eq!(world.core.compare_rights().unwrap().findings, [told(kind)], "{edit}");
        let restored = "DELETE FROM officer_plane; INSERT INTO officer_plane SELECT * FROM kept_plane";
        raw.execute_batch(restored).unwrap();
        assert_eq!(world.core.compare_rights().unwrap().findings, [], "{edit}: as it was");
        raw.execute("UPDATE officer_plane SET plane = 'none' WHERE officer = ?1", [&world.officers[1].uuid().as_bytes()[..]]).unwrap();
        let unreadable = RightsFinding { row: "officer_plane".into(), kind: RightsFindingKind::Unreadable };
        assert_eq!(world.core.compare_rights().unwrap().findings, [unreadable]);
    }
}

/// A vote made up in the database is no vote; nor is one that was turned round.
#[test]
fn a_vote_that_was_made_up_or_turned_round_lets_nothing_pass() {
    for edit in [
        "INSERT INTO approval_vote SELECT approval, randomblob(16), randomblob(16), step, agreed, at, mac FROM approval_vote",
        "INSERT INTO approval_vote SELECT approval, randomblob(16), randomblob(16), step, agreed, at, zeroblob(32) FROM approval_vote",
        "UPDATE approval_vote SET agreed = 0",
    ] {
        let world = World::new(Engine::Sqlite);
        let (system, security) = (world.session_of(world.administrator), world.session_of(world.security));
        let rule =
            Rule { steps: vec![Step { permission: Permission::ApproveAccess, votes: 3 }], execution: Execution::AtOnce, valid_days: 9 };
        let rule = AccessChange::ApprovalRule(SetRule { matter: Matter::Grant, rule, source: "文".into() });
        decree(&world, rule).unwrap();
        let post = world.core.as_system().access().find_post("办税服务坐席").unwrap().unwrap();
        let grant = GrantPost { officer: world.idle_hand, post, authority: code(NANGUAN), ends_at: None };
        let opened = propose(&system, AccessChange::Grant(grant)).unwrap();
        assert_eq!(approve(&security, &opened).unwrap().state, ApprovalState::Pending);
        assert_eq!(raw(&world).execute(edit, []).unwrap(), 2, "{edit}: the vote of the rule, and this one");
        let other = world.appoint("22019301", PROVINCE, &[Permission::ApproveAccess]);
        altered(approve(&world.session_of(other), &opened));
    }
}

/// A word that was taken out of the database makes nobody somebody who has not spoken yet.
#[test]
fn a_vote_that_is_gone_lets_nobody_speak_twice_or_carry_out_what_they_checked() {
    let by = |permission, votes| Step { permission, votes };
    let in_force = |world: &World, matter, steps: Vec<Step>, execution| {
        let rule = Rule { steps, execution, valid_days: 9 };
        decree(world, AccessChange::ApprovalRule(SetRule { matter, rule, source: "文".into() })).unwrap();
    };
    let world = World::new(Engine::Sqlite);
    let raw = raw(&world);
    let take_out = |opened: &Opened| {
        let of = opened.approval.uuid();
        assert_eq!(raw.execute("DELETE FROM approval_vote WHERE approval = ?1", [&of.as_bytes()[..]]).unwrap(), 1);
    };
    in_force(&world, Matter::Line, vec![by(Permission::ManageLines, 1)], Execution::Third);
    let checker = world.session_of(world.appoint("22019310", NANGUAN, &[Permission::ManageLines]));
    let proposal =
        ProposeLine { line: None, authority: Some(code(NANGUAN)), settings: LineSettings::new("车购税"), reason: "服务需要".into() };
    let opened = world.session_of(world.supervisor).interaction().propose_line(proposal).wait().unwrap();
    assert_eq!(approve(&checker, &opened).unwrap().state, ApprovalState::Approved);
    assert_eq!(refused(execute(&checker, &opened)), Refusal::OwnApproval);
    take_out(&opened);
    altered(execute(&checker, &opened));

    in_force(&world, Matter::Grant, vec![by(Permission::ApproveAccess, 1); 2], Execution::AtOnce);
    let (system, security) = (world.session_of(world.administrator), world.session_of(world.security));
    let post = world.core.as_system().access().find_post("办税服务坐席").unwrap().unwrap();
    let grant = GrantPost { officer: world.idle_hand, post, authority: code(NANGUAN), ends_at: None };
    let opened = propose(&system, AccessChange::Grant(grant)).unwrap();
    assert_eq!(approve(&security, &opened).unwrap().state, ApprovalState::Pending);
    assert_eq!(refused(approve(&security, &opened)), Refusal::VotedAlready);
    take_out(&opened);
    altered(approve(&security, &opened));
}

/// Whoever alters a row of somebody's keeps them from nothing that only takes away: they leave, and the row is ended.
#[test]
fn whose_grant_was_altered_can_leave_and_the_grant_can_be_ended() {
    let world = World::new(Engine::Sqlite);
    let raw = raw(&world);
    let security = world.session_of(world.security);
    let grant = security.access().grants(world.officers[0]).unwrap()[0].id;
    let edit = "UPDATE access_grant SET starts_at = starts_at - 1 WHERE officer IN (?1, ?2)";
    let of = [world.officers[0], world.officers[1]].map(|officer| officer.uuid().as_bytes().to_vec());
    assert_eq!(raw.execute(edit, of).unwrap(), 2);
    assert_eq!(world.core.compare_rights().unwrap().findings.len(), 2);
    altered(world.core.officer(world.officers[0]));

    security.access().end_grant(EndGrant { grant, reason: "被改动".into() }).wait().unwrap();
    assert!(rights(&world.core, &world, 0).unwrap().is_empty(), "it is over, and genuine");
    assert_eq!(world.core.compare_rights().unwrap().findings.len(), 1, "what was written last is what is there");
    let again = security.access().end_grant(EndGrant { grant, reason: "被改动".into() }).wait();
    assert_eq!(refused(again), Refusal::GrantOver);

    let leave = RecordLeave { officer: world.officers[1], left_at: None };
    world.session_of(world.administrator).access().record_leave(leave).wait().unwrap();
    assert_eq!(world.core.officer(world.officers[1]).map(|_| ()), Err(Error::SignInRequired));
}

/// An approval whose row was changed after it was put forward approves nothing.
#[test]
fn an_approval_that_was_edited_in_the_database_decides_nothing() {
    for edit in [
        format!("UPDATE approval SET content = replace(content, '{NANGUAN}', '{PROVINCE}')"),
        "UPDATE approval SET state = 'approved'".into(),
        "UPDATE approval SET about = NULL".into(),
        "UPDATE approval SET proposed_by = zeroblob(17)".into(),
        r#"UPDATE approval SET rule = '{"steps":[],"execution":"at_once","valid_days":1}'"#.into(),
    ] {
        let world = World::new(Engine::Sqlite);
        let (system, security) = (world.session_of(world.administrator), world.session_of(world.security));
        let post = world.core.as_system().access().find_post("办税服务坐席").unwrap().unwrap();
        let grant = GrantPost { officer: world.idle_hand, post, authority: code(NANGUAN), ends_at: None };
        let opened = propose(&system, AccessChange::Grant(grant)).unwrap();
        assert_eq!(raw(&world).execute(&edit, []).unwrap(), 1, "{edit}");
        altered(approve(&security, &opened));
    }
}

/// A column edited with the hash left alone: the hash still is what the trail noted, and the row does not fit it.
#[test]
fn a_column_that_was_edited_beside_its_hash_is_named_by_comparing() {
    for (edit, table) in [
        ("UPDATE post SET permissions = permissions || ' reveal_personal_data' WHERE name = '办税服务坐席'", "post/"),
        ("UPDATE access_grant SET ends_at = 9000000000000000 WHERE id = (SELECT min(id) FROM access_grant)", "access_grant/"),
        ("UPDATE approval_vote SET agreed = 1 - agreed", "approval_vote/"),
    ] {
        let world = World::new(Engine::Sqlite);
        let apart = SetSeparation { first: Permission::ServeTaxpayers, second: Permission::ManageLines, apart: true, source: "文".into() };
        decree(&world, AccessChange::Separation(apart)).unwrap();
        assert!(world.core.compare_rights().unwrap().findings.is_empty());
        assert_eq!(raw(&world).execute(edit, []).unwrap(), 1, "{edit}");
        let found = world.core.compare_rights().unwrap().findings;
        let one = matches!(&found[..], [one] if one.kind == RightsFindingKind::Altered && one.row.starts_with(table));
        assert!(one, "{edit}: {found:?}");
    }
}
