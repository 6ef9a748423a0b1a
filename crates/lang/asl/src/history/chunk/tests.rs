//! What is written is read, and whatever else the bytes are is events or an error.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::error_name::{ErrorName, Failure};
use crate::history::{EventDetails, FanOut, IterationStage, MapRunStage, TaskStage};
use crate::{Payload, Resource, StateKind};

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        Just(Payload::new(json!({"a": [1, "ü", null]}))),
        Just(Payload::parse(" {\"b\" : 1.50}".into()).unwrap()),
        any::<String>().prop_map(|text| Payload::new(json!(text))),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    let error = prop::option::of(prop_oneof![Just("States.Timeout"), Just("My.Error")]);
    (error, prop::option::of(any::<String>()))
        .prop_map(|(error, cause)| Failure { error: error.map(ErrorName::from), cause })
}

fn fan_out() -> impl Strategy<Value = FanOut> {
    prop_oneof![Just(FanOut::Parallel), any::<u64>().prop_map(|length| FanOut::Map { length })]
}

fn task_stage() -> impl Strategy<Value = TaskStage> {
    prop_oneof![
        (payload(), any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<String>>()).prop_map(
            |(parameters, timeout_seconds, heartbeat_seconds, credentials)| TaskStage::Scheduled {
                parameters,
                region: "eu-central-1".into(),
                timeout_seconds,
                heartbeat_seconds,
                credentials,
            }
        ),
        any::<Option<String>>().prop_map(|worker_name| TaskStage::Started { worker_name }),
        payload().prop_map(|output| TaskStage::Submitted { output }),
        payload().prop_map(|output| TaskStage::Succeeded { output }),
        failure().prop_map(TaskStage::Failed),
        failure().prop_map(TaskStage::ScheduleFailed),
        failure().prop_map(TaskStage::StartFailed),
        failure().prop_map(TaskStage::SubmitFailed),
        failure().prop_map(TaskStage::TimedOut),
    ]
}

fn map_run_stage() -> impl Strategy<Value = MapRunStage> {
    prop_oneof![
        any::<String>().prop_map(|map_run_arn| MapRunStage::Started { map_run_arn }),
        Just(MapRunStage::Succeeded),
        failure().prop_map(MapRunStage::Failed),
        Just(MapRunStage::Aborted),
        (any::<String>(), any::<u64>())
            .prop_map(|(map_run_arn, redrive_count)| MapRunStage::Redriven { map_run_arn, redrive_count }),
    ]
}

fn details() -> impl Strategy<Value = EventDetails> {
    let kind = prop::sample::select(StateKind::ALL.as_slice());
    let name = prop_oneof![Just("First".into()), any::<String>().prop_map(|name| name.into())];
    let stage = prop::sample::select(
        [IterationStage::Started, IterationStage::Succeeded, IterationStage::Failed, IterationStage::Aborted]
            .as_slice(),
    );
    let assigned = prop::collection::vec(("[a-z]{1,3}", "[0-9]{1,3}"), 0..3);
    let resource = prop::sample::select(
        [
            "arn:aws:states:::ecs:runTask.sync",
            "arn:aws:states:::aws-sdk:s3:listBuckets",
            "arn:aws:states:us-east-1:123456789012:activity:a",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "what?",
        ]
        .as_slice(),
    );
    prop_oneof![
        (payload(), any::<Option<String>>(), any::<Option<String>>()).prop_map(|(input, version, alias)| {
            EventDetails::ExecutionStarted {
                input,
                role_arn: "arn:aws:iam::123456789012:role/r".into(),
                state_machine_version_arn: version,
                state_machine_alias_arn: alias,
            }
        }),
        payload().prop_map(|output| EventDetails::ExecutionSucceeded { output }),
        failure().prop_map(EventDetails::ExecutionFailed),
        failure().prop_map(EventDetails::ExecutionAborted),
        failure().prop_map(EventDetails::ExecutionTimedOut),
        any::<u64>().prop_map(|redrive_count| EventDetails::ExecutionRedriven { redrive_count }),
        (kind.clone(), name.clone(), payload()).prop_map(|(kind, name, input)| EventDetails::StateEntered {
            kind,
            name,
            input
        }),
        (kind.clone(), name.clone(), payload(), assigned).prop_map(|(kind, name, output, assigned)| {
            let assigned = assigned.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            EventDetails::StateExited { kind, name, output, assigned }
        }),
        kind.prop_map(EventDetails::StateAborted),
        fan_out().prop_map(EventDetails::FanOutStarted),
        fan_out().prop_map(EventDetails::FanOutSucceeded),
        fan_out().prop_map(EventDetails::FanOutFailed),
        (stage, name.clone(), any::<u64>()).prop_map(|(stage, name, index)| EventDetails::MapIteration {
            stage,
            name,
            index
        }),
        map_run_stage().prop_map(EventDetails::MapRun),
        (failure(), any::<String>(), name).prop_map(|(failure, location, state)| {
            EventDetails::EvaluationFailed { failure, location, state }
        }),
        (resource, task_stage()).prop_map(|(resource, stage)| EventDetails::Task {
            resource: Resource::parse(resource),
            stage: Box::new(stage),
        }),
    ]
}

fn history() -> impl Strategy<Value = Vec<HistoryEvent>> {
    let event = (any::<u64>(), -10_i64..10_000_000_000_000, details());
    (1_u64..1_000_000, prop::collection::vec(event, 0..200)).prop_map(|(first, events)| {
        let numbered = events.into_iter().enumerate();
        let event = |(at, (previous_event_id, millis, details)): (usize, (u64, i64, EventDetails))| {
            let timestamp = Timestamp::from_millis(millis);
            HistoryEvent { id: first + at as u64, previous_event_id, timestamp, details }
        };
        numbered.map(event).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(history in history()) {
        let mut read = Vec::new();
        for chunk in HistoryChunk::of(&history) {
            let events = HistoryChunk::read(&chunk.bytes).unwrap();
            prop_assert!(events.len() <= CHUNK_EVENTS_MAX);
            prop_assert_eq!(chunk.first, events[0].id);
            prop_assert_eq!(chunk.timestamp, events[0].timestamp);
            read.extend(events);
        }
        prop_assert_eq!(read.len(), history.len());
        for (read, written) in read.iter().zip(&history) {
            prop_assert_eq!(read, written);
            prop_assert_eq!(read.to_json(true).to_string(), written.to_json(true).to_string());
        }
    }

    #[test]
    fn other_bytes_are_refused_or_read(mut bytes in prop::collection::vec(any::<u8>(), 0..200), history in history()) {
        let _ = HistoryChunk::read(&bytes);
        bytes.insert(0, FORMAT);
        let _ = HistoryChunk::read(&bytes);
        for chunk in HistoryChunk::of(&history).take(1) {
            for at in 0..chunk.bytes.len().min(300) {
                let mut garbled = chunk.bytes.clone();
                garbled[at] ^= bytes[at % bytes.len()];
                let _ = HistoryChunk::read(&garbled);
                let _ = HistoryChunk::read(&chunk.bytes[..at]);
            }
        }
    }
}

#[test]
fn a_payload_that_is_handed_on_is_written_once() {
    let payload = Payload::new(json!("x".repeat(200_000)));
    let entered = |id| HistoryEvent {
        id,
        previous_event_id: id - 1,
        timestamp: Timestamp::from_seconds(7),
        details: EventDetails::StateEntered {
            kind: StateKind::Pass,
            name: "P".into(),
            input: payload.clone(),
        },
    };
    let history: Vec<_> = (1..=20).map(entered).collect();
    let chunks: Vec<_> = HistoryChunk::of(&history).collect();
    assert_eq!(chunks.len(), 1);
    assert!(chunks[0].bytes.len() < 200_400, "{}", chunks[0].bytes.len());
}
