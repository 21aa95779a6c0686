//! Where code comes from.

use lambdock_domain::code::repository;
use lambdock_domain::{Architecture, Code, Error as DomainError, PackageType, Scope};

use crate::api::archive::{self, Kept, NO_SOURCE, Object};
use crate::api::{Context, Error};
use crate::code::Lease;
use crate::executor;
use crate::hot_reload;
use crate::wire::shapes;

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
    source: shapes::FunctionCode,
    package_type: PackageType,
    architecture: Architecture,
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
            Some(uri) => image(context, uri, architecture).await,
            None => Err(DomainError::InvalidParameter(NO_SOURCE.to_owned()).into()),
        },
    }
}

async fn image(context: &Context, uri: String, architecture: Architecture) -> Result<Taken, Error> {
    let resolved = context.activation.resolve_image(&uri, architecture).await;
    let version = resolved.map_err(|error| {
        tracing::warn!(%error, "an image was refused");
        let message = match error {
            // [AWS: as users report it]
            executor::Error::ImageAccessDenied { .. } => {
                return DomainError::NotAuthorized(NO_ACCESS.to_owned());
            }
            _ if is_reference(&uri) => "does not exist",
            _ => "is not valid",
        };
        DomainError::InvalidParameter(format!("Source image {uri} {message}. Provide a valid source image."))
    })?;
    Ok(Taken { code: Code::Image { uri, version, own: None }, lease: None })
}

/// [AWS: as users report it]
const NO_ACCESS: &str = "Lambda does not have permission to access the ECR image. Check the ECR permissions.";

/// Whether it could be the name of an image: lower case, and nothing that names do not have.
/// [Docker: image references]
fn is_reference(uri: &str) -> bool {
    let (name, digest) = uri.split_once('@').map_or((uri, None), |(name, digest)| (name, Some(digest)));
    let repository = repository(name);
    let tag = name.strip_prefix(repository).and_then(|rest| rest.strip_prefix(':'));
    // The host may have letters of both cases, and a port.
    let path = repository.split_once('/').map_or(repository, |(_, path)| path);
    let is_word = |text: &str, extra: &[u8]| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte) || extra.contains(&byte))
    };
    is_word(repository, b"/:[]")
        && path.split('/').all(|part| is_word(part, b""))
        && !path.bytes().any(|byte| byte.is_ascii_uppercase())
        && tag.is_none_or(|tag| is_word(tag, b""))
        && digest.is_none_or(|digest| is_word(digest, b":+"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images_are_told_from_other_things() {
        for name in [
            "a",
            "a:1",
            "a/b_c-d.e",
            "LOCALHOST:5000/a/b:Tag.1",
            "000000000000.dkr.ecr.us-east-1.localhost.localstack.cloud:4566/repo:latest",
            "a@sha256:00",
            "a:1@sha256:00",
        ] {
            assert!(is_reference(name), "{name}");
        }
        for name in ["", "A:1", "h/A", "a:", "a b", "a:1:2", "a@", "https://h/a", "a/b?c"] {
            assert!(!is_reference(name), "{name}");
        }
    }
}
