"""Functions whose code is a container image."""

import pytest
from botocore.exceptions import ClientError

from harness import archives, engine, images
from harness.deployment import ROLE, Function, create, fresh_name
from harness.waiting import wait_until

HANDLERS = """
import os

def first(event, context):
    return {"handler": "first", "folder": os.getcwd(), "environment": dict(os.environ)}

def second(event, context):
    return {"handler": "second", "folder": os.getcwd()}
"""

DOCKERFILE = """
    FROM python3.12
    COPY app.py /var/task/
    ENV OWN=image PYTHONPATH=/var/task
    WORKDIR /opt
    CMD ["app.first"]
"""


@pytest.fixture(scope="module")
def build():
    """Builds images that end with the module."""
    with images.builder() as build:
        yield build


@pytest.fixture(scope="module")
def image(build) -> str:
    """An image with two handlers, built here and in no registry."""
    return build(DOCKERFILE, {"app.py": HANDLERS})


def of_image(server, image: str, **options) -> Function:
    """A function of an image, for which nothing is waited."""
    return create(
        server, **{"Runtime": None, "Handler": None, "PackageType": "Image", "Code": {"ImageUri": image}, **options}
    )


def refused(call) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def failed(one: Function) -> dict:
    return wait_until(lambda: (shown := one.configuration())["State"] == "Failed" and shown, 60, "State Failed")


def test_an_image_runs_its_own_command_in_its_own_folder(server, image):
    one = of_image(server, image, Environment={"Variables": {"MINE": "1"}}).wait_active()
    answer = one.invoke().value()
    assert (answer["handler"], answer["folder"]) == ("first", "/opt")
    variables = answer["environment"]
    assert (variables["OWN"], variables["MINE"]) == ("image", "1")
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == one.name


@pytest.mark.statement(39, 43)
def test_what_is_shown_of_an_image(server, image):
    name = fresh_name()
    client = server.client()
    created = client.create_function(FunctionName=name, Role=ROLE, PackageType="Image", Code={"ImageUri": image})
    assert created["State"] == "Pending"
    assert created["CodeSha256"] == images.identity(image)
    assert created["PackageType"] == "Image"
    assert not {"Runtime", "Handler", "RuntimeVersionConfig", "ImageConfigResponse"} & created.keys()
    one = Function(server, client, name).wait_active()
    found = client.get_function(FunctionName=name)
    assert found["Code"] == {
        "RepositoryType": "ECR",
        "ImageUri": image,
        "ResolvedImageUri": f"{image.rpartition(':')[0]}@sha256:{created['CodeSha256']}",
    }
    assert one.configuration()["CodeSha256"] == created["CodeSha256"]


@pytest.mark.statement(39, 63)
def test_settings_of_an_image_are_overridden(server, image):
    config = {"EntryPoint": ["/lambda-entrypoint.sh"], "Command": ["app.second"], "WorkingDirectory": "/var"}
    one = of_image(server, image, ImageConfig=config).wait_active()
    shown = one.configuration()
    assert shown["ImageConfigResponse"] == {"ImageConfig": config}
    assert not {"Runtime", "Handler", "RuntimeVersionConfig"} & shown.keys()
    assert one.invoke().value() == {"handler": "second", "folder": "/var"}
    # The whole of it is replaced.
    one.configure(ImageConfig={"Command": ["app.second"]})
    assert one.invoke().value() == {"handler": "second", "folder": "/opt"}
    one.configure(ImageConfig={})
    assert "ImageConfigResponse" not in one.configuration()
    assert one.invoke().value()["handler"] == "first"


def test_the_entry_point_is_overridden(server, image):
    script = "export FROM_SHELL=1; exec /lambda-entrypoint.sh app.first"
    one = of_image(server, image, ImageConfig={"EntryPoint": ["/bin/sh", "-c"], "Command": [script]}).wait_active()
    assert one.invoke().value()["environment"]["FROM_SHELL"] == "1"


def test_an_entry_point_that_is_not_there(server, image):
    one = of_image(server, image, ImageConfig={"EntryPoint": ["/nobody"]}).wait_active()
    answer = one.invoke()
    assert answer.error == "Unhandled"
    assert answer.json()["errorType"] == "Runtime.InvalidEntrypoint"
    assert "/nobody" in answer.json()["errorMessage"]


def test_the_user_of_an_image_does_not_matter(server, build):
    image = build(
        'FROM python3.12\nCOPY app.py /var/task/\nUSER 1234\nCMD ["app.handler"]',
        {
            "app.py": "import os\ndef handler(event, context): return os.getuid()",
        },
    )
    assert of_image(server, image).wait_active().invoke().value() not in (0, 1234)


def test_another_image_takes_its_place(server, image, build):
    one = of_image(server, image).wait_active()
    assert one.invoke().value()["handler"] == "first"
    other = build(
        'FROM python3.12\nCOPY app.py /var/task/\nCMD ["app.handler"]',
        {
            "app.py": "def handler(event, context): return 'other'",
        },
    )
    updated = one.client.update_function_code(FunctionName=one.name, ImageUri=other)
    assert updated["LastUpdateStatus"] == "InProgress"
    assert updated["CodeSha256"] == images.identity(other)
    one.wait_updated()
    assert one.invoke().value() == "other"
    assert one.client.get_function(FunctionName=one.name)["Code"]["ImageUri"] == other


def test_a_tag_that_moves_changes_nothing_until_the_code_is_updated(server, build):
    def tagged(word: str, name: str | None = None) -> str:
        source = f"def handler(event, context): return {word!r}"
        return build('FROM python3.12\nCOPY app.py /var/task/\nCMD ["app.handler"]', {"app.py": source}, name=name)

    image = tagged("before")
    one = of_image(server, image).wait_active()
    tagged("after", image)
    # Its next environment is a new one.
    one.configure(MemorySize=256)
    assert one.invoke().value() == "before"
    one.client.update_function_code(FunctionName=one.name, ImageUri=image)
    one.wait_updated()
    assert one.invoke().value() == "after"


def test_versions_keep_their_images(server, image, build):
    one = of_image(server, image, Publish=True).wait_active()
    wait_until(
        lambda: one.client.get_function_configuration(FunctionName=one.name, Qualifier="1")["State"] == "Active",
        what="version 1 is Active",
    )
    other = build('FROM python3.12\nCMD ["nobody.handler"]')
    one.client.update_function_code(FunctionName=one.name, ImageUri=other)
    one.wait_updated()
    assert one.invoke(Qualifier="1").value()["handler"] == "first"
    digest = one.configuration()["CodeSha256"]
    wrong = refused(lambda: one.client.publish_version(FunctionName=one.name, CodeSha256="a" * 64))
    assert wrong[0] == "InvalidParameterValueException"
    assert digest in wrong[1]
    assert one.client.publish_version(FunctionName=one.name, CodeSha256=digest)["Version"] == "2"


def test_an_image_survives_a_restart(own_server, image):
    server = own_server(PERSISTENCE=1)
    one = of_image(server, image, ImageConfig={"Command": ["app.second"]}).wait_active()
    server.restart()
    assert one.invoke().value() == {"handler": "second", "folder": "/opt"}


def test_an_image_that_was_removed_is_missed_by_its_id(own_server, build):
    server = own_server(LAMBDOCK_STANDBY_CONTAINERS=0, LAMBDOCK_STANDBY_NETWORKS=0)
    image = build('FROM python3.12\nCMD ["a.b"]\nLABEL only=here')
    one = of_image(server, image).wait_active()
    identity = images.identity(image)
    engine.docker("rmi", image)
    code, message = refused(lambda: one.client.invoke(FunctionName=one.name))
    assert identity in message, code


def test_an_image_is_pulled_from_its_registry_and_told_by_its_digest(own_server, registry):
    server = own_server(LAMBDOCK_STANDBY_CONTAINERS=0, LAMBDOCK_STANDBY_NETWORKS=0)
    image = f"{registry.address}/team/function:one"
    one = of_image(server, image).wait_active()
    code = one.client.get_function(FunctionName=one.name)["Code"]
    assert code["ResolvedImageUri"] == f"{registry.address}/team/function@{registry.digest}"
    assert one.configuration()["CodeSha256"] == registry.digest.removeprefix("sha256:")
    assert registry.requests[registry.layer_digest] == 1
    # What is here already is not pulled again, and will do when the registry is away.
    of_image(server, image).wait_active()
    registry.misses = True
    of_image(server, image).wait_active()
    assert registry.requests[registry.layer_digest] == 1


def test_images_that_cannot_be_had(server, registry):
    image = f"{registry.address}/team/function:one"
    registry.misses = True
    assert refused(lambda: of_image(server, image)) == (
        "InvalidParameterValueException",
        f"Source image {image} does not exist. Provide a valid source image.",
    )
    registry.misses, registry.denies = False, True
    assert refused(lambda: of_image(server, image)) == (
        "AccessDeniedException",
        "Lambda does not have permission to access the ECR image. Check the ECR permissions.",
    )
    for nonsense in ["UPPER:case", "a b"]:
        assert refused(lambda nonsense=nonsense: of_image(server, nonsense)) == (
            "InvalidParameterValueException",
            f"Source image {nonsense} is not valid. Provide a valid source image.",
        )


def test_an_image_for_another_processor_fails(server, image):
    shown = failed(of_image(server, image, Architectures=["arm64"]))
    assert shown["StateReasonCode"] == "InvalidImage"
    assert "amd64" in shown["StateReason"]


def test_without_an_engine_the_function_fails(own_server, image, tmp_path):
    server = own_server(DOCKER_HOST=f"unix://{tmp_path}/nobody.sock")
    shown = failed(of_image(server, image))
    assert shown["StateReasonCode"] == "InternalError"
    assert "Docker not available" in shown["StateReason"]
    assert "CodeSha256" not in shown


WITH_RUNTIME = "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
WITH_LAYERS = "Lambda layers are not supported for functions created with container images."
SIGNED = "Code signing is not supported for functions created with container images."
NO_SOURCE = "Please provide a source for function code."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"Handler": "index.handler"}, WITH_RUNTIME),
        ({"Runtime": "python3.12"}, WITH_RUNTIME),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}, WITH_LAYERS),
        ({"Code": {"ZipFile": archives.PROBE}}, NO_SOURCE),
        ({"Code": {"S3Bucket": "bucket", "S3Key": "key"}}, NO_SOURCE),
        ({"PackageType": "Zip", "Runtime": "python3.12", "Handler": "a.b"}, NO_SOURCE),
        (
            {"SnapStart": {"ApplyOn": "PublishedVersions"}},
            "ContainerImage is not supported for SnapStart enabled functions.",
        ),
        (
            {"CodeSigningConfigArn": "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0"},
            SIGNED,
        ),
    ],
)
def test_what_an_image_cannot_have(server, image, options, message):
    assert refused(lambda: of_image(server, image, **options)) == ("InvalidParameterValueException", message)


@pytest.mark.statement(65)
def test_what_an_image_cannot_be_given_later(server, image):
    one = of_image(server, image).wait_active()
    for changes, message in [
        ({"Handler": "index.handler"}, WITH_RUNTIME),
        ({"Runtime": "python3.12"}, WITH_RUNTIME),
    ]:
        call = lambda changes=changes: one.client.update_function_configuration(FunctionName=one.name, **changes)  # noqa: E731
        assert refused(call) == ("InvalidParameterValueException", message)
    expected = "Please provide ImageUri when updating a function with packageType Image."
    update = lambda: one.client.update_function_code(FunctionName=one.name, ZipFile=archives.PROBE)  # noqa: E731
    assert refused(update) == ("InvalidParameterValueException", expected)
    assert refused(lambda: one.client.get_function_code_signing_config(FunctionName=one.name))[1] == SIGNED


def test_what_only_an_image_can_have(function):
    one = function()
    call = lambda: one.client.update_function_configuration(FunctionName=one.name, ImageConfig={"Command": ["a"]})  # noqa: E731
    expected = "Please don't provide ImageConfig when the intended function PackageType is Zip."
    assert refused(call) == ("InvalidParameterValueException", expected)
