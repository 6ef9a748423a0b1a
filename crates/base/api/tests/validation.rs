//! Runs the case files of request validation: an input and what AWS says to it.
//!
//! The shapes are those of AWS's models, reduced to what the cases need. `UPDATE=1` rewrites what is expected.

use std::fs;
use std::path::Path;

use api::model::{
    BLOB, BOOLEAN, DOUBLE, INTEGER, Lookahead, Map, Member, Operation, Pattern, Protocol, Range, STRING,
    ServiceModel, Shape, Size, TIMESTAMP, Text,
};
use api::validation::validate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows, and where that is known from.
    source: String,
    operation: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    hides_values: bool,
    input: Value,
    /// Code and text; absent where the input is valid.
    #[serde(default)]
    error: Option<(String, String)>,
}

#[test]
fn cases() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("cases/validation")).unwrap() {
        let path = entry.unwrap().path();
        let mut case: Case = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let model = if case.hides_values { &HIDING } else { &MODEL };
        let operation = model.operation(&case.operation).unwrap();
        let error = validate(model, operation, &case.input)
            .err()
            .map(|error| (error.code.into_owned(), error.message));
        count += 1;
        if update {
            case.error = error;
            fs::write(&path, serde_json::to_string_pretty(&case).unwrap() + "\n").unwrap();
        } else if case.error != error {
            wrong.push(format!("{}: {error:#?}", path.display()));
        }
    }
    assert!(count > 0);
    assert!(wrong.is_empty(), "{} of {count} cases fail:\n{}", wrong.len(), wrong.join("\n"));
}

static MODEL: ServiceModel = model(true);
static HIDING: ServiceModel = model(false);

const fn model(prints_values: bool) -> ServiceModel {
    ServiceModel {
        service_id: "Test",
        endpoint_prefix: "test",
        signing_name: "test",
        iam_prefix: "test",
        api_version: "2026-01-01",
        protocol: Protocol::AwsJson1_1,
        target_prefix: "Test",
        xml_namespace: "",
        prints_values,
        operations: &OPERATIONS,
    }
}

static OPERATIONS: [Operation; 7] = [
    operation("CreateApiDestination", "ValidationException", &CREATE_API_DESTINATION),
    operation("CreateStateMachineAlias", "ValidationException", &CREATE_ALIAS),
    operation("Kinds", "ValidationException", &KINDS),
    operation("ListExecutions", "ValidationException", &LIST_EXECUTIONS),
    operation("PutEvents", "ValidationException", &PUT_EVENTS),
    operation("PutMetricFilter", "InvalidParameterException", &PUT_METRIC_FILTER),
    operation("PutTargets", "ValidationException", &PUT_TARGETS),
];

const fn operation(name: &'static str, validation_code: &'static str, input: &'static Shape) -> Operation {
    Operation {
        name,
        action: "test:Test",
        input,
        output: &EMPTY,
        result_wrapper: None,
        validation_code,
        errors: &[],
    }
}

static EMPTY: Shape = Shape::structure("Empty", &[]);

static CREATE_API_DESTINATION: Shape = Shape::structure(
    "CreateApiDestinationRequest",
    &[
        Member::required("Name", &NAME),
        Member::required("ConnectionArn", &CONNECTION_ARN),
        Member::required("HttpMethod", &HTTP_METHOD),
    ],
);
static NAME: Shape = Shape::string(
    "Name",
    Text::new().sized(Size::between(1, 64)).matching(Pattern::new(
        r"[\.\-_A-Za-z0-9]+",
        r"\A(?:[\.\-_A-Za-z0-9]+)\z",
        &[],
    )),
);
static CONNECTION_ARN: Shape = Shape::string(
    "ConnectionArn",
    Text::new().matching(Pattern::new("^arn:aws:events:.+$", r"\A(?:arn:aws:events:.+$)\z", &[])),
);
static HTTP_METHOD: Shape = Shape::string(
    "HttpMethod",
    Text::new().one_of(&["HEAD", "POST", "PATCH", "DELETE", "PUT", "GET", "OPTIONS"]),
);

static LIST_EXECUTIONS: Shape = Shape::structure(
    "ListExecutionsInput",
    &[Member::optional("stateMachineArn", &STRING), Member::optional("maxResults", &MAX_RESULTS)],
);
static MAX_RESULTS: Shape = Shape::integer("PageSize", Range::between(0, 1000));

static CREATE_ALIAS: Shape = Shape::structure(
    "CreateStateMachineAliasInput",
    &[
        Member::required("name", &ALIAS_NAME),
        Member::required("routingConfiguration", &ROUTING),
        Member::optional("kinds", &KINDS),
    ],
);
static ALIAS_NAME: Shape = Shape::string(
    "CharacterRestrictedName",
    Text::new().sized(Size::between(1, 80)).matching(Pattern::new(
        r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
        r"\A(?:[a-zA-Z0-9_\-\.]+$)\z",
        &[Lookahead::Positive(r"\A(?:.*[a-zA-Z_\-\.])")],
    )),
);
static ROUTING: Shape = Shape::list("Routing", &ROUTE, "member", false, Size::between(1, 2));
static ROUTE: Shape = Shape::structure(
    "RoutingConfigurationListItem",
    &[Member::required("stateMachineVersionArn", &STRING), Member::required("weight", &WEIGHT)],
);
static WEIGHT: Shape = Shape::integer("VersionWeight", Range::between(0, 100));

static PUT_EVENTS: Shape = Shape::structure("PutEventsRequest", &[Member::required("Entries", &ENTRIES)]);
static ENTRIES: Shape = Shape::list("Entries", &ENTRY, "member", false, Size::between(1, 1));
static ENTRY: Shape = Shape::structure(
    "PutEventsRequestEntry",
    &[
        Member::optional("Time", &TIMESTAMP),
        Member::optional("Source", &STRING),
        Member::optional("Resources", &STRINGS),
        Member::optional("DetailType", &STRING),
        Member::optional("Detail", &STRING),
        Member::optional("EventBusName", &STRING),
        Member::optional("TraceHeader", &STRING),
    ],
);
static STRINGS: Shape = Shape::list("Strings", &STRING, "member", false, Size::NONE);

static PUT_METRIC_FILTER: Shape = Shape::structure(
    "PutMetricFilterRequest",
    &[Member::required("metricTransformations", &TRANSFORMATIONS)],
);
static TRANSFORMATIONS: Shape =
    Shape::list("MetricTransformations", &TRANSFORMATION, "member", false, Size::between(1, 1));
static TRANSFORMATION: Shape = Shape::structure(
    "MetricTransformation",
    &[
        Member::required("metricName", &STRING),
        Member::optional("defaultValue", &DOUBLE),
        Member::optional("dimensions", &DIMENSIONS),
    ],
);
static DIMENSIONS: Shape = Shape::map(
    "Dimensions",
    Map {
        key: &SHORT,
        value: &SHORT,
        key_name: "key",
        value_name: "value",
        flattened: false,
        size: Size::at_most(2),
    },
);
static SHORT: Shape = Shape::string("Short", Text::new().sized(Size::between(1, 3)));

static PUT_TARGETS: Shape = Shape::structure(
    "PutTargetsRequest",
    &[Member::required("Rule", &NAME), Member::required("Targets", &TARGETS)],
);
static TARGETS: Shape = Shape::list("TargetList", &TARGET, "member", false, Size::between(1, 100));
static TARGET: Shape = Shape::structure("Target", &[Member::required("Id", &NAME)]);

static KINDS: Shape = Shape::structure(
    "Kinds",
    &[
        Member::optional("Text", &STRING),
        Member::optional("Number", &INTEGER),
        Member::optional("Ratio", &DOUBLE),
        Member::optional("Flag", &BOOLEAN),
        Member::optional("Time", &TIMESTAMP),
        Member::optional("Bytes", &BLOB),
        Member::optional("FewBytes", &FEW_BYTES),
        Member::optional("Names", &NAMES),
        Member::optional("Methods", &METHODS),
        Member::optional("Dimensions", &DIMENSIONS),
        Member::optional("Targets", &TARGETS),
        Member::optional("ByName", &BY_NAME),
        Member::optional("Half", &HALF),
    ],
);
static FEW_BYTES: Shape = Shape::blob("FewBytes", Size::at_most(2));
static NAMES: Shape = Shape::list("Names", &NAME, "member", false, Size::NONE);
static METHODS: Shape = Shape::list("Methods", &HTTP_METHOD, "member", false, Size::NONE);
static HALF: Shape = Shape::double("Half", Range::between(0, 1));
static BY_NAME: Shape = Shape::map(
    "ByName",
    Map {
        key: &STRING,
        value: &TARGET,
        key_name: "key",
        value_name: "value",
        flattened: false,
        size: Size::NONE,
    },
);
