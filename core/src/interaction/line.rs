//! Lines (队列): waiting queues of people.

use serde::{Deserialize, Serialize};

use crate::access::{Actor, AuthorityPath, Scope, Term, Unchecked, path_of};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::id::LineId;
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::{Page, ReadTx, Reads, Tx, Writes};

record! {
    /// A line. Its row is the guard that entering and claiming lock, which makes it strictly first in, first
    /// out whatever the clocks of the hosts say.
    pub struct Line in "line" {
        /// Id.
        id: LineId,
        /// The authority it belongs to, with all above.
        authority: AuthorityPath,
        /// Name, in Chinese.
        name: String,
        /// Whether it takes people in.
        open: bool,
        /// The number the next one to enter gets.
        next_ticket: i64,
        /// When it was opened.
        opened_at: Timestamp,
        /// Id in the platform in service before this one.
        external_id: Option<String>,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    lock 30;
    scoped opened_at by terms;
    unique BY_EXTERNAL_ID(external_id);
}

impl Line {
    fn terms(&self) -> Vec<Term> {
        let mut terms: Vec<Term> = self.authority.codes().iter().copied().map(Term::Subtree).collect();
        if self.open {
            terms.push(Term::Public);
        }
        terms
    }
}

/// Opens a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct OpenLine {
    /// Name, in Chinese.
    pub name: String,
    /// The authority it belongs to.
    pub authority: AuthorityCode,
}

/// The line that was opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineOpened {
    /// Its id.
    pub line: LineId,
}

impl crate::core::Answer for LineOpened {
    fn subject(&self) -> String {
        format!("line/{}", self.line)
    }
}

/// Opens a line at an authority within the caller's reach.
pub fn open_line(tx: &mut dyn Tx, ctx: &Ctx, cmd: OpenLine) -> Result<LineOpened, Error> {
    let authority = path_of(tx, cmd.authority).map_err(|_| Error::invalid("authority", Problem::Unknown("authority")))?;
    let name = error::text("name", &cmd.name, limits::NAME_CHARS_MAX)?;
    let line = Line {
        id: LineId::from_uuid(ctx.new_uuid()),
        authority,
        name,
        open: true,
        next_ticket: 1,
        opened_at: ctx.now(),
        external_id: None,
        version: 0,
    };
    // The new line must be one the caller could open by id: the same terms decide.
    crate::access::check(ctx, Some(Unchecked::new(line.clone()))).map_err(|_| match ctx.actor() {
        Actor::System => Error::Denied { operation: ctx.operation().name },
        _ => Error::invalid("authority", Problem::Unknown("authority")),
    })?;
    tx.add(&line)?;
    Ok(LineOpened { line: line.id })
}

/// A line as shown.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineView {
    /// Id.
    pub id: LineId,
    /// Name.
    pub name: String,
    /// Code of the authority it belongs to.
    pub authority: Option<AuthorityCode>,
    /// Whether it takes people in.
    pub open: bool,
    /// How many wait in it now.
    pub waiting: u32,
}

/// The lines that take people in, newest first.
pub fn lines(tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<Vec<LineView>, Error> {
    let found: Vec<Line> = tx.list(&Scope::of(ctx), Page { after: None, limit: limits::LINES_SHOWN_MAX })?;
    let counts: Vec<u32> = tx.project(|ready: &super::ReadyLines| found.iter().map(|l| ready.waiting(l.id)).collect()).unwrap_or_default();
    Ok(found
        .into_iter()
        .enumerate()
        .map(|(i, line)| LineView {
            waiting: counts.get(i).copied().unwrap_or_default(),
            id: line.id,
            name: line.name,
            authority: line.authority.own(),
            open: line.open,
        })
        .collect())
}
