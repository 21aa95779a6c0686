use lambdock_domain::function_url::FunctionUrl;

use super::{read, show};
use crate::api::functions::named;
use crate::api::page::Page;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// ListFunctionUrlConfigs: of the function and of its aliases, by qualifier.
///
/// # Errors
/// AWS's for names; a function that is missing; a marker that is none of ours.
pub async fn list_function_url_configs(
    context: &Context,
    caller: &Caller,
    input: shapes::ListFunctionUrlConfigsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListFunctionUrlConfigsResponse, Error> {
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let urls = context
        .store
        .transact(move |resources| {
            if resources.function(&named.id)?.is_none() {
                return Err(Error::from(read::no_function()));
            }
            Ok(resources.attached_to::<FunctionUrl>(&named.id)?)
        })
        .await?;
    let (urls, next_marker) = page.part(urls, |url| url.qualifier.clone());
    let host = &context.external_host;
    let shown = urls.into_iter().map(|url| show::config(host, &url.function, &url.qualifier, url.value));
    Ok(shapes::ListFunctionUrlConfigsResponse { function_url_configs: Some(shown.collect()), next_marker })
}
