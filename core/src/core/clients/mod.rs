//! What a session can do, grouped by noun. Each method is one operation of the table.

mod access;
mod appeal;
mod approval;
mod audit;
mod calendar;
mod control;
mod grid;
mod identity;
mod interaction;
mod journal;
mod rating;

pub use access::Access;
pub use appeal::Appeals;
pub use approval::Approval;
pub use audit::Audit;
pub use calendar::Calendar;
pub use control::Control;
pub use grid::Grid;
pub use identity::Identity;
pub use interaction::Interaction;
pub use journal::Journal;
