//! Errors of the API as AWS's types.

use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER};

use crate::api::Error;
use crate::wire::{ErrorCode, ServiceError};

/// Seconds after which a throttled caller may try again. [AWS: `retryAfterSeconds` of TooManyRequestsException, which says
/// no more than that it is a number] Executions end all the time: the least there is.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// [LocalStack: status and type for what is not there]
pub(super) fn not_implemented(message: &str) -> ServiceError {
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
        Error::PayloadTooLarge(message) => {
            ServiceError::new(ErrorCode::RequestEntityTooLargeException, message)
        }
        Error::Throttled(throttle) => {
            ServiceError::new(ErrorCode::TooManyRequestsException, "Rate Exceeded.")
                .with_member("Reason", throttle.as_str())
                .with_header(RETRY_AFTER, RETRY_AFTER_SECONDS)
        }
        Error::AlreadyStarted(message) => {
            ServiceError::new(ErrorCode::DurableExecutionAlreadyStartedException, message)
        }
        Error::CallbackTimeout(message) => ServiceError::new(ErrorCode::CallbackTimeoutException, message),
        Error::Recursive(message) => ServiceError::new(ErrorCode::RecursiveInvocationException, message),
        Error::Service(message) => ServiceError::new(ErrorCode::ServiceException, message),
    }
}
