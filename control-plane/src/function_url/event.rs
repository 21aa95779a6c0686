//! Pure: HTTP requests as events in payload format 2.0. [AWS: invoking function URLs; details recorded]

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{CONNECTION, CONTENT_TYPE, COOKIE, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Version};
use indexmap::IndexMap;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::host::Address;
use crate::wire::query;

/// A request for a function URL.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Whose.
    pub address: &'a Address,
    /// Method.
    pub method: &'a Method,
    /// Path as it was sent.
    pub path: &'a str,
    /// Query as it was sent.
    pub query: Option<&'a str>,
    /// HTTP version.
    pub version: Version,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Body.
    pub body: &'a [u8],
    /// Address of the client.
    pub source_ip: &'a str,
    /// Port that the client connected to.
    pub port: u16,
    /// Request id, the function's own too.
    pub request_id: &'a str,
    /// `X-Amzn-Trace-Id`.
    pub trace_id: &'a str,
    /// When it came.
    pub now: Timestamp,
    /// Who signed it, if the URL is for those who sign.
    pub caller: Option<&'a Caller>,
}

/// Who signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Access key id.
    pub access_key: String,
    /// Account of the key.
    pub account: String,
    /// ARN of the account's root user: whose key it is beyond that, only IAM knows.
    pub arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    version: &'a str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: IndexMap<&'a str, String>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    query_string_parameters: IndexMap<String, String>,
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'a, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer<'a>>,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'a str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
struct Authorizer<'a> {
    iam: Iam<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Iam<'a> {
    access_key: &'a str,
    account_id: &'a str,
    caller_id: &'a str,
    cognito_identity: (),
    principal_org_id: (),
    user_arn: &'a str,
    user_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    /// Decoded, unlike `rawPath`. [AWS: recorded]
    path: Cow<'a, str>,
    protocol: String,
    source_ip: &'a str,
    user_agent: String,
}

/// The only route and the only stage. (AWS)
const DEFAULT: &str = "$default";

/// `accountId` of a caller who need not say who it is. (AWS)
const ANONYMOUS: &str = "anonymous";

impl Request<'_> {
    /// The event.
    ///
    /// # Errors
    /// It cannot be written as JSON; no request is known to be so.
    pub fn event(&self) -> Result<Vec<u8>, serde_json::Error> {
        let (body, is_base64_encoded) = body(self.headers, self.body);
        let id = self.address.id.as_str();
        serde_json::to_vec(&Event {
            version: "2.0",
            route_key: DEFAULT,
            raw_path: self.path,
            raw_query_string: self.query.unwrap_or_default(),
            cookies: cookies(self.headers),
            headers: self.headers(),
            query_string_parameters: parameters(self.query),
            request_context: RequestContext {
                account_id: self.caller.map_or(ANONYMOUS, |caller| &caller.account),
                api_id: id,
                authorizer: self.caller.map(|caller| Authorizer {
                    iam: Iam {
                        access_key: &caller.access_key,
                        account_id: &caller.account,
                        caller_id: &caller.account,
                        cognito_identity: (),
                        principal_org_id: (),
                        user_arn: &caller.arn,
                        user_id: &caller.account,
                    },
                }),
                domain_name: &self.address.domain,
                domain_prefix: id,
                http: Http {
                    method: self.method.as_str(),
                    path: percent_decode_str(self.path).decode_utf8_lossy(),
                    protocol: format!("{:?}", self.version),
                    source_ip: self.source_ip,
                    user_agent: self.headers.get(USER_AGENT).map(text).unwrap_or_default(),
                },
                request_id: self.request_id,
                route_key: DEFAULT,
                stage: DEFAULT,
                time: self.now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
                time_epoch: self.now.as_millisecond(),
            },
            body,
            is_base64_encoded,
        })
    }

    /// Names in lower case, values of repeated ones joined, and what AWS's front adds.
    fn headers(&self) -> IndexMap<&str, String> {
        let mut headers: IndexMap<&str, String> = IndexMap::new();
        for (name, value) in self.headers {
            if [CONNECTION, TRANSFER_ENCODING].contains(name) {
                continue;
            }
            let value = text(value);
            headers
                .entry(name.as_str())
                .and_modify(|joined| {
                    // [RFC 9110: lists; RFC 6265: cookies]
                    joined.push_str(if *name == COOKIE { "; " } else { "," });
                    joined.push_str(&value);
                })
                .or_insert(value);
        }
        let added = [
            ("x-amzn-tls-cipher-suite", "ECDHE-RSA-AES128-GCM-SHA256".to_owned()),
            ("x-amzn-tls-version", "TLSv1.2".to_owned()),
            ("x-amzn-trace-id", self.trace_id.to_owned()),
            ("x-forwarded-proto", "http".to_owned()),
            ("x-forwarded-for", self.source_ip.to_owned()),
            ("x-forwarded-port", self.port.to_string()),
        ];
        headers.extend(added);
        headers
    }
}

/// A value as text, byte by byte where it is not UTF-8. [RFC 9110: such bytes have no meaning; ISO 8859-1 was it once]
fn text(value: &HeaderValue) -> String {
    let bytes = value.as_bytes();
    std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect(), str::to_owned)
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let all: Vec<String> = headers.get_all(COOKIE).iter().map(text).collect();
    let cookies = all.iter().flat_map(|line| line.split(';')).map(str::trim);
    cookies.filter(|cookie| !cookie.is_empty()).map(str::to_owned).collect()
}

/// Decoded, values of repeated ones joined.
fn parameters(query: Option<&str>) -> IndexMap<String, String> {
    let mut parameters: IndexMap<String, String> = IndexMap::new();
    for (name, value) in query::parameters(query) {
        parameters
            .entry(name.to_string())
            .and_modify(|joined| {
                joined.push(',');
                joined.push_str(&value);
            })
            .or_insert_with(|| value.to_string());
    }
    parameters
}

/// As it is where it is text by its media type and by its bytes, else in base64. [AWS: multipart forms recorded]
fn body<'a>(headers: &HeaderMap, body: &'a [u8]) -> (Option<Cow<'a, str>>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match std::str::from_utf8(body) {
        Ok(text) if is_text(media_type) => (Some(text.into()), false),
        _ => (Some(BASE64.encode(body).into()), true),
    }
}

fn is_text(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let Some((kind, subtype)) = essence.split_once('/') else { return false };
    kind == "text"
        || (kind == "application"
            && (["json", "xml", "javascript"].contains(&subtype)
                || subtype.ends_with("+json")
                || subtype.ends_with("+xml")))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use serde_json::{Value, json};

    use super::*;

    fn event(
        method: &Method,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        caller: Option<&Caller>,
    ) -> Value {
        let address =
            Address { id: "abc".into(), region: "us-east-1".into(), domain: "abc.lambda-url.x:4566".into() };
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| {
                (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
            })
            .collect();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let request = Request {
            address: &address,
            method,
            path,
            query,
            version: Version::HTTP_11,
            headers: &headers,
            body,
            source_ip: "192.0.2.1",
            port: 4566,
            request_id: "r",
            trace_id: "Root=1-2-3",
            now: "2025-11-24T23:09:04.5Z".parse().unwrap(),
            caller,
        };
        serde_json::from_slice(&request.event().unwrap()).unwrap()
    }

    #[test]
    fn a_request_becomes_an_event() {
        let headers = [
            ("host", "abc.lambda-url.x:4566"),
            ("user-agent", "test/echo"),
            ("cookie", "a=1; b=2"),
            ("connection", "keep-alive"),
            ("x-twice", "1"),
            ("x-twice", "2"),
            ("content-type", "application/json"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        let given = event(&Method::POST, "/pa2%25Fth/1?q=a&q=%2Fb+c&e", &headers, br#"{"foo":"bar"}"#, None);
        let expected = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/pa2%25Fth/1",
            "rawQueryString": "q=a&q=%2Fb+c&e",
            "cookies": ["a=1", "b=2"],
            "headers": {
                "host": "abc.lambda-url.x:4566",
                "user-agent": "test/echo",
                "cookie": "a=1; b=2",
                "x-twice": "1,2",
                "content-type": "application/json",
                "x-amzn-tls-cipher-suite": "ECDHE-RSA-AES128-GCM-SHA256",
                "x-amzn-tls-version": "TLSv1.2",
                "x-amzn-trace-id": "Root=1-2-3",
                "x-forwarded-for": "192.0.2.1",
                "x-forwarded-port": "4566",
                "x-forwarded-proto": "http",
            },
            "queryStringParameters": { "q": "a,/b c", "e": "" },
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "abc",
                "domainName": "abc.lambda-url.x:4566",
                "domainPrefix": "abc",
                "http": {
                    "method": "POST",
                    "path": "/pa2%Fth/1",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1",
                    "userAgent": "test/echo",
                },
                "requestId": "r",
                "routeKey": "$default",
                "stage": "$default",
                "time": "24/Nov/2025:23:09:04 +0000",
                "timeEpoch": 1_764_025_744_500_i64,
            },
            "body": r#"{"foo":"bar"}"#,
            "isBase64Encoded": false,
        });
        assert_eq!(given, expected);
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let given = event(&Method::GET, "/", &[], b"", None);
        for member in ["cookies", "queryStringParameters", "body"] {
            assert_eq!(given.get(member), None, "{member}");
        }
        assert_eq!(given["isBase64Encoded"], false);
        assert_eq!(given["rawQueryString"], "");
        assert_eq!(given["requestContext"].get("authorizer"), None);
    }

    #[test]
    fn text_is_told_from_bytes() {
        let check = |media_type: &str, body: &[u8], encoded: bool| {
            let headers: &[(&str, &str)] =
                if media_type.is_empty() { &[] } else { &[("content-type", media_type)] };
            let given = event(&Method::POST, "/", headers, body, None);
            assert_eq!(given["isBase64Encoded"], encoded, "{media_type} {body:?}");
            let body = if encoded { BASE64.encode(body) } else { String::from_utf8(body.to_vec()).unwrap() };
            assert_eq!(given["body"], body);
        };
        for text in [
            "text/plain",
            "TEXT/HTML; charset=utf-8",
            "application/json",
            "application/problem+json",
            "application/xml",
            "application/javascript",
        ] {
            check(text, "grüße".as_bytes(), false);
            check(text, b"\xff", true);
        }
        for bytes in [
            "",
            "application/octet-stream",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=text",
            "image/png",
            "text",
        ] {
            check(bytes, b"a", true);
        }
    }

    #[test]
    fn a_caller_is_told_of() {
        let caller = Caller {
            access_key: "test".into(),
            account: "000000000000".into(),
            arn: "arn:aws:iam::000000000000:root".into(),
        };
        let given = event(&Method::GET, "/", &[], b"", Some(&caller));
        assert_eq!(given["requestContext"]["accountId"], "000000000000");
        let iam = json!({
            "accessKey": "test",
            "accountId": "000000000000",
            "callerId": "000000000000",
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": "arn:aws:iam::000000000000:root",
            "userId": "000000000000",
        });
        assert_eq!(given["requestContext"]["authorizer"], json!({ "iam": iam }));
    }

    #[test]
    fn strange_bytes_are_taken() {
        let address = Address { id: "a".into(), region: "r".into(), domain: "d".into() };
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("x-b"),
            HeaderValue::from_bytes(b"\xe4\xff").unwrap(),
        )]);
        let request = Request {
            address: &address,
            method: &Method::from_bytes(b"PURGE").unwrap(),
            path: "/%00/%zz/\u{e4}",
            query: Some("%ff=%zz&=&&a=%00"),
            version: Version::HTTP_10,
            headers: &headers,
            body: b"\0",
            source_ip: "::1",
            port: 1,
            request_id: "r",
            trace_id: "t",
            now: Timestamp::UNIX_EPOCH,
            caller: None,
        };
        let event: Value = serde_json::from_slice(&request.event().unwrap()).unwrap();
        assert_eq!(event["headers"]["x-b"], "\u{e4}\u{ff}");
        assert_eq!(event["rawPath"], "/%00/%zz/\u{e4}");
        assert_eq!(event["queryStringParameters"]["a"], "\0");
        assert_eq!(event["requestContext"]["http"]["protocol"], "HTTP/1.0");
        assert_eq!(event["requestContext"]["http"]["method"], "PURGE");
    }
}
