//! From the rows of a file of authorities to what the core takes.

use zhengna_core::access::{AuthorityKind, NewAuthority};
use zhengna_core::error::Problem;
use zhengna_core::synthetic::{self, AuthorityRow};
use zhengna_core::{Error, Timestamp};

/// The rows as the core takes them: a day begins at midnight in Beijing.
pub fn from_rows(rows: Vec<AuthorityRow>) -> Result<Vec<NewAuthority>, Error> {
    use synthetic::AuthorityKind as Made;
    let new = |row: AuthorityRow| {
        let midnight = format!("{}T00:00:00+08:00", row.effective_from);
        Ok(NewAuthority {
            code: row.code,
            parent: row.parent,
            kind: match row.kind {
                Made::National => AuthorityKind::National,
                Made::Province => AuthorityKind::Province,
                Made::Prefecture => AuthorityKind::Prefecture,
                Made::County => AuthorityKind::County,
                Made::Zone => AuthorityKind::Zone,
                _ => AuthorityKind::Office,
            },
            name: row.name,
            effective_from: Timestamp::parse(&midnight).ok_or_else(|| Error::invalid("effective_from", Problem::Empty))?,
        })
    };
    rows.into_iter().map(new).collect()
}
