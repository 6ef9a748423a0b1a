//! One step of an execution: what the targets share.

use std::sync::Arc;

use asl::{Execution, ExecutionSpec, MachineKind, StateMachine, Wake};
use types::Timestamp;

const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Runs a machine until it waits or ends.
pub fn run(machine: StateMachine, input: &str) {
    let mut execution = Execution::new(Arc::new(machine), spec(input));
    asl::step(&mut execution, Wake::Start, START, &mut Vec::new());
    execution.take_history();
}

fn spec(input: &str) -> ExecutionSpec {
    ExecutionSpec {
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".to_owned(),
        name: "e".to_owned(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".to_owned(),
        state_machine_name: "m".to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        account: "000000000000".to_owned(),
        input: input.into(),
        start_time: START,
        seed: 5,
        kind: MachineKind::Standard,
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    }
}
