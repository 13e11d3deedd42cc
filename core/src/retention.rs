//! What is kept for how long, and why: a class for every table. What is past its time is forgotten by one timer, a page of each class at a
//! time. What no rule gives a time is kept, and says so.

use std::time::Duration;

use crate::access::{Engine, LinkTicket, SocketTicket, StrangeLogin, UsedProof};
use crate::agenda;
use crate::clock::Timestamp;
use crate::core::{Answered, BulkProgress};
use crate::ctx::Ctx;
use crate::delivery::{Delivery, DeliveryState};
use crate::error::Error;
use crate::id::TimerId;
use crate::limits;
use crate::store::raw::Range;
use crate::store::{Reads, Record, StoreResult, Tx, Writes, stretch};

/// How long rows are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// So long at least; then the timer forgets them.
    For(Duration),
    /// Until their own time is over; then the timer forgets them.
    UntilOver,
    /// Until the deed that ends or replaces them, or until the person whose they are is erased.
    UntilDone,
    /// For good: no rule that we know sets an end, or something forbids one. The basis says which.
    Always,
}

impl Keep {
    /// In words, for the page that shows the classes.
    pub fn words(self) -> String {
        match self {
            Self::For(time) => format!("{} days", time.as_secs() / (24 * 3600)),
            Self::UntilOver => "until its own time is over".into(),
            Self::UntilDone => "until it is done, replaced or erased".into(),
            Self::Always => "for good".into(),
        }
    }
}

/// A kind of rows, and how long they are kept.
#[derive(Clone, Copy, Debug)]
pub struct Class {
    /// Their tables.
    pub tables: &'static [&'static str],
    /// What they are.
    pub what: &'static str,
    /// How long they are kept.
    pub keep: Keep,
    /// On what that rests.
    pub basis: &'static str,
}

/// Every class; each table is in one. `docs/security/retention.md` shows them, and a test holds the two together.
pub const CLASSES: &[Class] = &[
    Class {
        tables: &["idempotency"],
        what: "answers to idempotency keys",
        keep: Keep::For(limits::IDEMPOTENCY_RETENTION),
        basis: "ours: longer than any client retries",
    },
    Class {
        tables: &["delivery"],
        what: "deliveries, from when the receiver has them",
        keep: Keep::For(limits::DELIVERED_RETENTION),
        basis: "网络安全法 第二十三条(三), before 2026 第二十一条(三): network logs for six months at least",
    },
    Class {
        tables: &["bulk_progress"],
        what: "how far a list came",
        keep: Keep::For(limits::BULK_PROGRESS_RETENTION),
        basis: "ours: a list that was interrupted is given again within days; later it is applied anew, which changes nothing",
    },
    Class {
        tables: &["used_proof", "link_ticket", "socket_ticket"],
        what: "proofs and tickets that are good once",
        keep: Keep::UntilOver,
        basis: "ours: refused by their own time from then on",
    },
    Class {
        tables: &["strange_login"],
        what: "failed sign-ins of logins that nobody has",
        keep: Keep::For(limits::SIGN_IN_FAILURES_KEPT),
        basis: "ours: for as long as failures of known logins count, so that both answer alike",
    },
    Class {
        tables: &["timer", "sign_in_challenge", "control_shown"],
        what: "what waits: timers, half-done sign-ins, what counts for a limit of reveals",
        keep: Keep::UntilDone,
        basis: "ours: useless afterwards; the record of the deed itself is in the audit trail",
    },
    Class {
        tables: &["credential", "past_password", "second_factor", "recovery_code", "linked_identity"],
        what: "how people sign in",
        keep: Keep::UntilDone,
        basis: "个人信息保护法 第十九条: no longer than the purpose needs, which is signing in; GB/T 22239-2019 8.1.4.1 a asks for former passwords",
    },
    Class {
        tables: &["taxpayer", "former_number", "real_name", "relation", "roster_entry", "grid_officer", "imported_row", "subject_key"],
        what: "persons and enterprises, who acts for whom, who looks after whom, what lists said of them, the keys of what is sealed",
        keep: Keep::UntilDone,
        basis: "个人信息保护法 第十九条、第四十七条: for as long as they are served here; erasure destroys the key and the indexes, the emptied row and its id stay, so that records stay true",
    },
    Class {
        tables: &["import_batch", "appeal_collection", "appeal_channel"],
        what: "which lists and tables were applied, with their hashes, and how channels work",
        keep: Keep::Always,
        basis: "no rule that we know sets an end; migration is proved by them",
    },
    Class {
        tables: &["session"],
        what: "who was signed in, and when",
        keep: Keep::Always,
        basis: "网络安全法 第二十三条(三), before 2026 第二十一条(三): six months at least; an end is the bureau's to name. A person's go when they are erased",
    },
    Class {
        tables: &["attendance"],
        what: "who is at their desk now",
        keep: Keep::UntilDone,
        basis: "a row an officer, taken out when they are gone",
    },
    Class {
        tables: &["canned_reply"],
        what: "canned replies",
        keep: Keep::UntilDone,
        basis: "texts of the bureau and its officers, who delete them; they hold no number of a person",
    },
    Class {
        tables: &["line", "conversation", "assignment", "stint", "message", "whisper", "rating", "follow_up"],
        what: "conversations, ratings and what followed",
        keep: Keep::Always,
        basis: "no rule that we know sets an end: how long such records are kept is for the bureau's own list of archives (机关文件材料归档范围和文书档案保管期限规定, 国家档案局令第8号), which it has not given us; 个人信息保护法 第十九条 asks for the shortest. A person's are unreadable when they are erased",
    },
    Class {
        tables: &["appeal", "collected_row"],
        what: "appeals, their answers, and what tables of channels said of them",
        keep: Keep::Always,
        basis: "no time that we know is in 纳税服务投诉管理办法 (公告2019年第27号); the bureau's own list of archives names one, as for conversations. A person's are unreadable when they are erased",
    },
    Class {
        tables: &["journal"],
        what: "what happened, by ids",
        keep: Keep::Always,
        basis: "cursors of clients and of other hosts point into it, transcripts are read from it, and its places have no gaps: a stretch taken out would be read as nothing having happened. It names nobody",
    },
    Class {
        tables: &["audit_record", "audit_link", "audit_checkpoint"],
        what: "the audit trail",
        keep: Keep::Always,
        basis: "网络安全法 第二十三条(三), before 2026 第二十一条(三): six months at least; each link hashes all before it and verification begins at the first, so that a stretch taken out is what tampering looks like (adr/0007)",
    },
    Class {
        tables: &["authority", "officer", "officer_plane", "post", "access_grant", "separation", "approval_delegation"],
        what: "authorities, officers, and who could do what, when",
        keep: Keep::Always,
        basis: "who was entitled to a deed is asked for as long as the deed is on record; whoever leaves is ended, not deleted",
    },
    Class {
        tables: &["approval", "approval_vote", "approval_rule", "control_rule", "control_alert"],
        what: "what was put forward and decided, rules that were approved, alerts and what they were found to be",
        keep: Keep::Always,
        basis: "evidence of internal control, which the audit trail refers to; no rule that we know sets an end",
    },
    Class {
        tables: &["series", "segment"],
        what: "numbers without gaps, opaque stretches of projections",
        keep: Keep::Always,
        basis: "the state of the store itself",
    },
];

/// Forgets a page of each class; sets the timer to its next time, which is at once where there is more.
pub(crate) fn forget(tx: &mut dyn Tx, ctx: &Ctx, (timer, token): (TimerId, i64)) -> Result<u64, Error> {
    let mut forgotten = 0;
    agenda::again(tx, timer, token, |tx| {
        let older = |keep: Duration| ctx.now().minus(keep);
        let mut more = false;
        for gone in [
            // What is remembered by its period was answered up to one period later, so all are kept for two.
            page::<Answered>(tx, stretch(None, ()).until(older(2 * limits::IDEMPOTENCY_RETENTION)))?,
            // Delivered rows fall due no more: their time is that of the delivery.
            page::<Delivery>(tx, stretch(Some(Delivery::BY_DUE), (DeliveryState::Delivered,)).until(older(limits::DELIVERED_RETENTION)))?,
            page::<BulkProgress>(tx, stretch(Some(BulkProgress::BY_AGE), ()).until(older(limits::BULK_PROGRESS_RETENTION)))?,
            // Useless once their time is over; another host's clock may be behind ours.
            page::<UsedProof>(tx, stretch(Some(UsedProof::BY_EXPIRY), ()).until(older(limits::CLOCK_SKEW_MAX)))?,
            page::<LinkTicket>(tx, stretch(Some(LinkTicket::BY_EXPIRY), ()).until(older(limits::CLOCK_SKEW_MAX)))?,
            page::<SocketTicket>(tx, stretch(Some(SocketTicket::BY_EXPIRY), ()).until(older(limits::CLOCK_SKEW_MAX)))?,
            page::<StrangeLogin>(
                tx,
                stretch(Some(StrangeLogin::BY_AGE), ()).until(older(limits::SIGN_IN_FAILURES_KEPT + limits::CLOCK_SKEW_MAX)),
            )?,
        ] {
            forgotten += u64::from(gone);
            more |= gone == limits::PAGE_ROWS_MAX;
        }
        Ok(next(ctx.now(), more))
    })?;
    Ok(forgotten)
}

fn page<R: Record>(tx: &mut dyn Tx, past: Range) -> StoreResult<u32> {
    let stale: Vec<R> = tx.scan(Engine::work("forgetting what is past its retention"), past)?;
    for row in &stale {
        tx.remove(row)?;
    }
    Ok(stale.len() as u32)
}

fn next(now: Timestamp, more: bool) -> Timestamp {
    if more { now } else { now.plus(limits::FORGET_KEYS_EVERY) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn every_table_has_one_class_with_a_basis() {
        let mut classes: BTreeMap<&str, u32> = BTreeMap::new();
        CLASSES.iter().flat_map(|class| class.tables).for_each(|table| *classes.entry(table).or_default() += 1);
        for table in crate::schema::tables() {
            // Postings go with their rows.
            if table.name.ends_with("_scope") {
                continue;
            }
            assert_eq!(classes.remove(table.name), Some(1), "{}: how long is it kept?", table.name);
        }
        assert!(classes.is_empty(), "no such tables: {classes:?}");
        assert!(CLASSES.iter().all(|class| !class.basis.is_empty() && class.keep != Keep::For(Duration::ZERO)));
    }

    #[test]
    fn the_page_shows_every_class() {
        let page = include_str!("../../docs/security/retention.md");
        for Class { tables, what, keep, basis } in CLASSES {
            let tables: Vec<String> = tables.iter().map(|table| format!("`{table}`")).collect();
            let row = format!("| {what} | {} | {} | {basis} |", tables.join(" "), keep.words());
            assert!(page.lines().any(|line| line == row), "docs/security/retention.md lacks:\n{row}");
        }
    }
}
