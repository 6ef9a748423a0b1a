//! Amazon EC2 as far as tasks need it: VPCs, subnets, security groups and what belongs to them, as metadata.
//!
//! An account has a default VPC with three subnets in every region from the beginning. Nothing here makes a network: what
//! a task's network really is, is the container driver's. There are no instances, images or volumes.

mod address;
mod cidr;
mod error;
mod filter;
pub mod generated;
mod ids;
mod internet_gateway;
pub mod limits;
mod nat_gateway;
mod network;
mod operations;
mod page;
mod route_table;
mod security_group;
mod security_group_rule;
mod subnet;
mod tag;
mod vpc;
mod zones;

use std::sync::Arc;

use api::model::ServiceModel;
use api::{AwsError, Context, Service};
use futures_util::future::BoxFuture;
use serde_json::Value;
use store::{Batch, Collection, Store, Versioned};

pub use error::Error;
use network::{Network, Place};

/// How often a change is tried that others overtake.
const ATTEMPTS: usize = 32;

/// The service `ec2`.
#[derive(Clone)]
pub struct Ec2 {
    store: Arc<dyn Store>,
    /// `ACCOUNT/REGION`: everything there.
    networks: Collection<Network>,
}

impl Ec2 {
    /// The service on `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { networks: Collection::new(Arc::clone(&store), "ec2/network"), store }
    }

    /// Looks at the caller's network.
    async fn read<T>(
        &self,
        cx: &Context,
        look: impl FnOnce(&Network, Place<'_>) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        look(&self.network(cx).await?.value, place(cx))
    }

    /// Changes the caller's network: durably, or not at all. `change` may be called again on a newer one.
    async fn change<I: Clone, T>(
        &self,
        cx: &Context,
        input: I,
        change: impl Fn(&mut Network, Place<'_>, I) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        for _ in 0..ATTEMPTS {
            let seen = self.network(cx).await?;
            let mut network = seen.value.clone();
            let answer = change(&mut network, place(cx), input.clone())?;
            let mut batch = Batch::new();
            self.networks.replace(&mut batch, &seen, &network);
            match self.store.submit(batch).durable().await {
                Ok(_) => return Ok(answer),
                Err(store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Concurrent)
    }

    /// Makes a resource of the caller's network: once, however often a request with a client token or another idempotency
    /// key comes.
    async fn make<I: Clone, T>(
        &self,
        cx: &Context,
        input: I,
        client_token: Option<String>,
        make: impl Fn(&mut Network, Place<'_>, I) -> Result<String, Error> + Send + Sync,
        shown: impl Fn(&Network, Place<'_>, &str) -> T + Send + Sync,
    ) -> Result<T, Error> {
        let key = client_token.or_else(|| cx.idempotency_key.clone());
        self.change(cx, input, |network, place, input| {
            let made = key.as_ref().and_then(|key| network.requests.get(key)).cloned();
            let id = match made {
                Some(made) => made,
                None => make(network, place, input)?,
            };
            network.requests.extend(key.clone().map(|key| (key, id.clone())));
            Ok(shown(network, place, &id))
        })
        .await
    }

    /// What is in the caller's account and region, made where nobody has looked yet.
    async fn network(&self, cx: &Context) -> Result<Versioned<Network>, Error> {
        let key = format!("{}/{}", cx.account, cx.region);
        loop {
            if let Some(network) = self.networks.get(&key).await? {
                return Ok(network);
            }
            let mut batch = Batch::new();
            self.networks.create(&mut batch, &key, &Network::new(place(cx)));
            match self.store.submit(batch).durable().await {
                Ok(_) | Err(store::Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn place(cx: &Context) -> Place<'_> {
    Place {
        account: &cx.account,
        region: &cx.region,
        now: cx.now,
        may_change_reserved_tags: cx.principal.may_change_reserved_tags(),
    }
}

impl Service for Ec2 {
    fn name(&self) -> &'static str {
        "ec2"
    }

    fn model(&self) -> &'static ServiceModel {
        &generated::model::MODEL
    }

    fn serve<'a>(
        &'a self,
        cx: &'a Context,
        operation: &'a str,
        input: Value,
    ) -> BoxFuture<'a, Result<Value, AwsError>> {
        Box::pin(async move {
            // Who asks whether it may is told, before anything is looked at.
            if input.get("DryRun") == Some(&Value::Bool(true)) {
                return Err(Error::DryRun.into());
            }
            generated::operations::dispatch(self, cx, operation, input).await
        })
    }
}
