use lambdock_protocol::InitializationType;

use super::*;
use crate::telemetry::schema::*;
use crate::telemetry::subscription::Kind;

const TIME: &str = "2026-01-02T03:04:05.678Z";

fn logging(format: LogFormat, system_level: Option<LogLevel>) -> Logging {
    Logging { format, system_level, ..Logging::default() }
}

fn text(record: &Record) -> Option<String> {
    shown(record, LogFormat::Text, None)
}

fn shown(record: &Record, format: LogFormat, level: Option<LogLevel>) -> Option<String> {
    lines(&logging(format, level), record, TIME).map(|lines| String::from_utf8(lines.to_vec()).unwrap())
}

fn report(status: Status, error_type: Option<&str>, init: Option<u64>) -> Report {
    Report {
        request_id: "r-1".into(),
        status,
        error_type: error_type.map(str::to_owned),
        metrics: ReportMetrics {
            duration: Micros(1499),
            billed_ms: 2,
            memory_mb: 128,
            used_mb: 67,
            init: init.map(Micros),
            restore: None,
        },
        spans: Vec::new(),
        tracing: None,
    }
}

fn init_report(status: Status) -> Record {
    Record::InitReport(InitReport {
        initialization_type: InitializationType::OnDemand,
        phase: Phase::Init,
        status,
        error_type: (status == Status::Error).then(|| "Runtime.ExitError".to_owned()),
        metrics: DurationMetrics { duration: Micros(1_236_040) },
        tracing: None,
    })
}

fn init_start(phase: Phase) -> Record {
    Record::InitStart(InitStart {
        initialization_type: InitializationType::OnDemand,
        phase,
        runtime_version: Some("python:3.12.v1".into()),
        runtime_version_arn: Some("arn".into()),
        function_name: "f".into(),
        function_version: "$LATEST".into(),
        instance_id: "stream".into(),
        instance_max_memory: 1,
        tracing: None,
    })
}

fn subscribed() -> Subscription {
    let types = vec![Kind::Platform, Kind::Function, Kind::Extension];
    Subscription { name: "ext".into(), state: "Subscribed", types }
}

fn runtime_done(status: Status) -> Record {
    Record::RuntimeDone(RuntimeDone {
        request_id: "r-1".into(),
        status,
        error_type: None,
        metrics: None,
        spans: Vec::new(),
        tracing: None,
    })
}

fn start() -> Record {
    let version = Some("7".into());
    Record::Start(Start { request_id: "r-1".into(), version, function_arn: None, tracing: None })
}

#[test]
fn text_lines_are_awss_to_the_tab() {
    let common = "REPORT RequestId: r-1\tDuration: 1.49 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 67 MB\t";
    for (told, line) in [
        (start(), "START RequestId: r-1 Version: 7\n".to_owned()),
        (Record::End(End { request_id: "r-1".into() }), "END RequestId: r-1\n".to_owned()),
        (Record::Report(report(Status::Success, None, None)), format!("{common}\n")),
        (Record::Report(report(Status::Success, None, Some(180_005))), format!("{common}Init Duration: 180.00 ms\t\n")),
        (Record::Report(report(Status::Timeout, None, None)), format!("{common}Status: timeout\t\n")),
        (
            Record::Report(report(Status::Error, Some("Runtime.ExitError"), None)),
            format!("{common}Status: error\tError Type: Runtime.ExitError\t\n"),
        ),
        (
            init_report(Status::Error),
            "INIT_REPORT Init Duration: 1236.04 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n".to_owned(),
        ),
        (
            Record::TelemetrySubscription(subscribed()),
            "TELEMETRY\tName: ext\tState: Subscribed\tTypes: [Platform, Function, Extension]\n".to_owned(),
        ),
        (
            Record::LogsSubscription(subscribed()),
            "LOGS\tName: ext\tState: Subscribed\tTypes: [Platform, Function, Extension]\n".to_owned(),
        ),
        (
            Record::Extension(Extension {
                name: "ext".into(),
                state: "Ready".into(),
                events: vec!["INVOKE".into(), "SHUTDOWN".into()],
                error_type: None,
            }),
            "EXTENSION\tName: ext\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n".to_owned(),
        ),
    ] {
        assert_eq!(text(&told), Some(line));
    }
    assert_eq!(text(&init_report(Status::Success)), None);
    assert_eq!(text(&runtime_done(Status::Success)), None);
}

#[test]
fn an_init_phase_that_is_run_again_is_told_by_its_end_alone() {
    let line = "INIT_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn\n";
    assert_eq!(text(&init_start(Phase::Init)).as_deref(), Some(line));
    assert_eq!(text(&init_start(Phase::Invoke)), None);
}

#[test]
fn a_sampled_trace_has_a_line_of_its_own() {
    let with = |header: &str| {
        let told = Report { tracing: Some(Tracing::of(header)), ..report(Status::Success, None, None) };
        text(&Record::Report(told)).unwrap()
    };
    let sampled = with("Root=1-5e34a614-10bd;Parent=07f50d2d1f6f8500;Sampled=1");
    assert!(
        sampled
            .ends_with("\t\nXRAY TraceId: 1-5e34a614-10bd\tSegmentId: 07f50d2d1f6f8500\tSampled: true\t\n")
    );
    assert!(!with("Root=1-5e34a614-10bd;Parent=07f50d2d1f6f8500;Sampled=0").contains("XRAY"));
    assert!(!with("nonsense").contains("XRAY"));
}

#[test]
fn json_lines_are_the_events_above_the_system_level() {
    let line = r#"{"time":"2026-01-02T03:04:05.678Z","type":"platform.start","record":{"requestId":"r-1","version":"7"}}"#;
    assert_eq!(shown(&start(), LogFormat::Json, None), Some(format!("{line}\n")));
    let seen = |record: &Record| {
        [LogLevel::Debug, LogLevel::Info, LogLevel::Warn]
            .map(|level| shown(record, LogFormat::Json, Some(level)).is_some())
    };
    assert_eq!(seen(&start()), [true, true, false]);
    assert_eq!(seen(&init_report(Status::Success)), [true, false, false]);
    assert_eq!(seen(&init_report(Status::Timeout)), [true, true, true]);
    assert_eq!(seen(&runtime_done(Status::Success)), [true, false, false]);
    assert_eq!(seen(&runtime_done(Status::Failure)), [true, true, true]);
    assert_eq!(seen(&Record::Report(report(Status::Success, None, None))), [true, true, false]);
    assert_eq!(seen(&Record::Report(report(Status::Error, None, None))), [true, true, true]);
    assert_eq!(seen(&Record::End(End { request_id: "r-1".into() })), [false, false, false]);
    assert_eq!(seen(&Record::Fault("x".into())), [false, false, false]);
}
