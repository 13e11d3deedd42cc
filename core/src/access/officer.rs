//! Officers (坐席、服务专员): members of the bureau's staff.

use serde::{Deserialize, Serialize};

use super::change::within_posts;
use super::password::leaver;
use super::{
    Actor, ActorKind, ActorRef, AuthorityPath, Checked, Engine, Permission, Scope, Term, Unchecked, check, end_sessions, path_named,
};
use crate::clock::Timestamp;
use crate::crypto::Place;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem, Refusal};
use crate::id::OfficerId;
use crate::identity::{AuthorityCode, subject};
use crate::limits;
use crate::store::{Page, PagePlace, ReadTx, Reads, Record, StoreError, Tx, Writes, stretch};

record! {
    /// An officer. The row is also the guard that claims lock, so that two windows of one officer cannot
    /// exceed the officer's capacity.
    pub struct Officer in "officer" {
        /// Id.
        id: OfficerId,
        /// Number shown to taxpayers (工号); unique.
        staff_no: String,
        /// Name, sealed with the officer's own key.
        name: Vec<u8>,
        /// The authority they belong to, with all above.
        authority: AuthorityPath,
        /// Conversations they may hold at once.
        capacity: i64,
        /// When they were added.
        added_at: Timestamp,
        /// When they left.
        left_at: Option<Timestamp>,
        /// Their number in dense sets.
        person_no: i64,
        /// Their id in the platform in service before this one.
        external_id: Option<String>,
        /// Counts updates.
        version: i64,
    }
    key(id);
    version version;
    lock 35;
    scoped added_at by terms;
    unique BY_STAFF_NO(staff_no);
    unique BY_EXTERNAL_ID(external_id);
}

impl Officer {
    fn terms(&self) -> Vec<Term> {
        self.authority.codes().iter().copied().map(Term::Subtree).chain([Term::Assigned(self.id)]).collect()
    }
}

impl Officer {
    /// The name, for the officer's own eyes, and for whoever may know who serves whom.
    pub(crate) fn own_name(&self, tx: &mut dyn ReadTx, ctx: &Ctx) -> Result<String, Error> {
        let key = subject::key_of(tx, ctx, self.id.uuid())?;
        let open = key.open(Place { table: Self::TABLE.name, column: "name", row: self.id.as_bytes() }, &self.name)?;
        let text = std::str::from_utf8(&open).map_err(|_| StoreError::Corrupt("officer: a sealed name is not UTF-8".into()))?;
        Ok(text.to_owned())
    }
}

/// Adds an officer.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AddOfficer {
    /// Number shown to taxpayers.
    pub staff_no: String,
    /// Name.
    pub name: String,
    /// The authority they belong to.
    pub authority: AuthorityCode,
    /// Conversations they may hold at once.
    pub capacity: i64,
}

/// The officer that was added.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OfficerAdded {
    /// Their id.
    pub officer: OfficerId,
}

impl crate::core::Answer for OfficerAdded {
    fn subject(&self) -> String {
        format!("officer/{}", self.officer)
    }
}

/// The officer with this staff number. Whoever asks for somebody else is told of them only where they may know them.
pub(crate) fn find_officer(tx: &mut dyn ReadTx, staff_no: &str) -> Result<Option<OfficerId>, Error> {
    let found = tx.find_by::<Officer>(Officer::BY_STAFF_NO, (staff_no.to_owned(),))?;
    Ok(found.map(|o| o.trust("an id, of which the caller is told what the rule that asks allows").into_inner().id))
}

/// An officer's number, which whoever sees what they do may see.
pub(crate) fn staff_no_of(tx: &mut dyn ReadTx, officer: OfficerId) -> Result<Option<String>, Error> {
    let found = tx.find::<Officer>((officer,))?;
    Ok(found.map(|o| o.trust("whoever sees what an officer does sees their number").into_inner().staff_no))
}

/// Adds an officer. They can sign in once they have a password, and do something once they hold a post.
pub fn add_officer(tx: &mut dyn Tx, ctx: &Ctx, cmd: AddOfficer) -> Result<OfficerAdded, Error> {
    if !(1..=limits::OFFICER_CAPACITY_MAX).contains(&cmd.capacity) {
        return Err(Error::invalid("capacity", Problem::OutOfRange { min: 1, max: limits::OFFICER_CAPACITY_MAX }));
    }
    let staff_no = error::text("staff_no", &cmd.staff_no, limits::LOGIN_CHARS_MAX)?;
    // It is typed to sign in, and said to taxpayers.
    if staff_no.contains(char::is_whitespace) {
        return Err(Error::invalid("staff_no", Problem::Malformed("no blanks within it".into())));
    }
    let name = error::text("name", &cmd.name, limits::NAME_CHARS_MAX)?;
    if matches!(ctx.actor(), Actor::Officer(_)) {
        within_posts(tx, ctx, "authority", cmd.authority, Permission::ManageAccess)?;
    }
    let authority = path_named(tx, ctx, "authority", cmd.authority)?;
    let id = OfficerId::from_uuid(ctx.new_uuid());
    let key = subject::create(tx, ctx, id.uuid())?;
    let place = Place { table: Officer::TABLE.name, column: "name", row: id.as_bytes() };
    let officer = Officer {
        id,
        staff_no,
        name: subject::seal(ctx, &key, place, &name),
        authority,
        capacity: cmd.capacity,
        added_at: ctx.now(),
        left_at: None,
        person_no: crate::series::take(tx, "person_no", 1)?,
        external_id: None,
        version: 0,
    };
    if tx.find_by::<Officer>(Officer::BY_STAFF_NO, (officer.staff_no.clone(),))?.is_some() {
        return Err(Error::invalid("staff_no", Problem::Taken));
    }
    tx.add(&officer)?;
    Ok(OfficerAdded { officer: id })
}

/// Notes that an officer leaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecordLeave {
    /// Who.
    pub officer: OfficerId,
    /// When; now if absent.
    pub left_at: Option<Timestamp>,
}

/// The officer has left, or will have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LeaveRecorded {
    /// Who.
    pub officer: OfficerId,
    /// When.
    pub left_at: Timestamp,
}

impl crate::core::Answer for LeaveRecorded {
    fn subject(&self) -> String {
        format!("officer/{}", self.officer)
    }
}

/// Notes that an officer leaves. From that instant they are nobody here, on every host; open sockets are looked at every few
/// seconds. Nobody notes it of themselves, or of somebody who holds a post above the caller's.
pub fn record_leave(tx: &mut dyn Tx, ctx: &Ctx, cmd: RecordLeave) -> Result<LeaveRecorded, Error> {
    let officer = leaver(tx, ctx, cmd.officer)?;
    if officer.left_at.is_some_and(|left| left <= ctx.now()) {
        return Err(Error::Refused(Refusal::HasLeft));
    }
    let left_at = cmd.left_at.unwrap_or(ctx.now()).max(ctx.now());
    tx.replace(&officer, Officer { left_at: Some(left_at), ..officer.clone() })?;
    super::post::end_all(tx, ctx, officer.id, left_at)?;
    if left_at <= ctx.now() {
        end_sessions(tx, ctx, ActorRef { kind: ActorKind::Officer, id: officer.id.uuid() })?;
    }
    Ok(LeaveRecorded { officer: officer.id, left_at })
}

/// An officer as whoever administers sees them.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OfficerView {
    /// Id.
    pub id: OfficerId,
    /// Number shown to taxpayers.
    pub staff_no: String,
    /// Name.
    pub name: String,
    /// The authority they belong to.
    pub authority: Option<AuthorityCode>,
    /// Conversations they may hold at once.
    pub capacity: i64,
    /// When they were added.
    pub added_at: Timestamp,
    /// When they left, or will have.
    pub left_at: Option<Timestamp>,
}

/// A page of officers.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Officers {
    /// Newest first; those found by number, in the order of numbers. A page may be short, or empty, and still go on.
    pub items: Vec<OfficerView>,
    /// Where the next page goes on, if there may be one.
    #[serde(skip)]
    pub after: Option<PagePlace>,
}

/// Officers within reach: all, or those whose number begins with what is looked for, or whose name holds it.
///
/// Numbers are in an index, so what has a digit in it is looked for among them, and only those rows are read. Names are sealed, each with
/// a key of its own, and nothing about them is kept to look in: what has no digit is compared with the names of
/// [`limits::OFFICERS_SEARCHED_MAX`] a call.
pub fn officers(tx: &mut dyn ReadTx, ctx: &Ctx, find: Option<&str>, page: Page) -> Result<Officers, Error> {
    let wanted = page.limit.min(limits::PAGE_ROWS_MAX);
    let find = find.map(|text| error::text("find", text, limits::NAME_CHARS_MAX)).transpose()?;
    if let Some(number) = find.as_deref().filter(|text| text.contains(|c: char| c.is_ascii_digit())) {
        return numbered(tx, ctx, number, Page { limit: wanted, ..page });
    }
    let max = if find.is_some() { limits::OFFICERS_SEARCHED_MAX } else { wanted };
    let mut items = Vec::new();
    let after = tx.walk(&Scope::of(ctx), page.after, max, |tx, row: Officer| {
        let view = view_of(tx, ctx, row)?;
        if find.as_deref().is_none_or(|text| view.name.contains(text) || view.staff_no.starts_with(text)) {
            items.push(view);
        }
        Ok(items.len() < wanted as usize)
    })?;
    Ok(Officers { items, after })
}

/// Those whose number begins so. The numbers of officers elsewhere are passed over.
fn numbered(tx: &mut dyn ReadTx, ctx: &Ctx, number: &str, page: Page) -> Result<Officers, Error> {
    let mut rows: Vec<Officer> = Vec::new();
    let before = match page.after {
        Some((_, last)) => staff_no_of(tx, OfficerId::from_uuid(last))?,
        None => {
            let exactly = tx.find_by::<Officer>(Officer::BY_STAFF_NO, (number.to_owned(),))?;
            rows.extend(check(ctx, exactly).ok().map(Checked::into_inner));
            None
        }
    };
    let mut last = rows.first().map(|row| (row.added_at, row.id.uuid()));
    let range = stretch(Some(Officer::BY_STAFF_NO), ()).after((before.unwrap_or_else(|| number.to_owned()),));
    let range = range.until(format!("{number}{}", char::MAX));
    let (mut looked, mut after) = (0, None);
    tx.scan_while(Engine::work("numbers of officers, of whom those within reach are shown"), range, |row: Officer| {
        if rows.len() == page.limit as usize || looked == limits::OFFICERS_SEARCHED_MAX {
            after = last;
            return false;
        }
        looked += 1;
        last = Some((row.added_at, row.id.uuid()));
        rows.extend(check(ctx, Some(Unchecked::new(row))).ok().map(Checked::into_inner));
        true
    })?;
    Ok(Officers { items: rows.into_iter().map(|row| view_of(tx, ctx, row)).collect::<Result<_, _>>()?, after })
}

fn view_of(tx: &mut dyn ReadTx, ctx: &Ctx, row: Officer) -> Result<OfficerView, Error> {
    Ok(OfficerView {
        id: row.id,
        name: row.own_name(tx, ctx)?,
        authority: row.authority.own(),
        staff_no: row.staff_no,
        capacity: row.capacity,
        added_at: row.added_at,
        left_at: row.left_at,
    })
}
