//! The texts of AWS's ValidationExceptions, as they were recorded.

use super::Call;
use crate::wire::{operations, recorded};

const P_GET: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?";
const P_CREATE: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?";
const P_LAYER: &str = r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)";
const P_TAGGABLE: &str = r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)";
const P_DESTINATION: &str = r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)";
const P_QUALIFIER: &str = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+";
const P_ALIAS: &str = "(?!^[0-9]+$)([a-zA-Z0-9-_]+)";
const P_URL_QUALIFIER: &str = r"((?!^\d+$)^[0-9a-zA-Z-_]+$)";

fn one(value: &str, member: &str, constraint: &str) -> String {
    format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )
}

fn pattern(value: &str, member: &str, pattern: &str) -> String {
    one(value, member, &format!("Member must satisfy regular expression pattern: {pattern}"))
}

fn values(value: &str, member: &str, values: &str) -> String {
    one(value, member, &format!("Member must satisfy enum value set: {values}"))
}

/// A valid CreateFunction, where `given` (JSON members with a comma behind) comes first.
fn create(name: &str, given: &str) -> String {
    let role = if given.contains("Role") { "" } else { r#""Role":"arn:aws:iam::000000000000:role/r","# };
    let body = format!(r#"{{{given}{role}"FunctionName":"{name}","Code":{{}}}}"#);
    Call { method: "POST", path: "/2015-03-31/functions", body: &body, ..Call::default() }
        .message::<operations::CreateFunction>()
}

fn get_function(name: &str, query: Option<&str>) -> String {
    let path = format!("/2015-03-31/functions/{name}");
    Call { method: "GET", path: &path, query, ..Call::default() }.message::<operations::GetFunction>()
}

#[test]
fn create_function_with_bad_members() {
    let role = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";
    assert_eq!(create("f", ""), "");
    assert_eq!(create("f", r#""Role":"r1","#), pattern("r1", "role", role));
    assert_eq!(
        create("f", r#""Architectures":["x86_64","arm64"],"#),
        one("[x86_64, arm64]", "architectures", "Member must have length less than or equal to 1")
    );
    assert_eq!(
        create("f", r#""Architectures":["X86_64"],"#),
        one(
            "[X86_64]",
            "architectures",
            "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not \
             be null]"
        )
    );
    assert_eq!(
        create("f", r#""SnapStart":{"ApplyOn":"invalidOption"},"#),
        values("invalidOption", "snapStart.applyOn", "[PublishedVersions, None]")
    );
    assert_eq!(create("f", r#""PublishTo":"X","#), values("X", "publishTo", "[LATEST_PUBLISHED]"));
    let (most, least) =
        ("Member must have value less than or equal to", "Member must have value greater than or equal to");
    assert_eq!(create("f", r#""Timeout":0,"#), one("0", "timeout", &format!("{least} 1")));
    assert_eq!(create("f", r#""Timeout":901,"#), one("901", "timeout", &format!("{most} 900")));
    assert_eq!(create("f", r#""MemorySize":10241,"#), one("10241", "memorySize", &format!("{most} 10240")));
    let storage = r#""EphemeralStorage":{"Size":511},"#;
    assert_eq!(create("f", storage), one("511", "ephemeralStorage.size", &format!("{least} 512")));
}

#[test]
fn an_unknown_runtime_is_no_violation() {
    // It is an InvalidParameterValueException, after other checks.
    assert_eq!(create("f", r#""Runtime":"PYTHON3.9","#), "");
    assert!(
        recorded::RUNTIMES.starts_with("[nodejs20.x, python3.14, ")
            && recorded::RUNTIMES.ends_with(", java8.al2]")
    );
}

#[test]
fn vpc_config_with_malformed_ids() {
    let constraints = |pattern: &str| {
        format!(
            "Member must satisfy constraint: [Member must have length less than or equal to 1024, Member must have \
             length greater than or equal to 0, Member must satisfy regular expression pattern: {pattern}]"
        )
    };
    assert_eq!(
        create("f", r#""VpcConfig":{"SubnetIds":["subnet-1","x!"]},"#),
        one("[subnet-1, x!]", "vpcConfig.subnetIds", &constraints("subnet-[0-9a-z]*"))
    );
    assert_eq!(
        create("f", r#""VpcConfig":{"SecurityGroupIds":["x"]},"#),
        one("[x]", "vpcConfig.securityGroupIds", &constraints("sg-[0-9a-zA-Z]*"))
    );
}

#[test]
fn layers_without_version() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:layer:l";
    let constraint = format!(
        "Member must satisfy constraint: [Member must have length less than or equal to 2048, Member must have length \
         greater than or equal to 1, Member must satisfy regular expression pattern: {P_LAYER}, Member must not be null]"
    );
    let given = format!(r#""Layers":["{arn}"],"#);
    assert_eq!(create("f", &given), one(&format!("[{arn}]"), "layers", &constraint));
    let query = format!("find=LayerVersion&Arn={arn}");
    let call = Call { method: "GET", path: "/2018-10-31/layers", query: Some(&query), ..Call::default() };
    assert_eq!(call.message::<operations::GetLayerVersionByArn>(), pattern(arn, "arn", P_LAYER));
}

#[test]
fn environment_variables_are_not_repeated() {
    assert_eq!(
        create("f", r#""Environment":{"Variables":{"1":"secret"}},"#),
        "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must \
         satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
    );
}

#[test]
fn names_of_functions_to_be_created() {
    for name in ["*", "my-function!", "my-function:invalid!", "function:my-function:$LATEST:extra", "f.g"] {
        assert_eq!(create(name, ""), pattern(name, "functionName", P_CREATE));
    }
    // 65 letters are refused by the operation, with another error.
    assert_eq!(create(&"a".repeat(65), ""), "");
    assert_eq!(create(&format!("my-function:{}", "a".repeat(65)), ""), "");
    let long = format!("arn:aws:lambda:us-east-1:000000000000:function:{}", "a".repeat(100));
    let too_long = "Member must have length less than or equal to 140";
    assert_eq!(create(&long, ""), one(&long, "functionName", too_long));
    let both = format!("arn:aws:lambda:invalid-region:000000000000:function:{}", "a".repeat(170));
    assert_eq!(
        create(&both, ""),
        format!(
            "2 validation errors detected: Value '{both}' at 'functionName' failed to satisfy constraint: {too_long}; \
             Value '{both}' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression \
             pattern: {P_CREATE}"
        )
    );
}

#[test]
fn names_of_functions_to_be_found() {
    for name in [
        "*",
        "my-function!",
        "invalid-account:function:my-function",
        "arn:aws:ec2:us-east-1:000000000000:instance:i-1234567890abcdef0",
        "arn:aws:lambda:us-east-1:000000000000:function:my-function:1:2",
        "arn:aws:lambda::000000000000:function:my-function",
        "arn:aws:lambda:us-east-1::function:my-function",
        "arn:aws:lambda:us-east-1:000000000000:function:my-function:$LATES",
    ] {
        assert_eq!(get_function(name, None), pattern(name, "functionName", P_GET));
    }
    let long = format!("arn:aws:lambda:invalid-region:000000000000:function:my-function{}", "a".repeat(170));
    assert_eq!(get_function(&long, None), pattern(&long, "functionName", P_GET));
    for name in [
        &"a".repeat(65),
        "f.g",
        "function",
        "arn:aws:lambda:us-east-1:000000000000:function",
        "000000000000:function:f:$LATEST.PUBLISHED",
        "arn:aws-eusc:lambda:eusc-de-east-1:000000000000:function:f",
    ] {
        assert_eq!(get_function(name, None), "", "{name}");
    }
}

#[test]
fn qualifiers() {
    assert_eq!(get_function("f", Some("Qualifier=invalid!")), pattern("invalid!", "qualifier", P_QUALIFIER));
    let long = "a".repeat(129);
    let too_long = one(&long, "qualifier", "Member must have length less than or equal to 128");
    assert_eq!(get_function("f", Some(&format!("Qualifier={long}"))), too_long);
    for qualifier in ["$latest", "$LATEST", "1", "valid-with-$-but-doesnotexist"] {
        assert_eq!(get_function("f", Some(&format!("Qualifier={qualifier}"))), "");
    }
    for qualifier in ["1", "2", "$LATEST"] {
        let query = format!("Qualifier={qualifier}");
        let call = Call {
            method: "GET",
            path: "/2021-10-31/functions/f/url",
            query: Some(&query),
            ..Call::default()
        };
        let expected = pattern(qualifier, "qualifier", P_URL_QUALIFIER);
        assert_eq!(call.message::<operations::GetFunctionUrlConfig>(), expected);
    }
}

#[test]
fn both_name_and_qualifier() {
    let call = Call {
        method: "DELETE",
        path: "/2015-03-31/functions/*",
        query: Some("Qualifier=invalid!"),
        ..Call::default()
    };
    let expected = format!(
        "2 validation errors detected: Value '*' at 'functionName' failed to satisfy constraint: Member must satisfy \
         regular expression pattern: {P_GET}; Value 'invalid!' at 'qualifier' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: {P_QUALIFIER}"
    );
    assert_eq!(call.message::<operations::DeleteFunction>(), expected);
}

#[test]
fn lists() {
    let call = |path, query| Call { method: "GET", path, query: Some(query), ..Call::default() };
    let functions = call("/2015-03-31/functions/", "FunctionVersion=invalid");
    assert_eq!(
        functions.message::<operations::ListFunctions>(),
        values("invalid", "functionVersion", "[ALL]")
    );
    let functions = call("/2015-03-31/functions/", "MaxItems=0");
    let expected = one("0", "maxItems", "Member must have value greater than or equal to 1");
    assert_eq!(functions.message::<operations::ListFunctions>(), expected);
    let layers = call("/2018-10-31/layers", "CompatibleRuntime=runtimedoesnotexist");
    let expected = values("runtimedoesnotexist", "compatibleRuntime", recorded::RUNTIME_FILTERS);
    assert_eq!(layers.message::<operations::ListLayers>(), expected);
    let layers = call("/2018-10-31/layers", "CompatibleArchitecture=archdoesnotexist");
    let expected = values("archdoesnotexist", "compatibleArchitecture", "[x86_64, arm64]");
    assert_eq!(layers.message::<operations::ListLayers>(), expected);
}

#[test]
fn aliases() {
    let message = |name: &str, weights: &str| {
        let body = format!(
            r#"{{"Name":"{name}","FunctionVersion":"1","RoutingConfig":{{"AdditionalVersionWeights":{weights}}}}}"#
        );
        Call { method: "POST", path: "/2015-03-31/functions/f/aliases", body: &body, ..Call::default() }
            .message::<operations::CreateAlias>()
    };
    assert_eq!(message("2024-01-02", r#"{"2":0.5}"#), "");
    assert_eq!(message("2024", "{}"), pattern("2024", "name", P_ALIAS));
    let member = "routingConfig.additionalVersionWeights";
    let weights = "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must \
                   have value greater than or equal to 0.0, Member must not be null]";
    assert_eq!(message("a", r#"{"2":2}"#), one("{2=2.0}", member, weights));
    assert_eq!(message("a", r#"{"2":-1.0}"#), one("{2=-1.0}", member, weights));
    let keys = "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must \
                have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]";
    assert_eq!(message("a", r#"{"$LATEST":0.5}"#), one("{$LATEST=0.5}", member, keys));
}

#[test]
fn layers_for_unknown_runtimes_and_architectures() {
    let call = Call {
        method: "POST",
        path: "/2018-10-31/layers/l/versions",
        body: r#"{"Content":{},"CompatibleRuntimes":["invalidruntime","invalidruntime2","nodejs20.x"],
            "CompatibleArchitectures":["invalidarch","x86_64"]}"#,
        ..Call::default()
    };
    let expected = format!(
        "2 validation errors detected: Value '[invalidruntime, invalidruntime2, nodejs20.x]' at 'compatibleRuntimes' \
         failed to satisfy constraint: Member must satisfy enum value set: {}; Value '[invalidarch, x86_64]' at \
         'compatibleArchitectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy \
         enum value set: [x86_64, arm64], Member must not be null]",
        recorded::RUNTIMES
    );
    assert_eq!(call.message::<operations::PublishLayerVersion>(), expected);
}

#[test]
fn permissions() {
    let call = Call {
        method: "POST",
        path: "/2015-03-31/functions/f/policy",
        body: r#"{"StatementId":"example.com","Action":"lambda:InvokeFunction","Principal":"s3.amazonaws.com"}"#,
        ..Call::default()
    };
    let expected = pattern("example.com", "statementId", "([a-zA-Z0-9-_]+)");
    assert_eq!(call.message::<operations::AddPermission>(), expected);
    let call = Call {
        method: "POST",
        path: "/2018-10-31/layers/l/versions/1/policy",
        body: r#"{"StatementId":"s","Action":"*","Principal":"*"}"#,
        ..Call::default()
    };
    let expected = pattern("*", "action", "lambda:GetLayerVersion");
    assert_eq!(call.message::<operations::AddLayerVersionPermission>(), expected);
}

#[test]
fn single_members() {
    let call = |method, path, body| Call { method, path, body, ..Call::default() };
    let provisioned = Call {
        query: Some("Qualifier=1"),
        ..call(
            "PUT",
            "/2019-09-30/functions/f/provisioned-concurrency",
            r#"{"ProvisionedConcurrentExecutions":0}"#,
        )
    };
    assert_eq!(
        provisioned.message::<operations::PutProvisionedConcurrencyConfig>(),
        one("0", "provisionedConcurrentExecutions", "Member must have value greater than or equal to 1")
    );
    let url = call("POST", "/2021-10-31/functions/f/url", r#"{"AuthType":"NONE","InvokeMode":"UNKNOWN"}"#);
    assert_eq!(
        url.message::<operations::CreateFunctionUrlConfig>(),
        values("UNKNOWN", "invokeMode", "[RESPONSE_STREAM, BUFFERED]")
    );
    let recursion =
        call("PUT", "/2024-08-31/functions/f/recursion-config", r#"{"RecursiveLoop":"InvalidValue"}"#);
    assert_eq!(
        recursion.message::<operations::PutFunctionRecursionConfig>(),
        values("InvalidValue", "recursiveLoop", "[Terminate, Allow]")
    );
    let mapping = call(
        "POST",
        "/2015-03-31/event-source-mappings",
        r#"{"FunctionName":"f","StartingPosition":"invalid"}"#,
    );
    assert_eq!(
        mapping.message::<operations::CreateEventSourceMapping>(),
        values("invalid", "startingPosition", "[LATEST, AT_TIMESTAMP, TRIM_HORIZON]")
    );
    let destination = "arn:aws:_-/!lambda:us-east-1:000000000000:function:f";
    let body = format!(r#"{{"DestinationConfig":{{"OnFailure":{{"Destination":"{destination}"}}}}}}"#);
    let invoke_config = call("PUT", "/2019-09-25/functions/f/event-invoke-config", &body);
    assert_eq!(
        invoke_config.message::<operations::PutFunctionEventInvokeConfig>(),
        pattern(destination, "destinationConfig.onFailure.destination", P_DESTINATION)
    );
}

#[test]
fn tags() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let path = format!("/2017-03-31/tags/{arn}");
    let untag = Call { method: "DELETE", path: &path, ..Call::default() };
    assert_eq!(
        untag.message::<operations::UntagResource>(),
        "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null"
    );
    let untag = Call { query: Some("tagKeys=a"), ..untag };
    assert_eq!(untag.message::<operations::UntagResource>(), "");
    for arn in ["arn:aws:something", "arn:aws:lambda:us-east-1:000000000000:foobar:f"] {
        let path = format!("/2017-03-31/tags/{arn}");
        let list = Call { method: "GET", path: &path, ..Call::default() };
        assert_eq!(list.message::<operations::ListTags>(), pattern(arn, "resource", P_TAGGABLE));
    }
}

#[test]
fn members_of_listed_structures_have_their_place_in_the_path() {
    assert_eq!(
        create("f", r#""FileSystemConfigs":[{"LocalMountPath":"/mnt/a"}],"#),
        "1 validation error detected: Value null at 'fileSystemConfigs.1.member.arn' failed to satisfy constraint: \
         Member must not be null"
    );
}
