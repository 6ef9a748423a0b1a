//! What a service's API looks like: operations, shapes and constraints as static tables.
//!
//! The tables are generated from AWS's service models (`cargo xtask codegen`) into each service's
//! `generated/model.rs`. `wire` converts protocols with them and [`crate::validation`] checks requests with them.
//! Nothing here knows a protocol's syntax, and no table is built at run time.

use std::sync::OnceLock;

use regex::Regex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{AwsError, Body, Reply};

/// One AWS service: where its requests arrive and what they look like.
#[derive(Debug)]
pub struct ServiceModel {
    /// AWS's identifier of the service, such as `SFN` or `EventBridge`.
    pub service_id: &'static str,
    /// First label of the service's host name, such as `states`.
    pub endpoint_prefix: &'static str,
    /// Name of the service in a signature's credential scope.
    pub signing_name: &'static str,
    /// Prefix of IAM actions, such as `states` in `states:StartExecution`.
    pub iam_prefix: &'static str,
    /// Version of the API, such as `2015-10-07`.
    pub api_version: &'static str,
    /// How requests and answers are written.
    pub protocol: Protocol,
    /// What precedes the dot in `X-Amz-Target`; empty for protocols without that header.
    pub target_prefix: &'static str,
    /// Namespace of XML answers; empty for JSON protocols.
    pub xml_namespace: &'static str,
    /// Whether messages about violated constraints repeat the offending value and the members of an enumeration.
    pub prints_values: bool,
    /// All operations that are served, sorted by name.
    pub operations: &'static [Operation],
}

/// A wire protocol of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// JSON bodies with content type `application/x-amz-json-1.0`.
    AwsJson1_0,
    /// JSON bodies with content type `application/x-amz-json-1.1`.
    AwsJson1_1,
    /// As `AwsJson1_0`, of a service that spoke `AwsQuery` before: errors also say what they were called there.
    AwsQueryCompatible,
    /// Form-encoded requests, XML answers.
    AwsQuery,
    /// EC2's own variant of it: lists of forms have no element around them, answers no result and errors another shape.
    Ec2Query,
    /// Methods and paths choose the operation; JSON bodies. Sorted by operation.
    RestJson1(&'static [Route]),
    /// Methods, paths, query strings and headers choose the operation; XML bodies. Sorted by operation. Operations that
    /// are not served have routes too, so that their requests are not taken for others.
    RestXml(&'static [Route]),
}

/// Which requests of a REST protocol are for an operation.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// Name of the operation.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path with labels, such as `/schedules/{Name}`. A label is one segment, `{Key+}` is the rest of the path.
    pub path: &'static str,
    /// What the query string must hold: a parameter such as `uploads`, or one with its value such as `list-type=2`.
    pub query: &'static [&'static str],
    /// Further parameters without which a request is for another operation with the same path.
    pub parameters: &'static [&'static str],
    /// Headers without which a request is for another operation with the same path.
    pub headers: &'static [&'static str],
    /// The HTTP status of an answer that is no error.
    pub status: u16,
}

/// One operation of a service.
#[derive(Debug)]
pub struct Operation {
    /// Name of the operation, such as `StartExecution`.
    pub name: &'static str,
    /// IAM action that permits it, such as `states:StartExecution`.
    pub action: &'static str,
    /// Shape of the request: always a structure.
    pub input: &'static Shape,
    /// Shape of the answer: always a structure.
    pub output: &'static Shape,
    /// Element around an XML answer's members, such as `GetRoleResult` or `ListBucketResult`; `None` where AWS has none.
    pub result_wrapper: Option<&'static str>,
    /// Error code of a request that breaks a constraint of the model.
    pub validation_code: &'static str,
    /// Errors that the model lists for the operation.
    pub errors: &'static [&'static ErrorShape],
}

/// An error that the model lists.
#[derive(Debug)]
pub struct ErrorShape {
    /// Name of the shape, which JSON protocols answer as `__type`.
    pub name: &'static str,
    /// Code that the query protocol answers; equal to `name` where the model gives none.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whether the server, not the client, is at fault.
    pub server_fault: bool,
}

/// A named type of the model.
#[derive(Debug)]
pub struct Shape {
    /// Name in AWS's model, which AWS's messages print for structures.
    pub name: &'static str,
    /// What kind of value it is, with its constraints.
    pub kind: Kind,
}

/// The kind of a [`Shape`] with its constraints.
#[derive(Debug)]
pub enum Kind {
    /// An object with named members.
    Structure(&'static [Member]),
    /// A sequence.
    List(List),
    /// An object with free keys.
    Map(Map),
    /// Text.
    String(Text),
    /// A whole number of 32 or 64 bits.
    Integer(Range),
    /// A floating-point number.
    Double(Range),
    /// `true` or `false`.
    Boolean,
    /// A point in time.
    Timestamp(TimestampFormat),
    /// Bytes; `min` and `max` count bytes.
    Blob(Size),
    /// Any JSON value.
    Document,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// Name in the model: the key in JSON bodies and in the values that services see.
    pub name: &'static str,
    /// Name in forms and XML where it differs from `name`.
    pub wire_name: Option<&'static str>,
    /// Where in an HTTP message it stands.
    pub location: Location,
    /// Type of the value.
    pub shape: &'static Shape,
    /// Whether requests must carry it.
    pub required: bool,
}

/// Where in an HTTP message a member stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// In the body.
    Body,
    /// In the header of the member's wire name.
    Header,
    /// In the path.
    Uri,
    /// In the query string.
    QueryString,
    /// In the headers whose names begin with the member's wire name: a map by what follows.
    Headers,
    /// The whole body, as a document of its own.
    Payload,
    /// The whole body, as bytes that are not part of the input or output but travel beside it.
    Stream,
}

/// A list's element and constraints.
#[derive(Debug)]
pub struct List {
    /// Type of the elements.
    pub element: &'static Shape,
    /// Name of an element in forms and XML: `member` unless the model says otherwise.
    pub element_name: &'static str,
    /// Whether forms and XML write the elements without an element around them.
    pub flattened: bool,
    /// Permitted number of elements.
    pub size: Size,
}

/// A map's key, value and constraints.
#[derive(Debug)]
pub struct Map {
    /// Type of the keys: always a string.
    pub key: &'static Shape,
    /// Type of the values.
    pub value: &'static Shape,
    /// Name of a key in forms and XML: `key` unless the model says otherwise.
    pub key_name: &'static str,
    /// Name of a value in forms and XML: `value` unless the model says otherwise.
    pub value_name: &'static str,
    /// Whether forms and XML write the entries without an element around them.
    pub flattened: bool,
    /// Permitted number of entries.
    pub size: Size,
}

/// Constraints of a string.
#[derive(Debug)]
pub struct Text {
    /// Permitted length in UTF-16 code units, as Java counts.
    pub size: Size,
    /// Pattern that the whole text must match.
    pub pattern: Option<Pattern>,
    /// Permitted values, in the order in which AWS's messages list them; empty permits all.
    pub values: &'static [&'static str],
    /// Whether AWS takes those values in any case, whatever its own model says.
    pub any_case: bool,
    /// Whether AWS keeps the value out of messages and logs.
    pub sensitive: bool,
}

/// Inclusive bounds of a length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Least permitted length.
    pub min: Option<u64>,
    /// Greatest permitted length.
    pub max: Option<u64>,
}

/// Inclusive bounds of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Least permitted value.
    pub min: Option<i64>,
    /// Greatest permitted value.
    pub max: Option<i64>,
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimestampFormat {
    /// As the protocol does by default: epoch seconds in JSON, ISO 8601 in XML.
    Default,
    /// `2026-11-20T23:52:07Z`.
    Iso8601,
    /// Epoch seconds.
    Epoch,
    /// `Fri, 20 Nov 2026 23:52:07 GMT`.
    Http,
}

/// A regular expression that a whole text must match, compiled when first used.
#[derive(Debug)]
pub struct Pattern {
    /// The expression as the model writes it, which AWS's messages quote.
    pub text: &'static str,
    /// The expression in the syntax of the `regex` crate, anchored; `None` where that cannot express it.
    expression: Option<&'static str>,
    /// Lookaheads at the start of `text`, which the `regex` crate does not have.
    lookaheads: &'static [Lookahead],
    compiled: OnceLock<Vec<(Regex, bool)>>,
}

/// What must or must not follow at the start of a text; an expression anchored there.
#[derive(Clone, Copy, Debug)]
pub enum Lookahead {
    /// `(?=..)`.
    Positive(&'static str),
    /// `(?!..)`.
    Negative(&'static str),
}

/// A text without constraints.
pub static STRING: Shape = Shape { name: "String", kind: Kind::String(Text::new()) };
/// A whole number without constraints.
pub static INTEGER: Shape = Shape { name: "Integer", kind: Kind::Integer(Range::NONE) };
/// A floating-point number without constraints.
pub static DOUBLE: Shape = Shape { name: "Double", kind: Kind::Double(Range::NONE) };
/// `true` or `false`.
pub static BOOLEAN: Shape = Shape { name: "Boolean", kind: Kind::Boolean };
/// A point in time in the protocol's default format.
pub static TIMESTAMP: Shape = Shape { name: "Timestamp", kind: Kind::Timestamp(TimestampFormat::Default) };
/// Bytes without constraints.
pub static BLOB: Shape = Shape { name: "Blob", kind: Kind::Blob(Size::NONE) };

impl ServiceModel {
    /// The operation of that name.
    pub fn operation(&self, name: &str) -> Option<&'static Operation> {
        let index = self.operations.binary_search_by(|operation| operation.name.cmp(name)).ok()?;
        self.operations.get(index)
    }
}

impl Route {
    /// A route that method and path decide.
    pub const fn new(operation: &'static str, method: &'static str, path: &'static str, status: u16) -> Self {
        Self { operation, method, path, query: &[], parameters: &[], headers: &[], status }
    }

    /// The same route for requests whose query string holds `query`.
    pub const fn with_query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// The same route for requests with these parameters and headers.
    pub const fn with_required(
        self,
        parameters: &'static [&'static str],
        headers: &'static [&'static str],
    ) -> Self {
        Self { parameters, headers, ..self }
    }
}

impl Operation {
    /// Whether bytes travel beside the request.
    pub fn takes_body(&self) -> bool {
        self.input.has_stream()
    }

    /// Whether bytes travel beside the answer.
    pub fn gives_body(&self) -> bool {
        self.output.has_stream()
    }
}

impl Shape {
    /// A structure.
    pub const fn structure(name: &'static str, members: &'static [Member]) -> Self {
        Self { name, kind: Kind::Structure(members) }
    }

    /// A string with constraints.
    pub const fn string(name: &'static str, text: Text) -> Self {
        Self { name, kind: Kind::String(text) }
    }

    /// A list of `element`s that forms and XML name `element_name`.
    pub const fn list(
        name: &'static str,
        element: &'static Shape,
        element_name: &'static str,
        flattened: bool,
        size: Size,
    ) -> Self {
        Self { name, kind: Kind::List(List { element, element_name, flattened, size }) }
    }

    /// Bytes with a length.
    pub const fn blob(name: &'static str, size: Size) -> Self {
        Self { name, kind: Kind::Blob(size) }
    }

    /// A floating-point number with bounds.
    pub const fn double(name: &'static str, range: Range) -> Self {
        Self { name, kind: Kind::Double(range) }
    }

    /// A point in time in a given format.
    pub const fn timestamp(name: &'static str, format: TimestampFormat) -> Self {
        Self { name, kind: Kind::Timestamp(format) }
    }

    /// A map whose entries forms and XML name `key_name` and `value_name`.
    pub const fn map(name: &'static str, map: Map) -> Self {
        Self { name, kind: Kind::Map(map) }
    }

    /// A number with bounds.
    pub const fn integer(name: &'static str, range: Range) -> Self {
        Self { name, kind: Kind::Integer(range) }
    }

    /// A structure's members; none for other kinds.
    pub const fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure(members) => members,
            _ => &[],
        }
    }

    fn has_stream(&self) -> bool {
        self.members().iter().any(|member| member.location == Location::Stream)
    }

    /// A structure's member of that name.
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        self.members().iter().find(|member| member.name == name)
    }
}

impl Member {
    /// An optional member in the body.
    pub const fn optional(name: &'static str, shape: &'static Shape) -> Self {
        Self { name, wire_name: None, location: Location::Body, shape, required: false }
    }

    /// A required member in the body.
    pub const fn required(name: &'static str, shape: &'static Shape) -> Self {
        Self { required: true, ..Self::optional(name, shape) }
    }

    /// The same member under another name in forms and XML.
    pub const fn named(self, wire_name: &'static str) -> Self {
        Self { wire_name: Some(wire_name), ..self }
    }

    /// The same member elsewhere in the message.
    pub const fn at(self, location: Location) -> Self {
        Self { location, ..self }
    }

    /// Name in forms and XML.
    pub const fn wire_name(&self) -> &'static str {
        match self.wire_name {
            Some(name) => name,
            None => self.name,
        }
    }
}

impl Text {
    /// No constraints.
    pub const fn new() -> Self {
        Self { size: Size::NONE, pattern: None, values: &[], any_case: false, sensitive: false }
    }

    /// With a length.
    pub const fn sized(mut self, size: Size) -> Self {
        self.size = size;
        self
    }

    /// With a pattern.
    pub const fn matching(self, pattern: Pattern) -> Self {
        // A struct update would drop the old pattern, which a const function may not.
        let (size, values, any_case, sensitive) = (self.size, self.values, self.any_case, self.sensitive);
        std::mem::forget(self);
        Self { size, pattern: Some(pattern), values, any_case, sensitive }
    }

    /// With a fixed set of values.
    pub const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    /// Values in any case.
    pub const fn in_any_case(mut self) -> Self {
        self.any_case = true;
        self
    }

    /// Kept out of messages.
    pub const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::new()
    }
}

impl Size {
    /// No bounds.
    pub const NONE: Self = Self { min: None, max: None };

    /// At least `min`.
    pub const fn at_least(min: u64) -> Self {
        Self { min: Some(min), max: None }
    }

    /// At most `max`.
    pub const fn at_most(max: u64) -> Self {
        Self { min: None, max: Some(max) }
    }

    /// From `min` to `max`.
    pub const fn between(min: u64, max: u64) -> Self {
        Self { min: Some(min), max: Some(max) }
    }
}

impl Range {
    /// No bounds.
    pub const NONE: Self = Self { min: None, max: None };

    /// At least `min`.
    pub const fn at_least(min: i64) -> Self {
        Self { min: Some(min), max: None }
    }

    /// At most `max`.
    pub const fn at_most(max: i64) -> Self {
        Self { min: None, max: Some(max) }
    }

    /// From `min` to `max`.
    pub const fn between(min: i64, max: i64) -> Self {
        Self { min: Some(min), max: Some(max) }
    }
}

impl Pattern {
    /// A pattern that the `regex` crate can express as `expression`, after the `lookaheads` at its start.
    pub const fn new(text: &'static str, expression: &'static str, lookaheads: &'static [Lookahead]) -> Self {
        Self { text, expression: Some(expression), lookaheads, compiled: OnceLock::new() }
    }

    /// A pattern that the `regex` crate cannot express: it matches everything.
    pub const fn unchecked(text: &'static str) -> Self {
        Self { text, expression: None, lookaheads: &[], compiled: OnceLock::new() }
    }

    /// Whether all of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.compiled().iter().all(|(regex, wanted)| regex.is_match(text) == *wanted)
    }

    /// Code generation has compiled each expression once already, so none fails here.
    fn compiled(&self) -> &[(Regex, bool)] {
        self.compiled.get_or_init(|| {
            let lookaheads = self.lookaheads.iter().map(|lookahead| match lookahead {
                Lookahead::Positive(expression) => (*expression, true),
                Lookahead::Negative(expression) => (*expression, false),
            });
            let expressions = lookaheads.chain(self.expression.map(|expression| (expression, true)));
            expressions.filter_map(|(text, wanted)| Some((Regex::new(text).ok()?, wanted))).collect()
        })
    }
}

/// Reads an operation's input from JSON.
///
/// # Errors
/// `SerializationException` where the JSON has another shape.
pub fn decode<T: DeserializeOwned>(input: Value) -> Result<T, AwsError> {
    T::deserialize(input).map_err(|error| AwsError::new("SerializationException", error.to_string()))
}

/// Writes an operation's answer as JSON.
///
/// # Errors
/// The operation's error; `InternalFailure` for an output that JSON cannot hold.
pub fn encode<T: Serialize, E: Into<AwsError>>(output: Result<T, E>) -> Result<Value, AwsError> {
    let output = output.map_err(Into::into)?;
    serde_json::to_value(output).map_err(|error| AwsError::internal("InternalFailure", &error))
}

/// Writes an operation's answer as JSON, with the bytes that travel beside it.
///
/// # Errors
/// As for [`encode`].
pub fn encode_streaming<T: Serialize, E: Into<AwsError>>(
    output: Result<(T, Body), E>,
) -> Result<Reply, AwsError> {
    let (output, body) = output.map_err(Into::into)?;
    Ok(Reply { output: encode(Ok::<_, AwsError>(output))?, body: Some(body) })
}

/// The answer to an operation that is not served.
pub fn unknown_operation(operation: &str) -> AwsError {
    AwsError::new("UnknownOperationException", format!("The operation {operation} is not served."))
}
