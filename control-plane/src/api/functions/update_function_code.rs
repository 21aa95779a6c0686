use lambdock_domain::{Error as DomainError, PackageType, layer};

use super::source;
use super::{changed, choose, named, show, storage};
use crate::api::resolve::Reach;
use crate::api::versions::{self, publish_to};
use crate::api::{Caller, Context, Error, fresh, now};
use crate::wire::{Violation, shapes};

/// UpdateFunctionCode: keeps the new code and serves it once it is prepared. With `Publish` the answer is about the new
/// version, which becomes Active together with `$LATEST`. `DryRun` checks everything, changes nothing and shows what
/// would be.
///
/// # Errors
/// AWS's for names and code; conflicts with the function's state; a stale revision.
pub async fn update_function_code(
    context: &Context,
    caller: &Caller,
    input: shapes::UpdateFunctionCodeRequest,
    violations: Vec<Violation>,
) -> Result<shapes::FunctionConfiguration, Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let function = context.store.function(&named.id).await?;
    let mut function = function.ok_or_else(|| named.not_found())?;
    let package_type = function.latest.configuration.package_type;
    check_source(&input, package_type)?;
    function.check_update(input.revision_id.as_deref())?;
    let publish_to = publish_to(input.publish_to.as_deref(), &function.latest.configuration)?;
    let source = shapes::FunctionCode {
        zip_file: input.zip_file,
        s3_bucket: input.s3_bucket,
        s3_key: input.s3_key,
        s3_object_version: input.s3_object_version,
        image_uri: input.image_uri,
        source_kms_key_arn: input.source_kms_key_arn,
    };
    let architecture = choose::architecture(input.architectures.as_deref());
    let wanted = architecture.unwrap_or(function.latest.configuration.architecture);
    let taken = source::take(context, &named.id.scope, source, package_type, wanted).await?;

    let unzipped_limit = context.rules.get().limits.code_size_unzipped;
    let update = move |function: &mut lambdock_domain::Function| {
        let mut configuration = function.latest.configuration.clone();
        layer::check_size(taken.code.unzipped(), &configuration.layers, unzipped_limit)?;
        configuration.architecture = architecture.unwrap_or(configuration.architecture);
        function.update(configuration, taken.code, input.revision_id.as_deref(), now(), fresh())
    };
    if input.dry_run == Some(true) {
        update(&mut function)?;
        return Ok(show::configuration(&function, named.id.arn(), show::Detail::Full));
    }
    let publish = input.publish == Some(true);
    let limits = context.rules.get().limits.clone();
    let updated = context.store.change(&named.id, move |changing| {
        let before = changing.function.latest.code.size();
        update(&mut changing.function)?;
        let publication = publish.then(|| versions::publish(changing, publish_to, None)).transpose()?;
        // The function itself is written, and counted, afterwards.
        let usage = changing.usage()?.with(before, changing.function.latest.code.size());
        storage::check(&limits, usage)?;
        Ok((changing.function.clone(), publication))
    });
    let (function, publication) = updated.await.map_err(|error| changed(error, &named))?;
    drop(taken.lease);
    let shown = match &publication {
        Some(publication) => {
            let subject = show::Subject::published(&named.id, publication.version());
            show::configuration(
                subject,
                named.id.qualified_arn(&subject.name.to_string()),
                show::Detail::Full,
            )
        }
        None => show::configuration(&function, named.id.arn(), show::Detail::Full),
    };
    context.activation.prepare(function.id, function.latest.deployment);
    Ok(shown)
}

/// [AWS: recorded]
fn check_source(input: &shapes::UpdateFunctionCodeRequest, package_type: PackageType) -> Result<(), Error> {
    let message = match package_type {
        PackageType::Image
            if input.image_uri.is_none() && (input.zip_file.is_some() || input.s3_bucket.is_some()) =>
        {
            "Please provide ImageUri when updating a function with packageType Image."
        }
        PackageType::Zip if input.image_uri.is_some() => {
            "Please don't provide ImageUri when updating a function with packageType Zip."
        }
        PackageType::Zip | PackageType::Image => return Ok(()),
    };
    Err(DomainError::InvalidParameter(message.to_owned()).into())
}
