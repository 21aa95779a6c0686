//! Pure: answers of functions as HTTP responses, in payload format 2.0. [AWS: invoking function URLs; inferred
//! responses recorded]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue, SERVER, SET_COOKIE, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, WWW_AUTHENTICATE,
};
use http::{HeaderMap, Response, StatusCode};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::prelude;

/// The answer cannot be made a response. [AWS: 502]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the function's answer is no HTTP response: {0}")]
pub struct Malformed(pub(super) String);

/// Status and headers that a function asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Status, 200 or more.
    pub status: StatusCode,
    /// Headers, cookies among them.
    pub headers: HeaderMap,
}

/// What is read of an object that has a `statusCode`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Structured {
    status_code: Option<Value>,
    #[serde(default)]
    headers: Option<IndexMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<Box<RawValue>>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The media type of answers that say nothing of theirs.
const DEFAULT_TYPE: HeaderValue = JSON;

/// The response for a function's whole answer.
///
/// # Errors
/// It asks for a status or a header that there cannot be, or its body is not what it says.
pub fn response(answer: &Bytes) -> Result<Response<Bytes>, Malformed> {
    let Ok(text) = std::str::from_utf8(answer) else { return unstructured(answer) };
    let Ok(json) = serde_json::from_str::<&RawValue>(text) else { return unstructured(answer) };
    let json = json.get();
    match json.as_bytes().first() {
        Some(b'{') if has_status(json) => {
            let structured: Structured =
                serde_json::from_str(json).map_err(|error| Malformed(error.to_string()))?;
            let body = structured.body()?;
            Ok(structured.head()?.with(body))
        }
        Some(b'"') => {
            let text: String = serde_json::from_str(json).map_err(|error| Malformed(error.to_string()))?;
            Ok(Head::inferred().with(text.into()))
        }
        _ => Ok(Head::inferred().with(compact(json).into())),
    }
}

/// An answer that is not JSON: a stream's prelude and what follows it, or anything else.
fn unstructured(answer: &Bytes) -> Result<Response<Bytes>, Malformed> {
    match prelude::split(answer) {
        Some((head, body)) => Ok(Head::parse(&head)?.with(body)),
        None => Ok(Head::inferred().with(answer.clone())),
    }
}

/// Only an object with a status is a response; any other is content. [AWS: recorded]
fn has_status(object: &str) -> bool {
    #[derive(Deserialize)]
    struct Status<'a> {
        #[serde(rename = "statusCode", borrow, default)]
        status: Option<&'a RawValue>,
    }
    serde_json::from_str::<Status<'_>>(object).map_or(true, |found| found.status.is_some())
}

impl Structured {
    fn head(self) -> Result<Head, Malformed> {
        let status = match self.status_code {
            None | Some(Value::Null) => StatusCode::OK,
            Some(status) => read_status(&status)?,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers.unwrap_or_default() {
            let value = match value {
                Value::Null => continue,
                Value::String(text) => text,
                Value::Bool(_) | Value::Number(_) => value.to_string(),
                Value::Array(_) | Value::Object(_) => {
                    return Err(Malformed(format!("the header {name} has a value that is not text")));
                }
            };
            let header: HeaderName =
                name.parse().map_err(|_| Malformed(format!("{name:?} is not the name of a header")))?;
            let value = HeaderValue::try_from(value)
                .map_err(|_| Malformed(format!("the header {name} has a value that no header can have")))?;
            if let Some(header) = outgoing(header) {
                headers.insert(header, value);
            }
        }
        for cookie in self.cookies.unwrap_or_default() {
            let cookie = HeaderValue::try_from(cookie)
                .map_err(|_| Malformed("a cookie has a value that no header can have".to_owned()))?;
            headers.append(SET_COOKIE, cookie);
        }
        Ok(Head { status, headers })
    }

    fn body(&self) -> Result<Bytes, Malformed> {
        let Some(body) = self.body.as_deref().map(RawValue::get) else { return Ok(Bytes::new()) };
        if !body.starts_with('"') {
            return Ok(if body == "null" { Bytes::new() } else { compact(body).into() });
        }
        let text: String = serde_json::from_str(body).map_err(|error| Malformed(error.to_string()))?;
        if self.is_base64_encoded != Some(true) {
            return Ok(text.into());
        }
        let bytes =
            BASE64.decode(text).map_err(|error| Malformed(format!("the body is not base64: {error}")))?;
        Ok(bytes.into())
    }
}

impl Head {
    fn inferred() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new() }
    }

    /// Reads the prelude of a stream.
    ///
    /// # Errors
    /// It is not one.
    pub fn parse(prelude: &[u8]) -> Result<Self, Malformed> {
        let structured: Structured =
            serde_json::from_slice(prelude).map_err(|error| Malformed(format!("its prelude: {error}")))?;
        structured.head()
    }

    fn with(mut self, body: Bytes) -> Response<Bytes> {
        self.headers.entry(CONTENT_TYPE).or_insert(DEFAULT_TYPE);
        let empty = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&self.status);
        let mut response = Response::new(if empty { Bytes::new() } else { body });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// A number, or text that is one. [AWS: recorded]
fn read_status(value: &Value) -> Result<StatusCode, Malformed> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let status =
        number.and_then(|number| u16::try_from(number).ok()).filter(|number| (200..600).contains(number));
    status
        .and_then(|number| StatusCode::from_u16(number).ok())
        .ok_or_else(|| Malformed(format!("{value} is not a status")))
}

/// Under which name a header of the function's leaves. What is about the connection is ours to say, and some names are
/// AWS's front's own.
fn outgoing(name: HeaderName) -> Option<HeaderName> {
    if [TRANSFER_ENCODING, TE, TRAILER, UPGRADE].contains(&name) || name == "keep-alive" {
        return None;
    }
    if [CONNECTION, CONTENT_LENGTH, DATE, SERVER, WWW_AUTHENTICATE].contains(&name) {
        return format!("x-amzn-remapped-{name}").parse().ok();
    }
    Some(name)
}

/// JSON without blanks between its tokens, otherwise as it was. [AWS: recorded]
fn compact(json: &str) -> String {
    let mut compact = String::with_capacity(json.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in json.chars() {
        if quoted {
            quoted = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            quoted = c == '"';
        }
        compact.push(c);
    }
    compact
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(answer: &str) -> Response<Bytes> {
        response(&Bytes::copy_from_slice(answer.as_bytes())).unwrap()
    }

    fn check(answer: &str, status: u16, body: &str) -> HeaderMap {
        let response = given(answer);
        assert_eq!(response.status(), status, "{answer}");
        assert_eq!(response.body(), body, "{answer}");
        response.headers().clone()
    }

    #[test]
    fn responses_are_inferred_where_there_is_no_status() {
        for (answer, body) in [
            (r#"{"hello": "world"}"#, r#"{"hello":"world"}"#),
            (r#"["hello", 3, true]"#, r#"["hello",3,true]"#),
            (r#""hello""#, "hello"),
            (r#""gr\u00fc\u00dfe \"x\"""#, "grüße \"x\""),
            ("3", "3"),
            ("3.10", "3.10"),
            ("true", "true"),
            ("null", "null"),
            (r#"{"body": "b", "headers": {"x": "y"}}"#, r#"{"body":"b","headers":{"x":"y"}}"#),
            (" { \"a b\" : \"c \\\" d\" }\n", r#"{"a b":"c \" d"}"#),
            ("plain text", "plain text"),
            ("", ""),
        ] {
            let headers = check(answer, 200, body);
            assert_eq!(headers.len(), 1);
            assert_eq!(headers[CONTENT_TYPE], "application/json");
        }
    }

    #[test]
    fn a_status_makes_it_a_response() {
        check(r#"{"statusCode":200,"body":"body123"}"#, 200, "body123");
        check(r#"{"statusCode":"418","body":"i'm a teapot"}"#, 418, "i'm a teapot");
        check(r#"{"statusCode":201,"body":{"a": [1, 2]}}"#, 201, r#"{"a":[1,2]}"#);
        check(r#"{"statusCode":404}"#, 404, "");
        check(r#"{"statusCode":200,"body":null}"#, 200, "");
        check(r#"{"statusCode":204,"body":"ignored"}"#, 204, "");
        check(r#"{"statusCode":200,"isBase64Encoded":true,"body":"aGk="}"#, 200, "hi");
        check(r#"{"statusCode":200,"isBase64Encoded":false,"body":"aGk="}"#, 200, "aGk=");
        let bytes = given(r#"{"statusCode":200,"isBase64Encoded":true,"body":"AP8="}"#);
        assert_eq!(&bytes.body()[..], b"\x00\xff");
    }

    #[test]
    fn headers_and_cookies_are_the_functions() {
        let headers = check(
            r#"{"statusCode":200,"headers":{"Content-Type":"text/html","My-Header":"Custom Value","x-n":1,"x-b":true,
            "x-null":null,"Content-Length":"99","Connection":"close","Transfer-Encoding":"chunked",
            "www-authenticate":"Basic"},"cookies":["a=1; Secure","b=2"]}"#,
            200,
            "",
        );
        assert_eq!(headers[CONTENT_TYPE], "text/html");
        assert_eq!(headers["my-header"], "Custom Value");
        assert_eq!(
            (&headers["x-n"], &headers["x-b"]),
            (&HeaderValue::from(1), &HeaderValue::from_static("true"))
        );
        assert_eq!(headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1; Secure", "b=2"]);
        for name in ["x-null", "content-length", "connection", "transfer-encoding", "www-authenticate"] {
            assert!(!headers.contains_key(name), "{name}");
        }
        assert_eq!(headers["x-amzn-remapped-content-length"], "99");
        assert_eq!(headers["x-amzn-remapped-www-authenticate"], "Basic");
    }

    #[test]
    fn what_cannot_be_is_malformed() {
        for answer in [
            r#"{"statusCode":99}"#,
            r#"{"statusCode":100}"#,
            r#"{"statusCode":1000}"#,
            r#"{"statusCode":"ok"}"#,
            r#"{"statusCode":200.5}"#,
            r#"{"statusCode":[200]}"#,
            r#"{"statusCode":200,"headers":{"a b":"c"}}"#,
            r#"{"statusCode":200,"headers":{"a":"c\r\nd: e"}}"#,
            r#"{"statusCode":200,"headers":{"a":["b"]}}"#,
            r#"{"statusCode":200,"headers":"a"}"#,
            r#"{"statusCode":200,"cookies":"a=b"}"#,
            r#"{"statusCode":200,"cookies":["a\nb"]}"#,
            r#"{"statusCode":200,"isBase64Encoded":true,"body":"%"}"#,
        ] {
            assert!(response(&Bytes::from_static(answer.as_bytes())).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_stream_that_was_collected_has_its_prelude() {
        let answer = b"{\"statusCode\":201,\"headers\":{\"x\":\"y\"}}\0\0\0\0\0\0\0\0a\xff";
        let response = response(&Bytes::from_static(answer)).unwrap();
        assert_eq!((response.status().as_u16(), &response.body()[..]), (201, &b"a\xff"[..]));
        assert_eq!(response.headers()["x"], "y");
    }

    proptest! {
        #[test]
        fn no_answer_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64), text in "[\\[\\]{}\":,a-z0-9 ]{0,40}") {
            let _ = response(&bytes.into());
            let _ = response(&text.into());
        }

        #[test]
        fn compacting_changes_no_value(text in "\\PC{0,20}", number in any::<i64>()) {
            let value = serde_json::json!({ "a": [text, number, null], "b": { "c": true } });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(compact(&pretty), value.to_string());
        }
    }
}
