//! Where code comes from: out of the request, for now.

use std::io::Cursor;

use lambdock_domain::{Code, Error as DomainError, PackageType};

use crate::api::{Context, Error};
use crate::code::{Fault, Lease, inspect};
use crate::hot_reload;

/// What CreateFunction's `Code` and UpdateFunctionCode have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    /// `ZipFile`, decoded.
    pub(super) zip_file: Option<bytes::Bytes>,
    /// `S3Bucket`.
    pub(super) s3_bucket: Option<String>,
    /// `S3Key`.
    pub(super) s3_key: Option<String>,
    /// `ImageUri`.
    pub(super) image_uri: Option<String>,
    /// `SourceKMSKeyArn`.
    pub(super) source_kms_key_arn: Option<String>,
}

/// Code, and what keeps its archive until a function refers to it.
pub(super) struct Taken {
    /// For the function.
    pub(super) code: Code,
    /// Held until the function is stored.
    pub(super) lease: Option<Lease>,
}

/// Checks and keeps the code that came with a request.
///
/// # Errors
/// AWS's, if there is none or it cannot be used; ours, if the disk refuses.
pub(super) async fn take(
    context: &Context,
    source: Source,
    package_type: PackageType,
) -> Result<Taken, Error> {
    match package_type {
        PackageType::Zip => {
            if source.s3_bucket.as_ref() == Some(&context.rules.hot_reload_bucket) {
                return folder(source.s3_key.unwrap_or_default());
            }
            let Some(zip) = source.zip_file else {
                return Err(without_zip(&source));
            };
            let lease = keep(context, zip).await?;
            let code = Code::Zip {
                digest: lease.digest().clone(),
                size: lease.size,
                source_kms_key_arn: source.source_kms_key_arn,
            };
            Ok(Taken { code, lease: Some(lease) })
        }
        PackageType::Image => match source.image_uri {
            Some(uri) => Ok(Taken { code: Code::Image { uri, digest: None }, lease: None }),
            None => Err(DomainError::InvalidParameter(NO_SOURCE.to_owned()).into()),
        },
    }
}

fn folder(path: String) -> Result<Taken, Error> {
    if !hot_reload::is_absolute(&hot_reload::expanded(&path, hot_reload::variable)) {
        return Err(DomainError::InvalidParameter(format!(
            "When using hot reloading, the archive key has to be an absolute path! Your archive key: {path}"
        ))
        .into());
    }
    Ok(Taken { code: Code::Folder { path }, lease: None })
}

/// [AWS: CreateFunction and UpdateFunctionCode without any source]
const NO_SOURCE: &str = "Please provide a source for function code.";

fn without_zip(source: &Source) -> Error {
    if source.s3_bucket.is_some() {
        return Error::NotImplemented(
            "Code from S3 is not supported by this version of Lambdock; send it in ZipFile.".to_owned(),
        );
    }
    DomainError::InvalidParameter(NO_SOURCE.to_owned()).into()
}

async fn keep(context: &Context, zip: bytes::Bytes) -> Result<Lease, Error> {
    let limits = &context.rules.limits;
    if zip.len() as u64 > limits.code_size_zipped {
        let message = format!("Zipped size must be smaller than {} bytes", limits.code_size_zipped);
        return Err(DomainError::RequestTooLarge(message).into());
    }
    let (archives, unzipped) = (context.archives.clone(), limits.code_size_unzipped);
    let kept = tokio::task::spawn_blocking(move || {
        inspect(Cursor::new(&zip), unzipped).map_err(refused)?;
        archives.put(&zip).map_err(|error| {
            tracing::error!(%error, "a code archive cannot be kept");
            Error::Service(format!(
                "The code cannot be stored: {error}. Is the disk of LAMBDOCK_STATE_DIR full?"
            ))
        })
    });
    kept.await.map_err(|_| Error::Service("Lambdock is shutting down.".to_owned()))?
}

fn refused(fault: Fault) -> Error {
    DomainError::InvalidParameter(fault.to_string()).into()
}
