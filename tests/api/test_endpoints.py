"""LocalStack's own endpoints, which its clients ask."""

import re

import requests


def test_health_says_that_lambda_runs(server):
    answer = requests.get(f"{server.url}/_localstack/health", timeout=10)
    assert answer.status_code == 200
    body = answer.json()
    assert body["services"]["lambda"] == "running"
    assert re.match(r"\d+\.\d+", body["version"])
    assert body["edition"]


def test_health_can_be_asked_for_by_its_head(server):
    assert requests.head(f"{server.url}/_localstack/health", timeout=10).status_code == 200


def test_info_tells_about_the_process(server):
    body = requests.get(f"{server.url}/_localstack/info", timeout=10).json()
    assert body.keys() >= {"version", "edition", "is_license_activated", "session_id", "machine_id", "system"}
    assert body["is_docker"] is False
    assert body["uptime"] >= 0


def test_the_log_says_ready_for_those_who_wait_for_it(server):
    assert "Ready." in server.log.split("\n", 1)[0] or re.search(r"^Ready\.$", server.log, re.MULTILINE)
