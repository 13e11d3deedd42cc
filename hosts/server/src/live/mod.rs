//! Live events: one reader of the journal per host, dispatching by topic to the clients connected here.
//!
//! The hub asks the core once per event what each of its followers may see, and hands that out. Each client has a
//! [`Feed`]: it catches up from the client's cursor, then follows. Order is the journal's, so a client that
//! reconnects with the last cursor it saw misses nothing and sees nothing twice. Whoever reads too slowly is let go
//! with a code and continues later from its cursor.

mod feed;
mod feeds;
mod frame;
mod hub;

use std::time::Duration;

pub use feed::{Feed, feed};
pub use frame::{Ended, Frame, FromClient, from_client};
pub use hub::{Hub, Place};

/// Notes that may wait for one client; more means it reads too slowly.
const WAITING_NOTES_MAX: usize = 512;
/// Feeds that are handed a note before others have their turn.
const HANDED_AT_ONCE: usize = 256;
/// The journal is looked at this often even without a hint: an open transaction elsewhere may have held rows back.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A session's end, and a change of its posts, reach an open socket within this time: with the tick below and the time
/// to say goodbye, a leaver's sockets drop within 5 s.
const RECHECK_EVERY: Duration = Duration::from_millis(2500);
/// Sessions that are due are looked at together, this often.
const RECHECK_TICK: Duration = Duration::from_millis(200);
/// Whoever waits is told where they stand this often, where that has changed.
const PLACES_EVERY: Duration = Duration::from_secs(1);
/// Once in so many times all lines are looked at: who is on duty changes the wait, and is no event.
const ALL_PLACES_EVERY: u32 = 15;
/// A quiet socket is pinged this often, so that gateways keep it and dead peers are found.
const PING_EVERY: Duration = Duration::from_secs(20);
