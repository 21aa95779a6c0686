"""What not every machine has."""

import os

import pytest


def wanted(here: bool, what: str) -> None:
    """Skips the test on a machine without it; in CI that is a failure, which nobody can overlook."""
    if not here and os.environ.get("CI"):
        pytest.fail(f"missing: {what}")
    if not here:
        pytest.skip(f"missing: {what}")
