"""Extensions: processes of their own, and threads of the runtime."""

from harness.extensions import extension
from harness.figures import figure
from harness.waiting import wait_until


def test_an_extension_is_told_of_every_invocation_and_of_the_end(sandbox):
    one = sandbox({"watcher": extension()})
    answer = one.function.run("return context.aws_request_id")
    assert answer.value() == answer.request_id
    assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]" in one.server.log
    (about,) = one.notes("about")
    assert list(about) == ["accountId", "functionName", "functionVersion", "handler"]
    assert (about["accountId"], about["functionName"]) == ("000000000000", one.function.name)
    (event,) = wait_until(lambda: one.notes("event"))
    assert list(event)[:4] == ["eventType", "deadlineMs", "requestId", "invokedFunctionArn"]
    assert (event["eventType"], event["requestId"]) == ("INVOKE", answer.request_id)
    one.server.close()
    last = one.notes("event")[-1]
    assert (last["eventType"], last["shutdownReason"]) == ("SHUTDOWN", "spindown")
    ids = one.notes("event id")
    assert len(ids) == len(set(ids)) == 2


def test_the_runtime_starts_when_all_extensions_have_registered(sandbox):
    slow = extension().replace("headers, about =", "time.sleep(1)\nheaders, about =", 1)
    one = sandbox({"a-fast": extension(), "b-slow": slow})
    assert one.function.run("return 1").value() == 1
    registered = [about["functionName"] for about in one.notes("about")]
    assert registered == [one.function.name] * 2
    assert "a-fast is registered" in one.server.log


def test_the_answer_leaves_before_extensions_are_done(sandbox):
    wait = """
    while event["eventType"] == "INVOKE" and not (shared / "release").exists():
        time.sleep(0.01)
    note("done", True)
    """
    one = sandbox({"slow": extension(wait)})
    assert one.function.run("return 1").value() == 1
    assert not one.notes("done")
    (one.shared / "release").touch()
    assert one.function.run("return 2").value() == 2


def test_what_extensions_take_after_the_function_is_told(sandbox):
    one = sandbox({"slow": extension('if event["eventType"] == "INVOKE": time.sleep(0.5)')})
    took = "lambdock_post_runtime_extensions_duration_seconds"
    one.function.run("return 1")
    wait_until(lambda: figure(one.server, f"{took}_count") == 1, 10, "its time is told")
    assert 0.4 < figure(one.server, f"{took}_sum") < 5
    assert figure(one.server, "lambdock_duration_seconds_sum") < figure(one.server, f"{took}_sum")


def test_an_extension_does_not_see_what_is_the_runtimes(sandbox):
    one = sandbox({"watcher": extension()})
    one.function.run("return 1")
    (seen,) = one.notes("env")
    hidden = {
        *["AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_XRAY_CONTEXT_MISSING"],
        *["AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "_HANDLER", "HOME", "HOSTNAME"],
    }
    assert not hidden & set(seen)
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == one.function.name


def test_a_crash_fails_the_invocation_and_the_next_one_works(sandbox):
    crash = """
    if event["eventType"] == "INVOKE" and not (shared / "crashed").exists():
        (shared / "crashed").touch()
        os._exit(7)
    """
    one = sandbox({"fragile": extension(crash)})
    answer = one.function.run("import time; time.sleep(15)", LogType="Tail")
    assert answer.error == "Unhandled"
    assert answer.json() == {
        "errorType": "Extension.Crash",
        "errorMessage": f"RequestId: {answer.request_id} Error: exit status 7",
    }
    assert one.function.run("return 2").value() == 2


def test_a_crash_in_the_init_phase_is_told_to_the_caller(sandbox):
    one = sandbox({"broken": "#!/bin/sh\nexit 3\n"})
    assert one.function.run("return 1").json()["errorType"] == "Extension.Crash"
    assert "Phase: init\tStatus: error\tError Type: Extension.Crash" in one.server.log


def test_a_file_that_cannot_be_run_is_told_to_the_caller(sandbox):
    one = sandbox({"no-program": "neither a script nor a binary"})
    assert one.function.run("return 1").json()["errorType"] == "Extension.LaunchError"


def test_extensions_hear_of_a_timeout(sandbox):
    one = sandbox({"watcher": extension()})
    one.function.configure(Timeout=3)
    answer = one.function.run("import time; time.sleep(15)")
    assert answer.json()["errorMessage"].endswith("Task timed out after 3.00 seconds")
    wait_until(lambda: one.notes("event")[-1].get("shutdownReason") == "timeout")
    assert one.function.run("return 2").value() == 2


def test_wrong_calls_are_answered_as_aws_does(probe):
    source = """
    import json, os, urllib.request, urllib.error, uuid
    base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2020-01-01/extension/"
    def call(method, path, headers, body=None):
        request = urllib.request.Request(base + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request) as answer:
                return [answer.status, json.load(answer)]
        except urllib.error.HTTPError as error:
            text = error.read()
            return [error.code, json.loads(text)["errorType"] if text else ""]
    own = "Lambda-Extension-Identifier"
    return [
        call("POST", "register", {}, b"{}"),
        call("POST", "register", {"Lambda-Extension-Name": "x"}, b"nojson"),
        call("POST", "register", {"Lambda-Extension-Name": "x"}, b'{"events":["SHUTDOWN"]}'),
        call("POST", "register", {"Lambda-Extension-Name": "x"}, b'{"events":["OTHER"]}'),
        call("POST", "register", {"Lambda-Extension-Name": "x"}, b'{"events":["INVOKE"]}'),
        call("GET", "event/next", {}),
        call("GET", "event/next", {own: "1"}),
        call("GET", "event/next", {own: str(uuid.uuid4())}),
        call("POST", "init/error", {own: str(uuid.uuid4())}, b""),
        call("PUT", "register", {}, b""),
    ]
    """
    assert probe.run(source).value() == [
        [403, "Extension.InvalidExtensionName"],
        [403, "InvalidRequestFormat"],
        [403, "Extension.InvalidEventType"],
        [403, "Extension.InvalidEventType"],
        [403, "Extension.RegistrationClosed"],
        [403, "Extension.MissingExtensionIdentifier"],
        [403, "Extension.InvalidExtensionIdentifier"],
        [403, "Extension.UnknownExtensionIdentifier"],
        [403, "Extension.MissingHeader"],
        [405, ""],
    ]
