//! One child of a Map Run: what it is told when it starts, and its names.
//!
//! Names are made of the Map Run and the child's number, so that whoever starts a child again finds the first.

use std::sync::Arc;

use asl::map_run::MapRunSpec;
use asl::{Execution, ExecutionSpec, MachineKind};
use types::Timestamp;

use super::supply::NextChild;
use crate::Error;
use crate::execution::Child;
use crate::fingerprint;
use crate::name::{self, MapRunArn};
use crate::state_machine::Compiled;

/// A child to begin.
pub(crate) struct BeginChild {
    pub(crate) execution: Execution,
    pub(crate) place: Child,
    pub(crate) compiled: Arc<Compiled>,
}

/// How the children of one Map Run are named.
pub(super) struct Names {
    map_run: String,
    arn: MapRunArn,
    kind: MachineKind,
}

impl Names {
    /// # Errors
    /// Where the ARN is none of a Map Run.
    pub(super) fn new(map_run: &str, kind: MachineKind) -> Result<Self, Error> {
        Ok(Self { map_run: map_run.to_owned(), arn: MapRunArn::parse(map_run)?, kind })
    }

    fn name(&self, index: u64) -> String {
        fingerprint::uuid(&[&self.map_run, &index.to_string()])
    }

    /// The ARN of a child. A redrive gives an express child, whose runs are many, another one.
    pub(super) fn execution_arn(&self, index: u64, redrive_count: u64) -> String {
        let name = self.name(index);
        match self.kind {
            MachineKind::Standard => name::execution_arn(&self.arn.state_machine_arn, &name),
            MachineKind::Express => {
                let run = fingerprint::uuid(&[&self.map_run, &index.to_string(), &redrive_count.to_string()]);
                name::express_arn(&self.arn.state_machine_arn, &name, &run)
            }
        }
    }
}

/// The child `next` of the Map Run `run`, about to begin.
pub(super) fn begin(
    names: &Names,
    run: &MapRunSpec,
    compiled: &Arc<Compiled>,
    next: NextChild,
    now: Timestamp,
) -> BeginChild {
    let NextChild { place, input, .. } = next;
    let (region, account) = names.arn.place();
    let spec = ExecutionSpec {
        arn: names.execution_arn(place.index, place.redrive_count),
        name: names.name(place.index),
        state_machine_arn: names.arn.state_machine_arn.clone(),
        state_machine_version_arn: None,
        state_machine_alias_arn: None,
        state_machine_name: names.arn.machine_name.clone(),
        role_arn: compiled.revision.role_arn.as_str().into(),
        region: region.as_str().into(),
        account: account.to_string(),
        input,
        start_time: now,
        seed: api::ids::seed(),
        kind: names.kind,
        redrive_count: 0,
        redrive_time: None,
        map_run: None,
    };
    let execution = Execution::new_child(Arc::clone(&compiled.machine), run, spec);
    BeginChild { execution, place, compiled: Arc::clone(compiled) }
}
