//! Pure: a place on the network, as a URL names it.

use http::Uri;
use http::uri::{Authority, Scheme};

/// An `http://` URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    authority: Authority,
    /// Path and query, without a slash at its end.
    path: String,
}

/// A URL that leads nowhere we can go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?}: expected http://host:port/path")]
pub struct NotHttp(String);

impl Endpoint {
    /// The place that `url` names.
    ///
    /// # Errors
    /// It is no URL, or not one of plain HTTP, which is what LocalStack speaks with its containers.
    pub fn parse(url: &str) -> Result<Self, NotHttp> {
        let fault = || NotHttp(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| fault())?;
        let parts = uri.into_parts();
        if parts.scheme != Some(Scheme::HTTP) {
            return Err(fault());
        }
        let authority = parts.authority.filter(is_host_and_port).ok_or_else(fault)?;
        let path = parts.path_and_query.map_or_else(String::new, |path| path.as_str().to_owned());
        Ok(Self { authority, path: path.trim_end_matches('/').to_owned() })
    }

    /// For the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Name or address, as the resolver wants it.
    pub(crate) fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The port; 80 if the URL names none.
    pub(crate) fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(80)
    }

    /// The request target of something below.
    pub(crate) fn below(&self, path: &str) -> String {
        format!("{}{path}", self.path)
    }

    /// The request target of the place itself.
    pub(crate) fn target(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }
}

/// Whether there is a host, nobody's password, and a port that is one.
fn is_host_and_port(authority: &Authority) -> bool {
    let host = authority.host();
    let port_is_one = authority.as_str() == host || authority.port_u16().is_some();
    !host.is_empty() && port_is_one && !authority.as_str().contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_plain_http_are_taken_apart() {
        let endpoint = Endpoint::parse("http://172.17.0.2:4566/_localstack_lambda/abc/").unwrap();
        assert_eq!((endpoint.host(), endpoint.port()), ("172.17.0.2", 4566));
        assert_eq!(endpoint.authority(), "172.17.0.2:4566");
        assert_eq!(endpoint.below("/status/1/ready"), "/_localstack_lambda/abc/status/1/ready");
        let endpoint = Endpoint::parse("http://[::1]").unwrap();
        assert_eq!((endpoint.host(), endpoint.port(), endpoint.target()), ("::1", 80, "/"));
        let archive = Endpoint::parse("http://bucket.s3.localhost/key.zip?a=b&c").unwrap();
        assert_eq!(archive.target(), "/key.zip?a=b&c");
    }

    #[test]
    fn everything_else_is_refused() {
        for url in [
            "",
            "localhost:4566",
            "https://localhost",
            "http://",
            "/path",
            "http:///x",
            "ftp://x/y",
            "http://h:x",
            "http://a@h:1",
        ] {
            assert_eq!(Endpoint::parse(url), Err(NotHttp(url.to_owned())));
        }
    }
}
