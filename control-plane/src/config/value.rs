//! Pure: how the text of a variable becomes a value.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use lambdock_domain::Runtime;
use lambdock_domain::runtime::{ImageMapping, RUNTIME_PLACEHOLDER};

use super::{Environment, VARIABLES};
use crate::gateway::upstream::Endpoints;

/// LocalStack's port.
pub(super) const DEFAULT_PORT: u16 = 4566;

/// A variable whose value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Name, with the prefix if it was set with it.
    pub variable: String,
    /// Its text.
    pub value: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={:?} cannot be used: expected {}", self.variable, self.value, self.expected)
    }
}

/// Looks variables up and collects what is wrong with them.
///
/// Each variable may carry LocalStack's prefix, which then wins, as its container's entrypoint has it. An empty
/// value counts as unset.
pub struct Source<'a> {
    environment: &'a Environment,
    faults: Vec<Fault>,
    pub(super) asked: BTreeSet<&'static str>,
}

pub(super) const PREFIX: &str = "LOCALSTACK_";

impl<'a> Source<'a> {
    /// A source over `environment`.
    pub fn new(environment: &'a Environment) -> Self {
        Self { environment, faults: Vec::new(), asked: BTreeSet::new() }
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// A variable of the system, not one of ours.
    pub(super) fn outside(&self, name: &str) -> Option<String> {
        self.environment.get(name).map(str::to_owned)
    }

    fn lookup(&mut self, name: &'static str) -> Option<(String, String)> {
        debug_assert!(VARIABLES.iter().any(|variable| variable.name == name), "{name} is not in the table");
        self.asked.insert(name);
        let prefixed = (!name.starts_with(PREFIX)).then(|| format!("{PREFIX}{name}"));
        prefixed
            .and_then(|prefixed| Some((self.outside(&prefixed)?, prefixed)))
            .or_else(|| Some((self.outside(name)?, name.to_owned())))
            .map(|(value, name)| (name, value))
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        Some(self.lookup(name)?.1)
    }

    /// Endpoints of other services: the variable `name` and those that begin with it.
    pub(super) fn endpoints(&mut self, name: &'static str, ours: &[SocketAddr]) -> Endpoints {
        self.asked.insert(name);
        Endpoints::read(self.environment.beginning(name), ours).unwrap_or_else(|fault| {
            let expected = "a URL such as http://127.0.0.1:5000".to_owned();
            self.faults.push(Fault { variable: fault.variable, value: fault.value, expected });
            Endpoints::default()
        })
    }

    /// Values separated by commas.
    pub(super) fn list(&mut self, name: &'static str) -> Vec<String> {
        self.text(name).map(|text| list(&text)).unwrap_or_default()
    }

    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (variable, value) = self.lookup(name)?;
        match parse(value.trim()) {
            Ok(parsed) => Some(parsed),
            Err(expected) => {
                self.faults.push(Fault { variable, value, expected });
                None
            }
        }
    }

    pub(super) fn number<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        self.parsed(name, |text| text.parse().map_err(|_| "a whole number".to_owned()))
    }

    pub(super) fn seconds(&mut self, name: &'static str) -> Option<Duration> {
        self.parsed(name, seconds)
    }

    pub(super) fn milliseconds(&mut self, name: &'static str) -> Option<Duration> {
        self.parsed(name, milliseconds)
    }

    /// False unless set to `1` or `true`.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        self.parsed(name, truth).unwrap_or(false)
    }

    /// The same for a variable that other programs know too, and give other values: those leave it false.
    pub(super) fn common_flag(&mut self, name: &'static str) -> bool {
        self.text(name).is_some_and(|value| truth(value.trim()) == Ok(true))
    }

    /// True unless set to `0` or `false`.
    pub(super) fn unless_denied(&mut self, name: &'static str) -> bool {
        self.parsed(name, truth).unwrap_or(true)
    }
}

/// What LocalStack takes for true and false, and nothing else: a misspelt value is no decision.
fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("1 or 0".to_owned()),
    }
}

pub(super) fn default_address(host: &str) -> SocketAddr {
    let host = host.parse().expect("the default hosts are addresses");
    SocketAddr::new(host, DEFAULT_PORT)
}

/// `host:port`, where the host is an address or `localhost`.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.replace("localhost", "127.0.0.1")
        .parse()
        .map_err(|_| "an address and a port, such as 0.0.0.0:4566".to_owned())
}

/// A comma list of `host:port`, `host` or `:port`; an address of all interfaces makes others on its port redundant.
pub(super) fn addresses(text: &str, default_host: &str) -> Result<Vec<SocketAddr>, String> {
    let expected = || "addresses such as 127.0.0.1:4566, separated by commas".to_owned();
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for part in list(text) {
        let part = part.replace("localhost", "127.0.0.1");
        let address = if let Some(port) = part.strip_prefix(':') {
            let host: IpAddr = default_host.parse().map_err(|_| expected())?;
            SocketAddr::new(host, port.parse().map_err(|_| expected())?)
        } else if let Ok(host) = part.parse::<IpAddr>() {
            SocketAddr::new(host, DEFAULT_PORT)
        } else {
            part.parse().map_err(|_| expected())?
        };
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    let everywhere: Vec<SocketAddr> = addresses.iter().copied().filter(|a| a.ip().is_unspecified()).collect();
    addresses.retain(|address| {
        everywhere.contains(address) || everywhere.iter().all(|other| other.port() != address.port())
    });
    if addresses.is_empty() { Err(expected()) } else { Ok(addresses) }
}

pub(super) fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

pub(super) fn image_mapping(text: &str) -> Result<ImageMapping, String> {
    if text.contains(RUNTIME_PLACEHOLDER) && !text.starts_with('{') {
        return Ok(ImageMapping::Pattern(text.to_owned()));
    }
    let images: std::collections::BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| {
        format!("an image with {RUNTIME_PLACEHOLDER} in its name, or a JSON object from runtimes to images")
    })?;
    if let Some(unknown) = images.keys().find(|name| Runtime::find(name).is_none()) {
        return Err(format!("names of Lambda runtimes as keys; {unknown:?} is none"));
    }
    Ok(ImageMapping::PerRuntime(images.into_iter().collect()))
}

/// The longest time that can be set: a year. Points in time that are much further away do not exist for the system.
const LONGEST: Duration = Duration::from_secs(31_536_000);

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let expected = || format!("a number of seconds, {} at most", LONGEST.as_secs());
    seconds.filter(|seconds| *seconds <= LONGEST).ok_or_else(expected)
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let milliseconds = text.parse().ok().map(Duration::from_millis);
    let expected = || format!("a whole number of milliseconds, {} at most", LONGEST.as_millis());
    milliseconds.filter(|milliseconds| *milliseconds <= LONGEST).ok_or_else(expected)
}

/// A time in which something can happen.
pub(super) fn some_seconds(text: &str) -> Result<Duration, String> {
    let seconds = seconds(text)?;
    if seconds.is_zero() { Err("a number of seconds, more than 0".to_owned()) } else { Ok(seconds) }
}

/// The same in whole seconds.
pub(super) fn whole_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().map(Duration::from_secs);
    let expected = || format!("a whole number of seconds from 1 to {}", LONGEST.as_secs());
    seconds.filter(|seconds| !seconds.is_zero() && *seconds <= LONGEST).ok_or_else(expected)
}

/// [LocalStack: 300 s at most]
pub(super) fn retry_base(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=300.0).contains(seconds));
    seconds.map(Duration::from_secs_f64).ok_or_else(|| "a number of seconds, 300 at most".to_owned())
}

pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "a whole number, at least 1".to_owned())
}

pub(super) fn init_log_level(text: &str) -> Result<String, String> {
    const LEVELS: [&str; 7] = ["trace", "debug", "info", "warn", "error", "fatal", "panic"];
    if LEVELS.contains(&text) { Ok(text.to_owned()) } else { Err(format!("one of {}", LEVELS.join(", "))) }
}

/// The filter for a level. Libraries stay quiet unless everything was asked for.
pub(super) fn log_filter(level: &str) -> Result<String, String> {
    let level = match level.to_ascii_lowercase().as_str() {
        "trace-internal" => return Ok("trace".to_owned()),
        "warning" => "warn".to_owned(),
        level @ ("trace" | "debug" | "info" | "warn" | "error") => level.to_owned(),
        _ => return Err("one of trace, debug, info, warn, error".to_owned()),
    };
    Ok(format!("warn,lambdock={level}"))
}
