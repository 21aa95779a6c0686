//! The Extensions API: HTTP on one side, events on the other.
//!
//! [AWS: Lambda Extensions API 2020-01-01; order of checks and texts: runtime interface emulator]

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::body::{Collected, throw_away};
use super::render::{json_body, json_text, render, status, truncated};
use super::{Answer, Api};
use crate::clock;
use crate::lifecycle::{Event, Reply, When};
use crate::telemetry::{Refusal, subscription};

const NAME: &str = "lambda-extension-name";
const IDENTIFIER: &str = "lambda-extension-identifier";
const FEATURES: &str = "lambda-extension-accept-feature";
const EVENT_IDENTIFIER: &str = "lambda-extension-event-identifier";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";

/// Bytes of a body that are read.
const BODY_LIMIT: usize = 1 << 20;

/// What an extension is told of its function.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    /// Told only to those that ask for it.
    pub account_id: String,
    /// Name of the function.
    pub function_name: String,
    /// `$LATEST` or a number.
    pub function_version: String,
    /// `_HANDLER`.
    pub handler: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registration {
    #[serde(default)]
    events: Option<Vec<String>>,
    #[serde(default)]
    configuration_keys: Option<Vec<Value>>,
}

impl Api {
    /// Answers a call below `/2020-01-01/extension/`.
    pub(super) async fn extension(&self, request: Request<Incoming>) -> Answer {
        let Some(about) = &self.footing.extensions else { return status(StatusCode::NOT_FOUND) };
        let (parts, body) = request.into_parts();
        let headers = &parts.headers;
        let call = parts.uri.path().strip_prefix("/2020-01-01/extension/").unwrap_or_default();
        match (&parts.method, call) {
            (&Method::POST, "register") => self.register(about, headers, body).await,
            (&Method::GET, "event/next") => match identifier(headers) {
                Ok(id) => self.call(|call| Event::ExtensionNext { call, id }).await,
                Err(refusal) => render(Some(refusal)),
            },
            (&Method::POST, "init/error") => self.extension_error(headers, When::Init).await,
            (&Method::POST, "exit/error") => self.extension_error(headers, When::Exit).await,
            (_, "register" | "event/next" | "init/error" | "exit/error") => {
                status(StatusCode::METHOD_NOT_ALLOWED)
            }
            _ => super::not_found(),
        }
    }

    async fn register(&self, about: &About, headers: &HeaderMap, body: Incoming) -> Answer {
        let name = text(headers, NAME).unwrap_or_default().to_owned();
        if name.is_empty() {
            return refused("Extension.InvalidExtensionName", "Empty extension name");
        }
        let features = text(headers, FEATURES).unwrap_or_default();
        let wants_account = features.split(',').any(|feature| feature.trim() == "accountId");
        let body = match self.small(body).await {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let registration: Registration = match serde_json::from_slice(&body) {
            Ok(registration) => registration,
            Err(error) => return refused("InvalidRequestFormat", &error.to_string()),
        };
        if registration.configuration_keys.is_some_and(|keys| !keys.is_empty()) {
            let message = "configurationKeys are deprecated; use environment variables instead";
            return refused("InvalidRequestFormat", message);
        }
        let events = registration.events.unwrap_or_default();
        let id = Uuid::new_v4().to_string();
        match self.ask(|call| Event::Register { call, name, events, id }).await {
            Some(Reply::Registered { id }) => {
                let account = if wants_account {
                    format!(r#""accountId":{},"#, json!(about.account_id))
                } else {
                    String::new()
                };
                let body = format!(
                    r#"{{{account}"functionName":{},"functionVersion":{},"handler":{}}}"#,
                    json!(about.function_name),
                    json!(about.function_version),
                    json!(about.handler),
                );
                let mut response = json_text(StatusCode::OK, body);
                if let Ok(id) = HeaderValue::from_str(&id) {
                    response.headers_mut().insert(IDENTIFIER, id);
                }
                response
            }
            other => render(other),
        }
    }

    /// Answers a subscription of an extension to what is told.
    pub(super) async fn subscribe(
        &self,
        to: subscription::Api,
        headers: &HeaderMap,
        body: Incoming,
    ) -> Answer {
        if self.footing.extensions.is_none() {
            throw_away(body).await;
            return json_text(StatusCode::ACCEPTED, Refusal::not_supported(to).body());
        }
        let id = match identifier(headers) {
            Ok(id) => id,
            Err(refusal) => return render(Some(refusal)),
        };
        match self.ask(|call| Event::Identify { call, id }).await {
            Some(Reply::Identified { name }) => {
                let body = match self.small(body).await {
                    Ok(body) => body,
                    Err(refusal) => return refusal,
                };
                let (code, json) = self.footing.journal.put(to, &name, &body).await;
                json_text(StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), json)
            }
            other => render(other),
        }
    }

    /// A body of [`BODY_LIMIT`] at most, or why there is none.
    async fn small(&self, mut body: Incoming) -> Result<Bytes, Answer> {
        match self.collect(&mut body, BODY_LIMIT).await {
            Collected::Whole(body) => Ok(body),
            Collected::Truncated => Err(truncated()),
            Collected::TooLarge => {
                throw_away(body).await;
                let message = format!("Exceeded maximum allowed payload size ({BODY_LIMIT} bytes).");
                let error_type = "RequestEntityTooLarge";
                Err(render(Some(Reply::Refused { status: 413, error_type, message })))
            }
        }
    }

    async fn extension_error(&self, headers: &HeaderMap, when: When) -> Answer {
        let id = match identifier(headers) {
            Ok(id) => id,
            Err(refusal) => return render(Some(refusal)),
        };
        let Some(error_type) = text(headers, ERROR_TYPE).filter(|error_type| !error_type.is_empty()) else {
            return refused("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found");
        };
        let error_type = error_type.to_owned();
        self.call(|call| Event::ExtensionError { call, id, when, error_type }).await
    }
}

/// The caller's identifier, or why there is none.
pub(super) fn identifier(headers: &HeaderMap) -> Result<String, Reply> {
    let refusal =
        |error_type, message: &str| Reply::Refused { status: 403, error_type, message: message.to_owned() };
    let Some(id) = text(headers, IDENTIFIER).filter(|id| !id.is_empty()) else {
        let message = "Missing Lambda-Extension-Identifier header";
        return Err(refusal("Extension.MissingExtensionIdentifier", message));
    };
    match Uuid::parse_str(id) {
        Ok(id) => Ok(id.hyphenated().to_string()),
        Err(_) => Err(refusal("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")),
    }
}

/// An event for an extension.
pub(super) fn event(reply: &Reply) -> Option<Answer> {
    let body = match reply {
        Reply::ExtensionInvoke { invoke, deadline } => {
            let tracing = invoke.trace_id.as_ref().map_or_else(String::new, |trace| {
                format!(r#","tracing":{{"type":"X-Amzn-Trace-Id","value":{}}}"#, json!(trace))
            });
            format!(
                r#"{{"eventType":"INVOKE","deadlineMs":{},"requestId":{},"invokedFunctionArn":{}{tracing}}}"#,
                clock::at_ms(*deadline),
                json!(invoke.request_id),
                json!(invoke.invoked_function_arn),
            )
        }
        Reply::ExtensionShutdown { reason, deadline } => format!(
            r#"{{"eventType":"SHUTDOWN","deadlineMs":{},"shutdownReason":"{}"}}"#,
            clock::at_ms(*deadline),
            reason.name(),
        ),
        _ => return None,
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        response.headers_mut().insert(EVENT_IDENTIFIER, id);
    }
    Some(response)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn refused(error_type: &str, message: &str) -> Answer {
    json_body(StatusCode::FORBIDDEN, &json!({ "errorMessage": message, "errorType": error_type }))
}
