//! Pure: which function URL a host is.

use http::header::HOST;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;

/// The host of a function URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// First part, in lower case.
    pub id: String,
    /// Region.
    pub region: String,
    /// All of it as it was written, with the port if there was one.
    pub domain: String,
}

/// What stands between id and region.
const LABEL: &str = "lambda-url";

impl Address {
    /// The function URL that a request is for; `None`: it is not for any. What follows the region does not matter:
    /// `localhost.localstack.cloud`, `localhost` or whatever leads here.
    pub fn find(uri: &Uri, headers: &HeaderMap) -> Option<Self> {
        let domain = match uri.authority() {
            Some(authority) => authority.as_str(),
            None => headers.get(HOST)?.to_str().ok()?,
        };
        Self::parse(domain)
    }

    fn parse(domain: &str) -> Option<Self> {
        let mut parts = domain.splitn(4, '.');
        let (id, label, region, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let region_has_its_form = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_one = label.eq_ignore_ascii_case(LABEL)
            && !id.is_empty()
            && !region.is_empty()
            && region_has_its_form
            && !rest.is_empty();
        is_one.then(|| Self {
            // Some clients encode what cannot be in a host name but can be in the name of an alias.
            id: percent_decode_str(id).decode_utf8_lossy().to_ascii_lowercase(),
            region: region.to_ascii_lowercase(),
            domain: domain.to_owned(),
        })
    }

    /// The port, if there is one.
    pub fn port(&self) -> Option<u16> {
        self.domain.rsplit_once(':')?.1.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(host: &str, expected: Option<(&str, &str, Option<u16>)>) {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_str(host).unwrap())]);
        let found = Address::find(&Uri::from_static("/a/b"), &headers);
        let found = found.map(|address| (address.id.clone(), address.region.clone(), address.port()));
        assert_eq!(
            found,
            expected.map(|(id, region, port)| (id.to_owned(), region.to_owned(), port)),
            "{host}"
        );
    }

    #[test]
    fn any_suffix_and_region_will_do() {
        check(
            "abc.lambda-url.us-east-1.localhost.localstack.cloud:4566",
            Some(("abc", "us-east-1", Some(4566))),
        );
        check("abc.lambda-url.af-south-1.localhost", Some(("abc", "af-south-1", None)));
        check(
            "My-Id-Live.Lambda-URL.US-gov-east-1.127.0.0.1:80",
            Some(("my-id-live", "us-gov-east-1", Some(80))),
        );
        check("a.lambda-url.eu-west-1.on.aws", Some(("a", "eu-west-1", None)));
    }

    #[test]
    fn other_hosts_are_none() {
        for host in [
            "localhost:4566",
            "127.0.0.1",
            "lambda-url.us-east-1.localhost",
            "a.lambda-url.us-east-1",
            "a.lambda-url.us-east-1.",
            ".lambda-url.us-east-1.localhost",
            "a.lambda.us-east-1.localhost",
            "a.lambda-url..localhost",
            "a.lambda-url.us east.localhost",
        ] {
            check(host, None);
        }
        assert_eq!(Address::find(&Uri::from_static("/"), &HeaderMap::new()), None);
    }

    #[test]
    fn the_address_in_the_request_line_comes_first() {
        let uri = Uri::from_static("http://a.lambda-url.us-east-1.localhost:1/x");
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("localhost"))]);
        assert_eq!(Address::find(&uri, &headers).unwrap().id, "a");
    }
}
