//! Measures Lambdock beside AWS's runtime interface emulator.

mod budget;
mod machine;
mod memory;
mod report;
mod statistics;
mod table;

fn main() {}
