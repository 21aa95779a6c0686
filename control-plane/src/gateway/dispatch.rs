//! Who answers a request: the Lambda API, one of our own endpoints, or nobody.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN, REFERER};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tracing::{Instrument, debug, debug_span, error, warn};

use super::body::Uploads;
use super::endpoints::{self, Process};
use super::function_urls::FunctionUrls;
use super::refusals::not_implemented;
use super::runtimes;
use super::scope::{Credential, KeyDecoding, default_scope};
use super::server::{Body, Handler};
use super::upstream::{self, Upstream};
use super::{download, foreign, host, lambdock, localstack, origin};
use crate::api::functions::archive_at;
use crate::api::{Caller, Context, new_id};
use crate::cloudwatch::{LogForwarder, MetricForwarder};
use crate::config::Live;
use crate::executor::Executor;
use crate::function_url::host::Address;
use crate::init_scripts::InitScripts;
use crate::logs::Recent;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::traces::Forwarder;
use crate::wire::{ErrorCode, Operation, ServiceError};

/// Answers everything that comes in on port 4566.
pub struct Gateway {
    /// What operations work with.
    pub context: Context,
    /// For our own endpoints.
    pub process: Process,
    /// As they are now.
    pub settings: Live,
    /// Scripts of the operator.
    pub init_scripts: Arc<InitScripts>,
    /// Where functions run.
    pub executor: Arc<dyn Executor>,
    /// The in-container init, as other tools may want it.
    pub init_binary: Bytes,
    /// Environments.
    pub pool: Pool,
    /// How functions do.
    pub metrics: Metrics,
    /// Where traces go.
    pub traces: Arc<Forwarder>,
    /// Where logs go.
    pub log_forwarder: Arc<LogForwarder>,
    /// Where figures go.
    pub metric_forwarder: MetricForwarder,
    /// The last lines of functions.
    pub recent_logs: Arc<Recent>,
    /// Which access keys name accounts.
    pub key_decoding: KeyDecoding,
    /// Where calls of other services go.
    pub upstream: Upstream,
    /// Which web pages may use the API.
    pub origins: origin::Rules,
    /// Under which names it answers.
    pub hosts: host::Rules,
    /// Serves function URLs.
    pub urls: FunctionUrls,
    /// Code that is on its way here.
    pub uploads: Uploads,
}

/// Told in every answer, under AWS's name and under LocalStack's.
const REQUEST_ID: [HeaderName; 2] =
    [HeaderName::from_static("x-amzn-requestid"), HeaderName::from_static("x-amz-request-id")];

/// By which clients recognise an emulator. (LocalStack)
const LOCALSTACK: HeaderName = HeaderName::from_static("x-localstack");

impl Handler for Gateway {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        // Which pages may call it, each function URL says itself.
        if let Some(address) = Address::find(request.uri(), request.headers()) {
            return self.function_url(address, request).await;
        }
        if !self.origins.admit(request.headers()) {
            let origin = request.headers().get(ORIGIN).or_else(|| request.headers().get(REFERER));
            warn!(?origin, "a web page was kept from using the API; EXTRA_CORS_ALLOWED_ORIGINS lets it");
            return forbidden("This web page may not use the API. EXTRA_CORS_ALLOWED_ORIGINS can name it.");
        }
        if let Err(name) = self.hosts.admit(request.uri(), request.headers()) {
            warn!(host = name, "a request was refused for its host name; LAMBDOCK_ALLOWED_HOSTS takes it");
            return forbidden(&format!(
                "Lambdock does not answer under the host name {name}, for a web page could have led it here. If it is \
                 yours, start Lambdock with LAMBDOCK_ALLOWED_HOSTS={name}."
            ));
        }
        let told = self.origins.told(request.headers());
        let mut response = if origin::Rules::is_preflight(request.method(), request.headers()) {
            whole(json(StatusCode::NO_CONTENT, None))
        } else {
            self.respond(request).await
        };
        response.headers_mut().extend(told);
        response
    }
}

impl Gateway {
    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        let credential = Credential::find(request.headers(), request.uri().query());
        if self.is_foreign(&request, credential.as_ref()) {
            return self.pass_on(request, credential).await;
        }
        let (parts, body) = request.into_parts();
        if let Some(mut response) = lambdock::answer(self, &parts).await {
            mark(response.headers_mut(), &new_id());
            return response;
        }
        let request_id = new_id();
        let span =
            debug_span!("request", request_id = %request_id, method = %parts.method, path = parts.uri.path());
        // A panic is our mistake, but one client's answer, not the end of its connection or of the process.
        let answered = AssertUnwindSafe(self.answer(&parts, body, credential, &request_id).instrument(span))
            .catch_unwind();
        let mut response = answered.await.unwrap_or_else(|_| {
            error!(request_id = %request_id, path = parts.uri.path(), "a request could not be answered; please report this");
            let message = "Lambdock failed while it answered this request; its log says more.";
            whole(ServiceError::new(ErrorCode::InternalFailure, message).render())
        });
        mark(response.headers_mut(), &request_id);
        response
    }

    /// Whether a request is another service's. One without credentials is if no operation of ours and none of our own
    /// endpoints answers it and there is somebody to ask.
    fn is_foreign(&self, request: &Request<Incoming>, credential: Option<&Credential>) -> bool {
        let path = request.uri().path();
        if OWN_PATHS.iter().any(|own| path.starts_with(own)) || path == "/health" {
            return false;
        }
        match credential {
            Some(credential) => credential.service != LAMBDA,
            None => {
                !self.upstream.is_empty()
                    && Operation::route(request.method(), path, request.uri().query()).is_none()
            }
        }
    }

    async fn pass_on(&self, request: Request<Incoming>, credential: Option<Credential>) -> Response<Body> {
        let service = credential.map(|credential| credential.service).filter(|service| !service.is_empty());
        let headers = request.headers().clone();
        match self.upstream.forward(service.as_deref(), request).await {
            Ok(response) => response,
            Err(error) => {
                debug!(service, %error, "not passed on");
                let (status, code) = match error {
                    upstream::Error::NotNamed { .. } | upstream::Error::Nobodys => {
                        (StatusCode::NOT_IMPLEMENTED, "InternalFailure")
                    }
                    upstream::Error::Unreachable { .. } | upstream::Error::Loop(_) => {
                        (StatusCode::BAD_GATEWAY, "ServiceUnavailable")
                    }
                };
                let mut refusal =
                    foreign::refusal(service.as_deref(), &headers, status, code, &error.to_string());
                mark(refusal.headers_mut(), &new_id());
                whole(refusal)
            }
        }
    }
}

/// Paths of our own endpoints begin so.
const OWN_PATHS: [&str; 3] = ["/_localstack/", "/_lambdock/", "/_aws/"];

/// Puts into an answer of ours what all of them have.
fn mark(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(id) = HeaderValue::try_from(request_id) {
        for name in REQUEST_ID {
            headers.insert(name, id.clone());
        }
    }
    headers.insert(LOCALSTACK, HeaderValue::from_static("true"));
}

fn forbidden(message: &str) -> Response<Body> {
    whole(ServiceError::new(ErrorCode::AccessDeniedException, message).render())
}

/// A response whose body is there.
pub(super) fn whole(response: Response<Bytes>) -> Response<Body> {
    response.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// The service in the scope of credentials that is ours.
const LAMBDA: &str = "lambda";

impl Gateway {
    async fn answer(
        &self,
        parts: &Parts,
        body: Incoming,
        credential: Option<Credential>,
        request_id: &str,
    ) -> Response<Body> {
        let (path, query) = (parts.uri.path(), parts.uri.query());
        if let Some((status, content)) =
            endpoints::answer(&self.process, &parts.method, path, jiff::Timestamp::now())
        {
            return whole(json(status, content.map(|content| content.to_string().into())));
        }
        if let Some((status, content)) = runtimes::answer(&parts.method, path, query) {
            return whole(json(status, content.map(|content| content.to_string().into())));
        }
        let body = match localstack::answer(self, parts, body).await {
            Ok(answer) => return whole(answer),
            Err(body) => body,
        };
        if let (&Method::GET, Some(digest)) = (&parts.method, archive_at(path)) {
            return download::archive(&self.context, &digest).await;
        }
        let Some((operation, labels)) = Operation::route(&parts.method, path, query) else {
            let message = format!("No operation of Lambda's API answers {} {path}.", parts.method);
            return whole(not_implemented(&message).render());
        };
        let scope = credential.map_or_else(default_scope, |credential| credential.scope(self.key_decoding));
        let caller = Caller { scope, request_id: request_id.to_owned() };
        match self.operate(operation, &labels, parts, body, &caller).await {
            Ok(response) => response,
            Err(refusal) => {
                debug!(operation = operation.name(), error = %refusal, "refused");
                whole(refusal.render())
            }
        }
    }
}

fn json(status: StatusCode, content: Option<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(content.unwrap_or_default());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
