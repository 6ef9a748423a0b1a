"""Amazon S3, as boto3 and the AWS CLI meet it."""

import hashlib
import io
import os
import re
import urllib.request

import pytest
from botocore.exceptions import ClientError, MissingDependencyException

MEBI = 1 << 20


@pytest.fixture
def s3(server):
    return server.client("s3")


@pytest.fixture
def bucket(s3, request):
    """An empty bucket of the test's own."""
    name = "acceptance-" + re.sub("[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    s3.create_bucket(Bucket=name)
    return name


def error_of(call):
    with pytest.raises(ClientError) as raised:
        call()
    return raised.value.response["Error"]["Code"], raised.value.response["ResponseMetadata"]["HTTPStatusCode"]


def keys(s3, bucket, **more):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def test_what_is_put_is_got(s3, bucket):
    key, body = "a folder/ü+%&?.txt", b"hello world"
    put = s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/plain", CacheControl="no-cache",
                        Metadata={"author": "me"}, Tagging="a=1&b=2")
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    got = s3.get_object(Bucket=bucket, Key=key)
    assert got["Body"].read() == body
    assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == ("text/plain", "no-cache", {"author": "me"})
    assert s3.get_object(Bucket=bucket, Key=key, Range="bytes=-5")["Body"].read() == b"world"
    assert [tag["Key"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]] == ["a", "b"]
    assert keys(s3, bucket) == [key]
    assert [page["Prefix"] for page in s3.list_objects_v2(Bucket=bucket, Delimiter="/")["CommonPrefixes"]] == ["a folder/"]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums(s3, bucket, algorithm):
    try:
        put = s3.put_object(Bucket=bucket, Key="key", Body=b"hello", ChecksumAlgorithm=algorithm)
    except MissingDependencyException:
        pytest.skip(f"botocore computes no {algorithm} without awscrt")
    head = s3.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]


def test_errors(s3, bucket):
    assert error_of(lambda: s3.get_object(Bucket=bucket, Key="none")) == ("NoSuchKey", 404)
    assert error_of(lambda: s3.head_object(Bucket=bucket, Key="none")) == ("404", 404)
    assert error_of(lambda: s3.list_objects_v2(Bucket="acceptance-none")) == ("NoSuchBucket", 404)
    assert error_of(lambda: s3.create_bucket(Bucket="Not_A_Name")) == ("InvalidBucketName", 400)
    s3.put_object(Bucket=bucket, Key="key", Body=b"hello")
    assert error_of(lambda: s3.delete_bucket(Bucket=bucket)) == ("BucketNotEmpty", 409)
    assert error_of(lambda: s3.get_object(Bucket=bucket, Key="key", Range="bytes=5-")) == ("InvalidRange", 416)
    assert error_of(lambda: s3.get_object(Bucket=bucket, Key="key", IfMatch='"x"')) == ("PreconditionFailed", 412)
    assert error_of(lambda: s3.get_object(Bucket=bucket, Key="key", IfNoneMatch="*")) == ("304", 304)
    assert error_of(lambda: s3.put_object(Bucket=bucket, Key="key", IfNoneMatch="*")) == ("PreconditionFailed", 412)
    assert error_of(lambda: s3.get_bucket_acl(Bucket=bucket)) == ("NotImplemented", 501)
    encrypted = lambda: s3.put_object(Bucket=bucket, Key="key", ServerSideEncryption="aws:kms")
    assert error_of(encrypted) == ("NotImplemented", 501)


def test_versions(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="key", Body=b"one")["VersionId"]
    s3.put_object(Bucket=bucket, Key="key", Body=b"two")
    marker = s3.delete_object(Bucket=bucket, Key="key")
    assert marker["DeleteMarker"] is True
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=bucket, Key="key")
    assert raised.value.response["ResponseMetadata"]["HTTPHeaders"]["x-amz-delete-marker"] == "true"
    assert s3.get_object(Bucket=bucket, Key="key", VersionId=first)["Body"].read() == b"one"
    s3.delete_object(Bucket=bucket, Key="key", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"two"
    listed = s3.list_object_versions(Bucket=bucket)
    assert [version["IsLatest"] for version in listed["Versions"]] == [True, False]


def test_a_presigned_url(server, s3, bucket):
    # The older signatures, which boto3 still presigns with, are over the content type, and urllib always sends one.
    newer = server.client("s3", signature_version="s3v4")
    url = newer.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "key"})
    urllib.request.urlopen(urllib.request.Request(url, data=b"hello", method="PUT"))
    url = s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "key"})
    assert urllib.request.urlopen(url).read() == b"hello"


def test_parts(s3, bucket):
    body = os.urandom(20 * MEBI)
    s3.upload_fileobj(io.BytesIO(body), bucket, "key")
    head = s3.head_object(Bucket=bucket, Key="key")
    assert head["ETag"].endswith('-3"')
    got = io.BytesIO()
    s3.download_fileobj(bucket, "key", got)
    assert got.getvalue() == body
    s3.copy({"Bucket": bucket, "Key": "key"}, bucket, "copy")
    assert s3.get_object(Bucket=bucket, Key="copy")["Body"].read() == body
    upload = s3.create_multipart_upload(Bucket=bucket, Key="other")["UploadId"]
    part = s3.upload_part_copy(Bucket=bucket, Key="other", UploadId=upload, PartNumber=7, CopySource=f"{bucket}/key",
                               CopySourceRange="bytes=10-19")["CopyPartResult"]
    s3.complete_multipart_upload(Bucket=bucket, Key="other", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 7, "ETag": part["ETag"]}]})
    assert s3.get_object(Bucket=bucket, Key="other")["Body"].read() == body[10:20]


def test_what_was_answered_survives_a_kill(server, s3, bucket):
    small, large = b"small", os.urandom(MEBI)
    s3.put_object(Bucket=bucket, Key="small", Body=small)
    s3.put_object(Bucket=bucket, Key="large", Body=os.urandom(MEBI))
    s3.put_object(Bucket=bucket, Key="large", Body=large)
    server.kill()
    server.start()
    assert s3.get_object(Bucket=bucket, Key="small")["Body"].read() == small
    assert s3.get_object(Bucket=bucket, Key="large")["Body"].read() == large


def test_the_command_line(server, s3, bucket, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(50 * MEBI))
    server.aws("s3", "cp", large, f"s3://{bucket}/large")
    assert s3.head_object(Bucket=bucket, Key="large")["ETag"].endswith('-7"')
    server.aws("s3", "cp", f"s3://{bucket}/large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()

    tree = tmp_path / "tree"
    for name in ["a.txt", "b/c.txt", "b/d e.txt"]:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
        # S3 tells its times in whole seconds: a file of this very second would look newer than its copy.
        os.utime(tree / name, (1_700_000_000, 1_700_000_000))
    server.aws("s3", "sync", tree, f"s3://{bucket}/tree")
    assert keys(s3, bucket, Prefix="tree/") == ["tree/a.txt", "tree/b/c.txt", "tree/b/d e.txt"]
    assert "upload" not in server.aws("s3", "sync", tree, f"s3://{bucket}/tree").stdout
    (tree / "a.txt").unlink()
    server.aws("s3", "sync", "--delete", tree, f"s3://{bucket}/tree")
    server.aws("s3", "sync", f"s3://{bucket}/tree", tmp_path / "copy")
    assert (tmp_path / "copy/b/d e.txt").read_text() == "b/d e.txt"

    listed = server.aws("s3", "ls", f"s3://{bucket}/").stdout
    assert "PRE tree/" in listed and "52428800 large" in listed
    assert len(server.aws("s3", "ls", "--recursive", f"s3://{bucket}/tree/").stdout.splitlines()) == 2
    server.aws("s3", "mv", f"s3://{bucket}/large", f"s3://{bucket}/moved")
    server.aws("s3", "rm", "--recursive", f"s3://{bucket}/")
    assert keys(s3, bucket) == []
    server.aws("s3", "rb", f"s3://{bucket}")
    assert bucket not in server.aws("s3", "ls").stdout


def test_a_stack_has_a_bucket(server, s3):
    stacks = server.client("cloudformation")
    template = """
Resources:
  Results:
    Type: AWS::S3::Bucket
    Properties: {VersioningConfiguration: {Status: Enabled}, Tags: [{Key: team, Value: batch}]}
Outputs: {Name: {Value: !Ref Results}}
"""
    stacks.create_stack(StackName="with-bucket", TemplateBody=template)
    stacks.get_waiter("stack_create_complete").wait(StackName="with-bucket", WaiterConfig={"Delay": 1})
    name = stacks.describe_stacks(StackName="with-bucket")["Stacks"][0]["Outputs"][0]["OutputValue"]
    assert name.startswith("with-bucket-results-")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_bucket_tagging(Bucket=name)["TagSet"]}
    assert (tags["team"], tags["aws:cloudformation:stack-name"]) == ("batch", "with-bucket")
    stacks.delete_stack(StackName="with-bucket")
    stacks.get_waiter("stack_delete_complete").wait(StackName="with-bucket", WaiterConfig={"Delay": 1})
    assert error_of(lambda: s3.head_bucket(Bucket=name)) == ("404", 404)
