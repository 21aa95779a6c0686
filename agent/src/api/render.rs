//! Replies as HTTP.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use super::{Answer, extensions};
use crate::clock;
use crate::lifecycle::Reply;

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const DEADLINE: &str = "lambda-runtime-deadline-ms";
const FUNCTION_ARN: &str = "lambda-runtime-invoked-function-arn";
const TRACE_ID: &str = "lambda-runtime-trace-id";
const CLIENT_CONTEXT: &str = "lambda-runtime-client-context";
const COGNITO_IDENTITY: &str = "lambda-runtime-cognito-identity";
const TENANT_ID: &str = "lambda-runtime-aws-tenant-id";
pub(super) fn truncated() -> Answer {
    let message = "HTTP request detected as truncated".to_owned();
    render(Some(Reply::Refused { status: 400, error_type: "TruncatedHTTPRequest", message }))
}

pub(super) fn render(reply: Option<Reply>) -> Answer {
    match reply {
        Some(Reply::Event { invoke, payload, deadline }) => {
            let mut response = Response::new(Full::new(payload));
            let headers = response.headers_mut();
            let kind = invoke.content_type.as_deref().unwrap_or("application/json");
            let deadline = clock::at_ms(deadline).to_string();
            let mut set = |name: &'static str, value: Option<&str>| {
                // What is no header value, such as a line break in a context, is left out rather than refused.
                if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
                    headers.insert(name, value);
                }
            };
            set("content-type", Some(kind));
            set(REQUEST_ID, Some(&invoke.request_id));
            set(DEADLINE, Some(&deadline));
            set(FUNCTION_ARN, Some(&invoke.invoked_function_arn));
            set(TRACE_ID, invoke.trace_id.as_deref());
            set(CLIENT_CONTEXT, invoke.client_context.as_deref());
            set(COGNITO_IDENTITY, invoke.cognito_identity.as_deref());
            set(TENANT_ID, invoke.tenant_id.as_deref());
            response
        }
        Some(Reply::Accepted) => json_body(StatusCode::ACCEPTED, &json!({ "status": "OK" })),
        Some(Reply::Restored | Reply::Permit) => status(StatusCode::OK),
        Some(reply @ (Reply::ExtensionInvoke { .. } | Reply::ExtensionShutdown { .. })) => {
            extensions::event(&reply).unwrap_or_else(|| status(StatusCode::INTERNAL_SERVER_ERROR))
        }
        Some(Reply::Refused { status, error_type, message }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            json_body(status, &json!({ "errorMessage": message, "errorType": error_type }))
        }
        Some(Reply::Registered { .. } | Reply::Identified { .. }) | None => {
            let body = json!({ "errorMessage": "Internal Server Error", "errorType": "InternalServerError" });
            json_body(StatusCode::INTERNAL_SERVER_ERROR, &body)
        }
    }
}

pub(super) fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

pub(super) fn json_body(status: StatusCode, body: &Value) -> Answer {
    json_text(status, body.to_string())
}

pub(super) fn json_text(status: StatusCode, mut body: String) -> Answer {
    body.push('\n');
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn text(status: StatusCode, body: &'static str) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

pub(super) fn status(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}
