"""GetFunction and GetFunctionConfiguration."""

from urllib.parse import quote

import pytest
import requests

from harness.archives import PROBE
from harness.clients import refused
from harness.deployment import create
from harness.wire import FUNCTIONS, Refusal, refusal, send

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?"
    r"(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


@pytest.mark.statement(41)
def test_an_active_function_gives_no_reasons(server):
    function = create(server)
    shown = function.wait_active().configuration()
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Successful")
    assert not [member for member in shown if "Reason" in member]
    function.client.delete_function(FunctionName=function.name)


@pytest.mark.statement(41)
def test_activation_gives_a_new_revision(server):
    client = server.client()
    created = client.create_function(
        FunctionName="revised",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="index.handler",
        Code={"ZipFile": PROBE},
    )
    client.get_waiter("function_active_v2").wait(FunctionName="revised")
    assert client.get_function_configuration(FunctionName="revised")["RevisionId"] != created["RevisionId"]
    client.delete_function(FunctionName="revised")


@pytest.mark.statement(42)
def test_the_code_can_be_downloaded_byte_by_byte(server, probe):
    code = probe.client.get_function(FunctionName=probe.name)["Code"]
    assert code["RepositoryType"] == "S3"
    answer = requests.get(code["Location"], timeout=10)
    assert (answer.status_code, answer.content) == (200, PROBE)


def test_the_key_of_the_source_is_kept_with_the_code(function):
    key = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-4333-8444-555555555555"
    one = function(Code={"ZipFile": PROBE, "SourceKMSKeyArn": key})
    shown = lambda **which: one.client.get_function(FunctionName=one.name, **which)["Code"]  # noqa: E731
    assert shown()["SourceKMSKeyArn"] == key
    one.client.publish_version(FunctionName=one.name)
    other = key.replace("5555", "6666")
    one.client.update_function_code(FunctionName=one.name, ZipFile=PROBE, SourceKMSKeyArn=other)
    one.wait_updated()
    assert shown()["SourceKMSKeyArn"] == other
    one.replace_code(PROBE)
    assert "SourceKMSKeyArn" not in shown()
    assert shown(Qualifier="1")["SourceKMSKeyArn"] == key


def test_code_is_not_given_to_who_guesses(server, probe):
    location = probe.client.get_function(FunctionName=probe.name)["Code"]["Location"]
    path, _, _ = location.partition("?")
    stem, _, name = path.rpartition("/")
    assert requests.get(f"{stem}/{'0' * len(name)}", timeout=10).status_code in {403, 404}


def test_both_operations_show_the_same_configuration(probe):
    full = probe.client.get_function(FunctionName=probe.name)["Configuration"]
    alone = probe.configuration()
    alone.pop("ResponseMetadata")
    assert full == alone


@pytest.mark.statement(44)
def test_the_arn_is_qualified_as_the_request_was(probe):
    plain = probe.configuration()
    latest = probe.client.get_function_configuration(FunctionName=probe.name, Qualifier="$LATEST")
    assert plain["FunctionArn"] == f"{SCOPE}:{probe.name}"
    assert latest["FunctionArn"] == f"{SCOPE}:{probe.name}:$LATEST"
    assert latest["RevisionId"] == plain["RevisionId"]


@pytest.mark.parametrize(
    "form",
    ["{}", "function:{}", "000000000000:function:{}", "us-east-1:000000000000:function:{}", SCOPE + ":{}"],
)
def test_all_forms_of_a_name_mean_the_same_function(probe, form):
    answer = probe.client.get_function_configuration(FunctionName=form.format(probe.name))
    assert answer["FunctionName"] == probe.name
    answer = probe.client.get_function_configuration(FunctionName=form.format(probe.name) + ":$LATEST")
    assert answer["FunctionArn"] == f"{SCOPE}:{probe.name}:$LATEST"


@pytest.mark.statement(50)
def test_tags_and_concurrency_are_absent_when_there_are_none(probe, function):
    assert not {"Tags", "Concurrency"} & probe.client.get_function(FunctionName=probe.name).keys()
    tagged = function(Tags={"team": "blue"})
    assert tagged.client.get_function(FunctionName=tagged.name)["Tags"] == {"team": "blue"}


@pytest.mark.statement(46, 47)
@pytest.mark.parametrize("operation", ["get_function", "get_function_configuration"])
@pytest.mark.parametrize(
    ("qualifier", "suffix"), [(None, ""), ("$LATEST", ":$LATEST"), ("1221", ":1221"), ("live", ":live")]
)
def test_what_is_missing_is_named(server, operation, qualifier, suffix):
    options = {"Qualifier": qualifier} if qualifier else {}
    missing = refused(lambda: getattr(server.client(), operation)(FunctionName="nx", **options))
    assert missing == Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx{suffix}")


@pytest.mark.parametrize("qualifier", ["1221", "live", "$latest", "valid-with-$-in-it", "q" * 65])
def test_a_qualifier_that_means_nothing_is_not_found(probe, qualifier):
    missing = refused(lambda: probe.client.get_function(FunctionName=probe.name, Qualifier=qualifier))
    message = f"Function not found: {SCOPE}:{probe.name}:{qualifier}"
    assert missing == Refusal(404, "ResourceNotFoundException", message)


def test_two_qualifiers_must_agree(probe):
    message = "The derived qualifier from the function name does not match the specified qualifier."
    refusal = refused(lambda: probe.client.get_function(FunctionName=f"{probe.name}:1", Qualifier="2"))
    assert refusal == Refusal(400, "InvalidParameterValueException", message)


@pytest.mark.statement(49)
@pytest.mark.parametrize(
    "name",
    [
        "*",
        "my-function!",
        "invalid-account:function:f",
        "arn:aws:lambda:bad-region:000000000000:function:f",
        "arn:aws:iam:us-east-1:000000000000:function:f",
        "arn:aws:lambda:us-east-1:000000000000:function:f:1:2",
        "function:f:$LATEST:extra",
        "arn:aws:lambda::000000000000:function:f",
        "arn:aws:lambda:us-east-1::function:f",
        "f:$LATES",
    ],
)
def test_names_that_are_none_break_the_pattern(server, name):
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/{quote(name, safe='')}"))
    message = (
        f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {NAME_PATTERN}"
    )
    assert answer == Refusal(400, "ValidationException", message)


@pytest.mark.parametrize(
    ("qualifier", "constraint"),
    [
        (
            "invalid!",
            r"Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
        ),
        ("q" * 129, "Member must have length less than or equal to 128"),
    ],
)
def test_qualifiers_that_are_none_are_refused(server, qualifier, constraint):
    answer = refusal(send(server, "GET", f"{FUNCTIONS}/f?Qualifier={qualifier}"))
    violation = f"Value '{qualifier}' at 'qualifier' failed to satisfy constraint: {constraint}"
    assert answer == Refusal(400, "ValidationException", f"1 validation error detected: {violation}")


def test_a_name_of_65_letters_is_only_missing(server):
    name = "n" * 65
    expected = Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:{name}")
    assert refusal(send(server, "GET", f"{FUNCTIONS}/{name}")) == expected
