//! The table of operations: which handler answers which.

use http::Response;
use http::request::Parts;
use hyper::body::Incoming;

use super::dispatch::{Gateway, whole};
use super::refusals::refusal;
use super::response_stream;
use super::server::Body;
use crate::api::functions;
use crate::api::invocations::{self, Invocation, StreamingInvocation};
use crate::api::{
    Caller, Error, account, aliases, capacity_providers, code_signing, concurrency, durable_executions,
    event_invoke, event_source_mappings, function_urls, layers, permissions, provisioned_concurrency,
    recursion, runtime_management, scaling, tags, versions,
};
use crate::wire::operations as op;
use crate::wire::{self, Decoded, ErrorCode, Labels, Operation, OperationShape, ServiceError, Violation};

const TRACE_ID: &str = "x-amzn-trace-id";

/// The trace header of a request.
fn trace_id(parts: &Parts) -> Option<String> {
    parts.headers.get(TRACE_ID).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

impl Gateway {
    /// Reads the body, carries the operation out, renders what came of it.
    pub(super) async fn operate(
        &self,
        operation: Operation,
        labels: &Labels,
        parts: &Parts,
        body: Incoming,
        caller: &Caller,
    ) -> Result<Response<Body>, ServiceError> {
        let body = self
            .uploads
            .read(body, self.limit(operation))
            .await
            .map_err(|fault| self.unreadable(operation, fault))?;
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
}
