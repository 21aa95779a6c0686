//! An extension on AWS's Rust crate. Its file's name chooses what it is: `events`, or `telemetry` or `logs` to also
//! subscribe to one of those. What it is told it notes in `/shared/notes`, a JSON array on each line.

use std::fs::OpenOptions;
use std::io::Write;

use lambda_extension::{
    Error, Extension, LambdaEvent, LambdaLog, LambdaTelemetry, NextEvent, SharedService, service_fn,
};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let extension = Extension::new().with_events_processor(service_fn(event));
    match name().as_str() {
        "telemetry" => {
            let processor = SharedService::new(service_fn(telemetry));
            extension.with_telemetry_port_number(4301).with_telemetry_processor(processor).run().await
        }
        "logs" => {
            let processor = SharedService::new(service_fn(logs));
            extension.with_log_port_number(4302).with_logs_processor(processor).run().await
        }
        _ => extension.run().await,
    }
}

fn name() -> String {
    let path = std::env::args().next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

fn note(kind: &str, value: Value) -> Result<(), Error> {
    let mut notes = OpenOptions::new().append(true).create(true).open("/shared/notes")?;
    // At once: others write to it, too.
    Ok(notes.write_all(format!("{}\n", json!([name(), kind, value])).as_bytes())?)
}

async fn event(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => note("invoke", json!(invoke.request_id)),
        NextEvent::Shutdown(shutdown) => note("shutdown", json!(shutdown.shutdown_reason)),
    }
}

async fn telemetry(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    events.into_iter().try_for_each(|event| note("told", json!(format!("{:?}", event.record))))
}

async fn logs(events: Vec<LambdaLog>) -> Result<(), Error> {
    events.into_iter().try_for_each(|event| note("told", json!(format!("{:?}", event.record))))
}
