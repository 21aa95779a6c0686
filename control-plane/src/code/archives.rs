//! Archives on disk, each a file named by its digest.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lambdock_domain::code::Digest;
use sha2::{Digest as _, Sha256};

use crate::hex;

/// The folder of archives; clones share it.
///
/// An archive is written before a resource refers to it, so between the two it is held by a [`Lease`]: cleaning up
/// never takes away what somebody is about to use.
#[derive(Debug, Clone)]
pub struct Archives {
    folder: Arc<Path>,
    leases: Arc<Mutex<HashMap<Digest, usize>>>,
}

/// Keeps an archive from being cleaned up while it is held.
#[derive(Debug)]
pub struct Lease {
    archives: Archives,
    digest: Digest,
    /// Bytes of the archive.
    pub size: u64,
}

impl Lease {
    /// Name of the archive.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut leases = self.archives.leases();
        if let Some(count) = leases.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                leases.remove(&self.digest);
            }
        }
    }
}

impl Archives {
    /// Archives in `folder`, which is made if it is not there. Pieces that a killed process left are removed.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != EXTENSION) {
                fs::remove_file(path)?;
            }
        }
        Ok(Self { folder: folder.into(), leases: Arc::default() })
    }

    /// Keeps `bytes`. Blocks on the disk.
    ///
    /// # Errors
    /// The disk is full or fails; then nothing is left behind.
    pub fn put(&self, bytes: &[u8]) -> io::Result<Lease> {
        let mut draft = self.draft()?;
        draft.write(bytes)?;
        draft.keep()
    }

    /// Begins an archive whose bytes are still to come.
    ///
    /// # Errors
    /// The disk fails.
    pub fn draft(&self) -> io::Result<Draft> {
        let file = tempfile::NamedTempFile::new_in(&self.folder)?;
        Ok(Draft { archives: self.clone(), file, hash: Sha256::new(), size: 0 })
    }

    /// Keeps an archive of `size` bytes, which a resource still needs, for one that is about to.
    pub fn hold(&self, digest: &Digest, size: u64) -> Lease {
        *self.leases().entry(digest.clone()).or_default() += 1;
        Lease { archives: self.clone(), digest: digest.clone(), size }
    }

    /// Opens an archive to read it.
    ///
    /// # Errors
    /// It is not here.
    pub fn read(&self, digest: &Digest) -> io::Result<File> {
        File::open(self.path(digest))
    }

    /// Removes an archive that no resource needs, unless somebody is about to use it.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn discard(&self, digest: &Digest) -> io::Result<()> {
        let leases = self.leases();
        if leases.contains_key(digest) {
            return Ok(());
        }
        match fs::remove_file(self.path(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes every archive that is not `in_use`: what a killed process wrote and nobody came to refer to.
    ///
    /// # Errors
    /// The folder cannot be read or a file not removed.
    pub fn discard_all_but(&self, in_use: &HashSet<Digest>) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
            let digest = Digest(stem.to_owned());
            if !in_use.contains(&digest) {
                self.discard(&digest)?;
            }
        }
        Ok(())
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(&digest.0).with_extension(EXTENSION)
    }

    fn leases(&self) -> MutexGuard<'_, HashMap<Digest, usize>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const EXTENSION: &str = "zip";

/// An archive that is being received. Dropped, it is gone. Everything here blocks on the disk.
#[derive(Debug)]
pub struct Draft {
    archives: Archives,
    file: tempfile::NamedTempFile,
    hash: Sha256,
    size: u64,
}

impl Draft {
    /// Adds bytes at its end.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    /// The file, to read what there is.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Keeps it as it is.
    ///
    /// # Errors
    /// The disk is full or fails; then nothing is left behind.
    pub fn keep(self) -> io::Result<Lease> {
        let Self { archives, file, hash, size } = self;
        let digest = Digest(hex::encode(&hash.finalize()));
        let lease = archives.hold(&digest, size);
        let path = archives.path(&digest);
        if !path.exists() {
            file.as_file().sync_data()?;
            file.persist(path).map_err(|error| error.error)?;
        }
        Ok(lease)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn archives() -> (tempfile::TempDir, Archives) {
        let folder = tempfile::tempdir().unwrap();
        let archives = Archives::open(&folder.path().join("code")).unwrap();
        (folder, archives)
    }

    fn content(archives: &Archives, digest: &Digest) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        archives.read(digest)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn an_archive_is_kept_under_the_sha256_of_its_bytes() {
        let (_folder, archives) = archives();
        let lease = archives.put(b"abc").unwrap();
        assert_eq!(lease.digest().0, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(content(&archives, lease.digest()).unwrap(), b"abc");
    }

    #[test]
    fn an_archive_that_somebody_is_about_to_use_is_not_removed() {
        let (_folder, archives) = archives();
        let lease = archives.put(b"abc").unwrap();
        let digest = lease.digest().clone();
        archives.discard(&digest).unwrap();
        archives.discard_all_but(&HashSet::new()).unwrap();
        assert!(content(&archives, &digest).is_ok());
        drop(lease);
        archives.discard_all_but(&HashSet::from([digest.clone()])).unwrap();
        assert!(content(&archives, &digest).is_ok());
        archives.discard(&digest).unwrap();
        assert!(content(&archives, &digest).is_err());
        archives.discard(&digest).unwrap();
    }

    #[test]
    fn an_archive_is_kept_for_as_long_as_one_of_its_leases_is_held() {
        let (_folder, archives) = archives();
        let digest = archives.put(b"abc").unwrap().digest().clone();
        let (one, other) = (archives.hold(&digest, 3), archives.hold(&digest, 3));
        drop(one);
        archives.discard(&digest).unwrap();
        assert!(content(&archives, &digest).is_ok());
        drop(other);
        archives.discard(&digest).unwrap();
        assert!(content(&archives, &digest).is_err());
    }

    #[test]
    fn pieces_of_a_killed_process_are_gone_after_a_restart() {
        let (folder, archives) = archives();
        let lease = archives.put(b"whole").unwrap();
        let piece = folder.path().join("code").join(".tmpAbC");
        fs::write(&piece, b"hal").unwrap();
        let reopened = Archives::open(&folder.path().join("code")).unwrap();
        assert!(!piece.exists());
        assert!(content(&reopened, lease.digest()).is_ok());
    }
}
