use lambdock_domain::{LayerId, LayerVersion};

use super::show;
use crate::api::page::Page;
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// ListLayerVersions: the newest first, those that suit a runtime or an architecture, or all. A layer that is not there
/// has none. [AWS: recorded]
///
/// # Errors
/// Violations of the model; a marker that is none of ours.
pub async fn list_layer_versions(
    context: &Context,
    caller: &Caller,
    input: shapes::ListLayerVersionsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListLayerVersionsResponse, Error> {
    valid(violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let layer = LayerId::read(&input.layer_name.unwrap_or_default(), &caller.scope);
    let versions =
        context.store.transact(move |resources| Ok::<_, Error>(resources.layer_versions(&layer)?)).await?;
    let (runtime, architecture) = (input.compatible_runtime, input.compatible_architecture);
    let shown = versions.into_iter().filter(|version| {
        version.admits(&caller.scope.account) && version.suits(runtime.as_deref(), architecture.as_deref())
    });
    let (versions, next_marker) = page.part(shown.collect(), descending);
    let layer_versions = Some(versions.iter().map(show::item).collect());
    Ok(shapes::ListLayerVersionsResponse { layer_versions, next_marker })
}

/// A key that grows as numbers fall.
fn descending(version: &LayerVersion) -> String {
    format!("{:020}", u64::MAX - version.number)
}
