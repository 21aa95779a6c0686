//! The init binary, where containers find it: a volume of the engine, filled once.
//!
//! A bind mount would need a path that means something to the engine, and copying it into each container costs some
//! fifty milliseconds each time. The volume's name tells its content, so any number of control planes share it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bollard::Docker as Client;
use bollard::body_full;
use bollard::models::{
    ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions, VolumeCreateRequest,
};
use bollard::query_parameters::{
    ContainerArchiveInfoOptionsBuilder, CreateContainerOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::{BufMut, Bytes, BytesMut};
use lambdock_domain::Architecture;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tracing::{debug, info};
use uuid::Uuid;

use super::container::INSTANCE_LABEL;
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
        let container = format!("lambdock-init-{}", Uuid::new_v4().simple());
        let options = CreateContainerOptionsBuilder::new().name(&container);
        let options = match platform {
            Some(platform) => options.platform(platform),
            None => options,
        };
        let body = ContainerCreateBody {
            image: Some(image.to_owned()),
            // Never started, but an image without any command cannot be created otherwise.
            entrypoint: Some(vec![PATH.to_owned()]),
            labels: Some([(INSTANCE_LABEL.to_owned(), self.instance.clone())].into()),
            host_config: Some(HostConfig {
                mounts: Some(vec![mount(&volume.name, Access::Writable)]),
                ..Default::default()
            }),
            ..Default::default()
        };
        client.create_container(Some(options.build()), body).await.map_err(failed)?;
        let filled = write(client, &container, volume).await;
        let removal = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        if let Err(error) = client.remove_container(&container, Some(removal)).await {
            debug!(container, %error, "the container that filled the init's volume is left for later");
        }
        filled.map_err(failed)
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
            let options = RemoveVolumeOptionsBuilder::new().force(false).build();
            match client.remove_volume(&volume.name, Some(options)).await {
                Ok(()) => info!(volume = volume.name, "removed the volume of an old init"),
                Err(error) => debug!(volume = volume.name, %error, "the volume of an old init is in use"),
            }
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
    let upload = client.upload_to_container(container, Some(options), body_full(tar("init", &volume.binary)));
    upload.await
}

const BLOCK: usize = 512;

/// A tar archive of one executable file that belongs to root. [POSIX: pax, ustar interchange format]
fn tar(name: &str, content: &[u8]) -> Bytes {
    let mut header = [0_u8; BLOCK];
    let mut field =
        |offset: usize, text: &str| header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000755\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0");
    // The sum is reckoned with blanks in its own place.
    field(148, "        ");
    field(156, "0");
    field(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let padding = content.len().next_multiple_of(BLOCK) - content.len();
    let mut archive = BytesMut::with_capacity(content.len() + padding + 3 * BLOCK);
    archive.put_slice(&header);
    archive.put_slice(content);
    archive.put_bytes(0, padding + 2 * BLOCK);
    archive.freeze()
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

    #[test]
    fn the_archive_is_one_that_tar_reads() {
        for content in [&b""[..], b"x", &[7; BLOCK], &[7; 3 * BLOCK + 1]] {
            let archive = tar("init", content);
            assert_eq!(archive.len() % BLOCK, 0);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.tar");
            std::fs::write(&path, &archive).unwrap();
            let unpacked =
                std::process::Command::new("tar").arg("-xOf").arg(&path).arg("init").output().unwrap();
            assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
            assert_eq!(unpacked.stdout, content);
        }
    }
}
