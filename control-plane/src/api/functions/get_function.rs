use lambdock_domain::code::Digest;
use lambdock_domain::concurrency::Reserved;

use super::{found, named, show};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::invoke::LATEST;
use crate::wire::{Violation, shapes};

/// GetFunction: configuration, tags, reserved concurrency, and where the code can be downloaded.
///
/// # Errors
/// AWS's for names; not found.
pub async fn get_function(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetFunctionResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    let found = found(context, &named).await?;
    let id = found.function.id.clone();
    let reserved = context
        .store
        .transact(move |resources| Ok::<_, Error>(resources.attached::<Reserved>(&id, LATEST)?))
        .await?;
    let tags = &found.function.tags;
    let tags = (!tags.is_empty()).then(|| tags.clone().into_iter().collect());
    let subject = found.subject();
    Ok(shapes::GetFunctionResponse {
        configuration: Some(show::configuration(subject, named.arn(), show::Detail::Full)),
        code: Some(show::location(&subject.version.code, |digest| code_url(&context.external_host, digest))),
        tags,
        concurrency: reserved.map(|Reserved(reserved)| shapes::Concurrency {
            reserved_concurrent_executions: Some(reserved.into()),
        }),
        ..Default::default()
    })
}

/// Path of [`code_url`], before the digest.
const CODE_PATH: &str = "/_lambdock/code/";

/// Where an archive can be downloaded. Its name is the SHA-256 of its content, so nobody finds it who has not been
/// told.
pub(in crate::api) fn code_url(external_host: &str, digest: &str) -> String {
    format!("http://{external_host}{CODE_PATH}{digest}")
}

/// The archive that a path below `CODE_PATH` names.
pub fn archive_at(path: &str) -> Option<Digest> {
    let digest = path.strip_prefix(CODE_PATH)?;
    let is_digest =
        digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_digest.then(|| Digest(digest.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digests_name_archives() {
        let digest = "0123456789abcdef".repeat(4);
        let url = code_url("h:1", &digest);
        assert_eq!(archive_at(url.strip_prefix("http://h:1").unwrap()), Some(Digest(digest)));
        assert_eq!(archive_at("/_lambdock/code/../../etc/passwd"), None);
        assert_eq!(archive_at("/other"), None);
    }
}
