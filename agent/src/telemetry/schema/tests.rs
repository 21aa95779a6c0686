use serde_json::{Value, json};

use super::*;

const TIME: &str = "2022-10-12T00:00:15.064Z";

fn shown(record: &Record, schema: Schema) -> Option<String> {
    record.event_for(schema, TIME).map(|event| String::from_utf8(event.to_vec()).unwrap())
}

fn record(record: &Record) -> Value {
    let event: Value = serde_json::from_slice(&record.event(TIME)).unwrap();
    assert_eq!(event["time"], TIME);
    event["record"].clone()
}

fn tracing() -> Tracing {
    Tracing::of("Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1")
}

fn start() -> Record {
    Record::Start(Start {
        request_id: "6d68".into(),
        version: Some("$LATEST".into()),
        function_arn: Some("arn:f".into()),
        tracing: Some(tracing()),
    })
}

fn report() -> Record {
    Record::Report(Report {
        request_id: "6d68".into(),
        status: Status::Success,
        error_type: None,
        metrics: ReportMetrics {
            duration: Micros(693_920),
            billed_ms: 694,
            memory_mb: 128,
            used_mb: 84,
            init: Some(Micros(397_680)),
            restore: None,
        },
        spans: Vec::new(),
        tracing: None,
    })
}

fn runtime_done() -> Record {
    Record::RuntimeDone(RuntimeDone {
        request_id: "6d68".into(),
        status: Status::Timeout,
        error_type: Some("Sandbox.Timedout".into()),
        metrics: Some(RuntimeDoneMetrics { duration: Micros(140_001), produced_bytes: Some(16) }),
        spans: vec![Span { name: "responseLatency", start: TIME.into(), duration: Micros(23_020) }],
        tracing: None,
    })
}

fn init_start() -> Record {
    Record::InitStart(InitStart {
        initialization_type: InitializationType::OnDemand,
        phase: Phase::Init,
        runtime_version: Some("nodejs-14.v3".into()),
        runtime_version_arn: Some("arn".into()),
        function_name: "f".into(),
        function_version: "$LATEST".into(),
        instance_id: "stream".into(),
        instance_max_memory: 134_217_728,
        tracing: None,
    })
}

fn subscribed() -> Subscription {
    Subscription { name: "ext".into(), state: "Subscribed", types: vec![Kind::Platform, Kind::Function] }
}

#[test]
fn an_event_is_time_type_record_in_this_order() {
    assert_eq!(
        shown(&start(), Schema::Telemetry20220701).unwrap(),
        r#"{"time":"2022-10-12T00:00:15.064Z","type":"platform.start","record":{"requestId":"6d68","version":"$LATEST","tracing":{"type":"X-Amzn-Trace-Id","spanId":"0efbd19962d95b05","value":"Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1"}}}"#
    );
}

#[test]
fn records_have_awss_members() {
    let metrics = json!({
        "durationMs": 693.92, "billedDurationMs": 694, "memorySizeMB": 128, "maxMemoryUsedMB": 84, "initDurationMs": 397.68,
    });
    assert_eq!(record(&report()), json!({ "requestId": "6d68", "status": "success", "metrics": metrics }));
    assert_eq!(
        record(&runtime_done()),
        json!({
            "requestId": "6d68", "status": "timeout", "errorType": "Sandbox.Timedout",
            "metrics": { "durationMs": 140.001, "producedBytes": 16 },
            "spans": [{ "name": "responseLatency", "start": TIME, "durationMs": 23.02 }],
        })
    );
    assert_eq!(
        record(&init_start()),
        json!({
            "initializationType": "on-demand", "phase": "init", "runtimeVersion": "nodejs-14.v3",
            "runtimeVersionArn": "arn", "functionName": "f", "functionVersion": "$LATEST", "instanceId": "stream",
            "instanceMaxMemory": 134_217_728,
        })
    );
    let init = InitReport {
        initialization_type: InitializationType::ProvisionedConcurrency,
        phase: Phase::Invoke,
        status: Status::Error,
        error_type: Some("Extension.Crash".into()),
        metrics: DurationMetrics { duration: Micros(125_330) },
        tracing: None,
    };
    assert_eq!(
        record(&Record::InitReport(init)),
        json!({
            "initializationType": "provisioned-concurrency", "phase": "invoke", "status": "error",
            "errorType": "Extension.Crash", "metrics": { "durationMs": 125.33 },
        })
    );
    let extension = Extension {
        name: "ext".into(),
        state: "Ready".into(),
        events: vec!["INVOKE".into(), "SHUTDOWN".into()],
        error_type: None,
    };
    assert_eq!(
        record(&Record::Extension(extension)),
        json!({ "name": "ext", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"] })
    );
    assert_eq!(
        record(&Record::TelemetrySubscription(subscribed())),
        json!({ "name": "ext", "state": "Subscribed", "types": ["platform", "function"] })
    );
    let dropped = LogsDropped { dropped_bytes: 12_345, dropped_records: 123, reason: "slow" };
    assert_eq!(
        record(&Record::LogsDropped(dropped)),
        json!({ "droppedBytes": 12_345, "droppedRecords": 123, "reason": "slow" })
    );
}

#[test]
fn the_logs_api_gets_the_records_it_has_and_their_members() {
    let fault = Record::Fault("RequestId: 6d68 Error: x\n".into());
    let end = Record::End(End { request_id: "6d68".into() });
    let types = |schema| {
        let records = [
            init_start(),
            Record::TelemetrySubscription(subscribed()),
            Record::LogsSubscription(subscribed()),
            start(),
            fault.clone(),
            runtime_done(),
            end.clone(),
            report(),
        ];
        let shown: Vec<Value> = records
            .iter()
            .filter_map(|record| shown(record, schema))
            .map(|event| serde_json::from_str(&event).unwrap())
            .collect();
        shown
            .iter()
            .map(|event| event["type"].as_str().unwrap()["platform.".len()..].to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(types(Schema::Logs20200815), ["logsSubscription", "start", "fault", "end", "report"]);
    assert_eq!(
        types(Schema::Logs20210318),
        ["logsSubscription", "start", "fault", "runtimeDone", "end", "report"]
    );
    for telemetry in [Schema::Telemetry20220701, Schema::Telemetry20221213, Schema::Telemetry20250129] {
        assert_eq!(
            types(telemetry),
            ["initStart", "telemetrySubscription", "start", "runtimeDone", "report"]
        );
    }
    assert_eq!(
        shown(&fault, Schema::Logs20200815).unwrap(),
        format!(r#"{{"time":"{TIME}","type":"platform.fault","record":"RequestId: 6d68 Error: x\n"}}"#)
    );
    assert_eq!(
        shown(&start(), Schema::Logs20200815).unwrap(),
        format!(
            r#"{{"time":"{TIME}","type":"platform.start","record":{{"requestId":"6d68","version":"$LATEST"}}}}"#
        )
    );
    assert_eq!(
        shown(&runtime_done(), Schema::Logs20210318).unwrap(),
        format!(
            r#"{{"time":"{TIME}","type":"platform.runtimeDone","record":{{"requestId":"6d68","status":"timeout"}}}}"#
        )
    );
    assert!(!shown(&report(), Schema::Logs20200815).unwrap().contains("status"));
}

#[test]
fn schemas_of_the_telemetry_api_differ_in_what_is_newer() {
    assert!(shown(&start(), Schema::Telemetry20250129).unwrap().contains(r#""functionArn":"arn:f""#));
    assert!(!shown(&start(), Schema::Telemetry20221213).unwrap().contains("functionArn"));
    let restored = RestoreReport {
        status: Status::Success,
        error_type: None,
        metrics: DurationMetrics { duration: Micros(19_100) },
    };
    let restored = Record::RestoreReport(restored);
    assert_eq!(record(&restored), json!({ "status": "success", "metrics": { "durationMs": 19.1 } }));
    assert!(shown(&restored, Schema::Telemetry20220701).is_none());
    assert!(shown(&restored, Schema::Telemetry20221213).is_some());
}

#[test]
fn lines_are_strings_and_objects_stay_objects() {
    let text = line_event(Kind::Function, TIME, b"a \"b\"\r\xff\x00", false);
    let parsed: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(parsed, json!({ "time": TIME, "type": "function", "record": "a \"b\"\r\u{fffd}\u{0}" }));
    let object = line_event(Kind::Extension, TIME, b"{\"z\":1,\"a\":2}", true);
    assert_eq!(
        object,
        format!(r#"{{"time":"{TIME}","type":"extension","record":{{"z":1,"a":2}}}}"#).as_bytes()
    );
}
