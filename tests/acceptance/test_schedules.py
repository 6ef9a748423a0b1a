"""EventBridge Scheduler's universal targets: all operations that are served, and none that only read."""

import concurrent.futures
import json
import tomllib

import botocore.session
import pytest
from botocore.exceptions import ClientError

from conftest import ROOT

ROLE = "arn:aws:iam::000000000000:role/any"
# Scheduler User Guide, "Using universal targets": actions that begin so are not taken.
READ_ONLY = ("get", "describe", "list", "poll", "receive", "search", "scan", "query", "select", "read", "lookup", "discover", "validate",
             "batchGet", "batchDescribe", "batchRead", "transactGet", "adminGet", "adminList", "testMigration", "retrieve",
             "testConnection", "translateDocument", "isAuthorized", "invokeModel")


def served():
    """Every operation that is served, as the SDKs' identifier of its service and its name in camel case."""
    loader = botocore.session.get_session().get_component("data_loader")
    for service in tomllib.loads((ROOT / "xtask/operations.toml").read_text())["service"]:
        name, _, version = service["model"].partition("/")
        metadata = loader.load_service_model(name, "service-2", api_version=version)["metadata"]
        identifier = metadata["serviceId"].replace(" ", "").lower()
        for operation in service["operations"]:
            yield identifier, operation[0].lower() + operation[1:]


def test_every_operation_that_is_served_can_be_a_target(server):
    scheduler = server.client("scheduler")
    scheduler.create_schedule_group(Name="universal")

    def refusal(operation):
        service, action = operation
        try:
            scheduler.create_schedule(
                Name=f"{service}-{action}"[:64], GroupName="universal", ScheduleExpression="rate(1 day)", State="DISABLED",
                FlexibleTimeWindow={"Mode": "OFF"}, Target={"Arn": f"arn:aws:scheduler:::aws-sdk:{service}:{action}", "RoleArn": ROLE})
        except ClientError as error:
            return error.response["Error"]["Message"]
        return None

    operations = sorted(set(served()))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        refusals = dict(zip(operations, pool.map(refusal, operations)))
    expected = {one: f"{one[0]}:{one[1]} is not a supported API action." if one[1].startswith(READ_ONLY) else None for one in operations}
    assert refusals == expected
    assert sum(refusal is None for refusal in refusals.values()) > 150
    scheduler.delete_schedule_group(Name="universal")
    assert scheduler.list_schedules(NamePrefix="sfn-")["Schedules"] == []


@pytest.mark.parametrize("arn, service", [("arn:aws:kinesis:us-east-1:000000000000:stream/s", "Kinesis"),
                                          ("arn:aws:firehose:us-east-1:000000000000:deliverystream/d", "Firehose")])
def test_what_cannot_be_invoked_is_refused_at_once(server, arn, service):
    with pytest.raises(ClientError) as refused:
        server.client("scheduler").create_schedule(Name="s", ScheduleExpression="rate(1 day)", FlexibleTimeWindow={"Mode": "OFF"},
                                                   Target={"Arn": arn, "RoleArn": ROLE, "Input": json.dumps({})})
    assert refused.value.response["Error"] == {
        "Code": "ValidationException", "Message": f"Runwright does not serve {service} as a target of EventBridge Scheduler."}
