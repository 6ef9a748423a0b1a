//! Renders `operations.rs`: the trait that a service implements and the dispatch to it.

use super::docs;
use super::model::{Model, type_name};
use super::names;

/// The text of `operations.rs`.
pub fn render(model: &Model, header: &str) -> String {
    let mut methods = String::new();
    let mut arms = String::new();
    for (name, operation) in &model.operations {
        let (input, output) = (type_name(operation.input()), type_name(operation.output()));
        let method = names::field(name);
        methods.push_str(&docs::lines(operation.documentation.as_deref(), &format!("{name}.")));
        methods.push_str(&format!(
            "fn {method}(&self, cx: &Context, input: types::{input}) \
             -> impl Future<Output = Result<types::{output}, Self::Error>> + Send;\n\n"
        ));
        arms.push_str(&format!("\"{name}\" => encode(api.{method}(cx, decode(input)?).await),\n"));
    }
    format!(
        "{header}//! The operations, as a trait to implement and a function that calls it.\n\n\
         use api::model::{{decode, encode, unknown_operation}};\n\
         use api::{{AwsError, Context}};\n\
         use serde_json::Value;\n\n\
         use super::types;\n\n\
         /// The operations of {full}. Inputs have passed validation.\n\
         pub trait Api: Send + Sync {{\n\
         /// What the service answers when it cannot serve a request.\n\
         type Error: Into<AwsError> + Send;\n\n\
         {methods}}}\n\n\
         /// Calls the operation of that name.\n\
         ///\n\
         /// # Errors\n\
         /// The operation's own errors; `UnknownOperationException` for other names; `SerializationException` for an\n\
         /// input of another shape.\n\
         pub async fn dispatch<A: Api>(api: &A, cx: &Context, operation: &str, input: Value) \
         -> Result<Value, AwsError> {{\n\
         match operation {{\n{arms}_ => Err(unknown_operation(operation)),\n}}\n}}\n",
        full = model.metadata.service_full_name,
    )
}
