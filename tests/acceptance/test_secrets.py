"""Parameters and secrets: stored, found in no file, and given to containers."""

import json

import pytest
from botocore.exceptions import ClientError

from conftest import Server, eventually, written
from test_ecs_tasks import logged, register, started, stopped

PLAIN = "correct-horse-battery-staple"


def test_a_container_is_given_its_secrets_and_the_variables_of_its_files(server, batch):
    ssm, secrets, s3 = server.client("ssm"), server.client("secretsmanager"), server.client("s3")
    ssm.put_parameter(Name="/secrets-test/password", Type="SecureString", Value=PLAIN)
    arn = secrets.create_secret(Name="secrets-test", SecretString='{"user": "me", "port": 5432}')["ARN"]
    secrets.put_secret_value(SecretId=arn, SecretString='{"user": "you"}')
    s3.create_bucket(Bucket="secrets-test-files")
    s3.put_object(Bucket="secrets-test-files", Key="a.env", Body=b"# first\nFROM_FILE=one\nOWN=file\n")
    s3.put_object(Bucket="secrets-test-files", Key="b.env", Body=b"FROM_FILE=two\nSECOND=\"2\"\n")
    definition = register(server, batch, "secrets", logged(
        batch, name="job", command=["sh", "-c", "echo $PASSWORD; echo $USER_NOW; echo $USER_BEFORE; echo $PORT; echo $FROM_FILE $SECOND $OWN"],
        environment=[{"name": "OWN", "value": "definition"}],
        environmentFiles=[{"type": "s3", "value": f"arn:aws:s3:::secrets-test-files/{name}.env"} for name in "ab"],
        secrets=[{"name": "PASSWORD", "valueFrom": "/secrets-test/password"},
                 {"name": "USER_NOW", "valueFrom": f"{arn}:user::"},
                 {"name": "USER_BEFORE", "valueFrom": f"{arn}:user:AWSPREVIOUS:"},
                 {"name": "PORT", "valueFrom": f"{arn}:port:AWSPREVIOUS:"}]))
    task = stopped(server, batch, started(server, batch, definition))
    assert [container["exitCode"] for container in task["containers"]] == [0], task
    assert written(server, batch, task["taskArn"]) == [PLAIN, "you", "me", "5432", 'one "2" definition']


@pytest.mark.parametrize("more, reason", [
    ({"secrets": [{"name": "A", "valueFrom": "/secrets-test/none"}]},
     "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve "
     "secrets from ssm: service call has been retried 1 time(s): invalid ssm parameters: /secrets-test/none"),
    ({"secrets": [{"name": "A", "valueFrom": "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf"}]},
     "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve "
     "secret from asm: service call has been retried 1 time(s): failed to fetch secret "
     "arn:aws:secretsmanager:us-east-1:000000000000:secret:none-AbCdEf from secrets manager: ResourceNotFoundException: Secrets "
     "Manager can't find the specified secret."),
    ({"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::no-such-bucket-here/a.env"}]},
     "ResourceInitializationError: failed to download env files: file download command: non empty error stream: "),
])
def test_a_task_whose_variables_cannot_be_read_does_not_start(server, batch, more, reason):
    definition = register(server, batch, "secrets-missing", logged(batch, name="job", command=["true"], **more))
    task = stopped(server, batch, started(server, batch, definition))
    assert task["stopCode"] == "TaskFailedToStart", task
    assert task["stoppedReason"].startswith(reason), task["stoppedReason"]
    assert "exitCode" not in task["containers"][0]


def test_the_secret_of_a_connection_belongs_to_eventbridge(server):
    events, secrets = server.client("events"), server.client("secretsmanager")
    oauth = {"AuthorizationEndpoint": "http://127.0.0.1:1/token", "HttpMethod": "put",
             "ClientParameters": {"ClientID": "i", "ClientSecret": PLAIN}}
    created = events.create_connection(
        Name="secrets-test", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters={"OAuthParameters": oauth})
    assert created["ConnectionState"] == "AUTHORIZING"
    arn = events.describe_connection(Name="secrets-test")["SecretArn"]
    assert json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]) == {
        "client_id": "i", "client_secret": PLAIN, "authorization_endpoint": "http://127.0.0.1:1/token", "http_method": "put"}
    assert secrets.describe_secret(SecretId=arn)["OwningService"] == "events"
    with pytest.raises(ClientError, match="managed by another service"):
        secrets.delete_secret(SecretId=arn)
    events.delete_connection(Name="secrets-test")

    def gone():
        owned = secrets.list_secrets(Filters=[{"Key": "owning-service", "Values": ["events"]}])["SecretList"]
        return arn not in [secret["ARN"] for secret in owned]
    eventually(gone, what="the end of a deleted connection's secret")


TEMPLATE = """
Parameters: {Image: {Type: "AWS::SSM::Parameter::Value<String>", Default: /secrets-stack/image}}
Resources:
  Setting:
    Type: AWS::SSM::Parameter
    Properties: {Name: /secrets-stack/setting, Type: String, Value: !Ref Image, Tags: {team: batch}}
  Password:
    Type: AWS::SecretsManager::Secret
    Properties:
      Name: secrets-stack
      GenerateSecretString: {SecretStringTemplate: '{"user": "me"}', GenerateStringKey: password, PasswordLength: 20}
Outputs:
  Setting: {Value: !GetAtt Setting.Value}
  Password: {Value: !Ref Password}
"""


def test_a_stack_has_parameters_and_secrets(server):
    ssm, secrets, stacks = server.client("ssm"), server.client("secretsmanager"), server.client("cloudformation")
    ssm.put_parameter(Name="/secrets-stack/image", Type="String", Value="busybox:1")
    stacks.create_stack(StackName="secrets-stack", TemplateBody=TEMPLATE)
    stacks.get_waiter("stack_create_complete").wait(StackName="secrets-stack", WaiterConfig={"Delay": 1})
    stack, = stacks.describe_stacks(StackName="secrets-stack")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert outputs["Setting"] == "busybox:1"
    value = json.loads(secrets.get_secret_value(SecretId=outputs["Password"])["SecretString"])
    assert value["user"] == "me" and len(value["password"]) == 20
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/secrets-stack/setting")["TagList"]
    assert {"Key": "team", "Value": "batch"} in tags

    stacks.update_stack(StackName="secrets-stack", TemplateBody=TEMPLATE.replace("Value: !Ref Image", "Value: other"))
    stacks.get_waiter("stack_update_complete").wait(StackName="secrets-stack", WaiterConfig={"Delay": 1})
    assert ssm.get_parameter(Name="/secrets-stack/setting")["Parameter"]["Value"] == "other"
    assert json.loads(secrets.get_secret_value(SecretId="secrets-stack")["SecretString"]) == value

    stacks.delete_stack(StackName="secrets-stack")
    stacks.get_waiter("stack_delete_complete").wait(StackName="secrets-stack", WaiterConfig={"Delay": 1})
    assert secrets.list_secrets(Filters=[{"Key": "name", "Values": ["secrets-stack"]}])["SecretList"] == []
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name="/secrets-stack/setting")


def test_no_file_of_the_data_directory_holds_a_value(tmp_path):
    server = Server(tmp_path / "data").start()
    try:
        server.client("ssm").put_parameter(Name="plain", Type="String", Value=PLAIN)
        server.client("secretsmanager").create_secret(Name="plain", SecretString=PLAIN)
    finally:
        server.stop()
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert any(path.stat().st_size for path in files)
    assert not [path for path in files if PLAIN.encode() in path.read_bytes()]

    key = tmp_path / "data/connections.key"
    key.rename(tmp_path / "aside")
    with pytest.raises(RuntimeError):
        server.start()
    assert not key.exists()
    key.write_bytes(b"x" * 32)
    with pytest.raises(RuntimeError):
        server.start()
    (tmp_path / "aside").rename(key)
    server.start()
    try:
        assert server.client("secretsmanager").get_secret_value(SecretId="plain")["SecretString"] == PLAIN
        with pytest.raises(ClientError, match="already exists"):
            server.client("ssm").put_parameter(Name="plain", Type="String", Value="x")
    finally:
        server.stop()
