//! The ways in which a conversation leaves the officer who has it.

use zhengna_core::Error;
use zhengna_core::id::ConversationId;
use zhengna_core::interaction::{LineSettings, OpenLine, Transfer, TransferTo};
use zhengna_core::limits;

use crate::world::{KUANCHENG, NANGUAN, World, code};

/// A way in which a conversation leaves the first officer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handover {
    /// To the second officer.
    Officer,
    /// To another line of the same authority.
    Line,
    /// To another authority.
    Authority,
    /// Back to its line, because the officer is gone.
    Gone,
}

impl Handover {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Officer, Self::Line, Self::Authority, Self::Gone];

    /// Takes a conversation from the first officer, who has it.
    pub fn of(self, world: &World, conversation: ConversationId) -> Result<(), Error> {
        let opened = |at| {
            let cmd = OpenLine { authority: code(at), settings: LineSettings::new("综合咨询"), external_id: None };
            world.core.as_system().interaction().open_line(cmd).wait().map(|opened| opened.line)
        };
        let to = match self {
            Self::Officer => {
                world.officer(1).interaction().be_present().wait()?;
                TransferTo::Officer(world.officers[1])
            }
            Self::Line => TransferTo::Line(opened(NANGUAN)?),
            Self::Authority => {
                opened(KUANCHENG)?;
                TransferTo::Authority(code(KUANCHENG))
            }
            Self::Gone => {
                world.clock.advance(limits::PRESENCE_LEASE + limits::OFFICER_GRACE);
                return world.core.return_held().map(drop);
            }
        };
        world.officer(0).interaction().transfer(Transfer::new(conversation, to, "请续办")).wait().map(drop)
    }
}
