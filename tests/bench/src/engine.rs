//! The container engine, through its API: what the command line adds in milliseconds would be measured too.

use std::{
    env,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{
    cold_start::EngineTimes,
    http::{self, Address},
};

/// Label of every container that a run makes; its value names the run.
const LABEL: &str = "lambdock.bench";

/// An engine, and the containers of one run.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    address: Address,
    run: String,
}

/// What the engine tells of a running container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Running {
    /// Process id of its first process on the engine's machine.
    pub(crate) pid: u32,
    /// Address on its network.
    pub(crate) ip: String,
}

impl Engine {
    /// The engine that `DOCKER_HOST` names, else the one behind `/var/run/docker.sock`. `run` is unique to this run.
    pub(crate) fn from_env(run: &str) -> Result<Self> {
        let address = match env::var("DOCKER_HOST") {
            Ok(host) if !host.is_empty() => parse_host(&host)?,
            _ => Address::Unix("/var/run/docker.sock".into()),
        };
        Ok(Self { address, run: run.to_owned() })
    }

    /// Name and version, for people.
    pub(crate) fn describe(&self) -> Result<String> {
        let version = self.get("/version").context("no container engine answers")?;
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let name = match &version["Platform"]["Name"] {
            Value::String(name) if !name.is_empty() => name.clone(),
            _ => text(&version["Components"][0]["Name"]),
        };
        Ok(format!("{name} {}", text(&version["Version"])))
    }

    /// Fails, saying what to do, where the engine does not have an image.
    pub(crate) fn require_image(&self, image: &str) -> Result<()> {
        let found = self.get(&format!("/images/{image}/json"));
        found
            .with_context(|| format!("image {image} is missing: build it with `cargo xtask images`"))
            .map(drop)
    }

    /// Creates a container from a specification of the engine's API; gives its id.
    pub(crate) fn create(&self, mut specification: Value) -> Result<String> {
        specification["Labels"][LABEL] = json!(self.run);
        let body = specification.to_string();
        let request = self.request("POST", "/containers/create", body.as_bytes());
        let created = http::once(&self.address, &request, |response| {
            Ok(serde_json::from_slice::<Value>(response.success("create a container")?)?)
        })?;
        Ok(created["Id"].as_str().context("the engine created a container without an id")?.to_owned())
    }

    /// Starts a created container.
    pub(crate) fn start(&self, id: &str) -> Result<()> {
        let request = self.request("POST", &format!("/containers/{id}/start"), b"");
        http::once(&self.address, &request, |response| response.success("start a container").map(drop))
    }

    /// Where a running container is found.
    pub(crate) fn inspect(&self, id: &str) -> Result<Running> {
        running(&self.get(&format!("/containers/{id}/json"))?)
    }

    /// Ids of containers, stopped ones too, whose names begin with what `pattern` matches.
    pub(crate) fn named(&self, pattern: &str) -> Result<Vec<String>> {
        self.list(&json!({ "name": [format!("^/?{pattern}")] }))
    }

    /// The last lines that a container wrote.
    pub(crate) fn last_words(&self, id: &str) -> Result<String> {
        let request =
            self.request("GET", &format!("/containers/{id}/logs?stdout=true&stderr=true&tail=20"), b"");
        http::once(&self.address, &request, |response| {
            Ok(text_of_frames(response.success("read a container's log")?))
        })
    }

    /// When the engine created and started the container whose name begins with `prefix`, within a span of time that
    /// is over.
    pub(crate) fn times(&self, prefix: &str, since: SystemTime, until: SystemTime) -> Result<EngineTimes> {
        let filters = json!({"type": ["container"], "event": ["create", "start"]}).to_string();
        let span = format!("since={}&until={}", timestamp(since), timestamp(until));
        let request = self.request("GET", &format!("/events?{span}&filters={}", in_query(&filters)), b"");
        http::once(&self.address, &request, |response| {
            let events = String::from_utf8_lossy(response.success("read the engine's events")?);
            Ok(EngineTimes::of_container(&events, prefix))
        })
    }

    /// Removes a container with its volumes, running or not. One that is gone already is no error.
    pub(crate) fn remove(&self, id: &str) -> Result<()> {
        let request = self.request("DELETE", &format!("/containers/{id}?force=true&v=true"), b"");
        http::once(&self.address, &request, |response| match response.head.status {
            404 | 409 => Ok(()),
            _ => response.success("remove a container").map(drop),
        })
    }

    /// Removes whatever this run has left: its own containers, and those whose names begin with `prefix`.
    pub(crate) fn sweep(&self, prefix: &str) -> Result<()> {
        let own = self.list(&json!({ "label": [format!("{LABEL}={}", self.run)] }))?;
        own.into_iter().chain(self.named(prefix)?).try_for_each(|id| self.remove(&id))
    }

    fn list(&self, filters: &Value) -> Result<Vec<String>> {
        let path = format!("/containers/json?all=true&filters={}", in_query(&filters.to_string()));
        let listed = self.get(&path)?;
        let ids = listed.as_array().into_iter().flatten().filter_map(|container| container["Id"].as_str());
        Ok(ids.map(str::to_owned).collect())
    }

    fn get(&self, path: &str) -> Result<Value> {
        http::once(&self.address, &self.request("GET", path, b""), |response| {
            Ok(serde_json::from_slice(response.success(path)?)?)
        })
    }

    fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let host = match &self.address {
            Address::Tcp(host) => host,
            Address::Unix(_) => "engine",
        };
        http::request(method, path, host, &[("Content-Type", "application/json")], body)
    }
}

/// A container that is removed when this goes out of scope, however the run ends.
#[derive(Debug)]
pub(crate) struct Container {
    engine: Engine,
    id: String,
}

impl Container {
    /// Creates it; see [`Engine::create`].
    pub(crate) fn create(engine: &Engine, specification: Value) -> Result<Self> {
        Ok(Self { engine: engine.clone(), id: engine.create(specification)? })
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Where this fails, the sweep at the end of the run tries again and tells.
        let _swept_later = self.engine.remove(&self.id);
    }
}

/// How long an engine may take to do away with a container.
pub(crate) const REMOVAL: Duration = Duration::from_secs(20);

fn parse_host(host: &str) -> Result<Address> {
    match host.split_once("://") {
        Some(("unix", path)) => Ok(Address::Unix(PathBuf::from(path))),
        Some(("tcp" | "http", address)) => Ok(Address::Tcp(address.trim_end_matches('/').to_owned())),
        _ => bail!("DOCKER_HOST is {host:?}: only unix:///path and tcp://host:port can be measured"),
    }
}

fn running(inspected: &Value) -> Result<Running> {
    let pid = inspected["State"]["Pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0);
    ensure!(pid != 0, "container {} is not running", inspected["Name"]);
    let networks = &inspected["NetworkSettings"];
    let named = networks["Networks"].as_object().into_iter().flat_map(serde_json::Map::values);
    let ip = [networks].into_iter().chain(named).filter_map(|network| network["IPAddress"].as_str());
    let ip = ip.filter(|ip| !ip.is_empty()).map(str::to_owned).next();
    Ok(Running { pid, ip: ip.context("a container without an address")? })
}

/// The text of a log stream: frames with a head of eight bytes, the last four of which tell the length.
fn text_of_frames(mut frames: &[u8]) -> String {
    let mut text = Vec::new();
    while let Some(([_, _, _, _, length @ ..], rest)) = frames.split_first_chunk::<8>() {
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX).min(rest.len());
        let (frame, following) = rest.split_at(length);
        text.extend_from_slice(frame);
        frames = following;
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Seconds since the epoch with nanoseconds, as the engine wants them.
fn timestamp(time: SystemTime) -> String {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}.{:09}", since_epoch.as_secs(), since_epoch.subsec_nanos())
}

fn in_query(text: &str) -> String {
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_sockets_or_addresses() {
        assert_eq!(parse_host("unix:///run/e.sock").unwrap(), Address::Unix("/run/e.sock".into()));
        assert_eq!(parse_host("tcp://127.0.0.1:2375/").unwrap(), Address::Tcp("127.0.0.1:2375".to_owned()));
        assert!(parse_host("ssh://host").unwrap_err().to_string().contains("ssh://host"));
    }

    #[test]
    fn the_address_is_taken_from_whichever_network_has_one() {
        let state = json!({"Pid": 42});
        let bridge = json!({"State": state, "NetworkSettings": {"IPAddress": "172.17.0.2", "Networks": {}}});
        assert_eq!(running(&bridge).unwrap(), Running { pid: 42, ip: "172.17.0.2".to_owned() });
        let own = json!({"State": state, "NetworkSettings": {"IPAddress": "", "Networks": {
            "none": {"IPAddress": ""}, "own": {"IPAddress": "10.0.0.2"}}}});
        assert_eq!(running(&own).unwrap().ip, "10.0.0.2");
    }

    #[test]
    fn a_container_that_has_ended_is_no_running_one() {
        assert!(running(&json!({"Name": "/x", "State": {"Pid": 0}})).is_err());
    }

    #[test]
    fn frames_of_both_streams_are_one_text() {
        let frames = b"\x01\0\0\0\0\0\0\x03ab\n\x02\0\0\0\0\0\0\x02c\n\x01\0\0\0\0\0\0\x09cut";
        assert_eq!(text_of_frames(frames), "ab\nc\ncut");
        assert_eq!(text_of_frames(b"\x01\0\0"), "");
    }

    #[test]
    fn times_keep_their_nanoseconds() {
        assert_eq!(timestamp(UNIX_EPOCH + Duration::new(7, 5)), "7.000000005");
    }

    #[test]
    fn query_values_are_escaped() {
        assert_eq!(in_query(r#"{"a":["^/b_c"]}"#), "%7B%22a%22%3A%5B%22%5E%2Fb_c%22%5D%7D");
    }
}
