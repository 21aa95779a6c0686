use lambdock_domain::{Error as DomainError, LayerId, LayerVersion};

use super::show;
use crate::api::archive::{self, Object};
use crate::api::functions::storage;
use crate::api::{Caller, Context, Error, now, valid};
use crate::wire::{Violation, shapes};

/// PublishLayerVersion: the next version of a layer, which exists from its first on.
///
/// # Errors
/// Violations of the model; another account's layer; an archive that cannot be had or used; no room for it.
pub async fn publish_layer_version(
    context: &Context,
    caller: &Caller,
    input: shapes::PublishLayerVersionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::PublishLayerVersionResponse, Error> {
    valid(violations)?;
    let layer = LayerId::read(&input.layer_name.unwrap_or_default(), &caller.scope);
    if layer.scope != caller.scope {
        return Err(DomainError::ForeignAccount.into());
    }
    let content = input.content.unwrap_or_default();
    let kept = match (content.zip_file, content.s3_bucket, content.s3_key) {
        (Some(zip), _, _) => archive::keep(context, zip).await?,
        (None, Some(bucket), Some(key)) => {
            let object = Object { bucket, key, version: content.s3_object_version };
            archive::fetch(context, &layer.scope, &object).await?
        }
        _ => return Err(DomainError::InvalidParameter(archive::NO_SOURCE.to_owned()).into()),
    };
    let kept = archive::verified(context, kept).await?;
    let mut version = LayerVersion {
        layer,
        number: 0,
        digest: kept.lease.digest().clone(),
        size: kept.lease.size,
        unzipped: kept.unzipped,
        description: input.description.unwrap_or_default(),
        created: now(),
        runtimes: input.compatible_runtimes,
        architectures: input.compatible_architectures,
        license: input.license_info,
        policy: None,
    };
    let limits = context.rules.get().limits.clone();
    let version = context
        .store
        .transact(move |resources| {
            version.number = resources.next_layer_number(&version.layer)?;
            resources.put_layer_version(&version)?;
            storage::check(&limits, resources.usage(&version.layer.scope)?)?;
            Ok::<_, Error>(version)
        })
        .await?;
    drop(kept);
    let shown = show::whole(&version, &context.external_host);
    Ok(shapes::PublishLayerVersionResponse {
        content: shown.content,
        layer_arn: shown.layer_arn,
        layer_version_arn: shown.layer_version_arn,
        description: shown.description,
        created_date: shown.created_date,
        version: shown.version,
        compatible_runtimes: shown.compatible_runtimes,
        license_info: shown.license_info,
        compatible_architectures: shown.compatible_architectures,
    })
}
