//! The examples are the `.rs` files beside this one; `cargo run -p zhengna-examples --example embed`.
