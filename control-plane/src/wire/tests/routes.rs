//! Every operation of the model is found, and nothing else.

use http::Method;
use serde_json::Value;

use super::Operation;

fn route(method: &str, uri: &str) -> Option<(Operation, super::super::Labels)> {
    let (path, query) = match uri.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (uri, None),
    };
    Operation::route(&Method::from_bytes(method.as_bytes()).unwrap(), path, query)
}

fn check(method: &str, uri: &str, expected: Operation) {
    assert_eq!(route(method, uri).map(|(operation, _)| operation), Some(expected), "{method} {uri}");
}

fn check_label(method: &str, uri: &str, label: &str, expected: &str) {
    let (_, labels) = route(method, uri).unwrap();
    assert_eq!(labels.get(label), Some(expected), "{method} {uri}");
}

#[test]
fn all_operations_of_the_model_are_found_at_their_place() {
    let model: Value = serde_json::from_str(include_str!("../../../model/lambda-2015-03-31.json")).unwrap();
    let operations = model["operations"].as_object().unwrap();
    assert_eq!(operations.len(), 85);
    assert_eq!(Operation::ALL.len(), 85);
    for operation in Operation::ALL {
        let http = &operations[operation.name()]["http"];
        let (method, uri) = (http["method"].as_str().unwrap(), http["requestUri"].as_str().unwrap());
        assert_eq!((operation.method(), operation.uri()), (method, uri));
        let filled = uri.replace(['{', '}'], "");
        check(method, &filled, operation);
        let (path, query) = filled.split_once('?').unwrap_or((&filled, "a=b"));
        check(method, &format!("{path}/?{query}&other=1"), operation);
        if operation != Operation::DeleteFunction {
            assert_eq!(u64::from(operation.status().as_u16()), http["responseCode"].as_u64().unwrap());
        }
    }
}

#[test]
fn a_static_query_decides_between_operations_of_one_path() {
    check("GET", "/2018-10-31/layers?Arn=a&find=LayerVersion", Operation::GetLayerVersionByArn);
    check("GET", "/2018-10-31/layers?find=Other", Operation::ListLayers);
    let path = "/2019-09-30/functions/f/provisioned-concurrency";
    check("GET", &format!("{path}?List=ALL"), Operation::ListProvisionedConcurrencyConfigs);
    check("GET", &format!("{path}?Qualifier=1"), Operation::GetProvisionedConcurrencyConfig);
}

#[test]
fn the_method_decides_between_operations_of_one_path() {
    check("PUT", "/2019-09-25/functions/f/event-invoke-config", Operation::PutFunctionEventInvokeConfig);
    check("POST", "/2019-09-25/functions/f/event-invoke-config", Operation::UpdateFunctionEventInvokeConfig);
}

#[test]
fn other_paths_and_methods_are_no_operation() {
    for (method, uri) in [
        ("PATCH", "/2015-03-31/functions/f"),
        ("GET", "/2015-03-31/functions/f/invocations"),
        ("GET", "/2015-03-31/functions//policy"),
        ("GET", "/2015-03-31/functions/f/policy/more/more"),
        ("GET", "/2015-03-31"),
        ("GET", "/"),
        ("GET", "*"),
    ] {
        assert_eq!(route(method, uri), None, "{method} {uri}");
    }
}

#[test]
fn labels_are_decoded_once() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST";
    let encoded = "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af%3A%24LATEST";
    check_label("GET", &format!("/2015-03-31/functions/{arn}"), "FunctionName", arn);
    check_label("GET", &format!("/2015-03-31/functions/{encoded}"), "FunctionName", arn);
    check_label("GET", "/2017-03-31/tags/a%252Fb", "Resource", "a%2Fb");
    check_label("GET", "/2017-03-31/tags/100%", "Resource", "100%");
}

#[test]
fn encoded_slashes_do_not_separate_segments() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f:1/durable-execution/name/id";
    let uri = format!("/2025-12-01/durable-executions/{}/history", arn.replace('/', "%2F"));
    check("GET", &uri, Operation::GetDurableExecutionHistory);
    check_label("GET", &uri, "DurableExecutionArn", arn);
}
