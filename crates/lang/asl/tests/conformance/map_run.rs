//! Map Runs: children one after the other, and S3 as a map of objects.

use std::collections::BTreeMap;
use std::sync::Arc;

use asl::map_run::results::{ChildResult, ResultFile, StartedChild};
use asl::map_run::{
    ChildInput, ChildInputs, ItemReader, MapRunSpec, Next, ReaderCall, ReaderResource, Tolerance,
};
use asl::{Execution, ExecutionSpec, Failure, FailurePhase, Status, TaskFailure, TaskId, Wake};
use serde_json::{Value, json};
use types::Timestamp;

/// Bytes that a reader is given at a time: few, so that items are split.
const CHUNK: usize = 7;

/// Objects by bucket and key.
#[derive(Default)]
pub struct Objects(BTreeMap<(String, String), String>);

impl Objects {
    /// What a case puts into buckets before its execution starts.
    pub fn of(case: &Value) -> Self {
        let calls = case["setup"].as_array().into_iter().flatten();
        let puts = calls.filter(|call| call["service"] == "s3" && call["op"] == "PutObject");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = |call: &Value| {
            let parameters = &call["params"];
            ((text(&parameters["Bucket"]), text(&parameters["Key"])), text(&parameters["Body"]))
        };
        Self(puts.map(object).collect())
    }

    fn list(&self, parameters: &Value) -> Value {
        let (bucket, prefix) = (&parameters["Bucket"], parameters["Prefix"].as_str().unwrap_or_default());
        let listed = self.0.iter().filter(|((of, key), _)| of == bucket && key.starts_with(prefix));
        let object = |((_, key), body): (&(String, String), &String)| {
            json!({
                "Key": key, "ETag": "\"0\"", "Size": body.len(), "StorageClass": "STANDARD",
                "LastModified": 1_695_333_251,
            })
        };
        json!({"Contents": listed.map(object).collect::<Vec<_>>(), "IsTruncated": false})
    }

    fn get(&self, parameters: &Value) -> Option<&str> {
        let text = |name: &str| parameters[name].as_str().unwrap_or_default().to_owned();
        self.0.get(&(text("Bucket"), text("Key"))).map(String::as_str)
    }
}

/// Whether a case needs S3 for the items and the results of Map states, and nothing else.
pub fn is_driven(case: &Value) -> bool {
    let definition = case["definition"].to_string();
    case["needs"] == json!(["s3"])
        && ["ItemReader", "ResultWriter"].iter().any(|field| definition.contains(field))
        && !definition.contains("\"Task\"")
}

/// Runs a Map Run to its end.
pub fn run(parent: &Execution, task: TaskId, spec: &MapRunSpec, objects: &Objects, now: Timestamp) -> Wake {
    match outcome(parent, spec, objects, now) {
        Ok(output) => Wake::TaskSucceeded { task, output },
        Err(failure) => Wake::TaskFailed { task, failure: TaskFailure { failure, phase: FailurePhase::Run } },
    }
}

fn outcome(
    parent: &Execution,
    spec: &MapRunSpec,
    objects: &Objects,
    now: Timestamp,
) -> Result<Value, Failure> {
    let inputs = inputs(parent, spec, objects, now)?;
    let total = inputs.iter().map(|input| input.items).sum();
    let (mut records, mut failed) = (Vec::new(), 0);
    for (number, input) in (0_u64..).zip(inputs) {
        let result = child(parent, spec, number, &input, objects, now);
        failed += if result.file() == ResultFile::Failed { input.items } else { 0 };
        if spec.tolerance.is_exceeded(failed, Some(total)) {
            return Err(Tolerance::exceeded());
        }
        records.extend(result.records(spec.transformation()));
    }
    match &spec.result_writer {
        Some(writer) if writer.destination.is_some() => Ok(spec.exported(&spec.manifest_key(0))),
        _ => Ok(spec.collected(records)),
    }
}

fn inputs(
    parent: &Execution,
    spec: &MapRunSpec,
    objects: &Objects,
    now: Timestamp,
) -> Result<Vec<ChildInput>, Failure> {
    let (mut reader, mut batches) = (ItemReader::new(&spec.source)?, ChildInputs::default());
    let (mut inputs, mut open) = (Vec::new(), Vec::new());
    loop {
        match reader.advance()? {
            Next::Item(item) => inputs.extend(batches.push(spec, parent.machine(), &item, now)?),
            Next::Call(ReaderCall { operation: ReaderResource::ListObjectsV2, parameters }) => {
                reader.listed(&objects.list(&parameters));
            }
            Next::Call(ReaderCall { operation: ReaderResource::GetObject, parameters }) => {
                let body = objects.get(&parameters).expect("an object").as_bytes();
                open = body.chunks(CHUNK).rev().collect();
            }
            Next::Bytes => match open.pop() {
                Some(chunk) => reader.chunk(chunk),
                None => reader.object_end(),
            },
            Next::End => {
                inputs.extend(batches.finish(spec));
                return Ok(inputs);
            }
        }
    }
}

fn child(
    parent: &Execution,
    spec: &MapRunSpec,
    number: u64,
    input: &ChildInput,
    objects: &Objects,
    now: Timestamp,
) -> ChildResult {
    let name = format!("00000000-0000-3000-8000-{number:012}");
    let machine = format!("{}/{}", parent.spec().state_machine_arn, spec.label);
    let arn = format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1));
    let child_spec = ExecutionSpec {
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        arn: arn.clone(),
        name: name.clone(),
        state_machine_arn: machine.clone(),
        input: Arc::clone(input.payload.text()),
        start_time: now,
        kind: spec.execution_kind,
        ..parent.spec().clone()
    };
    let execution = Execution::new_child(Arc::clone(parent.machine()), spec, child_spec);
    let (status, _) = super::run::run(execution, objects, now);
    let failure = match &status {
        Status::Failed(failure) | Status::Aborted(failure) => failure.clone(),
        Status::Running | Status::Succeeded { .. } | Status::TimedOut => Failure::default(),
    };
    let output = match &status {
        Status::Succeeded { output } => Some(Arc::clone(output.text())),
        _ => None,
    };
    let started = StartedChild {
        execution_arn: arn,
        state_machine_arn: machine,
        name,
        status: status.as_str(),
        output,
        error: failure.error.map(String::from),
        cause: failure.cause,
        start_date: now,
        stop_date: now,
        redrive_count: 0,
        redrive_date: None,
        is_redrivable: true,
    };
    ChildResult { started: Some(started), input: Arc::clone(input.payload.text()) }
}
