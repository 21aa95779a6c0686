use proptest::prelude::*;
use serde_json::json;

use super::*;

fn body(changes: Value) -> Value {
    let mut body = json!({
        "schemaVersion": "2022-12-13",
        "types": ["platform", "function", "extension"],
        "destination": { "protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/path?a=b" },
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn telemetry(changes: Value) -> Result<Subscription, String> {
    Subscription::parse(Api::Telemetry, body(changes).to_string().as_bytes())
}

#[test]
fn a_whole_request_is_understood() {
    let read =
        telemetry(json!({ "buffering": { "maxItems": 1000, "maxBytes": 1_048_576, "timeoutMs": 25 } }));
    let destination = Destination::Http {
        port: 8080,
        authority: "sandbox.localdomain:8080".into(),
        path: "/path?a=b".into(),
        method: Method::Post,
    };
    assert_eq!(
        read,
        Ok(Subscription {
            api: Api::Telemetry,
            schema: Schema::Telemetry20221213,
            types: vec![Kind::Platform, Kind::Function, Kind::Extension],
            buffering: Buffering {
                max_items: 1000,
                max_bytes: 1_048_576,
                timeout: Duration::from_millis(25)
            },
            destination,
        })
    );
    assert_eq!(telemetry(json!({})).unwrap().buffering, Buffering::default());
    let tcp = telemetry(
        json!({ "destination": { "protocol": "TCP", "port": 4243 }, "types": ["function", "function"] }),
    );
    let tcp = tcp.unwrap();
    assert_eq!((tcp.destination, tcp.types), (Destination::Tcp { port: 4243 }, vec![Kind::Function]));
}

#[test]
fn faults_are_told_in_awss_words_all_at_once() {
    let fault = telemetry(json!({
        "types": [], "destination": { "protocol": "HTTP", "URI": "http://sandbox.localdomain/path" },
    }));
    assert_eq!(fault.unwrap_err(), "URI port is not provided; types should not be empty");
    for (changes, fault) in [
        (json!({ "schemaVersion": null }), "schemaVersion is not provided"),
        (
            json!({ "schemaVersion": "2021-03-18" }),
            "schemaVersion should be one of 2022-07-01, 2022-12-13, 2025-01-29",
        ),
        (json!({ "types": ["logs"] }), "types should be of platform, function, extension"),
        (json!({ "types": "platform" }), "types should be an array"),
        (json!({ "buffering": 1 }), "buffering should be an object"),
        (
            json!({ "buffering": { "maxItems": 999 } }),
            "buffering.maxItems should be an integer between 1000 and 10000",
        ),
        (
            json!({ "buffering": { "maxItems": 1000.5 } }),
            "buffering.maxItems should be an integer between 1000 and 10000",
        ),
        (
            json!({ "buffering": { "timeoutMs": 24 } }),
            "buffering.timeoutMs should be an integer between 25 and 30000",
        ),
        (
            json!({ "buffering": { "maxBytes": 1 } }),
            "buffering.maxBytes should be an integer between 262144 and 1048576",
        ),
        (
            json!({ "buffering": { "maxBytes": "262144" } }),
            "buffering.maxBytes should be an integer between 262144 and 1048576",
        ),
        (json!({ "destination": null }), "destination is not provided"),
        (json!({ "destination": [] }), "destination should be an object"),
        (json!({ "destination": { "protocol": "UDP" } }), "destination protocol should be HTTP or TCP"),
        (json!({ "destination": { "protocol": "TCP" } }), "port is not provided"),
        (
            json!({ "destination": { "protocol": "TCP", "port": 0 } }),
            "port should be an integer between 1 and 65535",
        ),
        (
            json!({ "destination": { "protocol": "TCP", "port": 65536 } }),
            "port should be an integer between 1 and 65535",
        ),
        (json!({ "destination": { "protocol": "TCP", "port": 9001 } }), "port 9001 is reserved"),
        (json!({ "destination": { "protocol": "HTTP" } }), "URI is not provided"),
        (
            json!({ "destination": { "protocol": "HTTP", "URI": "http://sandbox:99999/" } }),
            "URI port is not provided",
        ),
        (
            json!({ "destination": { "protocol": "HTTP", "URI": "https://sandbox:1/" } }),
            "URI scheme should be http",
        ),
        (json!({ "destination": { "protocol": "HTTP", "URI": "/path" } }), "URI scheme should be http"),
        (
            json!({ "destination": { "protocol": "HTTP", "URI": "http://example.com:80/" } }),
            "URI host should be sandbox.localdomain",
        ),
        (
            json!({ "destination": { "protocol": "HTTP", "URI": "http://sandbox:1@10.0.0.1:80/" } }),
            "URI host should be sandbox.localdomain",
        ),
        (
            json!({ "destination": { "protocol": "HTTP", "URI": "http://u@sandbox:80/" } }),
            "URI host should be sandbox.localdomain",
        ),
        (
            json!({ "destination": { "protocol": "HTTP", "URI": "http://sandbox:0/" } }),
            "URI port is not provided",
        ),
        (
            json!({ "destination": { "protocol": "HTTP", "URI": "http://sandbox:9001/" } }),
            "port 9001 is reserved",
        ),
    ] {
        assert_eq!(telemetry(changes.clone()).unwrap_err(), fault, "{changes}");
    }
    assert!(Subscription::parse(Api::Telemetry, b"{").unwrap_err().starts_with("failed to parse JSON"));
    assert!(Subscription::parse(Api::Telemetry, b"").unwrap_err().starts_with("failed to parse JSON"));
    assert_eq!(Subscription::parse(Api::Telemetry, b"[]").unwrap_err(), "the request is not a JSON object");
}

#[test]
fn all_names_of_the_container_are_its_loopback() {
    for host in ["sandbox.localdomain", "sandbox", "localhost", "127.0.0.1", "SANDBOX.localdomain"] {
        let read =
            telemetry(json!({ "destination": { "protocol": "HTTP", "URI": format!("http://{host}:80") } }));
        let Destination::Http { port, path, .. } = read.unwrap().destination else { panic!("not HTTP") };
        assert_eq!((port, path.as_str()), (80, "/"));
    }
    let read =
        telemetry(json!({ "destination": { "protocol": "HTTP", "URI": "http://sandbox:80?a" } })).unwrap();
    assert!(matches!(read.destination, Destination::Http { path, .. } if path == "/?a"));
}

#[test]
fn the_logs_api_has_a_default_schema_and_a_choice_of_methods() {
    let logs = |changes: Value| Subscription::parse(Api::Logs, body(changes).to_string().as_bytes());
    assert_eq!(logs(json!({ "schemaVersion": null })).unwrap().schema, Schema::Logs20200815);
    assert_eq!(logs(json!({ "schemaVersion": "2021-03-18" })).unwrap().schema, Schema::Logs20210318);
    assert!(logs(json!({})).unwrap_err().starts_with("schemaVersion should be one of 2020-08-15"));
    let with = |method: &str| {
        let destination = json!({ "protocol": "HTTP", "URI": "http://sandbox:80", "method": method });
        logs(json!({ "schemaVersion": null, "destination": destination }))
    };
    assert!(matches!(with("PUT").unwrap().destination, Destination::Http { method: Method::Put, .. }));
    assert!(matches!(with("POST").unwrap().destination, Destination::Http { method: Method::Post, .. }));
    assert_eq!(with("GET").unwrap_err(), "method should be POST or PUT");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        prop_oneof![Just("HTTP"), Just("TCP"), Just("platform"), Just("2022-12-13"), Just("")]
            .prop_map(Value::from),
        "http://(sandbox|localhost|a@b|\\[::1\\])(:[0-9]{0,6})?[/?#a-z]{0,5}".prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 16, 4, |inner| {
        let name = prop_oneof![
            Just("protocol"),
            Just("URI"),
            Just("port"),
            Just("method"),
            Just("maxItems"),
            Just("maxBytes"),
            Just("timeoutMs"),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map(name.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_accepted_is_within_the_limits_and_nothing_panics(
        schema in any_json(), types in any_json(), buffering in any_json(), destination in any_json(), valid in any::<bool>(),
    ) {
        let changes = if valid {
            json!({ "destination": destination })
        } else {
            json!({ "schemaVersion": schema, "types": types, "buffering": buffering, "destination": destination })
        };
        match telemetry(changes) {
            Ok(read) => {
                prop_assert!(!read.types.is_empty() && read.types.len() <= 3);
                prop_assert!((1000..=10_000).contains(&read.buffering.max_items));
                prop_assert!((262_144..=1_048_576).contains(&read.buffering.max_bytes));
                let (Destination::Http { port, .. } | Destination::Tcp { port }) = read.destination;
                prop_assert!(port != 0 && port != 9001);
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }

    #[test]
    fn bytes_that_are_no_json_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Subscription::parse(Api::Logs, &bytes).is_err());
    }
}
