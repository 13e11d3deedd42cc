//! Appeals (诉求): what taxpayers bring before a tax authority. Complaints (投诉) about an officer or an authority are filed here, read and
//! answered by the authority above, and kept from whom they are about (纳税服务投诉管理办法, 公告2019年第27号). Appeals of every kind arrive
//! by channels (诉求渠道) from elsewhere, are collected as tables, and known again when they come once more.

mod answer;
mod arrival;
mod balance;
mod channel;
mod collection;
mod erase;
mod file;
mod kept_from;
mod row;
mod take_back;

pub use answer::{AnswerAppeal, AppealAnswered, answer};
pub use arrival::{Arrival, ArrivalField};
pub use balance::ChannelDay;
pub(crate) use balance::balance;
pub use channel::{Channel, ChannelRow, ChannelSet, ChannelSettings, Columns, FoundColumn, NamedField, SetChannel, Word, set_channel};
pub(crate) use channel::{channel, channels};
pub use collection::{
    ArrivalList, ArrivalRow, ArrivalTold, ArrivalVerdict, BeginCollection, CollectedRow, Collection, CollectionBegun, begin_collection,
    collect,
};
pub(crate) use collection::{Heard, collected_rows, collection_of, examine_arrivals, stands};
pub(crate) use erase::{all_of, erase_of};
pub use file::{AppealFiled, FileAppeal, Respondent, file};
pub use row::{Appeal, AppealKind, AppealState, AppealView, ReporterView, RespondentView, appeal, appeals};
pub(crate) use row::{opened, view};
pub(crate) use take_back::arrivals_to_take_back;
pub use take_back::{TakeBackArrival, take_back_arrivals};
