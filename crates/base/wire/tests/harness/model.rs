//! Small models in the manner of the generated ones: a service for each protocol.

use api::model::{
    BLOB, BOOLEAN, DOUBLE, ErrorShape, INTEGER, Kind, Location, Map, Member, Operation, Protocol, Route,
    STRING, ServiceModel, Shape, Size, TIMESTAMP,
};

/// `awsJson1_0`.
pub static STATES: ServiceModel = ServiceModel {
    service_id: "SFN",
    endpoint_prefix: "states",
    signing_name: "states",
    iam_prefix: "states",
    api_version: "2016-11-23",
    protocol: Protocol::AwsJson1_0,
    target_prefix: "AWSStepFunctions",
    xml_namespace: "",
    prints_values: true,
    operations: &[operation("DescribeExecution", &DESCRIBE_INPUT, &EMPTY, None)],
};

/// `awsJson1_1`.
pub static EVENTS: ServiceModel = ServiceModel {
    service_id: "EventBridge",
    endpoint_prefix: "events",
    signing_name: "events",
    iam_prefix: "events",
    api_version: "2015-10-07",
    protocol: Protocol::AwsJson1_1,
    target_prefix: "AWSEvents",
    xml_namespace: "",
    prints_values: true,
    operations: &[operation("DescribeRule", &EMPTY, &EMPTY, None)],
};

/// `awsJson1_0` with the errors of `awsQuery`.
pub static SQS: ServiceModel = ServiceModel {
    service_id: "SQS",
    endpoint_prefix: "sqs",
    signing_name: "sqs",
    iam_prefix: "sqs",
    api_version: "2012-11-05",
    protocol: Protocol::AwsQueryCompatible,
    target_prefix: "AmazonSQS",
    xml_namespace: "http://queue.amazonaws.com/doc/2012-11-05/",
    prints_values: true,
    operations: &[operation("GetQueueUrl", &QUEUE_INPUT, &EMPTY, None)],
};

/// `awsQuery`.
pub static IAM: ServiceModel = ServiceModel {
    service_id: "IAM",
    endpoint_prefix: "iam",
    signing_name: "iam",
    iam_prefix: "iam",
    api_version: "2010-05-08",
    protocol: Protocol::AwsQuery,
    target_prefix: "",
    xml_namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
    prints_values: false,
    operations: &[
        operation("DeleteRole", &EMPTY, &EMPTY, None),
        operation("GetShapes", &SHAPES, &SHAPES, Some("GetShapesResult")),
    ],
};

/// `ec2Query`.
pub static EC2: ServiceModel = ServiceModel {
    service_id: "EC2",
    endpoint_prefix: "ec2",
    signing_name: "ec2",
    iam_prefix: "ec2",
    api_version: "2016-11-15",
    protocol: Protocol::Ec2Query,
    target_prefix: "",
    xml_namespace: "http://ec2.amazonaws.com/doc/2016-11-15",
    prints_values: true,
    operations: &[
        operation("DeleteThing", &EMPTY, &EMPTY, None),
        operation("DescribeThings", &DESCRIBE_THINGS_INPUT, &DESCRIBE_THINGS_OUTPUT, None),
    ],
};

/// `restJson1`.
pub static SCHEDULER: ServiceModel = ServiceModel {
    service_id: "Scheduler",
    endpoint_prefix: "scheduler",
    signing_name: "scheduler",
    iam_prefix: "scheduler",
    api_version: "2021-06-30",
    protocol: Protocol::RestJson1(&[
        Route::new("DeleteSchedule", "DELETE", "/schedules/{Name}", 204),
        Route::new("GetSchedule", "GET", "/schedules/{Name}", 200),
        Route::new("ListTags", "GET", "/tags/{ResourceArn}", 200),
        Route::new("UpdateSchedule", "PUT", "/schedules/{Name}", 202),
    ]),
    target_prefix: "",
    xml_namespace: "",
    prints_values: true,
    operations: &[
        operation("DeleteSchedule", &SCHEDULE, &EMPTY, None),
        operation("GetSchedule", &SCHEDULE, &SHAPES, None),
        operation("ListTags", &LIST_TAGS_INPUT, &EMPTY, None),
        operation("UpdateSchedule", &SCHEDULE, &EMPTY, None),
    ],
};

/// Members everywhere in a request.
static SCHEDULE: Shape = Shape::structure(
    "ScheduleInput",
    &[
        Member::required("Name", &STRING).named("Name").at(Location::Uri),
        Member::optional("GroupName", &STRING).named("groupName").at(Location::QueryString),
        Member::optional("Limit", &INTEGER).at(Location::QueryString),
        Member::optional("Since", &TIMESTAMP).at(Location::QueryString),
        Member::optional("TagKeys", &FLAT).named("TagKeys").at(Location::QueryString),
        Member::optional("Trace", &STRING).named("X-Amz-Trace").at(Location::Header),
        Member::optional("Kinds", &FLAT).named("x-amz-kinds").at(Location::Header),
        Member::optional("StartDate", &TIMESTAMP),
        Member::optional("Target", &TAG),
    ],
);
static LIST_TAGS_INPUT: Shape = Shape::structure(
    "ListTagsInput",
    &[Member::required("ResourceArn", &STRING).named("ResourceArn").at(Location::Uri)],
);

const fn operation(
    name: &'static str,
    input: &'static Shape,
    output: &'static Shape,
    result_wrapper: Option<&'static str>,
) -> Operation {
    Operation {
        name,
        action: "test:Operation",
        input,
        output,
        result_wrapper,
        validation_code: "ValidationException",
        errors: ERRORS,
    }
}

static ERRORS: &[&ErrorShape] = &[&NO_SUCH_ENTITY];
static NO_SUCH_ENTITY: ErrorShape =
    ErrorShape { name: "NoSuchEntityException", code: "NoSuchEntity", status: 404, server_fault: false };

static EMPTY: Shape = Shape::structure("Empty", &[]);
static QUEUE_INPUT: Shape = Shape::structure("QueueInput", &[Member::required("QueueName", &STRING)]);
static DESCRIBE_INPUT: Shape =
    Shape::structure("DescribeInput", &[Member::required("executionArn", &STRING)]);

/// One member of every kind.
static SHAPES: Shape = Shape::structure(
    "Shapes",
    &[
        Member::optional("Text", &STRING),
        Member::optional("Renamed", &STRING).named("OnTheWire"),
        Member::optional("Number", &INTEGER),
        Member::optional("Ratio", &DOUBLE),
        Member::optional("Flag", &BOOLEAN),
        Member::optional("Time", &TIMESTAMP),
        Member::optional("Bytes", &BLOB),
        Member::optional("Tags", &TAGS),
        Member::optional("Flat", &FLAT),
        Member::optional("Named", &NAMED),
        Member::optional("Variables", &VARIABLES),
        Member::optional("FlatVariables", &FLAT_VARIABLES),
        Member::optional("Nested", &SHAPES),
    ],
);
static DESCRIBE_THINGS_INPUT: Shape = Shape::structure(
    "DescribeThingsInput",
    &[
        Member::optional("ThingIds", &THING_IDS).named("ThingId"),
        Member::optional("DryRun", &BOOLEAN).named("dryRun"),
        Member::optional("Filters", &FILTERS).named("Filter"),
    ],
);
static THING_IDS: Shape = Shape::list("ThingIds", &STRING, "item", false, Size::NONE);
static FILTERS: Shape = Shape::list("Filters", &FILTER, "Filter", false, Size::NONE);
static FILTER: Shape = Shape::structure(
    "Filter",
    &[Member::optional("Name", &STRING), Member::optional("Values", &THING_IDS).named("Value")],
);
static DESCRIBE_THINGS_OUTPUT: Shape = Shape::structure(
    "DescribeThingsOutput",
    &[
        Member::optional("NextToken", &STRING).named("nextToken"),
        Member::optional("Things", &THINGS).named("thingSet"),
    ],
);
static THINGS: Shape = Shape::list("Things", &THING, "item", false, Size::NONE);
static THING: Shape = Shape::structure(
    "Thing",
    &[
        Member::optional("Name", &STRING).named("name"),
        Member::optional("IsDefault", &BOOLEAN).named("isDefault"),
        Member::optional("CreateTime", &TIMESTAMP).named("createTime"),
    ],
);
static TAGS: Shape = Shape::list("Tags", &TAG, "member", false, Size::NONE);
static TAG: Shape =
    Shape::structure("Tag", &[Member::required("Key", &STRING), Member::optional("Value", &STRING)]);
static FLAT: Shape = Shape::list("Flat", &STRING, "member", true, Size::NONE);
static NAMED: Shape = Shape::list("Named", &STRING, "Name", false, Size::NONE);
static VARIABLES: Shape = Shape { name: "Variables", kind: Kind::Map(map("key", "value", false)) };
static FLAT_VARIABLES: Shape = Shape { name: "FlatVariables", kind: Kind::Map(map("Name", "Value", true)) };

const fn map(key_name: &'static str, value_name: &'static str, flattened: bool) -> Map {
    Map { key: &STRING, value: &STRING, key_name, value_name, flattened, size: Size::NONE }
}
