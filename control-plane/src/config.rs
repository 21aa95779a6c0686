//! Pure: settings, read from environment variables under LocalStack's names.
//!
//! [`VARIABLES`] is the one list of them; `lambdock --help` and `docs/configuration.md` are written from it.

mod environment;
mod live;
mod shown;
mod table;
mod value;
mod without_effect;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lambdock_domain::Limits;
use lambdock_domain::runtime::ImageMapping;

use crate::gateway::host::Rules as Hosts;
use crate::gateway::origin::Rules as Origins;
use crate::gateway::upstream::Endpoints;

pub use environment::Environment;
pub use live::{ADJUSTABLE, Live, Refusal};
pub use table::{VARIABLES, Variable};
pub use value::{Fault, Source};
pub use without_effect::{WITHOUT_EFFECT, WithoutEffect, warnings};

/// The secret that functions sign with, and LocalStack's users. (LocalStack)
const FUNCTIONS_SECRET: &str = "test";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the public API listens.
    pub gateway_listen: Vec<SocketAddr>,
    /// Host and port in URLs that clients are given, such as `Code.Location`.
    pub external_host: String,
    /// Where the uplink listens; `None`: chosen by where the engine's containers can reach it.
    pub uplink_listen: Option<SocketAddr>,
    /// How containers reach this process; `None`: found out.
    pub host_from_containers: Option<String>,
    /// Folder for state; with persistence, what is in it survives.
    pub state_dir: PathBuf,
    /// Whether resources survive a restart.
    pub persistence: bool,
    /// Folder of scripts that run at the stages of this process.
    pub scripts_dir: PathBuf,
    /// How long invocations in flight may take to finish when the process is asked to stop.
    pub shutdown_grace: Duration,
    /// Which image runs which runtime.
    pub image_mapping: ImageMapping,
    /// Put before every image reference that is pulled.
    pub image_prefix: String,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_SOCK`.
    pub docker_socket: Option<PathBuf>,
    /// Time for the engine's answer to any one request, in whole seconds.
    pub docker_request_limit: Duration,
    /// Networks of function containers, the first is the main one.
    pub docker_networks: Vec<String>,
    /// `MAIN_DOCKER_NETWORK`: the one network of function containers, where no other is named.
    pub main_docker_network: Option<String>,
    /// Extra flags of function containers, as for `docker run`.
    pub docker_flags: String,
    /// Name server of function containers.
    pub docker_dns: Option<String>,
    /// Leave the platform to the engine.
    pub ignore_architecture: bool,
    /// Remove containers once stopped.
    pub remove_containers: bool,
    /// First part of the names of function containers.
    pub main_container_name: String,
    /// How long an idle environment is kept; zero: every invocation is cold.
    pub keep_alive: Duration,
    /// `LAMBDOCK_STANDBY_CONTAINERS`.
    pub standby: usize,
    /// `LAMBDOCK_STANDBY_NETWORKS`.
    pub standby_networks: usize,
    /// `LAMBDOCK_CODE_VOLUMES`: whether code that is large is unpacked once for all containers.
    pub code_volumes: bool,
    /// `LAMBDOCK_MEMORY_RESERVE`: memory that is to be left where containers run, in MB; 0: none has to be.
    pub memory_reserve_mb: u64,
    /// Time before the first retry of an asynchronous invocation.
    pub retry_base: Duration,
    /// Asynchronous invocations of one function at the same time.
    pub event_concurrency: usize,
    /// How long an environment may take to become ready.
    pub environment_timeout: Duration,
    /// User of functions inside their containers; `None`: the one of `LAMBDA_DOCKER_FLAGS`, else `sbx_user1051`.
    pub init_user: Option<String>,
    /// Log level of the agents.
    pub init_log_level: Option<String>,
    /// Another init binary than the built-in one.
    pub init_path: Option<PathBuf>,
    /// Do not set `AWS_ENDPOINT_URL` in functions.
    pub disable_endpoint_url: bool,
    /// CreateFunction answers once the function is Active or Failed.
    pub synchronous_create: bool,
    /// The least time for which an update is in progress.
    pub update_time: Duration,
    /// Refuse runtimes that AWS has retired.
    pub runtime_validation: bool,
    /// Refuse variables of functions that AWS reserves.
    pub reserved_variables: bool,
    /// `BUCKET_MARKER_LOCAL`.
    pub hot_reload_bucket: String,
    /// Account ids are decoded from `AKIA…` and `ASIA…` keys too.
    pub parity_access_keys: bool,
    /// Function URLs are open only to those whom policies allow, and signatures must be right.
    pub enforce_iam: bool,
    /// Secrets that make right signatures.
    pub secrets: Vec<String>,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<String>,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<String>,
    /// Length at which lines of functions are cut on the console.
    pub truncate_stdout: usize,
    /// Quotas.
    pub limits: Limits,
    /// Who plays the other services.
    pub upstream: Endpoints,
    /// Which web pages may use the API.
    pub origins: Origins,
    /// Under which names the API answers.
    pub hosts: Hosts,
    /// `ENABLE_CONFIG_UPDATES`.
    pub config_updates: bool,
    /// `DEBUG`.
    pub debug: bool,
    /// Log filter in the words of `tracing`.
    pub log_filter: String,
}

impl Config {
    /// Reads all settings from `environment`. `in_container`: this process runs in a container, so it listens on
    /// all addresses by default, since its network is its own.
    ///
    /// # Errors
    /// Every value that cannot be used, not just the first.
    pub fn read(environment: &Environment, in_container: bool) -> Result<Self, Vec<Fault>> {
        let mut source = Source::new(environment);
        let config = Self::from_source(&mut source, in_container);
        let faults = source.into_faults();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    fn from_source(source: &mut Source<'_>, in_container: bool) -> Self {
        let listen_host = if in_container { "0.0.0.0" } else { "127.0.0.1" };
        let gateway_listen = source
            .parsed("GATEWAY_LISTEN", |text| value::addresses(text, listen_host))
            .unwrap_or_else(|| vec![value::default_address(listen_host)]);
        let port = gateway_listen.first().map_or(value::DEFAULT_PORT, SocketAddr::port);
        let host = source.text("LOCALSTACK_HOST").unwrap_or_else(|| "localhost.localstack.cloud".to_owned());
        let state_dir = source.text("LAMBDOCK_STATE_DIR").map_or_else(
            || {
                if in_container {
                    return PathBuf::from("/var/lib/lambdock");
                }
                let state = source.outside("XDG_STATE_HOME").map(PathBuf::from);
                let home = || source.outside("HOME").map(|home| PathBuf::from(home).join(".local/state"));
                state.or_else(home).unwrap_or_else(|| PathBuf::from("/var/lib")).join("lambdock")
            },
            PathBuf::from,
        );
        let defaults = Limits::default();
        let secret_access_key = source.text("AWS_SECRET_ACCESS_KEY");
        let upstream = source.endpoints("AWS_ENDPOINT_URL", &gateway_listen);
        let hosts = Hosts {
            unchecked: source.flag("DISABLE_CORS_CHECKS"),
            own: host.split(':').next().unwrap_or_default().to_owned(),
            extra: source.list("LAMBDOCK_ALLOWED_HOSTS"),
        };
        Self {
            upstream,
            hosts,
            external_host: if host.contains(':') { host } else { format!("{host}:{port}") },
            gateway_listen,
            uplink_listen: source.parsed("LAMBDOCK_UPLINK_LISTEN", value::address),
            host_from_containers: source.text("HOSTNAME_FROM_LAMBDA"),
            state_dir,
            persistence: source.flag("PERSISTENCE"),
            scripts_dir: source
                .text("LAMBDOCK_SCRIPTS_DIR")
                .map_or_else(|| PathBuf::from("/etc/localstack/init"), PathBuf::from),
            shutdown_grace: source.seconds("LAMBDOCK_SHUTDOWN_GRACE").unwrap_or(Duration::from_secs(10)),
            image_mapping: source
                .parsed("LAMBDA_RUNTIME_IMAGE_MAPPING", value::image_mapping)
                .unwrap_or_default(),
            image_prefix: source.text("DOCKER_GLOBAL_IMAGE_PREFIX").unwrap_or_default(),
            docker_host: source.text("DOCKER_HOST"),
            docker_socket: source.text("DOCKER_SOCK").map(PathBuf::from),
            docker_request_limit: source
                .parsed("DOCKER_SDK_DEFAULT_TIMEOUT_SECONDS", value::whole_seconds)
                .unwrap_or(Duration::from_secs(60)),
            docker_networks: source.list("LAMBDA_DOCKER_NETWORK"),
            main_docker_network: source.text("MAIN_DOCKER_NETWORK"),
            docker_flags: source.text("LAMBDA_DOCKER_FLAGS").unwrap_or_default(),
            docker_dns: source.text("LAMBDA_DOCKER_DNS"),
            ignore_architecture: source.flag("LAMBDA_IGNORE_ARCHITECTURE"),
            remove_containers: source.unless_denied("LAMBDA_REMOVE_CONTAINERS"),
            main_container_name: source.text("MAIN_CONTAINER_NAME").unwrap_or_else(|| "lambdock".to_owned()),
            keep_alive: source.milliseconds("LAMBDA_KEEPALIVE_MS").unwrap_or(Duration::from_millis(600_000)),
            standby: source.number("LAMBDOCK_STANDBY_CONTAINERS").unwrap_or(3),
            standby_networks: source.number("LAMBDOCK_STANDBY_NETWORKS").unwrap_or(2),
            code_volumes: source.unless_denied("LAMBDOCK_CODE_VOLUMES"),
            memory_reserve_mb: source.number("LAMBDOCK_MEMORY_RESERVE").unwrap_or(256),
            retry_base: source
                .parsed("LAMBDA_RETRY_BASE_DELAY_SECONDS", value::retry_base)
                .or(source.parsed("LAMBDA_RETRY_BASE_DELAY", value::retry_base))
                .unwrap_or(Duration::from_secs(60)),
            event_concurrency: source.parsed("LAMBDOCK_EVENT_CONCURRENCY", value::at_least_one).unwrap_or(10),
            environment_timeout: source
                .parsed("LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", value::some_seconds)
                .unwrap_or(Duration::from_secs(20)),
            init_user: source.text("LAMBDA_INIT_USER"),
            init_log_level: source.parsed("LOCALSTACK_INIT_LOG_LEVEL", value::init_log_level),
            init_path: source.text("LAMBDA_INIT_BIN_PATH").map(PathBuf::from),
            disable_endpoint_url: source.flag("LAMBDA_DISABLE_AWS_ENDPOINT_URL"),
            synchronous_create: source.flag("LAMBDA_SYNCHRONOUS_CREATE"),
            update_time: source.milliseconds("LAMBDOCK_UPDATE_MS").unwrap_or_default(),
            runtime_validation: source.flag("LAMBDA_RUNTIME_VALIDATION"),
            reserved_variables: source.flag("LAMBDOCK_RESERVED_VARIABLES"),
            hot_reload_bucket: source.text("BUCKET_MARKER_LOCAL").unwrap_or_else(|| "hot-reload".to_owned()),
            parity_access_keys: source.flag("PARITY_AWS_ACCESS_KEY_ID"),
            enforce_iam: source.flag("ENFORCE_IAM"),
            secrets: {
                let own = secret_access_key.clone().filter(|own| own != FUNCTIONS_SECRET);
                [FUNCTIONS_SECRET.to_owned()].into_iter().chain(own).collect()
            },
            access_key_id: source.text("AWS_ACCESS_KEY_ID"),
            secret_access_key,
            session_token: source.text("AWS_SESSION_TOKEN"),
            truncate_stdout: source.number("LAMBDA_TRUNCATE_STDOUT").unwrap_or(2000),
            limits: Limits {
                code_size_zipped: source
                    .number("LAMBDA_LIMITS_CODE_SIZE_ZIPPED")
                    .unwrap_or(defaults.code_size_zipped),
                code_size_unzipped: source
                    .number("LAMBDA_LIMITS_CODE_SIZE_UNZIPPED")
                    .unwrap_or(defaults.code_size_unzipped),
                create_function_request: source
                    .number("LAMBDA_LIMITS_CREATE_FUNCTION_REQUEST_SIZE")
                    .unwrap_or(defaults.create_function_request),
                environment: source
                    .number("LAMBDA_LIMITS_MAX_FUNCTION_ENVVAR_SIZE_BYTES")
                    .unwrap_or(defaults.environment),
                response_payload: source
                    .number("LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES")
                    .unwrap_or(defaults.response_payload),
                concurrent_executions: source
                    .number("LAMBDA_LIMITS_CONCURRENT_EXECUTIONS")
                    .unwrap_or(defaults.concurrent_executions),
                unreserved_concurrency: source
                    .number("LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY")
                    .unwrap_or(defaults.unreserved_concurrency),
                total_code_size: source
                    .number("LAMBDA_LIMITS_TOTAL_CODE_SIZE")
                    .unwrap_or(defaults.total_code_size),
                ..defaults
            },
            origins: Origins {
                unchecked: source.flag("DISABLE_CORS_CHECKS"),
                silent: source.flag("DISABLE_CORS_HEADERS"),
                extra_origins: source.list("EXTRA_CORS_ALLOWED_ORIGINS"),
                extra_allowed_headers: source.list("EXTRA_CORS_ALLOWED_HEADERS"),
                extra_exposed_headers: source.list("EXTRA_CORS_EXPOSE_HEADERS"),
            },
            config_updates: source.flag("ENABLE_CONFIG_UPDATES"),
            debug: source.common_flag("DEBUG"),
            log_filter: {
                let default = if source.common_flag("DEBUG") { "debug" } else { "info" };
                let filter = source.parsed("LS_LOG", value::log_filter);
                filter.unwrap_or_else(|| format!("warn,lambdock={default}"))
            },
        }
    }
}

#[cfg(test)]
mod tests;
