//! Appeals (诉求): what taxpayers bring before a tax authority. So far complaints (投诉) about an officer or an authority: filed, read and
//! answered by the authority above, and kept from whom they are about (纳税服务投诉管理办法, 公告2019年第27号).

mod answer;
mod erase;
mod file;
mod kept_from;
mod row;

pub use answer::{AnswerAppeal, AppealAnswered, answer};
pub(crate) use erase::{all_of, erase_of};
pub use file::{AppealFiled, FileAppeal, Respondent, file};
pub use row::{Appeal, AppealKind, AppealState, AppealView, RespondentView, appeal, appeals};
pub(crate) use row::{opened, view};
