//! Starts and ends containers, and leaves none behind that did not start.

use bollard::models::{ContainerUpdateBody, NetworkConnectRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, KillContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    RenameContainerOptionsBuilder,
};
use lambdock_domain::Architecture;
use tracing::{debug, info, warn};

use super::container::{self, Fittings};
use super::failure::{failure, status};
use super::image::{self, Wanted};
use super::{Docker, Ended, Engine, Platforms, init_volume};
use crate::executor::{ContainerId, ContainerSpec, EnvironmentId, Error, FunctionNames, Memory};

impl Docker {
    /// Which init a container of the image needs.
    async fn architecture(
        &self,
        engine: &Engine,
        wanted: &Wanted,
        asked: Architecture,
    ) -> Result<Architecture, Error> {
        let settings = self.settings.get();
        if settings.platforms == Platforms::Honoured && settings.flags.platform.is_none() {
            return Ok(asked);
        }
        let found = image::inspect(&engine.found.client, &wanted.reference).await?;
        Ok(found.as_ref().and_then(image::architecture).unwrap_or(asked))
    }

    pub(super) async fn start_on(&self, engine: &Engine, spec: &ContainerSpec) -> Result<ContainerId, Error> {
        let name = self.name(spec.environment, spec.function.as_ref());
        match self.try_start(engine, spec, &name).await {
            Err(Trouble::ImageMissing) => {
                // Removed since the function was created.
                let wanted = self.wanted(&spec.image);
                self.images.prepare(&engine.found.client, &wanted, &|text| info!("{text}")).await?;
            }
            Err(Trouble::InitMissing(architecture)) => engine.init.doubt(architecture).await,
            started => return started.map_err(Trouble::into_error),
        }
        self.try_start(engine, spec, &name).await.map_err(Trouble::into_error)
    }

    pub(super) fn name(&self, environment: EnvironmentId, function: Option<&FunctionNames>) -> String {
        container::name(&self.settings.get().main_container_name, environment, function)
    }

    /// Name and limits of memory of a container that was started for nobody yet.
    pub(super) async fn dedicate_on(
        &self,
        engine: &Engine,
        container: &ContainerId,
        name: &str,
        memory: Memory,
    ) -> Result<(), Error> {
        let client = &engine.found.client;
        if memory.has_mb != memory.wanted_mb {
            let (memory, memory_swap) = container::memory_limits(memory.wanted_mb);
            let limits = ContainerUpdateBody {
                memory: Some(memory),
                memory_swap: Some(memory_swap),
                ..Default::default()
            };
            let updated = client.update_container(&container.0, limits).await;
            updated.map_err(|error| failure("limit the memory of a container", client, &error))?;
        }
        let options = RenameContainerOptionsBuilder::new().name(name).build();
        let renamed = client.rename_container(&container.0, options).await;
        renamed.map_err(|error| failure("rename a container", client, &error))
    }

    async fn try_start(
        &self,
        engine: &Engine,
        spec: &ContainerSpec,
        name: &str,
    ) -> Result<ContainerId, Trouble> {
        let client = &engine.found.client;
        let wanted = self.wanted(&spec.image);
        let architecture = self.architecture(engine, &wanted, spec.image.architecture).await?;
        let platform = wanted.platform.as_deref();
        let init =
            engine.init.mount(client, architecture, &wanted.reference, platform).await.map_err(no_image)?;
        let topology = self.topology(engine).await;
        let settings = self.settings.get();
        let fittings = Fittings {
            instance: &settings.instance,
            dns: settings.dns.as_deref(),
            flags: &settings.flags,
            topology,
            ended: settings.ended,
        };
        let body = container::body(spec, &wanted.reference, init, &fittings);
        let options = CreateContainerOptionsBuilder::new().name(name);
        let options = match platform {
            Some(platform) => options.platform(platform),
            None => options,
        };
        let created = client.create_container(Some(options.build()), body).await;
        let id = match created {
            Ok(created) => ContainerId(created.id),
            Err(error) => {
                // The engine may have created it and failed to say so.
                self.remove(engine, name).await.unwrap_or_else(|error| debug!(%error, "nothing to clean up"));
                return Err(no_image(failure("create a container", client, &error)));
            }
        };
        let started = async {
            let further = if spec.network_of.is_none() { topology.further.as_slice() } else { &[] };
            for network in further {
                let request = NetworkConnectRequest { container: id.0.clone(), endpoint_config: None };
                let connected = client.connect_network(network, request).await;
                connected.map_err(|error| failure("connect a container to a network", client, &error))?;
            }
            let started = client.start_container(&id.0, None).await;
            started.map_err(|error| failure("start a container", client, &error))
        };
        match started.await {
            Ok(()) => Ok(id),
            Err(error) => {
                if let Err(error) = self.remove(engine, &id.0).await {
                    warn!(container.id = %id, %error, "a container that did not start could not be removed");
                }
                Err(match error {
                    Error::Refused { message, .. } if init_missing(&message) => {
                        Trouble::InitMissing(architecture)
                    }
                    error => Trouble::Other(error),
                })
            }
        }
    }

    pub(super) async fn remove(&self, engine: &Engine, name: &str) -> Result<(), Error> {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let client = &engine.found.client;
        match client.remove_container(name, Some(options)).await {
            Ok(()) => Ok(()),
            // Gone, or going.
            Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
            Err(error) => Err(failure("remove a container", client, &error)),
        }
    }

    async fn kill(&self, engine: &Engine, name: &str) -> Result<(), Error> {
        let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
        let client = &engine.found.client;
        match client.kill_container(name, Some(options)).await {
            Ok(()) => Ok(()),
            // Gone, or not running.
            Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
            Err(error) => Err(failure("end a container", client, &error)),
        }
    }

    pub(super) async fn end(&self, engine: &Engine, name: &str) -> Result<(), Error> {
        match self.settings.get().ended {
            Ended::Removed => self.remove(engine, name).await,
            Ended::Kept => self.kill(engine, name).await,
        }
    }
}

/// Why a container did not start.
enum Trouble {
    ImageMissing,
    InitMissing(Architecture),
    Other(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Trouble {
    fn into_error(self) -> Error {
        let refused =
            |message: &str| Error::Refused { action: "start a container", message: message.to_owned() };
        match self {
            Self::ImageMissing => refused("its image was removed while it was being started"),
            Self::InitMissing(_) => {
                refused("the volume with its init was emptied while it was being started")
            }
            Self::Other(error) => error,
        }
    }
}

/// Engines say "No such image" with all kinds of words around it.
fn no_image(error: Error) -> Trouble {
    match &error {
        Error::Refused { message, .. } => {
            let lower = message.to_lowercase();
            let missing = [
                "no such image",
                "image not known",
                "unable to find image",
                "does not match the specified platform",
            ];
            if missing.iter().any(|words| lower.contains(words)) {
                Trouble::ImageMissing
            } else {
                error.into()
            }
        }
        _ => error.into(),
    }
}

fn init_missing(message: &str) -> bool {
    message.contains(init_volume::PATH) && message.to_lowercase().contains("no such file")
}
