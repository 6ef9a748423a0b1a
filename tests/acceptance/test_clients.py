"""The wire, as boto3 and the AWS CLI meet it."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError


def code_of(call):
    with pytest.raises(ClientError) as raised:
        call()
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_wrong_secret_is_refused(server):
    states = server.client("stepfunctions", secret="wrong")
    code, message = code_of(states.list_state_machines)
    assert code == "InvalidSignatureException"
    assert message.startswith("The request signature we calculated does not match the signature you provided.")
    code, _ = code_of(server.client("iam", secret="wrong").list_roles)
    assert code == "SignatureDoesNotMatch"


def test_an_unknown_key_is_refused(server):
    code, message = code_of(server.client("events", key="AKIAUNKNOWN").list_rules)
    assert (code, message) == ("UnrecognizedClientException", "The security token included in the request is invalid.")
    code, _ = code_of(server.client("sts", key="AKIAUNKNOWN").get_caller_identity)
    assert code == "InvalidClientTokenId"


def test_dev_accepts_test_as_root(server):
    identity = server.client("sts", key="test", secret="test").get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::000000000000:root"


def test_a_role_session_signs_with_its_token(server, batch):
    sts = server.client("sts")
    session = sts.assume_role(RoleArn=batch["role"], RoleSessionName="visitor")
    keys = session["Credentials"]
    assert session["AssumedRoleUser"]["Arn"] == "arn:aws:sts::000000000000:assumed-role/acceptance/visitor"
    visitor = {"key": keys["AccessKeyId"], "secret": keys["SecretAccessKey"]}
    identity = server.client("sts", **visitor, token=keys["SessionToken"]).get_caller_identity()
    assert identity["Arn"] == session["AssumedRoleUser"]["Arn"]
    code, _ = code_of(server.client("ecs", **visitor, token="another").list_clusters)
    assert code == "UnrecognizedClientException"


def test_what_is_not_served_is_refused(server):
    code, message = code_of(lambda: server.client("ecs").list_container_instances())
    assert code == "UnknownOperationException" and "ListContainerInstances" in message
    code, _ = code_of(lambda: server.client("iam").list_users())
    assert code == "InvalidAction"


def test_the_models_constraints_come_in_aws_words(server):
    unchecked = boto3.client("stepfunctions", endpoint_url=server.endpoint, region_name="us-east-1", aws_access_key_id="test",
                             aws_secret_access_key="test", config=Config(parameter_validation=False))
    code, message = code_of(lambda: unchecked.list_state_machines(maxResults=1001))
    assert code == "ValidationException"
    assert message == ("1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: "
                       "Member must have value less than or equal to 1000")


def test_regions_are_apart(server):
    for region in ("ap-northeast-1", "eu-central-1"):
        events = server.client("events", region_name=region)
        events.put_rule(Name=f"only-{region}", ScheduleExpression="rate(1 day)")
        rule, = events.list_rules(NamePrefix="only-")["Rules"]
        assert rule["Arn"] == f"arn:aws:events:{region}:000000000000:rule/only-{region}"


def test_lists_are_paged(server):
    logs = server.client("logs")
    for number in range(7):
        logs.create_log_group(logGroupName=f"paged-{number}")
    pages = list(logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="paged-", PaginationConfig={"PageSize": 3}))
    assert [len(page["logGroups"]) for page in pages] == [3, 3, 1]


def test_tags_of_every_kind_of_resource(server, batch):
    states, events, ecs = server.client("stepfunctions"), server.client("events"), server.client("ecs")
    machine = states.create_state_machine(name="tagged", roleArn=batch["role"], tags=[{"key": "a", "value": "1"}],
                                          definition=json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}))
    arn = machine["stateMachineArn"]
    states.tag_resource(resourceArn=arn, tags=[{"key": "b", "value": "2"}])
    states.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": "2"}]
    rule = events.put_rule(Name="tagged", ScheduleExpression="rate(1 day)", Tags=[{"Key": "a", "Value": "1"}])["RuleArn"]
    assert events.list_tags_for_resource(ResourceARN=rule)["Tags"] == [{"Key": "a", "Value": "1"}]
    assert ecs.list_tags_for_resource(resourceArn=batch["definition"])["tags"] == [{"key": "team", "value": "batch"}]
