"""Names, ARNs and qualifiers, as the operations take them or refuse them. GetFunction's are in its own tests."""

from urllib.parse import quote

import pytest

from harness.archives import PROBE
from harness.clients import refused
from harness.deployment import deployed, fresh_name, request
from harness.wire import FUNCTIONS, Refusal, refusal, send

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
PREFIX = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
)
EXISTING = PREFIX + r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
NEW = PREFIX + r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
NOT_NAMES = [
    "*",
    "my-function!",
    "f:invalid!",
    "invalid-account:function:f",
    "arn:aws:lambda:bad-region:000000000000:function:f",
    "arn:aws:iam:us-east-1:000000000000:function:f",
    f"{SCOPE}:f:1:2",
    "function:f:$LATEST:extra",
    "arn:aws:lambda::000000000000:function:f",
    "arn:aws:lambda:us-east-1::function:f",
    "f:$LATES",
    "f:$latest",
]
DERIVED = Refusal(
    400,
    "InvalidParameterValueException",
    "The derived qualifier from the function name does not match the specified qualifier.",
)
# What a request to a function is made of, and how the function that is missing is called in the answer.
OPERATIONS = {
    "delete": ("DELETE", "", "nx"),
    "invoke": ("POST", "/invocations", "nx:$LATEST"),
    "get": ("GET", "", "nx"),
    "configuration": ("GET", "/configuration", "nx"),
}


def ask(server, operation: str, name: str, qualifier: str | None = None) -> Refusal:
    method, path, _ = OPERATIONS[operation]
    query = "" if qualifier is None else f"?Qualifier={quote(qualifier, safe='')}"
    return refusal(send(server, method, f"{FUNCTIONS}/{quote(name, safe='')}{path}{query}"))


def breaks(value: str, member: str, constraint: str) -> Refusal:
    violation = f"Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    return Refusal(400, "ValidationException", f"1 validation error detected: {violation}")


def missing(what: str) -> Refusal:
    return Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:{what}")


@pytest.mark.statement(49)
@pytest.mark.parametrize("name", NOT_NAMES)
@pytest.mark.parametrize("operation", ["delete", "invoke"])
def test_what_is_no_name_breaks_the_pattern(server, operation, name):
    pattern = f"Member must satisfy regular expression pattern: {EXISTING}"
    assert ask(server, operation, name) == breaks(name, "functionName", pattern)


@pytest.mark.statement(49)
@pytest.mark.parametrize("name", [*NOT_NAMES, f"{SCOPE}:f:$LATEST:1", "f.g", "f:$LATEST.PUBLISHED"])
def test_what_is_no_name_cannot_be_created(server, name):
    pattern = f"Member must satisfy regular expression pattern: {NEW}"
    answer = refusal(send(server, "POST", FUNCTIONS, request(name, PROBE)))
    assert answer == breaks(name, "functionName", pattern)


@pytest.mark.statement(49)
def test_a_qualifier_of_129_letters_makes_a_name_too_long_to_be_created(server):
    name = f"my-function:{'q' * 129}"
    length = "Member must have length less than or equal to 140"
    assert refusal(send(server, "POST", FUNCTIONS, request(name, PROBE))) == breaks(name, "functionName", length)


@pytest.mark.statement(49)
def test_small_letters_do_not_name_latest(server, probe):
    for operation, called in [("delete", probe.name), ("invoke", f"{probe.name}:$latest")]:
        assert ask(server, operation, probe.name, "$latest") == missing(called)
    assert ask(server, "get", probe.name, "$latest") == missing(f"{probe.name}:$latest")


@pytest.mark.statement(49)
@pytest.mark.parametrize("operation", ["delete", "invoke", "get"])
def test_what_is_no_qualifier_is_refused(server, operation):
    pattern = r"Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
    assert ask(server, operation, "f", "invalid!") == breaks("invalid!", "qualifier", pattern)
    long = "q" * 129
    length = "Member must have length less than or equal to 128"
    assert ask(server, operation, "f", long) == breaks(long, "qualifier", length)


@pytest.mark.statement(48, 49)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_qualifiers_of_name_and_request_must_agree(server, operation):
    assert ask(server, operation, f"{SCOPE}:f:$LATEST", "1") == DERIVED
    assert ask(server, operation, "f:1", "2") == DERIVED


@pytest.mark.statement(49, 72)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_function_that_is_missing_is_called_by_its_whole_name(server, operation):
    *_, called = OPERATIONS[operation]
    for form in ["nx", "function:nx", "000000000000:function:nx", "us-east-1:000000000000:function:nx", f"{SCOPE}:nx"]:
        assert ask(server, operation, form) == missing(called)
    long = "n" * 65
    assert ask(server, operation, long) == missing(called.replace("nx", long))


@pytest.mark.statement(49)
@pytest.mark.parametrize("operation", ["invoke", "get", "configuration"])
@pytest.mark.parametrize("qualifier", ["$LATEST", "1", "live", "$latest", "q" * 65])
def test_a_qualifier_of_a_missing_function_is_told(server, operation, qualifier):
    assert ask(server, operation, "nx", qualifier) == missing(f"nx:{qualifier}")


@pytest.mark.statement(49, 72)
def test_a_deletion_tells_nothing_of_the_qualifier(server):
    for qualifier in ["1", "$latest"]:
        assert ask(server, "delete", "nx", qualifier) == missing("nx")
    message = "Deletion of aliases is not currently supported."
    assert ask(server, "delete", "nx", "q" * 65) == Refusal(400, "InvalidParameterValueException", message)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_functions_of_another_region_are_out_of_reach(server, operation):
    message = "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"
    name = "arn:aws:lambda:ap-southeast-1:000000000000:function:f"
    assert ask(server, operation, name) == Refusal(404, "ResourceNotFoundException", message)


@pytest.mark.parametrize("name", ["arn", "function", "us-east-1", "aws", "lambda", "1", "_", "-"])
def test_words_of_arns_are_names_like_others(server, name):
    client = server.client()
    with deployed(server, name=name) as one:
        for form in [name, f"function:{name}", f"{SCOPE}:{name}", f"{name}:$LATEST"]:
            assert client.get_function_configuration(FunctionName=form)["FunctionName"] == one.name
        assert one.run("return context.function_name").value() == name


def test_the_longest_name_is_one_like_others(server):
    name = (fresh_name() + "-" * 64)[:63] + "x"
    with deployed(server, name=name) as one:
        assert one.run("return context.invoked_function_arn").value() == f"{SCOPE}:{name}"
        assert refused(lambda: one.client.get_function(FunctionName=f"{name}y")) == missing(f"{name}y")
