//! A release has the applications of the browser within it: it is built anew when they were.

fn main() {
    println!("cargo:rerun-if-changed=../web/dist");
}
