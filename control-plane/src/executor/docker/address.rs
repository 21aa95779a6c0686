//! Pure: where an engine may be.

use std::fmt;
use std::path::{Path, PathBuf};

/// Where an engine answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A socket in the file system.
    Socket(PathBuf),
    /// Host and port, without TLS.
    Tcp(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(authority) => write!(f, "tcp://{authority}"),
        }
    }
}

/// Port of an engine without TLS, if none is given. [Docker: daemon socket option]
const DEFAULT_PORT: u16 = 2375;

impl Address {
    /// `unix://`, `tcp://`, `http://`, or a bare host with or without a port, as in `DOCKER_HOST`.
    ///
    /// # Errors
    /// A scheme that is not spoken here; says which ones are.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            Some(("unix", path)) => Ok(Self::Socket(path.into())),
            Some(("tcp" | "http", authority)) => Ok(Self::tcp(authority)),
            Some((scheme, _)) => Err(format!(
                "DOCKER_HOST={text} has the scheme {scheme}, which is not supported; give unix:///path or tcp://host:port"
            )),
            None if text.starts_with('/') => Ok(Self::Socket(text.into())),
            None => Ok(Self::tcp(text)),
        }
    }

    fn tcp(authority: &str) -> Self {
        let authority = authority.trim_end_matches('/');
        let has_port = authority.rsplit_once(':').is_some_and(|(host, port)| {
            !port.is_empty()
                && port.bytes().all(|b| b.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']'))
        });
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:{DEFAULT_PORT}") };
        Self::Tcp(authority)
    }
}

/// What tells where engines of this user may be.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_SOCK`.
    pub docker_socket: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime_dir: Option<PathBuf>,
}

/// Where to look, the likeliest first. What the user named is the only place then.
///
/// # Errors
/// `DOCKER_HOST` cannot be used.
pub(super) fn candidates(hints: &Hints) -> Result<Vec<Address>, String> {
    if let Some(host) = &hints.docker_host {
        return Ok(vec![Address::parse(host)?]);
    }
    if let Some(socket) = &hints.docker_socket {
        let text = socket.to_string_lossy();
        return Ok(vec![Address::parse(&text)?]);
    }
    let mut paths = vec![PathBuf::from("/var/run/docker.sock")];
    let below = |folder: &Option<PathBuf>, names: &[&str]| -> Vec<PathBuf> {
        folder.iter().flat_map(|folder| names.iter().map(move |name| folder.join(Path::new(name)))).collect()
    };
    // Docker Desktop, Colima, OrbStack, Rancher Desktop.
    paths.extend(below(
        &hints.home,
        &[
            ".docker/run/docker.sock",
            ".docker/desktop/docker.sock",
            ".colima/default/docker.sock",
            ".orbstack/run/docker.sock",
            ".rd/docker.sock",
        ],
    ));
    // Rootless Docker, rootless Podman, Podman.
    paths.extend(below(&hints.runtime_dir, &["docker.sock", "podman/podman.sock"]));
    paths.push(PathBuf::from("/run/podman/podman.sock"));
    Ok(paths.into_iter().map(Address::Socket).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_docker_host_is_understood() {
        let check =
            |text: &str, expected: &str| assert_eq!(Address::parse(text).unwrap().to_string(), expected);
        check("unix:///run/docker.sock", "unix:///run/docker.sock");
        check("/run/docker.sock", "unix:///run/docker.sock");
        check("tcp://engine:2376", "tcp://engine:2376");
        check("http://10.0.0.1:80/", "tcp://10.0.0.1:80");
        check("engine", "tcp://engine:2375");
        check("engine:99", "tcp://engine:99");
        check("[::1]", "tcp://[::1]:2375");
        check("[::1]:99", "tcp://[::1]:99");
    }

    #[test]
    fn a_scheme_that_is_not_spoken_is_named() {
        let error = Address::parse("ssh://me@engine").unwrap_err();
        assert!(error.contains("ssh") && error.contains("tcp://host:port"), "{error}");
    }

    #[test]
    fn what_the_user_names_is_the_only_place_looked_at() {
        let hints = Hints { home: Some("/home/me".into()), ..Hints::default() };
        assert!(candidates(&hints).unwrap().len() > 3);
        let hints = Hints { docker_socket: Some("/x.sock".into()), ..hints };
        assert_eq!(candidates(&hints).unwrap(), [Address::Socket("/x.sock".into())]);
        let hints = Hints { docker_host: Some("h:1".into()), ..hints };
        assert_eq!(candidates(&hints).unwrap(), [Address::Tcp("h:1".into())]);
    }
}
