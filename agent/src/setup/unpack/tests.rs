use std::io::Cursor;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

enum Entry<'a> {
    File(&'a str, &'a str),
    WithMode(&'a str, u32),
    Folder(&'a str, u32),
    FromWindows(&'a str),
    Link(&'a str, &'a str),
}
use Entry::{File as AFile, Folder, FromWindows, Link, WithMode};

fn archive(entries: &[Entry<'_>]) -> Cursor<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let plain = SimpleFileOptions::default();
    for entry in entries {
        match entry {
            AFile(name, content) => {
                writer.start_file(*name, plain.unix_permissions(0o600)).unwrap();
                writer.write_all(content.as_bytes()).unwrap();
            }
            WithMode(name, mode) => writer.start_file(*name, plain.unix_permissions(*mode)).unwrap(),
            Folder(name, mode) => writer.add_directory(*name, plain.unix_permissions(*mode)).unwrap(),
            FromWindows(name) if name.ends_with('/') => {
                writer.add_directory(*name, plain.system(System::Dos)).unwrap();
            }
            FromWindows(name) => writer.start_file(*name, plain.system(System::Dos)).unwrap(),
            Link(name, target) => writer.add_symlink(*name, *target, plain).unwrap(),
        }
    }
    writer.finish().unwrap()
}

fn unpacked(entries: &[Entry<'_>]) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    unpack(archive(entries), target.path()).unwrap();
    target
}

fn read(target: &tempfile::TempDir, path: &str) -> String {
    fs::read_to_string(target.path().join(path)).unwrap()
}

#[test]
fn modes_are_kept_but_everybody_can_read() {
    let target = unpacked(&[
        WithMode("plain", 0o644),
        WithMode("program", 0o755),
        WithMode("mine", 0o600),
        WithMode("my-program", 0o700),
        WithMode("writable", 0o666),
        WithMode("set-uid", 0o4755),
        WithMode("none", 0),
        FromWindows("from-windows"),
        Folder("folder", 0o755),
        Folder("my-folder", 0o700),
        FromWindows("folder-from-windows/"),
        AFile("unnamed-folder/file", "x"),
    ]);
    for (path, mode) in [
        ("plain", 0o644),
        ("program", 0o755),
        ("mine", 0o644),
        ("my-program", 0o744),
        ("writable", 0o666),
        ("set-uid", 0o755),
        ("none", 0o644),
        ("from-windows", 0o644),
        ("folder", 0o755),
        ("my-folder", 0o755),
        ("folder-from-windows", 0o755),
        ("unnamed-folder", 0o755),
    ] {
        let metadata = fs::metadata(target.path().join(path)).unwrap();
        assert_eq!(format!("{:o}", metadata.permissions().mode() & 0o7777), format!("{mode:o}"), "{path}");
    }
}

#[test]
fn links_stay_links_wherever_they_lead() {
    for (name, leads) in
        [("b.js", "lib/a.js"), ("c", "/opt/somewhere"), ("d/e", "../../../x"), ("f", "nowhere")]
    {
        let target = unpacked(&[AFile("lib/a.js", "x"), Link(name, leads)]);
        assert_eq!(fs::read_link(target.path().join(name)).unwrap(), Path::new(leads));
    }
}

#[test]
fn a_link_that_is_no_text_stays_what_it_is() {
    let mut bytes = archive(&[Link("link", "target")]).into_inner();
    let at: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"target")).collect();
    // The checksum of the new name, in the entry and in the directory.
    let (before, after) = (crc(b"target"), crc(b"\xffarget"));
    at.into_iter().for_each(|at| bytes[at] = 0xff);
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == before {
            bytes[at..at + 4].copy_from_slice(&after);
        }
    }
    let target = tempfile::tempdir().unwrap();
    unpack(Cursor::new(bytes), target.path()).unwrap();
    let link = fs::read_link(target.path().join("link")).unwrap();
    assert_eq!(link.as_os_str().as_bytes(), b"\xffarget");
}

/// CRC-32 as in a zip's headers.
fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    (!crc).to_le_bytes()
}

#[test]
fn what_was_there_is_replaced_as_a_whole() {
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("a"), "a long text").unwrap();
    fs::create_dir_all(target.path().join("b/old")).unwrap();
    fs::write(target.path().join("c"), "").unwrap();
    fs::write(target.path().join("d"), "").unwrap();
    unpack(
        archive(&[AFile("a", "short"), AFile("b", "file"), AFile("c/file", "x"), Link("d", "a")]),
        target.path(),
    )
    .unwrap();
    assert_eq!(["a", "b", "c/file", "d"].map(|path| read(&target, path)), ["short", "file", "x", "short"]);
}

#[test]
fn absolute_and_winding_paths_begin_at_the_target() {
    let target = unpacked(&[AFile("/etc/a", "x"), AFile("b/../c", "y")]);
    assert_eq!((read(&target, "etc/a"), read(&target, "c")), ("x".to_owned(), "y".to_owned()));
}

#[test]
fn nothing_climbs_out() {
    for entries in [&[AFile("../a", "x")][..], &[AFile("a/../../b", "x")], &[Link("../a", "b")]] {
        let target = tempfile::tempdir().unwrap();
        let inner = target.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let refused = unpack(archive(entries), &inner);
        assert!(matches!(refused, Err(Error::LeadsOut(_))), "{refused:?}");
        assert_eq!(fs::read_dir(target.path()).unwrap().count(), 1);
    }
}

#[test]
fn nothing_is_written_through_a_link_that_leads_out() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "untouched").unwrap();
    fs::set_permissions(outside.path().join("file"), fs::Permissions::from_mode(0o640)).unwrap();
    let (folder, file) = (outside.path().to_str().unwrap(), outside.path().join("file"));
    let file = file.to_str().unwrap();
    let target = tempfile::tempdir().unwrap();
    for entries in [
        // In one archive,
        &[Link("a", folder), AFile("a/file", "x"), Folder("b", 0o777), Link("b", file)][..],
        // and by a later one.
        &[Link("c", folder), Link("d", file)],
        &[AFile("c/file", "x"), AFile("d", "x"), Folder("e/f", 0o777)],
        &[Link("g", folder), Link("g/file", "x"), Link("h", folder)],
        &[Folder("h", 0o777), AFile("h/new", "x")],
    ] {
        unpack(archive(entries), target.path()).unwrap();
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "untouched");
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    assert_eq!((read(&target, "c/file"), read(&target, "d")), ("x".to_owned(), "x".to_owned()));
}

#[test]
fn a_link_of_an_earlier_archive_that_stays_inside_is_followed() {
    let target = unpacked(&[AFile("lib64/a", "a"), Link("lib", "lib64")]);
    unpack(archive(&[AFile("lib/b", "b")]), target.path()).unwrap();
    assert_eq!((read(&target, "lib64/b"), read(&target, "lib/a")), ("b".to_owned(), "a".to_owned()));
}
