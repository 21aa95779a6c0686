use lambdock_domain::alias::Target;

use super::super::page::{self, Page};
use crate::api::functions::{named, show};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// ListVersionsByFunction: `$LATEST` first, then `$LATEST.PUBLISHED`, then by number.
///
/// # Errors
/// AWS's for names; not found; a marker that is none of ours.
pub async fn list_versions_by_function(
    context: &Context,
    caller: &Caller,
    input: shapes::ListVersionsByFunctionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListVersionsByFunctionResponse, Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let after = match (&page.after, &input.marker) {
        (Some(key), Some(marker)) => Some(Target::listed(key).ok_or_else(|| page::invalid(marker))?),
        _ => None,
    };
    let limit = page.look_for();
    let (function, versions) = context
        .store
        .read(&named.id, move |view| {
            Ok::<_, Error>((view.function()?, view.versions(after.and_then(Target::published), limit)?))
        })
        .await?;
    let function = function.ok_or_else(|| named.unqualified().not_found())?;
    let latest = after.is_none().then(|| show::Subject::from(&function));
    let published = versions.iter().map(|version| show::Subject::published(&named.id, version));
    let subjects: Vec<_> = latest.into_iter().chain(published).collect();
    let (subjects, next_marker) = page.cut(subjects, |subject| subject.name.to_string());
    let shown = subjects.into_iter().map(|subject| {
        show::configuration(subject, named.id.qualified_arn(&subject.name.to_string()), show::Detail::Listed)
    });
    Ok(shapes::ListVersionsByFunctionResponse { versions: Some(shown.collect()), next_marker })
}
