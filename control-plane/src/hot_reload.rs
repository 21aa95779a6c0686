//! Folders whose code runs as it is: how users name them. (LocalStack)
//!
//! `S3Bucket=hot-reload` with the path of a folder as `S3Key`. The path means something to the engine, not to us: it is
//! never opened here.

/// `path` with variables of the environment in it, `$NAME` and `${NAME}`, filled in; what is not set stays as it is.
/// [LocalStack: Python's `os.path.expandvars`]
pub fn expanded(path: &str, variable: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('$') {
        let (before, found) = rest.split_at(at);
        text.push_str(before);
        let (name, length) = named(found);
        match name.and_then(&variable) {
            Some(value) => text.push_str(&value),
            None => text.push_str(&found[..length]),
        }
        rest = &found[length..];
    }
    text + rest
}

/// The name after a dollar sign, if there is one, and how long all of it is.
fn named(text: &str) -> (Option<&str>, usize) {
    let name = &text[1..];
    if let Some(braced) = name.strip_prefix('{') {
        return match braced.find('}') {
            Some(end) => (Some(&braced[..end]), end + 3),
            None => (None, 1),
        };
    }
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    (Some(&name[..end]).filter(|name| !name.is_empty()), end + 1)
}

/// Whether a machine of the POSIX kind or one with Windows takes the path for absolute. [LocalStack: `PurePosixPath`,
/// `PureWindowsPath`]
pub fn is_absolute(path: &str) -> bool {
    let bytes = path.as_bytes();
    let is_separator = |at: usize| matches!(bytes.get(at), Some(b'/' | b'\\'));
    let drive = bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':');
    bytes.first() == Some(&b'/') || (drive && is_separator(2)) || (is_separator(0) && is_separator(1))
}

/// A variable of our own environment.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn known(name: &str) -> Option<String> {
        match name {
            "HOME" => Some("/home/me".to_owned()),
            "A_1" => Some("a".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_filled_in() {
        let expand = |path| expanded(path, known);
        assert_eq!(expand("$HOME/code"), "/home/me/code");
        assert_eq!(expand("${HOME}code/$A_1-${A_1}"), "/home/mecode/a-a");
        for unchanged in ["/plain", "$", "$/x", "${", "${HOME", "$NOBODY/x", "${NO BODY}", "", "a$"] {
            assert_eq!(expand(unchanged), unchanged);
        }
        assert_eq!(expand("$$HOME"), "$/home/me");
    }

    #[test]
    fn absolute_is_what_either_kind_of_machine_takes_for_it() {
        for path in ["/", "/a", "C:\\a", "c:/a", "\\\\server\\share"] {
            assert!(is_absolute(path), "{path}");
        }
        for path in ["", "a", "./a", "C:a", "$HOME/a", "\\a"] {
            assert!(!is_absolute(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_can_be_asked_about(path in ".*") {
            let _ = is_absolute(&expanded(&path, known));
            prop_assert_eq!(expanded(&path, |_| None), path);
        }
    }
}
