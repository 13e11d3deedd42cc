//! Assignment (派单): which of those who wait goes to which officer, and why.
//!
//! One engine for everything that officers are to take from a line: conversations, later appeals, visits and repairs. Claims ask it for
//! the next one, lines with push and [`what_if`](crate::what_if) ask it unasked, and what it answers is kept. It is pure: no
//! storage, no clock; the same inputs give the same answer, on any host and years later.
//!
//! - [`decide`] is what the engine does, said plainly: it looks at everything. [`Record::replays`] asks it again about a recorded decision.
//! - [`Assigner`] answers the same from indexes that are kept up to date: a decision costs microseconds, however many wait.
//!
//! # What is decided
//! - **Who is next**: by rank, then who came first. Somebody older is passed by only where no officer may take them, or (an officer asks
//!   for the next one) where this officer may not; the reason names it.
//! - **Who may take it**: officers who are there and below their capacity, with every skill it requires. Of the topic and of the authority
//!   they must be as near as the line's schedule ([`Relax`]) asks after so long a wait: it only ever widens. The taxpayer's own officer and
//!   the last one of the same matter may take it whatever their topic and authority: they know the taxpayer.
//! - **Who of them does**: the taxpayer's own officer, for whom it is held a while; then the last officer of the same matter; then whoever
//!   has the fewest minutes of load, of those the one who was idle longest, of those the one with the smallest id.
//!
//! # What the caller does
//! An assignment is an offer until it is accepted. The engine takes it out of the line and charges the officer for it. Where the offer runs
//! out, the caller adds it again, unchanged but for one more [`Pass`], and says so with [`Assigner::declined`].
//! Where an officer drops, their matters are added again with rank, arrival and ticket as before: they stand where they stood.

mod assigner;
mod candidate;
mod decide;
mod desks;
mod policy;
mod reason;
mod rule;
mod shelves;
mod waiting;

pub use assigner::Assigner;
pub use candidate::{Attendance, Candidate};
pub use decide::{Inputs, Question, Record, decide, recorded};
pub use policy::{Policy, Relax, RelaxProblem, Step, Widening};
pub use reason::{Choice, Decision, Overtaken, PassedOver, Reason, Waits};
pub use rule::Bar;
pub use waiting::{Pass, Place, Waiting};
