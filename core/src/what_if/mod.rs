//! What if (推演): a day of interactions played again with other staffing, by the assignment [engine](crate::assignment).
//!
//! A [`Day`] says who came when, how long they were ready to wait and how long it took to serve them, and who was on duty: as recorded, or
//! made up as a [`Poisson`] day. [`play`] says how long they would have waited. Pure; equal days give equal figures.

mod day;
mod figures;
mod play;
mod poisson;
mod read;

pub use day::{Arrival, Day, DayProblem, Shift, Staffing};
pub use figures::{Figures, LineFigures, OfficerFigures, Spread};
pub use play::play;
pub use poisson::Poisson;
pub use read::{seconds, time_of_day};
