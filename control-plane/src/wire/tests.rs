//! The layer as a whole: the model in, AWS's words out.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::decode::{Decoded, Request, decode};
use super::operation::{Operation, OperationShape};
use super::validate;

mod arbitrary;
mod binding;
mod constraints;
mod names;
mod recordings;
mod routes;

/// A request as it comes off the connection.
#[derive(Debug, Clone, Default)]
struct Call<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a [(&'static str, &'a str)],
    body: &'a str,
}

impl Call<'_> {
    /// Routes and decodes it, as an operation of type `O`.
    fn decode<O: OperationShape>(&self) -> Result<Decoded<O::Input>, String> {
        let method = Method::from_bytes(self.method.as_bytes()).unwrap();
        let (operation, labels) = Operation::route(&method, self.path, self.query).expect("no such route");
        assert_eq!(operation, O::OPERATION);
        let headers: HeaderMap = self
            .headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect();
        let body = Bytes::copy_from_slice(self.body.as_bytes());
        decode::<O>(&Request { labels: &labels, query: self.query, headers: &headers, body })
            .map_err(|error| error.to_string())
    }

    /// The message of the ValidationException, empty if there is none.
    fn message<O: OperationShape>(&self) -> String {
        let violations = self.decode::<O>().unwrap().violations;
        if violations.is_empty() { String::new() } else { validate::message(&violations) }
    }
}
