//! `lambdock logs`: shows what a function logs, from a Lambdock that runs.

use std::io::{self, Write};

use bytes::Bytes;
use http::{StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::recent::{Line, Source};

/// What is to be shown.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Name or ARN.
    pub function: String,
    /// Whether to go on with what is written from now on.
    pub follow: bool,
    /// Nothing that is older.
    pub since: Option<Timestamp>,
}

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// For terminals.
    Shown,
    /// For files and other programs.
    Absent,
}

/// Why nothing, or nothing more, is shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers.
    #[error("no Lambdock answers at {endpoint}: {reason}; GATEWAY_LISTEN says where it is")]
    Unreachable {
        /// Where it was looked for.
        endpoint: String,
        /// In words.
        reason: String,
    },
    /// It does not know the function, or is too old.
    #[error("{0}")]
    Refused(String),
    /// The lines cannot be written.
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// A time ago, such as `10m` or `1h30m`, or a time such as `2026-01-01T12:00:00Z`.
///
/// # Errors
/// It is neither.
pub fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let ago: Result<SignedDuration, _> = text.parse();
    let time = ago.ok().and_then(|ago| Timestamp::now().checked_sub(ago).ok());
    time.ok_or_else(|| "expected a time ago, such as 10m, or a time such as 2026-01-01T12:00:00Z".to_owned())
}

/// Writes lines as they come until there are no more.
///
/// # Errors
/// There is none to be had.
pub async fn show(
    endpoint: &str,
    wanted: &Wanted,
    colours: Colours,
    out: &mut (impl Write + Send),
) -> Result<(), Error> {
    let unreachable = |reason: String| Error::Unreachable { endpoint: endpoint.to_owned(), reason };
    let name = utf8_percent_encode(&wanted.function, NON_ALPHANUMERIC);
    let since = wanted.since.map_or(0, |since| since.as_millisecond().max(0));
    let follow = u8::from(wanted.follow);
    let url: Uri = format!("{endpoint}/_lambdock/logs/{name}?since={since}&follow={follow}")
        .parse()
        .map_err(|error| unreachable(format!("{error}")))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<http_body_util::Empty<Bytes>>();
    let answer = client.get(url).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        unreachable(cause.unwrap_or_else(|| error.to_string()))
    })?;
    let status = answer.status();
    let mut body = answer.into_body();
    if status != StatusCode::OK {
        let said = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let said: serde_json::Value = serde_json::from_slice(&said).unwrap_or_default();
        let reason = said["error"].as_str().map_or_else(|| format!("it answers {status}"), str::to_owned);
        return Err(Error::Refused(reason));
    }
    let mut begun = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else { continue };
        begun.extend_from_slice(&bytes);
        while let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = begun.drain(..=end).collect();
            if let Ok(line) = serde_json::from_slice::<Line>(&line) {
                writeln!(out, "{}", shown(&line, colours))?;
            }
        }
        out.flush()?;
    }
    Ok(())
}

/// As people read it.
fn shown(line: &Line, colours: Colours) -> String {
    let time = i64::try_from(line.time_ms).ok().and_then(|time| Timestamp::from_millisecond(time).ok());
    let time = time.unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    let message = line.message.trim_end_matches(['\n', '\r']);
    match (colours, line.source) {
        (Colours::Absent, _) => format!("{time} {message}"),
        (Colours::Shown, Source::Function) => format!("\x1b[2m{time}\x1b[0m {message}"),
        (Colours::Shown, Source::Extension) => format!("\x1b[2m{time}\x1b[0m \x1b[35m{message}\x1b[0m"),
        (Colours::Shown, Source::Platform) => format!("\x1b[2m{time}\x1b[0m \x1b[36m{message}\x1b[0m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_time_and_colours_on_terminals_only() {
        let line = Line {
            time_ms: 1,
            version: "$LATEST".into(),
            stream: "s".into(),
            source: Source::Platform,
            request_id: None,
            message: "START\n".into(),
        };
        assert_eq!(shown(&line, Colours::Absent), "1970-01-01T00:00:00.001Z START");
        assert!(shown(&line, Colours::Shown).contains("\x1b[36mSTART"));
    }

    #[test]
    fn times_are_given_as_such_or_as_how_long_ago() {
        assert_eq!(since("1970-01-01T00:00:01Z").unwrap().as_millisecond(), 1000);
        let then = since("10m").unwrap();
        let ago = Timestamp::now().duration_since(then);
        assert!((600..660).contains(&ago.as_secs()), "{ago:?}");
        assert!(since("yesterday").is_err());
    }
}
