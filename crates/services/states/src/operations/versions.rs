//! `PublishStateMachineVersion`, `ListStateMachineVersions`, `DeleteStateMachineVersion`, and `publish` of other
//! operations.
//!
//! Source: Step Functions API reference, "PublishStateMachineVersion"; Developer Guide, "State machine versions".

use api::Context;
use store::Batch;
use types::Timestamp;

use super::Operations;
use crate::Error;
use crate::generated::types as shapes;
use crate::limits::VERSIONS;
use crate::name::{Qualifier, StateMachineArn};
use crate::page;
use crate::state_machine::{Edit, Retired, Revision, StateMachineRecord, StateMachineStatus, VersionRecord};

/// `revisionId` of a machine that has never been updated, in requests only.
const INITIAL: &str = "INITIAL";

/// What a request says of publishing.
pub(super) enum Publication {
    None,
    Wanted { description: Option<String> },
}

impl Publication {
    /// Reads `publish` and `versionDescription`.
    ///
    /// # Errors
    /// [`Error::VersionDescription`].
    pub(super) fn parse(publish: Option<bool>, description: Option<String>) -> Result<Self, Error> {
        match (publish.unwrap_or(false), description) {
            (true, description) => Ok(Self::Wanted { description }),
            (false, None) => Ok(Self::None),
            (false, Some(_)) => Err(Error::VersionDescription),
        }
    }

    /// Adds to `edits` what publishes the revision of `record`, the record itself included, and gives the version's ARN.
    ///
    /// # Errors
    /// As [`published`].
    pub(super) fn publish(
        self,
        operations: &Operations,
        record: StateMachineRecord,
        now: Timestamp,
        edits: &mut Vec<Edit>,
    ) -> Result<Option<String>, Error> {
        match self {
            Self::None => {
                edits.push(Edit::Machine(record));
                Ok(None)
            }
            Self::Wanted { description } => {
                published(operations, record, description, now, edits).map(|version| Some(version.arn()))
            }
        }
    }
}

/// Publishes the current revision of `record`, unless that has been done: adds to `edits` what it takes.
///
/// # Errors
/// [`Error::VersionLimitExceeded`].
fn published(
    operations: &Operations,
    record: StateMachineRecord,
    description: Option<String>,
    now: Timestamp,
    edits: &mut Vec<Edit>,
) -> Result<VersionRecord, Error> {
    let versions = operations.machines.versions(&record.arn);
    if let Some(version) = versions.iter().rfind(|version| version.revision == record.revision) {
        edits.push(Edit::Machine(record));
        return Ok(version.clone());
    }
    if versions.len() >= VERSIONS {
        return Err(Error::VersionLimitExceeded);
    }
    let version = VersionRecord {
        machine: record.arn.clone(),
        number: record.last_version + 1,
        revision: record.revision.clone(),
        description,
        creation_date: now,
    };
    edits.push(Edit::Machine(StateMachineRecord { last_version: version.number, ..record }));
    edits.push(Edit::Version(version.clone()));
    Ok(version)
}

pub(super) async fn publish(
    operations: &Operations,
    cx: &Context,
    input: shapes::PublishStateMachineVersionInput,
) -> Result<shapes::PublishStateMachineVersionOutput, Error> {
    let change = operations.machines.change().await;
    let record = operations.machine(cx, &input.state_machine_arn)?;
    if record.status == StateMachineStatus::Deleting {
        return Err(Error::StateMachineDeleting(record.arn));
    }
    let revision = operations.machines.revision(&record.revision).await?;
    check_revision(&revision, input.revision_id)?;
    let mut edits = Vec::new();
    let version = published(operations, record, input.description, cx.now, &mut edits)?;
    operations.machines.apply(&change, edits, Batch::new()).await?;
    Ok(shapes::PublishStateMachineVersionOutput {
        creation_date: version.creation_date,
        state_machine_version_arn: version.arn(),
    })
}

/// Refuses a request that wants another revision than the current one.
fn check_revision(current: &Revision, wanted: Option<String>) -> Result<(), Error> {
    let current = current.revision_id.as_deref().unwrap_or(INITIAL);
    match wanted {
        Some(wanted) if wanted != current => {
            Err(Error::OtherRevision { wanted, current: current.to_owned() })
        }
        _ => Ok(()),
    }
}

/// The versions of a machine, the newest first. A machine that is not there has none.
pub(super) async fn list(
    operations: &Operations,
    cx: &Context,
    input: shapes::ListStateMachineVersionsInput,
) -> Result<shapes::ListStateMachineVersionsOutput, Error> {
    let machine = match StateMachineArn::parse(cx, &input.state_machine_arn) {
        Ok(arn) => arn.to_string(),
        Err(Error::StateMachineDoesNotExist(arn)) => arn,
        Err(error) => return Err(error),
    };
    let scope = format!("ListStateMachineVersions {machine}");
    let before = page::after(&scope, input.next_token.as_deref())?;
    let before: Option<u64> =
        before.map(|number| number.parse().map_err(|_| Error::InvalidToken)).transpose()?;
    let size = page::size(input.max_results);
    let mut versions = operations.machines.versions(&machine);
    versions.reverse();
    versions.retain(|version| before.is_none_or(|before| version.number < before));
    let has_more = versions.len() > size;
    versions.truncate(size);
    let next_token =
        versions.last().filter(|_| has_more).map(|version| page::token(&scope, &version.number.to_string()));
    let item = |version: VersionRecord| shapes::StateMachineVersionListItem {
        state_machine_version_arn: version.arn(),
        creation_date: version.creation_date,
    };
    let state_machine_versions = versions.into_iter().map(item).collect();
    Ok(shapes::ListStateMachineVersionsOutput { state_machine_versions, next_token })
}

/// Deletes a version to which no alias leads. Deleting what is not there succeeds.
pub(super) async fn delete(
    operations: &Operations,
    cx: &Context,
    input: shapes::DeleteStateMachineVersionInput,
) -> Result<shapes::DeleteStateMachineVersionOutput, Error> {
    let done = Ok(shapes::DeleteStateMachineVersionOutput {});
    let arn = match StateMachineArn::parse(cx, &input.state_machine_version_arn) {
        Err(Error::StateMachineDoesNotExist(_)) => return done,
        arn => arn?,
    };
    let Some(Qualifier::Version(number)) = arn.qualifier else {
        return Err(Error::ArnResourceType("stateMachine".to_owned()));
    };
    let change = operations.machines.change().await;
    let Some(version) = operations.machines.version(&arn.machine, number) else { return done };
    let aliases = operations.machines.aliases(&arn.machine);
    let names: Vec<String> =
        aliases.into_iter().filter(|alias| alias.leads_to(number)).map(|alias| alias.name).collect();
    if !names.is_empty() {
        return Err(Error::VersionInUse(names));
    }
    let mut batch = Batch::new();
    let retired = Retired::Version(number);
    operations.machines.retire(&mut batch, &version.machine, &version.revision, retired, cx.now);
    operations.machines.apply(&change, vec![Edit::DeleteVersion(version)], batch).await?;
    done
}
