//! Before the first process: code, permissions, user, command.

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use lambdock_protocol::{Archive, Assignment, ToAgent, ToControlPlane};

use crate::driver::{self, Runtime};
use crate::log::{debug, error, warn};
use crate::process::Logger;
use crate::setup::{self, bootstrap, extensions, hosts, limits, modes, unpack, user};
use crate::uplink::{Receiver, Sender};
use crate::{Platform, environment};

/// What depends on who the control plane is.
pub(super) struct Surroundings {
    /// How the runtime can log.
    pub logger: Logger,
    /// Folder that extensions run in.
    pub folder: PathBuf,
}

/// Puts everything in place that the runtime needs. An error is for people.
pub(super) async fn prepare(
    assignment: &Assignment,
    platform: &Platform,
    surroundings: Surroundings,
    sender: &Sender,
    receiver: &mut Receiver,
) -> Result<Runtime, String> {
    for archive in &assignment.archives {
        fetch(archive, platform, sender, receiver).await?;
    }
    for entry in &assignment.modes {
        let (path, mode) = (bootstrap::below(&platform.root, &entry.path), entry.mode.clone());
        if let Err(error) = setup::aside(move || modes::apply(&path, &mode)).await.flatten() {
            warn!("cannot change the mode of {}: {error}", entry.path);
        }
    }
    let of_container =
        |name: &str| platform.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let name = user::name(|name| assignment.environment.get(name), assignment.user.as_deref(), of_container);
    let (user, made) = user::prepare(&platform.root, name);
    if let Err(error) = made {
        warn!("the function's user cannot be set up completely: {error}");
    }
    if let Err(error) = hosts::prepare(&platform.root) {
        warn!("extensions cannot listen on sandbox.localdomain: {error}");
    }
    let limited = of_container(limits::VARIABLE).map_or_else(Vec::new, |names| limits::take_on(names));
    limited.iter().for_each(|warning| warn!("{warning}"));
    let root = nix::unistd::geteuid().is_root();
    let command = bootstrap::find(
        &platform.root,
        assignment.command.as_deref(),
        assignment.working_directory.as_deref(),
    );
    let variables =
        environment::runtime(platform.variables.iter().cloned(), assignment, &platform.api.to_string());
    let Surroundings { logger, folder } = surroundings;
    let extensions =
        driver::Extensions { files: bootstrap::below(&platform.root, extensions::FOLDER), folder };
    let mark = environment::mark(&platform.variables);
    Ok(Runtime { command, variables, user: user.filter(|_| root), logger, mark, extensions })
}

/// Fetches an archive over the uplink and unpacks it.
async fn fetch(
    archive: &Archive,
    platform: &Platform,
    sender: &Sender,
    receiver: &mut Receiver,
) -> Result<(), String> {
    let describe = |error: std::io::Error| format!("the code cannot be stored in the container: {error}");
    sender.send(ToControlPlane::FetchArchive { digest: archive.digest.clone() }).await;
    let mut file = tempfile::tempfile_in(bootstrap::below(&platform.root, "/tmp"))
        .or_else(|_| tempfile::tempfile())
        .map_err(describe)?;
    loop {
        match receiver.receive().await {
            Some(ToAgent::ArchiveChunk { bytes, last }) => {
                file.write_all(&bytes).map_err(describe)?;
                if last {
                    break;
                }
            }
            Some(other) => warn!("the control plane sent what is not expected now: {other:?}"),
            None => return Err("the control plane is gone".to_owned()),
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(describe)?;
    let target = bootstrap::below(&platform.root, &archive.target);
    std::fs::create_dir_all(&target).map_err(describe)?;
    debug!("unpacking {} bytes into {}", archive.size, archive.target);
    let unpacked = setup::aside(move || unpack::unpack(std::io::BufReader::new(file), &target));
    unpacked.await.map_err(describe)?.map_err(|error| {
        error!("{error}");
        error.to_string()
    })
}
