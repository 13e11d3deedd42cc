//! Tables of channels.

use zhengna_core::Session;
use zhengna_core::appeal::{Arrival, ArrivalList, ChannelSettings, CollectionBegun, SetChannel};

use crate::world::{PROVINCE, code};

/// The channel of these tables.
pub const CHANNEL: &str = "hotline_12345";

/// An appeal that arrived on 2026-11-05.
pub fn arrival(external_id: &str, text: &str) -> Arrival {
    Arrival { external_id: external_id.into(), received_at: "2026-11-05 09:30".into(), text: text.into(), ..Arrival::default() }
}

/// A table of these, from its second line on.
pub fn table(name: &str, rows: Vec<Arrival>) -> ArrivalList {
    ArrivalList::new(CHANNEL, name, (2..).zip(rows).collect()).expect("a table")
}

/// A table of so many that no other `n` has.
pub fn arrivals(n: u64, rows: u64) -> ArrivalList {
    let row = |k| arrival(&format!("{n}-{k}"), &format!("第{n}批第{k}件：发票开不出来"));
    table("诉求.csv", (0..rows).map(row).collect())
}

/// Takes a table in.
pub fn collected(by: &Session, list: &ArrivalList) -> CollectionBegun {
    let of = by.appeals().begin_collection(list).wait().expect("is begun");
    by.appeals().collect(of, list, &mut |_| {}).expect("is taken in");
    of
}

/// A channel of this code, of the province.
pub fn set_channel(named: &str) -> SetChannel {
    SetChannel { code: named.into(), authority: code(PROVINCE), settings: ChannelSettings::new("热线") }
}
