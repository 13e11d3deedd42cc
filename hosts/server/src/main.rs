//! The command `zhengna`.
fn main() {}
