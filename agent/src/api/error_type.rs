//! Pure: what a runtime says an error is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Map, Value};

/// The type that AWS makes of the header `Lambda-Runtime-Function-Error-Type`. [AWS: runtime interface emulator]
pub(super) fn sorted_out(given: &str) -> String {
    if ["Runtime.", "Function."].iter().any(|prefix| {
        given.match_indices(prefix).any(|(at, _)| {
            let mut rest = given[at + prefix.len()..].chars();
            rest.next().is_some_and(|c| c.is_ascii_uppercase())
                && rest.next().is_some_and(|c| c.is_ascii_alphabetic())
        })
    }) {
        return given.to_owned();
    }
    if given.starts_with("Function.") { "Function.Unknown".to_owned() } else { "Runtime.Unknown".to_owned() }
}

/// An error's body without the part that is for X-Ray.
pub(super) fn without_cause(body: &[u8]) -> Bytes {
    let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(body) else {
        return Bytes::from_static(br#""Invalid error body""#);
    };
    let mut kept = Map::new();
    for name in ["errorMessage", "errorType", "stackTrace"] {
        if let Some(value) = members.remove(name) {
            kept.insert(name.to_owned(), value);
        }
    }
    Value::Object(kept).to_string().into()
}

/// The error that the trailers of a streamed response tell of.
pub(super) fn in_trailers(trailers: &HeaderMap, type_name: &str, body_name: &str) -> Option<(String, Bytes)> {
    let given = trailers.get(type_name)?.to_str().ok()?;
    if given.is_empty() {
        return None;
    }
    let body = trailers.get(body_name).map(|body| BASE64.decode(body.as_bytes()).unwrap_or_default());
    Some((sorted_out(given), body.unwrap_or_default().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_kept_if_they_are_of_aws_form() {
        for kept in ["Runtime.ImportModuleError", "Function.MyError", "my.Runtime.Error"] {
            assert_eq!(sorted_out(kept), kept);
        }
        assert_eq!(sorted_out("Function.my"), "Function.Unknown");
        assert_eq!(sorted_out("ValueError"), "Runtime.Unknown");
        assert_eq!(sorted_out(""), "Runtime.Unknown");
    }

    #[test]
    fn the_cause_is_not_for_the_caller() {
        let body = br#"{"errorCause":{},"errorType":"E","errorMessage":"m","stackTrace":[]}"#;
        assert_eq!(without_cause(body), r#"{"errorMessage":"m","errorType":"E","stackTrace":[]}"#);
        assert_eq!(without_cause(b"no json"), r#""Invalid error body""#);
    }
}
