//! Ctrl-C and SIGTERM: the run ends at the next step and cleans up; a second one ends it at once.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use signal_hook::{consts::TERM_SIGNALS, flag};

static REQUESTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on signals ask the run to end instead of killing it.
pub(crate) fn listen() -> Result<()> {
    let requested = REQUESTED.get_or_init(Arc::default);
    for &signal in TERM_SIGNALS {
        // The order matters: the first signal finds the flag unset and sets it, the second one finds it set.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(requested))
            .context("listen for signals")?;
        flag::register(signal, Arc::clone(requested)).context("listen for signals")?;
    }
    Ok(())
}

/// An error once somebody has asked the run to end.
pub(crate) fn check() -> Result<()> {
    let requested = REQUESTED.get().is_some_and(|requested| requested.load(Ordering::Relaxed));
    ensure!(!requested, "interrupted");
    Ok(())
}

/// Asks `probe` again and again until it has a value.
///
/// # Errors
/// After `patience`, naming `what` was waited for; at once where `probe` fails or the run is to end.
pub(crate) fn wait_until<T>(
    what: &str,
    patience: Duration,
    pause: Duration,
    mut probe: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let begun = Instant::now();
    loop {
        check()?;
        if let Some(value) = probe()? {
            return Ok(value);
        }
        ensure!(begun.elapsed() < patience, "{what}: not within {} s", patience.as_secs());
        thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_the_first_value() {
        let mut calls = 0;
        let value = wait_until("a value", Duration::from_secs(5), Duration::ZERO, || {
            calls += 1;
            Ok((calls == 3).then_some(calls))
        });
        assert_eq!(value.unwrap(), 3);
    }

    #[test]
    fn waiting_in_vain_says_for_what() {
        let never = wait_until("the moon", Duration::ZERO, Duration::ZERO, || Ok(None::<()>));
        assert_eq!(never.unwrap_err().to_string(), "the moon: not within 0 s");
    }
}
