//! `AWS::CDK::Metadata`: a note in the template, which makes nothing.

use futures_util::future::BoxFuture;

use super::{Deletion, Failure, Kind, Made, Naming, Property, ResourceType, attributes};
use crate::door::Door;
use crate::stack::{Request, Resource, Sighting};

pub(super) struct Metadata;

const PROPERTIES: &[Property] =
    &[Property::new("Analytics", Kind::Text), Property::new("Modules", Kind::Text)];

impl ResourceType for Metadata {
    fn type_name(&self) -> &'static str {
        "AWS::CDK::Metadata"
    }

    fn properties(&self) -> &'static [Property] {
        PROPERTIES
    }

    fn attributes(&self) -> &'static [&'static str] {
        &[]
    }

    fn naming(&self) -> Naming {
        Naming { property: None, length_max: 64, with_stack: true, is_unique: false }
    }

    fn takes_tags(&self) -> bool {
        false
    }

    fn look<'a>(&'a self, _: &'a Door, _: &'a Request) -> BoxFuture<'a, Result<Sighting, Failure>> {
        Box::pin(async { Ok(Sighting::default()) })
    }

    fn create<'a>(
        &'a self,
        _: &'a Door,
        request: &'a Request,
        _: &'a Sighting,
        _: bool,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        // On AWS its physical id is a UUID.
        Box::pin(async { Ok(Made { physical_id: request.token.clone(), attributes: attributes([]) }) })
    }

    fn update<'a>(
        &'a self,
        _: &'a Door,
        _: &'a Request,
        current: &'a Resource,
    ) -> BoxFuture<'a, Result<Made, Failure>> {
        let physical_id = current.physical_id.clone().unwrap_or_default();
        Box::pin(async { Ok(Made { physical_id, attributes: attributes([]) }) })
    }

    fn delete<'a>(&'a self, _: &'a Door, _: &'a Resource) -> BoxFuture<'a, Result<Deletion, Failure>> {
        Box::pin(async { Ok(Deletion::Done) })
    }
}
