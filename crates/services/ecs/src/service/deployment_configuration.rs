//! How deployments go: how many tasks there may and must be meanwhile, and when they are given up.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::generated::types::{DeploymentCircuitBreaker, DeploymentConfiguration, ThresholdConfiguration};

/// A service's deployment configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// Healthy tasks that there are at any time, in percent of the desired count.
    pub minimum_healthy_percent: usize,
    /// Tasks that there are at any time at most, in percent of the desired count.
    pub maximum_percent: usize,
    /// When a deployment is given up.
    pub circuit_breaker: CircuitBreaker,
}

/// When a deployment is given up, and what happens then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    /// Whether it ever is.
    pub enable: bool,
    /// Whether the last completed deployment comes back.
    pub rollback: bool,
    /// Whether a task that does not fail makes the count begin anew.
    pub reset_on_healthy_task: bool,
    /// How many failures it takes.
    pub threshold: Threshold,
    /// The same as the request had it.
    pub threshold_given: bool,
}

/// How many failed tasks make a deployment fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Threshold {
    /// So many.
    Count(usize),
    /// So many percent of the desired count, at least 3 and at most 200.
    BoundedPercent(usize),
    /// So many percent of the desired count, at least 1.
    UnboundedPercent(usize),
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            minimum_healthy_percent: 100,
            maximum_percent: 200,
            circuit_breaker: CircuitBreaker::default(),
        }
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            enable: false,
            rollback: false,
            reset_on_healthy_task: true,
            threshold: Threshold::BoundedPercent(50),
            threshold_given: false,
        }
    }
}

impl Configuration {
    /// The configuration after a request that says `given`: what it does not speak of stays.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`]; [`Error::Client`] for what is not served.
    pub fn changed(&self, given: Option<&DeploymentConfiguration>) -> Result<Self, Error> {
        let Some(given) = given else { return Ok(self.clone()) };
        check_unsupported(given)?;
        let minimum = percent("minimumHealthyPercent", given.minimum_healthy_percent)?;
        let maximum = percent("maximumPercent", given.maximum_percent)?;
        let breaker = given.deployment_circuit_breaker.as_ref().map(CircuitBreaker::parse).transpose()?;
        let changed = Self {
            minimum_healthy_percent: minimum.unwrap_or(self.minimum_healthy_percent),
            maximum_percent: maximum.unwrap_or(self.maximum_percent),
            circuit_breaker: breaker.unwrap_or_else(|| self.circuit_breaker.clone()),
        };
        changed.check()?;
        Ok(changed)
    }

    fn check(&self) -> Result<(), Error> {
        let (minimum, maximum) = (self.minimum_healthy_percent, self.maximum_percent);
        if maximum < 100 {
            return Err(Error::invalid("maximumPercent must be greater than or equal to 100."));
        }
        if minimum > 100 {
            return Err(Error::invalid("minimumHealthyPercent must be less than or equal to 100."));
        }
        if minimum == 100 && maximum == 100 {
            return Err(Error::invalid(
                "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
            ));
        }
        Ok(())
    }

    /// Healthy tasks that a service of `desired` tasks always keeps.
    pub fn least(&self, desired: usize) -> usize {
        desired.saturating_mul(self.minimum_healthy_percent).div_ceil(100)
    }

    /// Tasks that a service of `desired` tasks never goes beyond.
    pub fn most(&self, desired: usize) -> usize {
        desired.saturating_mul(self.maximum_percent) / 100
    }

    /// The configuration as answers show it.
    pub fn shape(&self) -> DeploymentConfiguration {
        DeploymentConfiguration {
            deployment_circuit_breaker: Some(self.circuit_breaker.shape()),
            maximum_percent: i64::try_from(self.maximum_percent).ok(),
            minimum_healthy_percent: i64::try_from(self.minimum_healthy_percent).ok(),
            strategy: Some("ROLLING".to_owned()),
            bake_time_in_minutes: Some(0),
            ..DeploymentConfiguration::default()
        }
    }
}

impl CircuitBreaker {
    fn parse(given: &DeploymentCircuitBreaker) -> Result<Self, Error> {
        let threshold = given.threshold_configuration.as_ref().map(Threshold::parse).transpose()?;
        Ok(Self {
            enable: given.enable,
            rollback: given.rollback,
            reset_on_healthy_task: given.reset_on_healthy_task.unwrap_or(true),
            threshold: threshold.unwrap_or(Threshold::BoundedPercent(50)),
            threshold_given: threshold.is_some(),
        })
    }

    fn shape(&self) -> DeploymentCircuitBreaker {
        DeploymentCircuitBreaker {
            enable: self.enable,
            rollback: self.rollback,
            reset_on_healthy_task: (!self.reset_on_healthy_task).then_some(false),
            threshold_configuration: self.threshold_given.then(|| self.threshold.shape()),
        }
    }
}

impl Threshold {
    fn parse(given: &ThresholdConfiguration) -> Result<Self, Error> {
        let value = usize::try_from(given.value).ok().filter(|value| *value > 0);
        let value =
            value.ok_or_else(|| Error::invalid("thresholdConfiguration value must be greater than 0."))?;
        match given.r#type.as_str() {
            "COUNT" => Ok(Self::Count(value)),
            "UNBOUNDED_PERCENT" => Ok(Self::UnboundedPercent(value)),
            "BOUNDED_PERCENT" => Ok(Self::BoundedPercent(value)),
            _ => Err(Error::invalid("thresholdConfiguration type is not valid.")),
        }
    }

    /// Failures that a deployment of `desired` tasks does not survive.
    pub fn failures(self, desired: usize) -> usize {
        let share = |percent: usize| desired.saturating_mul(percent).div_ceil(100);
        match self {
            Self::Count(count) => count,
            Self::BoundedPercent(percent) => share(percent).clamp(3, 200),
            Self::UnboundedPercent(percent) => share(percent).max(1),
        }
    }

    fn shape(self) -> ThresholdConfiguration {
        let (kind, value) = match self {
            Self::Count(count) => ("COUNT", count),
            Self::BoundedPercent(percent) => ("BOUNDED_PERCENT", percent),
            Self::UnboundedPercent(percent) => ("UNBOUNDED_PERCENT", percent),
        };
        ThresholdConfiguration { r#type: kind.to_owned(), value: i64::try_from(value).unwrap_or(i64::MAX) }
    }
}

fn percent(name: &str, given: Option<i64>) -> Result<Option<usize>, Error> {
    let number = |given: i64| {
        usize::try_from(given).map_err(|_| Error::invalid(format!("{name} must not be negative.")))
    };
    given.map(number).transpose()
}

fn check_unsupported(given: &DeploymentConfiguration) -> Result<(), Error> {
    if given.alarms.as_ref().is_some_and(|alarms| alarms.enable) {
        return Err(Error::unsupported("deploymentConfiguration.alarms"));
    }
    if let Some(strategy) = given.strategy.as_deref().filter(|strategy| *strategy != "ROLLING") {
        return Err(Error::unsupported(format!("deploymentConfiguration.strategy {strategy}")));
    }
    if given.bake_time_in_minutes.is_some_and(|minutes| minutes != 0) {
        return Err(Error::unsupported("deploymentConfiguration.bakeTimeInMinutes"));
    }
    if given.lifecycle_hooks.as_ref().is_some_and(|hooks| !hooks.is_empty()) {
        return Err(Error::unsupported("deploymentConfiguration.lifecycleHooks"));
    }
    if given.linear_configuration.is_some() {
        return Err(Error::unsupported("deploymentConfiguration.linearConfiguration"));
    }
    if given.canary_configuration.is_some() {
        return Err(Error::unsupported("deploymentConfiguration.canaryConfiguration"));
    }
    if given.early_success_criteria.as_ref().is_some_and(|criteria| criteria.enable) {
        return Err(Error::unsupported("deploymentConfiguration.earlySuccessCriteria"));
    }
    Ok(())
}
