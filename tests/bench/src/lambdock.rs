//! Lambdock itself, as a process of its own.

use std::{
    env,
    fs::{self, File},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

use crate::{
    engine::{Engine, REMOVAL},
    interruption::wait_until,
    lambda_api::{Function, LambdaApi},
};

/// Variables that a started Lambdock inherits; others of the caller's could change what is measured.
const INHERITED: [&str; 6] = ["PATH", "HOME", "TMPDIR", "DOCKER_HOST", "DOCKER_SOCK", "XDG_RUNTIME_DIR"];
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(30);

/// What every Lambdock of one run has in common.
#[derive(Debug)]
pub(crate) struct Launcher<'a> {
    /// The binary.
    pub(crate) binary: &'a Path,
    /// Pattern of runtime images, with `<runtime>` in it.
    pub(crate) images: String,
    /// First part of the names of function containers, unique to this run.
    pub(crate) containers: String,
    /// The engine, to see to its containers.
    pub(crate) engine: &'a Engine,
}

/// A running Lambdock. It is stopped, and its containers removed, when this goes out of scope.
#[derive(Debug)]
pub(crate) struct Lambdock<'a> {
    launcher: &'a Launcher<'a>,
    child: Child,
    state: TempDir,
    listen: String,
    api: LambdaApi,
    ready: Duration,
}

impl Launcher<'_> {
    /// Starts one with an empty state folder and further settings, and waits until it is healthy.
    pub(crate) fn start(&self, settings: &[(&str, &str)]) -> Result<Lambdock<'_>> {
        let state = tempfile::Builder::new().prefix("lambdock-bench-").tempdir()?;
        let listen = format!("127.0.0.1:{}", free_port()?);
        let begun = Instant::now();
        let child = self.spawn(state.path(), &listen, settings)?;
        let api = LambdaApi::at("Lambdock", &listen);
        let mut lambdock = Lambdock { launcher: self, child, state, listen, api, ready: Duration::ZERO };
        lambdock.wait_until_healthy(begun)?;
        Ok(lambdock)
    }

    fn spawn(&self, state: &Path, listen: &str, settings: &[(&str, &str)]) -> Result<Child> {
        let log = File::options().create(true).append(true).open(state.join("log"))?;
        let mut command = Command::new(self.binary);
        command
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?))))
            .env("GATEWAY_LISTEN", listen)
            .env("LAMBDOCK_STATE_DIR", state.join("state"))
            .env("LAMBDA_RUNTIME_IMAGE_MAPPING", &self.images)
            .env("MAIN_CONTAINER_NAME", &self.containers)
            .env("NO_COLOR", "1")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command.spawn().with_context(|| {
            format!("{} does not start: build it with `cargo xtask build`", self.binary.display())
        })
    }
}

impl Lambdock<'_> {
    /// Its Lambda endpoint.
    pub(crate) fn api(&self) -> &LambdaApi {
        &self.api
    }

    /// From exec until the health endpoint answered 200.
    pub(crate) fn ready(&self) -> Duration {
        self.ready
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The last lines of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(self.state.path().join("log")).unwrap_or_default();
        let mut lines: Vec<&str> = log.lines().rev().take(20).collect();
        lines.reverse();
        lines.join("\n")
    }

    /// Ids of the containers of one function, whose names have the function's in them.
    pub(crate) fn containers_of(&self, function: &Function) -> Result<Vec<String>> {
        self.launcher.engine.named(&format!("{}.*{}", self.launcher.containers, function.name()))
    }

    /// Waits until it has no containers but so many that stand by.
    pub(crate) fn wait_until_idle(&self, standing_by: usize) -> Result<()> {
        let Launcher { engine, containers, .. } = self.launcher;
        wait_until("idle containers are removed", REMOVAL, Duration::from_millis(5), || {
            let all = engine.named(containers)?.len();
            let ready = engine.named(&format!("{containers}-lambda-..standby"))?.len();
            Ok((all == standing_by && ready == standing_by).then_some(()))
        })
    }

    /// The folder where it keeps what survives.
    pub(crate) fn state(&self) -> PathBuf {
        self.state.path().join("state")
    }

    /// Stops it and starts it again, on the same address and with the same state folder.
    pub(crate) fn restart(&mut self, settings: &[(&str, &str)]) -> Result<()> {
        self.stop()?;
        let begun = Instant::now();
        self.child = self.launcher.spawn(self.state.path(), &self.listen, settings)?;
        self.wait_until_healthy(begun)
    }

    fn wait_until_healthy(&mut self, begun: Instant) -> Result<()> {
        wait_until("Lambdock is healthy", START, Duration::from_micros(200), || {
            if let Some(status) = self.child.try_wait()? {
                bail!("Lambdock ended with {status}:\n{}", self.last_words());
            }
            Ok(self.api.status_of("/_localstack/health").filter(|&status| status == 200))
        })?;
        self.ready = begun.elapsed();
        Ok(())
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_none() {
            kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        }
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            if begun.elapsed() > STOP {
                self.child.kill()?;
                self.child.wait()?;
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Lambdock<'_> {
    fn drop(&mut self) {
        // What is left after this, the sweep at the end of the run finds and tells.
        let _swept_later = self.stop();
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").context("no free port on 127.0.0.1")?.local_addr()?.port())
}
