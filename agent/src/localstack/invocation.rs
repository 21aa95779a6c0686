//! Pure: what LocalStack posts to `/invoke`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use lambdock_protocol::Invoke;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::apart::Parts;
use super::options::is_id;

/// Members may be missing, and unknown ones are ignored: LocalStack and this init are not updated together.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Body<'a> {
    #[serde(alias = "request-id")]
    invoke_id: String,
    #[serde(default)]
    invoked_function_arn: String,
    #[serde(default)]
    payload: Option<String>,
    /// For payloads that are no text.
    #[serde(default)]
    payload_base64: Option<String>,
    #[serde(default)]
    trace_id: Option<String>,
    #[serde(borrow, default)]
    client_context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cognito_identity: Option<&'a RawValue>,
    #[serde(default)]
    tenant_id: Option<String>,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    deadline_ms: Option<u64>,
}

/// Why nothing is invoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    /// It is not what was agreed.
    #[error("invalid request: {0}")]
    Invalid(String),
    /// The function may not have as much.
    #[error("Exceeded maximum allowed payload size ({0} bytes).")]
    TooLarge(u64),
}

/// An invocation. `now_ms`: milliseconds since the epoch; `limit`: most bytes of a payload.
///
/// # Errors
/// The body is no invocation, or its payload is too large.
pub(super) fn parse(parts: Parts, limit: u64, now_ms: u64) -> Result<(Invoke, Bytes), Rejection> {
    let invalid = |what: &dyn std::fmt::Display| Rejection::Invalid(what.to_string());
    let body: Body<'_> = serde_json::from_slice(&parts.envelope).map_err(|error| invalid(&error))?;
    if !is_id(&body.invoke_id) {
        return Err(invalid(&"the id has to be letters, digits and hyphens"));
    }
    let payload = match (parts.payload, body.payload, body.payload_base64) {
        (Some(payload), _, _) => payload,
        (None, Some(payload), _) => payload.into(),
        (None, None, Some(payload)) => BASE64.decode(payload).map_err(|error| invalid(&error))?.into(),
        (None, None, None) => return Err(invalid(&"there is no payload")),
    };
    if payload.len() as u64 > limit {
        return Err(Rejection::TooLarge(limit));
    }
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let invoke = Invoke {
        request_id: body.invoke_id,
        invoked_function_arn: body.invoked_function_arn,
        // The function's own timeout holds anyway.
        timeout_ms: body.deadline_ms.map_or(u64::MAX, |deadline| deadline.saturating_sub(now_ms)),
        trace_id: given(body.trace_id),
        client_context: body.client_context.and_then(json_text),
        cognito_identity: body.cognito_identity.and_then(json_text),
        tenant_id: given(body.tenant_id),
        content_type: given(body.content_type),
    };
    Ok((invoke, payload))
}

/// JSON as text, that is given as an object, as its text, or as its text in Base64.
fn json_text(given: &RawValue) -> Option<String> {
    let given = given.get();
    if given.starts_with('{') {
        return Some(given.to_owned());
    }
    let text: String = serde_json::from_str(given).ok()?;
    if text.trim_start().starts_with('{') {
        return Some(text);
    }
    String::from_utf8(BASE64.decode(text).ok()?).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::apart::Apart;
    use super::*;

    const ID: &str = "c3b2a190-0000-4000-8000-000000000001";

    fn taken_and_parsed(body: &[u8]) -> Result<(Invoke, Bytes), Rejection> {
        let mut apart = Apart::new(16, None);
        apart.take(body);
        parse(apart.finish()?, 16, 1000)
    }

    fn parsed(body: &str) -> Result<(Invoke, Bytes), Rejection> {
        taken_and_parsed(body.as_bytes())
    }

    #[test]
    fn what_localstack_sends_is_understood() {
        let (invoke, payload) = parsed(&format!(
            r#"{{"invoke-id":"{ID}","invoked-function-arn":"arn:x","payload":"{{\"a\":\"\u00e9\"}}","trace-id":"Root=1"}}"#
        ))
        .unwrap();
        assert_eq!((invoke.request_id.as_str(), invoke.invoked_function_arn.as_str()), (ID, "arn:x"));
        assert_eq!((invoke.trace_id.as_deref(), invoke.timeout_ms), (Some("Root=1"), u64::MAX));
        assert_eq!((invoke.client_context, invoke.cognito_identity), (None, None));
        assert_eq!(payload, r#"{"a":"é"}"#.as_bytes());
    }

    #[test]
    fn newer_members_are_understood_and_unknown_ones_are_ignored() {
        let (invoke, payload) = parsed(&format!(
            r#"{{"request-id":"{ID}","payload-base64":"/w==","deadline-ms":3500,"tenant-id":"t","unknown":[1],
                "cognito-identity":{{"b": 1, "a": 2}},"client-context":"eyJjdXN0b20iOnt9fQ==","trace-id":""}}"#
        ))
        .unwrap();
        assert_eq!((invoke.request_id.as_str(), invoke.timeout_ms), (ID, 2500));
        assert_eq!(invoke.client_context.as_deref(), Some(r#"{"custom":{}}"#));
        assert_eq!(invoke.cognito_identity.as_deref(), Some(r#"{"b": 1, "a": 2}"#));
        assert_eq!((invoke.trace_id, invoke.tenant_id.as_deref()), (None, Some("t")));
        assert_eq!(payload, [0xff].as_slice());
        let (invoke, _) =
            parsed(&format!(r#"{{"invoke-id":"{ID}","payload":"","client-context":"{{\"x\":1}}"}}"#))
                .unwrap();
        assert_eq!(invoke.client_context.as_deref(), Some(r#"{"x":1}"#));
    }

    #[test]
    fn a_payload_is_rejected_only_above_the_limit() {
        let of =
            |length: usize| parsed(&format!(r#"{{"invoke-id":"{ID}","payload":"{}"}}"#, "x".repeat(length)));
        assert_eq!(of(16).unwrap().1.len(), 16);
        assert_eq!(of(17), Err(Rejection::TooLarge(16)));
    }

    #[test]
    fn what_is_no_invocation_is_rejected() {
        for body in [
            "",
            "no json",
            "[]",
            "{}",
            r#"{"invoke-id":"a"}"#,
            r#"{"payload":"{}"}"#,
            r#"{"invoke-id":"","payload":"{}"}"#,
            r#"{"invoke-id":"../x","payload":"{}"}"#,
            r#"{"invoke-id":"a","payload":{}}"#,
            r#"{"invoke-id":"a","payload-base64":"!"}"#,
        ] {
            assert!(matches!(parsed(body), Err(Rejection::Invalid(_))), "{body}");
        }
    }

    proptest! {
        #[test]
        fn payloads_arrive_as_they_are(payload in ".{0,4}") {
            let body = serde_json::json!({ "invoke-id": ID, "payload": payload }).to_string();
            prop_assert_eq!(parsed(&body).unwrap().1, payload.as_bytes());
        }

        #[test]
        fn nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = taken_and_parsed(&body);
        }
    }
}
