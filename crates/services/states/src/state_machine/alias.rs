//! Aliases of a state machine: names that lead to one of its versions, or to two by chance.
//!
//! Source: Step Functions Developer Guide, "State machine aliases in Step Functions workflows".

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// What the weights of an alias add up to.
pub(crate) const WHOLE: u64 = 100;

/// An alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    /// ARN of the state machine.
    pub(crate) machine: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// One or two, of different versions; their weights add up to [`WHOLE`].
    pub(crate) routes: Vec<Route>,
    pub(crate) creation_date: Timestamp,
    pub(crate) update_date: Timestamp,
}

/// A version that an alias leads to, and how often out of a hundred times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) version: u64,
    pub(crate) weight: u64,
}

impl AliasRecord {
    pub(crate) fn arn(&self) -> String {
        format!("{}:{}", self.machine, self.name)
    }

    /// Whether it leads to the version, be it with a weight of nothing.
    pub(crate) fn leads_to(&self, version: u64) -> bool {
        self.routes.iter().any(|route| route.version == version)
    }

    /// The version that an execution with this seed runs.
    pub(crate) fn route(&self, seed: u64) -> Option<u64> {
        // A seed's highest bits are not random: they are the variant of a UUID.
        let random = u128::from(seed << 8);
        // The upper half of the product is the seed's share of the whole.
        let mut draw = u64::try_from((random * u128::from(WHOLE)) >> 64).unwrap_or(0);
        for route in &self.routes {
            if draw < route.weight {
                return Some(route.version);
            }
            draw -= route.weight;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(weights: &[u64]) -> AliasRecord {
        let routes = weights.iter().zip(1..).map(|(weight, version)| Route { version, weight: *weight });
        AliasRecord {
            machine: "m".to_owned(),
            name: "a".to_owned(),
            description: None,
            routes: routes.collect(),
            creation_date: Timestamp::from_seconds(0),
            update_date: Timestamp::from_seconds(0),
        }
    }

    #[test]
    fn seeds_are_shared_out_by_weight() {
        let alias = alias(&[70, 30]);
        let step = u64::MAX / 10_000;
        let first = (0..10_000).filter(|at| alias.route(at * step) == Some(1)).count();
        assert!((6_950..=7_050).contains(&first), "{first}");
        assert_eq!(alias.route(0), Some(1));
        assert_eq!(alias.route(u64::MAX), Some(2));
    }

    #[test]
    fn random_seeds_are_too() {
        let alias = alias(&[20, 80]);
        let first = (0..20_000).filter(|_| alias.route(api::ids::seed()) == Some(1)).count();
        assert!((3_600..4_400).contains(&first), "{first}");
    }

    #[test]
    fn a_weight_of_nothing_is_never_drawn() {
        for (weights, version) in [(vec![100], 1), (vec![100, 0], 1), (vec![0, 100], 2)] {
            let alias = alias(&weights);
            for seed in [0, 1, u64::MAX / 2, u64::MAX] {
                assert_eq!(alias.route(seed), Some(version));
            }
        }
    }
}
