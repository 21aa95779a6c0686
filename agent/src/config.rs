//! Pure: what the container is told about itself when it starts.

use crate::log::Level;

/// Everything the init needs before it can ask for more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `LAMBDOCK_UPLINK`: host and port of the control plane.
    pub uplink: String,
    /// `LAMBDOCK_ENVIRONMENT_ID`.
    pub environment: String,
    /// `LAMBDOCK_SECRET`.
    pub secret: String,
    /// `LOCALSTACK_INIT_LOG_LEVEL`.
    pub log_level: Level,
}

/// A variable is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not set.
    #[error("{0} is not set; this init is started by Lambdock's control plane, which sets it")]
    Missing(&'static str),
    /// It is no log level.
    #[error("LOCALSTACK_INIT_LOG_LEVEL={0:?}: expected one of trace, debug, info, warn, error, fatal, panic")]
    LogLevel(String),
}

impl Config {
    /// Reads the variables.
    ///
    /// # Errors
    /// The first that is missing or wrong.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Fault> {
        let required =
            |name: &'static str| variable(name).filter(|value| !value.is_empty()).ok_or(Fault::Missing(name));
        let log_level = match variable("LOCALSTACK_INIT_LOG_LEVEL").filter(|value| !value.is_empty()) {
            None => Level::Warn,
            Some(text) => Level::parse(&text).ok_or(Fault::LogLevel(text))?,
        };
        Ok(Self {
            uplink: required("LAMBDOCK_UPLINK")?,
            environment: required("LAMBDOCK_ENVIRONMENT_ID")?,
            secret: required("LAMBDOCK_SECRET")?,
            log_level,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(level: Option<&str>) -> Result<Config, Fault> {
        Config::read(|name| match name {
            "LOCALSTACK_INIT_LOG_LEVEL" => level.map(str::to_owned),
            other => Some(other.to_lowercase()),
        })
    }

    #[test]
    fn all_seven_levels_are_known_and_no_other() {
        for level in ["trace", "debug", "info", "warn", "error", "fatal", "panic"] {
            assert!(read(Some(level)).is_ok(), "{level}");
        }
        assert_eq!(read(None).unwrap().log_level, Level::Warn);
        assert_eq!(read(Some("WARN")), Err(Fault::LogLevel("WARN".into())));
        assert_eq!(Config::read(|_| None), Err(Fault::Missing("LAMBDOCK_UPLINK")));
    }
}
