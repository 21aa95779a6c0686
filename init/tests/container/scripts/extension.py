"""The Extensions API for scripts, whose library is imported already."""
import json
import threading

EXTENSIONS = "/2020-01-01/extension/"


def ask(method, path, body=None, headers={}):
    """Status, headers and body of an answer, on a connection of its own."""
    other = Connection()
    other.request(method, EXTENSIONS + path, body, headers)
    answer = other.getresponse()
    return answer.status, answer.headers, answer.read()


def register(name, *events, more={}):
    """Registers; gives the header that proves it."""
    body = json.dumps({"events": events})
    status, headers, said = ask("POST", "register", body, {"Lambda-Extension-Name": name, **more})
    assert status == 200, said
    return {"Lambda-Extension-Identifier": headers["lambda-extension-identifier"]}


def next_extension_event(me):
    """The next event and its headers."""
    status, headers, body = ask("GET", "event/next", headers=me)
    assert status == 200, body
    return json.loads(body), headers


def refusal(method, path, body=None, headers={}):
    """Status and type of an error."""
    status, _, said = ask(method, path, body, headers)
    return [status, json.loads(said).get("errorType") if said else None]
