"""Code that is in S3: fetched from the upstream that plays it, refused in AWS's words."""

import boto3
import pytest
from botocore.exceptions import ClientError

from harness import archives
from harness.deployment import create
from harness.refusing_s3 import RefusingS3

BUCKET = "code"
KEY = "a folder/ünïcode+&.zip"


@pytest.fixture
def server(own_server, moto):
    """A Lambdock with an upstream."""
    return own_server(AWS_ENDPOINT_URL=moto.url)


@pytest.fixture
def s3(server):
    """S3 by way of Lambdock, with the code in a bucket that keeps versions."""
    client = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


def answering(word: str) -> bytes:
    return archives.python(f"def handler(event, context): return {word!r}")


def refused(server, **code) -> str:
    with pytest.raises(ClientError) as caught:
        create(server, Code=code)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    assert caught.value.response["Type"] == "User"
    return error["Message"]


def test_code_is_fetched_and_updated(server, s3):
    first = s3.put_object(Bucket=BUCKET, Key=KEY, Body=answering("first"))
    one = create(server, Code={"S3Bucket": BUCKET, "S3Key": KEY}).wait_active()
    assert one.invoke({}).value() == "first"
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=answering("second"))
    assert one.invoke({}).value() == "first"
    one.client.update_function_code(FunctionName=one.name, S3Bucket=BUCKET, S3Key=KEY)
    one.wait_updated()
    assert one.invoke({}).value() == "second"
    version = first["VersionId"]
    one.client.update_function_code(FunctionName=one.name, S3Bucket=BUCKET, S3Key=KEY, S3ObjectVersion=version)
    one.wait_updated()
    assert one.invoke({}).value() == "first"


def test_the_hash_is_that_of_the_same_archive_in_a_request(server, s3):
    archive = answering("x")
    s3.put_object(Bucket=BUCKET, Key="x.zip", Body=archive)
    by_s3 = create(server, Code={"S3Bucket": BUCKET, "S3Key": "x.zip"}).wait_active().configuration()
    by_request = create(server, archive).wait_active().configuration()
    assert by_s3["CodeSha256"] == by_request["CodeSha256"]
    assert by_s3["CodeSize"] == by_request["CodeSize"] == len(archive)


@pytest.mark.statement(29, 30)
def test_what_s3_refuses_is_told_in_its_words(server, s3):
    prefix = "Error occurred while GetObject. S3 Error Code: "
    assert refused(server, S3Bucket="nobody-has-this", S3Key="a") == (
        f"{prefix}NoSuchBucket. S3 Error Message: The specified bucket does not exist"
    )
    assert refused(server, S3Bucket=BUCKET, S3Key="missing") == (
        f"{prefix}NoSuchKey. S3 Error Message: The specified key does not exist."
    )


def test_a_version_that_is_missing(server, s3):
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=answering("x"))
    message = refused(server, S3Bucket=BUCKET, S3Key=KEY, S3ObjectVersion="nobody-has-this")
    assert message.startswith("Error occurred while GetObject. S3 Error Code: NoSuchVersion. S3 Error Message: ")


def test_an_object_that_may_not_be_read(own_server):
    with RefusingS3(403, "AccessDenied", "Access Denied") as s3, pytest.raises(ClientError) as caught:
        create(own_server(AWS_ENDPOINT_URL_S3=s3.url), Code={"S3Bucket": BUCKET, "S3Key": "a/b"})
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert error["Message"] == (
        f"Your access has been denied by S3, please make sure your request credentials have permission to GetObject "
        f"for {BUCKET}/a/b. S3 Error Code: AccessDenied. S3 Error Message: Access Denied"
    )


@pytest.mark.parametrize(("status", "code"), [(301, "PermanentRedirect"), (400, "AuthorizationHeaderMalformed")])
def test_a_bucket_in_another_region(own_server, status, code):
    with RefusingS3(status, code, "m", x_amz_bucket_region="eu-west-1") as s3:
        assert refused(own_server(AWS_ENDPOINT_URL_S3=s3.url), S3Bucket=BUCKET, S3Key="a") == (
            "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error Message: The bucket is in this "
            "region: eu-west-1. Please use this region to retry the request"
        )


def test_what_is_no_archive_is_refused(server, s3):
    s3.put_object(Bucket=BUCKET, Key="text", Body=b"not an archive")
    assert refused(server, S3Bucket=BUCKET, S3Key="text") == (
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )


def test_a_large_object_is_refused_before_it_fills_the_disk(own_server, moto, s3):
    s3.put_object(Bucket=BUCKET, Key="large", Body=bytes(3 << 20))
    server = own_server(AWS_ENDPOINT_URL=moto.url, LAMBDA_LIMITS_CODE_SIZE_UNZIPPED=1 << 20)
    assert refused(server, S3Bucket=BUCKET, S3Key="large") == ("Unzipped size must be smaller than 1048576 bytes")


def test_without_anybody_who_plays_s3_the_setting_is_named(own_server):
    assert "AWS_ENDPOINT_URL_S3" in refused(own_server(), S3Bucket=BUCKET, S3Key="a.zip")


def test_an_upstream_that_is_away_is_named(own_server):
    with pytest.raises(ClientError) as caught:
        create(own_server(AWS_ENDPOINT_URL="http://127.0.0.1:9"), Code={"S3Bucket": BUCKET, "S3Key": "a"})
    error = caught.value.response["Error"]
    assert error["Code"] == "ServiceException"
    assert "http://127.0.0.1:9" in error["Message"]
