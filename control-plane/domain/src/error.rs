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
    /// A code signing configuration that was asked for by its ARN does not exist.
    #[error("The Lambda code signing configuration {0} can not be found.")]
    NoCodeSigningConfig(String),
    /// A code signing configuration that a function should have does not exist.
    #[error(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: {0}."
    )]
    CodeSigningConfigNotFound(String),
    /// The version or alias has no provisioned concurrency.
    #[error("No Provisioned Concurrency Config found for this function")]
    ProvisionedConcurrencyConfigNotFound,
    /// The state of the resource does not allow it now.
    #[error("{0}")]
    Conflict(String),
    /// Another change of the resource is not finished.
    #[error("{0}")]
    InUse(String),
    /// The resource has changed since the client saw it.
    #[error(
        "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
         retrieve the latest Revision Id"
    )]
    RevisionMismatch,
    /// The policy has changed since the client saw it.
    #[error(
        "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the \
         latest Revision Id"
    )]
    PolicyRevisionMismatch,
    /// The policy of a layer version has changed since the client saw it.
    #[error(
        "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve the \
         latest Revision Id"
    )]
    LayerPolicyRevisionMismatch,
    /// A policy would be longer than it may be. `0`: what it would be, in bytes.
    #[error("The final policy size ({0}) is bigger than the limit ({limit}).", limit = crate::policy::SIZE_LIMIT)]
    PolicyTooLong(usize),
    /// The request or the archive in it is too large.
    #[error("{0}")]
    RequestTooLarge(String),
    /// The account's code storage is used up.
    #[error("Code storage limit exceeded.")]
    CodeStorageExceeded,
    /// A function of a capacity provider has no version that could run.
    #[error(
        "The function can't be invoked because no published version exists. For functions with capacity provider \
         configuration, either publish a version to $LATEST.PUBLISHED, or specify a published version qualifier."
    )]
    NoPublishedVersion,
    /// Nobody has allowed it.
    #[error("{0}")]
    NotAuthorized(String),
    /// The resource belongs to an account that this request may not act for.
    #[error("access denied")]
    ForeignAccount,
}

impl Error {
    /// No such function, version or alias; `arn` is qualified as the request was.
    pub fn function_not_found(arn: &str) -> Self {
        Self::NotFound(format!("Function not found: {arn}"))
    }

    /// No such alias; `arn` is the one that it would have.
    pub fn alias_not_found(arn: &str) -> Self {
        Self::NotFound(format!("Cannot find alias arn: {arn}"))
    }

    /// A resource of a function that it does not have, where AWS does not say which. [AWS: recorded for policies and
    /// function URLs]
    pub fn resource_not_found() -> Self {
        Self::NotFound("The resource you requested does not exist.".to_owned())
    }
}
