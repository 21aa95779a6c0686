"""Functions' logs and metrics at the upstream's CloudWatch, and metrics for Prometheus."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from harness.archives import PROBE
from harness.deployment import deployed
from harness.figures import figure
from harness.moto import Moto
from harness.server import free_port
from harness.waiting import wait_until


@pytest.fixture
def upstream():
    """A moto of one's own: it forgets nothing."""
    with Moto() as moto:
        yield moto


@pytest.fixture
def server(own_server, upstream):
    return own_server(AWS_ENDPOINT_URL=upstream.url, LAMBDA_RETRY_BASE_DELAY_SECONDS="0.1")


def aws(upstream, service, account="000000000000"):
    """A client of an account's services at moto, which is told the account by a header."""
    client = boto3.client(
        service,
        endpoint_url=upstream.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )

    def of_account(request, **_):
        request.headers["x-moto-account-id"] = account

    client.meta.events.register("before-send", of_account)
    return client


def events(logs, group):
    """All events of a group, stream by stream."""
    try:
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
    except logs.exceptions.ResourceNotFoundException:
        return {}
    return {
        stream["logStreamName"]: [
            event["message"]
            for event in logs.get_log_events(
                logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
            )["events"]
        ]
        for stream in streams
    }


def wait_for_report(logs, group, count=1):
    def told():
        lines = [line for stream in events(logs, group).values() for line in stream]
        return sum(line.startswith("REPORT ") for line in lines) >= count

    wait_until(told, 20, f"{count} REPORT lines in {group}")
    return events(logs, group)


def test_what_a_function_writes_is_in_its_log_group_in_order(server, upstream):
    logs = aws(upstream, "logs")
    with deployed(server, PROBE) as function:
        stream = function.run("return context.log_stream_name").value()
        answer = function.run("for n in range(300):\n    print('line', n)")
        told = wait_for_report(logs, f"/aws/lambda/{function.name}", 2)
        assert list(told) == [stream]
        lines = [line.rstrip("\n") for line in told[stream]]
        start = lines.index(next(line for line in lines if line.startswith(f"START RequestId: {answer.request_id}")))
        assert lines[start + 1 : start + 301] == [f"line {n}" for n in range(300)]
        assert lines[start + 301] == f"END RequestId: {answer.request_id}"
        assert re.match(rf"REPORT RequestId: {answer.request_id}\tDuration: ", lines[start + 302])


def test_a_group_of_the_functions_own_is_written(server, upstream):
    logs = aws(upstream, "logs")
    with deployed(server, PROBE, LoggingConfig={"LogFormat": "Text", "LogGroup": "mine"}) as function:
        function.run("print('here')")
        (lines,) = wait_for_report(logs, "mine").values()
        assert "here" in [line.rstrip("\n") for line in lines]
        assert events(logs, f"/aws/lambda/{function.name}") == {}


def test_another_account_has_its_own_groups(server, upstream):
    with deployed(server, PROBE, client=server.client(account="000000000007")) as function:
        function.run("print('mine')")
        group = f"/aws/lambda/{function.name}"
        wait_for_report(aws(upstream, "logs", "000000000007"), group)
        assert events(aws(upstream, "logs"), group) == {}


def test_large_messages_are_cut(server, upstream):
    logs = aws(upstream, "logs")
    with deployed(server, PROBE) as function:
        function.run("print('x' * 600_000)")
        told = wait_for_report(logs, f"/aws/lambda/{function.name}")
        pieces = [line.rstrip("\n") for lines in told.values() for line in lines if line.startswith("xxx")]
        assert "".join(pieces) == "x" * 600_000
        assert all(len(piece) <= 262_118 for piece in pieces)


def test_invocations_go_on_without_the_upstream_and_one_warning_is_given(own_server):
    server = own_server(AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=f"http://127.0.0.1:{free_port()}")
    with deployed(server, PROBE) as function:
        for _ in range(5):
            assert function.run("print('lost')\nreturn 1").value() == 1
        dropped = "lambdock_log_events_dropped_total"
        wait_until(lambda: figure(server, dropped) >= 10, 20, "events are dropped")
        assert server.log.count("CloudWatch Logs takes no events") == 1


def test_figures_that_cloudwatch_does_not_take_are_counted(own_server):
    server = own_server(AWS_ENDPOINT_URL_CLOUDWATCH=f"http://127.0.0.1:{free_port()}")
    with deployed(server, PROBE) as function:
        assert figure(server, "lambdock_metric_data_dropped_total") == 0
        function.run("return 1")
        dropped = "lambdock_metric_data_dropped_total"
        # Invocations, Errors, Duration and ConcurrentExecutions of the resource, the function and the account at least.
        wait_until(lambda: figure(server, dropped) >= 12, 30, "figures are dropped")
        assert server.log.count("CloudWatch takes no metrics") == 1


def statistics(cloudwatch, metric, *dimensions):
    """Sum and number of the values of a metric of the last hour, in just these dimensions."""
    now = datetime.now(UTC)
    named = {
        "Namespace": "AWS/Lambda",
        "MetricName": metric,
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions],
    }
    results = cloudwatch.get_metric_data(
        MetricDataQueries=[
            {"Id": stat.lower(), "MetricStat": {"Metric": named, "Period": 7200, "Stat": stat}}
            for stat in ("Sum", "SampleCount")
        ],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=5),
    )["MetricDataResults"]
    return tuple(sum(result["Values"]) for result in results)


def maximum(cloudwatch, metric, *dimensions):
    """The greatest value of a metric in the last hour, in just these dimensions; None if there is none."""
    now = datetime.now(UTC)
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=5),
        Period=7200,
        Statistics=["Maximum"],
    )["Datapoints"]
    return max((point["Maximum"] for point in points), default=None)


def test_metrics_are_told_to_cloudwatch(server, upstream):
    cloudwatch = aws(upstream, "cloudwatch")
    with deployed(server, PROBE) as function:
        function.client.publish_version(FunctionName=function.name)
        function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
        function.run("import time\ntime.sleep(0.2)")
        function.run("raise ValueError('on purpose')")
        function.run("return 1", Qualifier="live")
        function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
        with pytest.raises(function.client.exceptions.TooManyRequestsException):
            function.run("return 1")
        server.restart()
        name = ("FunctionName", function.name)
        assert statistics(cloudwatch, "Invocations", name)[0] == 3
        assert statistics(cloudwatch, "Invocations", name, ("Resource", function.name))[0] == 2
        assert statistics(cloudwatch, "Invocations", name, ("Resource", f"{function.name}:live"))[0] == 1
        listed = cloudwatch.list_metrics(Namespace="AWS/Lambda", MetricName="Invocations")["Metrics"]
        assert [] in [metric["Dimensions"] for metric in listed], "of the account"
        assert statistics(cloudwatch, "Errors", name) == (1, 3)
        assert statistics(cloudwatch, "Throttles", name)[0] == 1
        duration, count = statistics(cloudwatch, "Duration", name)
        assert (200 <= duration < 20_000, count) == (True, 3)
        assert statistics(cloudwatch, "ConcurrentExecutions", name)[1] == 3


def test_throttles_belong_to_what_was_invoked(server, upstream):
    cloudwatch = aws(upstream, "cloudwatch")
    with deployed(server, PROBE) as function:
        function.client.publish_version(FunctionName=function.name)
        function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
        function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
        for qualifier in ["live", "live", None]:
            with pytest.raises(function.client.exceptions.TooManyRequestsException):
                function.run("return 1", **({"Qualifier": qualifier} if qualifier else {}))
        server.restart()
        name = ("FunctionName", function.name)
        live = ("Resource", f"{function.name}:live")
        assert statistics(cloudwatch, "Throttles", name, live)[0] == 2
        assert statistics(cloudwatch, "Throttles", name, live, ("ExecutedVersion", "1"))[0] == 2
        assert statistics(cloudwatch, "Throttles", name, ("Resource", function.name))[0] == 1
        assert statistics(cloudwatch, "Throttles", name)[0] == 3


def test_versions_that_an_alias_leads_to_have_their_own_figures(server, upstream):
    cloudwatch = aws(upstream, "cloudwatch")
    with deployed(server, PROBE) as function:
        function.client.publish_version(FunctionName=function.name)
        function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
        function.run("return 1", Qualifier="live")
        function.run("return 1", Qualifier="1")
        server.restart()
        name = ("FunctionName", function.name)
        live, version = ("Resource", f"{function.name}:live"), ("ExecutedVersion", "1")
        for metric in ["Invocations", "Duration"]:
            assert statistics(cloudwatch, metric, name, live, version)[1] == 1
        listed = cloudwatch.list_metrics(Namespace="AWS/Lambda", MetricName="Invocations")["Metrics"]
        versions = [
            metric["Dimensions"]
            for metric in listed
            if "ExecutedVersion" in [one["Name"] for one in metric["Dimensions"]]
        ]
        assert len(versions) == 1, "a version that is invoked as such leads nowhere"


def test_concurrency_of_functions_and_of_the_account(server, upstream):
    cloudwatch = aws(upstream, "cloudwatch")
    source = "import time; time.sleep(2)"
    with deployed(server, PROBE) as one, deployed(server, PROBE) as reserved, ThreadPoolExecutor(3) as callers:
        reserved.client.put_function_concurrency(FunctionName=reserved.name, ReservedConcurrentExecutions=7)
        calls = [callers.submit(each.run, source) for each in (one, one, reserved)]
        for call in calls:
            call.result().value()
        server.restart()
        assert maximum(cloudwatch, "ConcurrentExecutions", ("FunctionName", one.name)) == 2
        assert maximum(cloudwatch, "ConcurrentExecutions", ("FunctionName", reserved.name)) == 1
        assert maximum(cloudwatch, "ConcurrentExecutions") == 3
        assert maximum(cloudwatch, "UnreservedConcurrentExecutions") == 2
        assert maximum(cloudwatch, "ClaimedAccountConcurrency") == 9


def test_provisioned_concurrency(server, upstream):
    cloudwatch = aws(upstream, "cloudwatch")
    with deployed(server, PROBE) as function, ThreadPoolExecutor(2) as callers:
        function.client.publish_version(FunctionName=function.name)
        named = {"FunctionName": function.name, "Qualifier": "1"}
        function.client.put_provisioned_concurrency_config(**named, ProvisionedConcurrentExecutions=1)
        get = function.client.get_provisioned_concurrency_config
        wait_until(lambda: get(**named)["Status"] == "READY", 60, "it is provisioned")
        run = lambda: function.run("import time; time.sleep(2)", Qualifier="1").value()  # noqa: E731
        for call in [callers.submit(run) for _ in range(2)]:
            call.result()
        server.restart()
        of = [("FunctionName", function.name), ("Resource", f"{function.name}:1")]
        assert statistics(cloudwatch, "ProvisionedConcurrencyInvocations", *of)[0] == 1
        assert statistics(cloudwatch, "ProvisionedConcurrencySpilloverInvocations", *of)[0] == 1
        assert maximum(cloudwatch, "ProvisionedConcurrentExecutions", *of) == 1
        assert maximum(cloudwatch, "ProvisionedConcurrencyUtilization", *of) == 1
        assert maximum(cloudwatch, "ClaimedAccountConcurrency") == 2


def test_figures_of_events_at_cloudwatch(server, upstream):
    cloudwatch = aws(upstream, "cloudwatch")
    missing = "arn:aws:sqs:us-east-1:000000000000:missing"
    with deployed(server, PROBE, DeadLetterConfig={"TargetArn": missing}) as function:
        function.client.publish_version(FunctionName=function.name)
        function.client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
        function.client.put_function_event_invoke_config(
            FunctionName=function.name,
            Qualifier="live",
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": missing}},
        )
        function.run("raise ValueError('on purpose')", InvocationType="Event", Qualifier="live")
        of = {"function": function.name}
        for failures in ["lambdock_dead_letter_errors_total", "lambdock_destination_delivery_failures_total"]:
            wait_until(lambda failures=failures: figure(server, failures, **of) == 1, 30, failures)
        server.restart()
        name, live = ("FunctionName", function.name), ("Resource", f"{function.name}:live")
        for metric in [
            *["AsyncEventsReceived", "AsyncEventsDropped", "AsyncEventAge"],
            *["DeadLetterErrors", "DestinationDeliveryFailures"],
        ]:
            assert statistics(cloudwatch, metric, name)[1] == 1, metric
            assert statistics(cloudwatch, metric, name, live)[1] == 1, metric


def test_metrics_of_events(server, upstream):
    missing = "arn:aws:sqs:us-east-1:000000000000:missing"
    with deployed(server, PROBE, DeadLetterConfig={"TargetArn": missing}) as function:
        function.client.put_function_event_invoke_config(FunctionName=function.name, MaximumRetryAttempts=0)
        function.run("raise ValueError('on purpose')", InvocationType="Event")
        of = {"function": function.name}
        wait_until(
            lambda: figure(server, "lambdock_dead_letter_errors_total", **of) == 1, 30, "the queue could not be told"
        )
        assert figure(server, "lambdock_async_events_received_total", **of) == 1
        assert figure(server, "lambdock_async_events_dropped_total", **of) == 1
        assert figure(server, "lambdock_errors_total", **of) == 1
        assert figure(server, "lambdock_async_event_age_seconds_count", **of) == 1


def test_prometheus_is_told_of_functions_and_environments(server):
    with deployed(server, PROBE) as function:
        begun = time.monotonic()
        function.run("import time\ntime.sleep(0.2)")
        took = time.monotonic() - begun
        of = {"function": function.name, "account": "000000000000", "region": "us-east-1"}
        assert figure(server, "lambdock_invocations_total", **of) == 1
        assert 0.2 <= figure(server, "lambdock_duration_seconds_sum", **of) <= took
        wait_until(lambda: figure(server, "lambdock_environments", state="idle") == 1, 10, "it is free again")
        assert figure(server, "lambdock_concurrent_executions", **of) == 0
