//! The init binary, where containers find it: a volume of the engine, filled once.
//!
//! A bind mount would need a path that means something to the engine, and copying it into each container costs some
//! fifty milliseconds each time. The volume's name tells its content, so any number of control planes share it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use bollard::Docker as Client;
use bollard::body_full;
use bollard::models::{Mount, MountType, MountVolumeOptions, VolumeCreateRequest};
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, ListVolumesOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use lambdock_domain::Architecture;
use sha2::{Digest, Sha256};
use tar::{Builder, Header};
use tokio::sync::Mutex;
use tracing::info;

use super::door::{Door, remove_volume};
use super::failure::{failure, status};
use crate::executor::Error;
use crate::hex;

/// Folder of the init in containers.
const FOLDER: &str = "/var/rapid";

/// The init in containers.
pub(super) const PATH: &str = "/var/rapid/init";

/// Marks volumes as ours.
const LABEL: &str = "lambdock.init";

/// The in-container init, for each architecture.
#[derive(Debug, Clone)]
pub struct InitBinaries {
    /// For x86_64.
    pub x86_64: InitBinary,
    /// For aarch64.
    pub aarch64: InitBinary,
}

/// A static ELF binary.
#[derive(Debug, Clone)]
pub struct InitBinary {
    content: Bytes,
    digest: Cow<'static, str>,
}

impl InitBinary {
    /// A binary that nothing is known of yet.
    pub fn new(content: Bytes) -> Self {
        let digest = hex::encode(&Sha256::digest(&content));
        Self { content, digest: digest.into() }
    }

    /// A binary whose SHA-256 is known. It is part of our own file, and not read into memory to be hashed.
    pub fn embedded(content: &'static [u8], digest: &'static str) -> Self {
        Self { content: Bytes::from_static(content), digest: digest.into() }
    }
}

impl InitBinaries {
    /// The bytes for containers of this machine's own architecture.
    pub fn native(&self) -> Bytes {
        let architecture =
            if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };
        self.binary(architecture).content.clone()
    }

    fn binary(&self, architecture: Architecture) -> &InitBinary {
        match architecture {
            Architecture::X86_64 => &self.x86_64,
            Architecture::Arm64 => &self.aarch64,
        }
    }
}

/// The volume of one architecture's init on one engine.
#[derive(Debug)]
struct InitVolume {
    name: String,
    binary: Bytes,
    /// Whether its content is known to be right.
    filled: Mutex<bool>,
}

/// The volumes on one engine.
#[derive(Debug, Clone)]
pub(super) struct InitVolumes {
    x86_64: Arc<InitVolume>,
    aarch64: Arc<InitVolume>,
    instance: String,
}

impl InitVolumes {
    pub(super) fn new(binaries: &InitBinaries, instance: &str) -> Self {
        let volume = |architecture| {
            let InitBinary { content, digest } = binaries.binary(architecture);
            let name = name(architecture, digest);
            Arc::new(InitVolume { name, binary: content.clone(), filled: Mutex::new(false) })
        };
        Self {
            x86_64: volume(Architecture::X86_64),
            aarch64: volume(Architecture::Arm64),
            instance: instance.to_owned(),
        }
    }

    fn volume(&self, architecture: Architecture) -> &InitVolume {
        match architecture {
            Architecture::X86_64 => &self.x86_64,
            Architecture::Arm64 => &self.aarch64,
        }
    }

    /// The mount for a container that runs `image`. The volume is filled by way of a container of the same image,
    /// for an engine has no other door to its volumes.
    pub(super) async fn mount(
        &self,
        client: &Client,
        architecture: Architecture,
        image: &str,
        platform: Option<&str>,
    ) -> Result<Mount, Error> {
        let volume = self.volume(architecture);
        let mut filled = volume.filled.lock().await;
        if !*filled {
            self.fill(client, volume, image, platform).await?;
            *filled = true;
        }
        Ok(mount(&volume.name, Access::ReadOnly))
    }

    /// A container found no init: the volume was removed behind our back, and the engine made an empty one.
    pub(super) async fn doubt(&self, architecture: Architecture) {
        *self.volume(architecture).filled.lock().await = false;
    }

    async fn fill(
        &self,
        client: &Client,
        volume: &InitVolume,
        image: &str,
        platform: Option<&str>,
    ) -> Result<(), Error> {
        let failed = |error| failure("store the init in a volume", client, &error);
        let request = VolumeCreateRequest {
            name: Some(volume.name.clone()),
            labels: Some(labels()),
            ..Default::default()
        };
        client.create_volume(request).await.map_err(failed)?;
        let door = Door { client, instance: &self.instance, image, platform };
        let mount = mount(&volume.name, Access::Writable);
        let filled = door.open("init", mount, async |container| write(client, container, volume).await);
        filled.await.map_err(failed)
    }

    /// Removes volumes of other inits that no container uses.
    pub(super) async fn remove_old(&self, client: &Client) -> Result<(), Error> {
        let failed = |error| failure("list volumes", client, &error);
        let filters = [("label".to_owned(), vec![LABEL.to_owned()])].into();
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let volumes = client.list_volumes(Some(options)).await.map_err(failed)?.volumes.unwrap_or_default();
        for volume in volumes {
            if [&self.x86_64.name, &self.aarch64.name].contains(&&volume.name) {
                continue;
            }
            remove_volume(client, &volume.name).await;
        }
        Ok(())
    }
}

fn name(architecture: Architecture, digest: &str) -> String {
    let hash = digest.get(..12).unwrap_or(digest);
    let architecture = match architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Arm64 => "aarch64",
    };
    format!("lambdock-init-{architecture}-{hash}")
}

fn labels() -> HashMap<String, String> {
    [(LABEL.to_owned(), "1".to_owned())].into()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadOnly,
    Writable,
}

fn mount(volume: &str, access: Access) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(FOLDER.to_owned()),
        read_only: Some(access == Access::ReadOnly),
        volume_options: Some(MountVolumeOptions {
            // What an image may have in this folder is not wanted in the volume.
            no_copy: Some(true),
            // For a volume that the engine makes because the other one was removed.
            labels: Some(labels()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// Puts the init into the volume mounted in `container`, unless it is there.
async fn write(client: &Client, container: &str, volume: &InitVolume) -> Result<(), bollard::errors::Error> {
    let options = ContainerArchiveInfoOptionsBuilder::new().path(PATH).build();
    match client.get_container_archive_info(container, Some(options)).await {
        // Its name tells its content; an upload that was cut off leaves less.
        Ok(found) if usize::try_from(found.size).is_ok_and(|size| size == volume.binary.len()) => {
            return Ok(());
        }
        Ok(_) => {}
        Err(error) if status(&error) == Some(404) => {}
        Err(error) => return Err(error),
    }
    info!(volume = volume.name, bytes = volume.binary.len(), "storing the init in a volume of the engine");
    let options = UploadToContainerOptionsBuilder::new().path(FOLDER).build();
    let upload =
        client.upload_to_container(container, Some(options), body_full(tar("init", &volume.binary)?));
    upload.await
}

/// A tar archive of one executable file that belongs to root.
fn tar(name: &str, content: &[u8]) -> io::Result<Bytes> {
    let mut header = Header::new_gnu();
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    let mut archive = Builder::new(Vec::with_capacity(content.len() + 2048));
    archive.append_data(&mut header, name, content)?;
    archive.into_inner().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_volume_is_named_for_its_content() {
        let binary = InitBinary::new(Bytes::from_static(b"a"));
        let a = name(Architecture::X86_64, &binary.digest);
        assert_eq!(a, "lambdock-init-x86_64-ca978112ca1b");
        assert_ne!(a, name(Architecture::X86_64, &InitBinary::new(Bytes::from_static(b"b")).digest));
        assert_ne!(a, name(Architecture::Arm64, &binary.digest));
    }
}
