//! What Lambda refuses, in AWS's words. Which HTTP status and which error type that is, is the wire's business.

/// Why a request cannot be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A resource named by the request does not exist.
    #[error("{0}")]
    NotFound(String),
    /// A value is wrong.
    #[error("{0}")]
    InvalidParameter(String),
    /// The same where AWS leaves out who is to blame.
    #[error("{0}")]
    InvalidParameterUntyped(String),
    /// The state of the resource does not allow it now.
    #[error("{0}")]
    Conflict(String),
    /// The resource has changed since the client saw it.
    #[error(
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
         retrieve the latest Revision Id"
    )]
    RevisionMismatch,
    /// The request or the archive in it is too large.
    #[error("{0}")]
    RequestTooLarge(String),
    /// The account's code storage is used up.
    #[error("Code storage limit exceeded.")]
    CodeStorageExceeded,
    /// The resource belongs to an account that this request may not act for.
    #[error("access denied")]
    ForeignAccount,
}

impl Error {
    /// No such function, version or alias; `arn` is qualified as the request was.
    pub fn function_not_found(arn: &str) -> Self {
        Self::NotFound(format!("Function not found: {arn}"))
    }
}
