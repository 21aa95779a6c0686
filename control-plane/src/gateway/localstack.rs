//! LocalStack's endpoints that look into this installation, and change it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::body;
use super::dispatch::Gateway;
use crate::api::reset;
use crate::config::Refusal;
use crate::init_scripts::InitScripts;

/// Most bytes of a request.
const REQUEST: u64 = 1 << 20;

/// Answers a request for one of the endpoints.
///
/// # Errors
/// It is for something else: its body, untouched.
pub(super) async fn answer(
    gateway: &Gateway,
    parts: &Parts,
    body: Incoming,
) -> Result<Response<Bytes>, Incoming> {
    let path = parts.uri.path();
    let (get, post) = (parts.method == Method::GET, parts.method == Method::POST);
    let (status, content) = match path {
        "/_localstack/config" if get => (StatusCode::OK, gateway.settings.shown().into()),
        "/_localstack/config" if post => change(gateway, body).await,
        "/_localstack/init" if get => (StatusCode::OK, gateway.init_scripts.shown()),
        "/_localstack/plugins" if get => (StatusCode::OK, plugins()),
        "/_localstack/diagnose" if get => debugging(gateway, diagnosis(gateway).await),
        "/_localstack/usage" if get => debugging(gateway, usage(gateway)),
        "/_localstack/state/reset" if post => match reset::reset(&gateway.context).await {
            Ok(()) => (StatusCode::OK, json!({})),
            Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        },
        "/_aws/lambda/init" if get => return Ok(init_binary(gateway)),
        "/_localstack/config"
        | "/_localstack/init"
        | "/_localstack/plugins"
        | "/_localstack/diagnose"
        | "/_localstack/usage"
        | "/_localstack/state/reset"
        | "/_aws/lambda/init" => {
            failed(StatusCode::METHOD_NOT_ALLOWED, "this endpoint does not take that method")
        }
        _ => match path.strip_prefix("/_localstack/init/") {
            Some(stage) if get => match gateway.init_scripts.shown_stage(stage) {
                Some(shown) => (StatusCode::OK, shown),
                None => failed(StatusCode::NOT_FOUND, &format!("no such stage {stage}")),
            },
            _ => return Err(body),
        },
    };
    let mut response = Response::new(content.to_string().into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn failed(status: StatusCode, message: &str) -> (StatusCode, Value) {
    (status, json!({ "error": message }))
}

/// What tells everything is there with `DEBUG=1` only. (LocalStack)
fn debugging(gateway: &Gateway, content: Value) -> (StatusCode, Value) {
    if gateway.settings.is_debugging() {
        (StatusCode::OK, content)
    } else {
        failed(StatusCode::NOT_FOUND, "this endpoint answers where DEBUG=1 is set")
    }
}

async fn change(gateway: &Gateway, body: Incoming) -> (StatusCode, Value) {
    let bytes = body::read(body, REQUEST).await.unwrap_or_default();
    let Ok(request) = serde_json::from_slice::<Value>(&bytes) else {
        return failed(StatusCode::BAD_REQUEST, "the body is not JSON");
    };
    let Some(variable) = request["variable"].as_str() else {
        return failed(StatusCode::BAD_REQUEST, "the body names no variable");
    };
    match gateway.settings.change(variable, &request["value"]) {
        Ok(value) => (StatusCode::OK, json!({ "variable": variable, "value": value })),
        Err(refusal @ Refusal::Disabled) => failed(StatusCode::NOT_FOUND, &refusal.to_string()),
        Err(refusal) => failed(StatusCode::BAD_REQUEST, &refusal.to_string()),
    }
}

/// Parts under the namespaces that LocalStack's plugins have.
fn plugins() -> Value {
    let plugin = |name: &str| json!({ "name": name, "is_initialized": true, "is_loaded": true });
    let runners: Vec<Value> = InitScripts::runners().map(plugin).collect();
    json!({
        "localstack.aws.provider": [plugin("lambda:default")],
        "localstack.init.runner": runners,
    })
}

async fn diagnosis(gateway: &Gateway) -> Value {
    let engine = match gateway.executor.describe().await {
        Ok(engine) => json!({
            "name": engine.name,
            "version": engine.version,
            "api-version": engine.api_version,
            "address": engine.address,
            "platform": engine.platform,
            "clock-ahead-ms": engine.clock_ahead_ms,
        }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    let kernel = std::fs::read_to_string("/proc/version").unwrap_or_default();
    json!({
        "version": {
            "localstack-version": { "build-version": crate::VERSION },
            "host": { "kernel": kernel.trim() },
        },
        "info": gateway.process.info(jiff::Timestamp::now()),
        "services": { "lambda": "running" },
        "config": gateway.settings.shown(),
        "engine": engine,
        "init": gateway.init_scripts.shown(),
        "usage": usage(gateway),
    })
}

/// What happened since the process began.
fn usage(gateway: &Gateway) -> Value {
    use std::sync::atomic::Ordering::Relaxed;
    let counters = gateway.context.events.counters();
    json!({
        "AsyncEventsReceived": counters.received.load(Relaxed),
        "AsyncEventsDropped": counters.dropped.load(Relaxed),
        "RecursiveInvocationsDropped": counters.recursive.load(Relaxed),
        "DestinationDeliveryFailures": counters.destination_failures.load(Relaxed),
        "DeadLetterErrors": counters.dead_letter_errors.load(Relaxed),
    })
}

/// The in-container init for this machine's processor.
fn init_binary(gateway: &Gateway) -> Response<Bytes> {
    let mut response = Response::new(gateway.init_binary.clone());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}
