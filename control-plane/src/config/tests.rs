use std::collections::BTreeSet;

use super::*;

fn read(pairs: &[(&str, &str)], in_container: bool) -> Result<Config, Vec<Fault>> {
    let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Config::read(&environment, in_container)
}

fn listen(text: &str) -> Vec<String> {
    let config = read(&[("GATEWAY_LISTEN", text)], false).unwrap();
    config.gateway_listen.iter().map(ToString::to_string).collect()
}

#[test]
fn the_table_and_the_reading_know_the_same_variables() {
    let nothing = Environment::default();
    let mut source = Source::new(&nothing);
    Config::from_source(&mut source, false);
    let table: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(source.asked, table);
    assert_eq!(table.len(), VARIABLES.len(), "no variable twice");
}

#[test]
fn what_is_shown_can_be_set() {
    let set = [
        ("GATEWAY_LISTEN", "127.0.0.1:1,127.0.0.2:2"),
        ("LAMBDA_RETRY_BASE_DELAY_SECONDS", "0.5"),
        ("LAMBDA_RUNTIME_IMAGE_MAPPING", r#"{"python3.12": "py"}"#),
        ("LAMBDA_DOCKER_NETWORK", "a,b"),
        ("LAMBDA_REMOVE_CONTAINERS", "0"),
        ("DOCKER_HOST", "tcp://e:1"),
        ("DOCKER_SDK_DEFAULT_TIMEOUT_SECONDS", "7"),
        ("MAIN_DOCKER_NETWORK", "c"),
        ("DEBUG", "1"),
    ];
    for pairs in [&set[..], &[]] {
        let config = read(pairs, false).unwrap();
        let shown = shown::shown(&config);
        let names: BTreeSet<&str> = shown.keys().map(String::as_str).collect();
        let mut table: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
        assert!(table.remove("LAMBDA_RETRY_BASE_DELAY"), "which is shown under its other name");
        for secret in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
            assert!(table.remove(secret), "which nobody is shown");
        }
        assert_eq!(names, table);
        let texts: Vec<(String, String)> = shown
            .iter()
            .map(|(name, value)| match value {
                serde_json::Value::Null => (name.clone(), String::new()),
                serde_json::Value::String(text) => (name.clone(), text.clone()),
                value => (name.clone(), value.to_string()),
            })
            .collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (&**name, &**text)).collect();
        assert_eq!(read(&texts, false).unwrap(), config);
    }
}

#[test]
fn the_documentation_lists_every_variable() {
    let mut text = String::from(
        "# Configuration\n\nLambdock is configured by environment variables, with LocalStack's names where it has \
         one. Each may carry the\nprefix `LOCALSTACK_`, which then wins. Written from the table in \
         `control-plane/src/config/table.rs` by a test\n(`UPDATE=1 cargo test -p lambdock documentation`).\n\n\
         | Variable | Default | Meaning |\n|---|---|---|\n",
    );
    for Variable { name, default, about } in VARIABLES {
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        text.push_str(&format!("| `{name}` | {default} | {about} |\n").replace("  ", " "));
    }
    text.push_str(
        "\n## Without effect\n\nThese variables of LocalStack do nothing here. Lambdock warns of those that are set \
         when it starts.\n\n| Variable | Instead |\n|---|---|\n",
    );
    for WithoutEffect { name, instead, .. } in WITHOUT_EFFECT {
        text.push_str(&format!("| `{name}` | {instead} |\n"));
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap_or_default(),
        text,
        "run it with UPDATE=1 and look at the change"
    );
}

#[test]
fn without_variables_everything_has_its_default() {
    let config = read(&[], false).unwrap();
    assert_eq!(config.gateway_listen, ["127.0.0.1:4566".parse().unwrap()]);
    assert_eq!(config.external_host, "localhost.localstack.cloud:4566");
    assert_eq!(config.keep_alive, Duration::from_secs(600));
    assert!(config.remove_containers && !config.persistence);
    assert_eq!(read(&[], true).unwrap().gateway_listen, ["0.0.0.0:4566".parse().unwrap()]);
}

#[test]
fn every_bad_value_is_reported_at_once() {
    let faults =
        read(&[("LAMBDA_KEEPALIVE_MS", "ten"), ("LOCALSTACK_GATEWAY_LISTEN", "nowhere")], false).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "LOCALSTACK_GATEWAY_LISTEN=\"nowhere\" cannot be used: expected addresses such as 127.0.0.1:4566, \
             separated by commas",
            "LAMBDA_KEEPALIVE_MS=\"ten\" cannot be used: expected a whole number of milliseconds, 31536000000 at most",
        ]
    );
}

#[test]
fn times_and_numbers_have_bounds() {
    let fault =
        |name: &str, value: &str| read(&[(name, value)], false).err().map(|faults| faults[0].to_string());
    for (name, zero_is_fine) in [
        ("LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", false),
        ("LAMBDOCK_SHUTDOWN_GRACE", true),
        ("LAMBDA_RETRY_BASE_DELAY_SECONDS", true),
        ("LAMBDA_KEEPALIVE_MS", true),
        ("LAMBDOCK_UPDATE_MS", true),
        ("DOCKER_SDK_DEFAULT_TIMEOUT_SECONDS", false),
        ("LAMBDOCK_EVENT_CONCURRENCY", false),
    ] {
        assert_eq!(fault(name, "0").is_none(), zero_is_fine, "{name}=0");
        assert_eq!(fault(name, "1"), None, "{name}=1");
        for wrong in ["-1", "1e19", "NaN", "inf", "18446744073709551615", "99999999999999999999", "1 s"] {
            // Only times have a bound; any number of executions is none.
            if name != "LAMBDOCK_EVENT_CONCURRENCY" || wrong != "18446744073709551615" {
                let told = fault(name, wrong).unwrap_or_else(|| panic!("{name}={wrong} is taken"));
                assert!(told.starts_with(&format!("{name}={wrong:?} cannot be used: expected a ")), "{told}");
            }
        }
    }
    assert_eq!(
        fault("LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", "0.0").unwrap(),
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT=\"0.0\" cannot be used: expected a number of seconds, more than 0"
    );
    let year =
        read(&[("LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT", "31536000")], false).unwrap().environment_timeout;
    assert!(std::time::Instant::now().checked_add(year).is_some());
}

#[test]
fn the_prefixed_variable_wins_and_an_empty_one_counts_as_unset() {
    let both = [("LAMBDA_KEEPALIVE_MS", "1"), ("LOCALSTACK_LAMBDA_KEEPALIVE_MS", "2")];
    assert_eq!(read(&both, false).unwrap().keep_alive, Duration::from_millis(2));
    let empty = [("LAMBDA_KEEPALIVE_MS", "1"), ("LOCALSTACK_LAMBDA_KEEPALIVE_MS", "")];
    assert_eq!(read(&empty, false).unwrap().keep_alive, Duration::from_millis(1));
}

#[test]
fn upstreams_are_read_and_what_is_no_url_is_told() {
    let upstream = |pairs: &[(&str, &str)]| read(pairs, false).map(|config| config.upstream.in_words());
    assert_eq!(upstream(&[]).unwrap(), None);
    assert_eq!(upstream(&[("AWS_ENDPOINT_URL", "http://all:1")]).unwrap().unwrap(), "http://all:1/");
    let faults = upstream(&[("AWS_ENDPOINT_URL_XRAY", "all:1")]).unwrap_err();
    assert!(faults[0].to_string().contains("AWS_ENDPOINT_URL_XRAY"), "{faults:?}");
}

#[test]
fn addresses_may_leave_out_host_or_port_and_collapse() {
    assert_eq!(listen(":5000"), ["127.0.0.1:5000"]);
    assert_eq!(listen("0.0.0.0"), ["0.0.0.0:4566"]);
    assert_eq!(listen("127.0.0.1:4566, localhost:4566"), ["127.0.0.1:4566"]);
    assert_eq!(listen("127.0.0.1:4566,0.0.0.0:4566,127.0.0.1:443"), ["0.0.0.0:4566", "127.0.0.1:443"]);
}

#[test]
fn images_are_mapped_by_pattern_or_by_object() {
    let mapping =
        |text| read(&[("LAMBDA_RUNTIME_IMAGE_MAPPING", text)], false).map(|config| config.image_mapping);
    assert_eq!(mapping("mine/<runtime>"), Ok(ImageMapping::Pattern("mine/<runtime>".into())));
    let object = ImageMapping::PerRuntime(vec![("python3.12".into(), "py".into())]);
    assert_eq!(mapping(r#"{"python3.12": "py"}"#), Ok(object));
    assert!(mapping("just-a-name").is_err());
    assert!(mapping(r#"{"python9": "py"}"#).unwrap_err()[0].to_string().contains("\"python9\" is none"));
}

#[test]
fn log_levels_are_localstacks() {
    let filter = |pairs: &[(&str, &str)]| read(pairs, false).unwrap().log_filter;
    assert_eq!(filter(&[]), "warn,lambdock=info");
    assert_eq!(filter(&[("DEBUG", "1")]), "warn,lambdock=debug");
    assert_eq!(filter(&[("DEBUG", "1"), ("LS_LOG", "error")]), "warn,lambdock=error");
    assert_eq!(filter(&[("LS_LOG", "trace-internal")]), "trace");
    // Other programs know that variable too.
    assert_eq!(filter(&[("DEBUG", "express:*")]), "warn,lambdock=info");
    assert!(read(&[("LS_LOG", "loud")], false).unwrap_err()[0].to_string().contains("one of trace, debug"));
}

#[test]
fn a_misspelt_decision_is_no_decision() {
    let persistence = |text| read(&[("PERSISTENCE", text)], false).map(|config| config.persistence);
    assert_eq!(["1", "true", "True"].map(|text| persistence(text).unwrap()), [true; 3]);
    assert_eq!(["0", "false", ""].map(|text| persistence(text).unwrap()), [false; 3]);
    let faults = read(&[("PERSISTENCE", "yes"), ("LAMBDA_REMOVE_CONTAINERS", "no")], false).unwrap_err();
    assert_eq!(faults.len(), 2);
    assert_eq!(faults[0].to_string(), "PERSISTENCE=\"yes\" cannot be used: expected 1 or 0");
}
