//! Putting forward, deciding and carrying out, as tests say it.

use zhengna_core::access::{AccessChange, ProposeChange};
use zhengna_core::approval::{Approve, Decided, Execute, Opened, Reject};
use zhengna_core::{Error, Session};

use crate::world::World;

/// Puts a change of who may do what forward.
pub fn propose(session: &Session, change: AccessChange) -> Result<Opened, Error> {
    session.access().propose_change(ProposeChange { change, reason: "工作需要".into() }).wait()
}

/// Agrees to what was put forward, and to nothing else.
pub fn approve(session: &Session, of: &Opened) -> Result<Decided, Error> {
    session.approval().approve(Approve { approval: of.approval, digest: of.digest.clone() }).wait()
}

/// Turns it down.
pub fn reject(session: &Session, of: &Opened) -> Result<Decided, Error> {
    session.approval().reject(Reject { approval: of.approval, digest: of.digest.clone(), reason: "与原文不符".into() }).wait()
}

/// Carries it out.
pub fn execute(session: &Session, of: &Opened) -> Result<Decided, Error> {
    session.approval().execute(Execute { approval: of.approval, digest: of.digest.clone() }).wait()
}

/// Puts a change of who may do what in force, by the two administrators whom it takes.
pub fn decree(world: &World, change: AccessChange) -> Result<Decided, Error> {
    let opened = propose(&world.session_of(world.administrator), change)?;
    approve(&world.session_of(world.security), &opened)
}
