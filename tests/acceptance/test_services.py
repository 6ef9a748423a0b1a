"""ECS services with real containers: kept, scaled, deployed to, killed, given up, deleted; and a server killed meanwhile."""

import json
import os
import time

import pytest

from conftest import Server, eventually

WAIT = {"Delay": 1, "MaxAttempts": 90}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


def register(ecs, role, *command, **container):
    """A revision of the family `service` whose container runs `command`."""
    return ecs.register_task_definition(
        family="service", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        executionRoleArn=role, containerDefinitions=[{"name": "web", "image": "host", "command": list(command),
                                                      "stopTimeout": 2, **container}],
    )["taskDefinition"]["taskDefinitionArn"]


def create(ecs, cluster, definition, name="web", count=2, **more):
    return ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=definition, desiredCount=count,
                              launchType="FARGATE", networkConfiguration=NETWORK, **more)["service"]


def described(ecs, cluster, name="web"):
    return ecs.describe_services(cluster=cluster, services=[name])["services"][0]


def stable(ecs, cluster, name="web"):
    ecs.get_waiter("services_stable").wait(cluster=cluster, services=[name], WaiterConfig=WAIT)
    return described(ecs, cluster, name)


def completed(ecs, cluster, name="web", seconds=60):
    def check():
        service = described(ecs, cluster, name)
        done = [one["rolloutState"] for one in service["deployments"]] == ["COMPLETED"]
        return service if done and service["runningCount"] == service["desiredCount"] else None
    return eventually(check, seconds, f"the end of the deployment of {name}")


def tasks(ecs, cluster, name="web"):
    return set(ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"])


def messages(service):
    return [event["message"] for event in service["events"]]


def delete(ecs, cluster, name="web"):
    ecs.delete_service(cluster=cluster, service=name, force=True)
    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=[name], WaiterConfig=WAIT)


@pytest.fixture
def cluster(server):
    return server.client("ecs").create_cluster(clusterName="services")["cluster"]["clusterArn"]


def test_a_service_lives(server, batch, cluster):
    ecs = server.client("ecs")
    first = register(ecs, batch["role"], "sleep", "1000")
    create(ecs, cluster, first)
    assert stable(ecs, cluster)["runningCount"] == 2
    before = tasks(ecs, cluster)

    ecs.update_service(cluster=cluster, service="web", desiredCount=4)
    assert stable(ecs, cluster)["runningCount"] == 4
    assert before < tasks(ecs, cluster)
    ecs.update_service(cluster=cluster, service="web", desiredCount=2)
    assert stable(ecs, cluster)["runningCount"] == 2

    killed = tasks(ecs, cluster).pop()
    ecs.stop_task(cluster=cluster, task=killed, reason="to see what happens")
    eventually(lambda: len(tasks(ecs, cluster)) == 2 and killed not in tasks(ecs, cluster), what="a new task")
    completed(ecs, cluster)

    second = register(ecs, batch["role"], "sleep", "2000")
    old = tasks(ecs, cluster)
    ecs.update_service(cluster=cluster, service="web", taskDefinition=second)
    service = completed(ecs, cluster)
    assert service["taskDefinition"] == second
    assert not old & tasks(ecs, cluster)
    found = ecs.describe_tasks(cluster=cluster, tasks=sorted(tasks(ecs, cluster)))["tasks"]
    assert {task["group"] for task in found} == {"service:web"}
    assert {task["startedBy"] for task in found} == {service["deployments"][0]["id"]}
    said = eventually(lambda: "(service web) has reached a steady state." in messages(described(ecs, cluster))[:1]
                      and messages(described(ecs, cluster)))
    assert said[1] == f"(service web) (deployment {service['deployments'][0]['id']}) deployment completed."

    with pytest.raises(ecs.exceptions.InvalidParameterException, match="while it is scaled above 0"):
        ecs.delete_service(cluster=cluster, service="web")
    with pytest.raises(ecs.exceptions.ClusterContainsServicesException):
        ecs.delete_cluster(cluster=cluster)
    delete(ecs, cluster)
    assert tasks(ecs, cluster) == set()


def test_a_broken_deployment_is_rolled_back(server, batch, cluster):
    ecs, events, logs = server.client("ecs"), server.client("events"), server.client("logs")
    logs.create_log_group(logGroupName="/events/services")
    events.put_rule(Name="services", EventPattern=json.dumps({"source": ["aws.ecs"], "detail-type": [
        "ECS Deployment State Change", "ECS Service Action"]}))
    group = logs.describe_log_groups(logGroupNamePrefix="/events/services")["logGroups"][0]["arn"].removesuffix(":*")
    events.put_targets(Rule="services", Targets=[{"Id": "log", "Arn": group}])
    good = register(ecs, batch["role"], "sleep", "1000")
    create(ecs, cluster, good, "breaking", deploymentConfiguration={
        "deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    deployment = completed(ecs, cluster, "breaking")["deployments"][0]["id"]
    kept = tasks(ecs, cluster, "breaking")
    bad = register(ecs, batch["role"], "sh", "-c", "exit 3")
    ecs.update_service(cluster=cluster, service="breaking", taskDefinition=bad)
    eventually(lambda: any("rolling back" in one for one in messages(described(ecs, cluster, "breaking"))), 60)
    service = completed(ecs, cluster, "breaking")
    assert (service["taskDefinition"], service["deployments"][0]["id"]) == (good, deployment)
    assert tasks(ecs, cluster, "breaking") == kept
    told = eventually(lambda: [name for name in event_names(logs) if name == "SERVICE_DEPLOYMENT_FAILED"])
    assert len(told) == 1
    assert "SERVICE_STEADY_STATE" in event_names(logs)
    delete(ecs, cluster, "breaking")


def event_names(logs):
    found = logs.filter_log_events(logGroupName="/events/services")["events"]
    return [json.loads(event["message"])["detail"]["eventName"] for event in found]


def test_an_unhealthy_task_is_replaced(server, batch, cluster):
    ecs = server.client("ecs")
    sick = register(ecs, batch["role"], "sleep", "1000",
                    healthCheck={"command": ["CMD-SHELL", "exit 1"], "interval": 5, "retries": 1})
    create(ecs, cluster, sick, "sick", 1)
    first = eventually(lambda: tasks(ecs, cluster, "sick"), what="a task")
    eventually(lambda: tasks(ecs, cluster, "sick") not in (first, set()), 60, "another task")
    stopped = ecs.describe_tasks(cluster=cluster, tasks=sorted(first))["tasks"][0]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == (
        "ServiceSchedulerInitiated", "Task failed container health checks")
    assert stopped["healthStatus"] == "UNHEALTHY"
    well = register(ecs, batch["role"], "sleep", "1000",
                    healthCheck={"command": ["CMD-SHELL", "exit 0"], "interval": 5, "retries": 1})
    ecs.update_service(cluster=cluster, service="sick", taskDefinition=well)
    assert completed(ecs, cluster, "sick")["taskDefinition"] == well
    delete(ecs, cluster, "sick")


def test_a_kill_in_the_middle_of_a_deployment(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    server = Server(tmp_path / "data").start()
    try:
        survive(server)
    finally:
        server.stop()


def survive(server):
    """Deploys four times; each time the server is killed a few times on the way."""
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="default")
    role = "arn:aws:iam::000000000000:role/none"
    create(ecs, "default", register(ecs, role, "sleep", "1000"), count=3)
    completed(ecs, "default")
    for round_number in range(3):
        definition = register(ecs, role, "sleep", f"{2000 + round_number}")
        ecs.update_service(service="web", taskDefinition=definition)
        for pause in (0.05, 0.3, 1.0 + round_number):
            time.sleep(pause)
            server.kill()
            server.start()
        ecs = server.client("ecs")
        service = completed(ecs, "default")
        assert service["taskDefinition"] == definition
        assert len(tasks(ecs, "default")) == 3
        running = ecs.describe_tasks(tasks=sorted(tasks(ecs, "default")))["tasks"]
        assert {task["taskDefinitionArn"] for task in running} == {definition}
    stopped = ecs.list_tasks(desiredStatus="STOPPED", serviceName="web")["taskArns"]
    # Each revision was started three times, not once more.
    assert len(stopped) == 9
    delete(ecs, "default")


def template(command, count):
    """A stack of a cluster and a service that runs `command` `count` times."""
    return json.dumps({"Resources": {
        "Cluster": {"Type": "AWS::ECS::Cluster"},
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {
            "RequiresCompatibilities": ["FARGATE"], "NetworkMode": "awsvpc", "Cpu": "256", "Memory": "512",
            "ContainerDefinitions": [{"Name": "web", "Image": "host", "Command": command, "StopTimeout": 2}]}},
        "Service": {"Type": "AWS::ECS::Service", "Properties": {
            "Cluster": {"Ref": "Cluster"}, "TaskDefinition": {"Ref": "Task"}, "LaunchType": "FARGATE", "DesiredCount": count,
            "DeploymentConfiguration": {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}},
            "NetworkConfiguration": {"AwsvpcConfiguration": {"Subnets": ["subnet-1"]}}}}},
        "Outputs": {"Service": {"Value": {"Ref": "Service"}}, "Name": {"Value": {"Fn::GetAtt": ["Service", "Name"]}},
                    "Cluster": {"Value": {"Ref": "Cluster"}}}})


def test_a_stack_waits_for_its_service(server):
    cloudformation, ecs = server.client("cloudformation"), server.client("ecs")
    cloudformation.create_stack(StackName="service", TemplateBody=template(["sleep", "1000"], 2))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="service", WaiterConfig=WAIT)
    stack = cloudformation.describe_stacks(StackName="service")["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    service = described(ecs, outputs["Cluster"], outputs["Name"])
    assert service["serviceArn"] == outputs["Service"]
    assert (service["runningCount"], service["deployments"][0]["rolloutState"]) == (2, "COMPLETED")

    cloudformation.update_stack(StackName="service", TemplateBody=template(["sleep", "2000"], 1))
    cloudformation.get_waiter("stack_update_complete").wait(StackName="service", WaiterConfig=WAIT)
    updated = described(ecs, outputs["Cluster"], outputs["Name"])
    assert updated["taskDefinition"] != service["taskDefinition"]
    assert (updated["runningCount"], updated["deployments"][0]["rolloutState"]) == (1, "COMPLETED")

    cloudformation.update_stack(StackName="service", TemplateBody=template(["false"], 1))
    def rolled_back():
        status = cloudformation.describe_stacks(StackName="service")["Stacks"][0]["StackStatus"]
        return status if status.endswith("COMPLETE") else None
    assert eventually(rolled_back, 90) == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [event.get("ResourceStatusReason", "") for event in
               cloudformation.describe_stack_events(StackName="service")["StackEvents"]]
    assert any("ECS Deployment Circuit Breaker was triggered" in reason for reason in reasons)
    assert completed(ecs, outputs["Cluster"], outputs["Name"])["taskDefinition"] == updated["taskDefinition"]

    cloudformation.delete_stack(StackName="service")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="service", WaiterConfig=WAIT)
    assert ecs.describe_clusters(clusters=[outputs["Cluster"]])["clusters"][0]["status"] == "INACTIVE"
