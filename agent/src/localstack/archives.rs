//! Code and layers that LocalStack wants fetched from somewhere.

use std::io::{BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use super::client::{self, Downloading};
use super::options::Download;
use crate::log::debug;
use crate::setup::bootstrap::below;
use crate::setup::{aside, unpack};

/// Why code is not in place.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// It cannot be reached, or the connection broke.
    #[error("the code cannot be fetched: {0}")]
    Unreachable(#[from] client::Error),
    /// It is not there.
    #[error("the code cannot be fetched: {place} answered {status}")]
    Refused {
        /// Host and port.
        place: String,
        /// What it said.
        status: http::StatusCode,
    },
    /// There is no room for it.
    #[error("the code cannot be stored in the container: {0}")]
    Unstored(#[from] std::io::Error),
    /// It is no archive.
    #[error(transparent)]
    Unpacked(#[from] unpack::Error),
}

/// Fetches an archive and unpacks it below `root`.
///
/// # Errors
/// It is not in place.
pub(super) async fn fetch(archive: &Download, root: &Path) -> Result<(), Error> {
    let (status, mut downloading) = Downloading::start(&archive.url).await?;
    if !status.is_success() {
        return Err(Error::Refused { place: archive.url.authority().to_owned(), status });
    }
    let mut file = tempfile::tempfile_in(below(root, "/tmp")).or_else(|_| tempfile::tempfile())?;
    while let Some(piece) = downloading.next().await? {
        file.write_all(&piece)?;
    }
    file.seek(SeekFrom::Start(0))?;
    let target = below(root, &archive.target);
    std::fs::create_dir_all(&target)?;
    debug!("unpacking an archive into {}", archive.target);
    Ok(aside(move || unpack::unpack(BufReader::new(file), &target)).await??)
}
