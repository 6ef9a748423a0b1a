//! CreateCluster, DescribeClusters, ListClusters, UpdateCluster, DeleteCluster.

use api::Context;
use store::{Batch, Range, Versioned};

use crate::Ecs;
use crate::cluster::{self, Cluster, ClusterStatus, Include, TaskCounts};
use crate::error::Error;
use crate::generated::types::{
    CreateClusterInput, CreateClusterOutput, DeleteClusterInput, DeleteClusterOutput, DescribeClustersInput,
    DescribeClustersOutput, Failure, ListClustersInput, ListClustersOutput, UpdateClusterInput,
    UpdateClusterOutput,
};
use crate::limits;
use crate::names::{self, Scope};
use crate::page::{Page, Results};
use crate::tables::IndexEntry;
use crate::tag;
use crate::task::{LaunchType, Status};

impl Ecs {
    /// CreateCluster: returns the cluster that there is already, and revives one that was deleted.
    pub(crate) async fn create(
        &self,
        cx: &Context,
        input: CreateClusterInput,
    ) -> Result<CreateClusterOutput, Error> {
        let made = new_cluster(cx, input)?;
        let key = Scope::of(cx).key(&made.name);
        loop {
            let seen = self.tables.clusters.get(&key).await?;
            let mut batch = Batch::new();
            match &seen {
                Some(seen) if seen.value.status == ClusterStatus::Active => {
                    let counts = self.task_counts(cx, &made.name).await?;
                    return Ok(CreateClusterOutput { cluster: Some(seen.value.shape(counts, Include::ALL)) });
                }
                Some(seen) => self.tables.clusters.replace(&mut batch, seen, &made),
                None => self.tables.clusters.create(&mut batch, &key, &made),
            }
            if self.commit(batch).await? {
                let cluster = made.shape(TaskCounts::default(), Include::ALL);
                return Ok(CreateClusterOutput { cluster: Some(cluster) });
            }
        }
    }

    /// DescribeClusters.
    pub(crate) async fn describe_all(
        &self,
        cx: &Context,
        input: DescribeClustersInput,
    ) -> Result<DescribeClustersOutput, Error> {
        let asked = input.clusters.filter(|asked| !asked.is_empty());
        let asked = asked.unwrap_or_else(|| vec!["default".to_owned()]);
        if asked.len() > limits::DESCRIBED_AT_ONCE {
            return Err(Error::invalid("Clusters cannot have more than 100 elements"));
        }
        let include = Include::parse(input.include.as_deref());
        let (mut clusters, mut failures) = (Vec::new(), Vec::new());
        for text in asked {
            match self.find_cluster(cx, Some(&text)).await {
                Ok(found) => {
                    let counts = self.task_counts(cx, &found.value.name).await?;
                    clusters.push(found.value.shape(counts, include));
                }
                Err(Error::ClusterNotFound) => failures.push(missing(cx, "cluster", &text)),
                Err(error) => return Err(error),
            }
        }
        Ok(DescribeClustersOutput { clusters: Some(clusters), failures: Some(failures) })
    }

    /// ListClusters.
    pub(crate) async fn list(
        &self,
        cx: &Context,
        input: ListClustersInput,
    ) -> Result<ListClustersOutput, Error> {
        let page = Page::parse(input.max_results, input.next_token.as_deref())?;
        let prefix = Scope::of(cx).prefix();
        let range = Range { after: page.after.as_deref(), ..Range::prefix(&prefix) };
        let mut results = Results::new(&page);
        for cluster in self.tables.clusters.list(range).await? {
            let active = cluster.value.status == ClusterStatus::Active;
            if active && !results.push(&cluster.key, cluster.value.arn) {
                break;
            }
        }
        let (cluster_arns, next_token) = results.finish();
        Ok(ListClustersOutput { cluster_arns: Some(cluster_arns), next_token })
    }

    /// UpdateCluster: what the request does not speak of stays.
    pub(crate) async fn update(
        &self,
        cx: &Context,
        input: UpdateClusterInput,
    ) -> Result<UpdateClusterOutput, Error> {
        if input.service_connect_defaults.is_some() {
            return Err(Error::unsupported("serviceConnectDefaults"));
        }
        loop {
            let seen = self.active_cluster(cx, Some(&input.cluster)).await?;
            let mut cluster = seen.value.clone();
            if input.settings.is_some() {
                cluster.settings = cluster::settings(input.settings.as_deref())?;
            }
            if input.configuration.is_some() {
                cluster.configuration.clone_from(&input.configuration);
            }
            let mut batch = Batch::new();
            self.tables.clusters.replace(&mut batch, &seen, &cluster);
            if self.commit(batch).await? {
                let counts = self.task_counts(cx, &cluster.name).await?;
                return Ok(UpdateClusterOutput { cluster: Some(cluster.shape(counts, Include::ALL)) });
            }
        }
    }

    /// DeleteCluster: refuses while services or tasks are active.
    pub(crate) async fn delete(
        &self,
        cx: &Context,
        input: DeleteClusterInput,
    ) -> Result<DeleteClusterOutput, Error> {
        loop {
            let seen = self.find_cluster(cx, Some(&input.cluster)).await?;
            let mut cluster = seen.value.clone();
            if !self.services_of(cx, &cluster.name).await?.is_empty() {
                return Err(Error::ClusterContainsServices);
            }
            if self.has_active_tasks(cx, &cluster.name).await? {
                return Err(Error::ClusterContainsTasks);
            }
            cluster.status = ClusterStatus::Inactive;
            let mut batch = Batch::new();
            self.tables.clusters.replace(&mut batch, &seen, &cluster);
            if self.commit(batch).await? {
                let cluster = cluster.shape(TaskCounts::default(), Include::default());
                return Ok(DeleteClusterOutput { cluster: Some(cluster) });
            }
        }
    }

    /// The cluster that a request means, deleted or not.
    pub(crate) async fn find_cluster(
        &self,
        cx: &Context,
        cluster: Option<&str>,
    ) -> Result<Versioned<Cluster>, Error> {
        let key = Scope::of(cx).key(&names::cluster_name(cx, cluster)?);
        self.tables.clusters.get(&key).await?.ok_or(Error::ClusterNotFound)
    }

    /// The cluster that a request means, which must be active.
    pub(crate) async fn active_cluster(
        &self,
        cx: &Context,
        cluster: Option<&str>,
    ) -> Result<Versioned<Cluster>, Error> {
        let found = self.find_cluster(cx, cluster).await?;
        match found.value.status {
            ClusterStatus::Active => Ok(found),
            ClusterStatus::Inactive => Err(Error::ClusterNotFound),
        }
    }

    async fn task_counts(&self, cx: &Context, cluster: &str) -> Result<TaskCounts, Error> {
        let mut counts = TaskCounts::default();
        let prefix = Scope::of(cx).key(&format!("{cluster}/"));
        for IndexEntry { launch_type, status, .. } in
            self.tables.index.list(Range::prefix(&prefix)).await?.into_iter().map(|entry| entry.value)
        {
            let count = match (status, launch_type) {
                (Status::Running, LaunchType::Ec2) => &mut counts.running_ec2,
                (Status::Running, LaunchType::Fargate) => &mut counts.running_fargate,
                (Status::Provisioning | Status::Pending | Status::Activating, LaunchType::Ec2) => {
                    &mut counts.pending_ec2
                }
                (Status::Provisioning | Status::Pending | Status::Activating, LaunchType::Fargate) => {
                    &mut counts.pending_fargate
                }
                (Status::Stopping | Status::Deprovisioning | Status::Stopped, _) => continue,
            };
            *count += 1;
        }
        for service in self.services_of(cx, cluster).await? {
            *counts.of_service(&service) += 1;
        }
        Ok(counts)
    }

    async fn has_active_tasks(&self, cx: &Context, cluster: &str) -> Result<bool, Error> {
        let prefix = Scope::of(cx).key(&format!("{cluster}/"));
        let tasks = self.tables.index.list(Range::prefix(&prefix)).await?;
        Ok(tasks.iter().any(|task| task.value.status != Status::Stopped))
    }
}

/// The failure for something that does not exist.
pub(crate) fn missing(cx: &Context, kind: &str, text: &str) -> Failure {
    let arn = if text.starts_with("arn:") {
        text.to_owned()
    } else {
        cx.arn("ecs", format!("{kind}/{text}")).to_string()
    };
    Failure { arn: Some(arn), reason: Some("MISSING".to_owned()), detail: None }
}

fn new_cluster(cx: &Context, input: CreateClusterInput) -> Result<Cluster, Error> {
    let name = input.cluster_name.filter(|name| !name.is_empty()).unwrap_or_else(|| "default".to_owned());
    if name.len() > limits::NAME_CHARACTERS {
        return Err(Error::invalid("Cluster name should be at most 255 characters long."));
    }
    if !names::is_name(&name) {
        return Err(Error::invalid(
            "Invalid parameter at 'clusterName': only letters, numbers, hyphens and underscores are allowed.",
        ));
    }
    if input.service_connect_defaults.is_some() {
        return Err(Error::unsupported("serviceConnectDefaults"));
    }
    let capacity_providers = input.capacity_providers.unwrap_or_default();
    let default_strategy = input.default_capacity_provider_strategy.unwrap_or_default();
    cluster::check_capacity_providers(&capacity_providers, &default_strategy)?;
    Ok(Cluster {
        arn: cx.arn("ecs", format!("cluster/{name}")).to_string(),
        name,
        status: ClusterStatus::Active,
        settings: cluster::settings(input.settings.as_deref())?,
        configuration: input.configuration,
        capacity_providers,
        default_strategy,
        tags: tag::parse(input.tags.as_deref())?,
    })
}
