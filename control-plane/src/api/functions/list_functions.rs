use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as MARKER;
use lambdock_domain::Error as DomainError;

use super::show;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// Functions of a page. [AWS: 50, even when more are asked for]
const PAGE: usize = 50;

/// ListFunctions: `$LATEST` of each function, by name. With `FunctionVersion=ALL` qualified ARNs are shown.
///
/// # Errors
/// Violations of the model; a marker that is none of ours.
pub async fn list_functions(
    context: &Context,
    caller: &Caller,
    input: shapes::ListFunctionsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListFunctionsResponse, Error> {
    if !violations.is_empty() {
        return Err(Error::Validation(violations));
    }
    let after = input.marker.as_deref().map(read_marker).transpose()?;
    let asked = input.max_items.and_then(|items| usize::try_from(items).ok()).unwrap_or(PAGE);
    let page = asked.clamp(1, PAGE);
    let mut functions = context.store.functions(&caller.scope, after.as_deref(), page + 1).await?;
    let more = functions.len() > page;
    functions.truncate(page);
    let next_marker = functions.last().filter(|_| more).map(|last| MARKER.encode(&last.id.name));
    let qualified = input.function_version.is_some();
    let shown = functions.iter().map(|function| {
        let arn = if qualified { function.id.qualified_arn("$LATEST") } else { function.id.arn() };
        show::configuration(function, arn, show::Detail::Listed)
    });
    Ok(shapes::ListFunctionsResponse { functions: Some(shown.collect()), next_marker })
}

fn read_marker(marker: &str) -> Result<String, Error> {
    let name = MARKER.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    name.ok_or_else(|| DomainError::InvalidParameter(format!("Invalid marker: {marker}")).into())
}
