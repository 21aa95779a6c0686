use lambdock_domain::LayerVersion;

use super::show;
use crate::api::page::Page;
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// ListLayers: each layer with its newest version, or its newest that suits a runtime or an architecture. A layer
/// without such a version is left out.
///
/// # Errors
/// Violations of the model; a marker that is none of ours.
pub async fn list_layers(
    context: &Context,
    caller: &Caller,
    input: shapes::ListLayersRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListLayersResponse, Error> {
    valid(violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let scope = caller.scope.clone();
    let (after, limit) = (page.after.clone().unwrap_or_default(), page.look_for());
    let newest = context
        .store
        .transact(move |resources| {
            let (runtime, architecture) = (&input.compatible_runtime, &input.compatible_architecture);
            let wanted = |version: &LayerVersion| version.suits(runtime.as_deref(), architecture.as_deref());
            Ok::<_, Error>(resources.layers(&scope, &after, limit, wanted)?)
        })
        .await?;
    let (layers, next_marker) = page.cut(newest, |version| version.layer.name.clone());
    let shown = layers.iter().map(|version| shapes::LayersListItem {
        layer_name: Some(version.layer.name.clone()),
        layer_arn: Some(version.layer.arn()),
        latest_matching_version: Some(show::item(version)),
    });
    Ok(shapes::ListLayersResponse { layers: Some(shown.collect()), next_marker })
}
