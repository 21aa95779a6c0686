//! Images: there already, or pulled once, however many ask.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::Docker as Client;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use lambdock_domain::Architecture;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::{info, warn};

use super::failure::{failure, message, status};
use super::reference::{is_id, with_tag};
use crate::executor::{Error, ImagePlace, PreparedImage, Progress};

/// A pull that says nothing for this long is given up.
const STALLED: Duration = Duration::from_secs(300);

/// The engine's word for an architecture.
pub(super) fn platform(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "linux/amd64",
        Architecture::Arm64 => "linux/arm64",
    }
}

/// An image and the platform it is needed for; `None`: the engine's choice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    pub(super) reference: String,
    pub(super) platform: Option<String>,
}

type Outcome = Option<Result<(), Error>>;

/// What a pull says while it goes on, and how it ended.
#[derive(Debug, Clone, Default)]
struct Pull {
    text: String,
    outcome: Outcome,
}

/// Pulls that are going on.
#[derive(Debug, Clone, Default)]
pub(super) struct Images {
    pulls: Arc<Mutex<HashMap<Wanted, watch::Receiver<Pull>>>>,
}

impl Images {
    /// Makes sure that the engine has the image.
    pub(super) async fn prepare(
        &self,
        client: &Client,
        wanted: &Wanted,
        progress: Progress<'_>,
    ) -> Result<PreparedImage, Error> {
        let found = inspect(client, &wanted.reference).await?;
        if let Some(image) = found.as_ref().filter(|image| fits(image, wanted)) {
            return Ok(prepared(&wanted.reference, image));
        }
        if is_id(&wanted.reference) {
            return Err(match &found {
                Some(image) => wrong_architecture(wanted, image),
                None => Error::ImageNotFound {
                    reference: wanted.reference.clone(),
                    message: "it was built here, and has been removed since".to_owned(),
                },
            });
        }
        self.pulled(client, wanted, progress).await.map_err(|error| match (&found, error) {
            // There is one, and no registry has a better one.
            (
                Some(image),
                Error::ImageNotFound { .. } | Error::ImageAccessDenied { .. } | Error::Pull { .. },
            ) => wrong_architecture(wanted, image),
            (_, error) => error,
        })?;
        match inspect(client, &wanted.reference).await? {
            Some(image) if fits(&image, wanted) => Ok(prepared(&wanted.reference, &image)),
            Some(image) => Err(wrong_architecture(wanted, &image)),
            None => Err(Error::ImageNotFound {
                reference: wanted.reference.clone(),
                message: "it was removed as soon as it had been pulled".to_owned(),
            }),
        }
    }

    /// Waits for a pull of the image, which is begun unless it is going on already. It goes on when nobody waits.
    async fn pulled(&self, client: &Client, wanted: &Wanted, progress: Progress<'_>) -> Result<(), Error> {
        let mut news = self.pull(client, wanted);
        loop {
            let Pull { text, outcome } = news.borrow_and_update().clone();
            if let Some(outcome) = outcome {
                return outcome;
            }
            if !text.is_empty() {
                progress(text);
            }
            if news.changed().await.is_err() {
                return Err(Error::Pull {
                    reference: wanted.reference.clone(),
                    message: "Lambdock is shutting down".to_owned(),
                });
            }
        }
    }

    fn pull(&self, client: &Client, wanted: &Wanted) -> watch::Receiver<Pull> {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(news) = pulls.get(wanted) {
            return news.clone();
        }
        let (sender, news) = watch::channel(Pull::default());
        pulls.insert(wanted.clone(), news.clone());
        let (all, client, wanted) = (Arc::clone(&self.pulls), client.clone(), wanted.clone());
        tokio::spawn(async move {
            let outcome = pull(&client, &wanted, &sender).await;
            all.lock().unwrap_or_else(PoisonError::into_inner).remove(&wanted);
            sender.send_modify(|pull| pull.outcome = Some(outcome));
        });
        news
    }
}

async fn pull(client: &Client, wanted: &Wanted, news: &watch::Sender<Pull>) -> Result<(), Error> {
    let Wanted { reference, platform } = wanted;
    info!(image = reference, platform, "pulling an image");
    let options = CreateImageOptionsBuilder::new().from_image(&with_tag(reference));
    let options = match platform {
        Some(platform) => options.platform(platform),
        None => options,
    };
    let mut lines = client.create_image(Some(options.build()), None, None);
    let mut layers = Layers::default();
    loop {
        let line = timeout(STALLED, lines.next())
            .await
            .map_err(|_elapsed| Error::Timeout { action: "pull an image", limit: STALLED })?;
        match line {
            Some(Ok(line)) => {
                layers.take(&line);
                let text = format!("Pulling image {reference}: {}", layers.text());
                news.send_if_modified(|pull| std::mem::replace(&mut pull.text, text.clone()) != text);
            }
            Some(Err(error)) => {
                warn!(image = reference, error = message(&error), "the image could not be pulled");
                return Err(pull_failure(client, reference, &error));
            }
            None => {
                info!(image = reference, "pulled");
                return Ok(());
            }
        }
    }
}

pub(super) fn pull_failure(client: &Client, reference: &str, error: &bollard::errors::Error) -> Error {
    if !matches!(
        error,
        bollard::errors::Error::DockerResponseServerError { .. }
            | bollard::errors::Error::DockerStreamError { .. }
    ) {
        return failure("pull an image", client, error);
    }
    classify(reference, status(error), message(error))
}

/// Engines pass on what registries say. A repository that does not exist and one that wants a login look the same
/// to strangers, and engines then say "may require 'docker login'"; that is taken as not found.
fn classify(reference: &str, status: Option<u16>, message: String) -> Error {
    let reference = reference.to_owned();
    let lower = message.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if says(&[
        "does not exist",
        "not found",
        "manifest unknown",
        "no matching manifest",
        "invalid reference",
        "name unknown",
    ]) || status == Some(404)
    {
        Error::ImageNotFound { reference, message }
    } else if says(&["denied", "unauthorized", "authentication required", "no basic auth", "forbidden"]) {
        Error::ImageAccessDenied { reference, message }
    } else {
        Error::Pull { reference, message }
    }
}

pub(super) async fn inspect(client: &Client, reference: &str) -> Result<Option<ImageInspect>, Error> {
    match client.inspect_image(reference).await {
        Ok(image) => Ok(Some(image)),
        Err(error) if status(&error) == Some(404) => Ok(None),
        // The engine has no such thing as this name.
        Err(error) if status(&error) == Some(400) => {
            Err(Error::ImageNotFound { reference: reference.to_owned(), message: message(&error) })
        }
        Err(error) => Err(failure("look at an image", client, &error)),
    }
}

/// Where the image would come from.
pub(super) async fn look_up(client: &Client, wanted: &Wanted) -> Result<ImagePlace, Error> {
    let found = inspect(client, &wanted.reference).await?;
    if found.is_some_and(|image| fits(&image, wanted)) {
        return Ok(ImagePlace::Engine);
    }
    match client.inspect_registry_image(&with_tag(&wanted.reference), None).await {
        Ok(_) => Ok(ImagePlace::Registry),
        Err(error) => Err(pull_failure(client, &wanted.reference, &error)),
    }
}

fn image_platform(image: &ImageInspect) -> String {
    let part = |text: &Option<String>, default: &str| {
        text.as_deref().filter(|text| !text.is_empty()).unwrap_or(default).to_owned()
    };
    format!("{}/{}", part(&image.os, "linux"), part(&image.architecture, "unknown"))
}

fn fits(image: &ImageInspect, wanted: &Wanted) -> bool {
    // `linux/arm64/v8` names a variant, which images do not always state.
    wanted.platform.as_deref().is_none_or(|platform| {
        let own = image_platform(image);
        platform == own || platform.strip_prefix(&own).is_some_and(|rest| rest.starts_with('/'))
    })
}

/// Processor of an image, for the choice of the init; `None`: not one that we have an init for.
pub(super) fn architecture(image: &ImageInspect) -> Option<Architecture> {
    match image.architecture.as_deref()? {
        "amd64" | "x86_64" => Some(Architecture::X86_64),
        "arm64" | "aarch64" => Some(Architecture::Arm64),
        _ => None,
    }
}

fn wrong_architecture(wanted: &Wanted, image: &ImageInspect) -> Error {
    Error::WrongArchitecture {
        reference: wanted.reference.clone(),
        found: image_platform(image),
        wanted: wanted.platform.clone().unwrap_or_default(),
    }
}

fn prepared(reference: &str, image: &ImageInspect) -> PreparedImage {
    let config = image.config.clone().unwrap_or_default();
    let digest = image.repo_digests.iter().flatten().find_map(|digest| digest.split_once('@'));
    PreparedImage {
        id: image.id.clone().unwrap_or_default(),
        reference: reference.to_owned(),
        digest: digest.map(|(_, digest)| digest.to_owned()),
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        working_directory: config.working_dir.unwrap_or_default(),
        environment: config.env.unwrap_or_default(),
        size: image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
    }
}

/// How far a pull is: layers done, bytes loaded.
#[derive(Debug, Default)]
struct Layers {
    layers: HashMap<String, Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    loaded: i64,
    done: bool,
}

impl Layers {
    fn take(&mut self, line: &CreateImageInfo) {
        let (Some(id), Some(status)) = (&line.id, &line.status) else { return };
        // The first line has the tag for its id.
        if status.starts_with("Pulling from") {
            return;
        }
        let layer = self.layers.entry(id.clone()).or_default();
        match status.as_str() {
            "Downloading" => {
                let current = line.progress_detail.as_ref().and_then(|detail| detail.current);
                layer.loaded = layer.loaded.max(current.unwrap_or_default());
            }
            "Pull complete" | "Already exists" => layer.done = true,
            _ => {}
        }
    }

    fn text(&self) -> String {
        let done = self.layers.values().filter(|layer| layer.done).count();
        let megabytes = self.layers.values().map(|layer| layer.loaded).sum::<i64>() / 1_000_000;
        match self.layers.len() {
            0 => "asking the registry".to_owned(),
            all => format!("{done} of {all} layers, {megabytes} MB"),
        }
    }
}

#[cfg(test)]
mod tests {
    use bollard::models::ProgressDetail;

    use super::*;

    fn line(id: &str, status: &str, current: Option<i64>) -> CreateImageInfo {
        CreateImageInfo {
            id: Some(id.into()),
            status: Some(status.into()),
            progress_detail: Some(ProgressDetail { current, total: None }),
            ..Default::default()
        }
    }

    #[test]
    fn progress_counts_layers_and_bytes() {
        let mut layers = Layers::default();
        assert_eq!(layers.text(), "asking the registry");
        layers.take(&line("3.12", "Pulling from lambda/python", None));
        layers.take(&line("a", "Already exists", None));
        layers.take(&line("b", "Downloading", Some(5_000_000)));
        layers.take(&line("c", "Downloading", Some(2_500_000)));
        assert_eq!(layers.text(), "1 of 3 layers, 7 MB");
        layers.take(&line("b", "Extracting", Some(1)));
        layers.take(&line("b", "Pull complete", None));
        assert_eq!(layers.text(), "2 of 3 layers, 7 MB");
    }

    #[test]
    fn what_registries_say_is_told_apart() {
        let kind = |text: &str| match classify("i", Some(500), text.into()) {
            Error::ImageNotFound { .. } => "not found",
            Error::ImageAccessDenied { .. } => "denied",
            Error::Pull { .. } => "pull",
            _ => "other",
        };
        let repository = "pull access denied for x, repository does not exist or may require 'docker login'";
        assert_eq!(kind(repository), "not found");
        assert_eq!(kind("manifest for x:y not found: manifest unknown"), "not found");
        assert_eq!(kind("Head \"https://r/v2/\": no basic auth credentials"), "denied");
        assert_eq!(kind("error parsing HTTP 403 response body: Forbidden"), "denied");
        assert_eq!(kind("dial tcp: lookup r on 1.1.1.1:53: no such host"), "pull");
    }

    #[test]
    fn an_image_fits_its_platform_only() {
        let image = ImageInspect {
            os: Some("linux".into()),
            architecture: Some("arm64".into()),
            ..Default::default()
        };
        let wanted =
            |platform: Option<&str>| Wanted { reference: "i".into(), platform: platform.map(str::to_owned) };
        assert!(fits(&image, &wanted(Some("linux/arm64"))));
        assert!(fits(&image, &wanted(Some("linux/arm64/v8"))));
        assert!(fits(&image, &wanted(None)));
        assert!(!fits(&image, &wanted(Some("linux/amd64"))));
    }
}
