//! Pure: what a sandbox is told to become the environment of one function version.

use std::collections::BTreeMap;

use lambdock_domain::code::{Digest, ImageDefaults};
use lambdock_domain::configuration::{Configuration, LogFormat, TracingMode};
use lambdock_domain::function::Serving;
use lambdock_domain::{Code, FunctionId};
use lambdock_protocol as protocol;
use lambdock_protocol::{Archive, Assignment, InitializationType, LogLevel, Logging};

use super::LATEST;
use crate::runtime_version;

/// What the same for all functions of this control plane.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Port of the public API; inside a container the same port of its loopback leads here.
    pub gateway_port: u16,
    /// Whether functions get `AWS_ENDPOINT_URL`.
    pub endpoint_url: EndpointUrl,
    /// `LAMBDA_INIT_USER`.
    pub user: Option<String>,
    /// `LOCALSTACK_INIT_LOG_LEVEL`.
    pub init_log_level: Option<String>,
    /// Largest answer in bytes.
    pub response_limit: u64,
}

/// Where the SDKs in functions send their calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointUrl {
    /// To this control plane.
    Injected,
    /// To AWS, unless the function says otherwise.
    Absent,
}

/// Where the code is in a container. [AWS: `LAMBDA_TASK_ROOT`]
pub const TASK_ROOT: &str = "/var/task";

/// Where layers are in a container. [AWS: Lambda layers]
const LAYER_ROOT: &str = "/opt";

/// AWS's limit of the init phase of on-demand functions, in milliseconds. [AWS: Lambda execution environment]
const ON_DEMAND_INIT_LIMIT_MS: u64 = 10_000;

/// AWS's limit of an init phase that nobody waits for, in milliseconds. [AWS: Lambda execution environment]
const AHEAD_INIT_LIMIT_MS: u64 = 130_000;

/// Where a container finds the control plane: its own loopback, from which the agent tunnels through the uplink, so
/// neither names nor routes have to work.
const GATEWAY_HOST: &str = "127.0.0.1";

/// The assignment of an on-demand environment. `version` is `$LATEST` or a number. The log stream is left to
/// whoever starts the environment, for each has its own.
pub fn assignment(id: &FunctionId, version: &str, serving: &Serving, settings: &Settings) -> Assignment {
    let configuration = &serving.configuration;
    let logging = logging(configuration);
    let initialization = initialization(configuration, version);
    Assignment {
        function_name: id.name.clone(),
        function_version: version.to_owned(),
        account_id: id.scope.account.clone(),
        region: id.scope.region.clone(),
        memory_size_mb: configuration.memory_mb,
        timeout_ms: u64::from(configuration.timeout_s) * 1000,
        init_timeout_ms: Some(match initialization {
            InitializationType::OnDemand => ON_DEMAND_INIT_LIMIT_MS,
            InitializationType::SnapStart
            | InitializationType::ProvisionedConcurrency
            | InitializationType::LambdaManagedInstances => AHEAD_INIT_LIMIT_MS,
        }),
        handler: configuration.handler.clone().unwrap_or_default(),
        initialization_type: initialization,
        command: image(&serving.code).map(|own| configuration.image_config.command_line(own)),
        working_directory: image(&serving.code)
            .and_then(|own| configuration.image_config.folder(own))
            .map(str::to_owned),
        user: settings.user.clone(),
        environment: environment(id, version, configuration, &logging, settings),
        archives: archives(&serving.code, configuration),
        modes: Vec::new(),
        payload_limit: settings.response_limit,
        tracing: match configuration.tracing {
            TracingMode::PassThrough => protocol::TracingMode::PassThrough,
            TracingMode::Active => protocol::TracingMode::Active,
        },
        segments: true,
        logging,
        runtime_version: configuration.runtime.as_ref().map(|name| runtime_version::of(name, &id.scope)),
        hot_reload_paths: match &serving.code {
            Code::Folder { .. } => vec![TASK_ROOT.to_owned()],
            Code::Zip { .. } | Code::Image { .. } => Vec::new(),
        },
        gateway_port: Some(settings.gateway_port),
    }
}

/// What the image that the code is says about itself.
fn image(code: &Code) -> Option<&ImageDefaults> {
    match code {
        Code::Image { own, .. } => own.as_ref(),
        Code::Zip { .. } | Code::Folder { .. } => None,
    }
}

/// Nothing is snapshotted: the environments of a version with SnapStart start as others do, but its runtime and the
/// function are told what they would be told on AWS, so that their hooks run.
fn initialization(configuration: &Configuration, version: &str) -> InitializationType {
    if configuration.managed.is_some() {
        InitializationType::LambdaManagedInstances
    } else if configuration.snap_start_on_published_versions && version != LATEST {
        InitializationType::SnapStart
    } else {
        InitializationType::OnDemand
    }
}

/// Layers in their order, each over the one before, and the code.
fn archives(code: &Code, configuration: &Configuration) -> Vec<Archive> {
    let archive = |digest: &Digest, size: u64, target: &str| Archive {
        digest: digest.0.clone(),
        size,
        target: target.to_owned(),
    };
    let layers = configuration.layers.iter().map(|layer| archive(&layer.digest, layer.code_size, LAYER_ROOT));
    let code = match code {
        Code::Zip { digest, size, .. } => Some(archive(digest, *size, TASK_ROOT)),
        Code::Folder { .. } | Code::Image { .. } => None,
    };
    layers.chain(code).collect()
}

fn logging(configuration: &Configuration) -> Logging {
    let group = configuration.log_group.clone();
    match &configuration.log_format {
        LogFormat::Text => Logging { group, ..Logging::default() },
        LogFormat::Json { application_level, system_level } => Logging {
            format: protocol::LogFormat::Json,
            application_level: log_level(application_level),
            system_level: log_level(system_level),
            group,
            stream: String::new(),
        },
    }
}

fn log_level(word: &str) -> Option<LogLevel> {
    Some(match word {
        "TRACE" => LogLevel::Trace,
        "DEBUG" => LogLevel::Debug,
        "INFO" => LogLevel::Info,
        "WARN" => LogLevel::Warn,
        "ERROR" => LogLevel::Error,
        "FATAL" => LogLevel::Fatal,
        _ => return None,
    })
}

/// Lambda's variables, then the function's own, which may overwrite any of them. [LocalStack: order and names]
fn environment(
    id: &FunctionId,
    version: &str,
    configuration: &Configuration,
    logging: &Logging,
    settings: &Settings,
) -> BTreeMap<String, String> {
    let region = id.scope.region.as_str();
    let memory = configuration.memory_mb.to_string();
    let port = settings.gateway_port.to_string();
    let endpoint = format!("http://{GATEWAY_HOST}:{port}");
    let max_concurrency = configuration.managed.as_ref().map(|managed| managed.max_concurrency.to_string());
    let level = logging.application_level.map(|_| capitalised(configuration));
    let mut variables: Vec<(&str, &str)> = vec![
        ("AWS_DEFAULT_REGION", region),
        ("AWS_REGION", region),
        ("AWS_LAMBDA_FUNCTION_NAME", &id.name),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_FUNCTION_VERSION", version),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", initialization(configuration, version).as_str()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &logging.group),
        // Calls back land in the function's account: it is read from the access key.
        ("AWS_ACCESS_KEY_ID", &id.scope.account),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", "test"),
        ("LAMBDA_TASK_ROOT", TASK_ROOT),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
        ("_AWS_XRAY_DAEMON_PORT", "2000"),
        ("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
        ("TZ", ":UTC"),
        ("LOCALSTACK_HOSTNAME", GATEWAY_HOST),
        ("EDGE_PORT", &port),
    ];
    if settings.endpoint_url == EndpointUrl::Injected {
        variables.push(("AWS_ENDPOINT_URL", &endpoint));
    }
    if logging.format == protocol::LogFormat::Json {
        variables.push(("AWS_LAMBDA_LOG_FORMAT", "JSON"));
        variables.extend(level.as_deref().map(|level| ("AWS_LAMBDA_LOG_LEVEL", level)));
    }
    // [LocalStack: the second as well]
    if let Some(count) = &max_concurrency {
        variables.extend([("AWS_LAMBDA_MAX_CONCURRENCY", count.as_str()), ("TZ", ":/etc/localtime")]);
    }
    if let Some(handler) = &configuration.handler {
        variables.push(("_HANDLER", handler));
    }
    let execution = configuration.runtime.as_deref().filter(|name| !name.starts_with("provided"));
    let execution = execution.map(|name| format!("AWS_Lambda_{name}"));
    // [AWS: absent for OS-only runtimes and images]
    variables.extend(execution.as_deref().map(|name| ("AWS_EXECUTION_ENV", name)));
    if let Some(level) = &settings.init_log_level {
        variables.push(("LOCALSTACK_INIT_LOG_LEVEL", level));
    }
    let own = configuration.environment.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str()));
    variables.into_iter().chain(own).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// `INFO` as `Info`, the form that LocalStack hands to runtimes.
fn capitalised(configuration: &Configuration) -> String {
    let LogFormat::Json { application_level, .. } = &configuration.log_format else { return String::new() };
    let mut letters = application_level.chars();
    letters.next().map_or_else(String::new, |first| format!("{first}{}", letters.as_str().to_lowercase()))
}
