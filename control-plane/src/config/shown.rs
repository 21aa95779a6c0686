//! Pure: settings as clients are shown them.

use lambdock_domain::runtime::ImageMapping;
use serde_json::{Map, Value, json};

use super::Config;

/// Every setting under its variable's name, but for second names of the same.
pub(super) fn shown(config: &Config) -> Map<String, Value> {
    let Config {
        gateway_listen,
        external_host,
        uplink_listen,
        host_from_containers,
        state_dir,
        persistence,
        scripts_dir,
        shutdown_grace,
        image_mapping,
        image_prefix,
        docker_host,
        docker_socket,
        docker_request_limit,
        docker_networks,
        main_docker_network,
        docker_flags,
        docker_dns,
        ignore_architecture,
        remove_containers,
        main_container_name,
        keep_alive,
        standby,
        standby_networks,
        code_volumes,
        memory_reserve_mb,
        retry_base,
        event_concurrency,
        environment_timeout,
        init_user,
        init_log_level,
        init_path,
        disable_endpoint_url,
        synchronous_create,
        update_time,
        runtime_validation,
        reserved_variables,
        hot_reload_bucket,
        parity_access_keys,
        truncate_stdout,
        limits,
        upstream,
        origins,
        hosts,
        enforce_iam,
        // Nobody is shown them.
        secrets: _,
        access_key_id: _,
        secret_access_key: _,
        session_token: _,
        config_updates,
        debug,
        log_filter,
    } = config;
    let mut shown = Map::new();
    let mut show = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    let addresses: Vec<String> = gateway_listen.iter().map(ToString::to_string).collect();
    show("GATEWAY_LISTEN", addresses.join(",").into());
    show("LOCALSTACK_HOST", external_host.as_str().into());
    show("LAMBDOCK_UPLINK_LISTEN", json!(uplink_listen));
    show("HOSTNAME_FROM_LAMBDA", json!(host_from_containers));
    show("LAMBDOCK_STATE_DIR", json!(state_dir));
    show("PERSISTENCE", json!(persistence));
    show("LAMBDOCK_SCRIPTS_DIR", json!(scripts_dir));
    show("LAMBDOCK_SHUTDOWN_GRACE", number(shutdown_grace.as_secs_f64()));
    let mapping = match image_mapping {
        ImageMapping::Official => Value::Null,
        ImageMapping::Pattern(pattern) => json!(pattern),
        ImageMapping::PerRuntime(images) => {
            let images: Map<String, Value> =
                images.iter().map(|(runtime, image)| (runtime.clone(), image.as_str().into())).collect();
            Value::Object(images).to_string().into()
        }
    };
    show("LAMBDA_RUNTIME_IMAGE_MAPPING", mapping);
    show("DOCKER_GLOBAL_IMAGE_PREFIX", json!(image_prefix));
    show("DOCKER_HOST", json!(docker_host));
    show("DOCKER_SOCK", json!(docker_socket));
    show("DOCKER_SDK_DEFAULT_TIMEOUT_SECONDS", docker_request_limit.as_secs().into());
    show("MAIN_DOCKER_NETWORK", json!(main_docker_network));
    show("LAMBDA_DOCKER_NETWORK", docker_networks.join(",").into());
    show("LAMBDA_DOCKER_FLAGS", json!(docker_flags));
    show("LAMBDA_DOCKER_DNS", json!(docker_dns));
    show("LAMBDA_IGNORE_ARCHITECTURE", json!(ignore_architecture));
    show("LAMBDA_REMOVE_CONTAINERS", json!(remove_containers));
    show("MAIN_CONTAINER_NAME", json!(main_container_name));
    show("LAMBDA_KEEPALIVE_MS", milliseconds(*keep_alive));
    show("LAMBDOCK_STANDBY_CONTAINERS", json!(standby));
    show("LAMBDOCK_STANDBY_NETWORKS", json!(standby_networks));
    show("LAMBDOCK_CODE_VOLUMES", json!(code_volumes));
    show("LAMBDOCK_MEMORY_RESERVE", json!(memory_reserve_mb));
    show("LAMBDA_RETRY_BASE_DELAY_SECONDS", number(retry_base.as_secs_f64()));
    show("LAMBDOCK_EVENT_CONCURRENCY", json!(event_concurrency));
    show("LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", number(environment_timeout.as_secs_f64()));
    show("LAMBDA_INIT_USER", json!(init_user));
    show("LOCALSTACK_INIT_LOG_LEVEL", json!(init_log_level));
    show("LAMBDA_INIT_BIN_PATH", json!(init_path));
    show("LAMBDA_DISABLE_AWS_ENDPOINT_URL", json!(disable_endpoint_url));
    show("LAMBDA_SYNCHRONOUS_CREATE", json!(synchronous_create));
    show("LAMBDOCK_UPDATE_MS", milliseconds(*update_time));
    show("LAMBDA_RUNTIME_VALIDATION", json!(runtime_validation));
    show("LAMBDOCK_RESERVED_VARIABLES", json!(reserved_variables));
    show("BUCKET_MARKER_LOCAL", json!(hot_reload_bucket));
    show("PARITY_AWS_ACCESS_KEY_ID", json!(parity_access_keys));
    show("LAMBDA_TRUNCATE_STDOUT", json!(truncate_stdout));
    show("LAMBDA_LIMITS_CODE_SIZE_ZIPPED", json!(limits.code_size_zipped));
    show("LAMBDA_LIMITS_CODE_SIZE_UNZIPPED", json!(limits.code_size_unzipped));
    show("LAMBDA_LIMITS_CREATE_FUNCTION_REQUEST_SIZE", json!(limits.create_function_request));
    show("LAMBDA_LIMITS_MAX_FUNCTION_ENVVAR_SIZE_BYTES", json!(limits.environment));
    show("LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES", json!(limits.response_payload));
    show("LAMBDA_LIMITS_CONCURRENT_EXECUTIONS", json!(limits.concurrent_executions));
    show("LAMBDA_LIMITS_MINIMUM_UNRESERVED_CONCURRENCY", json!(limits.unreserved_concurrency));
    show("LAMBDA_LIMITS_TOTAL_CODE_SIZE", json!(limits.total_code_size));
    show("AWS_ENDPOINT_URL", json!(upstream.in_words()));
    show("DISABLE_CORS_CHECKS", json!(origins.unchecked));
    show("DISABLE_CORS_HEADERS", json!(origins.silent));
    show("EXTRA_CORS_ALLOWED_ORIGINS", origins.extra_origins.join(",").into());
    show("EXTRA_CORS_ALLOWED_HEADERS", origins.extra_allowed_headers.join(",").into());
    show("EXTRA_CORS_EXPOSE_HEADERS", origins.extra_exposed_headers.join(",").into());
    show("LAMBDOCK_ALLOWED_HOSTS", hosts.extra.join(",").into());
    show("ENFORCE_IAM", json!(enforce_iam));
    show("ENABLE_CONFIG_UPDATES", json!(config_updates));
    show("DEBUG", json!(debug));
    let level = log_filter.strip_prefix("warn,lambdock=").unwrap_or("trace-internal");
    show("LS_LOG", json!(level));
    shown
}

/// Whole numbers without a fraction.
fn number(number: f64) -> Value {
    let text = number.to_string();
    text.parse::<u64>().map_or_else(|_| json!(number), Value::from)
}

fn milliseconds(duration: std::time::Duration) -> Value {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).into()
}
