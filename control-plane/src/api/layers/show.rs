//! Pure: layer versions as clients see them.

use lambdock_domain::LayerVersion;

use crate::api::functions::{code_url, show};
use crate::wire::shapes;

/// In lists.
pub(super) fn item(version: &LayerVersion) -> shapes::LayerVersionsListItem {
    shapes::LayerVersionsListItem {
        layer_version_arn: Some(version.arn()),
        version: i64::try_from(version.number).ok(),
        description: Some(version.description.clone()),
        created_date: Some(show::date(version.created)),
        compatible_runtimes: version.runtimes.clone(),
        license_info: version.license.clone(),
        compatible_architectures: version.architectures.clone(),
    }
}

/// By itself.
pub(super) fn whole(version: &LayerVersion, external_host: &str) -> shapes::GetLayerVersionResponse {
    let item = item(version);
    shapes::GetLayerVersionResponse {
        content: Some(shapes::LayerVersionContentOutput {
            location: Some(code_url(external_host, &version.digest.0)),
            code_sha256: show::archive_sha256(&version.digest),
            code_size: i64::try_from(version.size).ok(),
            ..Default::default()
        }),
        layer_arn: Some(version.layer.arn()),
        layer_version_arn: item.layer_version_arn,
        description: item.description,
        created_date: item.created_date,
        version: item.version,
        compatible_runtimes: item.compatible_runtimes,
        license_info: item.license_info,
        compatible_architectures: item.compatible_architectures,
    }
}
