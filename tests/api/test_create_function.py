"""CreateFunction: what it answers, and what it refuses in AWS's words."""

import base64
import hashlib
import re

import pytest

from harness import wire
from harness.archives import PROBE
from harness.clients import refused
from harness.deployment import ROLE, fresh_name, request
from harness.server import Lambdock
from harness.wire import FUNCTIONS, UUID, Refusal, refusal, send

RUNTIMES = (
    "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2]"
)
NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
    r"(function:)?([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
ROLE_PATTERN = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"


def violation(value: str, member: str, constraint: str) -> str:
    """One violation, as AWS words it."""
    return f"Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"


def one(text: str) -> str:
    """The message for a single violation."""
    return f"1 validation error detected: {text}"


def pattern(text: str) -> str:
    return f"Member must satisfy regular expression pattern: {text}"


@pytest.fixture
def created(server):
    """Creates functions as an SDK would; they are deleted with the test."""
    client = server.client()
    names = []

    def create(**options):
        name = options.pop("FunctionName", None) or fresh_name()
        defaults = {
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "index.handler",
            "Code": {"ZipFile": PROBE},
        }
        answer = client.create_function(FunctionName=name, **{**defaults, **options})
        names.append(answer["FunctionName"])
        return answer

    yield create
    for name in names:
        client.delete_function(FunctionName=name)


def post(server, body) -> Refusal:
    return refusal(send(server, "POST", FUNCTIONS, body))


@pytest.mark.statement(1)
def test_a_new_function_is_pending(created):
    answer = created(FunctionName="new-function")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (answer["State"], answer["StateReasonCode"]) == ("Pending", "Creating")
    assert answer["StateReason"] == "The function is being created."
    assert not [member for member in answer if member.startswith("LastUpdateStatus")]
    assert answer["Version"] == "$LATEST"
    assert answer["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:new-function"
    assert UUID.fullmatch(answer["RevisionId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", answer["LastModified"])


@pytest.mark.statement(2, 3, 4)
def test_what_was_not_chosen_has_awss_defaults(created):
    answer = created()
    defaults = {
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "PackageType": "Zip",
        "TracingConfig": {"Mode": "PassThrough"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{answer['FunctionName']}"},
    }
    assert {member: answer[member] for member in defaults} == defaults
    assert re.fullmatch(
        r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}", answer["RuntimeVersionConfig"]["RuntimeVersionArn"]
    )
    absent = {"Environment", "VpcConfig", "DeadLetterConfig", "Layers", "KMSKeyArn", "ImageConfigResponse"}
    assert not absent & answer.keys()


def test_what_was_chosen_is_shown(created):
    chosen = {
        "Description": "a description",
        "Timeout": 900,
        "MemorySize": 10240,
        "Architectures": ["arm64"],
        "EphemeralStorage": {"Size": 10240},
        "TracingConfig": {"Mode": "Active"},
        "Environment": {"Variables": {"SECOND": "1", "FIRST": "ä"}},
    }
    answer = created(**chosen)
    assert {member: answer[member] for member in chosen} == chosen


@pytest.mark.statement(38)
def test_the_json_log_format_comes_with_its_levels(created):
    answer = created(FunctionName="json-logs", LoggingConfig={"LogFormat": "JSON"})
    assert answer["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": "/aws/lambda/json-logs",
    }


@pytest.mark.statement(3)
def test_an_empty_environment_is_shown_as_such(created):
    assert created(Environment={"Variables": {}})["Environment"] == {"Variables": {}}


@pytest.mark.statement(5)
def test_hash_and_size_are_those_of_the_archive(created):
    answer = created()
    assert answer["CodeSha256"] == base64.b64encode(hashlib.sha256(PROBE).digest()).decode()
    assert answer["CodeSize"] == len(PROBE)


@pytest.mark.statement(19, 20)
def test_environment_variables_have_room_for_four_kilobytes(created):
    longest = "x" * (4096 - len('{"LARGE_VAR":""}'))
    assert (
        created(Environment={"Variables": {"LARGE_VAR": longest}})["Environment"]["Variables"]["LARGE_VAR"] == longest
    )
    message = (
        "Lambda was unable to configure your environment variables because the environment variables you have "
        f'provided exceeded the 4KB limit. String measured: {{"LARGE_VAR":"{longest}x"}}'
    )
    refusal = refused(lambda: created(Environment={"Variables": {"LARGE_VAR": longest + "x"}}))
    assert refusal == Refusal(400, "InvalidParameterValueException", message)


@pytest.mark.statement(21)
def test_a_name_is_taken_once(created):
    name = created()["FunctionName"]
    expected = Refusal(409, "ResourceConflictException", f"Function already exist: {name}")
    assert refused(lambda: created(FunctionName=name)) == expected


@pytest.mark.statement(28)
def test_names_may_be_arns(created):
    scope = "arn:aws:lambda:us-east-1:000000000000:function"
    assert created(FunctionName=f"{scope}:by-arn")["FunctionName"] == "by-arn"
    assert created(FunctionName=scope)["FunctionName"] == "function"


@pytest.mark.statement(28)
def test_an_alias_after_the_name_does_no_harm(created):
    name = fresh_name()
    assert created(FunctionName=f"{name}:{'q' * 65}")["FunctionName"] == name


@pytest.mark.statement(11)
def test_retired_runtimes_are_accepted_by_default(created):
    assert created(Runtime="java8")["Runtime"] == "java8"


@pytest.mark.statement(10)
@pytest.mark.parametrize(
    "runtime",
    ["java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "nodejs12.x", "python3.7", "dotnetcore3.1"],
)
def test_retired_runtimes_are_refused_when_runtimes_are_validated(validating_server, runtime):
    message = (
        f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
        "We recommend you use a supported runtime while creating or updating functions."
    )
    expected = Refusal(400, "InvalidParameterValueException", message)
    assert post(validating_server, request(fresh_name(), PROBE, Runtime=runtime)) == expected


@pytest.fixture(scope="module")
def validating_server(tmp_path_factory):
    with Lambdock(tmp_path_factory.mktemp("server"), LAMBDA_RUNTIME_VALIDATION=1) as one:
        yield one


LONG_NAME = "n" * 65
FILE_SYSTEMS = [
    {
        "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0",
        "LocalMountPath": "/mnt/files",
    }
]
LONG_ARN = "arn:aws:lambda:us-east-1:000000000000:function:" + "n" * 100
LONG_WRONG_ARN = "arn:aws:lambda:nowhere:000000000000:function:" + "n" * 100
LENGTH_140 = "Member must have length less than or equal to 140"
X86_OR_ARM = "[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"


@pytest.mark.statement(7, 8, 9, 12, 13, 22, 23, 24, 35, 37)
@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        pytest.param(changes, code, message, id=name)
        for name, changes, code, message in [
            (
                "role",
                {"Role": "r1"},
                "ValidationException",
                one(violation("r1", "role", pattern(ROLE_PATTERN))),
            ),
            (
                "no role",
                {"Role": None},
                "ValidationException",
                one("Value null at 'role' failed to satisfy constraint: Member must not be null"),
            ),
            (
                "no code",
                {"Code": None},
                "ValidationException",
                one("Value null at 'code' failed to satisfy constraint: Member must not be null"),
            ),
            *(
                (
                    f"no {' and no '.join(missing)}",
                    dict.fromkeys(missing),
                    "InvalidParameterValueException",
                    "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
                )
                for missing in (["Runtime"], ["Handler"], ["Runtime", "Handler"])
            ),
            *(
                (
                    f"snap start with {member}",
                    {"SnapStart": {"ApplyOn": "PublishedVersions"}, member: value},
                    "InvalidParameterValueException",
                    f"{named} is not supported for SnapStart enabled functions.",
                )
                for member, value, named in [
                    ("EphemeralStorage", {"Size": 513}, "EphemeralStorage of more than 512 MB"),
                    ("FileSystemConfigs", FILE_SYSTEMS, "FileSystemConfigs"),
                ]
            ),
            (
                "unknown runtime",
                {"Runtime": "non-existent-runtime"},
                "InvalidParameterValueException",
                "Value non-existent-runtime at 'runtime' failed to satisfy constraint: Member must satisfy enum "
                f"value set: {RUNTIMES} or be a valid ARN",
            ),
            (
                "runtime in capitals",
                {"Runtime": "PYTHON3.9"},
                "InvalidParameterValueException",
                "Value PYTHON3.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum "
                f"value set: {RUNTIMES} or be a valid ARN",
            ),
            (
                "two architectures",
                {"Architectures": ["x86_64", "arm64"]},
                "ValidationException",
                one(violation("[x86_64, arm64]", "architectures", "Member must have length less than or equal to 1")),
            ),
            (
                "architecture in capitals",
                {"Architectures": ["X86_64"]},
                "ValidationException",
                one(violation("[X86_64]", "architectures", f"Member must satisfy constraint: {X86_OR_ARM}")),
            ),
            (
                "timeout of zero",
                {"Timeout": 0},
                "ValidationException",
                one(violation("0", "timeout", "Member must have value greater than or equal to 1")),
            ),
            (
                "little memory",
                {"MemorySize": 127},
                "ValidationException",
                one(violation("127", "memorySize", "Member must have value greater than or equal to 128")),
            ),
            (
                "too much storage",
                {"EphemeralStorage": {"Size": 10241}},
                "ValidationException",
                one(violation("10241", "ephemeralStorage.size", "Member must have value less than or equal to 10240")),
            ),
            (
                "snap start",
                {"SnapStart": {"ApplyOn": "invalidOption"}},
                "ValidationException",
                one(
                    violation(
                        "invalidOption",
                        "snapStart.applyOn",
                        "Member must satisfy enum value set: [PublishedVersions, None]",
                    )
                ),
            ),
            (
                "name *",
                {"FunctionName": "*"},
                "ValidationException",
                one(violation("*", "functionName", pattern(NAME_PATTERN))),
            ),
            (
                "name with !",
                {"FunctionName": "my-function!"},
                "ValidationException",
                one(violation("my-function!", "functionName", pattern(NAME_PATTERN))),
            ),
            (
                "name of 65 letters",
                {"FunctionName": LONG_NAME},
                "InvalidParameterValueException",
                one(violation(LONG_NAME, "functionName", "Member must have length less than or equal to 64")),
            ),
            (
                "long ARN",
                {"FunctionName": LONG_ARN},
                "ValidationException",
                one(violation(LONG_ARN, "functionName", LENGTH_140)),
            ),
            (
                "too many tags",
                {"Tags": {f"k{n}": "v" for n in range(51)}},
                "InvalidParameterValueException",
                "Number of tags exceeds resource tag limit.",
            ),
        ]
    ],
)
def test_what_aws_refuses_is_refused_in_its_words(server, changes, code, message):
    body = request(fresh_name(), PROBE, **changes)
    assert post(server, body) == Refusal(400, code, message)


@pytest.mark.statement(25)
def test_two_violations_are_told_at_once(server):
    refusal = post(server, request(LONG_WRONG_ARN, PROBE))
    assert (refusal.status, refusal.code) == (400, "ValidationException")
    head, _, parts = refusal.message.partition(": ")
    assert head == "2 validation errors detected"
    expected = [
        violation(LONG_WRONG_ARN, "functionName", LENGTH_140),
        violation(LONG_WRONG_ARN, "functionName", pattern(NAME_PATTERN)),
    ]
    assert sorted(parts.split("; ")) == sorted(expected)


@pytest.mark.statement(26, 27)
def test_functions_of_other_regions_and_accounts_cannot_be_created(server):
    elsewhere = "arn:aws:lambda:ap-southeast-1:000000000000:function:f"
    message = "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"
    assert post(server, request(elsewhere, PROBE)) == Refusal(404, "ResourceNotFoundException", message)
    foreign = "arn:aws:lambda:us-east-1:111111111111:function:f"
    assert post(server, request(foreign, PROBE)) == Refusal(403, "AccessDeniedException", None)


def test_nothing_is_kept_of_what_was_refused(server):
    name = fresh_name()
    post(server, request(name, PROBE, Role="r1"))
    missing = refusal(wire.send(server, "GET", f"{FUNCTIONS}/{name}"))
    assert missing.code == "ResourceNotFoundException"


@pytest.mark.statement(40)
def test_synchronous_creation_answers_when_the_function_is_active(own_server):
    server = own_server(LAMBDA_SYNCHRONOUS_CREATE=1)
    answer = server.client().create_function(
        FunctionName="f", Runtime="python3.12", Role=ROLE, Handler="index.handler", Code={"ZipFile": PROBE}
    )
    shown = server.client().get_function(FunctionName="f")["Configuration"]
    assert (shown["State"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("Active", 201)
