"""Members of a function's configuration that are kept and shown: keys, dead letters, file systems, networks, logs."""

import pytest

from harness.clients import refused
from harness.wire import Refusal

KEY = "arn:aws:kms:us-east-1:000000000000:key/11111111-2222-4333-8444-555555555555"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:dead"
FILES = {
    "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/fsap-0123456789abcdef0",
    "LocalMountPath": "/mnt/files",
}
NETWORK = {"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0a"]}
LEVEL_WITH_TEXT = Refusal(
    400,
    "InvalidParameterValueException",
    'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the '
    'LogFormat to "JSON" and try again.',
)


def update(one, **changes) -> dict:
    """What an update answers, and what is shown when it is done: the same."""
    answer = one.client.update_function_configuration(FunctionName=one.name, **changes)
    shown = one.wait_updated().configuration()
    for member in set(changes) | {each for each in answer if each.endswith(("Config", "Configs", "Arn"))}:
        assert answer.get(member) == shown.get(member), member
    return answer


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("KMSKeyArn", KEY),
        ("DeadLetterConfig", {"TargetArn": QUEUE}),
        ("FileSystemConfigs", [FILES]),
        ("TracingConfig", {"Mode": "Active"}),
        ("EphemeralStorage", {"Size": 1024}),
        ("LoggingConfig", {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "WARN"}),
    ],
)
def test_what_is_chosen_at_creation_or_later_is_shown(function, member, value):
    created = function(**{member: value})
    later = function()
    update(later, **{member: value})
    for one in (created, later):
        shown = one.configuration()[member]
        if isinstance(value, dict):
            shown = {name: shown[name] for name in value}
        assert shown == value
        version = one.client.publish_version(FunctionName=one.name)
        assert version[member] == one.configuration()[member]


@pytest.mark.statement(61)
def test_empty_values_take_away(function):
    one = function(KMSKeyArn=KEY, DeadLetterConfig={"TargetArn": QUEUE}, FileSystemConfigs=[FILES])
    first = one.client.publish_version(FunctionName=one.name)
    kept = update(one, DeadLetterConfig={})
    assert kept["DeadLetterConfig"] == {"TargetArn": QUEUE}, "without a target nothing changes"
    changed = update(one, KMSKeyArn="", DeadLetterConfig={"TargetArn": ""}, FileSystemConfigs=[])
    assert not {"KMSKeyArn", "DeadLetterConfig", "FileSystemConfigs"} & changed.keys()
    still = one.client.get_function_configuration(FunctionName=one.name, Qualifier="1")
    assert {**still, "ResponseMetadata": None} == {**first, "ResponseMetadata": None}


def test_a_function_has_one_file_system_at_most(server, function):
    one = function()
    client = server.client(checks=False)
    answer = refused(
        lambda: client.update_function_configuration(FunctionName=one.name, FileSystemConfigs=[FILES, FILES])
    )
    assert answer.code == "ValidationException"
    assert answer.message.endswith(
        "at 'fileSystemConfigs' failed to satisfy constraint: Member must have length less than or equal to 1"
    )
    outside = {**FILES, "LocalMountPath": "/files"}
    answer = refused(lambda: client.update_function_configuration(FunctionName=one.name, FileSystemConfigs=[outside]))
    assert answer.code == "ValidationException"
    assert "at 'fileSystemConfigs.1.member.localMountPath' failed" in answer.message


@pytest.mark.statement(60)
def test_without_an_ec2_service_any_network_is_taken(function):
    one = function(VpcConfig=NETWORK)
    shown = one.configuration()["VpcConfig"]
    assert {member: shown[member] for member in NETWORK} == NETWORK
    assert shown["VpcId"].startswith("vpc-")
    assert shown["Ipv6AllowedForDualStack"] is False
    dual = update(one, VpcConfig={**NETWORK, "Ipv6AllowedForDualStack": True})
    assert dual["VpcConfig"]["Ipv6AllowedForDualStack"] is True
    left = update(one, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert left["VpcConfig"] == {
        "SubnetIds": [],
        "SecurityGroupIds": [],
        "VpcId": "",
        "Ipv6AllowedForDualStack": False,
    }
    assert one.run("return 1").value() == 1


@pytest.mark.statement(33, 34)
@pytest.mark.parametrize(
    ("member", "path", "value", "pattern"),
    [
        ("SubnetIds", "vpcConfig.subnetIds", "bad-format", "subnet-[0-9a-z]*"),
        ("SecurityGroupIds", "vpcConfig.securityGroupIds", "bad-format", "sg-[0-9a-zA-Z]*"),
    ],
)
def test_ids_of_networks_have_a_form(function, member, path, value, pattern):
    one = function()
    network = {**NETWORK, member: [value]}
    answer = refused(one.client.update_function_configuration, FunctionName=one.name, VpcConfig=network)
    assert refused(lambda: function(VpcConfig=network)) == answer
    assert answer == Refusal(
        400,
        "ValidationException",
        f"1 validation error detected: Value '[{value}]' at '{path}' failed to satisfy constraint: Member must "
        "satisfy constraint: [Member must have length less than or equal to 1024, Member must have length greater "
        f"than or equal to 0, Member must satisfy regular expression pattern: {pattern}]",
    )


@pytest.mark.parametrize("level", ["ApplicationLogLevel", "SystemLogLevel"])
def test_log_levels_are_for_json(server, function, level):
    one = function()
    assert refused(lambda: function(LoggingConfig={level: "DEBUG"})) == LEVEL_WITH_TEXT
    assert refused(lambda: function(LoggingConfig={"LogFormat": "Text", level: "DEBUG"})) == LEVEL_WITH_TEXT
    assert refused(lambda: update(one, LoggingConfig={level: "DEBUG"})) == LEVEL_WITH_TEXT
    update(one, LoggingConfig={"LogFormat": "JSON"})
    assert update(one, LoggingConfig={level: "DEBUG"})["LoggingConfig"][level] == "DEBUG"
    text = {"LogFormat": "Text", level: "DEBUG"}
    assert refused(lambda: update(one, LoggingConfig=text)) == LEVEL_WITH_TEXT
    assert one.configuration()["LoggingConfig"]["LogFormat"] == "JSON"


def test_levels_of_logs_are_kept_over_partial_updates(function):
    one = function(LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "TRACE"})
    expected = {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "TRACE",
        "SystemLogLevel": "INFO",
        "LogGroup": f"/aws/lambda/{one.name}",
    }
    assert one.configuration()["LoggingConfig"] == expected
    changed = update(one, LoggingConfig={"SystemLogLevel": "WARN"})
    assert changed["LoggingConfig"] == {**expected, "SystemLogLevel": "WARN"}
    changed = update(one, LoggingConfig={"LogFormat": "JSON"})
    assert changed["LoggingConfig"] == {**expected, "SystemLogLevel": "WARN"}
