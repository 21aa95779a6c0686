//! Looks at everything that Lambdock needs, and says how to mend what is not as it should be.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::executor::{EngineDescription, Error, Executor, ImagePlace, ImageRequest};

/// What is looked at.
pub struct Settings {
    /// Runs functions.
    pub executor: Arc<dyn Executor>,
    /// An image that functions run in.
    pub image: ImageRequest,
    /// Where the public API listens.
    pub listen: Vec<SocketAddr>,
    /// Folder for state.
    pub state_dir: PathBuf,
    /// Names a control plane with these settings, as `/_localstack/info` tells it.
    pub instance: String,
}

/// How something was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be.
    Fine,
    /// Works, but something may surprise.
    Doubtful,
    /// Does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is: `engine`, `images`, `port`, `disk`, `clock`.
    pub subject: &'static str,
    /// How it was found.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do about it; empty when it is fine.
    pub remedy: String,
}

impl Finding {
    /// Whether functions can run with it.
    pub fn is_fine(&self) -> bool {
        self.verdict != Verdict::Broken
    }

    fn fine(subject: &'static str, seen: String) -> Self {
        Self { subject, verdict: Verdict::Fine, seen, remedy: String::new() }
    }

    fn doubtful(subject: &'static str, seen: String, remedy: &str) -> Self {
        Self { subject, verdict: Verdict::Doubtful, seen, remedy: remedy.to_owned() }
    }

    fn broken(subject: &'static str, seen: String, remedy: &str) -> Self {
        Self { subject, verdict: Verdict::Broken, seen, remedy: remedy.to_owned() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Fine => "ok  ",
            Verdict::Doubtful => "?   ",
            Verdict::Broken => "FAIL",
        };
        write!(f, "{mark} {:<7} {}", self.subject, self.seen)?;
        if !self.remedy.is_empty() {
            write!(f, "\n             → {}", self.remedy)?;
        }
        Ok(())
    }
}

/// Looks at everything.
pub async fn run(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    match settings.executor.describe().await {
        Ok(engine) => {
            findings.push(Finding::fine("engine", in_words(&engine)));
            findings.push(images(settings).await);
            findings.extend(engine.clock_ahead_ms.map(clock));
        }
        Err(error) => {
            findings.push(no_engine(&error));
            findings.extend(
                ["images", "clock"]
                    .map(|subject| Finding::doubtful(subject, "not known without an engine".to_owned(), "")),
            );
        }
    }
    for address in &settings.listen {
        findings.push(port(*address, &settings.instance).await);
    }
    findings.push(disk(&settings.state_dir));
    findings
}

fn in_words(engine: &EngineDescription) -> String {
    format!(
        "{} {} at {}, {}, API {}",
        engine.name, engine.version, engine.address, engine.platform, engine.api_version
    )
}

fn no_engine(error: &Error) -> Finding {
    // The error's text says what was tried and, after a semicolon, what to do.
    let text = error.to_string();
    let (seen, remedy) = text.split_once("; ").unwrap_or((&text, "start the container engine"));
    Finding::broken("engine", seen.to_owned(), remedy)
}

/// Whether functions have an image to run in.
pub async fn images(settings: &Settings) -> Finding {
    let reference = &settings.image.reference;
    match settings.executor.look_up(&settings.image).await {
        Ok(ImagePlace::Engine) => Finding::fine("images", format!("{reference} is there")),
        Ok(ImagePlace::Registry) => {
            Finding::fine("images", format!("{reference} can be pulled when a function needs it"))
        }
        Err(error) => {
            let text = error.to_string();
            let remedy =
                "log the engine in to the registry, or name other images with LAMBDA_RUNTIME_IMAGE_MAPPING";
            let (seen, remedy) = text.split_once("; ").unwrap_or((&text, remedy));
            Finding::broken("images", seen.to_owned(), remedy)
        }
    }
}

/// Above this, time stamps in logs are misleading, in milliseconds.
const CLOCK_TOLERANCE_MS: i64 = 2_000;

fn clock(ahead_ms: i64) -> Finding {
    if ahead_ms.abs() <= CLOCK_TOLERANCE_MS {
        return Finding::fine("clock", format!("the engine's differs from ours by {} ms", ahead_ms.abs()));
    }
    let direction = if ahead_ms > 0 { "ahead of" } else { "behind" };
    Finding::doubtful(
        "clock",
        format!("the engine's is {} ms {direction} ours", ahead_ms.abs()),
        "synchronise them (NTP); with Docker Desktop restart it: its clock stands still while the computer sleeps",
    )
}

async fn port(address: SocketAddr, instance: &str) -> Finding {
    match TcpListener::bind(address).await {
        Ok(_listener) => Finding::fine("port", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && serves(address, instance).await => {
            Finding::fine("port", format!("{address} is served by Lambdock"))
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Finding::broken(
            "port",
            format!("{address} is in use"),
            "end what uses it, or set GATEWAY_LISTEN to another address",
        ),
        Err(error) => Finding::broken(
            "port",
            format!("{address} cannot be listened on: {error}"),
            "set GATEWAY_LISTEN to an address of this machine and a port above 1023",
        ),
    }
}

/// Time that whoever listens has to say who it is.
const INTRODUCED_WITHIN: Duration = Duration::from_secs(2);

/// Whether the control plane that listens on `address` is `instance`.
async fn serves(address: SocketAddr, instance: &str) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET /_localstack/info HTTP/1.0\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(MOST_READ).read_to_end(&mut answer).await?;
        io::Result::Ok(answer)
    };
    let answer = timeout(INTRODUCED_WITHIN, asking).await.ok().and_then(Result::ok).unwrap_or_default();
    String::from_utf8_lossy(&answer).contains(&format!("\"machine_id\":\"{instance}\""))
}

/// Of an introduction, in bytes.
const MOST_READ: u64 = 64 * 1024;

/// Room for a few code archives, in bytes.
const LITTLE_SPACE: u64 = 1 << 30;

fn disk(folder: &Path) -> Finding {
    let existing = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let shown = folder.display();
    let writable = tempfile::tempfile_in(existing);
    if let Err(error) = writable {
        return Finding::broken(
            "disk",
            format!("{shown} cannot be written: {error}"),
            "set LAMBDOCK_STATE_DIR to a folder that this user may write",
        );
    }
    match statvfs(existing) {
        Ok(found) => {
            let free = found.blocks_available().saturating_mul(found.fragment_size());
            let seen = format!("{} MB free for {shown}", free / 1_000_000);
            if free < LITTLE_SPACE {
                Finding::doubtful("disk", seen, "make room, or set LAMBDOCK_STATE_DIR to another disk")
            } else {
                Finding::fine("disk", seen)
            }
        }
        Err(error) => Finding::doubtful(
            "disk",
            format!("the free space of {shown} is unknown: {error}"),
            "set LAMBDOCK_STATE_DIR to another folder",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_seen() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _peer) = taken.accept().await.unwrap();
                let _request = stream.read(&mut [0; 1024]).await.unwrap();
                let body = r#"{"version":"1","machine_id":"ours"}"#;
                stream.write_all(format!("HTTP/1.0 200 OK\r\n\r\n{body}").as_bytes()).await.unwrap();
            }
        });
        assert_eq!(port(address, "ours").await.verdict, Verdict::Fine);
        assert_eq!(port(address, "another").await.verdict, Verdict::Broken);
        serving.abort();
        assert!(serving.await.unwrap_err().is_cancelled());
        assert_eq!(port(address, "another").await.verdict, Verdict::Fine);
    }

    #[test]
    fn a_folder_that_does_not_exist_yet_is_judged_by_the_one_it_will_be_in() {
        let folder = tempfile::tempdir().unwrap();
        assert_ne!(disk(&folder.path().join("a/b")).verdict, Verdict::Broken);
        assert_eq!(disk(Path::new("/proc/a")).verdict, Verdict::Broken);
        fs::write(folder.path().join("file"), "in the way").unwrap();
        assert_eq!(disk(&folder.path().join("file/state")).verdict, Verdict::Broken);
    }

    #[test]
    fn a_clock_may_differ_a_little() {
        assert_eq!(clock(-300).verdict, Verdict::Fine);
        let finding = clock(-60_000);
        assert_eq!(finding.verdict, Verdict::Doubtful);
        assert!(finding.to_string().contains("60000 ms behind ours"), "{finding}");
    }

    #[test]
    fn without_an_engine_the_remedy_is_told_apart() {
        let error = Error::Unavailable("nobody there; start one".into());
        let finding = no_engine(&error);
        assert_eq!(finding.remedy, "start one");
        assert!(finding.seen.starts_with("Docker not available"));
    }
}
