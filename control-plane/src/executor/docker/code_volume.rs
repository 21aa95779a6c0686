//! Code and layers that functions have in common with themselves: unpacked once into a volume of the engine, which all
//! their containers see and none can write to.
//!
//! A volume gets a name of its own each time one is filled, and this process alone knows which are whole. So what a
//! process that was killed left half filled is never taken for code, and is removed at the next start.

mod tar;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::errors::Error as EngineError;
use bollard::models::{Mount, MountType, MountVolumeOptions, Volume, VolumeCreateRequest};
use bollard::query_parameters::{ListVolumesOptionsBuilder, UploadToContainerOptionsBuilder};
use bollard::{Docker as Client, body_try_stream};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tracing::info;
use uuid::Uuid;

use super::container::INSTANCE_LABEL;
use super::door::{Door, remove_volume};
use super::failure::{failure, status};
use super::watch::seconds;
use crate::executor::{Content, Error, OpenArchive};

/// Label with the hash of what is in a volume.
const LABEL: &str = "lambdock.code";

/// What the engine is asked for, in errors.
const ACTION: &str = "unpack code into a volume";

/// Volumes that are filled at the same time. Each keeps the engine's disk and a core of ours busy.
const PARALLEL: usize = 2;

/// An unused volume of another control plane is removed when it is this old. If that control plane still runs, it
/// fills another one.
const ABANDONED_S: i64 = 24 * 60 * 60;

/// What a volume holds: the archives, over what the image itself has in the folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// The engine's id of the image.
    pub(super) image: String,
    pub(super) content: Content,
}

impl Key {
    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let parts = [&self.image, &self.content.target].into_iter().chain(&self.content.archives);
        for part in parts {
            hash.update(part);
            hash.update([0]);
        }
        hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How containers are made that volumes are filled by.
#[derive(Debug, Clone)]
pub(super) struct Means {
    pub(super) client: Client,
    pub(super) instance: String,
    /// Reference of the image.
    pub(super) image: String,
    pub(super) platform: Option<String>,
}

/// The volume of one content, once there is one that is whole. Who fills it has the lock.
type Slot = Arc<tokio::sync::Mutex<Option<String>>>;

/// The volumes of this process.
pub(super) struct CodeVolumes {
    slots: Mutex<HashMap<Key, Slot>>,
    /// Names of the volumes in `slots`, and of those that are being filled.
    names: Mutex<HashSet<String>>,
    fills: Semaphore,
}

impl Default for CodeVolumes {
    fn default() -> Self {
        Self { slots: Mutex::default(), names: Mutex::default(), fills: Semaphore::new(PARALLEL) }
    }
}

impl CodeVolumes {
    /// Name of the volume, which is filled if there is none. However many ask, one fills it, and goes on when nobody
    /// waits any more.
    pub(super) async fn filled(
        self: &Arc<Self>,
        means: Means,
        key: Key,
        archives: OpenArchive,
    ) -> Result<String, Error> {
        let slot = Arc::clone(self.slots().entry(key.clone()).or_default());
        let mut volume = slot.lock_owned().await;
        if let Some(name) = volume.as_ref() {
            if is_there(&means.client, name).await? {
                return Ok(name.clone());
            }
            // It was removed behind our back.
            self.names().remove(name);
            *volume = None;
        }
        let all = Arc::clone(self);
        let filling = tokio::spawn(async move {
            let name = format!("lambdock-code-{}-{}", key.hash(), Uuid::new_v4().simple());
            all.names().insert(name.clone());
            let filled = all.fill(&means, &key, &name, archives).await;
            match &filled {
                Ok(()) => *volume = Some(name.clone()),
                Err(_) => {
                    remove_volume(&means.client, &name).await;
                    all.names().remove(&name);
                }
            }
            filled.map(|()| name)
        });
        filling.await.unwrap_or_else(|error| Err(refused(&error.to_string())))
    }

    async fn fill(&self, means: &Means, key: &Key, name: &str, archives: OpenArchive) -> Result<(), Error> {
        let _turn = self.fills.acquire().await.map_err(|error| refused(&error.to_string()))?;
        let Means { client, instance, image, platform } = means;
        let failed = |error: EngineError| failure(ACTION, client, &error);
        let target = key.content.target.as_str();
        info!(volume = name, target, archives = key.content.archives.len(), "unpacking code into a volume");
        let labels = [(LABEL.to_owned(), key.hash()), (INSTANCE_LABEL.to_owned(), instance.clone())];
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.into()),
            ..Default::default()
        };
        client.create_volume(request).await.map_err(failed)?;
        let (tar, made) = tar::stream(key.content.archives.clone(), archives);
        let options = UploadToContainerOptionsBuilder::new().path(target).build();
        let door = Door { client, instance, image, platform: platform.as_deref() };
        let uploaded = door.open("code", mount(name, target, Access::Writable), async |container| {
            client.upload_to_container(container, Some(options), body_try_stream(tar)).await
        });
        let uploaded = uploaded.await;
        // What it says about an archive says more than that the engine was sent less than it was promised.
        match made.await {
            Ok(Err(error)) => Err(refused(&error.to_string())),
            Ok(Ok(())) => uploaded.map_err(failed),
            Err(error) => Err(refused(&error.to_string())),
        }
    }

    /// Removes volumes of contents that are not `used`, and those that nobody knows.
    pub(super) async fn remove_unused(
        &self,
        client: &Client,
        instance: &str,
        used: &(dyn Fn(&Content) -> bool + Send + Sync),
    ) -> Result<(), Error> {
        let unused: Vec<Slot> =
            self.slots().extract_if(|key, _| !used(&key.content)).map(|(_, slot)| slot).collect();
        for slot in unused {
            // One that is being filled is unknown from then on, and removed the next time.
            if let Ok(mut volume) = slot.try_lock()
                && let Some(name) = volume.take()
            {
                self.names().remove(&name);
            }
        }
        let filters = [("label".to_owned(), vec![LABEL.to_owned()])].into();
        let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
        let listed = client.list_volumes(Some(options)).await;
        let listed = listed.map_err(|error| failure("list volumes", client, &error))?;
        let now = jiff::Timestamp::now().as_second();
        for volume in listed.volumes.unwrap_or_default() {
            if !self.names().contains(&volume.name) && is_waste(&volume, instance, now) {
                remove_volume(client, &volume.name).await;
            }
        }
        Ok(())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        // Entries are put in and taken out whole, here and below.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> MutexGuard<'_, HashSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a volume that this process does not know is nobody's.
fn is_waste(volume: &Volume, instance: &str, now: i64) -> bool {
    let is_ours = volume.labels.get(INSTANCE_LABEL).is_some_and(|owner| owner == instance);
    let created = volume.created_at.as_deref().and_then(seconds);
    is_ours || created.is_none_or(|created| now - created > ABANDONED_S)
}

async fn is_there(client: &Client, volume: &str) -> Result<bool, Error> {
    match client.inspect_volume(volume).await {
        Ok(_) => Ok(true),
        Err(error) if status(&error) == Some(404) => Ok(false),
        Err(error) => Err(failure("look at a volume", client, &error)),
    }
}

fn refused(message: &str) -> Error {
    Error::Refused { action: ACTION, message: message.to_owned() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadOnly,
    Writable,
}

/// The mount for a container that is to see what is in the volume.
pub(super) fn shared(volume: &str, target: &str) -> Mount {
    mount(volume, target, Access::ReadOnly)
}

fn mount(volume: &str, target: &str, access: Access) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.to_owned()),
        target: Some(target.to_owned()),
        read_only: Some(access == Access::ReadOnly),
        volume_options: Some(MountVolumeOptions {
            // What the image has in the folder is in the volume first, and stays where no archive replaces it.
            no_copy: Some(access == Access::ReadOnly),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(image: &str, archives: &[&str]) -> Key {
        let archives = archives.iter().map(|&archive| archive.to_owned()).collect();
        Key { image: image.to_owned(), content: Content { target: "/opt".to_owned(), archives } }
    }

    #[test]
    fn the_hash_tells_images_archives_and_their_order_apart() {
        let hashes: HashSet<String> =
            [key("i", &["a", "b"]), key("i", &["b", "a"]), key("i", &["ab"]), key("j", &["a", "b"])]
                .iter()
                .map(Key::hash)
                .collect();
        assert_eq!(hashes.len(), 4);
        assert_eq!(key("i", &["a"]).hash(), key("i", &["a"]).hash());
    }

    #[test]
    fn what_others_have_made_lately_is_not_ours_to_remove() {
        let volume = |instance: &str, created: Option<&str>| Volume {
            labels: [(INSTANCE_LABEL.to_owned(), instance.to_owned())].into(),
            created_at: created.map(str::to_owned),
            ..Default::default()
        };
        let now = seconds("2026-01-02T12:00:00Z").unwrap();
        let check = |instance, created, expected| {
            assert_eq!(is_waste(&volume(instance, created), "me", now), expected, "{instance} {created:?}");
        };
        check("me", Some("2026-01-02T11:59:59Z"), true);
        check("another", Some("2026-01-02T11:59:59Z"), false);
        check("another", Some("2026-01-01T11:59:59Z"), true);
        check("another", None, true);
    }
}
