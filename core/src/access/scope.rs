//! Scopes: which rows a caller may see. One algebra for lists and for single objects.

use std::ops::Deref;
use std::sync::Arc;

use super::{Actor, AuthorityPath, OfficerActor};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::id::{LineId, OfficerId, TaxpayerId};
use crate::identity::AuthorityCode;
use crate::operation::{Operation, Reach};
use crate::planted::{Bug, planted};
use crate::store::{Field, Kind, Record, Value};

/// One way in which a row is within somebody's reach. A row carries the terms under which it may be seen; a
/// scope carries the terms its holder has; they meet in at least one, or the row does not exist for the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// On the row: the authority it belongs to and each one above. In a scope: the authority of a post.
    Subtree(AuthorityCode),
    /// On the row: the authority that published it. In a scope: one's own authority and each one above.
    Published(AuthorityCode),
    /// On the row: the authority where it began, and each one above, if it belongs to another by now. In a scope: the authority of a post,
    /// for what is counted only.
    Began(AuthorityCode),
    /// The taxpayer whose affair it is.
    Participant(TaxpayerId),
    /// The officer it is assigned to.
    Assigned(OfficerId),
    /// The line it waits in.
    Line(LineId),
    /// Everybody.
    Public,
}

impl Field for Term {
    const KIND: Kind = Kind::Bytes;
    fn encode(&self) -> Value {
        let (tag, payload): (u8, &[u8]) = match self {
            Self::Subtree(code) => (b's', code.as_str().as_bytes()),
            Self::Published(code) => (b'u', code.as_str().as_bytes()),
            Self::Began(code) => (b'b', code.as_str().as_bytes()),
            Self::Participant(id) => (b'p', id.as_bytes()),
            Self::Assigned(id) => (b'a', id.as_bytes()),
            Self::Line(id) => (b'l', id.as_bytes()),
            Self::Public => (b'*', &[]),
        };
        Value::Bytes(std::iter::once(tag).chain(payload.iter().copied()).collect())
    }
    fn decode(_: Value) -> Option<Self> {
        None // postings are searched by, never read back
    }
}

/// Somebody from whom a row is kept, under whichever term it would be within their reach. A row carries its bars beside its terms; who
/// is meant by one is told by who they are, not by what they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// This officer, wherever their posts lie.
    Officer(OfficerId),
    /// Whoever belongs to this authority or one below it, or holds any post there, whatever else they hold elsewhere.
    Unit(AuthorityCode),
}

/// Everything its holder may see, as an OR of terms, but what is kept from them. Made only by `access`, from the caller and the operation.
///
/// ```compile_fail,E0451
/// // A scope cannot be made by hand, so a list cannot be read without asking access for one:
/// let all = zhengna_core::access::Scope { terms: vec![zhengna_core::access::Term::Public], reader: None };
/// ```
#[derive(Clone, Debug)]
pub struct Scope {
    terms: Vec<Term>,
    /// The officer who reads; what bars speak of.
    reader: Option<Arc<OfficerActor>>,
}

impl Scope {
    /// What the caller of this operation reaches, by the operation's declared reach.
    pub(crate) fn of(ctx: &Ctx) -> Self {
        Self::by(ctx, ctx.operation())
    }

    /// What the caller would reach by another operation's declaration.
    pub(crate) fn by(ctx: &Ctx, operation: &'static Operation) -> Self {
        let mut terms: Vec<Term> = operation.reach.iter().flat_map(|reach| reached(*reach, ctx, operation)).collect();
        terms.sort_unstable();
        terms.dedup();
        let reader = if let Actor::Officer(officer) = ctx.actor() { Some(officer.clone()) } else { None };
        Self { terms, reader }
    }

    /// What an authority published, and each above it, whoever reads.
    pub(crate) fn published_to(authority: &AuthorityPath) -> Self {
        Self { terms: authority.codes().iter().copied().map(Term::Published).collect(), reader: None }
    }

    fn has_a_desk(&self) -> bool {
        self.terms.iter().any(|term| matches!(term, Term::Assigned(_)))
    }

    /// A scope of these terms, for the conformance suite, which has no callers.
    #[cfg(feature = "testing")]
    pub(crate) fn of_terms(terms: Vec<Term>, reader: Option<Arc<OfficerActor>>) -> Self {
        Self { terms, reader }
    }

    /// The terms.
    pub(crate) fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether an authority is one of those, or below one of those, that the holder's posts are at.
    pub(crate) fn covers(&self, authority: &AuthorityPath) -> bool {
        authority.codes().iter().any(|code| self.terms.contains(&Term::Subtree(*code)))
    }

    /// Whether a row is kept from the holder, for whom it is then as if it were not there.
    pub(crate) fn is_barred_from<R: Record>(&self, row: &R) -> bool {
        let Some(reader) = self.reader.as_deref().filter(|_| !planted(Bug::BarIgnored)) else { return false };
        row.bars().iter().any(|bar| reader.is_meant_by(bar))
    }
}

fn reached(reach: Reach, ctx: &Ctx, operation: &'static Operation) -> Vec<Term> {
    match (reach, ctx.actor()) {
        (Reach::Public, _) => vec![Term::Public],
        (Reach::Participant, Actor::Taxpayer(id)) => vec![Term::Participant(*id)],
        (Reach::Assigned, Actor::Officer(officer)) => vec![Term::Assigned(officer.id)],
        (Reach::Subtree | Reach::Began, Actor::Officer(officer)) => {
            let posts = officer
                .posts
                .iter()
                .filter(|post| operation.permission.is_none_or(|p| post.permissions.contains(&p) && !officer.apart.contains(&p)));
            let term = if reach == Reach::Began { Term::Began } else { Term::Subtree };
            if planted(Bug::SubtreeUpward) {
                return posts.flat_map(|post| post.authority.codes()).copied().map(term).collect();
            }
            posts.filter_map(|post| post.authority.own()).map(term).collect()
        }
        (Reach::Published, Actor::Officer(officer)) => officer.authority.codes().iter().copied().map(Term::Published).collect(),
        _ => Vec::new(),
    }
}

/// A row fetched by id that nobody has yet been found allowed to see.
///
/// ```compile_fail,E0616
/// fn peek(line: zhengna_core::access::Unchecked<zhengna_core::interaction::Line>) -> String {
///     line.0.name // opened only by access::check
/// }
/// ```
/// ```compile_fail,E0624
/// fn list(tx: &mut dyn zhengna_core::store::ReadTx) {
///     // Rows cannot be reached outside core at all, scoped or not:
///     tx.get(<zhengna_core::interaction::Line as zhengna_core::store::Record>::TABLE, &[]);
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Unchecked<R>(R);

impl<R: Record> Unchecked<R> {
    pub(crate) fn new(row: R) -> Self {
        Self(row)
    }

    /// Opens the row for code that works on behalf of nobody in particular, or whose right comes from
    /// somewhere else; `why` says from where, for the reader and for the test that lists all uses.
    pub(crate) fn trust(self, why: &'static str) -> Checked<R> {
        debug_assert!(!why.is_empty(), "say why");
        Checked(self.0)
    }
}

/// A row its holder may see. Reads like the row.
#[derive(Clone, Debug)]
pub struct Checked<R>(R);

impl<R> Checked<R> {
    /// The row.
    pub fn into_inner(self) -> R {
        self.0
    }
}

impl<R> Deref for Checked<R> {
    type Target = R;
    fn deref(&self) -> &R {
        &self.0
    }
}

/// Opens a row for the caller of this operation, if its reach allows. Unknown and foreign rows answer alike.
pub fn check<R: Record>(ctx: &Ctx, row: Option<Unchecked<R>>) -> Result<Checked<R>, Error> {
    let missing = || Error::NotFound { what: R::TABLE.name };
    let row = row.ok_or_else(missing)?;
    if matches!(ctx.actor(), Actor::System) && ctx.operation().reach.contains(&Reach::System) {
        return Ok(Checked(row.0));
    }
    let (_, terms) = row.0.postings();
    let scope = Scope::of(ctx);
    let any_desk = |term: &Term| planted(Bug::OthersDeskOpen) && matches!(term, Term::Assigned(_)) && scope.has_a_desk();
    let reached = terms.iter().any(|term| scope.terms().contains(term) || any_desk(term));
    if reached && !scope.is_barred_from(&row.0) || planted(Bug::UnscopedGet) {
        return Ok(Checked(row.0));
    }
    Err(if planted(Bug::ForeignToldApart) { Error::Denied { operation: ctx.operation().name } } else { missing() })
}

/// The right to read tables without a scope, for the engines inside core: authentication, the journal, the
/// audit trail, the agenda, the outbox, projections. Says why.
#[derive(Clone, Copy)]
pub struct Engine(());

impl Engine {
    /// `why` is for the reader, and for the test that lists all uses.
    pub(crate) fn work(why: &'static str) -> Self {
        debug_assert!(!why.is_empty(), "say why");
        Self(())
    }
}
