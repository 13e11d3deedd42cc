//! What a rule may know besides its transaction: the time, who acts, where ids and randomness come from.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rand_core::{Rng as _, SeedableRng};

use crate::access::{Actor, Distrusted, Rights};
use crate::clock::Timestamp;
use crate::crypto::{KeyRing, Rng};
use crate::id;
use crate::interaction::SourceChannel;
use crate::operation::Operation;

/// Where randomness comes from. The host asks the operating system; tests give a seed.
pub trait Entropy: Send + Sync {
    /// 32 fresh bytes.
    fn seed(&self) -> [u8; 32];
}

/// Repeatable randomness for tests and simulation.
#[derive(Debug)]
pub struct SeededEntropy(std::sync::Mutex<Rng>);

impl SeededEntropy {
    /// The same seed gives the same bytes, in the same order of asking.
    pub fn new(seed: u64) -> Self {
        Self(std::sync::Mutex::new(Rng::seed_from_u64(seed)))
    }
}

impl Entropy for SeededEntropy {
    fn seed(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }
}

/// What does not change between operations.
#[derive(Debug)]
pub struct Settings {
    /// Keys for personal data and for the audit trail.
    pub keys: KeyRing,
    /// Event kinds that an outside system is told of, such as `conversation.closed`.
    pub told_outside: Vec<String>,
}

/// One call of an operation: everything a [`Ctx`] is made from. Owned, so that a write can run on another
/// thread, and repeatable: each attempt of a body gets the same time and the same randomness.
#[derive(Clone)]
pub struct Call {
    pub(crate) now: Timestamp,
    pub(crate) seed: [u8; 32],
    pub(crate) actor: Actor,
    pub(crate) request: Arc<str>,
    pub(crate) key: Option<Arc<str>>,
    pub(crate) door: SourceChannel,
    pub(crate) operation: &'static Operation,
    pub(crate) settings: Arc<Settings>,
    pub(crate) distrusted: Distrusted,
}

impl Call {
    /// The context of one attempt.
    pub(crate) fn ctx(&self) -> Ctx {
        Ctx { call: self.clone(), rng: RefCell::new(Rng::from_seed(self.seed)), made: Cell::new(0) }
    }
}

/// The context of one attempt of one operation.
pub struct Ctx {
    call: Call,
    rng: RefCell<Rng>,
    made: Cell<u16>,
}

impl Ctx {
    /// The instant at which the operation happens. Never earlier than that of an operation this process ran before.
    pub fn now(&self) -> Timestamp {
        self.call.now
    }

    /// Who acts.
    pub fn actor(&self) -> &Actor {
        &self.call.actor
    }

    /// Correlates logs, audit records and answers.
    pub fn request(&self) -> &str {
        &self.call.request
    }

    /// The idempotency key, where the caller gave one.
    pub fn key(&self) -> Option<&str> {
        self.call.key.as_deref()
    }

    /// The door by which the caller came.
    pub fn door(&self) -> SourceChannel {
        self.call.door
    }

    /// The row of the operation table.
    pub fn operation(&self) -> &'static Operation {
        self.call.operation
    }

    /// Settings of this core.
    pub fn settings(&self) -> &Settings {
        &self.call.settings
    }

    /// Keys of this core.
    pub fn keys(&self) -> &KeyRing {
        &self.call.settings.keys
    }

    /// What rows that say who may do what are checked with.
    pub(crate) fn rights(&self) -> Rights<'_> {
        Rights { keys: &self.call.settings.keys, distrusted: &self.call.distrusted }
    }

    /// Uses this attempt's randomness.
    pub fn with_rng<R>(&self, run: impl FnOnce(&mut Rng) -> R) -> R {
        run(&mut self.rng.borrow_mut())
    }

    /// A new version 7 UUID: ordered within the operation, and by microsecond between operations.
    pub fn new_uuid(&self) -> uuid::Uuid {
        let made = self.made.get();
        self.made.set(made.wrapping_add(1));
        id::uuid_v7(self.call.now, made, self.with_rng(|rng| rng.next_u64()))
    }
}
