//! Scripts that run at the stages of this process, as LocalStack's do.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::process::Command;
use tracing::{debug, error, info};

/// When scripts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before anything else.
    Boot,
    /// Before requests are taken.
    Start,
    /// Requests are answered, nobody has been told so yet.
    Ready,
    /// Requests are still answered, but the process has been asked to end.
    Shutdown,
}

impl Stage {
    /// In their order.
    pub const ALL: [Self; 4] = [Self::Boot, Self::Start, Self::Ready, Self::Shutdown];

    /// Such as `BOOT`. (LocalStack)
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boot => "BOOT",
            Self::Start => "START",
            Self::Ready => "READY",
            Self::Shutdown => "SHUTDOWN",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Boot => "boot.d",
            Self::Start => "start.d",
            Self::Ready => "ready.d",
            Self::Shutdown => "shutdown.d",
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// What has become of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unknown,
    Running,
    Successful,
    Error,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Running => "RUNNING",
            Self::Successful => "SUCCESSFUL",
            Self::Error => "ERROR",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// The script itself.
    Itself,
    Python,
}

impl Runner {
    const ALL: [(Self, &str); 2] = [(Self::Itself, "sh"), (Self::Python, "py")];

    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        Self::ALL.into_iter().find(|(_, suffix)| *suffix == extension).map(|(runner, _)| runner)
    }

    fn command(self, path: &Path) -> Command {
        match self {
            Self::Itself => Command::new(path),
            Self::Python => {
                let mut command = Command::new("python3");
                command.arg(path);
                command
            }
        }
    }
}

#[derive(Debug)]
struct Script {
    stage: Stage,
    path: PathBuf,
    runner: Runner,
    state: State,
}

#[derive(Debug, Default)]
struct Progress {
    scripts: Vec<Script>,
    completed: [bool; 4],
}

/// All scripts and what has become of them.
#[derive(Debug)]
pub struct InitScripts {
    endpoint: String,
    progress: Mutex<Progress>,
}

impl InitScripts {
    /// Scripts that are in `folder` now, in `boot.d` and so on and in folders in there, each in the order of names.
    /// `endpoint`: what they call.
    pub fn find(folder: &Path, endpoint: String) -> Self {
        let mut scripts = Vec::new();
        for stage in Stage::ALL {
            let mut found = Vec::new();
            collect(&folder.join(stage.folder()), &mut found);
            scripts.extend(found.into_iter().filter_map(|path| {
                let runner = Runner::of(&path);
                if runner.is_none() {
                    debug!(path = %path.display(), "nothing runs files of this kind");
                }
                Some(Script { stage, path, runner: runner?, state: State::Unknown })
            }));
        }
        let progress = Progress { scripts, completed: [false; 4] };
        Self { endpoint, progress: Mutex::new(progress) }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Every change is a single step.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the scripts of a stage, one after the other. One that fails does not keep the next from running. When this
    /// is dropped, the one that runs is ended.
    pub async fn run(&self, stage: Stage) {
        let scripts: Vec<_> = {
            let progress = self.progress();
            let of_stage = progress.scripts.iter().enumerate().filter(|(_, script)| script.stage == stage);
            of_stage.map(|(index, script)| (index, script.path.clone(), script.runner)).collect()
        };
        for (index, path, runner) in scripts {
            info!(stage = stage.as_str(), script = %path.display(), "a script runs");
            self.set(index, State::Running);
            let state = match self.execute(&path, runner).await {
                Ok(()) => State::Successful,
                Err(reason) => {
                    error!(stage = stage.as_str(), script = %path.display(), reason, "a script has failed");
                    State::Error
                }
            };
            self.set(index, state);
        }
        self.progress().completed[stage.index()] = true;
    }

    async fn execute(&self, path: &Path, runner: Runner) -> Result<(), String> {
        let mut command = runner.command(path);
        // Where we pass calls on to is not where the script's own go.
        command.env("AWS_ENDPOINT_URL", &self.endpoint).kill_on_drop(true).stdin(std::process::Stdio::null());
        for (name, value) in DEFAULTS {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let status = command.status().await.map_err(|error| format!("it cannot be run: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("it ended with {status}")) }
    }

    fn set(&self, index: usize, state: State) {
        if let Some(script) = self.progress().scripts.get_mut(index) {
            script.state = state;
        }
    }

    /// All of it, for clients. (LocalStack: `/_localstack/init`)
    pub fn shown(&self) -> Value {
        let progress = self.progress();
        let completed = Stage::ALL
            .map(|stage| (stage.as_str().to_owned(), Value::from(progress.completed[stage.index()])));
        let scripts: Vec<Value> = progress.scripts.iter().map(Script::shown).collect();
        json!({ "completed": serde_json::Map::from_iter(completed), "scripts": scripts })
    }

    /// One stage; `None`: there is none of that name.
    pub fn shown_stage(&self, name: &str) -> Option<Value> {
        let stage = Stage::ALL.into_iter().find(|stage| stage.as_str().eq_ignore_ascii_case(name))?;
        let progress = self.progress();
        let of_stage = progress.scripts.iter().filter(|script| script.stage == stage);
        let scripts: Vec<Value> = of_stage.map(Script::shown).collect();
        Some(json!({ "completed": progress.completed[stage.index()], "scripts": scripts }))
    }

    /// Names of what runs scripts.
    pub fn runners() -> impl Iterator<Item = &'static str> {
        Runner::ALL.into_iter().map(|(_, name)| name)
    }
}

/// So that clients in scripts need no configuration.
const DEFAULTS: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_DEFAULT_REGION", "us-east-1")];

impl Script {
    fn shown(&self) -> Value {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        json!({ "stage": self.stage.as_str(), "name": name, "state": self.state.as_str() })
    }
}

/// Files of a folder, then those of folders in it. What cannot be read is not there.
fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    found.extend(files.into_iter().filter(|path| path.is_file()));
    for folder in folders.iter().filter(|folder| !folder.is_symlink()) {
        collect(folder, found);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn script(folder: &Path, path: &str, text: &str) {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn scripts_run_in_their_order_and_tell_how_they_ended() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        script(at, "ready.d/b.sh", &format!("echo $AWS_ENDPOINT_URL >> {}/out", at.display()));
        script(at, "ready.d/a.sh", &format!("echo a >> {}/out; exit 3", at.display()));
        script(at, "ready.d/sub/0.sh", &format!("echo sub >> {}/out", at.display()));
        script(at, "ready.d/readme.txt", "");
        script(at, "boot.d/never.sh", "");
        let scripts = InitScripts::find(at, "http://here".to_owned());
        scripts.run(Stage::Ready).await;
        assert_eq!(fs::read_to_string(at.join("out")).unwrap(), "a\nhttp://here\nsub\n");
        let of =
            |stage: &str, name: &str, state: &str| json!({ "stage": stage, "name": name, "state": state });
        let ready = [
            of("READY", "a.sh", "ERROR"),
            of("READY", "b.sh", "SUCCESSFUL"),
            of("READY", "0.sh", "SUCCESSFUL"),
        ];
        assert_eq!(scripts.shown_stage("ready"), Some(json!({ "completed": true, "scripts": ready })));
        assert_eq!(
            scripts.shown_stage("boot"),
            Some(json!({ "completed": false, "scripts": [of("BOOT", "never.sh", "UNKNOWN")] }))
        );
        assert_eq!(scripts.shown_stage("later"), None);
        assert_eq!(scripts.shown()["scripts"].as_array().unwrap().len(), 4);
    }
}
