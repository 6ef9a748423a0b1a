//! Tags, which every resource can have.

use std::collections::BTreeMap;

use crate::error::{Error, Kind};
use crate::filter::{Filterable, Filters, one};
use crate::generated::types as shapes;
use crate::limits;
use crate::network::{Network, Place};
use crate::page::Page;

/// A resource's tags.
pub type Tags = BTreeMap<String, String>;

/// The tags that a request gives a resource of that type as it is made.
///
/// # Errors
/// [`Error::Invalid`], [`Error::LimitExceeded`].
pub fn specified(
    place: Place<'_>,
    specifications: Option<Vec<shapes::TagSpecification>>,
    resource_type: &str,
) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for specification in specifications.unwrap_or_default() {
        if specification.resource_type.as_deref() != Some(resource_type) {
            let given = specification.resource_type.unwrap_or_default();
            let text = format!("'{given}' is not a valid taggable resource type for this operation.");
            return Err(Error::Invalid(text));
        }
        tags.extend(parse(place, specification.tags.unwrap_or_default())?);
    }
    check_count(&tags)?;
    Ok(tags)
}

fn parse(place: Place<'_>, given: Vec<shapes::Tag>) -> Result<Tags, Error> {
    let mut tags = Tags::new();
    for shapes::Tag { key, value } in given {
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        if key.starts_with("aws:") && !place.may_change_reserved_tags {
            return Err(Error::Invalid(
                "Tag keys starting with 'aws:' are reserved for internal use".to_owned(),
            ));
        }
        if key.is_empty() || key.chars().count() > 128 {
            return Err(Error::Invalid("Tag key length should be between 1 and 128 characters".to_owned()));
        }
        if value.chars().count() > 256 {
            return Err(Error::Invalid("Tag value exceeds the maximum length of 256 characters".to_owned()));
        }
        tags.insert(key, value);
    }
    Ok(tags)
}

fn check_count(tags: &Tags) -> Result<(), Error> {
    if tags.keys().filter(|key| !key.starts_with("aws:")).count() > limits::TAGS_PER_RESOURCE {
        return Err(Error::LimitExceeded {
            code: "TagLimitExceeded",
            text: "You have reached the maximum number of tags for this resource.",
        });
    }
    Ok(())
}

impl Network {
    /// A resource's tags as answers list them.
    pub fn tags_of(&self, id: &str) -> Option<Vec<shapes::Tag>> {
        let listed = self.tags.get(id).into_iter().flatten();
        let tag = |(key, value): (&String, &String)| shapes::Tag {
            key: Some(key.clone()),
            value: Some(value.clone()),
        };
        Some(listed.map(tag).collect())
    }

    /// CreateTags.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::LimitExceeded`].
    pub fn create_tags(&mut self, place: Place<'_>, input: shapes::CreateTagsInput) -> Result<(), Error> {
        let tags = parse(place, input.tags)?;
        for id in &input.resources {
            self.check_taggable(id)?;
            let of_resource = self.tags.entry(id.clone()).or_default();
            of_resource.extend(tags.clone());
            check_count(of_resource)?;
        }
        Ok(())
    }

    /// DeleteTags: those of that key and, where one is given, that value; all where no tag is given.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`].
    pub fn delete_tags(&mut self, place: Place<'_>, input: shapes::DeleteTagsInput) -> Result<(), Error> {
        let given = input.tags.unwrap_or_default();
        if !place.may_change_reserved_tags
            && given.iter().any(|tag| tag.key.as_deref().is_some_and(|key| key.starts_with("aws:")))
        {
            let text = "Tag keys starting with 'aws:' are reserved for internal use";
            return Err(Error::Invalid(text.to_owned()));
        }
        for id in &input.resources {
            self.check_taggable(id)?;
            let Some(tags) = self.tags.get_mut(id) else { continue };
            tags.retain(|key, value| {
                let is_meant = |tag: &shapes::Tag| {
                    tag.key.as_ref() == Some(key) && tag.value.as_ref().is_none_or(|wanted| wanted == value)
                };
                if given.is_empty() { key.starts_with("aws:") } else { !given.iter().any(is_meant) }
            });
        }
        self.tags.retain(|_, tags| !tags.is_empty());
        Ok(())
    }

    /// DescribeTags.
    ///
    /// # Errors
    /// [`Error::InvalidFilter`], [`Error::InvalidNextToken`].
    pub fn describe_tags(
        &self,
        input: shapes::DescribeTagsInput,
    ) -> Result<shapes::DescribeTagsOutput, Error> {
        let page = Page::parse(input.next_token, input.max_results, None)?;
        let filters = Filters::<shapes::TagDescription>::parse(input.filters)?;
        let all = self.tags.iter().flat_map(|(id, tags)| {
            tags.iter().map(|(key, value)| shapes::TagDescription {
                key: Some(key.clone()),
                resource_id: Some(id.clone()),
                resource_type: Some(resource_type(id).to_owned()),
                value: Some(value.clone()),
            })
        });
        let wanted: Vec<_> = filters.select(all).into_iter().map(|tag| (place_of(&tag), tag)).collect();
        let (shown, next_token) = page.cut(wanted, |(place, _)| place)?;
        let tags = shown.into_iter().map(|(_, tag)| tag).collect();
        Ok(shapes::DescribeTagsOutput { next_token, tags: Some(tags) })
    }

    fn check_taggable(&self, id: &str) -> Result<(), Error> {
        let (kind, is_there) = match resource_type(id) {
            "vpc" => (Kind::Vpc, self.vpcs.contains_key(id)),
            "subnet" => (Kind::Subnet, self.subnets.contains_key(id)),
            "security-group" => (Kind::SecurityGroup, self.groups.contains_key(id)),
            "security-group-rule" => (Kind::SecurityGroupRule, self.rule(id).is_some()),
            "internet-gateway" => (Kind::InternetGateway, self.internet_gateways.contains_key(id)),
            "route-table" => (Kind::RouteTable, self.route_tables.contains_key(id)),
            "elastic-ip" => (Kind::Allocation, self.addresses.contains_key(id)),
            "natgateway" => (Kind::NatGateway, self.nat_gateways.contains_key(id)),
            _ => (Kind::Any, false),
        };
        if is_there { Ok(()) } else { Err(Error::not_found(kind, id)) }
    }
}

/// A place in the list of all tags, as a token names it.
fn place_of(tag: &shapes::TagDescription) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    format!("{}/{}", text(&tag.resource_id), text(&tag.key))
}

fn resource_type(id: &str) -> &'static str {
    match id.rsplit_once('-').map(|(prefix, _)| prefix) {
        Some("vpc") => "vpc",
        Some("subnet") => "subnet",
        Some("sg") => "security-group",
        Some("sgr") => "security-group-rule",
        Some("igw") => "internet-gateway",
        Some("rtb") => "route-table",
        Some("eipalloc") => "elastic-ip",
        Some("nat") => "natgateway",
        _ => "",
    }
}

impl Filterable for shapes::TagDescription {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(match filter {
            "key" => one(&self.key),
            "resource-id" => one(&self.resource_id),
            "resource-type" => one(&self.resource_type),
            "value" => one(&self.value),
            _ => return None,
        })
    }
}
