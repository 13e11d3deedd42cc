//! Assignment: named after what others got wrong, and properties of it whatever happens.

mod properties;
mod stories;
mod support;
