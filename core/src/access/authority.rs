//! The tree of tax authorities (税务机关): any depth, dated, data and never code.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{self, Error, Problem};
use crate::identity::AuthorityCode;
use crate::limits;
use crate::store::{Field, Kind, ReadTx, Reads, Tx, Value, Writes, stretch};

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
        /// Counts updates.
        version: i64,
    }
    key(code);
    version version;
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
/// be applied again. Returns how many were added.
pub fn add_authorities(tx: &mut dyn Tx, _: &Ctx, rows: &[NewAuthority]) -> Result<u64, Error> {
    let mut added = 0;
    for (i, new) in rows.iter().enumerate() {
        let path = match new.parent {
            None => AuthorityPath(vec![new.code]),
            Some(parent) => {
                let above = path_of(tx, parent).map_err(|e| match e {
                    Error::NotFound { .. } => Error::invalid(format!("rows[{i}].parent"), Problem::Unknown("authority")),
                    other => other,
                })?;
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
            version: 0,
        };
        added += u64::from(tx.add_new(&authority)?);
    }
    Ok(added)
}

/// An authority with all above it.
pub fn path_of(tx: &mut dyn ReadTx, code: AuthorityCode) -> Result<AuthorityPath, Error> {
    let authority = tx.find::<Authority>((code,))?.ok_or(Error::NotFound { what: "authority" })?;
    Ok(authority.trust("the tree of authorities is public").into_inner().path)
}

/// The root of the tree.
pub(crate) fn root_of(tx: &mut dyn ReadTx) -> Result<AuthorityCode, Error> {
    let why = Engine::work("the tree of authorities is public");
    let any: Vec<Authority> = tx.scan(why, stretch(None, ()).limit(1))?;
    let root = any.first().and_then(|authority| authority.path.codes().first()).copied();
    root.ok_or(Error::NotFound { what: "authority" })
}
