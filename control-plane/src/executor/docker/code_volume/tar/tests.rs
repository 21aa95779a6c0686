use std::collections::BTreeMap;
use std::fs::File;
use std::io::Cursor;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::*;

/// An entry of an archive: its name, its mode, its content or where it links to.
enum Entry<'a> {
    File(&'a str, u32, &'a str),
    Folder(&'a str, u32),
    Link(&'a str, &'a str),
}
use Entry::{File as F, Folder, Link};

fn zipped(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for entry in entries {
        match entry {
            F(name, mode, content) => {
                archive.start_file(*name, plain.unix_permissions(*mode)).unwrap();
                archive.write_all(content.as_bytes()).unwrap();
            }
            Folder(name, mode) => archive.add_directory(*name, plain.unix_permissions(*mode)).unwrap(),
            Link(name, target) => archive.add_symlink(*name, *target, plain).unwrap(),
        }
    }
    archive.finish().unwrap().into_inner()
}

fn tarred(archives: &[Vec<u8>]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut tree = Tree::new(&mut bytes, 1);
    archives.iter().try_for_each(|archive| tree.add(Cursor::new(archive)))?;
    tree.finish()?;
    Ok(bytes)
}

/// What the archives say when they are unpacked over one another: mode and content of each path.
fn unpacked(archives: &[Vec<u8>]) -> io::Result<BTreeMap<String, String>> {
    let bytes = tarred(archives)?;
    let mut found = BTreeMap::new();
    for entry in ::tar::Archive::new(bytes.as_slice()).entries()? {
        let mut entry = entry?;
        let header = entry.header().clone();
        assert_eq!((header.uid()?, header.gid()?, header.mtime()?), (0, 0, 1));
        let path = entry.path()?.display().to_string();
        let said = match header.entry_type() {
            EntryType::Symlink => format!("-> {}", entry.link_name()?.unwrap().display()),
            kind => {
                let mut content = String::new();
                entry.read_to_string(&mut content)?;
                format!("{:o} {}", header.mode()?, if kind.is_dir() { "folder" } else { &content })
            }
        };
        found.insert(path.trim_end_matches('/').to_owned(), said);
    }
    Ok(found)
}

#[test]
fn entries_keep_what_an_agent_keeps() {
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    let archive = zipped(&[
        F("a/b/plain", 0o640, "1"),
        F("/rooted", 0o755, "2"),
        F(&long, 0o644, "long"),
        Folder("closed/", 0o700),
        F("closed/in", 0o600, "3"),
        Link("link", "./a/b/plain"),
        Link("out", "/etc/passwd"),
    ]);
    let found = unpacked(&[archive]).unwrap();
    let has = |path: &str, said: &str| assert_eq!(found[path], said, "{path}");
    has("a", "755 folder");
    has("a/b/plain", "644 1");
    has("rooted", "755 2");
    has(&long, "644 long");
    has("closed", "755 folder");
    has("closed/in", "644 3");
    has("link", "-> ./a/b/plain");
    has("out", "-> /etc/passwd");
}

#[test]
fn a_runtime_of_the_function_s_own_can_be_executed() {
    let found = unpacked(&[zipped(&[F("bootstrap", 0o644, "")])]).unwrap();
    assert_eq!(found["bootstrap"], "755 ");
    let found = unpacked(&[zipped(&[F("bin/run", 0o644, ""), Link("bootstrap", "bin/run")])]).unwrap();
    assert_eq!(found["bin/run"], "755 ");
    let found = unpacked(&[zipped(&[F("bootstrap", 0o775, "")])]).unwrap();
    assert_eq!(found["bootstrap"], "775 ");
}

#[test]
fn layers_are_over_one_another() {
    let layers = [
        zipped(&[F("a", 0o644, "1"), F("only", 0o644, "1"), Folder("kept/", 0o775), Link("l", "a")]),
        zipped(&[F("a", 0o644, "2"), F("kept/new", 0o644, "2"), F("l", 0o644, "no link any more")]),
    ];
    let found = unpacked(&layers).unwrap();
    let all = ["a", "kept", "kept/new", "l", "only"];
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), all);
    assert_eq!(found["a"], "644 2");
    assert_eq!(found["kept"], "775 folder", "the later layer has no folder of its own to say");
    assert_eq!(found["l"], "644 no link any more");
}

#[test]
fn what_only_the_image_can_answer_is_left_to_the_agent() {
    let linked = zipped(&[Link("lib", "/usr/lib"), F("x", 0o644, "")]);
    for behind in [F("lib/a", 0o644, ""), Folder("lib/", 0o755)] {
        let error = unpacked(&[linked.clone(), zipped(&[behind])]).unwrap_err();
        assert!(error.to_string().contains("behind a link"), "{error}");
    }
}

#[test]
fn damaged_archives_are_refused() {
    let mut broken = zipped(&[F("a", 0o644, "some text that is stored as it is")]);
    let at = broken.windows(4).position(|bytes| bytes == b"text").unwrap();
    broken[at] ^= 0xff;
    assert!(tarred(&[broken]).is_err());
    assert!(tarred(&[b"no archive at all".to_vec()]).is_err());
}

#[tokio::test]
async fn the_stream_is_the_archive_and_tells_of_its_end() {
    let archive = zipped(&[F("a", 0o644, &"x".repeat(8 * PIECE))]);
    let open: OpenArchive = Arc::new(move |digest: &str| -> io::Result<File> {
        if digest != "there" {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut file = tempfile::tempfile()?;
        file.write_all(&archive)?;
        file.rewind()?;
        Ok(file)
    });
    let (pieces, made) = stream(vec!["there".to_owned()], Arc::clone(&open));
    let bytes: Vec<Bytes> = pieces.try_collect().await.unwrap();
    made.await.unwrap().unwrap();
    assert!(bytes.iter().map(Bytes::len).sum::<usize>() > 8 * PIECE);

    let (pieces, made) = stream(vec!["there".to_owned(), "missing".to_owned()], Arc::clone(&open));
    assert!(pieces.try_collect::<Vec<_>>().await.is_err());
    assert_eq!(made.await.unwrap().unwrap_err().kind(), io::ErrorKind::NotFound);

    let (pieces, made) = stream(vec!["there".to_owned()], open);
    drop(pieces);
    assert_eq!(made.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}
