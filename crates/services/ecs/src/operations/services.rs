//! CreateService, UpdateService, DescribeServices, ListServices, DeleteService.

use api::Context;
use store::{Batch, Range, Versioned};

use super::clusters::missing;
use crate::Ecs;
use crate::error::Error;
use crate::generated::types::{
    self as shapes, CreateServiceInput, CreateServiceOutput, DeleteServiceInput, DeleteServiceOutput,
    DescribeServicesInput, DescribeServicesOutput, ListServicesInput, ListServicesOutput, UpdateServiceInput,
    UpdateServiceOutput,
};
use crate::limits;
use crate::names::{self, Scope};
use crate::page::{Page, Results};
use crate::service::{SERVICE_QUEUE, Service, ServiceStatus, announcement, request, shape::service as shape};
use crate::state_change_events;
use crate::tables::CLUSTERS;

impl Ecs {
    /// CreateService: returns the service that the same request has made already.
    pub(crate) async fn create_service_of(
        &self,
        cx: &Context,
        input: CreateServiceInput,
    ) -> Result<CreateServiceOutput, Error> {
        request::check_create(&input)?;
        loop {
            let known = self.active_cluster(cx, input.cluster.as_deref()).await?;
            let (cluster_version, cluster) = (known.version, known.value);
            let key = Scope::of(cx).key(&format!("{}/{}", cluster.name, input.service_name));
            let seen = self.tables.services.get(&key).await?;
            if let Some(seen) = &seen
                && is_the_same(&seen.value, &input)?
            {
                return Ok(CreateServiceOutput { service: Some(self.shape_of(seen, true).await?) });
            }
            let name = input.task_definition.as_deref().unwrap_or_default();
            let definition = self.definition_to_run(cx, name).await?;
            let mut service = request::create(cx, &input, &cluster, &definition)?;
            // What no task could be started with is refused now.
            self.service_tasks_to_start(cx, &service, 1).await?;
            service.announced = seen.as_ref().map_or(0, |seen| seen.value.announced);
            let mut batch = Batch::new();
            // A cluster that is deleted at the same time has either the service in it or not.
            batch.require_version(CLUSTERS, known.key.as_str(), cluster_version);
            put_beginning(&mut batch, &mut service, cx);
            match &seen {
                Some(seen) => self.tables.services.replace(&mut batch, seen, &service),
                None => self.tables.services.create(&mut batch, &key, &service),
            }
            if self.commit(batch).await? {
                return Ok(CreateServiceOutput { service: Some(shape(&service, &[], true)) });
            }
        }
    }

    /// UpdateService: what the request does not speak of stays; what tasks are started with makes a new deployment.
    pub(crate) async fn update_service_of(
        &self,
        cx: &Context,
        input: UpdateServiceInput,
    ) -> Result<UpdateServiceOutput, Error> {
        request::check_update(&input)?;
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value.name;
        loop {
            let seen =
                self.find_service(cx, &cluster, &input.service).await?.ok_or(Error::ServiceNotFound)?;
            if seen.value.status != ServiceStatus::Active {
                return Err(Error::ServiceNotActive);
            }
            let definition = match &input.task_definition {
                Some(name) => Some(self.definition_to_run(cx, name).await?),
                None => None,
            };
            let mut service = request::update(cx, &input, &seen.value, definition.as_ref())?;
            let mut batch = Batch::new();
            if service.deployments.len() > seen.value.deployments.len() {
                self.service_tasks_to_start(cx, &service, 1).await?;
                put_beginning(&mut batch, &mut service, cx);
            }
            batch.set_timer(SERVICE_QUEUE, seen.key.as_str(), cx.now, Vec::new());
            self.tables.services.replace(&mut batch, &seen, &service);
            if self.commit(batch).await? {
                let tasks = self.service_tasks(&seen.key).await?;
                return Ok(UpdateServiceOutput { service: Some(shape(&service, &tasks, true)) });
            }
        }
    }

    /// DeleteService: the tasks are stopped behind; the service can be described for an hour after that.
    pub(crate) async fn delete_service_of(
        &self,
        cx: &Context,
        input: DeleteServiceInput,
    ) -> Result<DeleteServiceOutput, Error> {
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value.name;
        loop {
            let seen =
                self.find_service(cx, &cluster, &input.service).await?.ok_or(Error::ServiceNotFound)?;
            let mut service = seen.value.clone();
            match service.status {
                ServiceStatus::Inactive { .. } => return Err(Error::ServiceNotFound),
                ServiceStatus::Draining => {
                    return Ok(DeleteServiceOutput { service: Some(self.shape_of(&seen, true).await?) });
                }
                ServiceStatus::Active if service.desired_count > 0 && input.force != Some(true) => {
                    return Err(Error::ServiceScaledAboveZero);
                }
                ServiceStatus::Active => {}
            }
            service.status = ServiceStatus::Draining;
            service.desired_count = 0;
            let mut batch = Batch::new();
            self.tables.services.replace(&mut batch, &seen, &service);
            batch.set_timer(SERVICE_QUEUE, seen.key.as_str(), cx.now, Vec::new());
            if self.commit(batch).await? {
                let tasks = self.service_tasks(&seen.key).await?;
                return Ok(DeleteServiceOutput { service: Some(shape(&service, &tasks, true)) });
            }
        }
    }

    /// DescribeServices.
    pub(crate) async fn describe_services_of(
        &self,
        cx: &Context,
        input: DescribeServicesInput,
    ) -> Result<DescribeServicesOutput, Error> {
        if input.services.is_empty() {
            return Err(Error::invalid("Services cannot be empty."));
        }
        if input.services.len() > limits::SERVICES_DESCRIBED_AT_ONCE {
            return Err(Error::invalid("Services cannot have more than 10 elements"));
        }
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value.name;
        let with_tags = input.include.iter().flatten().any(|include| include == "TAGS");
        let (mut services, mut failures) = (Vec::new(), Vec::new());
        for text in &input.services {
            match self.find_service(cx, &cluster, text).await? {
                Some(found) => services.push(self.shape_of(&found, with_tags).await?),
                None => failures.push(missing(cx, &format!("service/{cluster}"), text)),
            }
        }
        Ok(DescribeServicesOutput { services: Some(services), failures: Some(failures) })
    }

    /// ListServices: those that have not gone, ten at a time unless the request says how many.
    pub(crate) async fn list_services_of(
        &self,
        cx: &Context,
        input: ListServicesInput,
    ) -> Result<ListServicesOutput, Error> {
        let mut page = Page::parse(input.max_results, input.next_token.as_deref())?;
        if input.max_results.is_none() {
            page.limit = limits::SERVICE_PAGE;
        }
        let cluster = self.active_cluster(cx, input.cluster.as_deref()).await?.value.name;
        let prefix = Scope::of(cx).key(&format!("{cluster}/"));
        let range = Range { after: page.after.as_deref(), ..Range::prefix(&prefix) };
        let mut results = Results::new(&page);
        for service in self.tables.services.list(range).await? {
            if is_listed(&service.value, &input) && !results.push(&service.key, service.value.arn) {
                break;
            }
        }
        let (service_arns, next_token) = results.finish();
        Ok(ListServicesOutput { service_arns: Some(service_arns), next_token })
    }

    /// The service that a request means, by its name or its ARN.
    pub(crate) async fn find_service(
        &self,
        cx: &Context,
        cluster: &str,
        text: &str,
    ) -> Result<Option<Versioned<Service>>, Error> {
        let Some(name) = names::service_name(cx, cluster, text)? else { return Ok(None) };
        Ok(self.tables.services.get(&Scope::of(cx).key(&format!("{cluster}/{name}"))).await?)
    }

    /// The services of a cluster that have not gone.
    pub(crate) async fn services_of(&self, cx: &Context, cluster: &str) -> Result<Vec<Service>, Error> {
        let prefix = Scope::of(cx).key(&format!("{cluster}/"));
        let services = self.tables.services.list(Range::prefix(&prefix)).await?.into_iter();
        let present = |service: &Service| !matches!(service.status, ServiceStatus::Inactive { .. });
        Ok(services.map(|service| service.value).filter(present).collect())
    }

    async fn shape_of(
        &self,
        service: &Versioned<Service>,
        with_tags: bool,
    ) -> Result<shapes::Service, Error> {
        let tasks = self.service_tasks(&service.key).await?;
        Ok(shape(&service.value, &tasks, with_tags))
    }
}

/// Adds to `batch`: that the service's newest deployment begins, and the wish to have it looked after.
fn put_beginning(batch: &mut Batch, service: &mut Service, cx: &Context) {
    let begun = service.primary().map(|primary| announcement::deployment(primary, cx.now));
    state_change_events::put_announcements(batch, service, begun.as_slice());
    batch.set_timer(SERVICE_QUEUE, service.key(), cx.now, Vec::new());
}

/// Whether the service is what the request has made already; it cannot be made where it is anything else and still there.
fn is_the_same(service: &Service, input: &CreateServiceInput) -> Result<bool, Error> {
    match service.status {
        ServiceStatus::Active if service.request == request::remembered(input) => Ok(true),
        ServiceStatus::Active => Err(Error::ServiceNotIdempotent),
        ServiceStatus::Draining => Err(Error::invalid("Unable to Start a service that is still Draining.")),
        ServiceStatus::Inactive { .. } => Ok(false),
    }
}

fn is_listed(service: &Service, input: &ListServicesInput) -> bool {
    let launch_type = service.primary().and_then(|primary| primary.revision.launch_type.as_deref());
    let launch_type = launch_type.unwrap_or("FARGATE");
    !matches!(service.status, ServiceStatus::Inactive { .. })
        && input.launch_type.as_deref().is_none_or(|wanted| wanted == launch_type)
        && input.scheduling_strategy.as_deref().is_none_or(|wanted| wanted == "REPLICA")
        && input.resource_management_type.as_deref().is_none_or(|wanted| wanted == "CUSTOMER")
}
