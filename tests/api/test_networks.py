"""Functions in VPCs, where an EC2 service can tell what exists."""

import boto3
import pytest

from harness.archives import PROBE
from harness.clients import refused
from harness.deployment import create, deploy
from harness.wire import Refusal


@pytest.fixture
def server(own_server, moto):
    """A server with an EC2 service."""
    return own_server(AWS_ENDPOINT_URL_EC2=moto.url)


@pytest.fixture
def network(moto):
    """Makes subnets with a security group, each in a VPC of its own."""
    ec2 = boto3.client(
        "ec2",
        endpoint_url=moto.url,
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="test",
    )
    # By which moto tells accounts apart.
    ec2.meta.events.register(
        "before-sign.ec2", lambda request, **_: request.headers.add_header("x-moto-account-id", "000000000000")
    )

    def make() -> dict:
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        group = ec2.create_security_group(VpcId=vpc, GroupName=f"of-{vpc}", Description="for a test")["GroupId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
        return {"SubnetIds": [subnet], "SecurityGroupIds": [group], "VpcId": vpc, "Ipv6AllowedForDualStack": False}

    return make


def chosen(network: dict, **changes) -> dict:
    return {"SubnetIds": network["SubnetIds"], "SecurityGroupIds": network["SecurityGroupIds"], **changes}


def test_the_vpc_is_that_of_the_subnets(server, network):
    first, second = network(), network()
    one = deploy(server, VpcConfig=chosen(first))
    assert one.configuration()["VpcConfig"] == first
    answer = one.client.update_function_configuration(FunctionName=one.name, VpcConfig=chosen(second))
    assert answer["VpcConfig"] == second
    assert one.wait_updated().configuration()["VpcConfig"] == second
    one.configure(Description="other")
    assert one.configuration()["VpcConfig"] == second
    one.configure(VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    assert one.configuration()["VpcConfig"]["VpcId"] == ""
    one.client.delete_function(FunctionName=one.name)


@pytest.mark.statement(32, 34)
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"SubnetIds": ["subnet-0123abcd"]},
            "Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: "
            "The subnet ID 'subnet-0123abcd' does not exist",
        ),
        (
            {"SecurityGroupIds": ["sg-0123abcd"]},
            "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: "
            "The security group 'sg-0123abcd' does not exist",
        ),
        (
            {"SubnetIds": ["subnet-0123abcd"], "SecurityGroupIds": ["sg-0123abcd"]},
            "Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: "
            "The security group 'sg-0123abcd' does not exist",
        ),
    ],
)
def test_what_does_not_exist_is_refused(server, network, changes, message):
    wrong = chosen(network(), **changes)
    refusal = Refusal(400, "InvalidParameterValueException", message)
    assert refused(lambda: create(server, PROBE, VpcConfig=wrong)) == refusal
    one = deploy(server)
    client = one.client
    assert refused(lambda: client.update_function_configuration(FunctionName=one.name, VpcConfig=wrong)) == refusal
    assert "VpcConfig" not in one.configuration()
    missing = refused(lambda: client.update_function_configuration(FunctionName="nx", VpcConfig=wrong))
    assert missing.code == "ResourceNotFoundException"
    client.delete_function(FunctionName=one.name)
