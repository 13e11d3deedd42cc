//! The grid (网格化服务): who of the bureau looks after which taxpayer. So far the grid officer (网格员) of each, by whom what their
//! taxpayers ask is answered first.

mod assign;
mod grid_officer;

pub use assign::{AssignGridOfficer, GridOfficerAssigned, assign};
pub(crate) use grid_officer::looks_after;
pub use grid_officer::{GridOfficer, GridOfficerView, grid_officers};
