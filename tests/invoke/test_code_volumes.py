"""Code and layers that containers of a function share: unpacked once, in a volume that none can write to."""

import io
import json
import os
import stat
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import engine
from harness.archives import PROBE, zip_of
from harness.deployment import deploy, fresh_name
from harness.waiting import wait_until

NOTHING_STANDS_BY = {"LAMBDOCK_STANDBY_CONTAINERS": 0, "LAMBDOCK_STANDBY_NETWORKS": 0}
LARGE = 2 << 20
UNPACKING = "unpacking code into a volume"

LISTING = """
    import os
    found = {}
    for root in ("/var/task", "/opt"):
        for folder, folders, files in os.walk(root):
            for name in [".", *folders, *files]:
                path = os.path.join(folder, name)
                status = os.lstat(path)
                about = [oct(status.st_mode), status.st_uid, status.st_gid]
                if os.path.islink(path):
                    about.append(os.readlink(path))
                elif os.path.isfile(path):
                    about.append(open(path, "rb").read(64).hex())
                found[os.path.normpath(path)] = about
    return found
"""


def archive(entries: dict[str, tuple[int, bytes]], *, base: bytes = b"", padding: int = LARGE) -> bytes:
    """An archive of entries with modes, file types included, over `base`, made large."""
    buffer = io.BytesIO(base)
    with zipfile.ZipFile(buffer, "a") as made:
        for name, (mode, content) in entries.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = mode << 16
            made.writestr(entry, content)
        made.writestr("padding", os.urandom(padding))
    return buffer.getvalue()


CODE = archive(
    {
        "data/private": (stat.S_IFREG | 0o600, b"owner"),
        "data/tool": (stat.S_IFREG | 0o700, b"#!/bin/sh\n"),
        "data/open": (stat.S_IFREG | 0o666, b"everybody"),
        "no-mode": (0, b"none"),
        "closed/": (stat.S_IFDIR | 0o700, b""),
        "closed/within": (stat.S_IFREG | 0o644, b"1"),
        "link": (stat.S_IFLNK | 0o777, b"data/private"),
        "out": (stat.S_IFLNK | 0o777, b"/etc/hostname"),
        # The runtime then; it has to be made executable.
        "bootstrap": (stat.S_IFREG | 0o644, b"#!/bin/sh\nexec /var/runtime/bootstrap\n"),
    },
    base=PROBE,
)
LOWER = archive({"both": (stat.S_IFREG | 0o644, b"lower"), "only/lower": (stat.S_IFREG | 0o644, b"1")})
UPPER = archive({"both": (stat.S_IFREG | 0o755, b"upper"), "only/upper": (stat.S_IFREG | 0o600, b"2")})


def volumes(server) -> list[str]:
    """Names of the volumes that the server has unpacked code into."""
    instance = f"label=lambdock.instance={server.machine()}"
    listed = engine.docker("volume", "ls", "--quiet", "--filter", "label=lambdock.code", "--filter", instance)
    return listed.split()


def mounted(container) -> dict[str, str]:
    """Volumes of a container by where they are, but for the init's."""
    mounts = container.inspect()["Mounts"]
    assert all(not mount["RW"] for mount in mounts), mounts
    return {one["Destination"]: one["Name"] for one in mounts if one["Destination"] != "/var/rapid"}


def layered(server):
    """A function of much code, with two layers over one another."""
    client = server.client()
    published = [
        client.publish_layer_version(LayerName=fresh_name("layer"), Content={"ZipFile": content})
        for content in (LOWER, UPPER)
    ]
    return deploy(server, CODE, Layers=[one["LayerVersionArn"] for one in published], Timeout=30)


def test_what_is_shared_is_what_each_would_have_unpacked(own_server):
    shared, own = [
        layered(own_server(LAMBDOCK_CODE_VOLUMES=choice, **NOTHING_STANDS_BY)).run(LISTING).value() for choice in (1, 0)
    ]
    assert shared.pop("/var/task/padding")[:3] == own.pop("/var/task/padding")[:3]
    assert shared.pop("/opt/padding")[:3] == own.pop("/opt/padding")[:3]
    assert shared == own
    assert shared["/opt/both"][3] == b"upper".hex()
    assert {"/var/task/link", "/var/task/closed/within", "/opt/only/lower", "/opt/only/upper"} <= set(shared)


def test_containers_share_one_volume_however_many_start_at_once(own_server):
    server = own_server(**NOTHING_STANDS_BY)
    one = layered(server)
    with ThreadPoolExecutor(4) as callers:
        calls = [callers.submit(one.run, "import time; time.sleep(3); return 1") for _ in range(4)]
        assert [call.result().value() for call in calls] == [1] * 4
    containers = one.containers()
    assert len(containers) == 4
    seen = {json.dumps(mounted(container), sort_keys=True) for container in containers}
    assert len(seen) == 1
    assert set(json.loads(seen.pop())) == {"/opt", "/var/task"}
    assert server.log.count(UNPACKING) == 2
    assert len(volumes(server)) == 2


def test_nobody_can_write_to_what_is_shared(own_server):
    one = deploy(own_server(**NOTHING_STANDS_BY), CODE)
    attempt = """
        try:
            open("/var/task/data/open", "a")
        except OSError as error:
            return error.strerror
    """
    assert one.run(attempt).value() == "Read-only file system"


def test_volumes_go_with_the_code_and_with_the_server(own_server):
    server = own_server(**NOTHING_STANDS_BY)
    one, other = deploy(server, CODE), deploy(server, CODE)
    assert [one.run("return 1").value(), other.run("return 2").value()] == [1, 2]
    (before,) = volumes(server)
    one.replace_code(archive({"new": (stat.S_IFREG | 0o644, b"")}, base=PROBE))
    assert one.run("import os; return os.path.exists('new')").value() is True
    assert len(volumes(server)) == 2
    other.client.delete_function(FunctionName=other.name)
    wait_until(lambda: before not in volumes(server), 60, "the volume of the old code is removed")
    assert one.run("return 3").value() == 3
    (after,) = volumes(server)
    server.terminate()
    assert server.wait() == 0
    assert volumes_named([before, after]) == []


def volumes_named(names: list[str]) -> list[str]:
    return [name for name in engine.docker("volume", "ls", "--quiet").split() if name in names]


@pytest.mark.parametrize("left", ["whole", "half filled"])
def test_what_a_killed_server_left_is_not_taken_for_code(own_server, left):
    server = own_server(PERSISTENCE=1, **NOTHING_STANDS_BY)
    one = deploy(server, CODE)
    one.run("return 1")
    (before,) = volumes(server)
    labels = json.loads(engine.docker("volume", "inspect", before))[0]["Labels"]
    server.kill()
    if left == "half filled":
        engine.remove(server.containers())
        engine.docker("volume", "rm", before)
        engine.docker("volume", "create", *[f"--label={name}={value}" for name, value in labels.items()], before)
    server.start()
    assert one.run("import os; return os.path.lexists('/var/task/link')").value() is True
    (container,) = one.containers()
    assert mounted(container)["/var/task"] != before
    wait_until(lambda: volumes_named([before]) == [], 60, "the volume is removed")


def test_a_volume_that_was_removed_is_filled_again(own_server):
    server = own_server(**NOTHING_STANDS_BY)
    one = deploy(server, CODE)
    one.run("return 1")
    (before,) = volumes(server)
    engine.remove(one.containers())
    engine.docker("volume", "rm", before)
    wait_until(lambda: not one.containers(running=False))
    answer = wait_until(lambda: attempt(one), what="it is started again")
    assert answer.value() == "lrwxrwxrwx"


def attempt(one):
    """What its link is, unless its container was found gone only now."""
    try:
        return one.run("import os, stat; return stat.filemode(os.lstat('/var/task/link').st_mode)")
    except one.client.exceptions.ServiceException:
        return None


def test_small_code_is_sent_to_each_container(own_server):
    server = own_server(**NOTHING_STANDS_BY)
    one = deploy(server, zip_of({"index.py": "def handler(event, context): return 1"}))
    assert one.invoke().value() == 1
    assert volumes(server) == []


def test_a_volume_of_the_operator_s_goes_before(own_server, tmp_path):
    (tmp_path / "theirs").write_text("theirs")
    tmp_path.chmod(0o755)
    server = own_server(LAMBDA_DOCKER_FLAGS=f"-v {tmp_path}:/opt/mine:ro", **NOTHING_STANDS_BY)
    one = layered(server)
    assert one.run("return [open('/opt/mine/theirs').read(), open('/opt/both').read()]").value() == ["theirs", "upper"]
    assert len(volumes(server)) == 1
