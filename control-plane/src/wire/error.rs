//! Errors as AWS sends them.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

pub use super::generated::errors::ErrorCode;
use super::validate::{self, Violation};

/// An error of the API: a type of the model, or one that AWS sends besides, with a message.
///
/// Status, name of the message's member and `Type` follow from the type; [`ServiceError::without_type`] and the
/// `with_…` methods are for the cases where AWS does otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    code: ErrorCode,
    message: Option<String>,
    status: StatusCode,
    fault: Option<Fault>,
    members: Vec<(&'static str, String)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Who is to blame: the member `Type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The client.
    User,
    /// The service.
    Service,
}

impl Fault {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Service => "Service",
        }
    }
}

impl ErrorCode {
    /// AWS's name, such as `ResourceNotFoundException`.
    pub fn name(self) -> &'static str {
        self.details().0
    }

    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.details().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The member that carries the message: `Message` or `message`. SDKs look for nothing else.
    pub fn message_key(self) -> &'static str {
        self.details().2
    }

    /// `Type` of most errors with this code. [AWS: recorded] Errors that are not in the model have none.
    fn fault(self) -> Option<Fault> {
        if !self.is_modelled() {
            return None;
        }
        Some(if self.status().is_client_error() { Fault::User } else { Fault::Service })
    }
}

impl ServiceError {
    /// An error with a message for the client.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::without_message(code) }
    }

    /// An error whose message is null, as AWS's `AccessDeniedException` for foreign accounts.
    pub fn without_message(code: ErrorCode) -> Self {
        Self {
            code,
            message: None,
            status: code.status(),
            fault: code.fault(),
            members: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// `ValidationException` for violations of the model's constraints.
    pub fn validation(violations: &[Violation]) -> Self {
        Self::new(ErrorCode::ValidationException, validate::message(violations))
    }

    /// The same without `Type`, which AWS leaves out of some errors.
    #[must_use]
    pub fn without_type(mut self) -> Self {
        self.fault = None;
        self
    }

    /// The same with another member, such as `Reason`.
    #[must_use]
    pub fn with_member(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.members.push((name, value.into()));
        self
    }

    /// The same with a header, such as `Retry-After`.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The same with another status, such as 501 for `InternalFailure`. (LocalStack)
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The type.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The message, if there is one.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The response.
    pub fn render(&self) -> Response<Bytes> {
        let mut body = Map::new();
        if let Some(fault) = self.fault {
            body.insert("Type".to_owned(), fault.as_str().into());
        }
        for (name, value) in &self.members {
            body.insert((*name).to_owned(), value.as_str().into());
        }
        body.insert(self.code.message_key().to_owned(), self.message.as_deref().into());
        let mut response = Response::new(Value::Object(body).to_string().into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ERROR_TYPE, HeaderValue::from_static(self.code.name()));
        headers.extend(self.headers.iter().cloned());
        response
    }
}

/// The header by which SDKs know the type of an error.
pub const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message.as_deref().unwrap_or("no message"))
    }
}

impl std::error::Error for ServiceError {}

/// `Name: status "key of the message",` for the errors of the model; those that AWS sends besides are added here.
macro_rules! error_codes {
    ($($name:ident: $status:literal $key:literal,)*) => {
        $crate::wire::error::error_codes! {
            modelled { $($name: $status $key,)* }
            // [AWS: recorded] The first three; the others are errors common to all of AWS's services.
            besides {
                ValidationException: 400 "message",
                RequestEntityTooLargeException: 413 "message",
                AccessDeniedException: 403 "Message",
                UnrecognizedClientException: 403 "message",
                MissingAuthenticationTokenException: 403 "message",
                SerializationException: 400 "message",
                InternalFailure: 500 "message",
            }
        }
    };
    (
        modelled { $($name:ident: $status:literal $key:literal,)* }
        besides { $($other:ident: $other_status:literal $other_key:literal,)* }
    ) => {
        /// Types of errors.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = concat!("Status ", $status, ", of the model.")] $name,)*
            $(#[doc = concat!("Status ", $other_status, ", not in the model.")] $other,)*
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)* $(Self::$other,)*];

            pub(crate) const fn details(self) -> (&'static str, u16, &'static str) {
                match self {
                    $(Self::$name => (stringify!($name), $status, $key),)*
                    $(Self::$other => (stringify!($other), $other_status, $other_key),)*
                }
            }

            pub(crate) const fn is_modelled(self) -> bool {
                matches!(self, $(Self::$name)|*)
            }
        }
    };
}

pub(crate) use error_codes;

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;
    use serde_json::json;

    use super::*;

    fn check(error: &ServiceError, status: u16, body: Value) {
        let response = error.render();
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()[ERROR_TYPE], error.code().name());
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(serde_json::from_slice::<Value>(response.body()).unwrap(), body);
    }

    #[test]
    fn the_message_has_the_key_that_belongs_to_the_type() {
        let error = ServiceError::new(ErrorCode::ResourceNotFoundException, "m");
        check(&error, 404, json!({ "Type": "User", "Message": "m" }));
        let error = ServiceError::new(ErrorCode::InvalidParameterValueException, "m");
        check(&error, 400, json!({ "Type": "User", "message": "m" }));
        let error = ServiceError::new(ErrorCode::ServiceException, "m");
        check(&error, 500, json!({ "Type": "Service", "Message": "m" }));
    }

    #[test]
    fn errors_outside_the_model_have_no_type() {
        check(&ServiceError::new(ErrorCode::ValidationException, "m"), 400, json!({ "message": "m" }));
        check(
            &ServiceError::new(ErrorCode::RequestEntityTooLargeException, "m"),
            413,
            json!({ "message": "m" }),
        );
        check(
            &ServiceError::without_message(ErrorCode::AccessDeniedException),
            403,
            json!({ "Message": null }),
        );
    }

    #[test]
    fn what_aws_does_otherwise_can_be_said() {
        let error = ServiceError::new(ErrorCode::InvalidParameterValueException, "m").without_type();
        check(&error, 400, json!({ "message": "m" }));
        let error =
            ServiceError::new(ErrorCode::InternalFailure, "m").with_status(StatusCode::NOT_IMPLEMENTED);
        check(&error, 501, json!({ "message": "m" }));
        let error = ServiceError::new(ErrorCode::TooManyRequestsException, "Rate Exceeded.")
            .with_member("Reason", "ReservedFunctionConcurrentInvocationLimitExceeded")
            .with_header(RETRY_AFTER, HeaderValue::from_static("1"));
        let reason = "ReservedFunctionConcurrentInvocationLimitExceeded";
        check(&error, 429, json!({ "Reason": reason, "Type": "User", "message": "Rate Exceeded." }));
        assert_eq!(error.render().headers()[RETRY_AFTER], "1");
    }
}
