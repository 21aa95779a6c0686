//! Pure: the environment of the function's processes.

use std::collections::BTreeMap;

use lambdock_protocol::Assignment;

/// Names of the container's that are the init's own. Users rely on `LOCALSTACK_HOSTNAME`, so not everything with the prefix goes.
/// [LocalStack: init; HOME and HOSTNAME are absent on AWS]
const OWN: [&str; 17] = [
    "LOCALSTACK_RUNTIME_ENDPOINT",
    "LOCALSTACK_RUNTIME_ID",
    "LOCALSTACK_INTEROP_PORT",
    "LOCALSTACK_RUNTIME_TRACING_PORT",
    "LOCALSTACK_USER",
    "LOCALSTACK_CODE_ARCHIVES",
    "LOCALSTACK_HOT_RELOADING_PATHS",
    "LOCALSTACK_ENABLE_XRAY_TELEMETRY",
    "LOCALSTACK_INIT_LOG_LEVEL",
    "LOCALSTACK_POST_INVOKE_WAIT_MS",
    "LOCALSTACK_FUNCTION_ACCOUNT_ID",
    "LOCALSTACK_MAX_PAYLOAD_SIZE",
    "LOCALSTACK_CHMOD_PATHS",
    "LOCALSTACK_FILE_WATCHER_STRATEGY",
    "LOCALSTACK_INIT_PHASE_TIMEOUT",
    "HOSTNAME",
    "HOME",
];

/// Prefix of what the control plane tells the init alone.
const OWN_PREFIX: &str = "LAMBDOCK_";

/// What a control plane tells the init among the function's variables.
const FOR_THE_INIT: &str = "LOCALSTACK_INIT_LOG_LEVEL";

/// Variables of the container that no two containers have alike, and the function does not have at all.
const MARKS: [&str; 2] = ["LAMBDOCK_SECRET", "LOCALSTACK_RUNTIME_ID"];

/// `NAME=value` of a variable by which others' processes in the container can be told from the function's.
pub(crate) fn mark(container: &[(String, String)]) -> Option<Vec<u8>> {
    let (name, value) = container.iter().find(|(name, _)| MARKS.contains(&name.as_str()))?;
    Some(format!("{name}={value}").into_bytes())
}

/// The runtime's variables: the image's without the init's own, the function's, then what is never the user's to set.
pub(crate) fn runtime(
    container: impl IntoIterator<Item = (String, String)>,
    assignment: &Assignment,
    api: &str,
) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = container.into_iter().collect();
    variables.retain(|name, _| !OWN.contains(&name.as_str()) && !name.starts_with(OWN_PREFIX));
    variables.extend(assignment.environment.clone());
    variables.remove(FOR_THE_INIT);
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("AWS_LAMBDA_FUNCTION_NAME", &assignment.function_name);
    set("AWS_LAMBDA_FUNCTION_VERSION", &assignment.function_version);
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &assignment.memory_size_mb.to_string());
    set("AWS_LAMBDA_LOG_GROUP_NAME", &assignment.logging.group);
    set("AWS_LAMBDA_LOG_STREAM_NAME", &assignment.logging.stream);
    set("AWS_REGION", &assignment.region);
    set("AWS_DEFAULT_REGION", &assignment.region);
    set("AWS_LAMBDA_INITIALIZATION_TYPE", assignment.initialization_type.as_str());
    set("LAMBDA_TASK_ROOT", "/var/task");
    set("LAMBDA_RUNTIME_DIR", "/var/runtime");
    if !assignment.handler.is_empty() {
        set("_HANDLER", &assignment.handler);
    }
    // SDKs prefer them to keys.
    variables.remove("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    variables.remove("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    variables.insert("AWS_LAMBDA_RUNTIME_API".to_owned(), api.to_owned());
    variables
}

/// Names that are the runtime's alone. [AWS: environment variables of extensions]
const RUNTIMES: [&str; 7] = [
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// The extensions' variables, from the runtime's.
pub(crate) fn extension(runtime: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let theirs = |name: &str| !name.starts_with('_') && !RUNTIMES.contains(&name);
    runtime
        .iter()
        .filter(|(name, _)| theirs(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_calls_its_own_variables_is_its_own_business() {
        let names = ["HOME", "HOSTNAME", "LAMBDOCK_STAGE", "LOCALSTACK_USER"];
        let pairs = |value: &str| names.map(|name| (name.to_owned(), value.to_owned()));
        let mut environment = BTreeMap::from(pairs("the function's"));
        environment.insert("LOCALSTACK_INIT_LOG_LEVEL".into(), "debug".into());
        let assignment = Assignment { environment, ..Assignment::default() };
        let variables = runtime(pairs("the container's"), &assignment, "127.0.0.1:9001");
        for name in names {
            assert_eq!(variables[name], "the function's");
        }
        assert!(!variables.contains_key("LOCALSTACK_INIT_LOG_LEVEL"));
    }

    #[test]
    fn every_variable_of_the_inits_own_is_documented() {
        let documentation = include_str!("../../docs/init.md");
        let more = ["LAMBDOCK_HOT_RELOADING_DEBOUNCE_MS", crate::setup::limits::VARIABLE];
        // Absent on AWS, and nothing that could be set.
        for name in OWN.into_iter().chain(more).filter(|name| !["HOME", "HOSTNAME"].contains(name)) {
            assert!(documentation.contains(&format!("\n| `{name}` |")), "{name}");
        }
    }

    #[test]
    fn the_inits_own_variables_and_secrets_are_not_the_functions() {
        let pairs =
            |names: &[&str]| names.iter().map(|n| ((*n).to_owned(), "x".to_owned())).collect::<Vec<_>>();
        let container = pairs(&["PATH", "HOME", "LAMBDOCK_SECRET", "LOCALSTACK_USER", "LOCALSTACK_HOSTNAME"]);
        let assignment = Assignment {
            environment: [("AWS_LAMBDA_RUNTIME_API".to_owned(), "mine".to_owned())].into(),
            handler: "a.b".into(),
            ..Assignment::default()
        };
        let variables = runtime(container, &assignment, "127.0.0.1:9001");
        for absent in ["HOME", "LAMBDOCK_SECRET", "LOCALSTACK_USER"] {
            assert!(!variables.contains_key(absent), "{absent}");
        }
        assert_eq!((variables["PATH"].as_str(), variables["LOCALSTACK_HOSTNAME"].as_str()), ("x", "x"));
        assert_eq!(
            (variables["_HANDLER"].as_str(), variables["AWS_LAMBDA_RUNTIME_API"].as_str()),
            ("a.b", "127.0.0.1:9001")
        );
    }
}
