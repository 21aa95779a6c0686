//! Pure: what is to be said of each operation, for `docs/coverage.md`.

use std::fmt::Write as _;

use crate::wire::Operation;

/// Where an operation does less than on AWS, or in another way.
const NOTES: &[(Operation, &str)] = &[
    (
        Operation::Invoke,
        "DryRun, Event and RequestResponse. Environments are for one `TenantId` each where the function has a `TenancyConfig`.",
    ),
    (
        Operation::InvokeWithResponseStream,
        "Chunks pass through as the function writes them. Not for durable functions.",
    ),
    (Operation::InvokeAsync, "As Event, with its own limit of payloads, 256 KB."),
    (
        Operation::CreateFunction,
        "Code in the request, in S3, in a folder (`S3Bucket=hot-reload`) or in an image. `EphemeralStorage` and `FileSystemConfigs` are kept and shown, not enforced. Functions with `CapacityProviderConfig` have AWS's states, limits and defaults, and run in containers as all others do, one invocation at a time.",
    ),
    (Operation::UpdateFunctionCode, "As CreateFunction. Signatures of code are not checked."),
    (Operation::UpdateFunctionConfiguration, "As CreateFunction."),
    (Operation::GetFunction, "`Code.Location` is a URL of Lambdock's own, without signature or end."),
    (Operation::PublishVersion, "SnapStart: nothing is snapshotted; the hooks of runtimes run."),
    (
        Operation::PutProvisionedConcurrencyConfig,
        "Environments are started and initialised before it is READY.",
    ),
    (
        Operation::PutFunctionScalingConfig,
        "Kept and shown, for versions on a capacity provider; nothing is scaled.",
    ),
    (
        Operation::ListFunctionVersionsByCapacityProvider,
        "`$LATEST` as well, by the names of functions and versions.",
    ),
    (Operation::PutRuntimeManagementConfig, "Kept and shown; the runtime is that of the image."),
    (Operation::PutFunctionCodeSigningConfig, "Kept and shown; code is not checked."),
    (Operation::CreateCapacityProvider, "Kept and shown, with its states; there are no instances."),
    (
        Operation::CreateEventSourceMapping,
        "The resource with its states; sources are looked for at an upstream that plays them. Nothing polls them yet.",
    ),
    (Operation::CreateFunctionUrlConfig, "Served at `http://<id>.lambda-url.<region>.<LOCALSTACK_HOST>/`."),
    (Operation::PublishLayerVersion, "From the request or S3. Layers of accounts on AWS are not fetched."),
    (Operation::GetAccountSettings, "Limits from `LAMBDA_LIMITS_*`, live usage."),
    (
        Operation::TagResource,
        "Functions, event source mappings, code signing configurations, capacity providers.",
    ),
    (
        Operation::AddPermission,
        "Kept and shown; callers are not held to policies, except for function URLs and layers of other accounts.",
    ),
];

/// Where AWS says nothing, and what is done here.
const DECISIONS: &[(&str, &str)] = &[
    ("An unknown marker in a list", "Refused with InvalidParameterValueException, `Invalid marker: …`."),
    (
        "A JSON member of the wrong type",
        "SerializationException with the words of AWS's parser, as far as they are known.",
    ),
    (
        "Deleting a version that an alias names",
        "ResourceConflictException, `Unable to delete version because the following aliases reference it: […]`, as users report it of AWS (karl-cardenas-coding/go-lambda-cleanup, issue 45); several aliases are told with a comma, in the order of their names.",
    ),
    (
        "What PublishVersion has to publish",
        "`$LATEST` after any update, also one that changes nothing or the description alone; without an update the version before. AWS documents that unchanged code is not published, but publishes after every update (getmoto/moto, pull request 8379, whose tests were held against AWS).",
    ),
    (
        "An event that is too large",
        "RequestEntityTooLargeException without `Type`, which AWS's model lacks: `Request must be smaller than 6291456 bytes for the InvokeFunction operation` for any request, `… byte payload is too large for the Event invocation type (limit … bytes)` for what is to be kept, InvokeAsync too; as users report it of AWS (pelmers/streetwarp-web, issue 14; ASFHyP3/hyp3, issue 2241), whose documentation names RequestTooLargeException.",
    ),
    (
        "A policy that is too long",
        "PolicyLengthExceededException, `The final policy size (…) is bigger than the limit (20480).`, as users report it of AWS (scribd/terraform-aws-datadog, pull request 61).",
    ),
    (
        "CreateFunction and UpdateFunctionCode without any code",
        "InvalidParameterValueException, `Please provide a source for function code.`, as users report it of AWS (aws/aws-sdk-go, issue 2183; apache/camel, pull request 25343).",
    ),
    (
        "An unknown `InvocationType`",
        "ValidationException with the words in the order that AWS had them in: `[DryRun, RequestResponse, Event]` (ex-aws/ex_aws, pull request 442). Those of InvokeWithResponseStream are in the model's.",
    ),
    (
        "An invocation without a payload",
        "The event is `{}`, as in LocalStack. No recording shows what AWS's functions get; its clients send none where the user gives none.",
    ),
    (
        "SnapStart with `python3.14`",
        "Accepted, as AWS documents SnapStart for Python 3.12 and later; LocalStack's list ends with 3.13.",
    ),
    (
        "`Manual` runtime management without `RuntimeVersionArn`",
        "InvalidParameterValueException, `RuntimeVersionArn is required when UpdateRuntimeOn is Manual.`: that it is required is AWS's, the words are our own.",
    ),
    (
        "What a durable function is invoked with",
        "The envelope that AWS's SDKs read and write: those that the tests run, aws-durable-execution-sdk-python of tests/functions/durable-python/requirements.txt. AWS does not document it.",
    ),
    (
        "The states Inactive and Pending with the reasons Idle and Restoring",
        "Do not come: a function that nobody invokes keeps its state, and its next invocation starts an environment. AWS's texts for them are not recorded.",
    ),
    (
        "`cookie` among the headers of a function URL's event",
        "Stays there besides `cookies`, as on AWS (aws/aws-lambda-web-adapter, issue 121), other than with HTTP APIs of API Gateway.",
    ),
    (
        "A function URL that is throttled",
        "429 with what Invoke answers: the `Reason` that there is, `Type` and `message`. AWS's body is not recorded.",
    ),
    (
        "Keys of tags that begin with `aws:`, and keys and values that are too short or too long",
        "InvalidParameterValueException in words of our own: AWS documents that they are not allowed.",
    ),
    (
        "RemovePermission of a function that is missing, with a qualifier",
        "`No policy found for: …` with the ARN that the qualifier makes; recorded without one only.",
    ),
    (
        "The order of several violations in one message",
        "That of the members in the model. In recordings it is not told, as they are sorted.",
    ),
    (
        "Code and layers that are too large together",
        "InvalidParameterValueException, `Layers consume more than the available size of … bytes`.",
    ),
    ("Code storage is used up", "CodeStorageExceededException, `Code storage limit exceeded.`"),
    (
        "The condition of an event that was part of a loop",
        "`RecursiveInvocation` in the record for the destination.",
    ),
    (
        "Reserved variables in `Environment`",
        "Taken, as LocalStack does; `LAMBDOCK_RESERVED_VARIABLES=1` refuses them as AWS does.",
    ),
    (
        "A network without an EC2 upstream",
        "Any subnets and security groups are accepted; with an upstream they are looked up.",
    ),
    (
        "A durable execution whose invocation fails, or cannot be run",
        "Invoked again after 5 seconds; the fifth failure in a row ends it, as in the runner that AWS tests its SDKs with. Throttled ones are tried again every second, for as long as the execution may take.",
    ),
    (
        "The name of a durable execution",
        "One for each function. The same name with the same version and payload is the same execution, running or ended.",
    ),
    (
        "A synchronous invocation whose durable execution ends otherwise than well",
        "`FunctionError: Unhandled`, and the error as `errorMessage`, `errorType`, `errorData`, `stackTrace`.",
    ),
    (
        "An asynchronous invocation of a durable function",
        "Begins its execution at once. When that has ended otherwise than well (FAILED, STOPPED, TIMED_OUT), the dead-letter queue gets the event, as AWS documents. What AWS does with destinations it does not say: here they get their records too, with the condition `Success` or `RetriesExhausted`. Each end is told once, however often an execution is asked for by its name.",
    ),
    (
        "A callback that is unknown, was answered or timed out",
        "CallbackTimeoutException, `The callback does not exist, has been answered, or has timed out.`",
    ),
    ("`Retry-After` of throttled requests", "1, in seconds."),
    (
        "Metrics of provisioned concurrency",
        "Utilization is told of versions and aliases, the rest of their functions too.",
    ),
    ("`ExecutedVersion`", "A dimension of everything that is invoked through an alias, weighted or not."),
    (
        "An accepted event without persistence",
        "Is kept in a temporary file until it is done, and is gone with the process, which says at its end how many there were. `PERSISTENCE=1` keeps it through anything.",
    ),
    (
        "A function on a capacity provider that is Pending, or Deleting",
        "Created on the first; ResourceConflictException on the second, in words of our own.",
    ),
    (
        "A capacity provider that functions use",
        "DeleteCapacityProvider answers ResourceConflictException, as AWS says; the words are our own.",
    ),
    (
        "`$LATEST.PUBLISHED` that is published for the first time",
        "Pending, as numbered versions. Published again it is Active, and serves what it was until it is ready.",
    ),
    (
        "`PublishTo` for a function without a capacity provider; `SnapStart` for one with",
        "InvalidParameterValueException, in words of our own.",
    ),
    (
        "Limits of functions on a capacity provider",
        "5400 seconds, for synchronous invocations too, and 32768 MB. `MemorySize` may be less than 2048.",
    ),
    ("`ConfigSha256`", "Of `CapacityProviderConfig`, for functions that have one, as in LocalStack."),
    (
        "DeleteFunction on a capacity provider",
        "Answers 202, but the function is gone when it does: there is no state Deleting.",
    ),
    (
        "A function scaling configuration",
        "Applied at once, so the applied one is the requested one; nothing is shown before the first, and a request without one takes it away. 0 environments deactivate nothing. A least number above the most is refused in words of our own.",
    ),
    (
        "Code from which either `Runtime` or `Handler` is missing",
        "AWS's words for where both are: `Runtime and Handler are mandatory parameters …`",
    ),
    (
        "`SnapStart` with more ephemeral storage, file systems or provisioned concurrency",
        "InvalidParameterValueException, `… is not supported for SnapStart enabled functions.`",
    ),
    (
        "A stale `RevisionId` for RemovePermission",
        "The words that name GetPolicy, as AddPermission has had since 2025; recorded in 2022 for both with those of GetFunction.",
    ),
    (
        "Provisioned concurrency that moves with its alias",
        "IN_PROGRESS with what the version before has ready, which serves until the new one is READY; then that has a new `RevisionId`. After any change READY gives the version a new one.",
    ),
    (
        "Durable executions of a function that is deleted",
        "Gone with it: those that run are stopped, and a function of the same name begins with none.",
    ),
    (
        "POST and PUT of `/_localstack/health`",
        "405: nobody on the network ends or restarts Lambdock, and it is told no other states.",
    ),
    (
        "`Max Memory Used`",
        "The most that the function's processes had resident during the invocation, measured anew for each. It exceeds `MemorySize` only where nothing limits the container's memory.",
    ),
    (
        "Functions with SnapStart",
        "There are no snapshots. What a runtime does between `restore/next` and its first `next` is told as `platform.restoreStart`, `restoreRuntimeDone` and `restoreReport`, and as `Restore Duration`, besides the init phase that it is part of.",
    ),
    (
        "`Lambda-Runtime-Function-XRay-Error-Cause`",
        "Taken and left out: segments of functions are theirs alone, and the platform makes none that it could be part of.",
    ),
    (
        "Code that changes in the init phase (hot reload)",
        "The phase begins anew; the first one is reported with the status `failure`.",
    ),
    (
        "A client that does not read its streamed answer",
        "Holds up what the function writes, but neither its time-out nor the end of its container.",
    ),
    (
        "`TenancyConfig` with SnapStart, provisioned concurrency, function URLs and event sources",
        "Refused, as AWS documents that they exclude each other; in words of our own.",
    ),
    ("`x-amzn-RequestId` of function URLs", "That of the invocation, as in the function's log."),
];

/// How LocalStack's suite for this API, which was recorded on AWS, came out.
const FIGURES: &str = "\
tests/aws/services/lambda_/test_lambda_api.py of LocalStack 8b9a79f (2026-03-23), with moto 5.2.5 for other services, on
2026-12-01. Of the 217 cases that need no image and no event source **204 pass strict**, with all of LocalStack's own
exemptions ignored, and **206 not strict**; LocalStack itself passes 176 and 185. `LAMBDOCK_UPDATE_MS=500` lets updates
take their time, as cases expect that look at one under way. The 12 cases of SnapStart for Java and .NET have other
archives in the place of packages that they never run. The rest of the 217, and those that need more:";

/// Cases that come out otherwise or were not run.
const RECORDED: &[(&str, &str)] = &[
    (
        "test_function_arns, test_list_functions",
        "Strict only: expect that two archives of the same file differ, as they do if two seconds lie between their making.",
    ),
    (
        "test_create_url_config_custom_id_tag_invalid_id, test_layer_deterministic_version",
        "Look into LocalStack's process: at its log, and at the numbers that it is to give to layers. tests/api/test_function_urls.py has what the first shows.",
    ),
    (
        "test_s3_code_url (3 cases)",
        "Change `LOCALSTACK_HOST` of LocalStack's running process. tests/lifecycle/test_settings.py has what it does.",
    ),
    (
        "test_function_name_and_qualifier_validation (4 of its cases), test_invalid_vpc_config_security_group, test_function_revisions_permissions",
        "Skipped by the suite, as LocalStack does not do what they show. tests/api/test_names.py and test_networks.py have that; the last one was recorded before policies had revisions of their own.",
    ),
    (
        "TestLambdaEventSourceMappings (8 cases beyond the 217)",
        "5 pass. test_event_source_mapping_lifecycle and …_delete_function compare DynamoDB's answer to UpdateTable too, which is moto's. test_create_event_source_self_managed is skipped by the suite; it was recorded before AWS showed `EventSourceMappingArn`, as other cases have it.",
    ),
    (
        "TestLambdaImages (4 cases beyond the 217)",
        "Pull an image from Docker Hub and push it to ECR, which the machines that this was measured on cannot reach. \
         tests/api/test_image_functions.py has what they show.",
    ),
];

/// The document.
pub fn document() -> String {
    let mut text = String::from(
        "# Coverage\n\nEvery operation of Lambda's API, 2015-03-31, and what there is to know about it here. Written from the model and \
         from\n`control-plane/src/coverage.rs` by a test (`UPDATE=1 cargo test -p lambdock coverage`). An operation without a \
         note does what\nAWS does, as far as that is known.\n\n| Operation | Notes |\n|---|---|\n",
    );
    for operation in Operation::ALL {
        let note = NOTES.iter().find(|(noted, _)| *noted == operation).map_or("", |(_, note)| note);
        let line = format!("| {} | {note} |", operation.name()).replace("  ", " ");
        // A String takes everything.
        let _ = writeln!(text, "{line}");
    }
    text.push_str(
        "\n## Decisions\n\nWhere AWS is neither documented nor recorded:\n\n\
         | Case | Here |\n|---|---|\n",
    );
    for (case, decision) in DECISIONS {
        let _ = writeln!(text, "| {case} | {decision} |");
    }
    let _ = write!(text, "\n## LocalStack's recorded suite\n\n{FIGURES}\n\n| Cases | Why |\n|---|---|\n");
    for (cases, why) in RECORDED {
        let _ = writeln!(text, "| {cases} | {why} |");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coverage_is_documented() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/coverage.md");
        let text = document();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(written, text, "run it with UPDATE=1 and look at the change");
    }

    #[test]
    fn nothing_is_noted_twice() {
        for (at, (operation, _)) in NOTES.iter().enumerate() {
            assert!(!NOTES[..at].iter().any(|(other, _)| other == operation), "{}", operation.name());
        }
    }
}
