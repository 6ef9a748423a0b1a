"""Templates that CDK has made, unchanged, and the resource types of events and queues."""

import json

import pytest
from botocore.exceptions import ClientError

from conftest import eventually, shared

VERSION = "/cdk-bootstrap/hnb659fds/version"

EVENTS = """
Resources:
  Bus: {Type: AWS::Events::EventBus, Properties: {Name: orders, Description: d, Tags: [{Key: a, Value: b}]}}
  Permission:
    Type: AWS::Events::EventBusPolicy
    Properties:
      EventBusName: !Ref Bus
      StatementId: others
      Statement: {Effect: Allow, Principal: {AWS: '111111111111'}, Action: events:PutEvents, Resource: !GetAtt Bus.Arn}
  Archive:
    Type: AWS::Events::Archive
    Properties: {SourceArn: !GetAtt Bus.Arn, RetentionDays: '7', EventPattern: {source: [shop]}}
  Dead: {Type: AWS::SQS::Queue}
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: true
      VisibilityTimeout: 60
      Tags: [{Key: a, Value: b}]
  Access:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Dead]
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: sqs:SendMessage, Resource: !GetAtt Dead.Arn}]
  Key: {Type: AWS::SecretsManager::Secret, Properties: {GenerateSecretString: {ExcludePunctuation: true}}}
  Connection:
    Type: AWS::Events::Connection
    Properties:
      AuthorizationType: API_KEY
      AuthParameters: {ApiKeyAuthParameters: {ApiKeyName: k, ApiKeyValue: !Sub '{{resolve:secretsmanager:${Key}}}'}}
  Destination:
    Type: AWS::Events::ApiDestination
    Properties: {ConnectionArn: !GetAtt Connection.Arn, HttpMethod: POST, InvocationEndpoint: 'https://localhost/x', InvocationRateLimitPerSecond: 5}
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: d, Subscription: [{Protocol: sqs, Endpoint: !GetAtt Dead.Arn}], Tags: [{Key: a, Value: b}]}
  TopicAccess:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref Topic]
      PolicyDocument:
        Version: '2012-10-17'
        Statement: [{Sid: s, Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: sns:Publish, Resource: !Ref Topic}]
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      TopicArn: !Ref Topic
      Protocol: sqs
      Endpoint: !GetAtt Other.Arn
      FilterPolicy: {kind: [a]}
      RawMessageDelivery: true
  Other: {Type: AWS::SQS::Queue}
  Group: {Type: AWS::Scheduler::ScheduleGroup, Properties: {Tags: [{Key: a, Value: b}]}}
  Schedule:
    Type: AWS::Scheduler::Schedule
    Properties:
      GroupName: !Ref Group
      ScheduleExpression: rate(1 day)
      StartDate: '2100-01-01T00:00:00Z'
      FlexibleTimeWindow: {Mode: 'OFF'}
      Target: {Arn: !GetAtt Queue.Arn, RoleArn: !GetAtt Role.Arn, Input: '{}', SqsParameters: {MessageGroupId: g}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {Service: scheduler.amazonaws.com}, Action: sts:AssumeRole}]}
Outputs:
  Queue: {Value: !Ref Queue}
  Name: {Value: !GetAtt Queue.QueueName}
  Dead: {Value: !Ref Dead}
  Archive: {Value: !Ref Archive}
  Connection: {Value: !GetAtt Connection.Arn}
  Group: {Value: !Ref Group}
  Schedule: {Value: !Ref Schedule}
  Destination: {Value: !GetAtt Destination.ArnForPolicy}
  Topic: {Value: !Ref Topic}
  Subscription: {Value: !Ref Subscription}
"""


def ended(server, stack, status):
    """The stack once nothing more happens to it; the events say why where that is not as it should."""
    client = server.client("cloudformation")

    def rests():
        found = client.describe_stacks(StackName=stack)["Stacks"][0]
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found
    found = eventually(rests, 60, f"the end of {stack}")
    if found["StackStatus"] != status:
        events = client.describe_stack_events(StackName=stack)["StackEvents"]
        raise AssertionError([(event["LogicalResourceId"], event["ResourceStatusReason"]) for event in events
                              if "FAILED" in event["ResourceStatus"]])
    return found


def create(server, name, template):
    client = server.client("cloudformation")
    stack = client.create_stack(StackName=name, TemplateBody=template, Capabilities=["CAPABILITY_IAM"])["StackId"]
    return stack, ended(server, stack, "CREATE_COMPLETE")


def delete(server, stack):
    server.client("cloudformation").delete_stack(StackName=stack)
    ended(server, stack, "DELETE_COMPLETE")


@pytest.fixture(scope="module")
def bootstrapped(server):
    server.client("ssm").put_parameter(Name=VERSION, Type="String", Value="21", Overwrite=True)


def test_a_bootstrap_that_is_missing_or_old_is_told(server):
    template = shared("fixtures/article2-cdk.template.json").read_text()
    client, ssm = server.client("cloudformation"), server.client("ssm")

    def refused():
        with pytest.raises(ClientError) as raised:
            client.create_stack(StackName="cdk-old", TemplateBody=template, Capabilities=["CAPABILITY_IAM"])
        return raised.value.response["Error"]["Message"]
    assert refused() == f"Unable to fetch parameters [{VERSION}] from parameter store for this account."
    ssm.put_parameter(Name=VERSION, Type="String", Value="3")
    assert "CDK bootstrap stack version 6 required." in refused()


@pytest.mark.parametrize("fixture, count", [("article2-cdk", 33), ("article4-ecsruntask-cdk", 33), ("article4-customstate-cdk", 2)])
def test_a_stack_of_cdk_deploys_unchanged_and_goes_again(server, bootstrapped, fixture, count):
    template = shared(f"fixtures/{fixture}.template.json").read_text()
    if count == 33:
        count = len(json.loads(template)["Resources"])
    ec2 = server.client("ec2")
    before = len(ec2.describe_vpcs()["Vpcs"])
    stack, _ = create(server, fixture, template)
    found = server.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    assert len(found) == count
    assert {resource["ResourceStatus"] for resource in found} == {"CREATE_COMPLETE"}
    if fixture == "article2-cdk":
        check_article_2(server, {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in found})
    delete(server, stack)
    assert len(ec2.describe_vpcs()["Vpcs"]) == before


def check_article_2(server, ids):
    rule = ids["myprojManagementTriggerC7D7EE90"]
    target, = server.client("events").list_targets_by_rule(Rule=rule)["Targets"]
    network = target["EcsParameters"]["NetworkConfiguration"]["awsvpcConfiguration"]
    subnets = [ids[f"EcsDefaultClusterVpcPrivateSubnet{name}"] for name in ("1Subnet49EBDBEA", "2Subnet3BCDB986")]
    assert network["Subnets"] == subnets and network["AssignPublicIp"] == "DISABLED"
    ec2 = server.client("ec2")
    assert {subnet["MapPublicIpOnLaunch"] for subnet in ec2.describe_subnets(SubnetIds=subnets)["Subnets"]} == {False}
    gateways = ec2.describe_nat_gateways(Filter=[{"Name": "vpc-id", "Values": [ids["EcsDefaultClusterVpc332E2889"]]}])
    assert len(gateways["NatGateways"]) == 2
    policy = server.client("iam").list_role_policies(RoleName=ids["myprojManagementTaskTriggeredTaskDefEventsRoleA4F121C8"])
    assert len(policy["PolicyNames"]) == 1


def test_buses_queues_and_schedules(server):
    stack, made = create(server, "events-and-queues", EVENTS)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
    sqs, events = server.client("sqs"), server.client("events")
    assert outputs["Name"].endswith(".fifo") and outputs["Queue"].endswith(outputs["Name"])
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["Queue"], AttributeNames=["All"])["Attributes"]
    assert (attributes["FifoQueue"], attributes["VisibilityTimeout"]) == ("true", "60")
    policy = sqs.get_queue_attributes(QueueUrl=outputs["Dead"], AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert json.loads(policy)["Statement"][0]["Action"] == "sqs:SendMessage"
    assert sqs.list_queue_tags(QueueUrl=outputs["Queue"])["Tags"]["a"] == "b"
    assert json.loads(events.describe_event_bus(Name="orders")["Policy"])["Statement"][0]["Sid"] == "others"
    assert events.describe_archive(ArchiveName=outputs["Archive"])["RetentionDays"] == 7
    schedule = server.client("scheduler").get_schedule(Name=outputs["Schedule"], GroupName=outputs["Group"])
    assert schedule["StartDate"].year == 2100 and schedule["Target"]["SqsParameters"] == {"MessageGroupId": "g"}
    sns = server.client("sns")
    subscription = sns.get_subscription_attributes(SubscriptionArn=outputs["Subscription"])["Attributes"]
    assert (json.loads(subscription["FilterPolicy"]), subscription["RawMessageDelivery"]) == ({"kind": ["a"]}, "true")
    assert len(sns.list_subscriptions_by_topic(TopicArn=outputs["Topic"])["Subscriptions"]) == 2
    topic = sns.get_topic_attributes(TopicArn=outputs["Topic"])["Attributes"]
    assert (topic["DisplayName"], json.loads(topic["Policy"])["Statement"][0]["Sid"]) == ("d", "s")
    assert events.list_api_destinations()["ApiDestinations"][0]["ApiDestinationArn"].startswith(outputs["Destination"])
    changed = EVENTS.replace("VisibilityTimeout: 60", "DelaySeconds: 5").replace("Description: d", "Description: e")
    changed = changed.replace("RetentionDays: '7'", "RetentionDays: 8").replace("rate(1 day)", "rate(2 days)")
    changed = changed.replace("      RawMessageDelivery: true\n", "").replace("DisplayName: d, Subscription: [{Protocol: sqs, Endpoint: !GetAtt Dead.Arn}],", "")
    server.client("cloudformation").update_stack(StackName=stack, TemplateBody=changed, Capabilities=["CAPABILITY_IAM"])
    ended(server, stack, "UPDATE_COMPLETE")
    attributes = sqs.get_queue_attributes(QueueUrl=outputs["Queue"], AttributeNames=["All"])["Attributes"]
    assert (attributes["DelaySeconds"], attributes["VisibilityTimeout"]) == ("5", "30")
    assert events.describe_archive(ArchiveName=outputs["Archive"])["RetentionDays"] == 8
    assert events.describe_event_bus(Name="orders")["Description"] == "e"
    subscription, = sns.list_subscriptions_by_topic(TopicArn=outputs["Topic"])["Subscriptions"]
    attributes = sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])["Attributes"]
    assert (subscription["SubscriptionArn"], attributes["RawMessageDelivery"]) == (outputs["Subscription"], "false")
    assert "DisplayName" not in sns.get_topic_attributes(TopicArn=outputs["Topic"])["Attributes"] or not sns.get_topic_attributes(
        TopicArn=outputs["Topic"])["Attributes"]["DisplayName"]
    delete(server, stack)
    assert outputs["Topic"] not in [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
    assert not sqs.list_queues(QueueNamePrefix="events-and-queues").get("QueueUrls")
