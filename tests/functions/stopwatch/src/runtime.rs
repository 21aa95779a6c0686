//! A runtime and its function in one, with nothing in it that could be left out. The beginning of the event says what
//! the function does.

use std::{
    borrow::Cow,
    env,
    error::Error,
    io::{self, Write},
};

use crate::{clock, http, launch::LAUNCHED};

/// Beginning of an event that asks when the runtime started and how long it has had the event.
pub const TIMES: &str = "\"times";
/// Beginning of an event that asks for so many bytes of log lines, in digits.
const WRITE: &str = "\"write ";

const NEXT: &str = "/2018-06-01/runtime/invocation/next";
const LINE: usize = 128;

/// Answers events for ever. `started` is when this process began.
pub fn serve(started: i64) -> Result<(), Box<dyn Error>> {
    let launched = env::var(LAUNCHED).ok().and_then(|time| time.parse::<i64>().ok());
    let started = launched.map_or_else(|| "null".to_owned(), |launched| (started - launched).to_string());
    let host = env::var("AWS_LAMBDA_RUNTIME_API")?;
    let mut connection = http::Connection::open(&host)?;
    let next = http::request("GET", NEXT, &host, b"");
    let (mut event, mut acceptance) = (Vec::new(), Vec::new());
    loop {
        let head = connection.exchange(&next, &mut event)?;
        let had_since = clock::now();
        let id = head.header("lambda-runtime-aws-request-id").ok_or("an event without a request id")?;
        let path = format!("/2018-06-01/runtime/invocation/{id}/response");
        let answer = if event.starts_with(TIMES.as_bytes()) {
            let own = clock::now() - had_since;
            Cow::Owned(format!(r#"{{"started_ns":{started},"own_ns":{own}}}"#).into_bytes())
        } else {
            write_log(log_bytes(&event))?;
            Cow::Borrowed(event.as_slice())
        };
        connection.exchange(&http::request("POST", &path, &host, &answer), &mut acceptance)?;
    }
}

/// Bytes of log lines that an event asks for.
fn log_bytes(event: &[u8]) -> usize {
    let text = event.get(..event.len().min(40)).and_then(|text| std::str::from_utf8(text).ok());
    let digits = text.and_then(|text| text.strip_prefix(WRITE));
    digits.and_then(|digits| digits.trim_end_matches('"').parse().ok()).unwrap_or(0)
}

/// Writes so many bytes, each line by itself as runtimes do.
fn write_log(bytes: usize) -> io::Result<()> {
    let mut line = [b'x'; LINE];
    line[LINE - 1] = b'\n';
    let mut out = io::stdout().lock();
    (0..bytes / LINE).try_for_each(|_| out.write_all(&line))
}
