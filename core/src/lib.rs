//! x

pub mod crypto;
pub mod identity;
#[cfg(feature = "synthetic")]
pub mod synthetic;
