//! Lines of functions on our own log.

use bytes::Bytes;
use lambdock_protocol::Log;
use tracing::{debug, enabled};

use crate::uplink::{EnvironmentInfo, LogSink};

/// Shows functions' lines and messages at debug level, each cut at a length.
#[derive(Debug)]
pub struct Console {
    /// Characters of a line that are shown.
    pub truncate: usize,
}

impl LogSink for Console {
    fn lines(&self, environment: &EnvironmentInfo, log: Log, lines: Bytes) {
        if !enabled!(tracing::Level::DEBUG) {
            return;
        }
        let text = String::from_utf8_lossy(&lines);
        let events: Vec<&str> =
            if log.whole { vec![text.trim_end_matches('\n')] } else { text.lines().collect() };
        for line in events {
            debug!(function = %environment.function_name, environment.id = %environment.id, "{}", cut(line, self.truncate));
        }
    }
}

fn cut(line: &str, characters: usize) -> &str {
    line.char_indices().nth(characters).map_or(line, |(end, _)| &line[..end])
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
