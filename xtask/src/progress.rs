//! Says what is going on and how long it took, on standard error.

use std::time::Instant;

use anyhow::Result;

/// Announces a step, does it, and says how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("… {what}"));
    let start = Instant::now();
    let result = work();
    let mark = if result.is_ok() { "✓" } else { "✗" };
    say(&format!("{mark} {what} ({:.1} s)", start.elapsed().as_secs_f64()));
    result
}

/// One line of progress.
#[expect(
    clippy::print_stderr,
    reason = "progress is what the terminal is for; standard output is the tools' own"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
