"""Figures for Prometheus."""

import re

import requests

from harness.server import Lambdock


def figure(server: Lambdock, name: str, **labels: str) -> float:
    """A figure at /_lambdock/metrics; 0 if there is none."""
    answer = requests.get(f"{server.url}/_lambdock/metrics", timeout=10)
    assert answer.headers["Content-Type"].startswith("text/plain")
    for line in answer.text.splitlines():
        match = re.fullmatch(rf"{name}(?:\{{(.*)\}})? (\S+)", line)
        if match and all(f'{label}="{value}"' in (match[1] or "") for label, value in labels.items()):
            return float(match[2])
    return 0
