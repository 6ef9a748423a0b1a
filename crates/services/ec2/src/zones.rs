//! Regions and their Availability Zones.

use types::Region;

use crate::error::Error;
use crate::filter::{Filterable, Filters};
use crate::generated::types as shapes;

/// The letters of a region's zones. AWS's regions have two to six; here all have three.
pub const LETTERS: [&str; 3] = ["a", "b", "c"];

/// The regions that DescribeRegions lists: those that every account may use without asking.
const REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// An Availability Zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Such as `us-east-1a`.
    pub name: String,
    /// Such as `use1-az1`.
    pub id: String,
}

/// The zones of a region.
pub fn of(region: &Region) -> [Zone; 3] {
    let short = short(region.as_str());
    let mut number = 0;
    LETTERS.map(|letter| {
        number += 1;
        Zone { name: format!("{region}{letter}"), id: format!("{short}-az{number}") }
    })
}

/// A region's name as zone ids begin: `us-east-1` is `use1`.
fn short(region: &str) -> String {
    let direction = |word: &str| match word {
        "northeast" => "ne".to_owned(),
        "southeast" => "se".to_owned(),
        "northwest" => "nw".to_owned(),
        "southwest" => "sw".to_owned(),
        "gov" => "g".to_owned(),
        word => word.chars().take(1).collect(),
    };
    let mut words = region.split('-');
    let place = words.next().unwrap_or_default().to_owned();
    words.fold(place, |short, word| match word.parse::<u32>() {
        Ok(number) => format!("{short}{number}"),
        Err(_) => short + &direction(word),
    })
}

/// DescribeAvailabilityZones.
///
/// # Errors
/// [`Error::InvalidZone`], [`Error::InvalidFilter`].
pub fn describe(
    region: &Region,
    input: shapes::DescribeAvailabilityZonesInput,
) -> Result<shapes::DescribeAvailabilityZonesOutput, Error> {
    let filters = Filters::<shapes::AvailabilityZone>::parse(input.filters)?;
    let zones = of(region);
    let (names, ids) = (input.zone_names.unwrap_or_default(), input.zone_ids.unwrap_or_default());
    if let Some(name) = names.iter().find(|name| !zones.iter().any(|zone| zone.name == **name)) {
        return Err(Error::InvalidZone(name.clone()));
    }
    if let Some(id) = ids.iter().find(|id| !zones.iter().any(|zone| zone.id == **id)) {
        return Err(Error::InvalidZone(id.clone()));
    }
    let wanted = |zone: &Zone| {
        (names.is_empty() || names.contains(&zone.name)) && (ids.is_empty() || ids.contains(&zone.id))
    };
    let shown = zones.into_iter().filter(wanted).map(|zone| shown(region, zone));
    Ok(shapes::DescribeAvailabilityZonesOutput { availability_zones: Some(filters.select(shown)) })
}

fn shown(region: &Region, zone: Zone) -> shapes::AvailabilityZone {
    shapes::AvailabilityZone {
        opt_in_status: Some("opt-in-not-required".to_owned()),
        messages: Some(Vec::new()),
        region_name: Some(region.to_string()),
        zone_name: Some(zone.name),
        zone_id: Some(zone.id),
        group_name: Some(format!("{region}-zg-1")),
        network_border_group: Some(region.to_string()),
        zone_type: Some("availability-zone".to_owned()),
        state: Some("available".to_owned()),
        ..shapes::AvailabilityZone::default()
    }
}

/// DescribeRegions.
///
/// # Errors
/// [`Error::InvalidRegion`], [`Error::InvalidFilter`].
pub fn regions(input: shapes::DescribeRegionsInput) -> Result<shapes::DescribeRegionsOutput, Error> {
    let filters = Filters::<shapes::Region>::parse(input.filters)?;
    let names = input.region_names.unwrap_or_default();
    if let Some(name) = names.iter().find(|name| !REGIONS.contains(&name.as_str())) {
        return Err(Error::InvalidRegion(name.clone()));
    }
    let wanted =
        REGIONS.into_iter().filter(|region| names.is_empty() || names.iter().any(|name| name == region));
    let regions = wanted.map(|region| shapes::Region {
        opt_in_status: Some("opt-in-not-required".to_owned()),
        region_name: Some(region.to_owned()),
        endpoint: Some(format!("ec2.{region}.amazonaws.com")),
        ..shapes::Region::default()
    });
    Ok(shapes::DescribeRegionsOutput { regions: Some(filters.select(regions)) })
}

impl Filterable for shapes::AvailabilityZone {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        let value = match filter {
            "group-name" => &self.group_name,
            "opt-in-status" => &self.opt_in_status,
            "region-name" => &self.region_name,
            "state" => &self.state,
            "zone-id" => &self.zone_id,
            "zone-name" => &self.zone_name,
            "zone-type" => &self.zone_type,
            _ => return None,
        };
        Some(value.iter().cloned().collect())
    }
}

impl Filterable for shapes::Region {
    fn values(&self, filter: &str) -> Option<Vec<String>> {
        let value = match filter {
            "endpoint" => &self.endpoint,
            "opt-in-status" => &self.opt_in_status,
            "region-name" => &self.region_name,
            _ => return None,
        };
        Some(value.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_ids_begin_as_aws_writes_them() {
        for (region, wanted) in [
            ("us-east-1", "use1"),
            ("eu-central-1", "euc1"),
            ("ap-southeast-2", "apse2"),
            ("ap-northeast-1", "apne1"),
            ("us-gov-west-1", "usgw1"),
        ] {
            assert_eq!(short(region), wanted);
        }
    }
}
