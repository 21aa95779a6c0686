//! Lines of functions: on our own log, and wherever else they go.

pub mod command;
mod recent;

use std::sync::Arc;

use bytes::Bytes;
use lambdock_protocol::Log;
use tracing::{debug, enabled};

use crate::uplink::{EnvironmentInfo, LogSink};

pub use recent::{Line, Recent, Source, Wanted};

/// Shows functions' lines and messages at debug level, each cut at a length.
#[derive(Debug)]
pub struct Console {
    /// Characters of a line that are shown.
    pub truncate: usize,
}

impl LogSink for Console {
    fn lines(&self, environment: &EnvironmentInfo, log: &Log, lines: &Bytes) {
        if !enabled!(tracing::Level::DEBUG) {
            return;
        }
        let text = String::from_utf8_lossy(lines);
        for line in messages(log, &text) {
            debug!(function = %environment.function_name, environment.id = %environment.id, "{}", cut(line, self.truncate));
        }
    }
}

/// What was written, message by message: one of several lines stays one.
pub fn messages<'a>(log: &Log, text: &'a str) -> impl Iterator<Item = &'a str> {
    let (whole, lines) = match log.whole {
        true => (Some(text.trim_end_matches('\n')), ""),
        false => (None, text),
    };
    whole.into_iter().chain(lines.lines())
}

/// Gives everything to each of several.
pub struct Everyone(pub Vec<Arc<dyn LogSink>>);

impl LogSink for Everyone {
    fn lines(&self, environment: &EnvironmentInfo, log: &Log, lines: &Bytes) {
        for sink in &self.0 {
            sink.lines(environment, log, lines);
        }
    }
}

fn cut(line: &str, characters: usize) -> &str {
    line.char_indices().nth(characters).map_or(line, |(end, _)| &line[..end])
}

/// The last boundary of characters within so many bytes of a text.
pub(crate) fn boundary_within(text: &str, bytes: usize) -> usize {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_characters() {
        assert_eq!(cut("grüße", 3), "grü");
        assert_eq!(cut("ab", 3), "ab");
    }
}
