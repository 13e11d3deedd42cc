//! The door: how each class of operation runs.
//!
//! A command: static permission, begin, idempotency, object scope, rule, audit record, commit, publish. What a rule
//! refuses is looked up once more: the first call with the same key may have been under way.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Session, idempotency};
use crate::access::{admit, check};
use crate::appeal::Appeal;
use crate::audit::{self, Deed};
use crate::crypto::KeyRing;
use crate::ctx::{Call, Ctx};
use crate::error::Error;
use crate::id::{AppealId, ConversationId, LineId, TaxpayerId};
use crate::identity::{self, Taxpayer};
use crate::interaction::{Conversation, Line};
use crate::operation::{Class, Operation};
use crate::planted::{Bug, planted};
use crate::store::{Priority, ReadTx, Reads, Spec, StoreError, StoreExt, Ticket, Tx, ticket};

/// What a command answers: ids and numbers only, so that the answer may be remembered for a repeat.
pub trait Answer: Serialize + DeserializeOwned + Send + 'static {
    /// What was done something to, as `noun/id`, for the audit record.
    fn subject(&self) -> String;
    /// Whether anything was done: a timer may find that what it was set for is over, and leaves no record then.
    fn happened(&self) -> bool {
        true
    }
}

/// What a command is about, to check again before a repeat is answered from memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Only the caller.
    Caller,
    /// A conversation.
    Conversation(ConversationId),
    /// A line.
    Line(LineId),
    /// An appeal.
    Appeal(AppealId),
    /// A taxpayer.
    Taxpayer(TaxpayerId),
    /// A relation: one of its two.
    Relation {
        /// For which enterprise.
        enterprise: TaxpayerId,
        /// Who acts for it.
        person: TaxpayerId,
    },
}

/// A command: owned, serialisable input of an operation.
pub trait Command: Serialize + Clone + Send + 'static {
    /// What it is about.
    fn target(&self) -> Target {
        Target::Caller
    }

    /// Why it is done, where the operation asks for a reason; goes to the audit record.
    fn reason(&self) -> Option<String> {
        None
    }
}

/// What each command is about, if not only the caller, and which of its fields says why it is done, where the operation asks for it.
macro_rules! commands {
    ($($Command:path $(=> $Target:ident($of:ident))? $(, $reason:ident)?;)+) => {
        $(impl $crate::core::door::Command for $Command {
            $(fn target(&self) -> $crate::core::door::Target {
                $crate::core::door::Target::$Target(self.$of)
            })?
            $(fn reason(&self) -> Option<String> {
                Some(self.$reason.trim().to_owned())
            })?
        })+
    };
}
pub(super) use commands;

/// A keyed digest of a command: texts in it cannot be guessed from it.
pub(crate) fn digest_of(keys: &KeyRing, value: &impl Serialize) -> Result<[u8; 32], Error> {
    let bytes = serde_json::to_vec(value).map_err(|e| StoreError::Backend(format!("the command cannot be written down: {e}")))?;
    Ok(keys.digest(&bytes))
}

fn reauthorise(tx: &mut dyn ReadTx, ctx: &Ctx, target: Target) -> Result<(), Error> {
    match target {
        Target::Caller => Ok(()),
        Target::Conversation(id) => {
            let found = tx.find::<Conversation>((id,))?;
            check(ctx, found).map(drop)
        }
        Target::Line(id) => {
            let found = tx.find::<Line>((id,))?;
            check(ctx, found).map(drop)
        }
        Target::Appeal(id) => {
            let found = tx.find::<Appeal>((id,))?;
            check(ctx, found).map(drop)
        }
        Target::Taxpayer(id) => {
            let found = tx.find::<Taxpayer>((id,))?;
            check(ctx, found).map(drop)
        }
        Target::Relation { enterprise, person } => identity::either(tx, ctx, enterprise, person).map(drop),
    }
}

fn failed<R>(error: Error) -> Ticket<R> {
    let (answer, waiting) = ticket();
    answer.send(Err(error));
    waiting
}

impl Session {
    /// Static permission, then the facts of this call.
    pub(super) fn begin(&self, operation: &'static Operation, class: Class) -> Result<Call, Error> {
        debug_assert_eq!(operation.class, class, "{} is declared as another class", operation.name);
        let admitted = admit(operation, &self.actor);
        if admitted.is_err() {
            self.core.0.denials.look(self.actor.as_ref(), self.core.now(), &admitted);
        }
        admitted?;
        Ok(Call { door: self.door, ..self.core.call(operation, &self.actor, &self.request, self.key.as_ref()) })
    }

    fn digest(&self, value: &impl Serialize) -> Result<[u8; 32], Error> {
        digest_of(&self.core.0.settings.keys, value)
    }

    fn spec(operation: &'static Operation, priority: Priority) -> Spec {
        Spec { name: operation.name, isolation: operation.isolation, priority }
    }

    /// The whole door.
    pub(crate) fn command<C: Command, R: Answer>(
        &self,
        operation: &'static Operation,
        command: C,
        rule: impl Fn(&mut dyn Tx, &Ctx, C) -> Result<R, Error> + Send + 'static,
    ) -> Ticket<R> {
        let (call, digest) = match self.begin(operation, Class::Command).and_then(|call| Ok((call, self.digest(&command)?))) {
            Ok(ready) => ready,
            Err(e) => return failed(e),
        };
        let place = idempotency::Place::of(&call);
        let denials = self.core.0.denials.clone();
        self.core.0.store.submit_for(Self::spec(operation, Priority::Interactive), move |tx| {
            let ctx = call.ctx();
            let again = |tx: &mut dyn Tx| -> Result<Option<R>, Error> {
                let Some(answer) = place.map_or(Ok(None), |place| place.find(tx, &digest))? else { return Ok(None) };
                reauthorise(tx, &ctx, command.target())?;
                serde_json::from_str(&answer).map(Some).map_err(|e| StoreError::Corrupt(format!("a remembered answer: {e}")).into())
            };
            if let Some(answer) = again(tx)? {
                return Ok(answer);
            }
            let answer = rule(tx, &ctx, command.clone());
            denials.look(ctx.actor().as_ref(), ctx.now(), &answer);
            let answer = match answer {
                // A repeat that came while the first call was under way waited for its locks, and is refused because
                // of what that call did: by now its answer is there. The body runs again and finds it first.
                Err(refused @ Error::Refused(_)) => return Err(if again(tx)?.is_some() { StoreError::Conflict.into() } else { refused }),
                other => other?,
            };
            if operation.audited && answer.happened() && !(planted(Bug::AuditMissing) && operation == &crate::operation::LEAVE) {
                audit::record(tx, &ctx, Deed { subject: answer.subject(), reason: command.reason(), digest, rows: 1 })?;
            }
            if let Some(place) = place {
                place.remember(tx, digest, &answer)?;
            }
            Ok(answer)
        })
    }

    /// Housekeeping of the engine: permission and transaction, no record.
    pub(crate) fn engine<C: Clone + Send + 'static, R: Send + 'static>(
        &self,
        operation: &'static Operation,
        command: C,
        rule: impl Fn(&mut dyn Tx, &Ctx, C) -> Result<R, Error> + Send + 'static,
    ) -> Ticket<R> {
        debug_assert!(!operation.audited, "{} is audited", operation.name);
        let call = match self.begin(operation, Class::Command) {
            Ok(call) => call,
            Err(e) => return failed(e),
        };
        self.core.0.store.submit_for(Self::spec(operation, Priority::Interactive), move |tx| rule(tx, &call.ctx(), command.clone()))
    }

    /// A read.
    pub(crate) fn query<R: Send + 'static>(
        &self,
        operation: &'static Operation,
        rule: impl FnMut(&mut dyn ReadTx, &Ctx) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let call = self.begin(operation, Class::Query)?;
        self.read(call, rule)
    }

    /// Reads for a call that has begun; what it is refused counts.
    pub(super) fn read<R: Send + 'static>(
        &self,
        call: Call,
        mut rule: impl FnMut(&mut dyn ReadTx, &Ctx) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let (who, now) = (call.actor.as_ref(), call.now);
        let answer = self.core.0.store.query(call.operation.name, move |tx| rule(tx, &call.ctx()));
        self.core.0.denials.look(who, now, &answer);
        answer
    }

    /// A read that leaves a record: the answer leaves after the record has committed.
    pub(crate) fn audited_query<C: Serialize, R: Send + 'static>(
        &self,
        operation: &'static Operation,
        asked: &C,
        subject: String,
        reason: Option<String>,
        rule: impl Fn(&mut dyn Tx, &Ctx) -> Result<R, Error> + Send + 'static,
    ) -> Ticket<R> {
        self.audited_query_of(operation, asked, subject, reason, rule, |_| 1)
    }

    /// The same of many things at once: the record says how many left.
    pub(crate) fn audited_query_of<C: Serialize, R: Send + 'static>(
        &self,
        operation: &'static Operation,
        asked: &C,
        subject: String,
        reason: Option<String>,
        rule: impl Fn(&mut dyn Tx, &Ctx) -> Result<R, Error> + Send + 'static,
        rows: fn(&R) -> usize,
    ) -> Ticket<R> {
        let (call, digest) = match self.begin(operation, Class::AuditedQuery).and_then(|call| Ok((call, self.digest(asked)?))) {
            Ok(ready) => ready,
            Err(e) => return failed(e),
        };
        let denials = self.core.0.denials.clone();
        self.core.0.store.submit_for(Self::spec(operation, Priority::Interactive), move |tx| {
            let ctx = call.ctx();
            let answer = rule(tx, &ctx);
            denials.look(ctx.actor().as_ref(), ctx.now(), &answer);
            let answer = answer?;
            let rows = rows(&answer) as i64; // a page, or what one approval may disclose
            audit::record(tx, &ctx, Deed { subject: subject.clone(), reason: reason.clone(), digest, rows })?;
            Ok(answer)
        })
    }

    /// Small frequent facts: durable together, no record each. Answers how many counted.
    pub(crate) fn ingest<T: Send + 'static>(
        &self,
        operation: &'static Operation,
        rows: Vec<T>,
        rule: impl Fn(&mut dyn Tx, &Ctx, &[T]) -> Result<u64, Error> + Send + 'static,
    ) -> Ticket<u64> {
        let call = match self.begin(operation, Class::Ingest) {
            Ok(call) => call,
            Err(e) => return failed(e),
        };
        let denials = self.core.0.denials.clone();
        self.core.0.store.submit_for(Self::spec(operation, Priority::Interactive), move |tx| {
            let ctx = call.ctx();
            let answer = rule(tx, &ctx, &rows);
            denials.look(ctx.actor().as_ref(), ctx.now(), &answer);
            answer
        })
    }

    /// Worth no disk: permission and reach are checked on a read, nothing is written.
    pub(crate) fn ephemeral<R: Send + 'static>(
        &self,
        operation: &'static Operation,
        rule: impl Fn(&mut dyn ReadTx, &Ctx) -> Result<R, Error> + Send + 'static,
    ) -> Result<R, Error> {
        let call = self.begin(operation, Class::Ephemeral)?;
        self.read(call, rule)
    }
}
