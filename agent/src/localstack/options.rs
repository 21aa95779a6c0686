//! Pure: what LocalStack tells a container about itself.
//!
//! [LocalStack: lambda-runtime-init]

use std::collections::BTreeMap;
use std::time::Duration;

use lambdock_protocol::{
    Assignment, InitializationType, LogFormat, LogLevel, Logging, PathMode, TracingMode,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::endpoint::{Endpoint, NotHttp};
use crate::log::Level;

/// The variable that says where LocalStack is, and that it is LocalStack that has started us.
pub const ENDPOINT: &str = "LOCALSTACK_RUNTIME_ENDPOINT";

/// `LOCALSTACK_INTEROP_PORT`.
const PORT: u16 = 9563;

/// `LOCALSTACK_MAX_PAYLOAD_SIZE` in bytes.
const PAYLOAD_LIMIT: u64 = 6 * 1024 * 1024 + 100;

/// Everything that LocalStack has set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `LOCALSTACK_RUNTIME_ENDPOINT`: where it wants to be called back.
    pub endpoint: Endpoint,
    /// `LOCALSTACK_RUNTIME_ID`: what it calls this environment.
    pub id: String,
    /// `LOCALSTACK_INTEROP_PORT`: where it calls us.
    pub port: u16,
    /// `LOCALSTACK_INIT_LOG_LEVEL`.
    pub log_level: Level,
    /// `LOCALSTACK_CODE_ARCHIVES`: code and layers, in their order.
    pub archives: Vec<Download>,
    /// `LOCALSTACK_POST_INVOKE_WAIT_MS`: how long the result of an invocation is held back.
    pub post_invoke_wait: Duration,
    /// `LOCALSTACK_HOSTNAME` and `EDGE_PORT`: where segments of traces go. `None`: nobody has said.
    pub traces: Option<Endpoint>,
    /// `AWS_ACCESS_KEY_ID`, which tells LocalStack the account of segments.
    pub access_key: String,
    /// What the function is.
    pub assignment: Assignment,
    /// What is wrong without being a reason to end.
    pub warnings: Vec<String>,
}

/// A zip archive to fetch and unpack before the runtime starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Where it is.
    pub url: Endpoint,
    /// Absolute folder in the container to unpack into.
    pub target: String,
}

/// A variable is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not set.
    #[error("{0} is not set")]
    Missing(&'static str),
    /// It has no meaning.
    #[error("{name}={value:?}: expected {expected}")]
    Wrong {
        /// Which.
        name: &'static str,
        /// What it says.
        value: String,
        /// What it could say.
        expected: &'static str,
    },
    /// It leads nowhere.
    #[error("{0}={1}")]
    Url(&'static str, NotHttp),
}

#[derive(Deserialize)]
struct ArchiveEntry {
    url: String,
    target_path: String,
}

/// Where variables come from. An empty one is as good as none, but for those that say so.
struct Variables<V>(V);

impl<V: Fn(&str) -> Option<String>> Variables<V> {
    fn optional(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<String, Fault> {
        self.optional(name).ok_or(Fault::Missing(name))
    }

    fn or(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let Some(value) = self.optional(name) else { return Ok(None) };
        parse(&value).map(Some).ok_or(Fault::Wrong { name, value, expected })
    }

    fn required_and_parsed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, Fault> {
        self.parsed(name, expected, parse)?.ok_or(Fault::Missing(name))
    }

    fn json<T: DeserializeOwned>(&self, name: &'static str, expected: &'static str) -> Result<Vec<T>, Fault> {
        let list = self.parsed(name, expected, |text| serde_json::from_str(text).ok())?;
        Ok(list.unwrap_or_default())
    }
}

impl Options {
    /// Reads the variables. `arguments`: the init's command line behind its own name, which is the runtime's in
    /// container images; `folder`: where the init was started.
    ///
    /// # Errors
    /// The first that is missing or wrong.
    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        arguments: &[String],
        folder: &str,
    ) -> Result<Self, Fault> {
        let variables = Variables(variable);
        let mut warnings = Vec::new();
        let endpoint =
            Endpoint::parse(&variables.required(ENDPOINT)?).map_err(|fault| Fault::Url(ENDPOINT, fault))?;
        let id =
            variables.required_and_parsed("LOCALSTACK_RUNTIME_ID", "letters, digits, hyphens", |text| {
                is_id(text).then(|| text.to_owned())
            })?;
        let assignment = assignment(&variables, arguments, folder, &mut warnings)?;
        let traces = variables.optional("LOCALSTACK_HOSTNAME").and_then(|host| {
            let url = format!("http://{host}:{}", variables.or("EDGE_PORT", "4566"));
            Endpoint::parse(&url).map_err(|fault| warnings.push(format!("traces: {fault}"))).ok()
        });
        Ok(Self {
            endpoint,
            id,
            port: variables
                .parsed("LOCALSTACK_INTEROP_PORT", "a port", |text| text.parse().ok())?
                .unwrap_or(PORT),
            log_level: variables
                .parsed(
                    "LOCALSTACK_INIT_LOG_LEVEL",
                    "one of trace, debug, info, warn, error, fatal, panic",
                    Level::parse,
                )?
                .unwrap_or(Level::Warn),
            archives: archives(&variables)?,
            post_invoke_wait: variables
                .parsed("LOCALSTACK_POST_INVOKE_WAIT_MS", "milliseconds", |text| text.parse().ok())?
                .map_or(Duration::ZERO, Duration::from_millis),
            traces,
            access_key: variables.or("AWS_ACCESS_KEY_ID", ""),
            assignment,
            warnings,
        })
    }
}

/// Whether `text` can stand in a path of a URL as it is.
pub(super) fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}

fn archives<V: Fn(&str) -> Option<String>>(variables: &Variables<V>) -> Result<Vec<Download>, Fault> {
    const NAME: &str = "LOCALSTACK_CODE_ARCHIVES";
    let entries: Vec<ArchiveEntry> = variables.json(NAME, r#"a JSON list of {"url", "target_path"}"#)?;
    let download = |entry: ArchiveEntry| {
        let url = Endpoint::parse(&entry.url).map_err(|fault| Fault::Url(NAME, fault))?;
        Ok(Download { url, target: entry.target_path })
    };
    entries.into_iter().map(download).collect()
}

fn assignment<V: Fn(&str) -> Option<String>>(
    variables: &Variables<V>,
    arguments: &[String],
    folder: &str,
    warnings: &mut Vec<String>,
) -> Result<Assignment, Fault> {
    let region = variables.required("AWS_REGION")?;
    let timeout_ms =
        variables.required_and_parsed("AWS_LAMBDA_FUNCTION_TIMEOUT", "whole seconds, 1 or more", |text| {
            text.parse::<u64>().ok().filter(|seconds| *seconds > 0)?.checked_mul(1000)
        })?;
    let function_version = variables.required("AWS_LAMBDA_FUNCTION_VERSION")?;
    let memory_size_mb =
        variables
            .required_and_parsed("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "megabytes", |text| text.parse().ok())?;
    let payload_limit = variables.parsed("LOCALSTACK_MAX_PAYLOAD_SIZE", "bytes", |text| text.parse().ok())?;
    let init_timeout_ms = variables.parsed("LOCALSTACK_INIT_PHASE_TIMEOUT", "whole seconds", |text| {
        text.parse::<u64>().ok()?.checked_mul(1000)
    })?;
    let modes: Vec<PathMode> = variables
        .json("LOCALSTACK_CHMOD_PATHS", r#"a JSON list of {"path", "mode"}"#)
        .unwrap_or_else(|fault| {
            warnings.push(fault.to_string());
            Vec::new()
        });
    let given = variables
        .optional("AWS_LAMBDA_FUNCTION_HANDLER")
        .or_else(|| variables.optional("_HANDLER"))
        .or_else(|| arguments.last().filter(|_| arguments.len() > 1).cloned());
    let mut environment = BTreeMap::new();
    if variables.optional("AWS_XRAY_DAEMON_ADDRESS").is_none() {
        environment.insert("AWS_XRAY_DAEMON_ADDRESS".to_owned(), "127.0.0.1:2000".to_owned());
    }
    Ok(Assignment {
        function_name: variables.or("AWS_LAMBDA_FUNCTION_NAME", "test_function"),
        function_version,
        account_id: variables.or("LOCALSTACK_FUNCTION_ACCOUNT_ID", "000000000000"),
        region,
        memory_size_mb,
        timeout_ms,
        init_timeout_ms,
        handler: given.unwrap_or_default(),
        initialization_type: initialization_type(variables),
        command: (!arguments.is_empty()).then(|| arguments.to_vec()),
        working_directory: (!arguments.is_empty()).then(|| folder.to_owned()),
        // An empty name means root, as none does not.
        user: (variables.0)("LOCALSTACK_USER"),
        environment,
        archives: Vec::new(),
        modes,
        payload_limit: payload_limit.unwrap_or(PAYLOAD_LIMIT),
        logging: logging(variables),
        // Nothing says whether the function is traced; whoever sends segments wants them to arrive.
        tracing: TracingMode::Active,
        segments: true,
        runtime_version: None,
        // Read where they are watched.
        hot_reload_paths: Vec::new(),
        gateway_port: None,
    })
}

fn initialization_type<V: Fn(&str) -> Option<String>>(variables: &Variables<V>) -> InitializationType {
    let named = variables.or("AWS_LAMBDA_INITIALIZATION_TYPE", "");
    [
        InitializationType::ProvisionedConcurrency,
        InitializationType::SnapStart,
        InitializationType::LambdaManagedInstances,
    ]
    .into_iter()
    .find(|known| known.as_str() == named)
    .unwrap_or_default()
}

fn logging<V: Fn(&str) -> Option<String>>(variables: &Variables<V>) -> Logging {
    let level = variables.or("AWS_LAMBDA_LOG_LEVEL", "").to_ascii_uppercase();
    let levels = [
        ("TRACE", LogLevel::Trace),
        ("DEBUG", LogLevel::Debug),
        ("INFO", LogLevel::Info),
        ("WARN", LogLevel::Warn),
        ("ERROR", LogLevel::Error),
        ("FATAL", LogLevel::Fatal),
    ];
    let json = variables.or("AWS_LAMBDA_LOG_FORMAT", "") == "JSON";
    Logging {
        format: if json { LogFormat::Json } else { LogFormat::Text },
        application_level: levels.iter().find(|(name, _)| *name == level).map(|(_, level)| *level),
        system_level: None,
        group: variables.or("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/Functions"),
        stream: variables.or("AWS_LAMBDA_LOG_STREAM_NAME", "$LATEST"),
    }
}

#[cfg(test)]
mod tests;
