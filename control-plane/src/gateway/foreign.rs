//! Pure: refusals of requests for other services, in the shape that their clients read.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// What a service's clients speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    /// Everything that speaks JSON.
    Json,
    /// Forms in, XML out, such as SNS and IAM.
    Query,
    /// S3's XML.
    S3,
}

fn protocol(service: Option<&str>, headers: &HeaderMap) -> Protocol {
    let form = headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    match service {
        Some("s3") => Protocol::S3,
        _ if form => Protocol::Query,
        _ => Protocol::Json,
    }
}

/// A refusal. `code` is the error's type, in AWS's words.
pub(super) fn refusal(
    service: Option<&str>,
    headers: &HeaderMap,
    status: StatusCode,
    code: &'static str,
    message: &str,
) -> Response<Bytes> {
    let (kind, body) = match protocol(service, headers) {
        Protocol::Json => ("application/json", json!({ "__type": code, "message": message }).to_string()),
        Protocol::Query => (
            "text/xml",
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error></ErrorResponse>",
                escaped(message)
            ),
        ),
        Protocol::S3 => (
            "application/xml",
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message></Error>",
                escaped(message)
            ),
        ),
    };
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(code));
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(service: &str, kind: &'static str) -> String {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let response =
            refusal(Some(service), &headers, StatusCode::NOT_IMPLEMENTED, "NotImplemented", "a < b");
        String::from_utf8(response.into_body().to_vec()).unwrap()
    }

    #[test]
    fn every_client_can_read_its_refusal() {
        assert!(body("sqs", "application/x-amz-json-1.0").contains(r#""message":"a < b""#));
        assert!(
            body("sns", "application/x-www-form-urlencoded; charset=utf-8")
                .contains("<Code>NotImplemented</Code>")
        );
        assert!(body("s3", "application/octet-stream").contains("<Message>a &lt; b</Message>"));
    }
}
