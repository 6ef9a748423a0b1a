//! Looks after one service: reads it and its tasks, has it decided what is to be done, and does that in one batch.

use api::{AwsError, Context, ids};
use serde_json::{Value, json};
use store::{Batch, Range, Versioned};

use crate::Ecs;
use crate::error::Error;
use crate::lifecycle::{self, TaskEvent};
use crate::names::{Scope, TaskDefinitionName};
use crate::placement::Placed;
use crate::service::decide::{self, Effects, StopOrder, decide};
use crate::service::service_task::ServiceTask;
use crate::service::{SERVICE_QUEUE, SERVICES, Service, ServiceEvent, WAKES};
use crate::state_change_events;
use crate::tables::TASK_QUEUE;
use crate::task::{self, StopCode, Task};

impl Ecs {
    /// `internal:KeepService`: decides, and does, what is to be done for the service `{cluster, service}`.
    pub(crate) async fn keep_service(&self, cx: &Context, input: &Value) -> Result<Value, AwsError> {
        let name = |member: &str| input.get(member).and_then(Value::as_str).unwrap_or_default();
        let key = Scope::of(cx).key(&format!("{}/{}", name("cluster"), name("service")));
        loop {
            let (mut batch, mut placed) = (Batch::new(), None);
            // Read before the tasks: a task that changes after this makes the batch fail.
            match self.tables.service_wakes.get(&key).await.map_err(Error::from)? {
                Some(wake) => batch.require_version(WAKES, key.as_str(), wake.version),
                None => batch.require_absent(WAKES, key.as_str()),
            };
            match self.tables.services.get(&key).await.map_err(Error::from)? {
                Some(seen) => placed = self.put_decision(cx, &seen, &mut batch).await?,
                None => {
                    batch.clear_timer(SERVICE_QUEUE, key.as_str());
                }
            }
            if self.commit(batch).await? {
                if let Some(placed) = placed {
                    placed.keep();
                }
                return Ok(json!({}));
            }
        }
    }

    /// Adds to `batch`: what is decided for the service as it was read, and everything that follows from it. New tasks
    /// have their room until the batch is known to be committed or not.
    async fn put_decision(
        &self,
        cx: &Context,
        seen: &Versioned<Service>,
        batch: &mut Batch,
    ) -> Result<Option<Placed<'_>>, Error> {
        let mut service = seen.value.clone();
        let tasks = self.service_tasks(&seen.key).await?;
        let mut effects = decide(&mut service, &tasks, cx.now);
        if effects.is_over {
            batch.require_version(SERVICES, seen.key.as_str(), seen.version);
            self.tables.services.delete(batch, &seen.key);
            self.tables.service_wakes.delete(batch, &seen.key);
            batch.clear_timer(SERVICE_QUEUE, seen.key.as_str());
            return Ok(None);
        }
        for order in &effects.stops {
            self.put_stop(cx, &service, order, batch).await?;
        }
        let placed = match effects.starts {
            0 => None,
            _ => self.put_starts(cx, &mut service, &mut effects, batch).await?,
        };
        for id in &effects.forgotten {
            self.tables.service_tasks.delete(batch, &format!("{}/{id}", seen.key));
        }
        self.put_service(batch, seen, service, effects, cx);
        Ok(placed)
    }

    /// Adds to `batch`: the service after the decision, what it tells, and when to look again.
    fn put_service(
        &self,
        batch: &mut Batch,
        seen: &Versioned<Service>,
        mut service: Service,
        effects: Effects,
        cx: &Context,
    ) {
        for message in effects.messages {
            service.note(ServiceEvent { id: ids::uuid(), at: cx.now, message });
        }
        state_change_events::put_announcements(batch, &mut service, &effects.announcements);
        if service == seen.value {
            batch.require_version(SERVICES, seen.key.as_str(), seen.version);
        } else {
            self.tables.services.replace(batch, seen, &service);
        }
        match effects.next {
            Some(due) => batch.set_timer(SERVICE_QUEUE, seen.key.as_str(), due, Vec::new()),
            None => batch.clear_timer(SERVICE_QUEUE, seen.key.as_str()),
        };
    }

    async fn put_starts(
        &self,
        cx: &Context,
        service: &mut Service,
        effects: &mut Effects,
        batch: &mut Batch,
    ) -> Result<Option<Placed<'_>>, Error> {
        let tasks = match self.service_tasks_to_start(cx, service, effects.starts).await {
            Ok(tasks) => tasks,
            Err(error @ (Error::Store(_) | Error::Neighbour(_))) => return Err(error),
            Err(error) => {
                decide::not_placed(service, &error.to_string(), cx.now, effects);
                return Ok(None);
            }
        };
        let placed = self.agent.placement.place(tasks);
        self.put_new_tasks(batch, &placed.tasks, cx.now);
        if !placed.tasks.is_empty() {
            let ids: Vec<&str> = placed.tasks.iter().map(|task| task.id.as_str()).collect();
            decide::started(service, &ids, effects);
        }
        if let Some(reason) = placed.failures.first().and_then(|failure| failure.reason.as_deref()) {
            decide::not_placed(service, reason, cx.now, effects);
        }
        Ok(Some(placed))
    }

    /// The tasks that the primary deployment of a service starts now. A task definition that was deregistered meanwhile
    /// still serves: the service goes on with it.
    pub(crate) async fn service_tasks_to_start(
        &self,
        cx: &Context,
        service: &Service,
        count: usize,
    ) -> Result<Vec<Task>, Error> {
        let Some(primary) = service.primary() else { return Ok(Vec::new()) };
        let cluster = self.active_cluster(cx, Some(service.cluster())).await?.value;
        let name = TaskDefinitionName::parse(cx, &primary.revision.task_definition)?;
        let definition = self.find_definition(cx, &name).await?.ok_or(Error::TaskDefinitionNotFound)?.value;
        let request = service.run_task(primary, count);
        let mut tasks = self.plan_tasks(cx, &request, &cluster, &definition).await?;
        for task in &mut tasks {
            task.service = Some(service.name.clone());
            if service.enable_ecs_managed_tags {
                task.tags.insert("aws:ecs:serviceName".to_owned(), service.name.clone());
            }
        }
        self.inside.roles.assume_all(&tasks).await?;
        Ok(tasks)
    }

    async fn put_stop(
        &self,
        cx: &Context,
        service: &Service,
        order: &StopOrder,
        batch: &mut Batch,
    ) -> Result<(), Error> {
        let key = task::key(&service.account, &service.region, service.cluster(), &order.id);
        let Some(seen) = self.tables.tasks.get(&key).await? else { return Ok(()) };
        let mut task = seen.value.clone();
        let event = TaskEvent::StopRequested {
            code: StopCode::ServiceSchedulerInitiated,
            reason: order.reason.clone(),
        };
        let changes = lifecycle::advance(&mut task, event, cx.now);
        if !changes.is_empty() {
            self.agent.replace(batch, &seen, &task, &changes);
            // Setting the timer anew wakes whoever looks after the task.
            batch.set_timer(TASK_QUEUE, task.key(), cx.now, Vec::new());
        }
        Ok(())
    }

    /// What the service with that key knows of its tasks.
    pub(crate) async fn service_tasks(&self, key: &str) -> Result<Vec<ServiceTask>, Error> {
        let tasks = self.tables.service_tasks.list(Range::prefix(&format!("{key}/"))).await?;
        Ok(tasks.into_iter().map(|task| task.value).collect())
    }
}
