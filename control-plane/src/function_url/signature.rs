//! Pure: signatures of requests, as clients send and as they ought to be. [AWS: IAM, create a signed AWS API request]

use http::HeaderMap;
use http::header::AUTHORIZATION;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::signature::{Scope, Unsigned, hash, signature};

/// What of a signature a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Access key id.
    pub access_key: String,
    date: String,
    region: String,
    service: String,
    /// Names in lower case, sorted.
    signed_headers: Vec<String>,
    /// Hexadecimal digits.
    value: String,
    /// `20150830T123600Z`.
    time: String,
    /// Time for which it is good.
    lifetime: SignedDuration,
    presigned: bool,
}

/// A signed request.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    /// Method.
    pub method: &'a str,
    /// Path as it was sent.
    pub path: &'a str,
    /// Query as it was sent.
    pub query: Option<&'a str>,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: &'a [u8],
}

/// The algorithm's name.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far clocks may differ. [AWS: five minutes]
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// The service that requests for function URLs are signed for. (AWS)
const SERVICE: &str = "lambda";

/// What clients may say instead of the body's hash.
const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Everything but RFC 3986's unreserved characters and the slash.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

impl Signature {
    /// The signature in the header `Authorization`, or in the query of a presigned URL.
    pub fn find(headers: &HeaderMap, query: Option<&str>) -> Option<Self> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        header.and_then(|header| Self::in_header(header, headers)).or_else(|| Self::in_query(query?))
    }

    fn in_header(header: &str, headers: &HeaderMap) -> Option<Self> {
        let rest = header.strip_prefix(ALGORITHM)?;
        let fields = rest.split([',', ' ']).filter_map(|field| field.trim().split_once('='));
        let field = |wanted: &str| {
            fields.clone().find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned())
        };
        let time = headers.get("x-amz-date").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let signed = field("SignedHeaders")?;
        Self::new(&field("Credential")?, &signed, field("Signature")?, time.to_owned(), SKEW, false)
    }

    fn in_query(query: &str) -> Option<Self> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let field = |wanted: &str| {
            let value = pairs.clone().find(|(name, _)| *name == wanted)?.1;
            Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
        };
        if field("X-Amz-Algorithm")? != ALGORITHM {
            return None;
        }
        let (credential, signed) = (field("X-Amz-Credential")?, field("X-Amz-SignedHeaders")?);
        let lifetime = SignedDuration::from_secs(field("X-Amz-Expires")?.parse().ok()?);
        Self::new(&credential, &signed, field("X-Amz-Signature")?, field("X-Amz-Date")?, lifetime, true)
    }

    fn new(
        credential: &str,
        signed_headers: &str,
        value: String,
        time: String,
        lifetime: SignedDuration,
        presigned: bool,
    ) -> Option<Self> {
        let mut parts = credential.split('/').map(str::to_owned);
        let (access_key, date) = (parts.next()?, parts.next()?);
        let (region, service) = (parts.next()?, parts.next()?);
        let signed_headers = signed_headers.split(';').map(str::to_ascii_lowercase).collect();
        Some(Self { access_key, date, region, service, signed_headers, value, time, lifetime, presigned })
    }

    /// Whether it is one of `request`, made with `secret` for `region`, and good at `now`.
    pub fn is_of(&self, request: Signed<'_>, secret: &str, region: &str, now: Timestamp) -> bool {
        let host_is_signed = self.signed_headers.iter().any(|name| name == "host");
        let in_scope = self.region == region && self.service == SERVICE && self.time.starts_with(&self.date);
        host_is_signed && in_scope && self.is_good(now) && self.matches(request, secret)
    }

    fn is_good(&self, now: Timestamp) -> bool {
        let time = DateTime::strptime("%Y%m%dT%H%M%SZ", &self.time);
        let Ok(time) = time.and_then(|time| time.to_zoned(TimeZone::UTC)) else { return false };
        let age = now.duration_since(time.timestamp());
        age >= -SKEW && age <= self.lifetime
    }

    fn matches(&self, request: Signed<'_>, secret: &str) -> bool {
        let values: Vec<String> =
            self.signed_headers.iter().map(|name| canonical_value(request.headers, name)).collect();
        let headers: Vec<(&str, &str)> =
            self.signed_headers.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
        let Some(body_hash) = body_hash(request) else { return false };
        let scope =
            Scope { access_key: &self.access_key, secret, region: &self.region, service: &self.service };
        let expected = signature(
            scope,
            Unsigned {
                method: request.method,
                path: &canonical_path(request.path),
                query: &self.canonical_query(request.query.unwrap_or_default()),
                headers: &headers,
                body_hash: &body_hash,
                time: &self.time,
            },
        );
        expected == self.value
    }

    /// Sorted, and without the signature itself.
    fn canonical_query(&self, query: &str) -> String {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let mut pairs: Vec<(&str, &str)> = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .filter(|(name, _)| !(self.presigned && *name == "X-Amz-Signature"))
            .collect();
        pairs.sort_unstable();
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }
}

/// The hash that was signed; `None`: the body is another one.
fn body_hash(request: Signed<'_>) -> Option<String> {
    let is = hash(request.body);
    match request.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok()) {
        None => Some(is),
        Some(UNSIGNED_PAYLOAD) => Some(UNSIGNED_PAYLOAD.to_owned()),
        Some(said) => (said == is).then_some(is),
    }
}

/// Blanks are trimmed and runs of them one; values of repeated headers are joined.
fn canonical_value(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    });
    values.collect::<Vec<_>>().join(",")
}

/// Without empty segments and dots, and encoded once more. [AWS: for all services but S3]
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    let slash = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    utf8_percent_encode(&format!("/{}{slash}", segments.join("/")), PATH).to_string()
}

#[cfg(test)]
mod tests {
    use http::header::HOST;
    use http::{HeaderName, HeaderValue};

    use super::*;

    const NOW: &str = "2026-01-02T03:04:05Z";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    /// Headers of a POST of `body` to `/a%20b?x=1&b=2`, signed by botocore's rules with the secret `test`.
    fn signed(time: &str, body: &[u8]) -> HeaderMap {
        let mut headers = headers(&[("host", "u.lambda-url.us-east-1.localhost"), ("x-amz-date", time)]);
        let scope = Scope { access_key: "key", secret: "test", region: "us-east-1", service: "lambda" };
        let unsigned = Unsigned {
            method: "POST",
            path: "/a%2520b",
            query: "b=2&x=1",
            headers: &[("host", "u.lambda-url.us-east-1.localhost"), ("x-amz-date", time)],
            body_hash: &hash(body),
            time,
        };
        let value = crate::signature::authorization(scope, unsigned);
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
        headers
    }

    fn check(headers: &HeaderMap, path: &str, body: &[u8], secret: &str, region: &str) -> bool {
        let request = Signed { method: "POST", path, query: Some("x=1&b=2"), headers, body };
        let signature = Signature::find(headers, request.query).unwrap();
        assert_eq!(signature.access_key, "key");
        signature.is_of(request, secret, region, NOW.parse().unwrap())
    }

    #[test]
    fn a_signature_is_of_one_request_and_one_secret() {
        let headers = signed("20260102T030300Z", b"body");
        assert!(check(&headers, "/a%20b", b"body", "test", "us-east-1"));
        assert!(!check(&headers, "/a%20b", b"another", "test", "us-east-1"));
        assert!(!check(&headers, "/a", b"body", "test", "us-east-1"));
        assert!(!check(&headers, "/a%20b", b"body", "other", "us-east-1"));
        assert!(!check(&headers, "/a%20b", b"body", "test", "eu-west-1"));
        let mut elsewhere = headers.clone();
        elsewhere.insert(HOST, HeaderValue::from_static("v.lambda-url.us-east-1.localhost"));
        assert!(!check(&elsewhere, "/a%20b", b"body", "test", "us-east-1"));
    }

    #[test]
    fn a_signature_ages() {
        for (time, good) in [
            ("20260102T030405Z", true),
            ("20260102T025906Z", true),
            ("20260102T025904Z", false),
            ("20260102T030904Z", true),
            ("20260102T030906Z", false),
            ("yesterday", false),
        ] {
            assert_eq!(check(&signed(time, b""), "/a%20b", b"", "test", "us-east-1"), good, "{time}");
        }
    }

    #[test]
    fn a_hash_that_is_told_must_be_the_bodys() {
        let mut headers = signed("20260102T030405Z", b"body");
        headers.insert("x-amz-content-sha256", HeaderValue::from_str(&hash(b"body")).unwrap());
        assert!(check(&headers, "/a%20b", b"body", "test", "us-east-1"));
        headers.insert("x-amz-content-sha256", HeaderValue::from_str(&hash(b"other")).unwrap());
        assert!(!check(&headers, "/a%20b", b"body", "test", "us-east-1"));
    }

    #[test]
    fn what_carries_no_signature_has_none() {
        for value in ["", "Bearer token", "Basic dXNlcjpwYXNz", "AWS4-HMAC-SHA256 Credential=a/b"] {
            assert_eq!(Signature::find(&headers(&[("authorization", value)]), Some("a=b")), None, "{value}");
        }
    }

    #[test]
    fn a_presigned_url_carries_one_in_its_query() {
        let time = "20260102T030405Z";
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=key%2F20260102%2Fus-east-1%2Flambda%2F\
                     aws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host";
        let scope = Scope { access_key: "key", secret: "test", region: "us-east-1", service: "lambda" };
        let headers = headers(&[("host", "h")]);
        let value = signature(
            scope,
            Unsigned {
                method: "GET",
                path: "/",
                query,
                headers: &[("host", "h")],
                body_hash: &hash(b""),
                time,
            },
        );
        let query = format!("{query}&X-Amz-Signature={value}");
        let request = Signed { method: "GET", path: "/", query: Some(&query), headers: &headers, body: b"" };
        let found = Signature::find(&headers, Some(&query)).unwrap();
        let good_at = |now: &str| found.is_of(request, "test", "us-east-1", now.parse().unwrap());
        assert!(good_at("2026-01-02T03:04:05Z"));
        assert!(good_at("2026-01-02T03:05:05Z"));
        assert!(!good_at("2026-01-02T03:05:06Z"));
    }

    #[test]
    fn paths_are_normal_before_they_are_signed() {
        for (path, canonical) in [
            ("/", "/"),
            ("", "/"),
            ("//a//b/", "/a/b/"),
            ("/a/./b/../c", "/a/c"),
            ("/a%2Fb", "/a%252Fb"),
            ("/..", "/"),
        ] {
            assert_eq!(canonical_path(path), canonical, "{path}");
        }
    }
}
