//! `AWS::EC2::..`, on the real EC2.

use std::sync::Arc;

use serde_json::{Value, json};

use super::crashes::run_through_a_death;
use super::{Machine, Process, submission};

const NETWORK: &str = "
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16, EnableDnsHostnames: true, Tags: [{Key: Name, Value: v}]}}
  Gateway: {Type: AWS::EC2::InternetGateway}
  Attachment:
    Type: AWS::EC2::VPCGatewayAttachment
    Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway}
  Subnet:
    Type: AWS::EC2::Subnet
    Properties:
      VpcId: !Ref Vpc
      CidrBlock: !Select [0, !Cidr [!GetAtt Vpc.CidrBlock, 2, 8]]
      AvailabilityZone: !Select [1, !GetAZs '']
      MapPublicIpOnLaunch: true
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  Association:
    Type: AWS::EC2::SubnetRouteTableAssociation
    Properties: {RouteTableId: !Ref Table, SubnetId: !Ref Subnet}
  Route:
    Type: AWS::EC2::Route
    DependsOn: Attachment
    Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}
  Address: {Type: AWS::EC2::EIP, DependsOn: Attachment, Properties: {Domain: vpc}}
  Nat:
    Type: AWS::EC2::NatGateway
    DependsOn: Route
    Properties: {SubnetId: !Ref Subnet, AllocationId: !GetAtt Address.AllocationId}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: g
      VpcId: !Ref Vpc
      SecurityGroupEgress: [{CidrIp: 0.0.0.0/0, IpProtocol: '-1', Description: All}]
      SecurityGroupIngress: [{CidrIp: 10.0.0.0/16, IpProtocol: tcp, FromPort: 80, ToPort: '80'}]
  Members:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !GetAtt Group.GroupId, SourceSecurityGroupId: !Ref Group, IpProtocol: udp, FromPort: 1, ToPort: 9}
Outputs:
  Address: {Value: !Ref Address}
  Attachment: {Value: !Ref Attachment}
  Attachments: {Value: !GetAtt Attachment.AttachmentType}
  Default: {Value: !GetAtt Vpc.DefaultSecurityGroup}
  Group: {Value: !Ref Group}
  Nat: {Value: !Ref Nat}
  Route: {Value: !Ref Route}
  Rule: {Value: !Ref Members}
  Subnet: {Value: !Ref Subnet}
  Table: {Value: !Ref Table}
  Vpc: {Value: !Ref Vpc}
  Zone: {Value: !GetAtt Subnet.AvailabilityZone}
";

/// Everything in EC2 but the default VPC's: how many there are of each kind.
async fn holds(process: &Process) -> Vec<(String, usize)> {
    let default = process.call_of("ec2", "DescribeVpcs", json!({})).await.unwrap();
    let default = default["Vpcs"].as_array().unwrap().iter().find(|vpc| vpc["IsDefault"] == true).unwrap();
    let is_ours = |one: &&Value| {
        one.get("VpcId") != Some(&default["VpcId"]) && one["Attachments"][0]["VpcId"] != default["VpcId"]
    };
    let mut found = Vec::new();
    for kind in
        ["Vpcs", "Subnets", "InternetGateways", "RouteTables", "Addresses", "NatGateways", "SecurityGroups"]
    {
        let answer = process.call_of("ec2", &format!("Describe{kind}"), json!({})).await.unwrap();
        let count = answer[kind].as_array().unwrap().iter().filter(is_ours).count();
        if count > 0 {
            found.push((kind.to_owned(), count));
        }
    }
    let rules = process.call_of("ec2", "DescribeSecurityGroupRules", json!({})).await.unwrap();
    found.push(("Rules".to_owned(), rules["SecurityGroupRules"].as_array().unwrap().len()));
    found
}

async fn described(process: &Process, kind: &str, member: &str, id: &str) -> Value {
    let answer = process.call_of("ec2", &format!("Describe{kind}"), json!({ member: [id] })).await.unwrap();
    answer[kind][0].clone()
}

async fn output(process: &Process, key: &str) -> String {
    let stack = process.stack("s").await;
    let outputs = stack["Outputs"].as_array().unwrap().clone();
    let output = outputs.iter().find(|output| output["OutputKey"] == key).unwrap();
    output["OutputValue"].as_str().unwrap().to_owned()
}

async fn made() -> (Process, String) {
    let process = Process::new();
    let stack = process.create(NETWORK).await;
    assert_eq!(process.run(&stack).await, "CREATE_COMPLETE", "{:#?}", process.events("s").await);
    (process, stack)
}

async fn updated(process: &Process, stack: &str, template: &str) {
    process.ok("UpdateStack", submission(template)).await;
    assert_eq!(process.run(stack).await, "UPDATE_COMPLETE", "{:#?}", process.events("s").await);
}

#[tokio::test]
async fn a_vpc_with_what_lies_in_it() {
    let (process, stack) = made().await;
    for (key, start) in [
        ("Address", "203.0.113."),
        ("Default", "sg-"),
        ("Group", "sg-"),
        ("Nat", "nat-"),
        ("Rule", "sgr-"),
        ("Subnet", "subnet-"),
        ("Table", "rtb-"),
        ("Vpc", "vpc-"),
        ("Zone", "us-east-1b"),
        ("Attachments", "IGW"),
    ] {
        let value = output(&process, key).await;
        assert!(value.starts_with(start), "{key} {value}");
    }
    assert_eq!(output(&process, "Attachment").await, format!("IGW|{}", output(&process, "Vpc").await));
    assert_eq!(output(&process, "Route").await, format!("{}|0.0.0.0/0", output(&process, "Table").await));
    let subnet = described(&process, "Subnets", "SubnetIds", &output(&process, "Subnet").await).await;
    assert_eq!((&subnet["MapPublicIpOnLaunch"], &subnet["CidrBlock"]), (&json!(true), &json!("10.0.0.0/24")));
    let group = described(&process, "SecurityGroups", "GroupIds", &output(&process, "Group").await).await;
    assert_eq!(
        group["IpPermissionsEgress"][0]["IpRanges"],
        json!([{"CidrIp": "0.0.0.0/0", "Description": "All"}])
    );
    assert_eq!(group["IpPermissions"].as_array().unwrap().len(), 2);
    let vpc = described(&process, "Vpcs", "VpcIds", &output(&process, "Vpc").await).await;
    let tag =
        |key: &str| vpc["Tags"].as_array().unwrap().iter().find(|tag| tag["Key"] == key).cloned().unwrap();
    assert_eq!(tag("Name")["Value"], "v");
    assert_eq!(tag("aws:cloudformation:stack-id")["Value"], stack.as_str());
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_COMPLETE", "{:#?}", process.events(&stack).await);
    assert_eq!(holds(&process).await, [("Rules".to_owned(), 2)]);
}

#[tokio::test]
async fn what_can_change_in_place_does() {
    let (process, stack) = made().await;
    let (table, rule) = (output(&process, "Table").await, output(&process, "Rule").await);
    let changed = NETWORK
        .replace(
            "DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway",
            "DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: !Ref Nat",
        )
        .replace("    DependsOn: Route\n", "")
        .replace("EnableDnsHostnames: true, Tags: [{Key: Name, Value: v}]", "Tags: [{Key: Name, Value: w}]")
        .replace("      MapPublicIpOnLaunch: true\n", "")
        .replace("Description: All", "Description: Everything")
        .replace("FromPort: 1, ToPort: 9", "FromPort: 1, ToPort: 9, Description: Members");
    process.machine.account.calls();
    updated(&process, &stack, &changed).await;
    let calls = process.machine.account.calls();
    assert!(
        !calls.iter().any(|call| call.starts_with("ec2:CreateV") || call.starts_with("ec2:Delete")),
        "{calls:?}"
    );
    assert_eq!(
        (output(&process, "Table").await, output(&process, "Rule").await),
        (table.clone(), rule.clone())
    );
    let table = described(&process, "RouteTables", "RouteTableIds", &table).await;
    assert_eq!(table["Routes"][1]["NatGatewayId"], output(&process, "Nat").await);
    let rule = described(&process, "SecurityGroupRules", "SecurityGroupRuleIds", &rule).await;
    assert_eq!(rule["Description"], "Members");
    let vpc = output(&process, "Vpc").await;
    let hostnames = json!({"VpcId": vpc, "Attribute": "enableDnsHostnames"});
    let hostnames = process.call_of("ec2", "DescribeVpcAttribute", hostnames).await.unwrap();
    assert_eq!(hostnames["EnableDnsHostnames"]["Value"], false);
    let group = described(&process, "SecurityGroups", "GroupIds", &output(&process, "Group").await).await;
    assert_eq!(group["IpPermissionsEgress"][0]["IpRanges"][0]["Description"], "Everything");
}

#[tokio::test]
async fn what_cannot_is_replaced_with_what_needs_it() {
    let (process, stack) = made().await;
    let (subnet, nat, vpc) =
        (output(&process, "Subnet").await, output(&process, "Nat").await, output(&process, "Vpc").await);
    let before = holds(&process).await;
    // The address of a NAT gateway cannot be another one's too: the new one gets its own.
    let changed = NETWORK.replace("[0, !Cidr", "[1, !Cidr").replace("Address", "Elastic");
    updated(&process, &stack, &changed).await;
    assert_ne!(output(&process, "Subnet").await, subnet);
    assert_ne!(output(&process, "Nat").await, nat);
    assert_eq!(output(&process, "Vpc").await, vpc);
    assert_eq!(holds(&process).await, before);
}

#[tokio::test]
async fn failures_are_in_ec2s_words() {
    let second = "
  Second: {Type: AWS::EC2::Subnet, DependsOn: Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/20}}
Outputs:";
    for (template, reason, code) in [
        (
            NETWORK.replace("\nOutputs:", second),
            "Second CREATE_FAILED Resource handler returned message: \"The CIDR '10.0.0.0/20' conflicts with another subnet (Service: Ec2, Status Code: 400, Request ID: ",
            "HandlerErrorCode: AlreadyExists)",
        ),
        (
            NETWORK.replace("InternetGatewayId: !Ref Gateway", "VpnGatewayId: vgw-1"),
            "Attachment CREATE_FAILED Runwright does not serve property VpnGatewayId of AWS::EC2::VPCGatewayAttachment.",
            "",
        ),
        (
            NETWORK.replace(
                "VpcId: !Ref Vpc, InternetGatewayId: !Ref Gateway",
                "VpcId: vpc-1, InternetGatewayId: !Ref Gateway",
            ),
            "Attachment CREATE_FAILED Resource handler returned message: \"The vpc ID 'vpc-1' does not exist (Service: Ec2, Status Code: 400",
            "HandlerErrorCode: NotFound)",
        ),
    ] {
        let process = Process::new();
        let stack = process.create(&template).await;
        assert_eq!(process.run(&stack).await, "ROLLBACK_COMPLETE");
        let events = process.events("s").await;
        assert!(events.iter().any(|event| event.starts_with(reason) && event.ends_with(code)), "{events:#?}");
        assert_eq!(holds(&process).await, [("Rules".to_owned(), 2)]);
    }
}

#[tokio::test]
async fn what_something_else_needs_is_not_deleted() {
    let (process, stack) = made().await;
    let (vpc, group) = (output(&process, "Vpc").await, output(&process, "Group").await);
    let foreign = json!({"VpcId": vpc, "GroupName": "foreign", "Description": "d"});
    process.call_of("ec2", "CreateSecurityGroup", foreign).await.unwrap();
    process.ok("DeleteStack", json!({"StackName": "s"})).await;
    assert_eq!(process.run(&stack).await, "DELETE_FAILED");
    let stack = process.stack(&stack).await;
    assert_eq!(stack["StackStatusReason"], "The following resource(s) failed to delete: [Vpc]. ");
    let events = process.events("s").await;
    let reason = format!(
        "Vpc DELETE_FAILED Resource handler returned message: \"The vpc '{vpc}' has dependencies and cannot be deleted. (Service: Ec2"
    );
    assert!(
        events
            .iter()
            .any(|event| event.starts_with(&reason) && event.ends_with("HandlerErrorCode: InvalidRequest)")),
        "{events:#?}"
    );
    assert!(process.call_of("ec2", "DescribeSecurityGroups", json!({"GroupIds": [group]})).await.is_err());
}

/// The machine dies after each call that makes something, and nothing is there twice.
#[tokio::test]
async fn nothing_is_made_twice() {
    let (reference, _) = made().await;
    let expected = holds(&reference).await;
    for at in reference.machine.account.change(|world| world.changing.clone()) {
        let machine: Arc<Machine> = Machine::new();
        machine.account.change(|world| world.dies_at = Some((at, true)));
        let stack = machine.start().create(NETWORK).await;
        assert_eq!(run_through_a_death(&machine, &stack).await, "CREATE_COMPLETE", "died at {at}");
        assert_eq!(holds(&machine.start()).await, expected, "died at {at}");
    }
}
