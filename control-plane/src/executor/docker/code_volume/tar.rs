//! Archives as one stream that an engine unpacks, into the same as an agent would make of them.

use std::collections::HashSet;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use lambdock_protocol::archive::{FOLDER_MODE, Kind, LINK_LIMIT, mode, place};
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zip::read::ZipFile;
use zip::{System, ZipArchive};

use crate::executor::OpenArchive;

/// Bytes that are sent at a time.
const PIECE: usize = 256 * 1024;

/// Pieces that wait to be sent.
const WAITING: usize = 4;

/// The runtime of a function whose archive has one, which has to be executable. [AWS: custom runtimes]
const BOOTSTRAP: &str = "bootstrap";

/// Makes a stream of the archives with these digests, each over the ones before. The task tells how that ended.
pub(super) fn stream(
    digests: Vec<String>,
    archives: OpenArchive,
) -> (impl Stream<Item = io::Result<Bytes>> + Send + 'static, JoinHandle<io::Result<()>>) {
    let (sender, receiver) = mpsc::channel::<io::Result<Bytes>>(WAITING);
    let made = tokio::task::spawn_blocking(move || {
        let mut tree = Tree::new(BufWriter::with_capacity(PIECE, Pieces(sender.clone())), now());
        let made = digests.iter().try_for_each(|digest| tree.add(BufReader::new(archives(digest)?)));
        let made = made.and_then(|()| tree.finish());
        if let Err(error) = &made {
            // The engine is not to take what there is for all; if it has gone, there is nobody to tell.
            let _ = sender.blocking_send(Err(io::Error::new(error.kind(), error.to_string())));
        }
        made
    });
    let pieces =
        unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|piece| (piece, receiver)) });
    (pieces, made)
}

/// Files are as old as their unpacking.
fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or_default()
}

/// Writes into a stream.
struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.0.blocking_send(Ok(piece)).map_err(|_gone| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the archives so far have made.
struct Tree<W: Write> {
    tar: Builder<W>,
    now: u64,
    folders: HashSet<PathBuf>,
    links: HashSet<PathBuf>,
}

impl<W: Write> Tree<W> {
    fn new(sink: W, now: u64) -> Self {
        Self { tar: Builder::new(sink), now, folders: HashSet::new(), links: HashSet::new() }
    }

    /// Adds an archive: links last, as when an agent unpacks it.
    fn add(&mut self, archive: impl Read + Seek) -> io::Result<()> {
        let mut archive = ZipArchive::new(archive)?;
        let mut links = Vec::new();
        let mut bootstrap = PathBuf::from(BOOTSTRAP);
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            if entry.is_symlink() {
                let path = place_of(&entry)?;
                let mut target = String::new();
                entry.by_ref().take(LINK_LIMIT).read_to_string(&mut target)?;
                if path == Path::new(BOOTSTRAP) {
                    bootstrap = place(&target).unwrap_or(bootstrap);
                }
                links.push((path, target));
            }
        }
        for index in 0..archive.len() {
            let entry = archive.by_index(index)?;
            if entry.is_symlink() {
                continue;
            }
            let path = place_of(&entry)?;
            if entry.is_dir() {
                self.folder(path, mode(unix_mode(&entry), Kind::Folder))?;
                continue;
            }
            let mode = mode(unix_mode(&entry), Kind::Leaf);
            // As an agent does where it starts one.
            let mode = if path == bootstrap && mode & 0o001 == 0 { 0o755 } else { mode };
            self.file(&path, mode, entry)?;
        }
        links.into_iter().try_for_each(|(path, target)| self.link(path, &target))
    }

    fn folder(&mut self, path: PathBuf, mode: u32) -> io::Result<()> {
        self.make_room(&path)?;
        if self.links.contains(&path) {
            return Err(past_link(&path));
        }
        let mut header = self.header(EntryType::Directory, mode);
        self.tar.append_data(&mut header, &path, io::empty())?;
        self.folders.insert(path);
        Ok(())
    }

    fn file<R: Read>(&mut self, path: &Path, mode: u32, mut entry: ZipFile<'_, R>) -> io::Result<()> {
        self.make_room(path)?;
        self.links.remove(path);
        let size = entry.size();
        let mut header = self.header(EntryType::Regular, mode);
        header.set_size(size);
        let mut content = Counted { inner: entry.by_ref().take(size), count: 0 };
        self.tar.append_data(&mut header, path, &mut content)?;
        let whole = content.count == size;
        // It checks its sum at its end.
        let rest = io::copy(&mut entry, &mut io::sink())?;
        if whole && rest == 0 {
            Ok(())
        } else {
            Err(invalid(format!("{path:?} has another size than it says")))
        }
    }

    fn link(&mut self, path: PathBuf, target: &str) -> io::Result<()> {
        self.make_room(&path)?;
        let mut header = self.header(EntryType::Symlink, 0o777);
        // As it is; only where it does not fit into the header, the library makes it tidy.
        if header.set_link_name_literal(target).is_ok() {
            self.tar.append_data(&mut header, &path, io::empty())?;
        } else {
            self.tar.append_link(&mut header, &path, target)?;
        }
        self.links.insert(path);
        Ok(())
    }

    /// Makes the folders above an entry.
    fn make_room(&mut self, path: &Path) -> io::Result<()> {
        let above: Vec<&Path> = path.ancestors().skip(1).filter(|above| *above != Path::new("")).collect();
        for above in above.into_iter().rev() {
            // An agent knows whether it leads out; this side cannot tell without the image.
            if self.links.contains(above) {
                return Err(past_link(path));
            }
            if !self.folders.contains(above) {
                let mut header = self.header(EntryType::Directory, FOLDER_MODE);
                self.tar.append_data(&mut header, above, io::empty())?;
                self.folders.insert(above.to_owned());
            }
        }
        Ok(())
    }

    fn header(&self, kind: EntryType, mode: u32) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(self.now);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(0);
        header
    }

    fn finish(self) -> io::Result<()> {
        self.tar.into_inner()?.flush()
    }
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.count += length as u64;
        Ok(length)
    }
}

fn place_of<R: Read>(entry: &ZipFile<'_, R>) -> io::Result<PathBuf> {
    let name = entry.name()?;
    place(&name).ok_or_else(|| invalid(format!("{name:?} leads out of its folder or is too long")))
}

/// The mode that an entry was given on a Unix; of archives from elsewhere the library makes one up.
fn unix_mode<R: Read>(entry: &ZipFile<'_, R>) -> Option<u32> {
    (entry.system() == System::Unix).then(|| entry.unix_mode()).flatten()
}

fn past_link(path: &Path) -> io::Error {
    invalid(format!("{path:?} is behind a link of an earlier layer"))
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests;
