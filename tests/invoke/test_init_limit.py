"""How long an init phase may take."""

from concurrent.futures import ThreadPoolExecutor

from harness.archives import python
from harness.deployment import deploy
from harness.waiting import wait_until

# More than an environment on demand has [AWS: 10 s], and more than the server gives to environments below.
SLOW = python(
    """
import os, time
time.sleep(11)
started = time.time()

def handler(event, context):
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], started]
"""
)


def test_provisioned_concurrency_and_snap_start_have_more_time(own_server):
    server = own_server(LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT=8)

    def provisioned():
        one = deploy(server, SLOW, Publish=True)
        version = {"FunctionName": one.name, "Qualifier": "1"}
        one.client.put_provisioned_concurrency_config(**version, ProvisionedConcurrentExecutions=1)

        def ready():
            status = one.client.get_provisioned_concurrency_config(**version)["Status"]
            assert status != "FAILED", server.log
            return status == "READY"

        wait_until(ready, 60, "what is provisioned is ready")
        return one.invoke(Qualifier="1").value()[0]

    def snap_start():
        one = deploy(server, SLOW, SnapStart={"ApplyOn": "PublishedVersions"}, Publish=True)
        kind, started = one.invoke(Qualifier="1").value()
        assert one.invoke(Qualifier="1").value() == [kind, started], "it was initialised once"
        return kind

    with ThreadPoolExecutor() as both:
        kinds = [both.submit(each) for each in (provisioned, snap_start)]
        assert [kind.result() for kind in kinds] == ["provisioned-concurrency", "snap-start"]
