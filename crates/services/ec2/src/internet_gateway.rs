//! Internet gateways and their attachments.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::filter::{Filterable, Filters, one};
use crate::generated::types as shapes;
use crate::ids;
use crate::limits;
use crate::network::{Network, Place};
use crate::page::Page;
use crate::tag;
use crate::vpc::chosen;

/// An internet gateway.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// The VPC that it is attached to.
    pub vpc: Option<String>,
}

impl Network {
    /// CreateInternetGateway.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::LimitExceeded`].
    pub fn create_internet_gateway(
        &mut self,
        place: Place<'_>,
        input: shapes::CreateInternetGatewayInput,
    ) -> Result<String, Error> {
        let tags = tag::specified(place, input.tag_specifications, "internet-gateway")?;
        if self.internet_gateways.len() >= limits::INTERNET_GATEWAYS {
            return Err(Error::LimitExceeded {
                code: "InternetGatewayLimitExceeded",
                text: "The maximum number of internet gateways has been reached.",
            });
        }
        let id = ids::new("igw");
        self.internet_gateways.insert(id.clone(), InternetGateway::default());
        self.tags.insert(id.clone(), tags);
        Ok(id)
    }

    /// What CreateInternetGateway answers.
    pub fn created_internet_gateway(
        &self,
        place: Place<'_>,
        id: &str,
    ) -> shapes::CreateInternetGatewayOutput {
        shapes::CreateInternetGatewayOutput { internet_gateway: self.shown_internet_gateway(place, id) }
    }

    /// DeleteInternetGateway.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InUse`].
    pub fn delete_internet_gateway(&mut self, id: &str) -> Result<(), Error> {
        if self.internet_gateway(id)?.vpc.is_some() {
            let text = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
            return Err(Error::InUse(text));
        }
        self.internet_gateways.remove(id);
        self.forget(id);
        Ok(())
    }

    /// AttachInternetGateway: a gateway has one VPC, a VPC one gateway.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyAttached`], [`Error::Invalid`].
    pub fn attach_internet_gateway(&mut self, id: &str, vpc: &str) -> Result<(), Error> {
        if let Some(attached) = &self.internet_gateway(id)?.vpc {
            return Err(Error::AlreadyAttached { gateway: id.to_owned(), vpc: attached.clone() });
        }
        self.vpc(vpc)?;
        if self.internet_gateways.values().any(|gateway| gateway.vpc.as_deref() == Some(vpc)) {
            let text = format!("Network {vpc} already has an internet gateway attached");
            return Err(Error::Invalid(text));
        }
        self.internet_gateways.insert(id.to_owned(), InternetGateway { vpc: Some(vpc.to_owned()) });
        Ok(())
    }

    /// DetachInternetGateway.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotAttached`], [`Error::InUse`].
    pub fn detach_internet_gateway(&mut self, id: &str, vpc: &str) -> Result<(), Error> {
        let gateway = self.internet_gateway(id)?;
        self.vpc(vpc)?;
        if gateway.vpc.as_deref() != Some(vpc) {
            return Err(Error::NotAttached { gateway: id.to_owned(), vpc: vpc.to_owned() });
        }
        if self.nat_gateways.values().any(|nat| nat.vpc == vpc && nat.allocation.is_some()) {
            let text = format!(
                "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
            );
            return Err(Error::InUse(text));
        }
        self.internet_gateways.insert(id.to_owned(), InternetGateway::default());
        Ok(())
    }

    /// The gateway of that id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn internet_gateway(&self, id: &str) -> Result<&InternetGateway, Error> {
        self.internet_gateways.get(id).ok_or_else(|| Error::not_found(Kind::InternetGateway, id))
    }

    /// DescribeInternetGateways.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidFilter`], [`Error::InvalidNextToken`].
    pub fn describe_internet_gateways(
        &self,
        place: Place<'_>,
        input: shapes::DescribeInternetGatewaysInput,
    ) -> Result<shapes::DescribeInternetGatewaysOutput, Error> {
        let wanted = input.internet_gateway_ids.unwrap_or_default();
        let named = Some(("internetGatewayIds", !wanted.is_empty()));
        let page = Page::parse(input.next_token, input.max_results, named)?;
        let filters = Filters::parse(input.filters)?;
        let ids = chosen(Kind::InternetGateway, wanted, &self.internet_gateways)?;
        let gateways = filters.select(ids.iter().filter_map(|id| self.shown_internet_gateway(place, id)));
        let (gateways, next_token) =
            page.cut(gateways, |gateway| gateway.internet_gateway_id.as_deref().unwrap_or_default())?;
        Ok(shapes::DescribeInternetGatewaysOutput { internet_gateways: Some(gateways), next_token })
    }

    fn shown_internet_gateway(&self, place: Place<'_>, id: &str) -> Option<shapes::InternetGateway> {
        let gateway = self.internet_gateways.get(id)?;
        let attachments = gateway.vpc.iter().map(|vpc| shapes::InternetGatewayAttachment {
            state: Some("available".to_owned()),
            vpc_id: Some(vpc.clone()),
        });
        Some(shapes::InternetGateway {
            attachments: Some(attachments.collect()),
            internet_gateway_id: Some(id.to_owned()),
            owner_id: place.owner(),
            tags: self.tags_of(id),
        })
    }
}

impl Filterable for shapes::InternetGateway {
    const HAS_TAGS: bool = true;

    fn tags(&self) -> &[shapes::Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn values(&self, filter: &str) -> Option<Vec<String>> {
        let attachments = self.attachments.iter().flatten();
        Some(match filter {
            "attachment.state" => attachments.filter_map(|one| one.state.clone()).collect(),
            "attachment.vpc-id" => attachments.filter_map(|one| one.vpc_id.clone()).collect(),
            "internet-gateway-id" => one(&self.internet_gateway_id),
            "owner-id" => one(&self.owner_id),
            _ => return None,
        })
    }
}
