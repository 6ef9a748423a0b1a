//! Elastic IP addresses: names for public addresses. They are taken from blocks that are set aside for documentation, so
//! that no address here is anybody's.

use serde::{Deserialize, Serialize};

use crate::cidr::Cidr;
use crate::error::{Error, Kind};
use crate::filter::{Filterable, Filters, one};
use crate::generated::types as shapes;
use crate::ids;
use crate::limits;
use crate::network::{Network, Place};
use crate::tag;

/// Where addresses are taken from: TEST-NET-3 of RFC 5737.
const POOL: Cidr = Cidr::new([203, 0, 113, 0], 24);

/// An allocated address.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub public_ip: String,
}

impl Network {
    /// AllocateAddress.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::LimitExceeded`], [`Error::NotServed`].
    pub fn allocate_address(
        &mut self,
        place: Place<'_>,
        input: shapes::AllocateAddressInput,
    ) -> Result<String, Error> {
        if input.address.is_some()
            || input.public_ipv4_pool.is_some()
            || input.customer_owned_ipv4_pool.is_some()
            || input.ipam_pool_id.is_some()
        {
            return Err(Error::NotServed("address pools and addresses of one's choice"));
        }
        if input.network_border_group.as_ref().is_some_and(|group| group != place.region.as_str()) {
            return Err(Error::NotServed("network border groups but the region's"));
        }
        let tags = tag::specified(place, input.tag_specifications, "elastic-ip")?;
        let exhausted = Error::LimitExceeded {
            code: "AddressLimitExceeded",
            text: "The maximum number of addresses has been reached.",
        };
        if self.addresses.len() >= limits::ADDRESSES {
            return Err(exhausted);
        }
        let is_free = |ip: &String| !self.addresses.values().any(|address| address.public_ip == *ip);
        let public_ip = (1..=254).map(|at| POOL.address(at).to_string()).find(is_free).ok_or(exhausted)?;
        let id = ids::new("eipalloc");
        self.addresses.insert(id.clone(), Address { public_ip });
        self.tags.insert(id.clone(), tags);
        Ok(id)
    }

    /// What AllocateAddress answers.
    pub fn allocated_address(&self, place: Place<'_>, id: &str) -> shapes::AllocateAddressOutput {
        shapes::AllocateAddressOutput {
            allocation_id: Some(id.to_owned()),
            public_ipv4_pool: Some("amazon".to_owned()),
            network_border_group: Some(place.region.to_string()),
            domain: Some("vpc".to_owned()),
            public_ip: self.addresses.get(id).map(|address| address.public_ip.clone()),
            ..shapes::AllocateAddressOutput::default()
        }
    }

    /// ReleaseAddress.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Missing`], [`Error::AddressNotReleasable`].
    pub fn release_address(&mut self, input: shapes::ReleaseAddressInput) -> Result<(), Error> {
        let id = match (input.allocation_id, input.public_ip) {
            (Some(id), _) => id,
            (None, Some(ip)) => {
                let found = self.addresses.iter().find(|(_, address)| address.public_ip == ip);
                found.map(|(id, _)| id.clone()).ok_or_else(|| Error::not_found(Kind::Address, &ip))?
            }
            (None, None) => {
                let text = "The request must contain the parameter allocationId";
                return Err(Error::Missing(text.to_owned()));
            }
        };
        let address = self.addresses.get(&id).ok_or_else(|| Error::not_found(Kind::Allocation, &id))?;
        if self.nat_gateways.values().any(|gateway| gateway.allocation.as_ref() == Some(&id)) {
            return Err(Error::AddressNotReleasable(address.public_ip.clone()));
        }
        self.addresses.remove(&id);
        self.forget(&id);
        Ok(())
    }

    /// DescribeAddresses.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::InvalidFilter`].
    pub fn describe_addresses(
        &self,
        place: Place<'_>,
        input: shapes::DescribeAddressesInput,
    ) -> Result<shapes::DescribeAddressesOutput, Error> {
        let filters = Filters::parse(input.filters)?;
        let (ids, ips) = (input.allocation_ids.unwrap_or_default(), input.public_ips.unwrap_or_default());
        if let Some(id) = ids.iter().find(|id| !self.addresses.contains_key(*id)) {
            return Err(Error::not_found(Kind::Allocation, id));
        }
        let is_known = |ip: &&String| self.addresses.values().any(|address| address.public_ip == **ip);
        if let Some(ip) = ips.iter().find(|ip| !is_known(ip)) {
            return Err(Error::not_found(Kind::Address, ip));
        }
        let wanted = self.addresses.iter().filter(|(id, address)| {
            (ids.is_empty() || ids.contains(id)) && (ips.is_empty() || ips.contains(&address.public_ip))
        });
        let addresses = filters.select(wanted.map(|(id, address)| self.shown_address(place, id, address)));
        Ok(shapes::DescribeAddressesOutput { addresses: Some(addresses) })
    }

    fn shown_address(&self, place: Place<'_>, id: &str, address: &Address) -> shapes::Address {
        let gateway = self.nat_gateways.values().find(|gateway| gateway.allocation.as_deref() == Some(id));
        shapes::Address {
            allocation_id: Some(id.to_owned()),
            association_id: gateway.map(|gateway| gateway.association.clone()),
            domain: Some("vpc".to_owned()),
            network_interface_id: gateway.map(|gateway| gateway.network_interface.clone()),
            network_interface_owner_id: gateway.and_then(|_| place.owner()),
            private_ip_address: gateway.map(|gateway| gateway.private_ip.clone()),
            tags: self.tags_of(id),
            public_ipv4_pool: Some("amazon".to_owned()),
            network_border_group: Some(place.region.to_string()),
            public_ip: Some(address.public_ip.clone()),
            ..shapes::Address::default()
        }
    }
}

impl Filterable for shapes::Address {
    const HAS_TAGS: bool = true;

    fn tags(&self) -> &[shapes::Tag] {
        self.tags.as_deref().unwrap_or_default()
    }

    fn values(&self, filter: &str) -> Option<Vec<String>> {
        Some(match filter {
            "allocation-id" => one(&self.allocation_id),
            "association-id" => one(&self.association_id),
            "domain" => one(&self.domain),
            "network-border-group" => one(&self.network_border_group),
            "network-interface-id" => one(&self.network_interface_id),
            "private-ip-address" => one(&self.private_ip_address),
            "public-ip" => one(&self.public_ip),
            _ => return None,
        })
    }
}
