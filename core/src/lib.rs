//! x

pub mod crypto;
pub mod identity;
