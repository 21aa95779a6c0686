//! Pure: which web pages may use the API. Without this, any page that a developer visits could drive it, for browsers
//! send what pages ask for to localhost too. [LocalStack: CORS handlers and their settings]

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, REFERER, VARY,
};
use http::{HeaderMap, Method, Uri};

/// Settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// `DISABLE_CORS_CHECKS`: every page may.
    pub unchecked: bool,
    /// `DISABLE_CORS_HEADERS`: browsers are not told that a page may.
    pub silent: bool,
    /// `EXTRA_CORS_ALLOWED_ORIGINS`.
    pub extra_origins: Vec<String>,
    /// `EXTRA_CORS_ALLOWED_HEADERS`.
    pub extra_allowed_headers: Vec<String>,
    /// `EXTRA_CORS_EXPOSE_HEADERS`.
    pub extra_exposed_headers: Vec<String>,
}

/// Hosts whose pages may, on any port, with their subdomains.
const OWN_HOSTS: [&str; 2] = ["localhost", "localhost.localstack.cloud"];

/// Of LocalStack's web application.
const WEB_APPLICATIONS: [&str; 2] = ["https://app.localstack.cloud", "https://app.stg.localstack.cloud"];

const METHODS: &str = "HEAD,GET,PUT,POST,DELETE,OPTIONS,PATCH";

const ALLOWED_HEADERS: &[&str] = &[
    "authorization",
    "cache-control",
    "content-length",
    "content-md5",
    "content-type",
    "etag",
    "location",
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-request-id",
    "x-amz-security-token",
    "x-amz-tagging",
    "x-amz-target",
    "x-amz-user-agent",
    "x-amz-version-id",
    "x-amzn-requestid",
    "x-localstack-target",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "x-amz-log-type",
    "x-amz-invocation-type",
    "x-amz-client-context",
];

const EXPOSED_HEADERS: &[&str] = &[
    "etag",
    "x-amz-version-id",
    "x-amz-log-result",
    "x-amz-executed-version",
    "x-amz-function-error",
    "x-amzn-requestid",
];

impl Rules {
    /// Whether the page that made this request may. Requests that no page made always may.
    pub fn admit(&self, headers: &HeaderMap) -> bool {
        if self.unchecked {
            return true;
        }
        match (headers.get(ORIGIN), headers.get(REFERER)) {
            (Some(origin), _) => origin.to_str().is_ok_and(|origin| self.allows(origin)),
            // Of an address with path and query.
            (None, Some(referer)) => {
                referer.to_str().ok().and_then(origin_of).is_some_and(|origin| self.allows(&origin))
            }
            (None, None) => true,
        }
    }

    fn allows(&self, origin: &str) -> bool {
        let listed = self.extra_origins.iter().map(String::as_str).chain(WEB_APPLICATIONS);
        if listed.into_iter().any(|listed| listed.eq_ignore_ascii_case(origin)) {
            return true;
        }
        let Ok(uri) = origin.parse::<Uri>() else { return false };
        let host = uri.host().unwrap_or_default().to_ascii_lowercase();
        let is_own =
            |own: &str| host == own || host.strip_suffix(own).is_some_and(|rest| rest.ends_with('.'));
        matches!(uri.scheme_str(), Some("http" | "https"))
            && (OWN_HOSTS.into_iter().any(is_own) || ["127.0.0.1", "[::1]"].contains(&host.as_str()))
    }

    /// Whether this asks what a page may, before it does so.
    pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS
            && headers.contains_key(ORIGIN)
            && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// What a browser is told in the answer to a request with these headers.
    pub fn told(&self, request: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
        let Some(origin) = request.get(ORIGIN).filter(|_| !self.silent) else { return Vec::new() };
        let joined = |own: &[&str], extra: &[String]| {
            let all: Vec<&str> = own.iter().copied().chain(extra.iter().map(String::as_str)).collect();
            HeaderValue::try_from(all.join(",")).ok()
        };
        // A page that may at all may use any header that it asks for, as LocalStack has it for its web application.
        let asked = request.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        let allowed = asked.or_else(|| joined(ALLOWED_HEADERS, &self.extra_allowed_headers));
        let mut told = vec![
            (ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()),
            (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS)),
            (ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true")),
            (VARY, HeaderValue::from_static("Origin")),
        ];
        told.extend(allowed.map(|value| (ACCESS_CONTROL_ALLOW_HEADERS, value)));
        let exposed = joined(EXPOSED_HEADERS, &self.extra_exposed_headers);
        told.extend(exposed.map(|value| (ACCESS_CONTROL_EXPOSE_HEADERS, value)));
        told
    }
}

/// Scheme, host and port of an address.
fn origin_of(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn pages_of_this_machine_may_and_others_may_not() {
        let rules = Rules { extra_origins: vec!["https://my.page".into()], ..Rules::default() };
        for origin in [
            "http://localhost",
            "http://localhost:3000",
            "https://127.0.0.1:8443",
            "http://[::1]:1",
            "https://a.localhost.localstack.cloud:4566",
            "https://app.localstack.cloud",
            "https://my.page",
        ] {
            assert!(rules.admit(&from(ORIGIN, origin)), "{origin}");
        }
        for origin in [
            "http://evil.test",
            "http://evil.test:4566",
            "http://notlocalhost",
            "http://localhost.evil.test",
            "http://127.0.0.1.evil.test",
            "https://my.page:8443",
            "null",
            "file://localhost",
        ] {
            assert!(!rules.admit(&from(ORIGIN, origin)), "{origin}");
        }
        assert!(rules.admit(&HeaderMap::new()), "no page made it");
        assert!(!rules.admit(&from(REFERER, "http://evil.test/a?b")));
        assert!(rules.admit(&from(REFERER, "http://localhost:3000/a?b")));
        assert!(Rules { unchecked: true, ..rules }.admit(&from(ORIGIN, "http://evil.test")));
    }

    #[test]
    fn browsers_are_told_what_pages_may() {
        let mut request = from(ORIGIN, "http://localhost:3000");
        let rules = Rules { extra_exposed_headers: vec!["x-mine".into()], ..Rules::default() };
        let told: HeaderMap = rules.told(&request).into_iter().collect();
        assert_eq!(told[ACCESS_CONTROL_ALLOW_ORIGIN], "http://localhost:3000");
        assert!(told[ACCESS_CONTROL_EXPOSE_HEADERS].to_str().unwrap().ends_with(",x-mine"));
        request.insert(ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("x-asked"));
        let told: HeaderMap = rules.told(&request).into_iter().collect();
        assert_eq!(told[ACCESS_CONTROL_ALLOW_HEADERS], "x-asked");
        assert!(Rules { silent: true, ..rules }.told(&request).is_empty());
        assert!(Rules::default().told(&HeaderMap::new()).is_empty());
    }
}
