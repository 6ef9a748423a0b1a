//! A pipe as it is kept.

use api::Context;
use serde::{Deserialize, Serialize};
use types::{Arn, Timestamp};

use crate::generated::types as model;

/// The table of pipes, by [`key`].
pub(crate) const TABLE: &str = "pipes/pipes";

/// A pipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pipe {
    pub(crate) account: String,
    pub(crate) region: String,
    /// What it was asked to be.
    pub(crate) definition: model::CreatePipeInput,
    pub(crate) is_running: bool,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

/// The key of a pipe's record.
pub(crate) fn key(cx: &Context, name: &str) -> String {
    format!("{}/{}/{name}", cx.account, cx.region)
}

impl Pipe {
    pub(crate) fn name(&self) -> &str {
        &self.definition.name
    }

    pub(crate) fn arn(&self) -> String {
        let region = types::Region::new(self.region.as_str());
        let account = types::AccountId::new(self.account.as_str());
        Arn::new("pipes", &region, &account, format!("pipe/{}", self.name())).to_string()
    }

    /// `DesiredState`.
    pub(crate) fn desired(&self) -> &'static str {
        if self.is_running { "RUNNING" } else { "STOPPED" }
    }
}
