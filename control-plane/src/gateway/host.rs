//! Pure: under which names the API answers browsers. Without this, a web page could use it whose own name is led to this
//! machine after it was loaded (DNS rebinding): to the browser, page and API are then one, and [`super::origin`] sees
//! nothing. Other clients are asked nothing: they reach us under whatever name a proxy or a network gives us.
//!
//! Such a page comes from a name that somebody could register. Addresses, names without a dot and those below domains
//! that nobody can register are safe, and with them containers, services of compose files and of Kubernetes.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN, REFERER, USER_AGENT};
use http::{HeaderMap, Uri};

/// Settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// `DISABLE_CORS_CHECKS`: any name will do.
    pub unchecked: bool,
    /// `LOCALSTACK_HOST`, without the port.
    pub own: String,
    /// `LAMBDOCK_ALLOWED_HOSTS`.
    pub extra: Vec<String>,
}

/// Names that are ours, and domains in which nobody can register one; with everything below them.
/// [RFC 6761; ICANN, resolution 2024.07.29.06; LocalStack: names of its endpoint; Kubernetes: DNS for services]
const SAFE: [&str; 5] = ["localhost", "localhost.localstack.cloud", "internal", "svc", "svc.cluster.local"];

impl Rules {
    /// Whether the API answers under the name that a request is for.
    ///
    /// # Errors
    /// The name, where a browser sent the request and the name could be led here by anybody.
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), String> {
        if self.unchecked || !is_of_browser(headers) {
            return Ok(());
        }
        let asked = match (uri.authority(), headers.get(HOST)) {
            (Some(authority), _) => authority.as_str(),
            (None, Some(host)) => host.to_str().map_err(|_| format!("{host:?}"))?,
            // No browser leaves it out.
            (None, None) => return Ok(()),
        };
        let name = without_port(asked).trim_end_matches('.').to_ascii_lowercase();
        if self.is_safe(&name) { Ok(()) } else { Err(name) }
    }

    fn is_safe(&self, name: &str) -> bool {
        let address = name.trim_start_matches('[').trim_end_matches(']');
        let listed = [self.own.as_str()].into_iter().chain(self.extra.iter().map(String::as_str));
        !name.contains('.')
            || address.parse::<IpAddr>().is_ok()
            || SAFE.into_iter().chain(listed).any(|domain| is_within(name, domain))
    }
}

/// Whether a browser sent a request: each says so, and no page can change it. [Fetch metadata; SDKs send none of these]
fn is_of_browser(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    agent
        || ["sec-fetch-site", ORIGIN.as_str(), REFERER.as_str()]
            .into_iter()
            .any(|name| headers.contains_key(name))
}

/// Whether a name is a domain, or below it.
fn is_within(name: &str, domain: &str) -> bool {
    let domain = domain.trim_start_matches("*.").trim_matches('.').to_ascii_lowercase();
    !domain.is_empty()
        && name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The host of an authority.
fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn admitted(rules: &Rules, host: &str) -> bool {
        let host = HeaderValue::try_from(host).unwrap();
        let headers = HeaderMap::from_iter([(HOST, host), (USER_AGENT, BROWSER)]);
        rules.admit(&Uri::from_static("/"), &headers).is_ok()
    }

    const BROWSER: HeaderValue = HeaderValue::from_static("Mozilla/5.0 (X11; Linux x86_64)");

    fn rules() -> Rules {
        let extra = vec!["lambda.corp.example".to_owned(), "*.Dev.Example".to_owned()];
        Rules { unchecked: false, own: "my.host".to_owned(), extra }
    }

    #[test]
    fn names_that_nobody_can_register_are_taken() {
        for host in [
            "localhost",
            "LocalHost:4566",
            "localhost.:4566",
            "f.localhost",
            "localhost.localstack.cloud:4566",
            "s3.localhost.localstack.cloud",
            "127.0.0.1:4566",
            "192.168.0.7",
            "[::1]:4566",
            "[::1]",
            "host.docker.internal:4566",
            "lambdock",
            "lambdock:4566",
            "0123456789ab",
            "lambdock.default.svc.cluster.local",
            "lambdock.default.svc:80",
            "my.host:4566",
            "sub.my.host",
            "lambda.corp.example",
            "a.dev.example",
            "",
        ] {
            assert!(admitted(&rules(), host), "{host}");
        }
        assert_eq!(rules().admit(&Uri::from_static("/"), &HeaderMap::new()), Ok(()));
    }

    #[test]
    fn names_that_lead_anywhere_are_not() {
        for host in [
            "evil.example",
            "evil.example:4566",
            "localhost.evil.example",
            "notlocalhost.example",
            "127.0.0.1.evil.example",
            "1.2.3.4.5",
            "evil.notmy.host",
            "notmy.host",
            "evil.example:",
            "evil.example:80:80",
            "user@evil.example",
            "x.lambdock",
        ] {
            assert!(!admitted(&rules(), host), "{host}");
        }
        let absolute = Uri::from_static("http://evil.example/");
        let browser = HeaderMap::from_iter([(USER_AGENT, BROWSER)]);
        assert_eq!(rules().admit(&absolute, &browser), Err("evil.example".to_owned()));
        assert!(admitted(&Rules { unchecked: true, ..rules() }, "evil.example"));
    }

    #[test]
    fn only_browsers_are_asked() {
        let admitted = |name: &'static str, value: &'static str| {
            let headers = [
                (HOST, HeaderValue::from_static("build.corp.example")),
                (http::HeaderName::from_static(name), HeaderValue::from_static(value)),
            ];
            rules().admit(&Uri::from_static("/"), &HeaderMap::from_iter(headers)).is_ok()
        };
        assert!(admitted("user-agent", "Boto3/1.40 md/Botocore#1.40"));
        assert!(admitted("accept", "*/*"));
        for (name, value) in [
            ("user-agent", "Mozilla/5.0"),
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://build.corp.example"),
            ("referer", "http://build.corp.example/page"),
        ] {
            assert!(!admitted(name, value), "{name}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_below_a_foreign_domain_is_foreign(name in "[a-z0-9.:@\\[\\]-]{0,40}") {
            let host = format!("{name}.evil.example");
            prop_assert!(!admitted(&rules(), &host));
        }
    }
}
