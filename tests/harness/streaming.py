"""A function that streams its answers, or posts them as others do, step by step as its event says."""

from harness import engine
from harness.archives import zip_of
from harness.deployment import Function

# A runtime of our own in the place of Python's, which cannot stream: AWS_LAMBDA_EXEC_WRAPPER names it.
_RUNTIME = """\
#!/usr/bin/env python3
import base64, json, os, socket, sys, time, urllib.request
from pathlib import Path

api = os.environ["AWS_LAMBDA_RUNTIME_API"]
invocations = "/2018-06-01/runtime/invocation/"

while True:
    with urllib.request.urlopen("http://" + api + invocations + "next") as answer:
        request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(answer)
    if "rawPath" in event:
        event = json.loads(base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"])
    host, port = api.split(":")
    connection = socket.create_connection((host, int(port)))
    head = [
        "POST " + invocations + request_id + "/response HTTP/1.1",
        "Host: " + api,
        "Content-Type: " + event.get("contentType", "application/octet-stream"),
        *([] if event.get("buffered") else ["Lambda-Runtime-Function-Response-Mode: streaming"]),
        "Transfer-Encoding: chunked",
        "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body",
    ]
    connection.sendall("\\r\\n".join([*head, "", ""]).encode())
    write = lambda piece: connection.sendall(b"%x\\r\\n%s\\r\\n" % (len(piece), piece))
    trailers = ""
    for step, value in event["steps"]:
        if step == "write":
            write(value.encode())
        elif step == "fill":
            for megabyte in range(value):
                for _ in range(16):
                    write(b"x" * 65536)
                Path("/tmp/written").write_text(str(megabyte + 1))
        elif step == "print":
            print(value, flush=True)
        elif step == "wait":
            while not Path("/tmp", value).exists():
                time.sleep(0.01)
        elif step == "exit":
            sys.exit(value)
        elif step == "fail":
            body = base64.b64encode(json.dumps({"errorType": value, "errorMessage": "no more"}).encode()).decode()
            trailers = f"Lambda-Runtime-Function-Error-Type: {value}\\r\\n"
            trailers += f"Lambda-Runtime-Function-Error-Body: {body}\\r\\n"
    connection.sendall(f"0\\r\\n{trailers}\\r\\n".encode())
    connection.recv(65536)
    connection.close()
"""

ARCHIVE = zip_of({"index.py": "", "runtime": _RUNTIME})
OPTIONS = {"Environment": {"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/runtime"}}, "Timeout": 30}


def release(function: Function, name: str) -> None:
    """Lets a function go on that waits for `name`."""
    [container] = function.containers()
    engine.docker("exec", container.id, "sh", "-c", f": > /tmp/{name}")


def megabytes_written(function: Function) -> int:
    """How far the function has come with what it was to fill."""
    [container] = function.containers()
    read = "cat /tmp/written 2>/dev/null || echo 0"
    return int(engine.docker("exec", container.id, "sh", "-c", read) or 0)
