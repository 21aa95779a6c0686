"""Archives that are none, or that are meant to do harm."""

import base64
import contextlib
import io
import json
import os
import struct
import zipfile

import pytest
import requests

from harness.archives import PROBE, padding, zip_of
from harness.deployment import Function, create, deploy, fresh_name, request
from harness.waiting import wait_until
from harness.wire import FUNCTIONS, Refusal, refusal, send

NOT_A_ZIP = Refusal(
    400,
    "InvalidParameterValueException",
    "Could not unzip uploaded file. Please check your file, then try to upload again.",
)
EMPTY = Refusal(400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip")
UNZIPPED = Refusal(400, "InvalidParameterValueException", "Unzipped size must be smaller than 262144000 bytes")
ZIPPED = Refusal(413, "RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes")
REQUEST = Refusal(
    413,
    "RequestEntityTooLargeException",
    "Request must be smaller than 70167211 bytes for the CreateFunction operation",
)


def symbolic_link(target: str, *below: str) -> bytes:
    buffer = io.BytesIO(PROBE)
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, target)
        for name in below:
            archive.writestr(name, "harm")
    return buffer.getvalue()


def kept(server) -> int:
    """Bytes in its state folder."""
    total = 0
    for path in (server.folder / "state").rglob("*"):
        # It may be gone by now.
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total


@contextlib.contextmanager
def existing(server, name: str):
    """A function that was created already, for as long as it is needed."""
    one = Function(server, server.client(), name)
    try:
        yield one
    finally:
        one.client.delete_function(FunctionName=name)


def upload(server, archive: bytes):
    """The answer to creating a function of that archive, which must not exist afterwards."""
    name = fresh_name()
    reply = send(server, "POST", FUNCTIONS, request(name, archive), timeout=120)
    assert send(server, "GET", f"{FUNCTIONS}/{name}").status == 404
    return refusal(reply)


@pytest.mark.statement(14)
@pytest.mark.parametrize(
    ("archive", "expected"),
    [
        pytest.param(b"not a zip", NOT_A_ZIP, id="text"),
        pytest.param(b"\x1f\x8b\x08" + os.urandom(200), NOT_A_ZIP, id="gzip"),
        pytest.param(os.urandom(100_000), NOT_A_ZIP, id="noise"),
        pytest.param(PROBE[: len(PROBE) // 2], NOT_A_ZIP, id="first half"),
        pytest.param(PROBE[10:], NOT_A_ZIP, id="without its beginning"),
        pytest.param(b"PK\x05\x06" + b"\xff" * 18, NOT_A_ZIP, id="directory that lies"),
        pytest.param(b"", EMPTY, id="no bytes"),
        pytest.param(zip_of({}), EMPTY, id="no entries"),
        pytest.param(zip_of({"../../etc/passwd": "x"}), NOT_A_ZIP, id="climbs out"),
        pytest.param(zip_of({"a/../../b": "x"}), NOT_A_ZIP, id="climbs out later"),
        pytest.param(zip_of({"a": "x", "a/b": "y"}), NOT_A_ZIP, id="file and folder"),
        pytest.param(zip_of({"a/b": "y", "a": "x"}), NOT_A_ZIP, id="folder and file"),
    ],
)
def test_what_is_no_archive_is_refused(server, archive, expected):
    assert upload(server, archive) == expected


def test_updates_are_checked_like_creations(server, probe):
    for archive, expected in [(b"not a zip", NOT_A_ZIP), (zip_of({"../x": "x"}), NOT_A_ZIP), (zip_of({}), EMPTY)]:
        body = {"ZipFile": base64.b64encode(archive).decode()}
        assert refusal(send(server, "PUT", f"{FUNCTIONS}/{probe.name}/code", body)) == expected


@pytest.mark.statement(15)
def test_an_archive_of_just_over_fifty_megabytes_is_refused(server):
    assert upload(server, padding(52_428_801)) == ZIPPED


@pytest.mark.statement(16)
def test_an_archive_of_sixty_megabytes_is_refused(server):
    assert upload(server, padding(60_000_000)) == REQUEST


def test_memory_is_given_back_after_large_requests(server):
    body = json.dumps(request(fresh_name(), padding(60_000_000)))
    for _ in range(3):
        assert send(server, "POST", FUNCTIONS, body, timeout=120).status == 413
    wait_until(lambda: server.resident_kib() < 200 * 1024, 20, "memory is given back")


@pytest.mark.statement(17)
def test_an_archive_of_three_hundred_megabytes_unzipped_is_refused(server):
    assert upload(server, zip_of({"zeros": bytes(300_000_000)})) == UNZIPPED


def test_many_entries_count_together(server):
    part = bytes(30_000_000)
    assert upload(server, zip_of({f"part-{n}": part for n in range(9)})) == UNZIPPED


@pytest.mark.statement(18)
def test_an_archive_that_lies_about_its_size_ends_in_a_failed_function(server):
    archive = bytearray(zip_of({"bomb": bytes(300_000_000)}))
    directory = archive.index(b"PK\x01\x02")
    # The size after unpacking, in the directory and in the entry itself.
    archive[directory + 24 : directory + 28] = struct.pack("<I", 100)
    archive[22:26] = struct.pack("<I", 100)
    before = kept(server)
    one = create(server, bytes(archive))
    most = 0

    def failed() -> dict | None:
        nonlocal most
        most = max(most, kept(server))
        shown = one.configuration()
        return shown if shown["State"] == "Failed" else None

    assert wait_until(failed)["StateReasonCode"] == "InvalidZipFileException"
    assert most - before < len(archive) + (1 << 20)
    one.client.delete_function(FunctionName=one.name)


def test_damaged_data_ends_in_a_failed_function(server):
    archive = bytearray(zip_of({"index.py": os.urandom(5000)}, zipfile.ZIP_STORED))
    archive[1000] ^= 0xFF
    one = create(server, bytes(archive))
    shown = wait_until(lambda: (shown := one.configuration())["State"] == "Failed" and shown)
    assert shown["StateReasonCode"] == "InvalidZipFileException"
    assert shown["StateReason"]
    one.client.delete_function(FunctionName=one.name)


def test_absolute_paths_stay_in_the_functions_folder(server):
    buffer = io.BytesIO(PROBE)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr("/etc/planted", "harm")
    name = fresh_name()
    assert send(server, "POST", FUNCTIONS, request(name, buffer.getvalue())).status == 201
    with existing(server, name) as one:
        one.wait_active()
        seen = one.run("import os; return [os.path.exists('/etc/planted'), os.path.exists('/var/task/etc/planted')]")
        assert seen.value() == [False, True]


@pytest.mark.parametrize("target", ["/tmp", "../../../tmp", "/etc"])
def test_nothing_is_written_through_a_link(server, target):
    assert upload(server, symbolic_link(target, "link/planted")) == NOT_A_ZIP


@pytest.mark.parametrize("target", ["/opt/somewhere", "../../tmp", "index.py"])
def test_links_stay_links_wherever_they_lead(server, target):
    one = deploy(server, symbolic_link(target))
    assert one.run("import os; return os.readlink('link')").value() == target
    one.client.delete_function(FunctionName=one.name)


def test_the_largest_archive_that_aws_takes_is_taken(server):
    archive = padding(52_428_800)
    one = deploy(server, archive)
    found = one.client.get_function(FunctionName=one.name)
    assert found["Configuration"]["CodeSize"] == 52_428_800
    before = server.resident_kib()
    downloads = [requests.get(found["Code"]["Location"], stream=True, timeout=60) for _ in range(4)]
    begun = [next(each.iter_content(1)) for each in downloads]
    assert server.resident_kib() - before < 40 * 1024, "none of them is in memory"
    for first, download in zip(begun, downloads, strict=True):
        assert download.headers["Content-Length"] == str(len(archive))
        assert first + download.content == archive
    one.client.delete_function(FunctionName=one.name)
