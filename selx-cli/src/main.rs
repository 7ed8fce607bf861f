//! The `selx` program.

fn main() {}
