//! What AWS is known to do otherwise than its model says. [AWS: recorded in LocalStack's snapshots
//! `tests/aws/services/lambda_/*.snapshot.json`, where nothing else is said]
//!
//! Mostly patterns and enums: the service has newer ones than the model, prints enums in an order of its own, and
//! messages repeat them to the letter.

use super::operation::Operation;
use super::shape::{Items, Kind, Pattern, Shape};

/// Runtimes that functions and layers can have.
pub const RUNTIMES: &str = "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, \
    nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, \
    nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2]";

/// Runtimes that layers can be asked for.
pub const RUNTIME_FILTERS: &str = "[ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, \
    python2.7-greengrass, dotnetcore2.0, python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, \
    provided, dotnetcore3.1, dotnet8, java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, dotnet10, nodejs20.x, \
    go1.9, byol, nodejs10.x, provided.al2023, nodejs22.x, python3.10, java8, nodejs12.x, python3.11, nodejs24.x, \
    nodejs8.x, python3.12, nodejs14.x, nodejs8.9, nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, \
    provided.al2, nodejs4.3-edge, nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7]";

/// Whether a value passes as one of a printed enum. AWS prints the runtimes that functions can have when a layer names
/// one that it does not know, and takes all that functions ever could have. [AWS: recorded for layers of old runtimes]
pub(crate) fn accepts(values: &str, value: &str) -> bool {
    let ever = || super::generated::constraints::RUNTIME.values.is_some_and(|all| contains(all, value));
    contains(values, value) || (values == RUNTIMES && ever())
}

/// Whether a printed enum has the value.
pub(crate) fn contains(values: &str, value: &str) -> bool {
    values.trim_matches(['[', ']']).split(", ").any(|known| known == value)
}

/// Status of success where the model has another: DeleteFunction answers 204 in an ordinary case.
pub(crate) fn status(operation: Operation) -> Option<u16> {
    (operation == Operation::DeleteFunction).then_some(204)
}

/// Another shape than the model's for a member of a structure.
pub(crate) fn member(structure: &str, member: &str) -> Option<&'static Shape> {
    match (structure, member) {
        // Checked with the rest of the configuration, with another error.
        ("CreateFunctionRequest" | "UpdateFunctionConfigurationRequest", "Runtime") => {
            Some(&UNCHECKED_RUNTIME)
        }
        ("ListLayersRequest" | "ListLayerVersionsRequest", "CompatibleRuntime") => Some(&RUNTIME_FILTER),
        ("GetLayerVersionByArnRequest", "Arn") => Some(&LAYER_VERSION_ARN),
        _ => None,
    }
}

/// `shape`, or what AWS has in its place.
pub(crate) fn shape(shape: &'static Shape) -> &'static Shape {
    match shape.name {
        "NamespacedFunctionName" => &NAMESPACED_FUNCTION_NAME,
        "FunctionName" => &FUNCTION_NAME,
        "UnqualifiedFunctionName" => &UNQUALIFIED_FUNCTION_NAME,
        "CompatibleRuntimes" => &COMPATIBLE_RUNTIMES,
        "LayerVersionArn" => &LAYER_VERSION_ARN,
        "TaggableResource" => &TAGGABLE_RESOURCE,
        "DestinationArn" => &DESTINATION_ARN,
        "SubnetIds" => &SUBNET_IDS,
        "SecurityGroupIds" => &SECURITY_GROUP_IDS,
        "SubnetId" => &SUBNET_ID,
        "SecurityGroupId" => &SECURITY_GROUP_ID,
        "InvokeMode" => &INVOKE_MODE,
        "RecursiveLoop" => &RECURSIVE_LOOP,
        "EventSourcePosition" => &EVENT_SOURCE_POSITION,
        "InvocationType" => &INVOCATION_TYPE,
        "Timeout" => &TIMEOUT,
        "MemorySize" => &MEMORY_SIZE,
        "CapacityProviderArn" => &CAPACITY_PROVIDER_ARN,
        _ => shape,
    }
}

static UNCHECKED_RUNTIME: Shape = Shape::string("UncheckedRuntime");
static RUNTIME_FILTER: Shape = Shape::string("RuntimeFilter").values(RUNTIME_FILTERS);
static LAYER_RUNTIME: Shape = Shape::string("LayerRuntime").values(RUNTIMES);

/// The only list whose items' constraint is printed like its own.
static COMPATIBLE_RUNTIMES: Shape = Shape {
    kind: Kind::List(&LAYER_RUNTIME, Items::Bare),
    ..Shape::list("CompatibleRuntimes", &LAYER_RUNTIME).max(15)
};

static INVOKE_MODE: Shape = Shape::string("InvokeMode").values("[RESPONSE_STREAM, BUFFERED]");
static RECURSIVE_LOOP: Shape = Shape::string("RecursiveLoop").values("[Terminate, Allow]");
static EVENT_SOURCE_POSITION: Shape =
    Shape::string("EventSourcePosition").values("[LATEST, AT_TIMESTAMP, TRIM_HORIZON]");

/// [AWS: observed, ex-aws/ex_aws, pull request 442]
static INVOCATION_TYPE: Shape = Shape::string("InvocationType").values("[DryRun, RequestResponse, Event]");

/// Longest `Timeout`, in seconds. The model's limits are those of functions with a capacity provider, which have more
/// time and memory; others keep to the quotas. [AWS: Lambda quotas]
pub const TIMEOUT_LIMIT: i64 = 900;
/// Largest `MemorySize`, in MB. The same.
pub const MEMORY_LIMIT: i64 = 10_240;
static TIMEOUT: Shape = Shape::integer("Timeout").min(1).max(TIMEOUT_LIMIT);
static MEMORY_SIZE: Shape = Shape::integer("MemorySize").min(128).max(MEMORY_LIMIT);

/// Regions of the European Sovereign Cloud, as below, as LocalStack has it.
static CAPACITY_PROVIDER_ARN_PATTERN: Pattern = Pattern::new(
    r"arn:aws[a-zA-Z-]*:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:capacity-provider:[a-zA-Z0-9-_]+",
);
static CAPACITY_PROVIDER_ARN: Shape =
    Shape::string("CapacityProviderArn").min(1).max(140).pattern(&CAPACITY_PROVIDER_ARN_PATTERN);

/// Regions of the European Sovereign Cloud are not in the model's patterns yet.
static NAMESPACED_FUNCTION_NAME_PATTERN: Pattern = Pattern::new(
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?",
);
static NAMESPACED_FUNCTION_NAME: Shape =
    Shape::string("NamespacedFunctionName").min(1).max(256).pattern(&NAMESPACED_FUNCTION_NAME_PATTERN);

static FUNCTION_NAME_PATTERN: Pattern = Pattern::new(
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
);
static FUNCTION_NAME: Shape = Shape::string("FunctionName").min(1).max(140).pattern(&FUNCTION_NAME_PATTERN);

/// Not recorded; after the others.
static UNQUALIFIED_FUNCTION_NAME_PATTERN: Pattern = Pattern::new(
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]+)",
);
static UNQUALIFIED_FUNCTION_NAME: Shape =
    Shape::string("UnqualifiedFunctionName").min(1).max(140).pattern(&UNQUALIFIED_FUNCTION_NAME_PATTERN);

static LAYER_VERSION_ARN_PATTERN: Pattern = Pattern::new(
    r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)",
);
static LAYER_VERSION_ARN: Shape =
    Shape::string("LayerVersionArn").min(1).max(2048).pattern(&LAYER_VERSION_ARN_PATTERN);

static TAGGABLE_RESOURCE_PATTERN: Pattern = Pattern::new(
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}|capacity-provider:[a-zA-Z0-9-_]+)",
);
static TAGGABLE_RESOURCE: Shape =
    Shape::string("TaggableResource").min(1).max(256).pattern(&TAGGABLE_RESOURCE_PATTERN);

static DESTINATION_ARN_PATTERN: Pattern = Pattern::new(
    r"$|kafka://([^.]([a-zA-Z0-9\-_.]{0,248}))|arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1})?:(\d{12})?:(.*)",
);
static DESTINATION_ARN: Shape =
    Shape::string("DestinationArn").min(0).max(350).pattern(&DESTINATION_ARN_PATTERN);

static SUBNET_ID_PATTERN: Pattern = Pattern::new("subnet-[0-9a-z]*");
static SUBNET_ID: Shape = Shape::string("SubnetId").min(0).max(1024).pattern(&SUBNET_ID_PATTERN);
static SUBNET_IDS: Shape = Shape {
    kind: Kind::List(&SUBNET_ID, Items::Nullable),
    ..Shape::list("SubnetIds", &SUBNET_ID).min(0).max(16)
};

static SECURITY_GROUP_ID_PATTERN: Pattern = Pattern::new("sg-[0-9a-zA-Z]*");
static SECURITY_GROUP_ID: Shape =
    Shape::string("SecurityGroupId").min(0).max(1024).pattern(&SECURITY_GROUP_ID_PATTERN);
static SECURITY_GROUP_IDS: Shape = Shape {
    kind: Kind::List(&SECURITY_GROUP_ID, Items::Nullable),
    ..Shape::list("SecurityGroupIds", &SECURITY_GROUP_ID).min(0).max(5)
};
