//! The init's own log, on the container's standard error. Small on purpose: the init is in every container.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::clock;

/// Levels as LocalStack's init has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
    Panic,
}

const NAMES: [(Level, &str); 7] = [
    (Level::Trace, "trace"),
    (Level::Debug, "debug"),
    (Level::Info, "info"),
    (Level::Warn, "warn"),
    (Level::Error, "error"),
    (Level::Fatal, "fatal"),
    (Level::Panic, "panic"),
];

impl Level {
    /// The level of that name; case matters.
    pub fn parse(text: &str) -> Option<Self> {
        NAMES.iter().find(|(_, name)| *name == text).map(|(level, _)| *level)
    }

    fn name(self) -> &'static str {
        NAMES.iter().find(|(level, _)| *level == self).map_or("", |(_, name)| name)
    }
}

static THRESHOLD: AtomicU8 = AtomicU8::new(Level::Warn as u8);

/// Lines below `level` are not written from now on. At `trace` lines are JSON.
pub fn set_level(level: Level) {
    THRESHOLD.store(level as u8, Ordering::Relaxed);
}

/// Whether lines of `level` are written.
pub fn enabled(level: Level) -> bool {
    level as u8 >= THRESHOLD.load(Ordering::Relaxed)
}

/// Writes one line.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    if !enabled(level) {
        return;
    }
    let time = clock::iso(clock::now_ms());
    let line = if enabled(Level::Trace) {
        let text = message.to_string();
        format!("{}\n", serde_json::json!({ "time": time, "level": level.name(), "msg": text }))
    } else {
        format!("{time} {:<5} {message}\n", level.name())
    };
    // There is nowhere to complain to.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

macro_rules! levels {
    ($($name:ident $level:ident $dollar:tt)*) => {
        $(macro_rules! $name {
            ($dollar($dollar argument:tt)*) => {
                $crate::log::write($crate::log::Level::$level, format_args!($dollar($dollar argument)*))
            };
        }
        pub(crate) use $name;)*
    };
}

levels! { debug Debug $ info Info $ error Error $ }

macro_rules! warning {
    ($($argument:tt)*) => { $crate::log::write($crate::log::Level::Warn, format_args!($($argument)*)) };
}
pub(crate) use warning as warn;
