//! Labels of versions: names that move from one version to another.

use api::Context;
use store::Batch;

use crate::generated::types as model;
use crate::limits::{LABEL_CHARACTERS_MAX, LABELS_MAX};
use crate::names::{self, Reference};
use crate::parameter::Parameter;
use crate::{Error, Inner};

impl Inner {
    pub(crate) async fn label(
        &self,
        cx: &Context,
        input: model::LabelParameterVersionInput,
    ) -> Result<model::LabelParameterVersionOutput, Error> {
        let (valid, invalid): (Vec<String>, Vec<String>) =
            input.labels.into_iter().partition(|label| is_label(label));
        let change = |parameter: &mut Parameter| {
            let version = self::version(parameter, input.parameter_version)?;
            for label in &valid {
                parameter.labels.insert(label.clone(), version);
            }
            match parameter.labels_of(version).len() > LABELS_MAX {
                true => Err(Error::TooManyLabels),
                false => Ok(version),
            }
        };
        let version = self.change(cx, &input.name, change).await?;
        Ok(model::LabelParameterVersionOutput {
            invalid_labels: Some(invalid),
            parameter_version: Some(version as i64),
        })
    }

    pub(crate) async fn unlabel(
        &self,
        cx: &Context,
        input: model::UnlabelParameterVersionInput,
    ) -> Result<model::UnlabelParameterVersionOutput, Error> {
        let change = |parameter: &mut Parameter| {
            let version = self::version(parameter, Some(input.parameter_version))?;
            let there = |label: &String| parameter.labels.get(label) == Some(&version);
            let (removed, invalid): (Vec<_>, Vec<_>) = input.labels.iter().cloned().partition(there);
            parameter.labels.retain(|label, _| !removed.contains(label));
            Ok((removed, invalid))
        };
        let (removed, invalid) = self.change(cx, &input.name, change).await?;
        Ok(model::UnlabelParameterVersionOutput {
            removed_labels: Some(removed),
            invalid_labels: Some(invalid),
        })
    }

    /// Changes what is kept of a parameter beside its versions.
    pub(crate) async fn change<T>(
        &self,
        cx: &Context,
        name: &str,
        change: impl Fn(&mut Parameter) -> Result<T, Error> + Send + Sync,
    ) -> Result<T, Error> {
        let name = self.parameter(cx, &Reference::parse(cx, name)?.name).await?.name;
        for _ in 0..crate::limits::CONFLICTS_MAX {
            let seen = self.parameters.get(&names::key(cx, &name)).await?.ok_or(Error::ParameterNotFound)?;
            let mut parameter = seen.value.clone();
            let answer = change(&mut parameter)?;
            let mut batch = Batch::new();
            self.parameters.replace(&mut batch, &seen, &parameter);
            match self.store.submit(batch).durable().await {
                Err(store::Error::Conflict { .. }) => {}
                submitted => return submitted.map(|_| answer).map_err(Error::from),
            }
        }
        Err(Error::TooManyUpdates)
    }
}

/// The version that a request names, the latest where it names none.
fn version(parameter: &Parameter, given: Option<i64>) -> Result<u64, Error> {
    let Some(given) = given else { return Ok(parameter.latest.version) };
    let version = u64::try_from(given).ok();
    let there = version.filter(|version| (parameter.oldest..=parameter.latest.version).contains(version));
    there.ok_or_else(|| Error::VersionNotFound { name: parameter.name.clone(), version: given.to_string() })
}

/// Letters, digits, `.-_`; it begins neither with a digit nor with `aws` or `ssm`.
fn is_label(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    label.len() <= LABEL_CHARACTERS_MAX
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
        && !label.bytes().next().is_none_or(|first| first.is_ascii_digit())
        && !lower.starts_with("aws")
        && !lower.starts_with("ssm")
}
