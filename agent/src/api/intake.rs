//! Responses and errors of the runtime, as they come in.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use lambdock_protocol::ToControlPlane;

use super::body::{self, Collected, throw_away};
use super::render::render;
use super::{Answer, Api, error_type};
use crate::lifecycle::{BodyEnd, CallId, ErrorBody, Event, Reply, ResponseHead, ResponseMode};

/// Bytes of a response that is read before any of it is passed on.
const SMALL: u64 = 64 * 1024;

/// An error body that also carries the cause for X-Ray, which is not for the caller.
const ERROR_CAUSE: &str = "application/vnd.aws.lambda.error.cause+json";

const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

impl Api {
    pub(super) async fn response(&self, id: &str, headers: &HeaderMap, mut body: Incoming) -> Answer {
        let length = body.size_hint().exact();
        let mode = match headers.get(RESPONSE_MODE).map(HeaderValue::as_bytes) {
            None => ResponseMode::Buffered,
            Some(mode) if mode.eq_ignore_ascii_case(b"streaming") => ResponseMode::Streaming,
            Some(_) => ResponseMode::Invalid,
        };
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let head = ResponseHead { request_id: id.to_owned(), mode, content_type, length };
        if mode == ResponseMode::Buffered
            && length.is_some_and(|length| length <= SMALL.min(self.footing.payload_limit))
        {
            // One message instead of three, on every hop.
            let Ok(body) = body.collect().await else { return self.truncated_response(head).await };
            let error = body.trailers().and_then(error_in);
            let body = body.to_bytes();
            return self.call(|call| Event::Response { call, head, body, error }).await;
        }
        let started = |call| Event::ResponseStarted { call, head };
        let posted = self.call_id();
        match self.ask_as(posted, started).await {
            Some(Reply::Permit) => {}
            refusal => {
                throw_away(body).await;
                return render(refusal);
            }
        }
        let end = self.pass_on(posted, &mut body, mode).await;
        let answer = self.call(|call| Event::ResponseEnded { call, posted, end }).await;
        throw_away(body).await;
        answer
    }

    /// Tells of a body that did not arrive.
    async fn truncated_response(&self, head: ResponseHead) -> Answer {
        let posted = self.call_id();
        match self.ask_as(posted, |call| Event::ResponseStarted { call, head }).await {
            Some(Reply::Permit) => {}
            other => return render(other),
        }
        self.call(|call| Event::ResponseEnded { call, posted, end: BodyEnd::Truncated }).await
    }

    /// Sends a body up as it comes. What comes after the permit was revoked, by the deadline, is thrown away.
    async fn pass_on(&self, posted: CallId, body: &mut Incoming, mode: ResponseMode) -> BodyEnd {
        let mut total: u64 = 0;
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return BodyEnd::Truncated };
            match frame.into_data() {
                Ok(data) => {
                    total += data.len() as u64;
                    if mode == ResponseMode::Buffered && total > self.footing.payload_limit {
                        return BodyEnd::TooLarge;
                    }
                    if !data.is_empty() && self.footing.permit.is_for(posted) {
                        self.footing.uplink.send(ToControlPlane::ResponseChunk(data)).await;
                    }
                }
                Err(frame) => trailers = frame.into_trailers().ok().or(trailers),
            }
        }
        BodyEnd::Whole { bytes: total, error: trailers.as_ref().and_then(error_in) }
    }

    /// Tells of an error that the runtime reports. It counts though its body does not arrive, or is too large.
    /// [AWS: runtime interface emulator, which then has an error without a body]
    pub(super) async fn error(
        &self,
        headers: &HeaderMap,
        mut body: Incoming,
        event: impl FnOnce(CallId, String, ErrorBody) -> Event,
    ) -> Answer {
        let given = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
        let error_type = error_type::sorted_out(given.unwrap_or_default());
        let with_cause = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == ERROR_CAUSE);
        let limit = usize::try_from(self.footing.payload_limit).unwrap_or(usize::MAX);
        let payload = match self.collect(&mut body, limit).await {
            Collected::Whole(body) if with_cause => ErrorBody::Whole(error_type::without_cause(&body)),
            Collected::Whole(body) => ErrorBody::Whole(body),
            Collected::Truncated => ErrorBody::Truncated,
            Collected::TooLarge => ErrorBody::TooLarge,
        };
        let answer = self.call(|call| event(call, error_type, payload)).await;
        throw_away(body).await;
        answer
    }

    /// A body of `limit` bytes at most.
    pub(super) async fn collect(&self, body: &mut Incoming, limit: usize) -> Collected {
        match self.bodies.acquire().await {
            Ok(_place) => body::collect(body, limit).await,
            Err(_closed) => Collected::Truncated,
        }
    }
}

/// What trailers say went wrong.
fn error_in(trailers: &HeaderMap) -> Option<(String, Bytes)> {
    error_type::in_trailers(trailers, ERROR_TYPE, ERROR_BODY)
}
