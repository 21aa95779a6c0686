//! Pure: from an operation's output to a response.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use super::OperationShape;

/// What an operation returns.
pub trait Output: Serialize {
    /// Moves what does not travel in the JSON to where it does, and says what the body is.
    fn bind(&mut self, head: &mut Head) -> Payload;
}

/// The body of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// The output's members as JSON.
    Json,
    /// One member as it is.
    Raw(Bytes),
    /// A stream, which the caller adds.
    Stream,
    /// Nothing.
    Empty,
}

/// Status and headers that an output asks for.
#[derive(Debug, Default)]
pub struct Head {
    status: Option<StatusCode>,
    headers: Vec<(&'static str, HeaderValue)>,
}

impl Head {
    /// A status of its own, if `status` is one.
    pub fn status(&mut self, status: Option<i64>) {
        let status = status.and_then(|status| u16::try_from(status).ok());
        self.status = status.and_then(|status| StatusCode::from_u16(status).ok()).or(self.status);
    }

    /// A header, if it has a value that a header can carry. `name` is in lower case.
    pub fn header(&mut self, name: &'static str, value: Option<String>) {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            self.headers.push((name, value));
        }
    }
}

impl Output for () {
    fn bind(&mut self, _: &mut Head) -> Payload {
        Payload::Empty
    }
}

/// The media type of everything but streams, even of payloads that are not JSON objects. (AWS)
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Renders the output of an operation. Members without value are left out; with status 204 there is no body.
///
/// # Errors
/// The output cannot be written as JSON; no shape of the model is known to be so.
pub fn encode<O: OperationShape>(mut output: O::Output) -> Result<Response<Bytes>, serde_json::Error> {
    let mut head = Head::default();
    let payload = output.bind(&mut head);
    let status = head.status.unwrap_or_else(|| O::OPERATION.status());
    let body = match payload {
        Payload::Raw(body) => body,
        Payload::Json if status != StatusCode::NO_CONTENT => serde_json::to_vec(&output)?.into(),
        Payload::Json | Payload::Stream | Payload::Empty => Bytes::new(),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    for (name, value) in head.headers {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
    Ok(response)
}

/// Outputs whose members all travel in the JSON.
macro_rules! outputs {
    ($($output:ty,)*) => {
        $(impl $crate::wire::encode::Output for $output {
            fn bind(&mut self, _: &mut $crate::wire::encode::Head) -> $crate::wire::encode::Payload {
                $crate::wire::encode::Payload::Json
            }
        })*
    };
}

pub(crate) use outputs;
