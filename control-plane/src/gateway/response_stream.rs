//! Answers of functions as bodies of responses: what the client has not read yet stays with the function.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http::Response;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;

use super::server::Body;
use crate::api::invocations::StreamingResponse;
use crate::invoke::{End, Failure, Part, Streamed};
use crate::wire::event_stream::{self, ResponseEvent};
use crate::wire::{self, ErrorCode, ServiceError, operations as op, shapes};

/// The response of InvokeWithResponseStream.
pub(super) fn render(response: StreamingResponse) -> Result<Response<Body>, ServiceError> {
    let head = wire::encode::<op::InvokeWithResponseStream>(response.output).map_err(|error| {
        ServiceError::new(ErrorCode::ServiceException, format!("The answer cannot be written: {error}"))
    })?;
    let Some(answer) = response.answer else { return Ok(super::dispatch::whole(head)) };
    let (mut parts, _) = head.into_parts();
    parts.headers.insert(CONTENT_TYPE, event_stream::CONTENT_TYPE);
    Ok(Response::from_parts(parts, body(messages(answer))))
}

/// A body of the pieces that come.
pub(super) fn body(
    pieces: impl Stream<Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
) -> Body {
    use futures_util::StreamExt as _;
    StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync()
}

fn messages(
    answer: Streamed,
) -> impl Stream<Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>> + Send {
    stream::unfold(answer, |mut answer| async move {
        loop {
            let event = match answer.next().await? {
                // A stream of events has no head of the function's own.
                Part::Start(_) => continue,
                Part::Chunk(bytes) => ResponseEvent::PayloadChunk(bytes),
                Part::End(end) => ResponseEvent::InvokeComplete(complete(end)),
            };
            return Some((event.encode().map_err(Into::into), answer));
        }
    })
}

/// [AWS: the members of InvokeComplete; the code is that of `X-Amz-Function-Error`]
fn complete(end: End) -> shapes::InvokeWithResponseStreamCompleteEvent {
    let (error_code, error_details) = match end.error {
        None => (None, None),
        Some(Failure::Function(json)) => {
            (Some("Unhandled".to_owned()), Some(String::from_utf8_lossy(&json).into_owned()))
        }
        Some(Failure::Lost(reason)) => (Some(ErrorCode::ServiceException.name().to_owned()), Some(reason)),
    };
    shapes::InvokeWithResponseStreamCompleteEvent {
        error_code,
        error_details,
        log_result: end.log_tail.map(|tail| BASE64.encode(tail)),
    }
}
