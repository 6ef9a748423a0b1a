//! `AWS::SNS::..`: topics and their subscriptions.

mod subscription;
mod topic;

use serde_json::{Map, Value, json};

use super::client::Client;
use super::{Failure, Kind, Made, Property, attributes, input, text};
use crate::door::Door;

pub(super) use subscription::Subscription;
pub(super) use topic::Topic;

pub(super) const SNS: Client = Client::new("sns", "Sns");

/// An attribute, with what it is where a template does not say.
type Attribute = (&'static str, &'static str);

/// An attribute's value, as SNS takes them all: a text.
fn written(value: &Value) -> Value {
    match value {
        Value::String(_) => value.clone(),
        other => other.to_string().into(),
    }
}

/// The properties of these names that are there, as attributes.
fn written_all(names: &[Attribute], properties: &Map<String, Value>) -> Map<String, Value> {
    let attribute = |(name, _): &Attribute| Some(((*name).to_owned(), written(properties.get(*name)?)));
    names.iter().filter_map(attribute).collect()
}

/// Sets the attributes that differ, one by one: the API takes one.
async fn set_changed(
    door: &Door,
    operation: &str,
    resource: (&str, &str),
    names: &[Attribute],
    before: &Map<String, Value>,
    after: &Map<String, Value>,
) -> Result<(), Failure> {
    for (name, default) in names.iter().filter(|(name, _)| before.get(*name) != after.get(*name)) {
        let value = after.get(*name).map_or_else(|| (*default).into(), written);
        let change = input([
            (resource.0, Some(resource.1.into())),
            ("AttributeName", Some((*name).into())),
            ("AttributeValue", Some(value)),
        ]);
        SNS.call(door, operation, change).await?;
    }
    Ok(())
}
