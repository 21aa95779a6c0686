//! Where code comes from.

use lambdock_domain::{Code, Error as DomainError, PackageType, Scope};

use crate::api::archive::{self, Kept, NO_SOURCE, Object};
use crate::api::{Context, Error};
use crate::code::Lease;
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
    /// `S3ObjectVersion`.
    pub(super) s3_object_version: Option<String>,
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
    scope: &Scope,
    source: Source,
    package_type: PackageType,
) -> Result<Taken, Error> {
    match package_type {
        PackageType::Zip => {
            if source.s3_bucket.as_ref() == Some(&context.rules.get().hot_reload_bucket) {
                return folder(source.s3_key.unwrap_or_default());
            }
            let Kept { lease, unzipped } = match (source.zip_file, source.s3_bucket, source.s3_key) {
                (Some(zip), _, _) => archive::keep(context, zip).await?,
                (None, Some(bucket), Some(key)) => {
                    let object = Object { bucket, key, version: source.s3_object_version };
                    archive::fetch(context, scope, &object).await?
                }
                _ => return Err(DomainError::InvalidParameter(NO_SOURCE.to_owned()).into()),
            };
            let code = Code::Zip {
                digest: lease.digest().clone(),
                size: lease.size,
                unzipped,
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
