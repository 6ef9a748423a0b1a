//! A pipe as it is kept, and the states that it goes through.

use api::Context;
use serde::{Deserialize, Serialize};
use types::{AccountId, Arn, Region, Timestamp};

use crate::generated::types as model;

/// The table of pipes, by [`key`].
pub(crate) const TABLE: &str = "pipes/pipes";

/// `StateReason` of a state that somebody asked for.
const ASKED_FOR: &str = "USER_INITIATED";

/// A pipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Pipe {
    pub(crate) account: String,
    pub(crate) region: String,
    /// What it was asked to be.
    pub(crate) definition: model::CreatePipeInput,
    /// Whether it is to run, once it is what it was asked to be.
    pub(crate) is_wanted_running: bool,
    pub(crate) state: State,
    pub(crate) created: Timestamp,
    pub(crate) modified: Timestamp,
}

/// `CurrentState`. The first five pass by themselves: whoever tends the pipe ends them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Creating,
    Updating,
    Starting,
    Stopping,
    Deleting,
    Running,
    Stopped,
    /// What the pipe was asked for could not be done.
    Failed {
        attempted: Attempted,
        reason: String,
    },
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Attempted {
    Create,
    Update,
    Start,
}

impl State {
    /// AWS's name of the state.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Updating => "UPDATING",
            Self::Starting => "STARTING",
            Self::Stopping => "STOPPING",
            Self::Deleting => "DELETING",
            Self::Running => "RUNNING",
            Self::Stopped => "STOPPED",
            Self::Failed { attempted: Attempted::Create, .. } => "CREATE_FAILED",
            Self::Failed { attempted: Attempted::Update, .. } => "UPDATE_FAILED",
            Self::Failed { attempted: Attempted::Start, .. } => "START_FAILED",
        }
    }

    /// `StateReason`.
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Failed { reason, .. } => reason,
            _ => ASKED_FOR,
        }
    }

    /// Whether it ends by itself.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Creating | Self::Updating | Self::Starting | Self::Stopping | Self::Deleting)
    }
}

/// The key of a pipe's record.
pub(crate) fn key(cx: &Context, name: &str) -> String {
    format!("{}/{}/{name}", cx.account, cx.region)
}

impl Pipe {
    pub(crate) fn name(&self) -> &str {
        &self.definition.name
    }

    /// The key of its record.
    pub(crate) fn key(&self) -> String {
        format!("{}/{}/{}", self.account, self.region, self.name())
    }

    pub(crate) fn arn(&self) -> String {
        let region = Region::new(self.region.as_str());
        let account = AccountId::new(self.account.as_str());
        Arn::new("pipes", &region, &account, format!("pipe/{}", self.name())).to_string()
    }

    /// `DesiredState`.
    pub(crate) fn desired(&self) -> &'static str {
        match self.state {
            State::Deleting => "DELETED",
            _ if self.is_wanted_running => "RUNNING",
            _ => "STOPPED",
        }
    }

    /// The template of what its target receives.
    pub(crate) fn target_template(&self) -> Option<&str> {
        let parameters = self.definition.target_parameters.as_ref();
        parameters.and_then(|given| given.input_template.as_deref()).filter(|template| !template.is_empty())
    }

    /// The template of what its enrichment receives.
    pub(crate) fn enrichment_template(&self) -> Option<&str> {
        let parameters = self.definition.enrichment_parameters.as_ref();
        parameters.and_then(|given| given.input_template.as_deref()).filter(|template| !template.is_empty())
    }

    /// The ARN of its enrichment, if it has one.
    pub(crate) fn enrichment(&self) -> Option<&str> {
        self.definition.enrichment.as_deref().filter(|arn| !arn.is_empty())
    }
}
