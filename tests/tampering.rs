//! Edits past the door, at random: of the audit trail, of rights and approvals, of what is sealed, of keys and of blind indexes. Each is
//! found, and an untouched copy raises no alarm.

use std::path::PathBuf;

use rand_core::{Rng as _, SeedableRng as _};
use rusqlite::{Connection, params_from_iter, types::Value};
use zhengna_core::access::{AccessChange, GrantPost, Permission, SetSeparation};
use zhengna_core::appeal::{AnswerAppeal, FileAppeal, Respondent};
use zhengna_core::approval::{Delegate, Execution, Matter, Rule, SetRule, Step};
use zhengna_core::audit::{Checkpoint, Finding, FindingKind};
use zhengna_core::control::{SetControlRule, Watch};
use zhengna_core::core::PROJECTIONS;
use zhengna_core::crypto::{KeyRing, Rng};
use zhengna_core::identity::{NewFormerNumber, NumberKind};
use zhengna_core::interaction::{
    AnswerFollowUp, Claim, Close, Grade, OpenLine, Outcome, Rate, Revisit, RevisitFollowUp, SendMessage, Transfer, TransferTo,
};
use zhengna_core::store::sqlite::SqliteStore;
use zhengna_core::{Core, Error, limits};
use zhengna_tests::approval::{decree, propose, reject};
use zhengna_tests::world::{CHANGCHUN, Engine, KUANCHENG, NANGUAN, World, code, core_over, enrolled, person};

/// In all: four times as many as one of the tests makes, each on a world of its own.
const EDITS: usize = 10_000;

/// A table that is edited, and the columns whose every change must be found. Whoever protects another adds a line.
struct Target {
    table: &'static str,
    columns: &'static [&'static str],
    /// Whether a row that is gone must be found, too.
    rows: bool,
    /// Which verification finds it.
    by: Verification,
}

type Verification = fn(&Core, &[Checkpoint]) -> Option<String>;

const VERIFICATIONS: [Verification; 3] = [chain, sealed, rights];

fn chain(core: &Core, signed: &[Checkpoint]) -> Option<String> {
    let found = core.verify_audit(signed.to_vec(), |_, _| ());
    // A host that reads on and on comes to the same.
    let watched = watch(&core_over(core.store().clone(), 9).0);
    assert_eq!(found.as_ref().map(|verdict| &verdict.finding).ok(), watched.as_ref().ok(), "{found:?}");
    match found {
        Ok(verdict) => verdict.finding.map(|finding| format!("{finding:?}")),
        Err(e) => Some(e.to_string()),
    }
}

fn watch(core: &Core) -> Result<Option<Finding>, Error> {
    loop {
        let watched = core.watch_audit()?;
        if watched.complete {
            return Ok(watched.finding);
        }
    }
}

fn sealed(core: &Core, _: &[Checkpoint]) -> Option<String> {
    match core.as_system().identity().verify_sealed(|_| ()) {
        Ok(verdict) => verdict.finding.map(|finding| format!("{finding:?}")),
        Err(e) => Some(e.to_string()),
    }
}

/// With a core that remembers nothing: it reads the trail from its beginning, as `zhengna audit verify` does.
fn rights(core: &Core, _: &[Checkpoint]) -> Option<String> {
    let (fresh, _) = core_over(core.store().clone(), 9);
    loop {
        match fresh.compare_rights() {
            Ok(verdict) if verdict.complete => return verdict.findings.first().map(|finding| format!("{finding:?}")),
            Ok(_) => {}
            Err(e) => return Some(e.to_string()),
        }
    }
}

const TARGETS: [Target; 22] = [
    Target {
        table: "audit_record",
        columns: &["id", "at", "operation", "actor", "subject", "reason", "request", "digest", "rows"],
        rows: true,
        by: chain,
    },
    Target { table: "audit_link", columns: &["record", "hash", "number"], rows: true, by: chain },
    Target { table: "subject_key", columns: &["epoch", "wrapped"], rows: true, by: sealed },
    Target { table: "taxpayer", columns: &["name", "number", "number_index", "phone", "phone_index"], rows: true, by: sealed },
    Target { table: "former_number", columns: &["number", "number_index", "taxpayer"], rows: false, by: sealed },
    Target { table: "officer", columns: &["name"], rows: true, by: sealed },
    Target { table: "conversation", columns: &["topic", "closing_note", "transfer_note", "last_number"], rows: true, by: sealed },
    Target { table: "message", columns: &["body", "number", "conversation"], rows: true, by: sealed },
    Target { table: "rating", columns: &["comment"], rows: false, by: sealed },
    Target { table: "follow_up", columns: &["answer", "revisit_note"], rows: false, by: sealed },
    // Who may read one is bound to its text.
    Target {
        table: "appeal",
        columns: &["body", "answer", "taxpayer", "respondent", "unit", "handler", "also_kept_from", "state"],
        rows: true,
        by: sealed,
    },
    // A factor that is gone is one that was taken away: whose session may do what then, rights say.
    Target { table: "second_factor", columns: &["secret"], rows: false, by: sealed },
    Target {
        table: "authority",
        columns: &["code", "parent", "kind", "name", "path", "effective_from", "effective_to", "mac", "version"],
        rows: true,
        by: rights,
    },
    Target { table: "post", columns: &["id", "name", "permissions", "emergency", "mac", "version"], rows: true, by: rights },
    Target {
        table: "access_grant",
        columns: &["id", "officer", "post", "authority", "starts_at", "ends_at", "plane", "approval", "mac", "version"],
        rows: true,
        by: rights,
    },
    // No hash of its own: the grants of the officer have one.
    Target { table: "officer_plane", columns: &["plane"], rows: true, by: rights },
    Target { table: "separation", columns: &["first", "second", "apart", "source", "mac", "version"], rows: true, by: rights },
    Target {
        table: "approval",
        columns: &[
            "id",
            "matter",
            "family",
            "subject",
            "place",
            "about",
            "state",
            "rule",
            "step",
            "content",
            "digest",
            "proposed_by",
            "proposed_at",
            "expires_at",
            "decided_by",
            "decided_at",
            "reason",
            "executed_by",
            "executed_at",
            "number",
            "mac",
            "version",
        ],
        rows: true,
        by: rights,
    },
    Target { table: "approval_vote", columns: &["approval", "voter", "right_of", "step", "agreed", "at", "mac"], rows: true, by: rights },
    Target { table: "approval_rule", columns: &["matter", "rule", "source", "mac", "version"], rows: true, by: rights },
    Target {
        table: "approval_delegation",
        columns: &["id", "giver", "taker", "starts_at", "ends_at", "mac", "version"],
        rows: true,
        by: rights,
    },
    Target {
        table: "control_rule",
        columns: &["id", "threshold", "window_minutes", "enabled", "source", "mac", "version"],
        rows: true,
        by: rights,
    },
];

fn furnished() -> (World, PathBuf, Vec<Checkpoint>) {
    let world = World::new(Engine::Sqlite);
    let mut spoken = Vec::new();
    for n in 0..2 {
        let conversation = world.entered(n).conversation;
        spoken.push(conversation);
        world.officer(0).interaction().claim(Claim { line: world.line }).wait().unwrap();
        for text in ["你好", "请问专项附加扣除怎么填", "谢谢"] {
            world.taxpayer(n).interaction().send(SendMessage::new(conversation, text)).wait().unwrap();
        }
        world.officer(0).interaction().transfer(Transfer::new(conversation, TransferTo::Line(world.line), "请续办")).wait().unwrap();
        world.officer(1).interaction().claim(Claim { line: world.line }).wait().unwrap();
        let close = Close { conversation, outcome: Outcome::Resolved, note: Some("已答复".into()) };
        world.officer(1).interaction().close(close).wait().unwrap();
        let comment = Some("答非所问".into());
        let low = Rate { conversation, grade: Grade::VeryDissatisfied, reasons: vec!["wrong".into()], comment };
        world.taxpayer(n).interaction().rate(low).wait().unwrap();
        let supervisor = world.session_of(world.supervisor);
        supervisor.interaction().answer_follow_up(AnswerFollowUp::new(conversation, "已说明")).wait().unwrap();
        let heard = RevisitFollowUp { conversation, revisit: Revisit::Content, note: "表示理解".into() };
        supervisor.interaction().revisit_follow_up(heard).wait().unwrap();
    }
    let handler = world.session_of(world.appoint("22010951", CHANGCHUN, &[Permission::HandleAppeals]));
    for about in [Respondent::Conversation(spoken.remove(0)), Respondent::Authority(code(KUANCHENG))] {
        let appeal = world.taxpayer(0).appeals().file(FileAppeal::new(about, "答非所问")).wait().unwrap().appeal;
        if let Respondent::Conversation(_) = about {
            handler.appeals().answer(AnswerAppeal { appeal, text: "已核实".into() }).wait().unwrap();
        }
    }
    let former = |n: usize| NewFormerNumber { taxpayer: person(n).number, kind: NumberKind::Passport, number: format!("E1234567{n}") };
    world.core.as_system().identity().record_former_numbers(&[former(0), former(1)], &mut |_| {}).unwrap();
    world.core.as_system().access().set_password(world.officer(1).actor().as_ref(), "22010001", "Xiang-Kan-2026").unwrap();
    for n in [1, 2] {
        enrolled(&world.core, &world.officer(n)).unwrap();
    }
    decided(&world);
    world.rotate_keys(2);
    world.core.as_system().identity().rewrap_keys(5, &mut |_| {}).unwrap();
    world.seal();
    world.core.checkpoint_audit(true).unwrap();
    let signed = world.core.checkpoints_after(0).unwrap();
    let path = world.keep.path().unwrap();
    (world, path, signed)
}

/// Rows of everything that says who may do what, more than one where an edit may take its neighbour's value.
fn decided(world: &World) {
    let apart =
        |second| AccessChange::Separation(SetSeparation { first: Permission::ServeTaxpayers, second, apart: true, source: "文".into() });
    for second in [Permission::ApproveCalendar, Permission::ManageLines] {
        decree(world, apart(second)).unwrap();
    }
    for matter in [Matter::WorkingDays, Matter::OfficeHours] {
        let steps = vec![Step { permission: Permission::ApproveCalendar, votes: 1 }];
        let rule = Rule { steps, execution: Execution::Third, valid_days: 9 };
        decree(world, AccessChange::ApprovalRule(SetRule { matter, rule, source: "文".into() })).unwrap();
    }
    for rule in [Watch::DeniedBurst, Watch::RevealLimit] {
        let rule = SetControlRule { rule, threshold: 30, window_minutes: 30, enabled: true, source: "文".into() };
        decree(world, AccessChange::ControlRule(rule)).unwrap();
    }
    // One that waits, one that was turned down: not every column of every approval is filled.
    let post = world.core.as_system().access().find_post("办税服务坐席").unwrap().unwrap();
    let grant = |at| AccessChange::Grant(GrantPost { officer: world.idle_hand, post, authority: code(at), ends_at: None });
    propose(&world.session_of(world.administrator), grant(NANGUAN)).unwrap();
    let opened = propose(&world.session_of(world.administrator), grant(KUANCHENG)).unwrap();
    reject(&world.session_of(world.security), &opened).unwrap();
    let ends_at = world.core.now().plus(std::time::Duration::from_secs(60));
    for taker in [world.officers[0], world.officers[1]] {
        world.officer(2).approval().delegate(Delegate { taker, starts_at: None, ends_at }).wait().unwrap();
    }
}

/// Another value of the same kind: a bit, a byte more or less, the value of another row.
fn other(rng: &mut Rng, value: &Value, neighbour: &Value) -> Value {
    if rng.next_u32().is_multiple_of(4) && neighbour != value {
        return neighbour.clone();
    }
    match value {
        Value::Integer(n) => Value::Integer(n ^ (1 << (rng.next_u32() % 20))),
        Value::Text(text) => Value::Text(format!("{text}{}", char::from(b'a' + (rng.next_u32() % 26) as u8))),
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            let at = rng.next_u32() as usize % bytes.len();
            match rng.next_u32() % 8 {
                0 => bytes.push(0),
                1 => drop(bytes.pop()),
                _ => bytes[at] ^= 1 << (rng.next_u32() % 8),
            }
            Value::Blob(bytes)
        }
        // What was not there: something, or something empty.
        Value::Null if rng.next_u32().is_multiple_of(2) => Value::Text(String::new()),
        Value::Null => Value::Blob(vec![1; 40]),
        Value::Real(_) => unreachable!("no column is one"),
    }
}

fn rows_of(conn: &Connection, table: &str, columns: &str) -> Vec<Vec<Value>> {
    let mut statement = conn.prepare_cached(&format!("SELECT {columns} FROM {table}")).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|i| row.get(i)).collect::<Result<Vec<Value>, _>>()).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn names(conn: &Connection, table: &str) -> Vec<String> {
    let text = |row: Vec<Value>| if let Some(Value::Text(name)) = row.into_iter().next() { name } else { unreachable!("names are text") };
    rows_of(conn, &format!("pragma_table_info('{table}')"), "name").into_iter().map(text).collect()
}

#[test]
fn every_edit_is_found_first_quarter() {
    edit(1);
}

#[test]
fn every_edit_is_found_second_quarter() {
    edit(2);
}

#[test]
fn every_edit_is_found_third_quarter() {
    edit(3);
}

#[test]
fn every_edit_is_found_fourth_quarter() {
    edit(4);
}

/// Verification reads a page of links beside a page of records: what is wrong at a page's edge is named where it is.
#[test]
fn what_is_wrong_at_the_edge_of_a_page_is_named() {
    let world = World::new(Engine::Sqlite);
    let path = world.keep.path().unwrap();
    let page = i64::from(limits::VERIFY_PAGE_ROWS);
    while world.core.seal_audit().unwrap().number < 2 * page {
        let opened = (0..100).map(|n| OpenLine::new(format!("队列{n}"), code(NANGUAN)));
        let tickets: Vec<_> = opened.map(|cmd| world.core.as_system().interaction().open_line(cmd)).collect();
        for ticket in tickets {
            let _opened = ticket.wait().unwrap();
        }
    }
    while world.core.seal_audit().unwrap().more {}
    world.core.checkpoint_audit(true).unwrap();
    let signed = world.core.checkpoints_after(0).unwrap();
    let (send, told) = std::sync::mpsc::channel();
    let verdict = world.core.verify_audit(signed.clone(), move |done, of| send.send((done, of)).unwrap()).unwrap();
    let (all, told) = (verdict.verified as u64, told.iter().collect::<Vec<_>>());
    assert!(verdict.finding.is_none() && told.is_sorted() && told.len() == all.div_ceil(page as u64) as usize, "{verdict:?} {told:?}");
    assert_eq!(told.last(), Some(&(all, all)));

    let _keep = world.into_keep();
    let conn = Connection::open(&path).unwrap();
    let (core, _) = core_over(SqliteStore::open_read_only(&path, PROJECTIONS).unwrap(), 9);
    let of = "(xid, seq) = (SELECT xid, seq FROM audit_link WHERE number = ?1)";
    conn.execute_batch("CREATE TEMP TABLE records AS SELECT * FROM audit_record; CREATE TEMP TABLE links AS SELECT * FROM audit_link")
        .unwrap();
    let edits = [
        (FindingKind::Altered, format!("UPDATE audit_record SET subject = subject || '.' WHERE {of}")),
        (FindingKind::Removed, format!("DELETE FROM audit_record WHERE {of}")),
        (FindingKind::Removed, "DELETE FROM audit_link WHERE number = ?1".to_owned()),
        (FindingKind::Inserted, "UPDATE audit_link SET seq = seq + 1000000 WHERE number = ?1".to_owned()),
    ];
    let last = verdict.verified;
    for number in [1, page - 1, page, page + 1, 2 * page, 2 * page + 1, last] {
        for (kind, sql) in &edits {
            assert_eq!(conn.execute(sql, [number]).unwrap(), 1, "{sql}");
            let found = core.verify_audit(signed.clone(), |_, _| ()).unwrap();
            let finding = found.finding.unwrap_or_else(|| panic!("{sql} at {number}: not found"));
            // The last link leaves no gap; the checkpoint misses it.
            let kind = if number == last && sql.starts_with("DELETE FROM audit_link") { FindingKind::CutOff } else { *kind };
            assert_eq!((finding.kind, finding.number, found.verified), (kind, number, number - 1), "{sql}: {finding:?}");
            assert_eq!(watch(&core_over(core.store().clone(), 9).0), Ok(Some(finding)), "{sql}");
            conn.execute_batch(
                "BEGIN; DELETE FROM audit_record; DELETE FROM audit_link;
                 INSERT INTO audit_record SELECT * FROM records; INSERT INTO audit_link SELECT * FROM links; COMMIT",
            )
            .unwrap();
        }
    }
    assert_eq!(chain(&core, &signed), None);
}

fn edit(seed: u64) {
    let (world, path, signed) = furnished();
    assert_eq!(VERIFICATIONS.map(|by| by(&world.core, &signed)), [None, None, None]);
    let later = KeyRing::from_text(&world.core.settings().keys.to_text()).unwrap();
    // The host is gone; its database is with whoever edits it.
    let _keep = world.into_keep();
    let conn = Connection::open(&path).unwrap();
    // Whoever edits the file is not held by its foreign keys.
    conn.pragma_update(None, "foreign_keys", false).unwrap();
    let (core, _) = core_over(SqliteStore::open_read_only(&path, PROJECTIONS).unwrap(), 9);
    core.settings().keys.renew(later).unwrap();
    let pristine: Vec<(Vec<String>, Vec<Vec<Value>>)> =
        TARGETS.iter().map(|target| (names(&conn, target.table), rows_of(&conn, target.table, "*"))).collect();
    let mut rng = Rng::seed_from_u64(seed);
    let begun = std::time::Instant::now();
    let (mut done, mut refused) = (0, 0);
    while done < EDITS / 4 {
        let which = rng.next_u32() as usize % TARGETS.len();
        let (target, (columns, all)) = (&TARGETS[which], &pristine[which]);
        let row = &all[rng.next_u32() as usize % all.len()];
        let neighbour = &all[rng.next_u32() as usize % all.len()];
        let terms: Vec<String> = columns.iter().enumerate().map(|(i, c)| format!("\"{c}\" IS ?{}", i + 1)).collect();
        let terms = terms.join(" AND ");
        let (what, applied) = if target.rows && rng.next_u32().is_multiple_of(5) {
            let sql = format!("DELETE FROM {} WHERE {terms}", target.table);
            (format!("a row of {} is gone", target.table), conn.execute(&sql, params_from_iter(row)))
        } else {
            let column = target.columns[rng.next_u32() as usize % target.columns.len()];
            let i = columns.iter().position(|c| c == column).unwrap();
            let new = other(&mut rng, &row[i], &neighbour[i]);
            let sql = format!("UPDATE {} SET \"{column}\" = ?{} WHERE {terms}", target.table, columns.len() + 1);
            (
                format!("{}.{column}: {:?} became {new:?}", target.table, row[i]),
                conn.execute(&sql, params_from_iter(row.iter().chain([&new]))),
            )
        };
        // The engine itself refuses some: a key that is taken, nothing where something must be.
        match applied {
            Ok(n) => assert_eq!(n, 1, "{what}"),
            Err(_) => {
                refused += 1;
                continue;
            }
        }
        let found = (target.by)(&core, &signed);
        assert!(found.is_some(), "edit {done}: {what}: not found");
        done += 1;
        // As it was: all rows anew.
        conn.execute_batch("BEGIN").unwrap();
        conn.execute(&format!("DELETE FROM {}", target.table), []).unwrap();
        let places = (1..=columns.len()).map(|i| format!("?{i}")).collect::<Vec<_>>().join(", ");
        let mut insert = conn.prepare_cached(&format!("INSERT INTO {} VALUES ({places})", target.table)).unwrap();
        for row in all {
            insert.execute(params_from_iter(row)).unwrap();
        }
        conn.execute_batch("COMMIT").unwrap();
    }
    assert_eq!(VERIFICATIONS.map(|by| by(&core, &signed)), [None, None, None], "no alarm on what is as it was");
    println!("{done} edits found in {:?}; {refused} more the engine itself refused", begun.elapsed());
}
