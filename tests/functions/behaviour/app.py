"""Does what its event says: {"do": "<action>", …}. For tests of what can happen to a function."""

import base64
import os
import platform
import signal
import sys
import threading
import time

INVOCATIONS = 0


class CustomError(Exception):
    """An exception type of the function's own."""


def handler(event, context):
    global INVOCATIONS
    INVOCATIONS += 1
    action = ACTIONS.get(event.get("do", "echo"))
    if action is None:
        raise ValueError(f"unknown action {event['do']!r}; there are: {', '.join(sorted(ACTIONS))}")
    return action(event, context)


def echo(event, context):
    """The event."""
    return event


def raise_(event, context):
    """{"message", "custom": bool} raises ValueError, or CustomError."""
    kind = CustomError if event.get("custom") else ValueError
    raise kind(event.get("message", "asked to raise"))


def exit_(event, context):
    """{"code"} exits by sys.exit, which the runtime sees."""
    sys.exit(event.get("code", 0))


def quit_(event, context):
    """{"code"} ends the process at once; nobody sees it coming."""
    os._exit(event.get("code", 0))


def kill(event, context):
    """{"signal": "KILL"} signals the own process."""
    os.kill(os.getpid(), signal.Signals["SIG" + event.get("signal", "KILL")])
    time.sleep(10)


def sleep(event, context):
    """{"seconds"}"""
    time.sleep(event["seconds"])
    return {"slept": event["seconds"]}


def print_(event, context):
    """{"lines": [..], "stream": "stdout"|"stderr", "repeat": n}"""
    stream = sys.stderr if event.get("stream") == "stderr" else sys.stdout
    for _ in range(event.get("repeat", 1)):
        for line in event["lines"]:
            print(line, file=stream)
    return {"printed": len(event["lines"]) * event.get("repeat", 1)}


def write_raw(event, context):
    """{"base64", "fd": 1|2} writes bytes as they are, line end or not."""
    os.write(event.get("fd", 1), base64.b64decode(event["base64"]))
    return None


def allocate(event, context):
    """{"mb"} touches so much memory, and gives it back."""
    pages = bytearray(event["mb"] * 1024 * 1024)
    for offset in range(0, len(pages), 4096):
        pages[offset] = 1
    return {"allocated": event["mb"]}


def respond_bytes(event, context):
    """{"bytes"} answers a JSON string that is so long, quotes included."""
    return "x" * (event["bytes"] - 2)


def respond_unserialisable(event, context):
    """Answers what no JSON can hold."""
    return {1, 2, 3}


def env(event, context):
    """{"name"} answers one variable, without it all."""
    return os.environ.get(event["name"]) if "name" in event else dict(os.environ)


def context_(event, context):
    """What the context says."""
    client = context.client_context
    return {
        "aws_request_id": context.aws_request_id,
        "function_name": context.function_name,
        "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit_in_mb": context.memory_limit_in_mb,
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
        "remaining_time_in_millis": context.get_remaining_time_in_millis(),
        "custom": client.custom if client else None,
    }


def environment(event, context):
    """Who and where the function is: the same process answers the same pid and a higher count."""
    return {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "invocations": INVOCATIONS,
        "uid": os.getuid(),
        "gid": os.getgid(),
        "groups": os.getgroups(),
        "cwd": os.getcwd(),
        "machine": platform.machine(),
        "hostname": platform.node(),
        "python": platform.python_version(),
        "log_stream": os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME"),
    }


def write_tmp(event, context):
    """{"name", "text"} writes a file below /tmp, {"mb"} a big one."""
    path = os.path.join("/tmp", event["name"])
    with open(path, "wb") as file:
        if "mb" in event:
            for _ in range(event["mb"]):
                file.write(b"\0" * 1024 * 1024)
        else:
            file.write(event.get("text", "").encode())
    return {"path": path, "size": os.path.getsize(path)}


def read_file(event, context):
    """{"path"} answers the text, or null where there is none."""
    try:
        with open(event["path"], encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write_file(event, context):
    """{"path", "text"} answers true, or the name of the error."""
    try:
        with open(event["path"], "w", encoding="utf-8") as file:
            file.write(event.get("text", ""))
    except OSError as error:
        return type(error).__name__
    return True


def list_folder(event, context):
    """{"path"} answers the names in it, sorted."""
    return sorted(os.listdir(event["path"]))


def open_files(event, context):
    """{"count"} opens so many files at once."""
    files = []
    try:
        for _ in range(event["count"]):
            files.append(open(os.devnull, "rb"))
        return {"opened": len(files)}
    except OSError as error:
        return {"opened": len(files), "errno": error.errno}
    finally:
        for file in files:
            file.close()


def spawn_orphan(event, context):
    """{"seconds"} leaves a grandchild behind that nobody waits for but PID 1."""
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(event.get("seconds", 0.1))
        os._exit(0)
    os.wait()
    return None


def log_in_background(event, context):
    """{"line", "seconds"} prints after the answer is given."""
    threading.Timer(event["seconds"], print, [event["line"]]).start()
    return None


def fetch(event, context):
    """{"url"} answers the status and the text of a GET."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(event["url"], timeout=event.get("timeout", 5)) as answer:
            return {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read().decode()}


def connect(event, context):
    """{"host", "port"} answers whether a TCP connection comes about."""
    import socket

    try:
        socket.create_connection((event["host"], event["port"]), timeout=event.get("timeout", 2)).close()
    except OSError as error:
        return {"connected": False, "error": str(error)}
    return {"connected": True}


ACTIONS = {
    "echo": echo,
    "raise": raise_,
    "exit": exit_,
    "quit": quit_,
    "kill": kill,
    "sleep": sleep,
    "print": print_,
    "write_raw": write_raw,
    "allocate": allocate,
    "respond_bytes": respond_bytes,
    "respond_unserialisable": respond_unserialisable,
    "env": env,
    "context": context_,
    "environment": environment,
    "write_tmp": write_tmp,
    "read_file": read_file,
    "write_file": write_file,
    "list_folder": list_folder,
    "open_files": open_files,
    "spawn_orphan": spawn_orphan,
    "log_in_background": log_in_background,
    "fetch": fetch,
    "connect": connect,
}
