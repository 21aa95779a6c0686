//! Pure: what the container is told about itself when it starts.

use crate::localstack::options::{self, Options};
use crate::log::Level;

/// Who has started this container, as the variables tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlPlane {
    /// Our own, which tells the rest over the uplink.
    Lambdock(Config),
    /// LocalStack, which takes us for its own init.
    LocalStack(Box<Options>),
}

impl ControlPlane {
    /// Reads the variables. `arguments`: the command line behind the init's own name; `folder`: where the init was
    /// started. Both are of use in container images only.
    ///
    /// # Errors
    /// The first variable that is missing or wrong.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        arguments: &[String],
        folder: &str,
    ) -> Result<Self, Fault> {
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        if is_set("LAMBDOCK_UPLINK") {
            Config::read(variable).map(Self::Lambdock)
        } else if is_set(options::ENDPOINT) {
            Ok(Self::LocalStack(Box::new(Options::read(variable, arguments, folder)?)))
        } else {
            Err(Fault::Alone)
        }
    }

    /// `LOCALSTACK_INIT_LOG_LEVEL`.
    pub fn log_level(&self) -> Level {
        match self {
            Self::Lambdock(config) => config.log_level,
            Self::LocalStack(options) => options.log_level,
        }
    }
}

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
    /// Nobody says where the control plane is.
    #[error(
        "neither LAMBDOCK_UPLINK nor LOCALSTACK_RUNTIME_ENDPOINT is set; this init is started by Lambdock's control \
         plane or by LocalStack, which set them"
    )]
    Alone,
    /// LocalStack has set it.
    #[error(transparent)]
    LocalStack(#[from] options::Fault),
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

    #[test]
    fn the_control_plane_is_whose_variable_is_set_and_ours_comes_first() {
        let read = |names: &[&str]| {
            let value = |name: &str| if name.ends_with("ENDPOINT") { "http://h:1" } else { "1" };
            let variable = |name: &str| names.contains(&name).then(|| value(name).to_owned());
            ControlPlane::read(variable, &[], "/")
        };
        let ours = ["LAMBDOCK_UPLINK", "LAMBDOCK_ENVIRONMENT_ID", "LAMBDOCK_SECRET"];
        let theirs = [
            "LOCALSTACK_RUNTIME_ENDPOINT",
            "LOCALSTACK_RUNTIME_ID",
            "AWS_REGION",
            "AWS_LAMBDA_FUNCTION_TIMEOUT",
            "AWS_LAMBDA_FUNCTION_VERSION",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        ];
        assert!(matches!(read(&ours), Ok(ControlPlane::Lambdock(_))));
        assert!(matches!(read(&theirs), Ok(ControlPlane::LocalStack(_))));
        assert!(matches!(read(&[&ours[..], &theirs[..]].concat()), Ok(ControlPlane::Lambdock(_))));
        assert_eq!(read(&theirs[1..]), Err(Fault::Alone));
        let missing = options::Fault::Missing("LOCALSTACK_RUNTIME_ID");
        assert_eq!(read(&theirs[..1]), Err(Fault::LocalStack(missing)));
    }
}
