//! The operations by the name that the API gives them: each looks at a network, or changes it.

use api::Context;

use crate::Ec2;
use crate::error::Error;
use crate::generated::operations::Api;
use crate::generated::types as shapes;
use crate::route_table::associated_as;
use crate::security_group_rule::{Direction, Given, Revocation};
use crate::zones;

impl Api for Ec2 {
    type Error = Error;

    async fn allocate_address(
        &self,
        cx: &Context,
        input: shapes::AllocateAddressInput,
    ) -> Result<shapes::AllocateAddressOutput, Error> {
        self.make(
            cx,
            input,
            None,
            |network, place, input| network.allocate_address(place, input),
            |network, place, id| network.allocated_address(place, id),
        )
        .await
    }

    async fn associate_route_table(
        &self,
        cx: &Context,
        input: shapes::AssociateRouteTableInput,
    ) -> Result<shapes::AssociateRouteTableOutput, Error> {
        self.make(
            cx,
            input,
            None,
            |network, _, input| network.associate_route_table(input),
            |_, _, id| associated_as(id),
        )
        .await
    }

    async fn attach_internet_gateway(
        &self,
        cx: &Context,
        input: shapes::AttachInternetGatewayInput,
    ) -> Result<shapes::AttachInternetGatewayOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network
                .attach_internet_gateway(&input.internet_gateway_id, &input.vpc_id)
                .map(|()| shapes::AttachInternetGatewayOutput {})
        })
        .await
    }

    async fn authorize_security_group_egress(
        &self,
        cx: &Context,
        input: shapes::AuthorizeSecurityGroupEgressInput,
    ) -> Result<shapes::AuthorizeSecurityGroupEgressOutput, Error> {
        self.change(cx, input, |network, place, input| {
            let group = network.group_id(Some(&input.group_id), None)?;
            let given = Given {
                permissions: input.ip_permissions,
                protocol: input.ip_protocol,
                from_port: input.from_port,
                to_port: input.to_port,
                cidr: input.cidr_ip,
                group_name: input.source_security_group_name,
            };
            let rules =
                network.authorize(place, &group, Direction::Egress, given, input.tag_specifications)?;
            Ok(shapes::AuthorizeSecurityGroupEgressOutput {
                r#return: Some(true),
                security_group_rules: Some(rules),
            })
        })
        .await
    }

    async fn authorize_security_group_ingress(
        &self,
        cx: &Context,
        input: shapes::AuthorizeSecurityGroupIngressInput,
    ) -> Result<shapes::AuthorizeSecurityGroupIngressOutput, Error> {
        self.change(cx, input, |network, place, input| {
            let group = network.group_id(input.group_id.as_deref(), input.group_name.as_deref())?;
            let given = Given {
                permissions: input.ip_permissions,
                protocol: input.ip_protocol,
                from_port: input.from_port,
                to_port: input.to_port,
                cidr: input.cidr_ip,
                group_name: input.source_security_group_name,
            };
            let rules =
                network.authorize(place, &group, Direction::Ingress, given, input.tag_specifications)?;
            Ok(shapes::AuthorizeSecurityGroupIngressOutput {
                r#return: Some(true),
                security_group_rules: Some(rules),
            })
        })
        .await
    }

    async fn create_default_vpc(
        &self,
        cx: &Context,
        input: shapes::CreateDefaultVpcInput,
    ) -> Result<shapes::CreateDefaultVpcOutput, Error> {
        self.change(cx, input, |network, place, _| network.create_default_vpc(place)).await
    }

    async fn create_internet_gateway(
        &self,
        cx: &Context,
        input: shapes::CreateInternetGatewayInput,
    ) -> Result<shapes::CreateInternetGatewayOutput, Error> {
        self.make(
            cx,
            input,
            None,
            |network, place, input| network.create_internet_gateway(place, input),
            |network, place, id| network.created_internet_gateway(place, id),
        )
        .await
    }

    async fn create_nat_gateway(
        &self,
        cx: &Context,
        input: shapes::CreateNatGatewayInput,
    ) -> Result<shapes::CreateNatGatewayOutput, Error> {
        let token = input.client_token.clone();
        self.make(
            cx,
            input,
            token.clone(),
            |network, place, input| network.create_nat_gateway(place, input),
            |network, _, id| network.created_nat_gateway(id, token.clone()),
        )
        .await
    }

    async fn create_route(
        &self,
        cx: &Context,
        input: shapes::CreateRouteInput,
    ) -> Result<shapes::CreateRouteOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.create_route(input).map(|()| shapes::CreateRouteOutput { r#return: Some(true) })
        })
        .await
    }

    async fn create_route_table(
        &self,
        cx: &Context,
        input: shapes::CreateRouteTableInput,
    ) -> Result<shapes::CreateRouteTableOutput, Error> {
        let token = input.client_token.clone();
        self.make(
            cx,
            input,
            token.clone(),
            |network, place, input| network.create_route_table(place, input),
            |network, place, id| network.created_route_table(place, id, token.clone()),
        )
        .await
    }

    async fn create_security_group(
        &self,
        cx: &Context,
        input: shapes::CreateSecurityGroupInput,
    ) -> Result<shapes::CreateSecurityGroupOutput, Error> {
        self.make(
            cx,
            input,
            None,
            |network, place, input| network.create_security_group(place, input),
            |network, place, id| network.created_security_group(place, id),
        )
        .await
    }

    async fn create_subnet(
        &self,
        cx: &Context,
        input: shapes::CreateSubnetInput,
    ) -> Result<shapes::CreateSubnetOutput, Error> {
        self.make(
            cx,
            input,
            None,
            |network, place, input| network.create_subnet(place, input),
            |network, place, id| network.created_subnet(place, id),
        )
        .await
    }

    async fn create_tags(
        &self,
        cx: &Context,
        input: shapes::CreateTagsInput,
    ) -> Result<shapes::CreateTagsOutput, Error> {
        self.change(cx, input, |network, place, input| {
            network.create_tags(place, input).map(|()| shapes::CreateTagsOutput {})
        })
        .await
    }

    async fn create_vpc(
        &self,
        cx: &Context,
        input: shapes::CreateVpcInput,
    ) -> Result<shapes::CreateVpcOutput, Error> {
        self.make(
            cx,
            input,
            None,
            |network, place, input| network.create_vpc(place, input),
            |network, place, id| network.created_vpc(place, id),
        )
        .await
    }

    async fn delete_internet_gateway(
        &self,
        cx: &Context,
        input: shapes::DeleteInternetGatewayInput,
    ) -> Result<shapes::DeleteInternetGatewayOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network
                .delete_internet_gateway(&input.internet_gateway_id)
                .map(|()| shapes::DeleteInternetGatewayOutput {})
        })
        .await
    }

    async fn delete_nat_gateway(
        &self,
        cx: &Context,
        input: shapes::DeleteNatGatewayInput,
    ) -> Result<shapes::DeleteNatGatewayOutput, Error> {
        self.change(cx, input, |network, _, input| network.delete_nat_gateway(&input.nat_gateway_id)).await
    }

    async fn delete_route(
        &self,
        cx: &Context,
        input: shapes::DeleteRouteInput,
    ) -> Result<shapes::DeleteRouteOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.delete_route(input).map(|()| shapes::DeleteRouteOutput {})
        })
        .await
    }

    async fn delete_route_table(
        &self,
        cx: &Context,
        input: shapes::DeleteRouteTableInput,
    ) -> Result<shapes::DeleteRouteTableOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.delete_route_table(&input.route_table_id).map(|()| shapes::DeleteRouteTableOutput {})
        })
        .await
    }

    async fn delete_security_group(
        &self,
        cx: &Context,
        input: shapes::DeleteSecurityGroupInput,
    ) -> Result<shapes::DeleteSecurityGroupOutput, Error> {
        self.change(cx, input, |network, _, input| network.delete_security_group(input)).await
    }

    async fn delete_subnet(
        &self,
        cx: &Context,
        input: shapes::DeleteSubnetInput,
    ) -> Result<shapes::DeleteSubnetOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.delete_subnet(&input.subnet_id).map(|()| shapes::DeleteSubnetOutput {})
        })
        .await
    }

    async fn delete_tags(
        &self,
        cx: &Context,
        input: shapes::DeleteTagsInput,
    ) -> Result<shapes::DeleteTagsOutput, Error> {
        self.change(cx, input, |network, place, input| {
            network.delete_tags(place, input).map(|()| shapes::DeleteTagsOutput {})
        })
        .await
    }

    async fn delete_vpc(
        &self,
        cx: &Context,
        input: shapes::DeleteVpcInput,
    ) -> Result<shapes::DeleteVpcOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.delete_vpc(&input.vpc_id).map(|()| shapes::DeleteVpcOutput {})
        })
        .await
    }

    async fn describe_addresses(
        &self,
        cx: &Context,
        input: shapes::DescribeAddressesInput,
    ) -> Result<shapes::DescribeAddressesOutput, Error> {
        self.read(cx, |network, place| network.describe_addresses(place, input)).await
    }

    async fn describe_availability_zones(
        &self,
        cx: &Context,
        input: shapes::DescribeAvailabilityZonesInput,
    ) -> Result<shapes::DescribeAvailabilityZonesOutput, Error> {
        zones::describe(&cx.region, input)
    }

    async fn describe_internet_gateways(
        &self,
        cx: &Context,
        input: shapes::DescribeInternetGatewaysInput,
    ) -> Result<shapes::DescribeInternetGatewaysOutput, Error> {
        self.read(cx, |network, place| network.describe_internet_gateways(place, input)).await
    }

    async fn describe_nat_gateways(
        &self,
        cx: &Context,
        input: shapes::DescribeNatGatewaysInput,
    ) -> Result<shapes::DescribeNatGatewaysOutput, Error> {
        self.read(cx, |network, _| network.describe_nat_gateways(input)).await
    }

    async fn describe_regions(
        &self,
        _: &Context,
        input: shapes::DescribeRegionsInput,
    ) -> Result<shapes::DescribeRegionsOutput, Error> {
        zones::regions(input)
    }

    async fn describe_route_tables(
        &self,
        cx: &Context,
        input: shapes::DescribeRouteTablesInput,
    ) -> Result<shapes::DescribeRouteTablesOutput, Error> {
        self.read(cx, |network, place| network.describe_route_tables(place, input)).await
    }

    async fn describe_security_group_rules(
        &self,
        cx: &Context,
        input: shapes::DescribeSecurityGroupRulesInput,
    ) -> Result<shapes::DescribeSecurityGroupRulesOutput, Error> {
        self.read(cx, |network, place| network.describe_security_group_rules(place, input)).await
    }

    async fn describe_security_groups(
        &self,
        cx: &Context,
        input: shapes::DescribeSecurityGroupsInput,
    ) -> Result<shapes::DescribeSecurityGroupsOutput, Error> {
        self.read(cx, |network, place| network.describe_security_groups(place, input)).await
    }

    async fn describe_subnets(
        &self,
        cx: &Context,
        input: shapes::DescribeSubnetsInput,
    ) -> Result<shapes::DescribeSubnetsOutput, Error> {
        self.read(cx, |network, place| network.describe_subnets(place, input)).await
    }

    async fn describe_tags(
        &self,
        cx: &Context,
        input: shapes::DescribeTagsInput,
    ) -> Result<shapes::DescribeTagsOutput, Error> {
        self.read(cx, |network, _| network.describe_tags(input)).await
    }

    async fn describe_vpc_attribute(
        &self,
        cx: &Context,
        input: shapes::DescribeVpcAttributeInput,
    ) -> Result<shapes::DescribeVpcAttributeOutput, Error> {
        self.read(cx, |network, _| network.describe_vpc_attribute(input)).await
    }

    async fn describe_vpcs(
        &self,
        cx: &Context,
        input: shapes::DescribeVpcsInput,
    ) -> Result<shapes::DescribeVpcsOutput, Error> {
        self.read(cx, |network, place| network.describe_vpcs(place, input)).await
    }

    async fn detach_internet_gateway(
        &self,
        cx: &Context,
        input: shapes::DetachInternetGatewayInput,
    ) -> Result<shapes::DetachInternetGatewayOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network
                .detach_internet_gateway(&input.internet_gateway_id, &input.vpc_id)
                .map(|()| shapes::DetachInternetGatewayOutput {})
        })
        .await
    }

    async fn disassociate_route_table(
        &self,
        cx: &Context,
        input: shapes::DisassociateRouteTableInput,
    ) -> Result<shapes::DisassociateRouteTableOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network
                .disassociate_route_table(&input.association_id)
                .map(|()| shapes::DisassociateRouteTableOutput {})
        })
        .await
    }

    async fn modify_subnet_attribute(
        &self,
        cx: &Context,
        input: shapes::ModifySubnetAttributeInput,
    ) -> Result<shapes::ModifySubnetAttributeOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.modify_subnet_attribute(input).map(|()| shapes::ModifySubnetAttributeOutput {})
        })
        .await
    }

    async fn modify_vpc_attribute(
        &self,
        cx: &Context,
        input: shapes::ModifyVpcAttributeInput,
    ) -> Result<shapes::ModifyVpcAttributeOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.modify_vpc_attribute(input).map(|()| shapes::ModifyVpcAttributeOutput {})
        })
        .await
    }

    async fn release_address(
        &self,
        cx: &Context,
        input: shapes::ReleaseAddressInput,
    ) -> Result<shapes::ReleaseAddressOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.release_address(input).map(|()| shapes::ReleaseAddressOutput {})
        })
        .await
    }

    async fn replace_route(
        &self,
        cx: &Context,
        input: shapes::ReplaceRouteInput,
    ) -> Result<shapes::ReplaceRouteOutput, Error> {
        self.change(cx, input, |network, _, input| {
            network.replace_route(input).map(|()| shapes::ReplaceRouteOutput {})
        })
        .await
    }

    async fn revoke_security_group_egress(
        &self,
        cx: &Context,
        input: shapes::RevokeSecurityGroupEgressInput,
    ) -> Result<shapes::RevokeSecurityGroupEgressOutput, Error> {
        self.change(cx, input, |network, place, input| {
            let group = network.group_id(Some(&input.group_id), None)?;
            let given = Given {
                permissions: input.ip_permissions,
                protocol: input.ip_protocol,
                from_port: input.from_port,
                to_port: input.to_port,
                cidr: input.cidr_ip,
                group_name: input.source_security_group_name,
            };
            let ids = input.security_group_rule_ids.filter(|ids| !ids.is_empty());
            let revocation = ids.map_or(Revocation::Rules(given), Revocation::Ids);
            let revoked = network.revoke(place, &group, Direction::Egress, revocation)?;
            Ok(shapes::RevokeSecurityGroupEgressOutput {
                r#return: Some(true),
                unknown_ip_permissions: Some(revoked.unknown),
                revoked_security_group_rules: Some(revoked.rules),
            })
        })
        .await
    }

    async fn revoke_security_group_ingress(
        &self,
        cx: &Context,
        input: shapes::RevokeSecurityGroupIngressInput,
    ) -> Result<shapes::RevokeSecurityGroupIngressOutput, Error> {
        self.change(cx, input, |network, place, input| {
            let group = network.group_id(input.group_id.as_deref(), input.group_name.as_deref())?;
            let given = Given {
                permissions: input.ip_permissions,
                protocol: input.ip_protocol,
                from_port: input.from_port,
                to_port: input.to_port,
                cidr: input.cidr_ip,
                group_name: input.source_security_group_name,
            };
            let ids = input.security_group_rule_ids.filter(|ids| !ids.is_empty());
            let revocation = ids.map_or(Revocation::Rules(given), Revocation::Ids);
            let revoked = network.revoke(place, &group, Direction::Ingress, revocation)?;
            Ok(shapes::RevokeSecurityGroupIngressOutput {
                r#return: Some(true),
                unknown_ip_permissions: Some(revoked.unknown),
                revoked_security_group_rules: Some(revoked.rules),
            })
        })
        .await
    }

    async fn update_security_group_rule_descriptions_egress(
        &self,
        cx: &Context,
        input: shapes::UpdateSecurityGroupRuleDescriptionsEgressInput,
    ) -> Result<shapes::UpdateSecurityGroupRuleDescriptionsEgressOutput, Error> {
        self.change(cx, input, |network, place, input| {
            let group = network.group_id(input.group_id.as_deref(), input.group_name.as_deref())?;
            let (permissions, rules) = (input.ip_permissions, input.security_group_rule_descriptions);
            network.describe_rules(place, &group, Direction::Egress, permissions, rules)?;
            Ok(shapes::UpdateSecurityGroupRuleDescriptionsEgressOutput { r#return: Some(true) })
        })
        .await
    }

    async fn update_security_group_rule_descriptions_ingress(
        &self,
        cx: &Context,
        input: shapes::UpdateSecurityGroupRuleDescriptionsIngressInput,
    ) -> Result<shapes::UpdateSecurityGroupRuleDescriptionsIngressOutput, Error> {
        self.change(cx, input, |network, place, input| {
            let group = network.group_id(input.group_id.as_deref(), input.group_name.as_deref())?;
            let (permissions, rules) = (input.ip_permissions, input.security_group_rule_descriptions);
            network.describe_rules(place, &group, Direction::Ingress, permissions, rules)?;
            Ok(shapes::UpdateSecurityGroupRuleDescriptionsIngressOutput { r#return: Some(true) })
        })
        .await
    }
}
