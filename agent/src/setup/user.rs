//! The user that functions run as.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown, fchown};
use std::path::Path;

use super::bootstrap::below;

/// A user by its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// AWS's name for it.
pub(crate) const DEFAULT: &str = "sbx_user1051";

/// AWS's numbers for it.
const NUMBERS: User = User { uid: 993, gid: 990 };

const ROOT: User = User { uid: 0, gid: 0 };

/// Variables that name the user. [LocalStack: its init's, and its own setting for that]
const VARIABLES: [&str; 2] = ["LOCALSTACK_USER", "LAMBDA_INIT_USER"];

/// The user, if somebody has said one: the function, `operator` of the control plane, or the container; the
/// function's own variables win, as they do in LocalStack. An empty one means root.
pub(crate) fn name<'a>(
    function: impl Fn(&str) -> Option<&'a String>,
    operator: Option<&'a str>,
    container: impl Fn(&str) -> Option<&'a String>,
) -> Option<&'a str> {
    let given = function(VARIABLES[0]).map(String::as_str).or(operator);
    given.or_else(|| VARIABLES.iter().find_map(|variable| container(variable)).map(String::as_str))
}

/// Finds the user `wanted` in the container, or makes it with AWS's numbers, and gives it `/tmp`. `None`: functions
/// stay root.
///
/// `wanted` is what `docker run --user` takes: a name or a number, and after a colon a group's name or number. A number
/// that nobody has is one that may be used.
///
/// # Errors
/// It neither exists nor can be made, or its group does not exist. Then functions can still run with AWS's numbers, or
/// in the user's own group.
pub(crate) fn prepare(root: &Path, wanted: Option<&str>) -> (Option<User>, io::Result<()>) {
    let wanted = wanted.unwrap_or(DEFAULT);
    let (name, group) = wanted.split_once(':').unwrap_or((wanted, ""));
    let (mut user, mut made) = find_or_make(root, name);
    if !group.is_empty() {
        match find_group(&fs::read_to_string(below(root, "/etc/group")).unwrap_or_default(), group) {
            Some(gid) => user.gid = gid,
            None => made = made.and(Err(io::Error::other(format!("there is no group {group}")))),
        }
    }
    if user == ROOT {
        return (None, made);
    }
    let owned = chown(below(root, "/tmp"), Some(user.uid), Some(user.gid));
    (Some(user), made.and(owned))
}

fn find_or_make(root: &Path, name: &str) -> (User, io::Result<()>) {
    if name.is_empty() || name == "root" {
        return (ROOT, Ok(()));
    }
    let passwd = below(root, "/etc/passwd");
    let users = fs::read_to_string(&passwd).unwrap_or_default();
    if let Some(user) = find(&users, name) {
        return (user, Ok(()));
    }
    if let Ok(uid) = name.parse() {
        return (User { uid, ..ROOT }, Ok(()));
    }
    let line = format!("{name}:x:{}:{}::/home/{name}:/sbin/nologin\n", NUMBERS.uid, NUMBERS.gid);
    let made = append(&passwd, &users, &line);
    let shadow = below(root, "/etc/shadow");
    let hidden = fs::read_to_string(&shadow).unwrap_or_default();
    let made = made.and_then(|()| append(&shadow, &hidden, &format!("{name}:*:18313:0:99999:7:::\n")));
    (NUMBERS, made)
}

/// The first line for the name or number wins, as for the system.
fn find(passwd: &str, wanted: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let mut numbers = fields.skip(1).map(|field| field.parse().ok());
        let user = User { uid: numbers.next()??, gid: numbers.next()?? };
        (name == wanted || wanted.parse() == Ok(user.uid)).then_some(user)
    })
}

fn find_group(groups: &str, wanted: &str) -> Option<u32> {
    let named = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(wanted)).then(|| fields.nth(1)?.parse().ok())?
    });
    named.or_else(|| wanted.parse().ok())
}

/// Adds a line to a file that holds `before`. Where nothing can take the file's place, because it is missing, a link
/// or mounted, the line is appended to it.
fn append(path: &Path, before: &str, line: &str) -> io::Result<()> {
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    let line = format!("{gap}{line}");
    replace(path, before, &line)
        .or_else(|_| OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes()))
}

/// Puts a file with one more line in the place of another. To append to a file of an image takes milliseconds: the
/// container's file system copies it first and waits for the disk. [Linux: overlayfs, copy up]
fn replace(path: &Path, before: &str, line: &str) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    // A file that is no text was not read.
    if !metadata.is_file() || metadata.len() != before.len() as u64 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let new = path.with_extension("lambdock");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    let placed = file
        .write_all(format!("{before}{line}").as_bytes())
        .and_then(|()| fchown(&file, Some(metadata.uid()), Some(metadata.gid())))
        .and_then(|()| file.set_permissions(metadata.permissions()))
        .and_then(|()| fs::rename(&new, path));
    if placed.is_err() {
        // Nobody misses it.
        let _ = fs::remove_file(&new);
    }
    placed
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn whoever_is_closest_to_the_function_names_its_user() {
        let (a, b, c) = ("a".to_owned(), "b".to_owned(), "c".to_owned());
        let nobody = |_: &str| None;
        let function = |variable: &str| (variable == "LOCALSTACK_USER").then_some(&a);
        let container = |variable: &str| (variable == "LAMBDA_INIT_USER").then_some(&b);
        let both = |variable: &str| Some(if variable == "LAMBDA_INIT_USER" { &b } else { &c });
        assert_eq!(name(function, Some("operator"), both), Some("a"));
        assert_eq!(name(nobody, Some("operator"), both), Some("operator"));
        assert_eq!(name(nobody, None, both), Some("c"));
        assert_eq!(name(nobody, None, container), Some("b"));
        assert_eq!(name(nobody, None, nobody), None);
    }

    #[test]
    fn a_new_user_gets_a_line_of_its_own_and_an_existing_one_keeps_its_numbers() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        fs::create_dir_all(root.path().join("tmp")).unwrap();
        fs::write(root.path().join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh").unwrap();
        let (user, _) = prepare(root.path(), None);
        assert_eq!(user, Some(NUMBERS));
        let passwd = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
        assert_eq!(
            passwd,
            "root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
        );
        prepare(root.path(), None).1.ok();
        assert_eq!(fs::read_to_string(root.path().join("etc/passwd")).unwrap(), passwd);
        assert_eq!(find("a:x:5:6::/:/", "a"), Some(User { uid: 5, gid: 6 }));
        assert_eq!(prepare(root.path(), Some("root")).0, None);
    }

    #[test]
    fn users_and_groups_are_named_or_numbered_as_for_docker() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc")).unwrap();
        let passwd = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65533::/:/\n1000:x:7:8::/:/\n";
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        fs::write(root.path().join("etc/group"), "root:x:0:\nstaff:x:50:nobody\nbroken\n").unwrap();
        let user = |wanted: &str| prepare(root.path(), Some(wanted)).0.map(|user| (user.uid, user.gid));
        for (wanted, expected) in [
            ("nobody", Some((65534, 65533))),
            ("nobody:staff", Some((65534, 50))),
            ("nobody:7", Some((65534, 7))),
            // Numbers of somebody come with the group of that one; others with root's.
            ("65534", Some((65534, 65533))),
            ("1234", Some((1234, 0))),
            ("1234:staff", Some((1234, 50))),
            ("1234:5678", Some((1234, 5678))),
            // A name that looks like a number is a name.
            ("1000", Some((7, 8))),
            ("0", None),
            ("0:0", None),
            ("root:root", None),
            ("", None),
            ("root:staff", Some((0, 50))),
            (":50", Some((0, 50))),
            ("nobody:nowhere", Some((65534, 65533))),
        ] {
            assert_eq!(user(wanted), expected, "{wanted}");
        }
        let told = prepare(root.path(), Some("root:nowhere")).1.unwrap_err();
        assert_eq!(told.to_string(), "there is no group nowhere");
        assert_eq!(fs::read_to_string(root.path().join("etc/passwd")).unwrap(), passwd);
    }

    #[test]
    fn a_file_keeps_its_mode_and_what_is_no_text() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("shadow");
        for content in [&b"root:*\n"[..], b"\xff:*\n"] {
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            let before = fs::read_to_string(&path).unwrap_or_default();
            append(&path, &before, "new:*\n").unwrap();
            assert_eq!(fs::read(&path).unwrap(), [content, b"new:*\n"].concat());
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        }
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_link_stays_one() {
        let root = tempfile::tempdir().unwrap();
        let (path, link) = (root.path().join("file"), root.path().join("passwd"));
        fs::write(&path, "a\n").unwrap();
        symlink(&path, &link).unwrap();
        append(&link, "a\n", "b\n").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
    }
}
