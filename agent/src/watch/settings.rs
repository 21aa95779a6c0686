//! Pure: what to watch, and how.

use std::path::PathBuf;
use std::time::Duration;

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// By events, unless there are signs that none come.
    #[default]
    Auto,
    /// By events; by polling only if the system refuses to send any.
    Event,
    /// By looking again and again.
    Polling,
}

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Folders; all below them are watched too. Those that do not exist are waited for.
    pub folders: Vec<PathBuf>,
    /// How.
    pub strategy: Strategy,
    /// How long nothing must change until a burst of changes is over.
    pub debounce: Duration,
    /// Folders that are watched by events, and that are remembered while polling. Beyond them events give way to
    /// polling, and polling cannot tell any more where a change was.
    pub most_folders: usize,
}

/// A variable has a value that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// `LOCALSTACK_FILE_WATCHER_STRATEGY`.
    #[error("LOCALSTACK_FILE_WATCHER_STRATEGY={0:?}: expected event or polling")]
    Strategy(String),
    /// `LAMBDOCK_HOT_RELOADING_DEBOUNCE_MS`.
    #[error("LAMBDOCK_HOT_RELOADING_DEBOUNCE_MS={0:?}: expected milliseconds")]
    Debounce(String),
}

/// [LocalStack: init]
const DEBOUNCE: Duration = Duration::from_millis(500);

/// Takes about 100 bytes each by events and 16 by polling, and 1 KiB of the kernel's memory by events.
const MOST_FOLDERS: usize = 1 << 16;

impl Settings {
    /// Settings with defaults for all but the folders.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, strategy: Strategy::Auto, debounce: DEBOUNCE, most_folders: MOST_FOLDERS }
    }

    /// Reads the variables. `folders`: those that the control plane named; when it named none,
    /// `LOCALSTACK_HOT_RELOADING_PATHS` counts.
    ///
    /// # Errors
    /// A variable is wrong, and there is something to watch.
    pub fn read(folders: &[String], variable: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let folders: Vec<PathBuf> = if folders.is_empty() {
            let list = variable("LOCALSTACK_HOT_RELOADING_PATHS").unwrap_or_default();
            list.split(',').map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect()
        } else {
            folders.iter().map(PathBuf::from).collect()
        };
        let mut settings = Self::new(folders);
        if settings.folders.is_empty() {
            return Ok(settings);
        }
        if let Some(text) = variable("LOCALSTACK_FILE_WATCHER_STRATEGY") {
            settings.strategy = match text.as_str() {
                "event" => Strategy::Event,
                "polling" => Strategy::Polling,
                _ => return Err(Fault::Strategy(text)),
            };
        }
        if let Some(text) = variable("LAMBDOCK_HOT_RELOADING_DEBOUNCE_MS") {
            let ms: u32 = text.trim().parse().map_err(|_| Fault::Debounce(text))?;
            settings.debounce = Duration::from_millis(ms.into());
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folders: &[&str], variables: &[(&str, &str)]) -> Result<Settings, Fault> {
        let folders: Vec<String> = folders.iter().map(|path| (*path).to_owned()).collect();
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        Settings::read(&folders, |name| find(name).map(str::to_owned))
    }

    #[test]
    fn folders_of_the_control_plane_go_before_those_of_the_variable() {
        let variables = [("LOCALSTACK_HOT_RELOADING_PATHS", "/var/task, /opt,")];
        let paths = |folders| read(folders, &variables).unwrap().folders;
        assert_eq!(paths(&["/code"]), [PathBuf::from("/code")]);
        assert_eq!(paths(&[]), [PathBuf::from("/var/task"), PathBuf::from("/opt")]);
    }

    #[test]
    fn an_unknown_strategy_is_a_fault_only_when_something_is_watched() {
        let strategy = |folders, word| read(folders, &[("LOCALSTACK_FILE_WATCHER_STRATEGY", word)]);
        assert_eq!(strategy(&["/x"], "polling").unwrap().strategy, Strategy::Polling);
        assert_eq!(strategy(&["/x"], "event").unwrap().strategy, Strategy::Event);
        assert_eq!(strategy(&["/x"], "").unwrap().strategy, Strategy::Auto);
        assert_eq!(strategy(&["/x"], "Polling"), Err(Fault::Strategy("Polling".into())));
        assert!(strategy(&[], "magic").is_ok());
    }

    #[test]
    fn the_debounce_can_be_set() {
        let debounce = |text| read(&["/x"], &[("LAMBDOCK_HOT_RELOADING_DEBOUNCE_MS", text)]);
        assert_eq!(read(&["/x"], &[]).unwrap().debounce, Duration::from_millis(500));
        assert_eq!(debounce("0").unwrap().debounce, Duration::ZERO);
        for wrong in ["soon", "-1", "99999999999"] {
            assert_eq!(debounce(wrong), Err(Fault::Debounce(wrong.into())));
        }
    }
}
