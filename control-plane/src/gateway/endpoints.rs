//! Lambdock's own endpoints, under LocalStack's paths: health and info.

use std::time::Instant;

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::VERSION;

/// What the endpoints tell of this process.
#[derive(Debug)]
pub struct Process {
    started: Instant,
    session: Uuid,
    machine: String,
    in_container: bool,
}

impl Process {
    /// A process that starts now. `machine`: a name for where it runs, stable over restarts.
    pub fn started_now(machine: String, in_container: bool) -> Self {
        Self { started: Instant::now(), session: Uuid::new_v4(), machine, in_container }
    }

    pub(super) fn info(&self, now: Timestamp) -> Value {
        json!({
            "version": VERSION,
            "edition": EDITION,
            "is_license_activated": false,
            "session_id": self.session.to_string(),
            "machine_id": self.machine,
            "system": std::env::consts::OS,
            "is_docker": self.in_container,
            "server_time_utc": now.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "uptime": self.started.elapsed().as_secs(),
        })
    }
}

/// LocalStack's clients know `community` and `pro`.
const EDITION: &str = "community";

/// Status and JSON body, or nothing for an empty one.
pub type Answer = (StatusCode, Option<Value>);

/// Answers a request for one of the endpoints; `None`: `path` is none of them.
pub fn answer(process: &Process, method: &Method, path: &str, now: Timestamp) -> Option<Answer> {
    let body = match path {
        "/_localstack/health" | "/health" => json!({
            "services": { "lambda": "running" },
            "edition": EDITION,
            "version": VERSION,
        }),
        "/_localstack/info" => process.info(now),
        _ => return None,
    };
    Some(match *method {
        Method::GET => (StatusCode::OK, Some(body)),
        Method::HEAD => (StatusCode::OK, None),
        _ => (StatusCode::METHOD_NOT_ALLOWED, Some(json!({ "error": "this endpoint takes GET and HEAD" }))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, path: &str) -> Option<Answer> {
        let process = Process::started_now("m".into(), false);
        answer(&process, &method, path, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn health_says_that_lambda_runs() {
        let (status, body) = ask(Method::GET, "/_localstack/health").unwrap();
        assert_eq!((status, body.unwrap()["services"]["lambda"].clone()), (StatusCode::OK, json!("running")));
        assert_eq!(ask(Method::HEAD, "/_localstack/health"), Some((StatusCode::OK, None)));
        assert_eq!(ask(Method::DELETE, "/_localstack/health").unwrap().0, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[test]
    fn info_has_localstacks_members() {
        let body = ask(Method::GET, "/_localstack/info").unwrap().1.unwrap();
        for member in [
            "version",
            "edition",
            "is_license_activated",
            "session_id",
            "machine_id",
            "system",
            "is_docker",
            "server_time_utc",
            "uptime",
        ] {
            assert!(body.get(member).is_some(), "{member}");
        }
        assert_eq!(body["server_time_utc"], "1970-01-01T00:00:00");
    }

    #[test]
    fn other_paths_are_not_ours() {
        assert_eq!(ask(Method::GET, "/_localstack/nothing"), None);
    }
}
