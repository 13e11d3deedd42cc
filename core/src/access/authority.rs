//! The tree of tax authorities (税务机关): any depth, dated, data and never code.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::integrity::add_new_sealed;
use super::{Engine, Integrity, Rights, Sealed, genuine, replace_sealed};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::{Field, Kind, ReadTx, Reads, Tx, Value, stretch};

impl Field for AuthorityCode {
    const KIND: Kind = Kind::Text;
    fn encode(&self) -> Value {
        Value::Text(self.as_str().into())
    }
    fn decode(value: Value) -> Option<Self> {
        if let Value::Text(s) = value { Self::parse(&s).ok() } else { None }
    }
}

words! {
    /// Kind of an authority. The tree gives the level; the kind says what it is.
    pub enum AuthorityKind {
        /// 国家税务总局.
        National = "national",
        /// 省局.
        Province = "province",
        /// 市（州）局.
        Prefecture = "prefecture",
        /// 县（区）局.
        County = "county",
        /// 开发区局.
        Zone = "zone",
        /// 分局.
        Branch = "branch",
        /// 税务所.
        Office = "office",
    }
}

/// An authority with every one above it, root first.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AuthorityPath(Vec<AuthorityCode>);

impl AuthorityPath {
    /// The codes, root first, own last.
    pub fn codes(&self) -> &[AuthorityCode] {
        &self.0
    }

    /// The authority itself.
    pub fn own(&self) -> Option<AuthorityCode> {
        self.0.last().copied()
    }

    /// The authority above, with all above it.
    fn parent(&self) -> Option<Self> {
        self.0.split_last().filter(|(_, above)| !above.is_empty()).map(|(_, above)| Self(above.to_vec()))
    }

    fn child(&self, code: AuthorityCode) -> Self {
        Self(self.0.iter().copied().chain([code]).collect())
    }
}

impl fmt::Debug for AuthorityPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(AuthorityCode::as_str).collect::<Vec<_>>().join("/"))
    }
}

impl Field for AuthorityPath {
    const KIND: Kind = Kind::Text;
    fn encode(&self) -> Value {
        Value::Text(compact_str::format_compact!("{self:?}"))
    }
    fn decode(value: Value) -> Option<Self> {
        let Value::Text(text) = value else { return None };
        text.split('/').map(|code| AuthorityCode::parse(code).ok()).collect::<Option<Vec<_>>>().map(Self)
    }
}

record! {
    /// A tax authority.
    pub struct Authority in "authority" {
        /// Its 11-digit code.
        code: AuthorityCode,
        /// The one above; none for the root.
        parent: Option<AuthorityCode>,
        /// Kind.
        kind: AuthorityKind,
        /// Full name, in Chinese.
        name: String,
        /// Itself and all above, so that rows can say whose reach they are in without walking the tree.
        path: AuthorityPath,
        /// First instant at which it exists.
        effective_from: Timestamp,
        /// First instant at which it no longer does.
        effective_to: Option<Timestamp>,
        /// Binds the row: how far a post reaches is read from its path.
        mac: Integrity,
        /// Counts updates.
        version: i64,
    }
    key(code);
    version version;
}

impl Sealed for Authority {
    fn seal(&mut self) -> &mut Integrity {
        &mut self.mac
    }
}

/// One authority to add.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NewAuthority {
    /// Its 11-digit code.
    pub code: AuthorityCode,
    /// The one above; none for the root.
    pub parent: Option<AuthorityCode>,
    /// Kind.
    pub kind: AuthorityKind,
    /// Full name, in Chinese.
    pub name: String,
    /// First instant at which it exists.
    pub effective_from: Timestamp,
}

/// Adds authorities, parents before children. One that is there already is left as it is, so that a list can
/// be applied again; one that was altered behind the core's back becomes what the list says. Returns how many were written.
pub fn add_authorities(tx: &mut dyn Tx, ctx: &Ctx, rows: &[NewAuthority]) -> Result<u64, Error> {
    let mut added = 0;
    for (i, new) in rows.iter().enumerate() {
        let path = match new.parent {
            None => AuthorityPath(vec![new.code]),
            Some(parent) => {
                let above = path_named(tx, ctx, format!("rows[{i}].parent"), parent)?;
                if above.codes().len() >= limits::AUTHORITY_DEPTH_MAX || above.codes().contains(&new.code) {
                    return Err(Error::invalid(format!("rows[{i}].parent"), Problem::TooMany { max: limits::AUTHORITY_DEPTH_MAX }));
                }
                above.child(new.code)
            }
        };
        let authority = Authority {
            code: new.code,
            parent: new.parent,
            kind: new.kind,
            name: error::text("name", &new.name, limits::NAME_CHARS_MAX)?,
            path,
            effective_from: new.effective_from,
            effective_to: None,
            mac: Integrity::default(),
            version: 0,
        };
        added += u64::from(match tx.find::<Authority>((new.code,))? {
            None => add_new_sealed(tx, ctx, authority)?,
            Some(known) => restore(tx, ctx, known.trust("the tree of authorities is public").into_inner(), authority)?,
        });
    }
    Ok(added)
}

/// Writes one anew that is not what was written; says whether it was so.
fn restore(tx: &mut dyn Tx, ctx: &Ctx, known: Authority, listed: Authority) -> Result<bool, Error> {
    if genuine(ctx.rights(), known.clone()).is_ok() {
        return Ok(false);
    }
    replace_sealed(tx, ctx, &known, listed).map(|_| true)
}

/// An authority as it was written.
///
/// # Errors
/// `NotFound`; `RightsAltered` where its row is not what was written.
pub(super) fn authority_of(tx: &mut dyn ReadTx, rights: Rights<'_>, code: AuthorityCode) -> Result<Authority, Error> {
    let authority = tx.find::<Authority>((code,))?.ok_or(Error::NotFound { what: "authority" })?;
    genuine(rights, authority.trust("the tree of authorities is public").into_inner())
}

/// An authority with all above it.
///
/// # Errors
/// As [`authority_of`].
pub(crate) fn path_of(tx: &mut dyn ReadTx, rights: Rights<'_>, code: AuthorityCode) -> Result<AuthorityPath, Error> {
    Ok(authority_of(tx, rights, code)?.path)
}

/// The same of an authority that a caller names in `field`.
///
/// # Errors
/// `Invalid` where there is none; `RightsAltered`.
pub(crate) fn path_named(tx: &mut dyn ReadTx, ctx: &Ctx, field: impl Into<String>, code: AuthorityCode) -> Result<AuthorityPath, Error> {
    path_of(tx, ctx.rights(), code).map_err(|e| match e {
        Error::NotFound { .. } => Error::invalid(field, Problem::Unknown("authority")),
        other => other,
    })
}

/// The authority that handles what is said against one: the next above. A province's own is the province's to handle: nobody above it
/// works here.
///
/// # Errors
/// `RightsAltered` where the row of the authority is not what was written.
pub(crate) fn above(tx: &mut dyn ReadTx, rights: Rights<'_>, path: &AuthorityPath) -> Result<AuthorityPath, Error> {
    let authority = authority_of(tx, rights, path.own().ok_or(Error::NotFound { what: "authority" })?)?;
    let own = authority.kind == AuthorityKind::Province;
    Ok(authority.path.parent().filter(|_| !own).unwrap_or(authority.path))
}

/// The highest authority whose people work here: whatever belongs to nobody in particular is theirs. The root, unless that is the national
/// one and there are others.
pub(crate) fn top_of(tx: &mut dyn ReadTx) -> Result<AuthorityCode, Error> {
    let all = tx.scan_all(Engine::work("the tree of authorities is public"), stretch(None, ()), |_: &Authority| true)?;
    let top = all.iter().min_by_key(|a| (a.kind == AuthorityKind::National, a.path.codes().len(), a.code));
    top.map(|a| a.code).ok_or(Error::NotFound { what: "authority" })
}

/// An authority as everybody sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthorityView {
    /// Its 11-digit code.
    pub code: AuthorityCode,
    /// The one above; none for the root.
    pub parent: Option<AuthorityCode>,
    /// Kind.
    pub kind: AuthorityKind,
    /// Full name, in Chinese.
    pub name: String,
}

/// A page of authorities.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuthorityPage {
    /// Those that exist now, by their codes.
    pub items: Vec<AuthorityView>,
    /// The next page is behind this code; absent on the last one.
    pub next: Option<AuthorityCode>,
}

/// Authorities behind a code.
pub fn authorities(tx: &mut dyn ReadTx, ctx: &Ctx, after: Option<AuthorityCode>, limit: u32) -> Result<AuthorityPage, Error> {
    let limit = limit.min(limits::PAGE_ROWS_MAX);
    let mut range = stretch(None, ()).limit(limit);
    if let Some(code) = after {
        range = range.after((code,));
    }
    let rows: Vec<Authority> = tx.scan(Engine::work("authorities, which are public"), range)?;
    let next = rows.last().filter(|_| rows.len() >= limit as usize).map(|last| last.code);
    let now = ctx.now();
    let exists = |a: &Authority| a.effective_from <= now && a.effective_to.is_none_or(|end| now < end);
    let shown = |a: Authority| AuthorityView { code: a.code, parent: a.parent, kind: a.kind, name: a.name };
    Ok(AuthorityPage { items: rows.into_iter().filter(exists).map(shown).collect(), next })
}

/// Codes of authorities by their full names.
pub(crate) fn codes_by_name(tx: &mut dyn ReadTx) -> Result<HashMap<String, AuthorityCode>, Error> {
    let all = tx.scan_all(Engine::work("names of authorities, which are public"), stretch(None, ()), |_: &Authority| true)?;
    Ok(all.into_iter().map(|authority| (authority.name, authority.code)).collect())
}

/// The name of an authority, which is public.
pub(crate) fn name_of(tx: &mut dyn ReadTx, code: AuthorityCode) -> Result<Option<String>, Error> {
    Ok(tx.find::<Authority>((code,))?.map(|a| a.trust("names of authorities are public").into_inner().name))
}
