//! Examining a database that was recovered: is it whole, is all that was answered there, is nothing half there?

use std::collections::HashMap;

use rusqlite::Connection;

use super::life::Given;
use super::vfs;

/// A digest of every byte of the database as SQLite sees it after its recovery.
pub(super) fn fingerprint(conn: &Connection) -> rusqlite::Result<u64> {
    let pages: i64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
    if pages == 0 {
        return Ok(0); // before the first commit
    }
    Ok(vfs::see(conn, digest))
}

/// Four lanes, so that a database takes microseconds. It tells apart what a disk did, not what a forger did.
fn digest(bytes: &[u8]) -> u64 {
    let mut lanes = [1u64, 2, 3, 4].map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ bytes.len() as u64);
    for block in bytes.chunks_exact(32) {
        for (lane, word) in lanes.iter_mut().zip(block.chunks_exact(8)) {
            let word = u64::from_le_bytes([word[0], word[1], word[2], word[3], word[4], word[5], word[6], word[7]]);
            *lane = (*lane ^ word).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(29);
        }
    }
    lanes.into_iter().fold(0, |all, lane| (all ^ lane).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(31))
}

/// What holds of every state between two commits; each query counts what breaks it.
const WHOLE: &[(&str, &str)] = &[
    (
        "conversations that do not count their messages",
        "SELECT count(*) FROM conversation c LEFT JOIN (SELECT conversation, count(*) n, max(number) last FROM message GROUP BY conversation) m
         ON m.conversation = c.id WHERE c.last_number <> coalesce(m.n, 0) OR c.last_number <> coalesce(m.last, 0)",
    ),
    ("messages without a conversation", "SELECT count(*) FROM message WHERE conversation NOT IN (SELECT id FROM conversation)"),
    (
        "messages without an event",
        "SELECT count(*) FROM (SELECT conversation, number FROM message EXCEPT SELECT conversation, number FROM journal WHERE kind = 'message.sent')",
    ),
    (
        "events without a message",
        "SELECT (SELECT count(*) FROM message) <> (SELECT count(*) FROM journal WHERE kind = 'message.sent')",
    ),
    (
        "messages without a record, or the reverse",
        "SELECT (SELECT count(*) FROM message) <> (SELECT count(*) FROM audit_record WHERE operation = 'interaction.send')",
    ),
    (
        "conversations without a record, or the reverse",
        "SELECT (SELECT count(*) FROM conversation) <> (SELECT count(*) FROM audit_record WHERE operation = 'interaction.enter')",
    ),
    ("rows of a write that failed", "SELECT count(*) FROM segment"),
    ("conversations without a key", "SELECT count(*) FROM conversation WHERE id NOT IN (SELECT subject FROM subject_key)"),
    ("conversations nobody may list", "SELECT count(*) FROM conversation WHERE id NOT IN (SELECT id FROM conversation_scope)"),
    (
        "numbers in line given twice or not at all",
        "SELECT count(*) FROM line l WHERE next_ticket <> 1 + (SELECT count(DISTINCT ticket) FROM conversation WHERE line = l.id)",
    ),
    (
        "claims without a record, or the reverse",
        "SELECT (SELECT count(*) FROM conversation WHERE officer IS NOT NULL) <> (SELECT count(*) FROM audit_record WHERE operation = 'interaction.claim')",
    ),
    (
        "claims without a timer, or the reverse",
        "SELECT (SELECT count(*) FROM conversation WHERE officer IS NOT NULL) <> (SELECT count(*) FROM timer WHERE kind = 'conversation.idle')",
    ),
    (
        "closes without a record, or the reverse",
        "SELECT (SELECT count(*) FROM conversation WHERE state = 'closed') <> (SELECT count(*) FROM audit_record WHERE operation = 'interaction.close')",
    ),
    (
        "closes that outside systems will not hear of",
        "SELECT (SELECT count(*) FROM conversation WHERE state = 'closed') <> (SELECT count(*) FROM delivery)",
    ),
    (
        "records without a remembered answer",
        "SELECT count(*) FROM (SELECT digest, count(*) FROM audit_record WHERE request LIKE 'c-%' GROUP BY digest
         EXCEPT SELECT command, count(*) FROM idempotency GROUP BY command)",
    ),
    (
        "remembered answers without a record",
        "SELECT (SELECT count(*) FROM idempotency) <> (SELECT count(*) FROM audit_record WHERE request LIKE 'c-%')",
    ),
    (
        "links of the audit chain out of their place",
        "SELECT (SELECT count(*) FROM audit_link) <> (SELECT coalesce(max(number), 0) FROM audit_link)
         + (SELECT count(*) FROM audit_link l LEFT JOIN audit_record r ON r.xid = l.xid AND r.seq = l.seq WHERE r.id IS NOT l.record)",
    ),
];

/// Examines a database of which the first `until` steps of a life were answered for.
pub(super) fn examine(conn: &Connection, given: &[Given], until: usize) -> Result<(), String> {
    let failed = |e: rusqlite::Error| format!("corrupt: {e}");
    let sound: String = conn.query_row("PRAGMA integrity_check", [], |row| row.get(0)).map_err(failed)?;
    if sound != "ok" {
        return Err(format!("corrupt: {sound}"));
    }
    let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(failed);
    if count("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migration'")? == 0
        || count("SELECT count(*) FROM schema_migration")? == 0
    {
        let early = count("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name <> 'schema_migration'")?;
        return if early == 0 { Ok(()) } else { Err(format!("half there: {early} tables of a migration that did not happen")) };
    }
    for (what, sql) in WHOLE {
        match count(sql)? {
            0 => {}
            n => return Err(format!("half there: {what} ({n})")),
        }
    }
    each_given(conn, given, until).map_err(failed)?
}

/// Each command left everything or nothing, and everything once if it was answered.
fn each_given(conn: &Connection, given: &[Given], until: usize) -> rusqlite::Result<Result<(), String>> {
    let records = counted(conn, "SELECT request || ' ' || subject, count(*) FROM audit_record WHERE request LIKE 'c-%' GROUP BY 1")?;
    let requests = counted(conn, "SELECT request, count(*) FROM audit_record WHERE request LIKE 'c-%' GROUP BY 1")?;
    let messages = counted(conn, "SELECT client_id, count(*) FROM message GROUP BY 1")?;
    let answers = counted(conn, "SELECT answer, count(*) FROM idempotency GROUP BY 1")?;
    for g in given {
        let (n, recorded) = (g.n, requests.get(&format!("c-{}", g.n)).copied().unwrap_or(0));
        let written = messages.get(&format!("k-{n}")).copied().unwrap_or(0);
        if recorded > 1 || written > 1 {
            return Ok(Err(format!("doubled: command {n} has {recorded} records and {written} messages")));
        }
        if g.is_message() && recorded != written {
            return Ok(Err(format!("half there: command {n} has {recorded} records and {written} messages")));
        }
        match g.said_by(until).map(|said| &said.done) {
            None => {}
            Some(None) if recorded == 0 => {}
            Some(None) => return Ok(Err(format!("doubled: command {n} was refused and yet has a record"))),
            Some(Some((subject, answer))) => {
                if records.get(&format!("c-{n} {subject}")) != Some(&1) {
                    return Ok(Err(format!("lost: command {n} was answered, {subject}, and its record is not there")));
                }
                if !answers.contains_key(answer) {
                    return Ok(Err(format!("lost: command {n} was answered {answer}, and that is not remembered")));
                }
            }
        }
    }
    Ok(Ok(()))
}

fn counted(conn: &Connection, sql: &str) -> rusqlite::Result<HashMap<String, i64>> {
    let mut query = conn.prepare(sql)?;
    query.query_map([], |row| Ok((row.get::<_, Option<String>>(0)?.unwrap_or_default(), row.get(1)?)))?.collect()
}
