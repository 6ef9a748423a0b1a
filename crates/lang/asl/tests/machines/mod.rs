//! Machines that are made up: sequences of states, some of which hold sequences themselves.
//!
//! Every state gives the same on the same input, whenever it runs: nothing reads a clock or draws a number.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// What executions are started with: Map states take their items from it.
pub const INPUT: &str = r#"{"lists": [[], [1], [1, 2], [1, 2, 3]]}"#;

/// One state.
#[derive(Clone, Debug)]
pub enum Part {
    Pass { assigns: bool },
    Task { retries: bool, hours: Option<u8>, is_callback: bool },
    Wait { seconds: u8 },
    Choice { holds: bool },
    Parallel { branches: Vec<Vec<Part>>, retries: bool },
    Map { processor: Vec<Part>, items: u8, concurrency: u8, retries: bool },
}

impl Part {
    /// Whether a Parallel or Map state in it is tried again as a whole.
    pub fn has_retries(&self) -> bool {
        match self {
            Self::Pass { .. } | Self::Task { .. } | Self::Wait { .. } | Self::Choice { .. } => false,
            Self::Parallel { branches, retries } => {
                *retries || branches.iter().flatten().any(Self::has_retries)
            }
            Self::Map { processor, retries, .. } => *retries || processor.iter().any(Self::has_retries),
        }
    }
}

/// Sequences of states, up to three levels deep.
pub fn parts() -> impl Strategy<Value = Vec<Part>> {
    let task = (any::<bool>(), prop::option::of(1..20_u8), any::<bool>())
        .prop_map(|(retries, hours, is_callback)| Part::Task { retries, hours, is_callback });
    let leaf = prop_oneof![
        any::<bool>().prop_map(|assigns| Part::Pass { assigns }),
        task,
        (0..5_u8).prop_map(|seconds| Part::Wait { seconds }),
        any::<bool>().prop_map(|holds| Part::Choice { holds }),
    ];
    let part = leaf.prop_recursive(3, 16, 3, |inner| {
        let sequence = prop::collection::vec(inner, 1..3);
        let branches = prop::collection::vec(sequence.clone(), 1..4);
        prop_oneof![
            (branches, any::<bool>()).prop_map(|(branches, retries)| Part::Parallel { branches, retries }),
            (sequence, 0..4_u8, 0..3_u8, any::<bool>()).prop_map(
                |(processor, items, concurrency, retries)| {
                    Part::Map { processor, items, concurrency, retries }
                }
            ),
        ]
    });
    prop::collection::vec(part, 1..5)
}

/// The definition of a machine that consists of `parts`.
pub fn definition(parts: &[Part]) -> Value {
    sequence(parts, &mut 0)
}

fn sequence(parts: &[Part], count: &mut u32) -> Value {
    let first = *count;
    *count += u32::try_from(parts.len()).unwrap_or(0);
    let mut states = Map::new();
    for (name, part) in (first..).zip(parts) {
        let next = (name + 1 < first + u32::try_from(parts.len()).unwrap_or(0)).then(|| state_name(name + 1));
        states.insert(state_name(name), state(part, next, count));
    }
    json!({"StartAt": state_name(first), "States": states})
}

fn state_name(number: u32) -> String {
    format!("S{number}")
}

fn state(part: &Part, next: Option<String>, count: &mut u32) -> Value {
    let mut state = match part {
        Part::Choice { holds } => match next {
            Some(next) => {
                let rule = json!({"Variable": "$", "IsPresent": holds, "Next": next});
                return json!({"Type": "Choice", "Choices": [rule], "Default": next});
            }
            None => return json!({"Type": "Succeed"}),
        },
        Part::Pass { assigns: true } => {
            *count += 1;
            json!({"Type": "Pass", "Assign": {format!("v{count}.$"): "$"}})
        }
        Part::Pass { assigns: false } => {
            json!({"Type": "Pass", "Parameters": {"hash.$": "States.Hash(States.JsonToString($), 'MD5')"}})
        }
        Part::Task { hours, is_callback, .. } => task(*hours, *is_callback),
        Part::Wait { seconds } => json!({"Type": "Wait", "Seconds": seconds}),
        Part::Parallel { branches, .. } => {
            let branches: Vec<Value> = branches.iter().map(|branch| sequence(branch, count)).collect();
            json!({"Type": "Parallel", "Branches": branches})
        }
        Part::Map { processor, items, concurrency, .. } => json!({
            "Type": "Map",
            "ItemsPath": format!("$$.Execution.Input.lists[{items}]"),
            "ItemSelector": {"n.$": "$$.Map.Item.Value", "in.$": "$"},
            "MaxConcurrency": concurrency,
            "ItemProcessor": sequence(processor, count),
        }),
    };
    if let Part::Task { retries: true, .. }
    | Part::Parallel { retries: true, .. }
    | Part::Map { retries: true, .. } = part
    {
        state["Retry"] = json!([{"ErrorEquals": ["Flaky"], "IntervalSeconds": 2, "MaxAttempts": 1}]);
    }
    match next {
        Some(next) => state["Next"] = next.into(),
        None => state["End"] = true.into(),
    }
    state
}

fn task(hours: Option<u8>, is_callback: bool) -> Value {
    let (resource, input) = match is_callback {
        true => ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "MessageBody.$"),
        false => ("arn:aws:states:us-east-1:000000000000:activity:a", "in.$"),
    };
    let mut task = json!({"Type": "Task", "Resource": resource, "Parameters": {input: "$"}});
    if let Some(hours) = hours {
        task["TimeoutSeconds"] = (u64::from(hours) * 3600).into();
    }
    task
}
