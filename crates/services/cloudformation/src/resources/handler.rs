//! A type of resources by what is its own about it; what such types have in common is here.

use std::future::{Future, ready};

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use super::client::{Client, TagOperations};
use super::{Deletion, Failure, Made, Naming, Property, ResourceType, Tagging, tags};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting, Tag};

/// How resources are called whose service makes up their ids.
pub(super) const UNNAMED: Naming =
    Naming { property: None, length_max: 255, with_stack: true, is_unique: false };

/// A type of resources of a service.
pub(super) trait Handler: Send + Sync {
    const TYPE_NAME: &'static str;
    const PROPERTIES: &'static [Property];
    const ATTRIBUTES: &'static [&'static str];
    const NAMING: Naming = UNNAMED;
    /// Whose it is.
    const CLIENT: Client;
    /// How its tags are changed; `None` where it has none.
    const TAGS: Option<TagOperations> = None;

    /// Why there is something under the name already, if there is.
    fn look(_: &Door, _: &Request) -> impl Future<Output = Result<(), Failure>> + Send {
        ready(Ok(()))
    }

    /// Makes a resource. `resumed`: an earlier try may have made it.
    fn make(
        door: &Door,
        request: &Request,
        resumed: bool,
    ) -> impl Future<Output = Result<Made, Failure>> + Send;

    /// Gives a resource what making it does not. `before`: the properties that it had, if it was there.
    fn configure(
        _: &Door,
        _: &Made,
        _before: Option<&Map<String, Value>>,
        _: &Request,
    ) -> impl Future<Output = Result<(), Failure>> + Send {
        ready(Ok(()))
    }

    /// Deletes a resource. What is not there is deleted.
    fn remove(door: &Door, resource: &Resource) -> impl Future<Output = Result<Deletion, Failure>> + Send;

    /// The members that name a resource to the operations on its tags.
    fn tagged(_: &Made) -> Value {
        Value::Null
    }
}

impl<T: Handler> ResourceType for T {
    fn type_name(&self) -> &'static str {
        T::TYPE_NAME
    }

    fn properties(&self) -> &'static [Property] {
        T::PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        T::ATTRIBUTES
    }

    fn naming(&self) -> Naming {
        T::NAMING
    }

    fn takes_tags(&self) -> bool {
        T::TAGS.is_some()
    }

    fn look<'a>(&'a self, door: &'a Door, request: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async { T::look(door, request).await.map(|()| Sighting::default()) })
    }

    fn create<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        resumed: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let made = T::make(door, request, resumed).await?;
            let configured = T::configure(door, &made, None, request).await;
            configured.map_err(|failure| failure.leaving(&made.physical_id))?;
            Ok(made)
        })
    }

    fn tagging(&self, _: &Door, made: &Made, tags: &[Tag]) -> Option<Tagging> {
        T::CLIENT.tagging(T::TAGS?, &T::tagged(made), tags)
    }

    fn update<'a>(
        &'a self,
        door: &'a Door,
        request: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        Box::pin(async move {
            let physical_id = current.physical_id.clone().unwrap_or_default();
            let made = Made { physical_id, attributes: current.attributes.clone() };
            T::configure(door, &made, Some(&current.properties), request).await?;
            if let Some(operations) = T::TAGS {
                let before = tags::of(&current.properties, &current.tags);
                let resource = T::tagged(&made);
                T::CLIENT.retag(door, operations, &resource, &before, &tags::merged(request)).await?;
            }
            Ok(made)
        })
    }

    fn delete<'a>(
        &'a self,
        door: &'a Door,
        resource: &'a Resource,
    ) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(T::remove(door, resource))
    }
}
