//! Renders `operations.rs`: the trait that a service implements and the dispatch to it.
//!
//! Bytes that travel beside an input are one more argument; beside an output, the second of a pair.

use anyhow::Result;

use super::docs;
use super::model::{Model, type_name};
use super::names;

/// The text of `operations.rs`.
pub fn render(model: &Model, header: &str) -> Result<String> {
    let mut streams = false;
    let mut methods = String::new();
    let mut arms = Vec::new();
    for (name, operation) in &model.operations {
        let (input, output) = (type_name(operation.input()), type_name(operation.output()));
        let method = names::field(name);
        methods.push_str(&docs::lines(operation.documentation.as_deref(), &format!("{name}.")));
        let (takes, gives) = (model.streams(operation.input())?, model.streams(operation.output())?);
        streams |= takes || gives;
        let (parameter, argument) =
            if takes { (", body: Body", ", body.unwrap_or_default()") } else { ("", "") };
        let (result, encode) = if gives {
            (format!("(types::{output}, Body)"), "encode_streaming")
        } else {
            (format!("types::{output}"), "encode")
        };
        methods.push_str(&format!(
            "fn {method}(&self, cx: &Context, input: types::{input}{parameter}) \
             -> impl Future<Output = Result<{result}, Self::Error>> + Send;\n\n"
        ));
        let answer = format!("{encode}(api.{method}(cx, decode(input)?{argument}).await)");
        arms.push((name, gives, answer));
    }
    let arms = arms.into_iter().map(|(name, gives, answer)| match streams && !gives {
        true => format!("\"{name}\" => Ok({answer}?.into()),\n"),
        false => format!("\"{name}\" => {answer},\n"),
    });
    let arms: String = arms.collect();
    let dispatch = if streams { streaming_dispatch(&arms) } else { dispatch(&arms) };
    let (coders, types) = if streams {
        ("decode, encode, encode_streaming, unknown_operation", "AwsError, Body, Context, Reply")
    } else {
        ("decode, encode, unknown_operation", "AwsError, Context")
    };
    Ok(format!(
        "{header}//! The operations, as a trait to implement and a function that calls it.\n\n\
         use api::model::{{{coders}}};\n\
         use api::{{{types}}};\n\
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
         {dispatch}",
        full = model.metadata.service_full_name,
    ))
}

fn dispatch(arms: &str) -> String {
    format!(
        "pub async fn dispatch<A: Api>(api: &A, cx: &Context, operation: &str, input: Value) \
         -> Result<Value, AwsError> {{\n\
         match operation {{\n{arms}_ => Err(unknown_operation(operation)),\n}}\n}}\n"
    )
}

fn streaming_dispatch(arms: &str) -> String {
    format!(
        "pub async fn dispatch<A: Api>(api: &A, cx: &Context, operation: &str, input: Value, \
         body: Option<Body>) -> Result<Reply, AwsError> {{\n\
         match operation {{\n{arms}_ => Err(unknown_operation(operation)),\n}}\n}}\n"
    )
}
