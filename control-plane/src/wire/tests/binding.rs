//! From requests to inputs and from outputs to responses.

use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::Call;
use crate::wire::{encode, operations, shapes};

#[test]
fn members_come_from_where_the_model_says() {
    let call = Call {
        method: "POST",
        path: "/2015-03-31/functions/my%3Af/invocations",
        query: Some("Qualifier=%24LATEST"),
        headers: &[("x-amz-invocation-type", "Event"), ("x-amz-tenant-id", "t")],
        body: "not JSON",
    };
    let input = call.decode::<operations::Invoke>().unwrap().input;
    let expected = shapes::InvocationRequest {
        function_name: Some("my:f".into()),
        qualifier: Some("$LATEST".into()),
        invocation_type: Some("Event".into()),
        tenant_id: Some("t".into()),
        payload: Some("not JSON".into()),
        ..Default::default()
    };
    assert_eq!(input, expected);
}

#[test]
fn a_body_is_read_with_its_nested_members() {
    let call = Call {
        method: "POST",
        path: "/2015-03-31/functions/",
        body: r#"{"FunctionName":"f","Code":{"ZipFile":"UEs="},"Timeout":5,"Publish":false,"Unknown":[{}],
            "Environment":{"Variables":{"Z":"1","A":"2"}},"Layers":["l"],"Handler":null}"#,
        ..Call::default()
    };
    let input = call.decode::<operations::CreateFunction>().unwrap().input;
    assert_eq!(input.function_name.as_deref(), Some("f"));
    assert_eq!(input.code.unwrap().zip_file.as_deref(), Some(&b"PK"[..]));
    assert_eq!((input.timeout, input.publish, input.handler), (Some(5), Some(false), None));
    assert_eq!(input.layers, Some(vec!["l".to_owned()]));
    let variables = input.environment.unwrap().variables.unwrap();
    assert_eq!(serde_json::to_string(&variables).unwrap(), r#"{"Z":"1","A":"2"}"#);
}

#[test]
fn an_empty_body_has_no_members() {
    let call = Call { method: "POST", path: "/2015-03-31/functions/f/versions", ..Call::default() };
    let decoded = call.decode::<operations::PublishVersion>().unwrap();
    let expected = shapes::PublishVersionRequest { function_name: Some("f".into()), ..Default::default() };
    assert_eq!(decoded.input, expected);
}

#[test]
fn the_body_of_an_operation_without_members_in_it_is_ignored() {
    let call = Call { method: "GET", path: "/2015-03-31/functions/f", body: "{", ..Call::default() };
    assert!(call.decode::<operations::GetFunction>().is_ok());
}

#[test]
fn numbers_lists_and_times_come_from_the_query() {
    let call = Call {
        method: "GET",
        path: "/2025-12-01/functions/f/durable-executions",
        query: Some(
            "Statuses=RUNNING&Statuses=FAILED&MaxItems=7&ReverseOrder=true&StartedAfter=1970-01-01T00:00:03Z",
        ),
        ..Call::default()
    };
    let input = call.decode::<operations::ListDurableExecutionsByFunction>().unwrap().input;
    assert_eq!(input.statuses, Some(vec!["RUNNING".to_owned(), "FAILED".to_owned()]));
    assert_eq!((input.max_items, input.reverse_order, input.started_after), (Some(7), Some(true), Some(3.0)));
}

#[test]
fn a_structure_can_be_the_body() {
    let call = Call {
        method: "POST",
        path: "/2025-12-01/durable-execution-callbacks/YQ%3D%3D/fail",
        body: r#"{"ErrorMessage":"m","StackTrace":["a"]}"#,
        ..Call::default()
    };
    let input = call.decode::<operations::SendDurableExecutionCallbackFailure>().unwrap().input;
    assert_eq!(input.callback_id.as_deref(), Some("YQ=="));
    assert_eq!(input.error.unwrap().error_message.as_deref(), Some("m"));
}

#[test]
fn wrong_types_are_refused() {
    let call = Call { method: "POST", path: "/2015-03-31/functions", ..Call::default() };
    for (body, expected) in [
        (r#"{"Timeout":"5"}"#, "SerializationException: STRING_VALUE can not be converted to an Integer"),
        ("[]", "SerializationException: Start of list found where not expected"),
        (r#""text""#, "SerializationException: Unexpected field type"),
    ] {
        assert_eq!(
            Call { body, ..call.clone() }.decode::<operations::CreateFunction>().unwrap_err(),
            expected
        );
    }
    let call = Call { body: "{", ..call };
    let told = call.decode::<operations::CreateFunction>().unwrap_err();
    assert!(
        told.starts_with(
            "SerializationException: Could not parse request body into json: Unexpected end-of-input"
        ),
        "{told}"
    );
    let call =
        Call { method: "GET", path: "/2015-03-31/functions", query: Some("MaxItems=x"), ..Call::default() };
    let told = call.decode::<operations::ListFunctions>().unwrap_err();
    assert_eq!(told, "SerializationException: STRING_VALUE can not be converted to an Integer");
}

#[test]
fn a_response_has_the_members_that_have_values() {
    let output = shapes::FunctionConfiguration {
        function_name: Some("f".into()),
        kms_key_arn: Some("k".into()),
        code_size: Some(5),
        layers: Some(Vec::new()),
        vpc_config: Some(shapes::VpcConfigResponse { vpc_id: Some(String::new()), ..Default::default() }),
        ..Default::default()
    };
    let response = encode::<operations::CreateFunction>(output).unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let vpc = json!({ "VpcId": "" });
    let expected =
        json!({ "FunctionName": "f", "KMSKeyArn": "k", "CodeSize": 5, "Layers": [], "VpcConfig": vpc });
    assert_eq!(body, expected);
}

#[test]
fn an_invocation_answers_with_headers_status_and_the_payload_as_it_is() {
    let output = shapes::InvocationResponse {
        function_error: Some("Unhandled".into()),
        executed_version: Some("$LATEST".into()),
        payload: Some("any\u{0}thing".into()),
        ..Default::default()
    };
    let response = encode::<operations::Invoke>(output).unwrap();
    assert_eq!((response.status().as_u16(), &response.body()[..]), (200, &b"any\0thing"[..]));
    assert_eq!(response.headers()["x-amz-function-error"], "Unhandled");
    assert_eq!(response.headers()["x-amz-executed-version"], "$LATEST");
    assert!(!response.headers().contains_key("x-amz-log-result"));
    let output = shapes::InvocationResponse { status_code: Some(202), ..Default::default() };
    let response = encode::<operations::Invoke>(output).unwrap();
    assert_eq!((response.status().as_u16(), response.body().len()), (202, 0));
}

#[test]
fn status_204_has_no_body() {
    let response = encode::<operations::DeleteAlias>(()).unwrap();
    assert_eq!((response.status().as_u16(), response.body().len()), (204, 0));
    let response = encode::<operations::DeleteFunction>(shapes::DeleteFunctionResponse::default()).unwrap();
    assert_eq!((response.status().as_u16(), response.body().len()), (204, 0));
    let deleted = shapes::DeleteFunctionResponse { status_code: Some(202) };
    assert_eq!(encode::<operations::DeleteFunction>(deleted).unwrap().status(), 202);
}

#[test]
fn a_stream_has_its_own_media_type() {
    let output = shapes::InvokeWithResponseStreamResponse {
        response_stream_content_type: Some("application/vnd.amazon.eventstream".into()),
        ..Default::default()
    };
    let response = encode::<operations::InvokeWithResponseStream>(output).unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/vnd.amazon.eventstream");
}

#[test]
fn times_of_responses_are_numbers() {
    let output = shapes::FunctionEventInvokeConfig { last_modified: Some(1.5), ..Default::default() };
    let response = encode::<operations::GetFunctionEventInvokeConfig>(output).unwrap();
    assert_eq!(&response.body()[..], br#"{"LastModified":1.5}"#);
}
