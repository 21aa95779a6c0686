//! Pure: how event invoke configurations look to clients.

use lambdock_domain::event_invoke::EventInvokeConfig;
use lambdock_domain::{Error, FunctionId};

use crate::wire::shapes;

/// The ARN has a qualifier always, destinations are there even if they are empty. [AWS: recorded]
pub(super) fn config(
    id: &FunctionId,
    qualifier: &str,
    config: EventInvokeConfig,
) -> shapes::FunctionEventInvokeConfig {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact for thousands of years")]
    let last_modified = config.last_modified.0 as f64 / 1000.0;
    shapes::FunctionEventInvokeConfig {
        last_modified: Some(last_modified),
        function_arn: Some(id.qualified_arn(qualifier)),
        maximum_retry_attempts: config.maximum_retry_attempts.map(Into::into),
        maximum_event_age_in_seconds: config.maximum_event_age_s.map(Into::into),
        destination_config: Some(shapes::DestinationConfig {
            on_success: Some(shapes::OnSuccess { destination: config.on_success }),
            on_failure: Some(shapes::OnFailure { destination: config.on_failure }),
        }),
    }
}

/// A version or an alias, or the function, without a configuration. [AWS: recorded]
pub(super) fn missing(id: &FunctionId, qualifier: &str) -> Error {
    let arn = id.qualified_arn(qualifier);
    Error::NotFound(format!("The function {arn} doesn't have an EventInvokeConfig"))
}

/// A function, a version or an alias that is not there, where one is to be configured. [AWS: recorded]
pub(super) fn no_function() -> Error {
    Error::NotFound("The function doesn't exist.".to_owned())
}
