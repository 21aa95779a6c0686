//! A container engine for tests, benchmarks and images. Where none answers, one is installed and started, if the
//! machine allows it.

use std::{
    env, fs,
    fs::File,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    host::{self, Tool},
    process::{Run, tail},
    progress::{say, step},
    workspace::Workspace,
};

/// How long an engine may take to answer after its start.
const START: Duration = Duration::from_secs(60);

/// The engine's command line.
pub(crate) fn docker() -> Command {
    Command::new("docker")
}

/// Makes sure that an engine answers.
///
/// Fails where none does and none can be started, saying what to do.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    if let Ok(version) = version() {
        say(&format!("✓ container engine {version} answers"));
        return Ok(());
    }
    if let Ok(address) = env::var("DOCKER_HOST") {
        bail!("no container engine answers at DOCKER_HOST={address}; start it, or unset the variable");
    }
    require_client()?;
    match version() {
        Ok(_) => Ok(()),
        Err(_) if host::is_root() => start(&workspace.target().join("engine/dockerd.log")),
        Err(error) => Err(error.context(
            "the container engine is installed but does not answer: \
             `sudo systemctl start docker` starts it, the group docker may use it",
        )),
    }
}

/// The engine's version, if it answers.
fn version() -> Result<String> {
    docker().args(["version", "--format", "{{.Server.Version}}"]).output_text()
}

fn require_client() -> Result<()> {
    let purpose = "to run functions (or start Docker, or set DOCKER_HOST)";
    host::require(
        &[
            Tool { program: "dockerd", packages: &["docker.io"] },
            Tool { program: "iptables", packages: &["iptables"] },
        ],
        purpose,
    )?;
    // Newer Debians have it in a package of its own.
    host::require(&[Tool { program: "docker", packages: &["docker-cli"] }], purpose)
}

fn start(log: &Path) -> Result<()> {
    step("start the container engine", || {
        if Path::new("/run/systemd/system").is_dir() {
            Command::new("systemctl").args(["start", "docker"]).output_text()?;
            return wait(|| Ok(true), log);
        }
        mount_cgroups()?;
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)?;
        }
        let output = File::create(log)?;
        // A group of its own, so that ctrl-c on this task does not end the engine that others now use.
        let mut daemon = Command::new("dockerd")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        wait(|| Ok(daemon.try_wait()?.is_none()), log)
    })
}

/// Waits until the engine answers, as long as it is alive.
fn wait(mut alive: impl FnMut() -> Result<bool>, log: &Path) -> Result<()> {
    let deadline = Instant::now() + START;
    while version().is_err() {
        if !alive()? || Instant::now() > deadline {
            let said = fs::read_to_string(log).unwrap_or_default();
            bail!("the container engine did not start\n{}\n({})", tail(&said), log.display());
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// Without an init system nobody has mounted them, and no engine runs without.
fn mount_cgroups() -> Result<()> {
    let mounted = ["cgroup.controllers", "devices", "memory"];
    if mounted.iter().any(|name| Path::new("/sys/fs/cgroup").join(name).exists()) {
        return Ok(());
    }
    let tool = Tool { program: "cgroupfs-mount", packages: &["cgroupfs-mount"] };
    host::require(&[tool], "to mount control groups")?;
    Command::new("cgroupfs-mount").output_text().map(drop)
}
