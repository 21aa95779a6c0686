//! Calls of other services, passed on to whoever the user says plays them: whole, streamed both ways, signatures
//! untouched.

mod endpoints;

use std::error::Error as StdError;
use std::time::Duration;

use http::header::{CONNECTION, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Parts as UriParts, PathAndQuery, Uri};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::server::Body;

pub use endpoints::{Endpoints, Fault};

/// Time that an upstream has to accept a connection. What it does afterwards may take as long as it takes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// By which a request is recognised that comes back to us.
const FORWARDED: HeaderName = HeaderName::from_static("x-lambdock-forwarded");

/// Why an upstream did not answer. The text is for the client and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is named for the service.
    #[error(
        "The service {service} is not part of Lambdock and no upstream is named for it. Start Lambdock with AWS_ENDPOINT_URL, or with {variable} for this service alone, set to the endpoint of an emulator that has it, such as a moto server."
    )]
    NotNamed {
        /// As in the scope of credentials.
        service: String,
        /// The variable that names an upstream for it alone.
        variable: String,
    },
    /// Nobody knows whose request it is.
    #[error(
        "This request is not Lambda's, its credentials do not say which service it is for, and no upstream is named. Start Lambdock with AWS_ENDPOINT_URL set to the endpoint of an emulator of other services."
    )]
    Nobodys,
    /// The upstream cannot be reached.
    #[error(
        "The upstream {endpoint} does not answer: {reason}. Start it, or name another one with AWS_ENDPOINT_URL."
    )]
    Unreachable {
        /// Where it should be.
        endpoint: String,
        /// What the system said.
        reason: String,
    },
    /// It leads back to us.
    #[error("The upstream {0} leads back to Lambdock itself. Name another one with AWS_ENDPOINT_URL.")]
    Loop(String),
}

/// The way to all upstreams.
pub struct Upstream {
    endpoints: Endpoints,
    client: Client<HttpsConnector<HttpConnector>, Incoming>,
}

impl Upstream {
    /// The way to `endpoints`; nothing is connected yet.
    pub fn new(endpoints: Endpoints) -> Self {
        Self { endpoints, client: Client::builder(TokioExecutor::new()).build(connector()) }
    }

    /// Whether nobody is named for anything.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Passes a request on. `service`: what its credentials say.
    ///
    /// # Errors
    /// There is no answer to pass back.
    pub async fn forward(
        &self,
        service: Option<&str>,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Error> {
        let Some(endpoint) = self.endpoints.of(service) else {
            return Err(service.map_or(Error::Nobodys, |service| Error::NotNamed {
                variable: endpoints::variable(service),
                service: service.to_owned(),
            }));
        };
        if request.headers().contains_key(FORWARDED) {
            return Err(Error::Loop(endpoint.to_string()));
        }
        *request.uri_mut() = below(endpoint, request.uri());
        strip_hop_by_hop(request.headers_mut());
        request.headers_mut().insert(FORWARDED, HeaderValue::from_static("1"));
        let answered = self.client.request(request).await.map_err(|error| Error::Unreachable {
            endpoint: endpoint.to_string(),
            reason: innermost(&error),
        })?;
        let (mut parts, body) = answered.into_parts();
        strip_hop_by_hop(&mut parts.headers);
        Ok(Response::from_parts(parts, body.map_err(Into::into).boxed_unsync()))
    }
}

/// Connects to upstreams, with TLS where their URLs say so.
pub(crate) fn connector() -> HttpsConnector<HttpConnector> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(connector)
}

/// `uri`'s path and query at `endpoint`.
fn below(endpoint: &Uri, uri: &Uri) -> Uri {
    let mut parts = UriParts::default();
    parts.scheme = endpoint.scheme().cloned();
    parts.authority = endpoint.authority().cloned();
    let prefix = endpoint.path().trim_end_matches('/');
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    parts.path_and_query = PathAndQuery::try_from(format!("{prefix}{path}")).ok();
    // All three parts were parts of addresses before.
    Uri::from_parts(parts).unwrap_or_else(|_| endpoint.clone())
}

/// Headers that are about one connection. [RFC 9110, section 7.6.1]
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let keep_alive = [HeaderName::from_static("keep-alive"), HeaderName::from_static("proxy-connection")];
    for name in
        [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE].into_iter().chain(keep_alive).chain(named)
    {
        headers.remove(name);
    }
}

fn innermost(error: &dyn StdError) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries_stay_as_they_are() {
        let check = |endpoint: &str, uri: &str, expected: &str| {
            assert_eq!(below(&endpoint.parse().unwrap(), &uri.parse().unwrap()).to_string(), expected);
        };
        check("http://moto:5000", "/b/k%2F1?x=%20", "http://moto:5000/b/k%2F1?x=%20");
        check("https://h/prefix/", "/?Action=X", "https://h/prefix/?Action=X");
    }

    #[test]
    fn what_is_about_the_connection_stays_here() {
        let pairs =
            [("connection", "x-own, close"), ("x-own", "1"), ("authorization", "a"), ("te", "trailers")];
        let mut headers: HeaderMap = pairs
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["authorization"]);
    }
}
