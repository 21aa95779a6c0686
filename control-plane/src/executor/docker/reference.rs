//! Which image a reference means: tags move, digests and ids do not.

use std::time::Duration;

use bollard::Docker as Client;
use bollard::models::ImageInspect;
use bollard::query_parameters::TagImageOptionsBuilder;
use lambdock_domain::code::repository;
use tokio::time::timeout;
use tracing::debug;

use super::failure::failure;
use super::image::{Wanted, inspect, pull_failure};
use crate::executor::{Error, ResolvedImage};

/// Time that a registry has to say what a tag means.
const REGISTRY_LIMIT: Duration = Duration::from_secs(10);

/// Whether it is an engine's id of an image rather than a name.
pub(super) fn is_id(reference: &str) -> bool {
    reference.starts_with("sha256:")
}

/// Without a tag or digest, engines pull all tags there are.
pub(super) fn with_tag(reference: &str) -> String {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains([':', '@']) { reference.to_owned() } else { format!("{reference}:latest") }
}

/// The image that is meant now. What the registry has goes before what the engine has of the same name, but the
/// registry is not asked for what never was in it, and does not have to answer.
pub(super) async fn resolve(client: &Client, wanted: &Wanted) -> Result<ResolvedImage, Error> {
    let Wanted { reference, .. } = wanted;
    let found = inspect(client, reference).await?;
    let here = found.as_ref().and_then(|image| of_engine(reference, image));
    let built_here = here.as_ref().is_some_and(|here| is_id(&here.reference));
    if let Some(here) = here.as_ref().filter(|_| built_here || reference.contains('@')) {
        return Ok(here.clone());
    }
    let name = with_tag(reference);
    let failure = match timeout(REGISTRY_LIMIT, client.inspect_registry_image(&name, None)).await {
        Ok(Ok(answer)) => match answer.descriptor.digest {
            Some(digest) => {
                let reference = format!("{}@{digest}", repository(reference));
                return Ok(ResolvedImage { digest, reference });
            }
            None => {
                Error::Pull { reference: name, message: "the registry does not tell its digest".to_owned() }
            }
        },
        Ok(Err(error)) => pull_failure(client, reference, &error),
        Err(_elapsed) => Error::Timeout { action: "ask the registry for an image", limit: REGISTRY_LIMIT },
    };
    here.inspect(|_| debug!(image = reference, %failure, "the registry was of no help; the image is here"))
        .ok_or(failure)
}

/// Lets the engine find an image, which it has, under a name. A name with a digest, and an id, need no help.
pub(super) async fn name(client: &Client, image: &str, name: &Wanted) -> Result<(), Error> {
    if is_id(image) || name.reference.contains('@') {
        return Ok(());
    }
    let with_tag = with_tag(&name.reference);
    let repository = repository(&with_tag);
    let tag = with_tag.get(repository.len() + 1..).unwrap_or_default();
    let options = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
    let named = client.tag_image(image, Some(options)).await;
    named.map_err(|error| failure("name an image", client, &error))
}

/// What the engine has under the name.
fn of_engine(reference: &str, image: &ImageInspect) -> Option<ResolvedImage> {
    let repository = repository(reference);
    let digests = image.repo_digests.iter().flatten();
    let digest = digests.filter_map(|digest| digest.split_once('@')).find(|(name, _)| same(name, repository));
    match digest {
        Some((_, digest)) => {
            Some(ResolvedImage { digest: digest.to_owned(), reference: format!("{repository}@{digest}") })
        }
        None => image.id.clone().map(|id| ResolvedImage { digest: id.clone(), reference: id }),
    }
}

/// Whether two names are the same repository: that of Docker Hub has long and short ones.
fn same(one: &str, other: &str) -> bool {
    let long = |name: &str| {
        let name = name.strip_prefix("docker.io/").unwrap_or(name);
        name.strip_prefix("library/").unwrap_or(name).to_owned()
    };
    long(one) == long(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(digests: &[&str]) -> ImageInspect {
        ImageInspect {
            id: Some("sha256:1d".to_owned()),
            repo_digests: Some(digests.iter().map(|digest| (*digest).to_owned()).collect()),
            ..ImageInspect::default()
        }
    }

    #[test]
    fn references_without_a_tag_mean_the_latest() {
        assert_eq!(with_tag("a/b"), "a/b:latest");
        assert_eq!(with_tag("host:5000/a"), "host:5000/a:latest");
        assert_eq!(with_tag("a:1"), "a:1");
        assert_eq!(with_tag("a@sha256:00"), "a@sha256:00");
    }

    #[test]
    fn an_image_that_no_registry_has_is_known_by_its_id() {
        let check = |reference: &str, digests: &[&str], digest: &str, pinned: &str| {
            let expected = ResolvedImage { digest: digest.to_owned(), reference: pinned.to_owned() };
            assert_eq!(of_engine(reference, &image(digests)), Some(expected));
        };
        check("mine:1", &[], "sha256:1d", "sha256:1d");
        check("mine:1", &["alpine@sha256:aa"], "sha256:1d", "sha256:1d");
        check(
            "r:5000/mine:1",
            &["x@sha256:aa", "r:5000/mine@sha256:bb"],
            "sha256:bb",
            "r:5000/mine@sha256:bb",
        );
        check(
            "docker.io/library/alpine:3",
            &["alpine@sha256:aa"],
            "sha256:aa",
            "docker.io/library/alpine@sha256:aa",
        );
    }
}
