//! Who answers a request: the Lambda API, one of our own endpoints, or nobody.

use std::io::Read as _;
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

use super::body;
use super::endpoints::{self, Process};
use super::function_urls::FunctionUrls;
use super::response_stream;
use super::runtimes;
use super::scope::{Credential, KeyDecoding, default_scope};
use super::server::{Body, Handler};
use super::upstream::{self, Upstream};
use super::{foreign, host, lambdock, localstack, origin};
use crate::api::functions::{self, archive_at};
use crate::api::invocations::{self, Invocation, StreamingInvocation};
use crate::api::{
    Caller, Context, Error, account, aliases, capacity_providers, code_signing, concurrency,
    durable_executions, event_invoke, event_source_mappings, function_urls, layers, new_id, permissions,
    provisioned_concurrency, recursion, runtime_management, scaling, tags, versions,
};
use crate::cloudwatch::LogForwarder;
use crate::config::Live;
use crate::executor::Executor;
use crate::function_url::host::Address;
use crate::init_scripts::InitScripts;
use crate::logs::Recent;
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::traces::Forwarder;
use crate::wire::operations as op;
use crate::wire::{self, Decoded, ErrorCode, Labels, Operation, OperationShape, ServiceError, Violation};

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
}

/// Told in every answer, under AWS's name and under LocalStack's.
const REQUEST_ID: [HeaderName; 2] =
    [HeaderName::from_static("x-amzn-requestid"), HeaderName::from_static("x-amz-request-id")];

/// By which clients recognise an emulator. (LocalStack)
const LOCALSTACK: HeaderName = HeaderName::from_static("x-localstack");

const TRACE_ID: &str = "x-amzn-trace-id";

const INVOCATION_TYPE: &str = "x-amz-invocation-type";

/// The trace header of a request.
fn trace_id(parts: &Parts) -> Option<String> {
    parts.headers.get(TRACE_ID).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

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
            return whole(self.archive(&digest).await);
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

    async fn operate(
        &self,
        operation: Operation,
        labels: &Labels,
        parts: &Parts,
        body: Incoming,
        caller: &Caller,
    ) -> Result<Response<Body>, ServiceError> {
        let body = body::read(body, self.limit(operation))
            .await
            .map_err(|fault| self.unreadable(operation, parts, fault))?;
        let request = wire::Request { labels, query: parts.uri.query(), headers: &parts.headers, body };
        let context = &self.context;
        macro_rules! call {
            ($operation:ty, $handler:path) => {
                self.call::<$operation, _>(&request, |input, violations| {
                    $handler(context, caller, input, violations)
                })
                .await
            };
        }
        match operation {
            Operation::CreateAlias => call!(op::CreateAlias, aliases::create_alias),
            Operation::DeleteAlias => call!(op::DeleteAlias, aliases::delete_alias),
            Operation::GetAlias => call!(op::GetAlias, aliases::get_alias),
            Operation::ListAliases => call!(op::ListAliases, aliases::list_aliases),
            Operation::UpdateAlias => call!(op::UpdateAlias, aliases::update_alias),
            Operation::ListVersionsByFunction => {
                call!(op::ListVersionsByFunction, versions::list_versions_by_function)
            }
            Operation::PublishVersion => call!(op::PublishVersion, versions::publish_version),
            Operation::CreateFunction => call!(op::CreateFunction, functions::create_function),
            Operation::DeleteFunction => call!(op::DeleteFunction, functions::delete_function),
            Operation::GetFunction => call!(op::GetFunction, functions::get_function),
            Operation::GetFunctionConfiguration => {
                call!(op::GetFunctionConfiguration, functions::get_function_configuration)
            }
            Operation::ListFunctions => call!(op::ListFunctions, functions::list_functions),
            Operation::UpdateFunctionCode => call!(op::UpdateFunctionCode, functions::update_function_code),
            Operation::UpdateFunctionConfiguration => {
                call!(op::UpdateFunctionConfiguration, functions::update_function_configuration)
            }
            Operation::GetAccountSettings => call!(op::GetAccountSettings, account::get_account_settings),
            Operation::AddPermission => call!(op::AddPermission, permissions::add_permission),
            Operation::GetPolicy => call!(op::GetPolicy, permissions::get_policy),
            Operation::RemovePermission => call!(op::RemovePermission, permissions::remove_permission),
            Operation::PublishLayerVersion => call!(op::PublishLayerVersion, layers::publish_layer_version),
            Operation::GetLayerVersion => call!(op::GetLayerVersion, layers::get_layer_version),
            Operation::GetLayerVersionByArn => {
                call!(op::GetLayerVersionByArn, layers::get_layer_version_by_arn)
            }
            Operation::ListLayerVersions => call!(op::ListLayerVersions, layers::list_layer_versions),
            Operation::ListLayers => call!(op::ListLayers, layers::list_layers),
            Operation::DeleteLayerVersion => call!(op::DeleteLayerVersion, layers::delete_layer_version),
            Operation::AddLayerVersionPermission => {
                call!(op::AddLayerVersionPermission, layers::add_layer_version_permission)
            }
            Operation::GetLayerVersionPolicy => {
                call!(op::GetLayerVersionPolicy, layers::get_layer_version_policy)
            }
            Operation::RemoveLayerVersionPermission => {
                call!(op::RemoveLayerVersionPermission, layers::remove_layer_version_permission)
            }
            Operation::TagResource => call!(op::TagResource, tags::tag_resource),
            Operation::UntagResource => call!(op::UntagResource, tags::untag_resource),
            Operation::ListTags => call!(op::ListTags, tags::list_tags),
            Operation::PutFunctionConcurrency => {
                call!(op::PutFunctionConcurrency, concurrency::put_function_concurrency)
            }
            Operation::GetFunctionConcurrency => {
                call!(op::GetFunctionConcurrency, concurrency::get_function_concurrency)
            }
            Operation::DeleteFunctionConcurrency => {
                call!(op::DeleteFunctionConcurrency, concurrency::delete_function_concurrency)
            }
            Operation::PutProvisionedConcurrencyConfig => call!(
                op::PutProvisionedConcurrencyConfig,
                provisioned_concurrency::put_provisioned_concurrency_config
            ),
            Operation::GetProvisionedConcurrencyConfig => call!(
                op::GetProvisionedConcurrencyConfig,
                provisioned_concurrency::get_provisioned_concurrency_config
            ),
            Operation::ListProvisionedConcurrencyConfigs => call!(
                op::ListProvisionedConcurrencyConfigs,
                provisioned_concurrency::list_provisioned_concurrency_configs
            ),
            Operation::DeleteProvisionedConcurrencyConfig => call!(
                op::DeleteProvisionedConcurrencyConfig,
                provisioned_concurrency::delete_provisioned_concurrency_config
            ),
            Operation::PutFunctionEventInvokeConfig => {
                call!(op::PutFunctionEventInvokeConfig, event_invoke::put_function_event_invoke_config)
            }
            Operation::UpdateFunctionEventInvokeConfig => {
                call!(op::UpdateFunctionEventInvokeConfig, event_invoke::update_function_event_invoke_config)
            }
            Operation::GetFunctionEventInvokeConfig => {
                call!(op::GetFunctionEventInvokeConfig, event_invoke::get_function_event_invoke_config)
            }
            Operation::DeleteFunctionEventInvokeConfig => {
                call!(op::DeleteFunctionEventInvokeConfig, event_invoke::delete_function_event_invoke_config)
            }
            Operation::ListFunctionEventInvokeConfigs => {
                call!(op::ListFunctionEventInvokeConfigs, event_invoke::list_function_event_invoke_configs)
            }
            Operation::CreateFunctionUrlConfig => {
                call!(op::CreateFunctionUrlConfig, function_urls::create_function_url_config)
            }
            Operation::UpdateFunctionUrlConfig => {
                call!(op::UpdateFunctionUrlConfig, function_urls::update_function_url_config)
            }
            Operation::GetFunctionUrlConfig => {
                call!(op::GetFunctionUrlConfig, function_urls::get_function_url_config)
            }
            Operation::DeleteFunctionUrlConfig => {
                call!(op::DeleteFunctionUrlConfig, function_urls::delete_function_url_config)
            }
            Operation::ListFunctionUrlConfigs => {
                call!(op::ListFunctionUrlConfigs, function_urls::list_function_url_configs)
            }
            Operation::CreateCodeSigningConfig => {
                call!(op::CreateCodeSigningConfig, code_signing::create_code_signing_config)
            }
            Operation::UpdateCodeSigningConfig => {
                call!(op::UpdateCodeSigningConfig, code_signing::update_code_signing_config)
            }
            Operation::GetCodeSigningConfig => {
                call!(op::GetCodeSigningConfig, code_signing::get_code_signing_config)
            }
            Operation::DeleteCodeSigningConfig => {
                call!(op::DeleteCodeSigningConfig, code_signing::delete_code_signing_config)
            }
            Operation::ListCodeSigningConfigs => {
                call!(op::ListCodeSigningConfigs, code_signing::list_code_signing_configs)
            }
            Operation::ListFunctionsByCodeSigningConfig => call!(
                op::ListFunctionsByCodeSigningConfig,
                code_signing::list_functions_by_code_signing_config
            ),
            Operation::PutFunctionCodeSigningConfig => {
                call!(op::PutFunctionCodeSigningConfig, code_signing::put_function_code_signing_config)
            }
            Operation::GetFunctionCodeSigningConfig => {
                call!(op::GetFunctionCodeSigningConfig, code_signing::get_function_code_signing_config)
            }
            Operation::DeleteFunctionCodeSigningConfig => {
                call!(op::DeleteFunctionCodeSigningConfig, code_signing::delete_function_code_signing_config)
            }
            Operation::PutRuntimeManagementConfig => {
                call!(op::PutRuntimeManagementConfig, runtime_management::put_runtime_management_config)
            }
            Operation::GetRuntimeManagementConfig => {
                call!(op::GetRuntimeManagementConfig, runtime_management::get_runtime_management_config)
            }
            Operation::PutFunctionRecursionConfig => {
                call!(op::PutFunctionRecursionConfig, recursion::put_function_recursion_config)
            }
            Operation::GetFunctionRecursionConfig => {
                call!(op::GetFunctionRecursionConfig, recursion::get_function_recursion_config)
            }
            Operation::PutFunctionScalingConfig => {
                call!(op::PutFunctionScalingConfig, scaling::put_function_scaling_config)
            }
            Operation::GetFunctionScalingConfig => {
                call!(op::GetFunctionScalingConfig, scaling::get_function_scaling_config)
            }
            Operation::CreateEventSourceMapping => {
                call!(op::CreateEventSourceMapping, event_source_mappings::create_event_source_mapping)
            }
            Operation::GetEventSourceMapping => {
                call!(op::GetEventSourceMapping, event_source_mappings::get_event_source_mapping)
            }
            Operation::UpdateEventSourceMapping => {
                call!(op::UpdateEventSourceMapping, event_source_mappings::update_event_source_mapping)
            }
            Operation::DeleteEventSourceMapping => {
                call!(op::DeleteEventSourceMapping, event_source_mappings::delete_event_source_mapping)
            }
            Operation::ListEventSourceMappings => {
                call!(op::ListEventSourceMappings, event_source_mappings::list_event_source_mappings)
            }
            Operation::CreateCapacityProvider => {
                call!(op::CreateCapacityProvider, capacity_providers::create_capacity_provider)
            }
            Operation::GetCapacityProvider => {
                call!(op::GetCapacityProvider, capacity_providers::get_capacity_provider)
            }
            Operation::UpdateCapacityProvider => {
                call!(op::UpdateCapacityProvider, capacity_providers::update_capacity_provider)
            }
            Operation::DeleteCapacityProvider => {
                call!(op::DeleteCapacityProvider, capacity_providers::delete_capacity_provider)
            }
            Operation::ListCapacityProviders => {
                call!(op::ListCapacityProviders, capacity_providers::list_capacity_providers)
            }
            Operation::ListFunctionVersionsByCapacityProvider => {
                call!(
                    op::ListFunctionVersionsByCapacityProvider,
                    capacity_providers::list_function_versions_by_capacity_provider
                )
            }
            Operation::Invoke => {
                let trace_id = trace_id(parts);
                self.call::<op::Invoke, _>(&request, |mut input, violations| {
                    let payload = input.payload.take().unwrap_or_default();
                    let invocation = Invocation { input, payload, trace_id };
                    invocations::invoke(context, caller, invocation, violations)
                })
                .await
            }
            Operation::InvokeAsync => {
                let trace_id = trace_id(parts);
                self.call::<op::InvokeAsync, _>(&request, |input, violations| {
                    invocations::invoke_async(context, caller, input, trace_id, violations)
                })
                .await
            }
            Operation::InvokeWithResponseStream => {
                let Decoded { mut input, violations } =
                    wire::decode::<op::InvokeWithResponseStream>(&request)?;
                let payload = input.payload.take().unwrap_or_default();
                let invocation = StreamingInvocation { input, payload, trace_id: trace_id(parts) };
                let answered =
                    invocations::invoke_with_response_stream(context, caller, invocation, violations).await;
                response_stream::render(answered.map_err(refusal)?)
            }
            Operation::CheckpointDurableExecution => {
                call!(op::CheckpointDurableExecution, durable_executions::checkpoint_durable_execution)
            }
            Operation::GetDurableExecution => {
                call!(op::GetDurableExecution, durable_executions::get_durable_execution)
            }
            Operation::GetDurableExecutionHistory => {
                call!(op::GetDurableExecutionHistory, durable_executions::get_durable_execution_history)
            }
            Operation::GetDurableExecutionState => {
                call!(op::GetDurableExecutionState, durable_executions::get_durable_execution_state)
            }
            Operation::ListDurableExecutionsByFunction => call!(
                op::ListDurableExecutionsByFunction,
                durable_executions::list_durable_executions_by_function
            ),
            Operation::SendDurableExecutionCallbackFailure => call!(
                op::SendDurableExecutionCallbackFailure,
                durable_executions::send_durable_execution_callback_failure
            ),
            Operation::SendDurableExecutionCallbackHeartbeat => call!(
                op::SendDurableExecutionCallbackHeartbeat,
                durable_executions::send_durable_execution_callback_heartbeat
            ),
            Operation::SendDurableExecutionCallbackSuccess => call!(
                op::SendDurableExecutionCallbackSuccess,
                durable_executions::send_durable_execution_callback_success
            ),
            Operation::StopDurableExecution => {
                call!(op::StopDurableExecution, durable_executions::stop_durable_execution)
            }
        }
    }

    /// Binds, calls, renders.
    async fn call<O: OperationShape, F>(
        &self,
        request: &wire::Request<'_>,
        handler: impl FnOnce(O::Input, Vec<Violation>) -> F,
    ) -> Result<Response<Body>, ServiceError>
    where
        F: Future<Output = Result<O::Output, Error>>,
    {
        let Decoded { input, violations } = wire::decode::<O>(request)?;
        let output = handler(input, violations).await.map_err(refusal)?;
        wire::encode::<O>(output).map(whole).map_err(|error| {
            ServiceError::new(ErrorCode::ServiceException, format!("The answer cannot be written: {error}"))
        })
    }

    /// Bytes of a body that the operation takes.
    fn limit(&self, operation: Operation) -> u64 {
        let limits = self.context.rules.get().limits.clone();
        match operation {
            Operation::CreateFunction | Operation::UpdateFunctionCode | Operation::PublishLayerVersion => {
                limits.create_function_request
            }
            Operation::Invoke | Operation::InvokeWithResponseStream => limits.request_payload,
            Operation::InvokeAsync => limits.invoke_async_payload,
            Operation::CheckpointDurableExecution => CHECKPOINT,
            _ => ORDINARY_REQUEST,
        }
    }

    fn unreadable(&self, operation: Operation, parts: &Parts, fault: body::Fault) -> ServiceError {
        let limits = self.context.rules.get().limits.clone();
        let limit = self.limit(operation);
        let is_event = parts.headers.get(INVOCATION_TYPE).is_some_and(|value| value == "Event");
        match fault {
            body::Fault::Incomplete => {
                let message = "The request's body did not arrive completely.";
                ServiceError::new(ErrorCode::SerializationException, message)
            }
            body::Fault::TooLarge(bytes)
                if matches!(
                    operation,
                    Operation::Invoke | Operation::InvokeAsync | Operation::InvokeWithResponseStream
                ) =>
            {
                let (kind, limit) = match operation {
                    Operation::InvokeAsync => ("Event", limit),
                    _ if is_event => ("Event", limits.event_payload),
                    _ => ("RequestResponse", limit),
                };
                let message = format!(
                    "{bytes} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
                );
                ServiceError::new(ErrorCode::RequestTooLargeException, message)
            }
            body::Fault::TooLarge(_) => ServiceError::new(
                ErrorCode::RequestEntityTooLargeException,
                format!("Request must be smaller than {limit} bytes for the {} operation", operation.name()),
            ),
        }
    }

    /// The bytes of a code archive, as they were uploaded.
    async fn archive(&self, digest: &lambdock_domain::code::Digest) -> Response<Bytes> {
        let (archives, wanted) = (self.context.archives.clone(), digest.clone());
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            archives.read(&wanted)?.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(Bytes::from(bytes))
        });
        match read.await {
            Ok(Ok(bytes)) => {
                let mut response = Response::new(bytes);
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
                response
            }
            _ => ServiceError::new(
                ErrorCode::ResourceNotFoundException,
                "There is no code at this address any more.",
            )
            .render(),
        }
    }
}

/// Most that requests may have that carry no code and no event, in bytes. [AWS: environment, policies and the rest of
/// a configuration stay far below]
const ORDINARY_REQUEST: u64 = 1 << 20;

/// The same for a checkpoint, which may have a result of 6 MB in it, as a string in JSON. [AWS: OperationPayload]
const CHECKPOINT: u64 = 16 << 20;

fn json(status: StatusCode, content: Option<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(content.unwrap_or_default());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// [LocalStack: status and type for what is not there]
fn not_implemented(message: &str) -> ServiceError {
    ServiceError::new(ErrorCode::InternalFailure, message).with_status(StatusCode::NOT_IMPLEMENTED)
}

/// The one place where errors become AWS's types.
pub(super) fn refusal(error: Error) -> ServiceError {
    use lambdock_domain::Error as Domain;
    match error {
        Error::Domain(domain) => {
            let code = match &domain {
                Domain::NotFound(_) => ErrorCode::ResourceNotFoundException,
                Domain::InvalidParameter(_) => ErrorCode::InvalidParameterValueException,
                Domain::InvalidParameterUntyped(message) => {
                    return ServiceError::new(ErrorCode::InvalidParameterValueException, message)
                        .without_type();
                }
                Domain::Conflict(_) => ErrorCode::ResourceConflictException,
                Domain::InUse(_) => ErrorCode::ResourceInUseException,
                Domain::RevisionMismatch => ErrorCode::PreconditionFailedException,
                Domain::PolicyRevisionMismatch | Domain::LayerPolicyRevisionMismatch => {
                    ErrorCode::PreconditionFailedException
                }
                Domain::NoPublishedVersion => ErrorCode::NoPublishedVersionException,
                Domain::NotAuthorized(_) => ErrorCode::AccessDeniedException,
                Domain::PolicyTooLong(_) => ErrorCode::PolicyLengthExceededException,
                Domain::CodeSigningConfigNotFound(_) => ErrorCode::CodeSigningConfigNotFoundException,
                Domain::ProvisionedConcurrencyConfigNotFound => {
                    ErrorCode::ProvisionedConcurrencyConfigNotFoundException
                }
                // [AWS: recorded] Without `Type`.
                Domain::NoCodeSigningConfig(_) => {
                    return ServiceError::new(ErrorCode::ResourceNotFoundException, domain.to_string())
                        .without_type();
                }
                Domain::RequestTooLarge(_) => ErrorCode::RequestEntityTooLargeException,
                Domain::CodeStorageExceeded => ErrorCode::CodeStorageExceededException,
                // [AWS: recorded] Says nothing about what it denies.
                Domain::ForeignAccount => {
                    return ServiceError::without_message(ErrorCode::AccessDeniedException);
                }
            };
            ServiceError::new(code, domain.to_string())
        }
        Error::Validation(violations) => ServiceError::validation(&violations),
        Error::ViolationAsParameter(message) => {
            ServiceError::new(ErrorCode::InvalidParameterValueException, message)
        }
        Error::RequestContent(message) => {
            ServiceError::new(ErrorCode::InvalidRequestContentException, message)
        }
        Error::PayloadTooLarge(message) => ServiceError::new(ErrorCode::RequestTooLargeException, message),
        Error::Throttled(throttle) => {
            ServiceError::new(ErrorCode::TooManyRequestsException, "Rate Exceeded.")
                .with_member("Reason", throttle.as_str())
        }
        Error::AlreadyStarted(message) => {
            ServiceError::new(ErrorCode::DurableExecutionAlreadyStartedException, message)
        }
        Error::CallbackTimeout(message) => ServiceError::new(ErrorCode::CallbackTimeoutException, message),
        Error::Recursive(message) => ServiceError::new(ErrorCode::RecursiveInvocationException, message),
        Error::Service(message) => ServiceError::new(ErrorCode::ServiceException, message),
    }
}
