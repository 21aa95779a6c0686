//! Pure: what an extension asks for when it subscribes.
//!
//! [AWS: Lambda Telemetry API reference; Lambda Logs API; the emulator's schema of subscriptions]

use std::time::Duration;

use http::Uri;
use serde::Serialize;
use serde_json::{Map, Value};

/// Which of the two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `PUT /2022-07-01/telemetry`.
    Telemetry,
    /// `PUT /2020-08-15/logs`, its predecessor.
    Logs,
}

impl Api {
    /// `Telemetry API` or `Logs API`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "Telemetry API",
            Self::Logs => "Logs API",
        }
    }
}

/// `schemaVersion`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Schema {
    Telemetry20220701,
    Telemetry20221213,
    Telemetry20250129,
    Logs20200815,
    Logs20210318,
}

/// A stream that can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What Lambda itself tells.
    Platform,
    /// What the runtime and its children write.
    Function,
    /// What external extensions write.
    Extension,
}

impl Kind {
    /// As in a subscription.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Function => "function",
            Self::Extension => "extension",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Platform, Self::Function, Self::Extension].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// How a batch is filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Buffering {
    /// Events of a batch at most, 1000 to 10,000.
    pub max_items: usize,
    /// Bytes after which a batch is full, 262,144 to 1,048,576.
    pub max_bytes: usize,
    /// How long an event waits at most, 25 ms to 30 s.
    pub timeout: Duration,
}

impl Default for Buffering {
    fn default() -> Self {
        Self { max_items: 10_000, max_bytes: 262_144, timeout: Duration::from_millis(1000) }
    }
}

/// `destination.method`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum Method {
    Post,
    Put,
}

/// Where batches go: to a port of the loopback, in one of two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// As a JSON array in the body of a request.
    Http {
        /// Port on 127.0.0.1.
        port: u16,
        /// Host and port as given, for the `Host` header.
        authority: String,
        /// Path and query.
        path: String,
        /// `POST` unless the Logs API was told otherwise.
        method: Method,
    },
    /// One event per line.
    Tcp {
        /// Port on 127.0.0.1.
        port: u16,
    },
}

/// A subscription that can be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Which API it came by.
    pub api: Api,
    /// What events look like.
    pub schema: Schema,
    /// Streams, each once, at least one.
    pub types: Vec<Kind>,
    /// How events are gathered.
    pub buffering: Buffering,
    /// Where they go.
    pub destination: Destination,
}

/// Names of the container itself, which all lead to 127.0.0.1. AWS has the first two.
const HOSTS: [&str; 4] = ["sandbox.localdomain", "sandbox", "localhost", "127.0.0.1"];

/// The port of the Runtime API. [AWS: "Lambda reserves port 9001"]
const RESERVED_PORT: u16 = 9001;

impl Subscription {
    /// Reads the body of a PUT.
    ///
    /// # Errors
    /// All that is wrong with it, for people, parted by `; ` as AWS does it.
    pub fn parse(api: Api, body: &[u8]) -> Result<Self, String> {
        let Value::Object(members) =
            serde_json::from_slice(body).map_err(|error| format!("failed to parse JSON: {error}"))?
        else {
            return Err("the request is not a JSON object".to_owned());
        };
        let mut faults = Vec::new();
        let schema = schema(api, members.get("schemaVersion"), &mut faults);
        let destination = destination(api, members.get("destination"), &mut faults);
        let types = types(members.get("types"), &mut faults);
        let buffering = buffering(members.get("buffering"), &mut faults);
        match (schema, destination) {
            (Some(schema), Some(destination)) if faults.is_empty() => {
                Ok(Self { api, schema, types, buffering, destination })
            }
            _ => Err(faults.join("; ")),
        }
    }
}

fn schema(api: Api, given: Option<&Value>, faults: &mut Vec<String>) -> Option<Schema> {
    let known: &[(&str, Schema)] = match api {
        Api::Telemetry => &[
            ("2022-07-01", Schema::Telemetry20220701),
            ("2022-12-13", Schema::Telemetry20221213),
            ("2025-01-29", Schema::Telemetry20250129),
        ],
        Api::Logs => &[("2020-08-15", Schema::Logs20200815), ("2021-03-18", Schema::Logs20210318)],
    };
    let given = match (given, api) {
        (None | Some(Value::Null), Api::Logs) => return Some(Schema::Logs20200815),
        (None | Some(Value::Null), Api::Telemetry) => {
            faults.push("schemaVersion is not provided".to_owned());
            return None;
        }
        (Some(given), _) => given,
    };
    let found = given
        .as_str()
        .and_then(|given| known.iter().find(|(name, _)| *name == given))
        .map(|(_, schema)| *schema);
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        faults.push(format!("schemaVersion should be one of {}", names.join(", ")));
    }
    found
}

fn types(given: Option<&Value>, faults: &mut Vec<String>) -> Vec<Kind> {
    let mut types = Vec::new();
    match given {
        None | Some(Value::Null) => faults.push("types should not be empty".to_owned()),
        Some(Value::Array(given)) if given.is_empty() => faults.push("types should not be empty".to_owned()),
        Some(Value::Array(given)) => {
            for name in given {
                match name.as_str().and_then(Kind::parse) {
                    Some(kind) if types.contains(&kind) => {}
                    Some(kind) => types.push(kind),
                    None => {
                        faults.push("types should be of platform, function, extension".to_owned());
                        break;
                    }
                }
            }
        }
        Some(_) => faults.push("types should be an array".to_owned()),
    }
    types
}

fn buffering(given: Option<&Value>, faults: &mut Vec<String>) -> Buffering {
    let mut buffering = Buffering::default();
    let members = match given {
        None | Some(Value::Null) => return buffering,
        Some(Value::Object(members)) => members,
        Some(_) => {
            faults.push("buffering should be an object".to_owned());
            return buffering;
        }
    };
    let mut number = |name: &str, least: u64, most: u64| {
        let given = members.get(name).filter(|given| !given.is_null())?;
        let number = given.as_u64().filter(|number| (least..=most).contains(number));
        if number.is_none() {
            faults.push(format!("buffering.{name} should be an integer between {least} and {most}"));
        }
        number
    };
    if let Some(items) = number("maxItems", 1000, 10_000).and_then(|items| usize::try_from(items).ok()) {
        buffering.max_items = items;
    }
    if let Some(bytes) = number("maxBytes", 262_144, 1_048_576).and_then(|bytes| usize::try_from(bytes).ok())
    {
        buffering.max_bytes = bytes;
    }
    if let Some(milliseconds) = number("timeoutMs", 25, 30_000) {
        buffering.timeout = Duration::from_millis(milliseconds);
    }
    buffering
}

fn destination(api: Api, given: Option<&Value>, faults: &mut Vec<String>) -> Option<Destination> {
    let members = match given {
        None | Some(Value::Null) => {
            faults.push("destination is not provided".to_owned());
            return None;
        }
        Some(Value::Object(members)) => members,
        Some(_) => {
            faults.push("destination should be an object".to_owned());
            return None;
        }
    };
    let read = match members.get("protocol").and_then(Value::as_str) {
        Some("HTTP") => http(api, members),
        Some("TCP") => tcp(members),
        _ => Err("destination protocol should be HTTP or TCP".to_owned()),
    };
    read.map_err(|fault| faults.push(fault)).ok()
}

fn tcp(members: &Map<String, Value>) -> Result<Destination, String> {
    let given = members.get("port").ok_or("port is not provided")?;
    let port = given.as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0);
    let port = port.ok_or("port should be an integer between 1 and 65535")?;
    not_reserved(port)?;
    Ok(Destination::Tcp { port })
}

fn http(api: Api, members: &Map<String, Value>) -> Result<Destination, String> {
    let given = members.get("URI").and_then(Value::as_str).filter(|uri| !uri.is_empty());
    let given = given.ok_or("URI is not provided")?;
    let uri: Uri = given.parse().map_err(|_| "URI is not valid".to_owned())?;
    if uri.scheme_str() != Some("http") {
        return Err("URI scheme should be http".to_owned());
    }
    let authority = uri.authority().ok_or("URI host is not provided")?;
    let known = HOSTS.iter().any(|host| authority.host().eq_ignore_ascii_case(host));
    if !known || authority.as_str().contains('@') {
        return Err("URI host should be sandbox.localdomain".to_owned());
    }
    let port = authority.port_u16().filter(|port| *port != 0).ok_or("URI port is not provided")?;
    not_reserved(port)?;
    let method = match members.get("method") {
        Some(method) if api == Api::Logs && !method.is_null() => match method.as_str() {
            Some("POST") => Method::Post,
            Some("PUT") => Method::Put,
            _ => return Err("method should be POST or PUT".to_owned()),
        },
        _ => Method::Post,
    };
    // Without a slash there may still be a query.
    let path = uri.query().map_or_else(|| uri.path().to_owned(), |query| format!("{}?{query}", uri.path()));
    Ok(Destination::Http { port, authority: authority.as_str().to_owned(), path, method })
}

fn not_reserved(port: u16) -> Result<(), String> {
    if port == RESERVED_PORT { Err(format!("port {RESERVED_PORT} is reserved")) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
