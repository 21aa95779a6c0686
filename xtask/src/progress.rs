//! Says what is going on and how long it took, on standard error.

use std::{
    cell::Cell,
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::Result;

thread_local! {
    /// Whether a step is under way on this thread: what begins then is a part of it.
    static UNDER_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Steps that were no parts of others, in the order in which they ended.
static DONE: Mutex<Vec<(String, Duration)>> = Mutex::new(Vec::new());

/// Announces a step, does it, and says how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let outermost = !UNDER_WAY.replace(true);
    let (result, took) = part(what, work);
    UNDER_WAY.set(!outermost);
    if outermost && let Ok(mut done) = DONE.lock() {
        done.push((what.to_owned(), took));
    }
    result
}

/// As [`step`], for what is a part of one that another thread has begun.
pub(crate) fn part<T>(what: &str, work: impl FnOnce() -> Result<T>) -> (Result<T>, Duration) {
    say(&format!("… {what}"));
    let start = Instant::now();
    let result = work();
    let (mark, took) = (if result.is_ok() { "✓" } else { "✗" }, start.elapsed());
    say(&format!("{mark} {what} ({:.1} s)", took.as_secs_f64()));
    (result, took)
}

/// Does everything, then says how long each step took, and all of them.
pub(crate) fn summed_up<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let result = work();
    if let Ok(done) = DONE.lock() {
        say(&summary(&done, start.elapsed()));
    }
    result
}

/// Pure: one line for each step, and one for all.
fn summary(steps: &[(String, Duration)], all: Duration) -> String {
    let line = |what: &str, took: Duration| format!("time: {:7.1} s  {what}", took.as_secs_f64());
    let lines = steps.iter().map(|(what, took)| line(what, *took));
    lines.chain([line("in all", all)]).collect::<Vec<_>>().join("\n")
}

/// One line of progress.
#[expect(
    clippy::print_stderr,
    reason = "progress is what the terminal is for; standard output is the tools' own"
)]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_inside_another_is_not_counted_twice() {
        step("outer", || step("inner", || part("another thread's", || Ok(())).0)).unwrap();
        step("next", || Ok(())).unwrap();
        let done: Vec<_> = DONE.lock().unwrap().iter().map(|(what, _)| what.clone()).collect();
        assert_eq!(done, ["outer", "next"]);
    }

    #[test]
    fn the_summary_has_every_step_and_their_sum() {
        let steps = [("lints".to_owned(), Duration::from_millis(1250))];
        let text = summary(&steps, Duration::from_secs(61));
        assert_eq!(text, "time:     1.2 s  lints\ntime:    61.0 s  in all");
    }
}
