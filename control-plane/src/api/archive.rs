//! Archives that requests bring along, or that they name.

use std::io::{BufReader, Cursor};

use bytes::Bytes;
use http::Method;
use lambdock_domain::{Error as DomainError, Scope};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;

use super::{Context, Error};
use crate::code::{self, Fault, Lease, inspect};
use crate::services::{self, Http};

/// [AWS: CreateFunction and UpdateFunctionCode without any source]
pub(super) const NO_SOURCE: &str = "Please provide a source for function code.";

/// An archive that is here.
pub(super) struct Kept {
    /// Keeps it until a resource refers to it.
    pub(super) lease: Lease,
    /// Bytes of what is in it.
    pub(super) unzipped: u64,
}

/// An object in S3.
#[derive(Debug, Clone)]
pub(super) struct Object {
    /// Name of its bucket.
    pub(super) bucket: String,
    /// Its key.
    pub(super) key: String,
    /// Of several versions, which one.
    pub(super) version: Option<String>,
}

/// Pieces of an object that are on their way to the disk.
const PIECES: usize = 16;

/// What stands for itself in paths and query strings. [AWS: Signature Version 4, `UriEncode`]
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// Checks and keeps an archive that came in a request.
///
/// # Errors
/// AWS's, if it is too large or not an archive; ours, if the disk refuses.
pub(super) async fn keep(context: &Context, zip: Bytes) -> Result<Kept, Error> {
    let limits = context.rules.get().limits.clone();
    if zip.len() as u64 > limits.code_size_zipped {
        let message = format!("Zipped size must be smaller than {} bytes", limits.code_size_zipped);
        return Err(DomainError::RequestTooLarge(message).into());
    }
    let (archives, unzipped) = (context.archives.clone(), limits.code_size_unzipped);
    on_disk(move || {
        let unzipped = inspect(Cursor::new(&zip), unzipped).map_err(refused)?;
        Ok(Kept { lease: archives.put(&zip).map_err(disk)?, unzipped })
    })
    .await
}

/// Finds damage in an archive by unpacking it into nowhere, for resources that nothing prepares afterwards. One that is
/// refused is gone.
///
/// # Errors
/// AWS's, if it is damaged or its directory lies about sizes; ours, if the disk refuses.
pub(super) async fn verified(context: &Context, kept: Kept) -> Result<Kept, Error> {
    let (archives, limit) = (context.archives.clone(), context.rules.get().limits.code_size_unzipped);
    let digest = kept.lease.digest().clone();
    let verified = on_disk({
        let digest = digest.clone();
        move || {
            let archive = archives.read(&digest).map_err(disk)?;
            code::verify(BufReader::new(archive), limit).map_err(refused)
        }
    });
    match verified.await {
        Ok(()) => Ok(kept),
        Err(refused) => {
            drop(kept);
            context.activation.unused(&digest).await;
            Err(refused)
        }
    }
}

/// Fetches an archive from S3 and keeps it.
///
/// # Errors
/// AWS's, if S3 does not give it, if it is too large or not an archive; ours, if the disk refuses or nobody plays S3.
pub(super) async fn fetch(context: &Context, scope: &Scope, object: &Object) -> Result<Kept, Error> {
    let limits = context.rules.get().limits.clone();
    let archives = context.archives.clone();
    let (pieces, mut arriving) = mpsc::channel::<Bytes>(PIECES);
    let received = on_disk(move || {
        let mut draft = archives.draft().map_err(disk)?;
        while let Some(piece) = arriving.blocking_recv() {
            draft.write(&piece).map_err(disk)?;
        }
        Ok(draft)
    });
    let path = format!(
        "/{}/{}",
        utf8_percent_encode(&object.bucket, ENCODED),
        utf8_percent_encode(&object.key, ENCODED_PATH)
    );
    let version = object.version.as_ref();
    let query = version.map(|version| format!("versionId={}", utf8_percent_encode(version, ENCODED)));
    let request = Http {
        service: "s3",
        scope,
        method: Method::GET,
        path: &path,
        query: query.as_deref().unwrap_or_default(),
        headers: &[],
        body: Bytes::new(),
    };
    // An archive is smaller than what is in it, or there is nothing to win.
    let fetched = context.services.download(request, limits.code_size_unzipped, pieces);
    let (fetched, received) = tokio::join!(fetched, received);
    let mut draft = match (fetched, received) {
        // What the disk says is the reason for the other one.
        (_, Err(error)) => return Err(error),
        (Err(error), Ok(_)) => return Err(not_fetched(error, object, limits.code_size_unzipped)),
        (Ok(()), Ok(draft)) => draft,
    };
    let unzipped = limits.code_size_unzipped;
    on_disk(move || {
        let unzipped = inspect(BufReader::new(draft.file()), unzipped).map_err(refused)?;
        Ok(Kept { lease: draft.keep().map_err(disk)?, unzipped })
    })
    .await
}

fn not_fetched(error: services::Error, object: &Object, limit: u64) -> Error {
    let message = match error {
        // [AWS: as users report it]
        services::Error::Refused { code, message } if code == "AccessDenied" => {
            return DomainError::NotAuthorized(format!(
                "Your access has been denied by S3, please make sure your request credentials have permission to \
                 GetObject for {}/{}. S3 Error Code: {code}. S3 Error Message: {message}",
                object.bucket, object.key
            ))
            .into();
        }
        // [AWS: Lambda, troubleshoot deployment issues]
        services::Error::OtherRegion(region) => format!(
            "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: The bucket is in this \
             region: {region}. Please use this region to retry the request"
        ),
        // [AWS: recorded]
        services::Error::Refused { code, message } => {
            format!("Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {message}")
        }
        services::Error::TooLarge => format!("Unzipped size must be smaller than {limit} bytes"),
        services::Error::NotNamed => {
            "The archive is in S3, but nobody plays S3 for this Lambdock: AWS_ENDPOINT_URL_S3 \
             or AWS_ENDPOINT_URL names who does. Or send the archive in ZipFile."
                .to_owned()
        }
        services::Error::Unusable(reason) => {
            return Error::Service(format!("The archive cannot be fetched from S3: {reason}"));
        }
    };
    DomainError::InvalidParameter(message).into()
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Error::Service("Lambdock is shutting down.".to_owned()))?
}

fn disk(error: std::io::Error) -> Error {
    tracing::error!(%error, "an archive cannot be kept");
    Error::Service(format!("The code cannot be stored: {error}. Is the disk of LAMBDOCK_STATE_DIR full?"))
}

fn refused(fault: Fault) -> Error {
    DomainError::InvalidParameter(fault.to_string()).into()
}
