//! Calls of our own to other services, at the upstreams that the user names.

mod query;

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::response::Parts;
use http::{HeaderName, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lambdock_domain::Scope;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::gateway::upstream::{Endpoints, connector};
use crate::signature::{self, Unsigned, authorization};

pub use query::{Document, Query};

/// Time that a service has to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read.
const ANSWER_LIMIT: usize = 1 << 20;

/// The secret of every account here; nobody checks it. (LocalStack)
const SECRET: &str = "test";

/// By which a moto server knows whose resources are meant.
const MOTO_ACCOUNT: HeaderName = HeaderName::from_static("x-moto-account-id");

/// Where S3 says which region a bucket is in.
const BUCKET_REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// A call in one of AWS's JSON protocols.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// What requests to the service are signed for, such as `sqs`.
    pub service: &'a str,
    /// The version of the protocol that the service speaks.
    pub protocol: Protocol,
    /// `X-Amz-Target`, such as `AmazonSQS.GetQueueUrl`.
    pub target: &'a str,
    /// In whose name, and in which region.
    pub scope: &'a Scope,
    /// The input.
    pub input: Value,
}

/// AWS's JSON protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Such as of SQS and DynamoDB.
    Json1_0,
    /// Such as of Kinesis.
    Json1_1,
}

impl Protocol {
    fn content_type(self) -> &'static str {
        match self {
            Self::Json1_0 => "application/x-amz-json-1.0",
            Self::Json1_1 => "application/x-amz-json-1.1",
        }
    }
}

/// Why there is no output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No upstream is named for the service.
    #[error("no upstream is named for it")]
    NotNamed,
    /// The service says no.
    #[error("{code}: {message}")]
    Refused {
        /// The error's type without its namespace, such as `QueueDoesNotExist`.
        code: String,
        /// Its message.
        message: String,
    },
    /// What was asked for is in another region. [AWS: S3, redirects and `x-amz-bucket-region`]
    #[error("it is in {0}")]
    OtherRegion(String),
    /// The answer is larger than was allowed.
    #[error("its answer is too large")]
    TooLarge,
    /// The upstream does not answer, or not as the service would.
    #[error("{0}")]
    Unusable(String),
}

/// The way to other services.
pub struct Services {
    endpoints: Endpoints,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    credentials: Option<Credentials>,
}

impl Services {
    /// Services at `endpoints`, asked in the name of accounts here, or with credentials of AWS's; nothing is connected
    /// yet.
    pub fn new(endpoints: Endpoints, credentials: Option<Credentials>) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(connector());
        Self { endpoints, client, credentials }
    }

    /// Whether somebody plays the service.
    pub fn is_named(&self, service: &str) -> bool {
        self.endpoints.of(Some(service)).is_some()
    }

    /// Calls a service once.
    ///
    /// # Errors
    /// There is no output.
    pub async fn call(&self, call: Call<'_>) -> Result<Value, Error> {
        let request = Http {
            service: call.service,
            scope: call.scope,
            method: Method::POST,
            path: "/",
            query: "",
            headers: &[("content-type", call.protocol.content_type()), ("x-amz-target", call.target)],
            body: call.input.to_string().into(),
        };
        let (status, body) = self.send(request).await?;
        // An operation without output. [CreateLogGroup]
        if status.is_success() && body.is_empty() {
            return Ok(Value::Null);
        }
        let Ok(body) = serde_json::from_slice(&body) else {
            return Err(Error::Unusable(format!("the upstream answers {status} without JSON")));
        };
        if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
    }

    /// Calls a service once whose protocol is not JSON.
    ///
    /// # Errors
    /// There is no answer of success. Errors are read as those of the query protocols and of S3.
    pub async fn request(&self, request: Http<'_>) -> Result<Bytes, Error> {
        let (status, body) = self.send(request).await?;
        if status.is_success() { Ok(body) } else { Err(query::refusal(status, &Document::read(&body))) }
    }

    /// Passes the body of an answer on as it comes.
    ///
    /// # Errors
    /// There is no answer of success, it breaks off, or has more than `limit` bytes; what was passed on until then is
    /// worth nothing.
    pub async fn download(
        &self,
        request: Http<'_>,
        limit: u64,
        pieces: mpsc::Sender<Bytes>,
    ) -> Result<(), Error> {
        let endpoint = self.endpoints.of(Some(request.service)).ok_or(Error::NotNamed)?;
        let request_region = request.scope.region.clone();
        let request = signed(endpoint, request, self.credentials.as_ref()).map_err(Error::Unusable)?;
        let unusable = |reason: &str| Error::Unusable(format!("the upstream {endpoint}: {reason}"));
        let late = |_elapsed| unusable("it does not answer in time");
        let answer = timeout(ANSWERED_WITHIN, self.client.request(request)).await.map_err(late)?;
        let answer = answer.map_err(|error| unusable(&in_full(&error)))?;
        let (head, mut body) = answer.into_parts();
        if !head.status.is_success() {
            let body =
                timeout(ANSWERED_WITHIN, Limited::new(body, ANSWER_LIMIT).collect()).await.map_err(late)?;
            let body = body.map_err(|error| unusable(&error.to_string()))?.to_bytes();
            let refusal = query::refusal(head.status, &Document::read(&body));
            return Err(other_region(&head, &request_region).unwrap_or(refusal));
        }
        let mut received: u64 = 0;
        while let Some(frame) = timeout(ANSWERED_WITHIN, body.frame()).await.map_err(late)? {
            let Ok(piece) = frame.map_err(|error| unusable(&in_full(&error)))?.into_data() else { continue };
            received += piece.len() as u64;
            if received > limit {
                return Err(Error::TooLarge);
            }
            if pieces.send(piece).await.is_err() {
                return Err(unusable("nobody takes its answer"));
            }
        }
        Ok(())
    }

    async fn send(&self, request: Http<'_>) -> Result<(StatusCode, Bytes), Error> {
        let endpoint = self.endpoints.of(Some(request.service)).ok_or(Error::NotNamed)?;
        let request = signed(endpoint, request, self.credentials.as_ref()).map_err(Error::Unusable)?;
        let answered = async {
            let answer = self.client.request(request).await.map_err(|error| in_full(&error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await;
            Ok::<_, String>((status, body.map_err(|error| error.to_string())?.to_bytes()))
        };
        let answered = timeout(ANSWERED_WITHIN, answered).await;
        let answered = answered.unwrap_or_else(|_| Err("it does not answer in time".to_owned()));
        answered.map_err(|reason| Error::Unusable(format!("the upstream {endpoint}: {reason}")))
    }
}

/// A request that is to be signed and sent to a service.
#[derive(Debug, Clone)]
pub struct Http<'a> {
    /// What requests to the service are signed for.
    pub service: &'a str,
    /// In whose name, and in which region.
    pub scope: &'a Scope,
    /// Method.
    pub method: Method,
    /// Path below the endpoint, encoded, with its first slash.
    pub path: &'a str,
    /// Query string, encoded and sorted; mostly empty.
    pub query: &'a str,
    /// Headers, with names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// Body.
    pub body: Bytes,
}

/// AWS's own, for upstreams that are AWS.
#[derive(Debug, Clone)]
pub struct Credentials {
    access_key: String,
    secret: String,
    session_token: Option<String>,
}

impl Credentials {
    /// These, if they are of AWS's making: others, such as `test`, are as good as none, and then the account stands in
    /// their place.
    pub fn of_aws(
        access_key: Option<String>,
        secret: Option<String>,
        session_token: Option<String>,
    ) -> Option<Self> {
        let (access_key, secret) = access_key.zip(secret)?;
        let real = access_key.len() >= 16 && ["AKIA", "ASIA"].iter().any(|kind| access_key.starts_with(kind));
        real.then_some(Self { access_key, secret, session_token })
    }
}

fn signed(
    endpoint: &Uri,
    request: Http<'_>,
    credentials: Option<&Credentials>,
) -> Result<Request<Full<Bytes>>, String> {
    let Http { service, scope, method, path, query, headers, body } = request;
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let host = endpoint.authority().map(ToString::to_string).unwrap_or_default();
    let path = format!("{}{path}", endpoint.path().trim_end_matches('/'));
    let mut headers = headers.to_vec();
    headers.extend([("host", &*host), ("x-amz-date", &*time)]);
    // S3 wants it, and nobody else minds. [AWS: S3, authenticating requests]
    let digest = signature::hash(&body);
    if service == "s3" {
        headers.push(("x-amz-content-sha256", &*digest));
    }
    let token = credentials.and_then(|own| own.session_token.as_deref());
    headers.extend(token.map(|token| ("x-amz-security-token", token)));
    headers.sort_unstable();
    let (access_key, secret) = match credentials {
        Some(own) => (&*own.access_key, &*own.secret),
        // The account is read from the access key, as in calls of clients.
        None => (&*scope.account, SECRET),
    };
    let authorization = authorization(
        signature::Scope { access_key, secret, region: &scope.region, service },
        Unsigned {
            method: method.as_str(),
            path: &path,
            query,
            headers: &headers,
            body_hash: &digest,
            time: &time,
        },
    );
    let mut uri = http::uri::Parts::default();
    uri.scheme = endpoint.scheme().cloned();
    uri.authority = endpoint.authority().cloned();
    let path = if query.is_empty() { path } else { format!("{path}?{query}") };
    uri.path_and_query = Some(path.parse().map_err(|error| format!("{error}"))?);
    let uri = Uri::from_parts(uri).map_err(|error| error.to_string())?;
    // hyper writes `host`.
    let own = headers.into_iter().filter(|(name, _)| *name != "host");
    own.fold(Request::builder().method(method).uri(uri), |request, (name, value)| request.header(name, value))
        .header(AUTHORIZATION, authorization)
        .header(MOTO_ACCOUNT, &scope.account)
        .body(Full::new(body))
        .map_err(|error| error.to_string())
}

/// Reads where S3 says that a bucket is which is not in `asked`. It redirects, or finds the wrong region signed for.
fn other_region(head: &Parts, asked: &str) -> Option<Error> {
    let redirects = head.status.is_redirection() || head.status == StatusCode::BAD_REQUEST;
    let region = head.headers.get(BUCKET_REGION)?.to_str().ok()?;
    (redirects && region != asked).then(|| Error::OtherRegion(region.to_owned()))
}

/// Reads an error of a JSON protocol.
fn refusal(status: StatusCode, body: &Value) -> Error {
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| body.get(name)?.as_str());
    let Some(code) = text(["__type", "code"]) else {
        return Error::Unusable(format!("the upstream answers {status} without a type of error"));
    };
    let code = code.rsplit('#').next().unwrap_or(code).to_owned();
    Error::Refused { code, message: text(["message", "Message"]).unwrap_or_default().to_owned() }
}

/// An error with what caused it: the outermost says little.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_of_errors_are_read_without_their_namespace() {
        let read = |body: Value| refusal(StatusCode::BAD_REQUEST, &body);
        let refused =
            |code: &str, message: &str| Error::Refused { code: code.into(), message: message.into() };
        let body = json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "m" });
        assert_eq!(read(body), refused("QueueDoesNotExist", "m"));
        let body = json!({ "__type": "ResourceNotFoundException", "Message": "m" });
        assert_eq!(read(body), refused("ResourceNotFoundException", "m"));
        assert!(matches!(read(json!([])), Error::Unusable(_)));
    }

    #[test]
    fn requests_go_below_the_endpoint_in_the_name_of_the_account() {
        let scope = Scope { account: "000000000007".into(), region: "eu-west-1".into() };
        let request = Http {
            service: "s3",
            scope: &scope,
            method: Method::PUT,
            path: "/bucket/a",
            query: "b=c",
            headers: &[("content-type", "application/json")],
            body: Bytes::from_static(b"{}"),
        };
        let request = signed(&"http://host:1/below".parse().unwrap(), request, None).unwrap();
        assert_eq!(request.uri(), "http://host:1/below/bucket/a?b=c");
        let authorization = request.headers()[AUTHORIZATION].to_str().unwrap();
        assert!(authorization.contains("Credential=000000000007/"), "{authorization}");
        assert!(authorization.contains("/eu-west-1/s3/aws4_request"), "{authorization}");
        assert!(
            authorization.contains("SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date,"),
            "{authorization}"
        );
    }

    #[test]
    fn only_credentials_of_aws_are_taken_for_some() {
        let of = |key: &str| Credentials::of_aws(Some(key.to_owned()), Some("secret".to_owned()), None);
        assert!(of("AKIAIOSFODNN7EXAMPLE").is_some() && of("ASIAIOSFODNN7EXAMPLE").is_some());
        assert!(of("test").is_none() && of("000000000000").is_none() && of("AKIA").is_none());
        assert!(Credentials::of_aws(Some("AKIAIOSFODNN7EXAMPLE".to_owned()), None, None).is_none());
    }

    #[tokio::test]
    async fn without_an_upstream_nobody_is_asked() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let (service, protocol, target) = ("sqs", Protocol::Json1_0, "AmazonSQS.ListQueues");
        let call = Call { service, protocol, target, scope: &scope, input: json!({}) };
        assert_eq!(Services::new(Endpoints::default(), None).call(call).await, Err(Error::NotNamed));
    }
}
