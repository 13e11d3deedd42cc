//! From the rows of a file of authorities to what the core takes.

use zhengna_core::Error;
use zhengna_core::access::{AuthorityKind, NewAuthority};
use zhengna_core::calendar::midnight;
use zhengna_core::synthetic::{self, AuthorityRow};

/// The rows as the core takes them: a day begins at midnight in Beijing.
pub fn from_rows(rows: Vec<AuthorityRow>) -> Result<Vec<NewAuthority>, Error> {
    use synthetic::AuthorityKind as Made;
    let new = |row: AuthorityRow| {
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
            effective_from: midnight(row.effective_from),
        })
    };
    rows.into_iter().map(new).collect()
}
