//! Pure: `LAMBDA_DOCKER_FLAGS`, the flags of `docker run` that are applied to every function container.

mod env_file;

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;

/// What the flags ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    /// `-e`, `--env`, `--env-file`, `--compose-env-file`.
    pub environment: BTreeMap<String, String>,
    /// `-v`, `--volume`: as the engine takes them, `source:target[:mode]`.
    pub volumes: Vec<String>,
    /// `-p`, `--publish`.
    pub ports: Vec<Publish>,
    /// `--add-host`: `name:address`.
    pub hosts: Vec<String>,
    /// `--network`.
    pub network: Option<String>,
    /// `-l`, `--label`.
    pub labels: BTreeMap<String, String>,
    /// `--ulimit`.
    pub limits: Vec<Limit>,
    /// `-u`, `--user`: whom functions run as.
    pub user: Option<String>,
    /// `--platform`.
    pub platform: Option<String>,
    /// `--privileged`.
    pub privileged: bool,
    /// `--dns`.
    pub dns: Vec<String>,
}

impl Flags {
    /// Whether a volume is mounted in the folder or somewhere below it.
    pub(super) fn mount_below(&self, folder: &str) -> bool {
        let targets = self.volumes.iter().filter_map(|volume| volume.split(':').nth(1));
        targets.map(Path::new).any(|target| target.starts_with(folder))
    }
}

/// One port of the container on the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Address on the machine; empty: all.
    pub address: String,
    /// Port or range `a-b` on the machine, out of which the engine takes a free one; empty: any.
    pub host: String,
    /// `port/protocol` in the container.
    pub container: String,
}

/// A resource limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Such as `nofile`.
    pub name: String,
    /// Soft limit; -1: none.
    pub soft: i64,
    /// Hard limit; -1: none.
    pub hard: i64,
}

/// The flags cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("LAMBDA_DOCKER_FLAGS: {0}")]
pub struct Fault(String);

const SUPPORTED: &str = "-e/--env, --env-file, --compose-env-file, -v/--volume, -p/--publish, --add-host, --network, -l/--label, --ulimit, -u/--user, --platform, --privileged, --dns";

/// Where flags that name a file or a variable get its content.
pub struct Sources<'a> {
    /// The text of a file.
    pub file: &'a dyn Fn(&str) -> io::Result<String>,
    /// The value of a variable of this process.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Flags {
    /// Understands `text`, which is split into words as a shell does.
    ///
    /// # Errors
    /// A flag that is not supported, with the list of those that are; a value that is not of the flag's form; a
    /// file that cannot be read.
    pub fn parse(text: &str, sources: &Sources<'_>) -> Result<Self, Fault> {
        let mut flags = Self::default();
        // Those of files give way, wherever they stand. [Docker: docker run]
        let mut of_files = BTreeMap::new();
        let mut words = split(text)?.into_iter();
        while let Some(word) = words.next() {
            let (name, attached) = flag_and_value(&word);
            if name == "--privileged" {
                flags.privileged = match attached.as_deref() {
                    None | Some("true") => true,
                    Some("false") => false,
                    Some(other) => return Err(Fault(format!("--privileged is true or false, not {other}"))),
                };
                continue;
            }
            let value =
                || attached.or_else(|| words.next()).ok_or_else(|| Fault(format!("{name} needs a value")));
            if let Some(read) = reader(name) {
                let path = value()?;
                let told = |reason: String| Fault(format!("{name} {path}: {reason}"));
                let text = (sources.file)(&path).map_err(|error| told(error.to_string()))?;
                of_files.extend(read(&text, sources.variable).map_err(told)?);
                continue;
            }
            let setter = setter(name)
                .ok_or_else(|| Fault(format!("{word} is not supported; supported are {SUPPORTED}")))?;
            let value = value()?;
            setter(&mut flags, &value, sources)
                .map_err(|reason| Fault(format!("{name} {value}: {reason}")))?;
        }
        for (name, value) in of_files {
            flags.environment.entry(name).or_insert(value);
        }
        Ok(flags)
    }
}

type Reader = fn(&str, &dyn Fn(&str) -> Option<String>) -> Result<Vec<(String, String)>, String>;

fn reader(name: &str) -> Option<Reader> {
    match name {
        "--env-file" => Some(env_file::docker),
        "--compose-env-file" => Some(env_file::compose),
        _ => None,
    }
}

type Setter = fn(&mut Flags, &str, &Sources<'_>) -> Result<(), String>;

fn setter(name: &str) -> Option<Setter> {
    Some(match name {
        "-e" | "--env" => |flags, value, sources| {
            flags.environment.extend(variable(value, sources));
            Ok(())
        },
        "-v" | "--volume" => |flags, value, _| {
            flags.volumes.push(volume(value)?);
            Ok(())
        },
        "-p" | "--publish" => |flags, value, _| {
            flags.ports.extend(publish(value)?);
            Ok(())
        },
        "--add-host" => |flags, value, _| {
            flags.hosts.push(host(value).ok_or("a host is added as name:address")?);
            Ok(())
        },
        "--network" | "--net" => |flags, value, _| {
            if value == "none" {
                return Err("without a network, functions cannot be reached".to_owned());
            }
            flags.network = Some(value.to_owned());
            Ok(())
        },
        "-l" | "--label" => |flags, value, _| {
            let (name, value) = value.split_once('=').unwrap_or((value, ""));
            flags.labels.insert(name.to_owned(), value.to_owned());
            Ok(())
        },
        "--ulimit" => |flags, value, _| {
            flags.limits.push(limit(value).ok_or("a limit is given as name=soft[:hard]")?);
            Ok(())
        },
        "-u" | "--user" => |flags, value, _| {
            flags.user = Some(value.to_owned());
            Ok(())
        },
        "--platform" => |flags, value, _| {
            let known = matches!(
                value,
                "linux/amd64" | "linux/x86_64" | "linux/arm64" | "linux/aarch64" | "linux/arm64/v8"
            );
            if !known {
                return Err("the platform is linux/amd64 or linux/arm64".to_owned());
            }
            flags.platform = Some(value.to_owned());
            Ok(())
        },
        "--dns" => |flags, value, _| {
            let address: IpAddr = value.parse().map_err(|_| "a name server is given by its address")?;
            flags.dns.push(address.to_string());
            Ok(())
        },
        _ => return None,
    })
}

/// `--flag=value`, `-fvalue`, or the flag alone.
fn flag_and_value(word: &str) -> (&str, Option<String>) {
    if word.starts_with("--") {
        return match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word, None),
        };
    }
    match word.split_at_checked(2) {
        Some((name, value)) if name.starts_with('-') && !value.is_empty() => {
            (name, Some(value.strip_prefix('=').unwrap_or(value).to_owned()))
        }
        _ => (word, None),
    }
}

/// `NAME=value`, or `NAME` for the value that it has in this process; without one it is not set.
fn variable(text: &str, sources: &Sources<'_>) -> Option<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => (sources.variable)(text.trim()).map(|value| (text.trim().to_owned(), value)),
    }
}

/// `name:address` or `name=address`, where the address may be in brackets or stand for the machine's.
fn host(value: &str) -> Option<String> {
    let (name, address) = value.split_once([':', '=']).filter(|(name, _)| !name.is_empty())?;
    let address = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
    (address == "host-gateway" || address.parse::<IpAddr>().is_ok()).then(|| format!("{name}:{address}"))
}

const VOLUME_FORM: &str = "a volume is given as host-path:/path[:mode]";

/// [Docker: bind mounts, volumes; the engine says which of them go together]
const MODES: &[&str] = &[
    "ro",
    "rw",
    "z",
    "Z",
    "nocopy",
    "consistent",
    "cached",
    "delegated",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "private",
    "rprivate",
];

fn volume(value: &str) -> Result<String, String> {
    // The colon of `C:\\` separates nothing.
    let drive = matches!(value.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic());
    let (drive, rest) = value.split_at(if drive { 2 } else { 0 });
    let parts: Vec<&str> = rest.split(':').collect();
    let (source, target, modes) = match parts.as_slice() {
        [source, target] => (source, target, None),
        [source, target, modes] => (source, target, Some(modes)),
        _ => return Err(VOLUME_FORM.to_owned()),
    };
    if (source.is_empty() && drive.is_empty()) || !target.starts_with('/') {
        return Err(VOLUME_FORM.to_owned());
    }
    let unknown = modes.and_then(|modes| modes.split(',').find(|mode| !MODES.contains(mode)));
    match unknown {
        None => Ok(value.to_owned()),
        Some(unknown) => Err(format!("{unknown:?} is no mode of a volume; there are {}", MODES.join(", "))),
    }
}

const PORT_FORM: &str = "a port is published as [[address:]port[-port]:]port[-port][/protocol]";

fn publish(value: &str) -> Result<Vec<Publish>, String> {
    let (ports, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
    if !matches!(protocol, "tcp" | "udp" | "sctp") {
        return Err(format!("the protocol is tcp, udp or sctp, not {protocol}"));
    }
    let (front, container) = ports.rsplit_once(':').unwrap_or(("", ports));
    // The address may be an IPv6 one, in brackets.
    let (address, host) = front.rsplit_once(':').unwrap_or(("", front));
    let address = address.trim_start_matches('[').trim_end_matches(']').to_owned();
    let container = range(container).ok_or(PORT_FORM)?;
    if host.is_empty() {
        let any = |port: u16| Publish {
            address: address.clone(),
            host: String::new(),
            container: format!("{port}/{protocol}"),
        };
        return Ok(container.map(any).collect());
    }
    let on_host = range(host).ok_or(PORT_FORM)?;
    let publish = |on_host: String, port: u16| Publish {
        address: address.clone(),
        host: on_host,
        container: format!("{port}/{protocol}"),
    };
    if container.len() == on_host.len() {
        return Ok(on_host.zip(container).map(|(host, port)| publish(host.to_string(), port)).collect());
    }
    if container.len() == 1 {
        // A range for one port: containers that run side by side each get a free one.
        return Ok(container.map(|port| publish(host.to_owned(), port)).collect());
    }
    Err("the two ranges of ports are of different length".to_owned())
}

fn range(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (0 < first && first <= last).then_some(first..=last)
}

fn limit(value: &str) -> Option<Limit> {
    let (name, limits) = value.split_once('=')?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    Some(Limit { name: name.to_owned(), soft: soft.parse().ok()?, hard: hard.parse().ok()? })
}

/// Words as a shell sees them: quotes group, a backslash takes the next character as it is.
fn split(text: &str) -> Result<Vec<String>, Fault> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (Some('\''), c) => word.get_or_insert_default().push(c),
            (Some(_), '\\') => match characters.next() {
                Some(next @ ('"' | '\\' | '$' | '`')) => word.get_or_insert_default().push(next),
                Some(next) => word.get_or_insert_default().extend(['\\', next]),
                None => return Err(Fault("a quote is not closed".to_owned())),
            },
            (None, '\\') => {
                let next = characters.next().ok_or_else(|| Fault("it ends with a backslash".to_owned()))?;
                word.get_or_insert_default().push(next);
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Fault("a quote is not closed".to_owned()));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests;
