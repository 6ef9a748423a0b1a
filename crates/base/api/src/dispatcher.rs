//! Authorise, validate, serve, audit: what happens to every call, in this order.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use clock::Clock;
use serde_json::Value;
use types::{AccountId, Region};

use crate::authorize::authorize;
use crate::call::is_internal;
use crate::model::ServiceModel;
use crate::service::{Context, Reply, Service};
use crate::validation::validate;
use crate::watch::{Occurrence, Watcher};
use crate::{AwsError, Body, Call};

type Services = BTreeMap<&'static str, Arc<dyn Service>>;

/// The door. Cheap to clone; clones lead to the same services.
#[derive(Clone)]
pub struct Dispatcher {
    services: Arc<OnceLock<Services>>,
    clock: Clock,
    watcher: Arc<Watcher>,
}

impl Dispatcher {
    /// A door with nothing behind it yet.
    pub fn new(clock: Clock) -> Self {
        Self { services: Arc::default(), clock, watcher: Arc::default() }
    }

    /// Puts the services behind the door, once. Services are made with a clone of the dispatcher and installed after.
    ///
    /// # Panics
    /// Where services were installed before: that is a mistake in the wiring.
    pub fn install(&self, services: impl IntoIterator<Item = Arc<dyn Service>>) {
        let services = services.into_iter().map(|service| (service.name(), service)).collect();
        assert!(self.services.set(services).is_ok(), "services are installed once");
    }

    /// The clock that calls are timed by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Has what becomes of schedules' occurrences told to `tell`, unless it is told to somebody already. It must not wait.
    pub fn watch(&self, tell: impl Fn(Occurrence<'_>) + Send + Sync + 'static) {
        self.watcher.set(tell);
    }

    /// Tells whoever watches what became of an occurrence, once that is durable.
    pub fn tell(&self, occurrence: Occurrence<'_>) {
        self.watcher.tell(occurrence);
    }

    /// The models of all services, for whoever speaks their protocols.
    pub fn models(&self) -> impl Iterator<Item = &'static ServiceModel> {
        self.services.get().into_iter().flatten().map(|(_, service)| service.model())
    }

    /// The folder that large bodies for the service of that name are spooled to.
    pub fn spool_folder(&self, service: &str) -> Option<&Path> {
        self.service(service)?.spool_folder()
    }

    /// Whether a call of that operation need not be served to its end once its caller has gone.
    pub fn ends_with_its_caller(&self, service: &str, operation: &str) -> bool {
        self.service(service).is_some_and(|service| service.ends_with_its_caller(operation))
    }

    /// Whether an event, put on the default bus of that place now, may reach anybody. Who would keep an event durably in
    /// order to put it asks first: most are wanted by no rule.
    pub fn may_deliver(&self, account: &AccountId, region: &Region, source: &str, detail_type: &str) -> bool {
        let events = self.service("events");
        events.is_some_and(|events| events.may_deliver(account, region, source, detail_type))
    }

    /// Serves a call.
    ///
    /// # Errors
    /// The operation's own errors; `UnknownOperationException` for a service or an operation that is not served;
    /// the service's validation error for an input that its model forbids; `AccessDeniedException`.
    pub async fn call(&self, call: Call) -> Result<Value, AwsError> {
        Ok(self.call_streaming(call, None).await?.output)
    }

    /// Serves a call with bytes beside its input or its answer.
    ///
    /// # Errors
    /// As for [`Dispatcher::call`].
    pub async fn call_streaming(&self, call: Call, body: Option<Body>) -> Result<Reply, AwsError> {
        let Call { principal, account, region, service, operation, input, request_id, idempotency_key } =
            call;
        let (now, dispatcher) = (self.clock.now(), self.clone());
        let cx = Context { principal, account, region, request_id, idempotency_key, now, dispatcher };
        let answer = self.serve(&cx, &service, &operation, input, body).await;
        audit(&cx, &service, &operation, answer.as_ref().err());
        answer
    }

    async fn serve(
        &self,
        cx: &Context,
        name: &str,
        operation: &str,
        input: Value,
        body: Option<Body>,
    ) -> Result<Reply, AwsError> {
        let service = self.service(name).ok_or_else(|| not_served(name, operation))?;
        let model = service.model().operation(operation);
        if model.is_none() && !is_internal(operation) {
            return Err(not_served(name, operation));
        }
        authorize(&cx.principal, name, operation)?;
        if let Some(model) = model {
            validate(service.model(), model, &input)?;
        }
        service.serve_streaming(cx, operation, input, body).await
    }

    fn service(&self, name: &str) -> Option<&Arc<dyn Service>> {
        self.services.get()?.get(name)
    }
}

impl fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.services.get().into_iter().flat_map(BTreeMap::keys);
        f.debug_list().entries(names).finish()
    }
}

fn not_served(service: &str, operation: &str) -> AwsError {
    AwsError::new("UnknownOperationException", format!("Runwright does not serve {service}:{operation}."))
}

fn audit(cx: &Context, service: &str, operation: &str, error: Option<&AwsError>) {
    match error {
        None => {
            tracing::debug!(target: "audit", request = cx.request_id, principal = %cx.principal, service, operation)
        }
        Some(error) => {
            tracing::info!(target: "audit", request = cx.request_id, principal = %cx.principal, service, operation, %error)
        }
    }
}
