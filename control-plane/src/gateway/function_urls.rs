//! Requests for function URLs: read, made events, answered.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use lambdock_domain::function_url::FunctionUrl;
use lambdock_domain::policy::UrlAccess;
use lambdock_protocol::Mode;
use tracing::{debug, info, warn};

use super::body;
use super::dispatch::{Gateway, whole};
use super::refusals::refusal;
use super::response_stream;
use super::scope::{Credential, KeyDecoding};
use super::server::{Body, Peer};
use crate::api::invocations::{self, PayloadLimit, UrlInvocation};
use crate::api::resolve::Named;
use crate::api::{Caller, new_id};
use crate::function_url::event::{self, Caller as Signer};
use crate::function_url::host::Address;
use crate::function_url::prelude::{self, Prelude};
use crate::function_url::response::{self, Head};
use crate::function_url::signature::{Signature, Signed};
use crate::function_url::{Directory, Found, Target, cors};
use crate::invoke::trace::Fresh;
use crate::invoke::{End, LATEST, Outcome, Part, Start, Streamed};
use crate::wire::error::ERROR_TYPE;
use crate::wire::{ErrorCode, ServiceError};

/// What serves function URLs.
pub struct FunctionUrls {
    /// Which URL leads where.
    pub directory: Arc<Directory>,
    /// What callers must have.
    pub access: Access,
}

/// `ENFORCE_IAM`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Whoever has an URL may call it; where callers must sign, a signature has to be there. [LocalStack: less]
    Open,
    /// As on AWS: policies count, and signatures have to be right.
    Enforced {
        /// Secrets of which one must have made a signature.
        secrets: Vec<String>,
    },
}

/// AWS's name of the auth type of URLs whose callers sign.
const AWS_IAM: &str = "AWS_IAM";

/// AWS's name of the invoke mode of URLs that stream.
const RESPONSE_STREAM: &str = "RESPONSE_STREAM";

/// [AWS: recorded]
const FORBIDDEN: &str = r#"{"Message":"Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}"#;

/// [AWS: recorded]
const NOBODYS: &str = r#"{"Message":null}"#;

/// [AWS: recorded]
const FUNCTION_FAILED: &str = "Internal Server Error";

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

const TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// One request for a URL that is there.
struct Call<'a> {
    address: &'a Address,
    target: &'a Target,
    parts: &'a Parts,
    request_id: &'a str,
    trace_id: &'a str,
}

impl Gateway {
    /// Answers a request for the function URL at `address`.
    pub(super) async fn function_url(&self, address: Address, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let request_id = new_id();
        let trace_id = trace_id(&parts.headers);
        let mut response = match self.urls.directory.find(&self.context.store, &address).await {
            Ok(Found::Target(target)) => {
                let (request_id, trace_id) = (request_id.as_str(), trace_id.as_str());
                let call = Call { address: &address, target: &target, parts: &parts, request_id, trace_id };
                let mut response = self.call_url(&call, body).await;
                if let Some(cors) = &target.url.cors {
                    if cors::is_preflight(&parts.method, &parts.headers) {
                        response.headers_mut().extend(cors::preflight(cors, &parts.headers));
                    } else {
                        cors::apply(cors, &parts.headers, response.headers_mut());
                    }
                }
                response
            }
            Ok(Found::Gone) => denied(FORBIDDEN),
            Ok(Found::Unknown) => {
                info!(id = address.id, region = address.region, "no function has this URL");
                denied(NOBODYS)
            }
            Err(error) => {
                warn!(%error, "the store failed");
                whole(ServiceError::new(ErrorCode::ServiceException, error.to_string()).render())
            }
        };
        let headers = response.headers_mut();
        for (name, value) in [(REQUEST_ID, &request_id), (TRACE_ID, &trace_id)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.entry(name).or_insert(value);
            }
        }
        response
    }

    async fn call_url(&self, call: &Call<'_>, body: Incoming) -> Response<Body> {
        let Call { target, parts, .. } = call;
        if target.url.cors.is_some() && cors::is_preflight(&parts.method, &parts.headers) {
            return plain(StatusCode::OK, "");
        }
        if parts.headers.contains_key(UPGRADE) && wants_web_socket(&parts.headers) {
            return plain(
                StatusCode::BAD_REQUEST,
                r#"{"Message":"Function URLs take no WebSocket connections."}"#,
            );
        }
        if parts.method == Method::CONNECT {
            return plain(StatusCode::METHOD_NOT_ALLOWED, r#"{"Message":"Function URLs are no proxies."}"#);
        }
        let limit = self.context.rules.get().limits.request_payload;
        let body = match body::read(body, limit).await {
            Ok(body) => body,
            Err(body::Fault::TooLarge(bytes)) => {
                let message = PayloadLimit::Request(limit).exceeded(bytes);
                return whole(ServiceError::new(ErrorCode::RequestEntityTooLargeException, message).render());
            }
            Err(body::Fault::Incomplete) => {
                let message = "The request's body did not arrive completely.";
                return whole(ServiceError::new(ErrorCode::SerializationException, message).render());
            }
        };
        match admit(&self.urls.access, call, &body, self.key_decoding) {
            Ok(signer) => self.run_url(call, &body, signer.as_ref()).await,
            Err(why) => {
                debug!(function.arn = %target.function.arn(), why, "a call of a function URL was refused");
                denied(FORBIDDEN)
            }
        }
    }

    async fn run_url(&self, call: &Call<'_>, body: &[u8], signer: Option<&Signer>) -> Response<Body> {
        let Call { address, target, parts, request_id, trace_id } = call;
        let peer = parts.extensions.get::<Peer>();
        let request = event::Request {
            address,
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query(),
            version: parts.version,
            headers: &parts.headers,
            body,
            source_ip: &peer.map_or_else(|| "127.0.0.1".to_owned(), |Peer(address)| address.ip().to_string()),
            port: address.port().unwrap_or(80),
            request_id,
            trace_id,
            now: Timestamp::now(),
            caller: signer,
        };
        let payload = match request.event() {
            Ok(event) => Bytes::from(event),
            Err(error) => {
                return whole(ServiceError::new(ErrorCode::ServiceException, error.to_string()).render());
            }
        };
        let qualifier = Some(target.qualifier.clone()).filter(|qualifier| qualifier != LATEST);
        let named = Named { id: target.function.clone(), qualifier };
        let caller = Caller { scope: target.function.scope.clone(), request_id: (*request_id).to_owned() };
        let invocation = UrlInvocation { named, payload, trace_id: (*trace_id).to_owned() };
        let answered = if streams(&target.url) {
            match invocations::stream_function_url(&self.context, &caller, invocation).await {
                Ok(answer) => Ok(streamed(answer).await),
                Err(error) => Err(error),
            }
        } else {
            let answer = invocations::invoke_function_url(&self.context, &caller, invocation).await;
            answer.map(|answer| match answer.outcome {
                Outcome::Success => buffered(&answer.payload),
                Outcome::Unhandled => function_failed(),
            })
        };
        answered.unwrap_or_else(|error| {
            debug!(function.arn = %target.function.arn(), %error, "a function URL could not be served");
            whole(refusal(error).render())
        })
    }
}

fn streams(url: &FunctionUrl) -> bool {
    url.invoke_mode.as_deref() == Some(RESPONSE_STREAM)
}

/// Lets a call pass, and says who signed it where that matters.
fn admit(
    access: &Access,
    call: &Call<'_>,
    body: &[u8],
    decoding: KeyDecoding,
) -> Result<Option<Signer>, &'static str> {
    let Call { address, target, parts, .. } = call;
    let allowed = |access| target.policy.as_ref().is_some_and(|policy| policy.allows_url(access));
    if target.url.auth_type != AWS_IAM {
        return match access {
            Access::Enforced { .. } if !allowed(UrlAccess::Anonymous) => {
                Err("no statement of the policy allows everybody lambda:InvokeFunctionUrl")
            }
            Access::Enforced { .. } | Access::Open => Ok(None),
        };
    }
    let query = parts.uri.query();
    let signature = Signature::find(&parts.headers, query).ok_or("it is not signed")?;
    let credential = Credential::find(&parts.headers, query).ok_or("it is not signed")?;
    let account = credential.scope(decoding).account;
    let partition = target.function.scope.partition();
    let signer = Signer {
        access_key: signature.access_key.clone(),
        arn: format!("arn:{partition}:iam::{account}:root"),
        account,
    };
    let Access::Enforced { secrets } = access else { return Ok(Some(signer)) };
    let request = Signed {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query,
        headers: &parts.headers,
        body,
    };
    let now = Timestamp::now();
    if !secrets.iter().any(|secret| signature.is_of(request, secret, &address.region, now)) {
        return Err("the signature is not one of this request, or too old");
    }
    // What the account's own users may, their identity policies say, which are IAM's.
    let own = signer.account == target.function.scope.account;
    let named = UrlAccess::Account { account: &signer.account, root: &signer.arn };
    if own || allowed(named) {
        Ok(Some(signer))
    } else {
        Err("no statement of the policy allows the account")
    }
}

/// The response for a whole answer.
fn buffered(answer: &Bytes) -> Response<Body> {
    match response::response(answer) {
        Ok(response) => whole(response),
        Err(error) => {
            info!(%error, "a function URL answers 502");
            function_failed()
        }
    }
}

/// The response for an answer as it comes; waits for what its head is made of.
async fn streamed(mut answer: Streamed) -> Response<Body> {
    let Some(Part::Start(Start { content_type, mode })) = answer.next().await else {
        return function_failed();
    };
    if mode == Mode::Streaming && content_type.as_deref().is_some_and(is_integration_response) {
        return integrated(answer).await;
    }
    // An answer without prelude is content, whatever it looks like. [AWS: recorded]
    let content_type = content_type.and_then(|given| HeaderValue::try_from(given).ok());
    let mut response = Response::new(pieces(Bytes::new(), answer));
    response.headers_mut().insert(CONTENT_TYPE, content_type.unwrap_or(BYTES));
    response
}

/// The media type of streams that say nothing of theirs. [AWS: Runtime API]
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

fn is_integration_response(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(prelude::CONTENT_TYPE)
}

async fn integrated(mut answer: Streamed) -> Response<Body> {
    let mut prelude = Prelude::default();
    let (Head { status, mut headers }, rest) = loop {
        // A stream that ends within its prelude says nothing.
        let Some(Part::Chunk(piece)) = answer.next().await else { return function_failed() };
        match prelude.push(&piece) {
            Ok(None) => {}
            Ok(Some(found)) => break found,
            Err(error) => {
                info!(%error, "a function URL answers 502");
                return function_failed();
            }
        }
    };
    headers.entry(CONTENT_TYPE).or_insert(BYTES);
    let mut response = Response::new(pieces(rest, answer));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// The body of a streamed response. If the function fails midway it breaks off, so that no client takes it for whole.
fn pieces(first: Bytes, answer: Streamed) -> Body {
    let state = (Some(first).filter(|first| !first.is_empty()), answer);
    response_stream::body(stream::unfold(state, |(first, mut answer)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, answer)));
        }
        loop {
            return match answer.next().await? {
                Part::Start(_) => continue,
                Part::Chunk(piece) => Some((Ok(piece), (None, answer))),
                Part::End(End { error: None, .. }) => None,
                Part::End(End { error: Some(_), .. }) => {
                    // What is not on its way yet would be lost with the connection.
                    tokio::task::yield_now().await;
                    Some((Err("the function failed midway".into()), (None, answer)))
                }
            };
        }
    }))
}

fn wants_web_socket(headers: &HeaderMap) -> bool {
    headers.get_all(UPGRADE).iter().any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The trace that the caller is part of, or a new one.
fn trace_id(headers: &HeaderMap) -> String {
    let given = headers.get(TRACE_ID).and_then(|value| value.to_str().ok());
    given.map_or_else(
        || {
            let fresh = Fresh { seconds: Timestamp::now().as_second(), random: rand::random() };
            format!("Root={}", fresh.root())
        },
        str::to_owned,
    )
}

fn plain(status: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    whole(response)
}

fn denied(body: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::FORBIDDEN, body);
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static("AccessDeniedException"));
    response
}

/// The function raised, died, ran out of time, or its answer is none.
fn function_failed() -> Response<Body> {
    plain(StatusCode::BAD_GATEWAY, FUNCTION_FAILED)
}
