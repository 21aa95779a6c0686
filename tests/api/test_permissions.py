"""AddPermission, GetPolicy and RemovePermission."""

import json

import pytest

from harness.clients import refused
from harness.wire import UUID, Refusal

SCOPE = "arn:aws:lambda:us-east-1:000000000000:function"
NOTHING = Refusal(404, "ResourceNotFoundException", "The resource you requested does not exist.")
NO_POLICY = Refusal(404, "ResourceNotFoundException", "No policy is associated with the given resource.")


@pytest.fixture
def published(function):
    """A function with a version 1 and an alias `live` of it."""
    one = function()
    one.client.publish_version(FunctionName=one.name)
    one.client.create_alias(FunctionName=one.name, Name="live", FunctionVersion="1")
    return one


def add(one, sid="s3", principal="s3.amazonaws.com", action="lambda:InvokeFunction", **options) -> str:
    answer = one.client.add_permission(
        FunctionName=options.pop("FunctionName", one.name),
        StatementId=sid,
        Action=action,
        Principal=principal,
        **options,
    )
    return answer["Statement"]


def policy(one, **options) -> dict:
    return json.loads(one.client.get_policy(FunctionName=one.name, **options)["Policy"])


@pytest.mark.statement(100, 102)
def test_a_statement_is_written_as_aws_writes_it(function):
    one = function()
    statement = add(one, SourceArn="arn:aws:s3:::bucket")
    assert statement == (
        '{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction",'
        f'"Resource":"{SCOPE}:{one.name}","Condition":{{"ArnLike":{{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}}}}'
    )
    shown = one.client.get_policy(FunctionName=one.name)
    assert shown["Policy"] == f'{{"Version":"2012-10-17","Id":"default","Statement":[{statement}]}}'
    assert UUID.fullmatch(shown["RevisionId"])


@pytest.mark.statement(101)
def test_all_principals_and_conditions(function):
    one = function()
    principals = {
        "*": "*",
        "lambda.amazonaws.com": {"Service": "lambda.amazonaws.com"},
        "123456789012": {"AWS": "arn:aws:iam::123456789012:root"},
        "arn:aws:iam::123456789012:user/u": {"AWS": "arn:aws:iam::123456789012:user/u"},
    }
    for number, (principal, written) in enumerate(principals.items()):
        assert json.loads(add(one, f"s{number}", principal))["Principal"] == written
    every = add(
        one,
        "every",
        "*",
        "lambda:InvokeFunctionUrl",
        SourceArn="arn:aws:s3:::bucket",
        SourceAccount="000000000000",
        PrincipalOrgID="o-1234567890",
        FunctionUrlAuthType="NONE",
    )
    assert json.loads(every)["Condition"] == {
        "StringEquals": {
            "AWS:SourceAccount": "000000000000",
            "lambda:FunctionUrlAuthType": "NONE",
            "aws:PrincipalOrgID": "o-1234567890",
        },
        "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
    }
    token = json.loads(add(one, "alexa", "*", EventSourceToken="amzn1.ask.skill.x"))
    assert token["Condition"] == {"StringEquals": {"lambda:EventSourceToken": "amzn1.ask.skill.x"}}
    via = json.loads(add(one, "via", "*", InvokedViaFunctionUrl=True))
    assert via["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
    assert [each["Sid"] for each in policy(one)["Statement"]] == ["s0", "s1", "s2", "s3", "every", "alexa", "via"]


@pytest.mark.statement(103, 105, 106)
def test_what_cannot_be_a_statement(function):
    one = function()
    assert refused(lambda: add(one, "example.com")) == Refusal(
        400,
        "ValidationException",
        "1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: Member must "
        "satisfy regular expression pattern: ([a-zA-Z0-9-_]+)",
    )
    assert refused(lambda: add(one, principal="invalid.nonaws.com")) == Refusal(
        400,
        "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
    )
    add(one)
    assert refused(lambda: add(one)) == Refusal(
        409,
        "ResourceConflictException",
        "The statement id (s3) provided already exists. Please provide a new statement id, or remove the existing "
        "statement.",
    )


def test_a_policy_has_a_longest_length(function):
    one = function()
    refusal = None
    for number in range(200):
        try:
            add(one, f"s{number}", SourceArn=f"arn:aws:s3:::{'b' * 60}")
        except one.client.exceptions.PolicyLengthExceededException as error:
            refusal = error.response["Error"]["Message"]
            break
    assert refusal.startswith("The final policy size (") and refusal.endswith(") is bigger than the limit (20480).")
    assert len(one.client.get_policy(FunctionName=one.name)["Policy"]) <= 20480


@pytest.mark.statement(104, 107, 108)
@pytest.mark.parametrize(
    ("qualifier", "status", "code", "message"),
    [
        ("$LATEST", 400, "InvalidParameterValueException", "We currently do not support adding policies for $LATEST."),
        (
            "invalid-qualifier-with-?-char",
            400,
            "ValidationException",
            "1 validation error detected: Value 'invalid-qualifier-with-?-char' at 'qualifier' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+",
        ),
        ("valid-with-$-but", 404, "ResourceNotFoundException", "Function not found: {arn}:valid-with-$-but"),
        ("missing", 404, "ResourceNotFoundException", "Cannot find alias arn: {arn}:missing"),
        ("42", 404, "ResourceNotFoundException", "Function not found: {arn}:42"),
    ],
)
def test_qualifiers_that_have_no_policy(published, qualifier, status, code, message):
    message = message.format(arn=f"{SCOPE}:{published.name}")
    assert refused(lambda: add(published, Qualifier=qualifier)) == Refusal(status, code, message)


@pytest.mark.statement(106, 110)
def test_versions_and_aliases_have_policies_of_their_own(published):
    add(published)
    for qualifier in ["1", "live"]:
        assert refused(lambda: policy(published, Qualifier=qualifier)) == NOTHING  # noqa: B023
        add(published, FunctionName=f"{published.name}:{qualifier}", Qualifier=qualifier)
        resource = policy(published, Qualifier=qualifier)["Statement"][0]["Resource"]
        assert resource == f"{SCOPE}:{published.name}:{qualifier}"
    published.client.delete_alias(FunctionName=published.name, Name="live")
    published.client.create_alias(FunctionName=published.name, Name="live", FunctionVersion="1")
    assert refused(lambda: policy(published, Qualifier="live")) == NOTHING


@pytest.mark.statement(112)
def test_publishing_copies_no_policy_and_leaves_its_revision(published):
    add(published)
    before = published.client.get_policy(FunctionName=published.name)["RevisionId"]
    published.configure(Description="other")
    version = published.client.publish_version(FunctionName=published.name)["Version"]
    assert refused(lambda: policy(published, Qualifier=version)) == NOTHING
    assert published.client.get_policy(FunctionName=published.name)["RevisionId"] == before


@pytest.mark.statement(109)
def test_revisions_guard_policies(published):
    stale = Refusal(
        412,
        "PreconditionFailedException",
        "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest "
        "Revision Id",
    )
    alias = published.client.get_alias(FunctionName=published.name, Name="live")["RevisionId"]
    assert refused(lambda: add(published, Qualifier="live", RevisionId="wrong")) == stale
    add(published, Qualifier="live", RevisionId=alias)
    assert refused(lambda: add(published, "s4", Qualifier="live", RevisionId=alias)) == stale
    get = published.client.get_policy
    first = get(FunctionName=published.name, Qualifier="live")["RevisionId"]
    add(published, "s4", Qualifier="live", RevisionId=first)
    second = get(FunctionName=published.name, Qualifier="live")["RevisionId"]
    assert second not in (first, alias)
    remove = published.client.remove_permission
    request = {"FunctionName": published.name, "StatementId": "s4", "Qualifier": "live"}
    assert refused(lambda: remove(**request, RevisionId=first)) == stale
    remove(**request, RevisionId=second)
    assert get(FunctionName=published.name, Qualifier="live")["RevisionId"] != second


@pytest.mark.statement(110, 111)
def test_the_policy_goes_with_its_last_statement(function):
    one = function()
    add(one)
    add(one, "sqs", "sqs.amazonaws.com")
    one.client.remove_permission(FunctionName=one.name, StatementId="sqs")
    assert [each["Sid"] for each in policy(one)["Statement"]] == ["s3"]
    one.client.remove_permission(FunctionName=one.name, StatementId="s3")
    assert refused(lambda: policy(one)) == NOTHING
    assert refused(lambda: one.client.remove_permission(FunctionName=one.name, StatementId="s3")) == NO_POLICY


@pytest.mark.statement(108, 110, 111)
def test_what_cannot_be_removed_or_shown(server, published):
    def remove(name=published.name, **options):
        return refused(lambda: published.client.remove_permission(FunctionName=name, StatementId="x", **options))

    assert remove() == NO_POLICY
    add(published)
    missing = "Statement x is not found in resource policy."
    assert remove() == Refusal(404, "ResourceNotFoundException", missing)
    alias = f"Cannot find alias arn: {SCOPE}:{published.name}:missing"
    assert remove(Qualifier="missing") == Refusal(404, "ResourceNotFoundException", alias)
    version = f"Function not found: {SCOPE}:{published.name}:42"
    assert remove(Qualifier="42") == Refusal(404, "ResourceNotFoundException", version)
    assert remove(Qualifier="1") == NO_POLICY
    for options, called in [({}, "nx"), ({"Qualifier": "42"}, "nx:42"), ({"Qualifier": "missing"}, "nx:missing")]:
        nobody = Refusal(404, "ResourceNotFoundException", f"No policy found for: {SCOPE}:{called}")
        assert remove("nx", **options) == nobody
    client = server.client()
    for name in ("nx", published.name):
        for qualifier in ("42", "missing"):
            assert refused(client.get_policy, FunctionName=name, Qualifier=qualifier) == NOTHING
    assert refused(client.get_policy, FunctionName="nx") == NOTHING
    add_to_nobody = refused(
        lambda: client.add_permission(FunctionName="nx", StatementId="s", Action="lambda:InvokeFunction", Principal="*")
    )
    assert add_to_nobody == Refusal(404, "ResourceNotFoundException", f"Function not found: {SCOPE}:nx")


def test_a_new_function_of_the_same_name_has_no_policy(server, function):
    one = function()
    add(one)
    one.client.delete_function(FunctionName=one.name)
    again = function(name=one.name)
    assert refused(lambda: policy(again)) == NOTHING
