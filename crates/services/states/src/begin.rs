//! A request to start an execution, and what the execution is told at its start.

use asl::{ExecutionSpec, MachineKind};
use types::Timestamp;

use crate::Error;
use crate::name::{self, StateMachineArn};
use crate::state_machine::{Revision, Target};

/// A request to start an execution, checked.
pub(crate) struct Begin {
    /// What was asked for: the machine, one of its versions or one of its aliases.
    pub(crate) state_machine: StateMachineArn,
    /// The machine's type.
    pub(crate) kind: MachineKind,
    /// What the execution's random numbers are made of, and which of an alias's versions it runs.
    pub(crate) seed: u64,
    /// A random name where there is none.
    pub(crate) name: Option<String>,
    pub(crate) input: String,
    pub(crate) trace_header: Option<String>,
    /// The same for the same request, made again.
    pub(crate) request_id: String,
}

impl Begin {
    /// Name and ARN of the execution. The ARN of an express execution is never the same twice.
    pub(crate) fn identify(&self) -> (String, String) {
        let name = self.name.clone().unwrap_or_else(api::ids::uuid);
        let arn = match self.kind {
            MachineKind::Standard => name::execution_arn(&self.state_machine.machine, &name),
            MachineKind::Express => name::express_arn(&self.state_machine.machine, &name, &api::ids::uuid()),
        };
        (name, arn)
    }

    /// What the execution is told.
    ///
    /// # Errors
    /// Where the ARN is none of an execution.
    pub(crate) fn spec(
        &self,
        arn: &str,
        name: &str,
        target: &Target,
        revision: &Revision,
        start_time: Timestamp,
    ) -> Result<ExecutionSpec, Error> {
        let (region, account) = name::place(arn)?;
        Ok(ExecutionSpec {
            arn: arn.to_owned(),
            name: name.to_owned(),
            state_machine_arn: self.state_machine.machine.clone(),
            state_machine_version_arn: target.version_arn.clone(),
            state_machine_alias_arn: target.alias_arn.clone(),
            state_machine_name: revision.state_machine_name.clone(),
            role_arn: revision.role_arn.as_str().into(),
            region: region.as_str().into(),
            account: account.to_string(),
            input: self.input.as_str().into(),
            start_time,
            seed: self.seed,
            kind: revision.kind,
            redrive_count: 0,
            redrive_time: None,
            map_run: None,
        })
    }
}
