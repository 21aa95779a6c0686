//! Pure: LocalStack's variables that Lambdock does not read, and what to do instead.
//!
//! [LocalStack: `deprecations.py`, configuration reference]

use super::Environment;
use super::value::PREFIX;

/// A variable that has no effect here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WithoutEffect {
    /// Without LocalStack's prefix, unless it is part of the name.
    pub name: &'static str,
    /// Values that ask for what happens anyway.
    fine: &'static [&'static str],
    /// What there is in its place.
    pub instead: &'static str,
}

const fn gone(name: &'static str, instead: &'static str) -> WithoutEffect {
    WithoutEffect { name, fine: &[], instead }
}

const fn unless(name: &'static str, fine: &'static [&'static str], instead: &'static str) -> WithoutEffect {
    WithoutEffect { name, fine, instead }
}

const OFF: &[&str] = &["0", "false", "False"];
const GO_INIT: &str =
    "it is for the development of LocalStack's own init; LAMBDA_INIT_BIN_PATH names another init";
const AT_ONCE: &str = "events are delivered asynchronously, as on AWS";
const LISTEN: &str = "use GATEWAY_LISTEN, such as GATEWAY_LISTEN=127.0.0.1:4566";
const HOST: &str = "use LOCALSTACK_HOST";
const PERSISTENCE: &str = "use PERSISTENCE=1, and LAMBDOCK_STATE_DIR for the folder";
const SCRIPTS: &str = "put scripts into the folders of LAMBDOCK_SCRIPTS_DIR";

/// All of them that concern what Lambdock does.
pub const WITHOUT_EFFECT: &[WithoutEffect] = &[
    gone("EDGE_BIND_HOST", LISTEN),
    gone("EDGE_PORT", LISTEN),
    gone("EDGE_PORT_HTTP", LISTEN),
    gone("HOSTNAME_EXTERNAL", HOST),
    gone("LOCALSTACK_HOSTNAME", HOST),
    gone("DATA_DIR", PERSISTENCE),
    gone("PERSIST_ALL", PERSISTENCE),
    gone("PERSISTENCE_SINGLE_FILE", PERSISTENCE),
    gone("INIT_SCRIPTS_PATH", SCRIPTS),
    gone("LEGACY_INIT_DIR", SCRIPTS),
    gone("HOST_TMP_FOLDER", "code reaches containers without a folder of the machine"),
    unless(
        "LAMBDA_RUNTIME_EXECUTOR",
        &["docker", "local"],
        "functions run in containers of the engine in DOCKER_HOST",
    ),
    unless("CONTAINER_RUNTIME", &["docker"], "functions run in containers of the engine in DOCKER_HOST"),
    unless(
        "LAMBDA_PREBUILD_IMAGES",
        OFF,
        "LAMBDOCK_STANDBY_CONTAINERS makes cold starts quick without images of each function",
    ),
    unless(
        "LAMBDA_INIT_POST_INVOKE_WAIT_MS",
        &["0"],
        "an invocation is over when all that the function has written is there",
    ),
    gone("DOCKER_SDK_DEFAULT_RETRIES", "an engine that is not there yet is found when it is needed"),
    gone(
        "LAMBDA_EXECUTOR",
        "functions run in containers; where Lambdock runs in one, mount the engine's socket /var/run/docker.sock",
    ),
    gone("LAMBDA_STAY_OPEN_MODE", "containers are always kept; LAMBDA_KEEPALIVE_MS says for how long"),
    gone(
        "LAMBDA_REMOTE_DOCKER",
        "code always reaches containers through their connection; S3Bucket=hot-reload runs it from a folder",
    ),
    gone("LAMBDA_CODE_EXTRACT_TIME", "functions are prepared in the background; wait until they are Active"),
    gone("LAMBDA_CONTAINER_REGISTRY", "use LAMBDA_RUNTIME_IMAGE_MAPPING"),
    gone("LAMBDA_FALLBACK_URL", "functions that are not there are not found, as on AWS"),
    gone("LAMBDA_FORWARD_URL", "every function runs here; AWS_ENDPOINT_URL passes other services on"),
    gone("LAMBDA_XRAY_INIT", "the X-Ray daemon's address is always served"),
    gone(
        "LAMBDA_JAVA_OPTS",
        "set JAVA_TOOL_OPTIONS for the function, or for all with LAMBDA_DOCKER_FLAGS='-e JAVA_TOOL_OPTIONS=…'",
    ),
    gone("PROVIDER_OVERRIDE_LAMBDA", "there is one implementation"),
    gone("LAMBDA_EVENTS_INTERNAL_SQS", "asynchronous invocations need no queue service"),
    gone("LAMBDA_EVENT_SOURCE_MAPPING", "there is one implementation"),
    gone("SYNCHRONOUS_KINESIS_EVENTS", AT_ONCE),
    gone("SYNCHRONOUS_DYNAMODB_EVENTS", AT_ONCE),
    gone("SYNCHRONOUS_SNS_EVENTS", AT_ONCE),
    gone("SYNCHRONOUS_SQS_EVENTS", AT_ONCE),
    unless("LAMBDA_DEV_PORT_EXPOSE", OFF, "containers dial Lambdock, so no port of theirs has to be reached"),
    unless("LAMBDA_INIT_DEBUG", OFF, GO_INIT),
    gone("LAMBDA_INIT_BOOTSTRAP_PATH", GO_INIT),
    gone("LAMBDA_INIT_DELVE_PATH", GO_INIT),
    gone("LAMBDA_INIT_DELVE_PORT", GO_INIT),
    gone("LAMBDA_INIT_RELEASE_VERSION", GO_INIT),
];

/// What to tell whoever has set some of them in `environment`.
pub fn warnings(environment: &Environment) -> Vec<String> {
    let set = |name: &str| environment.get(name);
    let warnings = WITHOUT_EFFECT.iter().filter_map(|WithoutEffect { name, fine, instead }| {
        let prefixed = format!("{PREFIX}{name}");
        let (name, value) =
            [prefixed.as_str(), name].into_iter().find_map(|name| Some((name, set(name)?)))?;
        (!fine.contains(&value.trim())).then(|| format!("{name} has no effect: {instead}"))
    });
    warnings.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::VARIABLES;

    fn warned_of(pairs: &[(&str, &str)]) -> Vec<String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        warnings(&pairs.collect())
    }

    #[test]
    fn what_has_no_effect_is_not_read_and_listed_once() {
        for (at, WithoutEffect { name, .. }) in WITHOUT_EFFECT.iter().enumerate() {
            assert!(VARIABLES.iter().all(|variable| variable.name != *name), "{name}");
            assert!(WITHOUT_EFFECT.iter().skip(at + 1).all(|other| other.name != *name), "{name}");
        }
    }

    #[test]
    fn whoever_sets_one_is_told_what_to_do_instead() {
        let told = warned_of(&[("LOCALSTACK_EDGE_PORT", "4567"), ("LAMBDA_EXECUTOR", "docker-reuse")]);
        assert_eq!(told.len(), 2);
        assert_eq!(
            told[0],
            "LOCALSTACK_EDGE_PORT has no effect: use GATEWAY_LISTEN, such as GATEWAY_LISTEN=127.0.0.1:4566"
        );
        assert!(told[1].starts_with("LAMBDA_EXECUTOR has no effect: "), "{told:?}");
    }

    #[test]
    fn nobody_is_told_of_what_happens_anyway() {
        let fine = [
            ("LAMBDA_RUNTIME_EXECUTOR", "docker"),
            ("LAMBDA_PREBUILD_IMAGES", "0"),
            ("LAMBDA_STAY_OPEN_MODE", ""),
            ("PERSISTENCE", "1"),
        ];
        assert_eq!(warned_of(&fine), [""; 0]);
        assert_eq!(warned_of(&[("LAMBDA_RUNTIME_EXECUTOR", "kubernetes")]).len(), 1);
        assert_eq!(warned_of(&[("LAMBDA_PREBUILD_IMAGES", "1")]).len(), 1);
    }
}
