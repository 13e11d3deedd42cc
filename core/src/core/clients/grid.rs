//! The grid.

use crate::core::Session;
use crate::core::door::commands;
use crate::error::Error;
use crate::grid::{self, AssignGridOfficer, GridOfficerAssigned, GridOfficerView};
use crate::id::TaxpayerId;
use crate::operation;
use crate::store::Ticket;

commands! {
    AssignGridOfficer => Taxpayer(taxpayer), reason;
}

/// Who looks after whom.
pub struct Grid<'a>(pub(in crate::core) &'a Session);

impl Grid<'_> {
    /// Says who looks after a taxpayer from now on.
    pub fn assign(&self, cmd: AssignGridOfficer) -> Ticket<GridOfficerAssigned> {
        self.0.command(&operation::ASSIGN_GRID_OFFICER, cmd, grid::assign)
    }

    /// Who looks after a taxpayer, and did before, newest first.
    pub fn officers(&self, taxpayer: TaxpayerId) -> Result<Vec<GridOfficerView>, Error> {
        self.0.query(&operation::GRID_OFFICERS, move |tx, ctx| grid::grid_officers(tx, ctx, taxpayer))
    }
}
