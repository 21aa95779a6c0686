//! The only door that an engine has to its volumes: a container that has the volume mounted and never runs.

use bollard::Docker as Client;
use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, HostConfig, Mount};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use tracing::{debug, info};
use uuid::Uuid;

use super::container::INSTANCE_LABEL;
use super::failure::status;
use super::init_volume;

/// What such a container is made with. Any image will do, so it is one that is needed anyway.
pub(super) struct Door<'a> {
    pub(super) client: &'a Client,
    pub(super) instance: &'a str,
    pub(super) image: &'a str,
    pub(super) platform: Option<&'a str>,
}

impl Door<'_> {
    /// Does `work` with the name of a container in which the volume is mounted. `purpose` is part of the name.
    pub(super) async fn open<T>(
        &self,
        purpose: &str,
        mount: Mount,
        work: impl AsyncFnOnce(&str) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let container = format!("lambdock-{purpose}-{}", Uuid::new_v4().simple());
        let options = CreateContainerOptionsBuilder::new().name(&container);
        let options = match self.platform {
            Some(platform) => options.platform(platform),
            None => options,
        };
        let body = ContainerCreateBody {
            image: Some(self.image.to_owned()),
            // Never started, but an image without any command cannot be created otherwise.
            entrypoint: Some(vec![init_volume::PATH.to_owned()]),
            labels: Some([(INSTANCE_LABEL.to_owned(), self.instance.to_owned())].into()),
            host_config: Some(HostConfig { mounts: Some(vec![mount]), ..Default::default() }),
            ..Default::default()
        };
        self.client.create_container(Some(options.build()), body).await?;
        let done = work(&container).await;
        let removal = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        if let Err(error) = self.client.remove_container(&container, Some(removal)).await {
            debug!(container, %error, "the container by which a volume was filled is left for later");
        }
        done
    }
}

/// Removes a volume unless a container has it.
pub(super) async fn remove_volume(client: &Client, name: &str) {
    let options = RemoveVolumeOptionsBuilder::new().force(false).build();
    match client.remove_volume(name, Some(options)).await {
        Ok(()) => info!(volume = name, "removed a volume that nobody needs any more"),
        Err(error) if status(&error) == Some(404) => {}
        Err(error) => debug!(volume = name, %error, "a volume is still in use"),
    }
}
