//! Pure: the level of a line that a function wrote in the JSON log format.
//!
//! [AWS: log-level filtering of application logs]

use lambdock_protocol::LogLevel;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A line that is a JSON object, as far as it matters.
#[derive(Deserialize)]
struct Leveled<'a> {
    #[serde(borrow, default)]
    level: Option<&'a RawValue>,
}

/// Whether a line is a JSON object, and of which level. Without a level, or with one that there is not, it is INFO.
/// `None`: it is text, or damaged JSON.
pub(super) fn of_object(line: &[u8]) -> Option<LogLevel> {
    let begins = line.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins != Some(&b'{') {
        return None;
    }
    serde_json::from_slice::<&RawValue>(line).ok()?;
    let named = serde_json::from_slice::<Leveled<'_>>(line).ok().and_then(|members| {
        let name: String = serde_json::from_str(members.level?.get()).ok()?;
        named(&name)
    });
    Some(named.unwrap_or(LogLevel::Info))
}

/// A level by its name in any case; also Python's names for two of them.
fn named(name: &str) -> Option<LogLevel> {
    let names = [
        ("TRACE", LogLevel::Trace),
        ("DEBUG", LogLevel::Debug),
        ("INFO", LogLevel::Info),
        ("WARN", LogLevel::Warn),
        ("WARNING", LogLevel::Warn),
        ("ERROR", LogLevel::Error),
        ("FATAL", LogLevel::Fatal),
        ("CRITICAL", LogLevel::Fatal),
    ];
    names.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn objects_have_the_level_they_say_or_info() {
        for (line, level) in [
            (r#"{"level":"debug","msg":"m"}"#, Some(LogLevel::Debug)),
            (r#" {"msg":1,"level":"WARNING"} "#, Some(LogLevel::Warn)),
            ("{\"level\":\"fatal\"}\r", Some(LogLevel::Fatal)),
            (r#"{"level":30}"#, Some(LogLevel::Info)),
            (r#"{"level":"loud"}"#, Some(LogLevel::Info)),
            (r#"{"level":null}"#, Some(LogLevel::Info)),
            (r#"{"level":"debug","level":"error"}"#, Some(LogLevel::Info)),
            ("{}", Some(LogLevel::Info)),
            ("text", None),
            ("[1]", None),
            ("\"{}\"", None),
            ("{\"level\":\"debug\"", None),
            ("{} {}", None),
            ("", None),
        ] {
            assert_eq!(of_object(line.as_bytes()), level, "{line}");
        }
        assert_eq!(of_object(b"{\"a\":\"\xff\"}"), None);
    }

    proptest! {
        #[test]
        fn whatever_is_an_object_can_be_embedded_as_one(line in r#"[ \t]*[{}\[\]",:a-e0-9 ]{0,30}"#) {
            let embedded = format!("[{line}]");
            let object = serde_json::from_str::<serde_json::Value>(&line).is_ok_and(|value| value.is_object());
            prop_assert_eq!(of_object(line.as_bytes()).is_some(), object);
            if object {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&embedded).is_ok());
            }
        }
    }
}
