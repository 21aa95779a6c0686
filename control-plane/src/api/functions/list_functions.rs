use lambdock_domain::Error as DomainError;
use lambdock_domain::alias::Target;

use super::super::page::{self, Page};
use super::show;
use crate::api::{Caller, Context, Error, valid};
use crate::store::ListedVersion;
use crate::wire::{Violation, shapes};

/// ListFunctions: `$LATEST` of each function, by name. With `FunctionVersion=ALL` published versions too, all under
/// qualified ARNs.
///
/// # Errors
/// Violations of the model; a marker that is none of ours.
pub async fn list_functions(
    context: &Context,
    caller: &Caller,
    input: shapes::ListFunctionsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListFunctionsResponse, Error> {
    valid(violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    if let Some(region) = &input.master_region {
        if input.function_version.is_none() {
            let message = "FunctionVersion must be set to ALL when MasterRegion is specified.";
            return Err(DomainError::InvalidParameter(message.to_owned()).into());
        }
        // Replicas that CloudFront makes of functions of another region; there is no CloudFront here.
        if region != "ALL" {
            return Ok(shapes::ListFunctionsResponse { functions: Some(Vec::new()), next_marker: None });
        }
    }
    match input.function_version {
        Some(_) => every_version(context, caller, &page, input.marker.as_deref()).await,
        None => latest(context, caller, &page).await,
    }
}

async fn latest(
    context: &Context,
    caller: &Caller,
    page: &Page,
) -> Result<shapes::ListFunctionsResponse, Error> {
    let found = context.store.functions(&caller.scope, page.after.as_deref(), page.look_for()).await?;
    let (functions, next_marker) = page.cut(found, |function| function.id.name.clone());
    let shown = functions
        .iter()
        .map(|function| show::configuration(function, function.id.arn(), show::Detail::Listed));
    Ok(shapes::ListFunctionsResponse { functions: Some(shown.collect()), next_marker })
}

async fn every_version(
    context: &Context,
    caller: &Caller,
    page: &Page,
    marker: Option<&str>,
) -> Result<shapes::ListFunctionsResponse, Error> {
    let after = page.after.as_deref().map(|key| {
        let parts = key.split_once(SEPARATOR);
        let parts = parts.and_then(|(function, version)| Some((function, Target::listed(version)?)));
        parts.ok_or_else(|| page::invalid(marker.unwrap_or_default()))
    });
    let found = context.store.versions(&caller.scope, after.transpose()?, page.look_for()).await?;
    let (versions, next_marker) =
        page.cut(found, |ListedVersion { id, name, .. }| format!("{}{SEPARATOR}{name}", id.name));
    let shown = versions.iter().map(|ListedVersion { id, name, version }| {
        let subject = show::Subject { id, name: *name, version };
        show::configuration(subject, id.qualified_arn(&name.to_string()), show::Detail::Listed)
    });
    Ok(shapes::ListFunctionsResponse { functions: Some(shown.collect()), next_marker })
}

/// Between name and number in a marker; no name has it.
const SEPARATOR: char = ':';
