//! The `opendoor` binary.
fn main() {}
