//! PutParameter: makes a parameter, or its next version.

use std::collections::BTreeMap;

use api::Context;
use regex::Regex;
use store::{Batch, Versioned};

use crate::generated::types as model;
use crate::limits::{ADVANCED_VALUE_BYTES_MAX, CONFLICTS_MAX, STANDARD_VALUE_BYTES_MAX, VERSIONS_MAX};
use crate::parameter::{KEY_ALIAS, Kind, Parameter, Tier, VERSIONS_TABLE, Version};
use crate::{Error, Inner, names, tag};

impl Inner {
    pub(crate) async fn put(
        &self,
        cx: &Context,
        input: model::PutParameterInput,
    ) -> Result<model::PutParameterOutput, Error> {
        check(cx, &input)?;
        for _ in 0..CONFLICTS_MAX {
            match self.try_put(cx, &input).await {
                Err(Error::TooManyUpdates) => {}
                answer => return answer,
            }
        }
        Err(Error::TooManyUpdates)
    }

    async fn try_put(
        &self,
        cx: &Context,
        input: &model::PutParameterInput,
    ) -> Result<model::PutParameterOutput, Error> {
        let key = names::key(cx, &input.name);
        let seen = self.parameters.get(&key).await?;
        if seen.is_some() && input.overwrite != Some(true) {
            return Err(Error::AlreadyExists);
        }
        let parameter = self.next(cx, input, seen.as_ref().map(|seen| &seen.value))?;
        let mut batch = Batch::new();
        match &seen {
            Some(seen) => self.parameters.replace(&mut batch, seen, &parameter),
            None => self.parameters.create(&mut batch, &key, &parameter),
        }
        let latest = &parameter.latest;
        self.versions.put(&mut batch, &names::version_key(&key, latest.version), latest);
        let before = seen.as_ref().map_or(parameter.oldest, |seen| seen.value.oldest);
        for gone in before..parameter.oldest {
            batch.delete(VERSIONS_TABLE, names::version_key(&key, gone));
        }
        self.store.submit(batch).durable().await?;
        Ok(model::PutParameterOutput {
            version: Some(latest.version as i64),
            tier: Some(latest.tier.as_str().to_owned()),
        })
    }

    /// The parameter as it is after the request.
    fn next(
        &self,
        cx: &Context,
        input: &model::PutParameterInput,
        before: Option<&Parameter>,
    ) -> Result<Parameter, Error> {
        let given = input.r#type.as_deref().and_then(Kind::of);
        let kind = match (given, before) {
            (Some(kind), Some(before)) if kind != before.kind => return Err(Error::TypeMismatch),
            (Some(kind), _) => kind,
            (None, Some(before)) => before.kind,
            (None, None) => {
                let text = "A parameter type is required when you create a parameter.";
                return Err(Error::Invalid(text.to_owned()));
            }
        };
        check_key(kind, input.key_id.as_deref())?;
        check_value(kind, &input.value)?;
        let version = before.map_or(1, |before| before.latest.version + 1);
        let pattern = input.allowed_pattern.clone();
        let latest = Version {
            version,
            description: input
                .description
                .clone()
                .or_else(|| before.and_then(|before| before.latest.description.clone())),
            allowed_pattern: pattern.filter(|pattern| !pattern.is_empty()),
            data_type: input.data_type.clone().unwrap_or_else(|| "text".to_owned()),
            tier: tier(input, before)?,
            modified: cx.now,
            modified_by: cx.principal.arn(),
            sealed: self.seal(cx, &input.name, &input.value)?,
        };
        let tags = match before {
            Some(before) => before.tags.clone(),
            None => tag::added(BTreeMap::new(), input.tags.clone().unwrap_or_default())?,
        };
        let mut parameter = Parameter {
            name: input.name.clone(),
            kind,
            latest,
            oldest: before.map_or(1, |before| before.oldest),
            labels: before.map(|before| before.labels.clone()).unwrap_or_default(),
            tags,
        };
        forget_oldest(&mut parameter)?;
        Ok(parameter)
    }

    /// Deletes parameters that are there, with all their versions; says which are not.
    pub(crate) async fn delete(&self, cx: &Context, name: &str) -> Result<(), Error> {
        let key = names::key(cx, name);
        let seen: Option<Versioned<Parameter>> = self.parameters.get(&key).await?;
        let seen = seen.ok_or(Error::ParameterNotFound)?;
        let mut batch = Batch::new();
        self.parameters.delete(&mut batch, &seen.key);
        batch.delete_prefix(VERSIONS_TABLE, names::versions_prefix(&seen.key));
        self.store.submit(batch).durable().await?;
        Ok(())
    }
}

/// Lets the oldest version go where there are too many.
fn forget_oldest(parameter: &mut Parameter) -> Result<(), Error> {
    let oldest = parameter.oldest;
    if parameter.latest.version < oldest + VERSIONS_MAX {
        return Ok(());
    }
    if parameter.labels.values().any(|version| *version == oldest) {
        return Err(Error::OldestIsLabelled { name: parameter.name.clone(), version: oldest });
    }
    parameter.oldest += 1;
    Ok(())
}

/// Checks what does not depend on the parameter as it is.
fn check(cx: &Context, input: &model::PutParameterInput) -> Result<(), Error> {
    names::check(cx, &input.name)?;
    let invalid = |text: &str| Err(Error::Invalid(text.to_owned()));
    if input.value.is_empty() {
        return invalid(
            "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.",
        );
    }
    if input.overwrite == Some(true) && input.tags.as_ref().is_some_and(|tags| !tags.is_empty()) {
        return invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
        );
    }
    if input.policies.as_deref().is_some_and(|policies| policies.trim() != "[]") {
        return Err(Error::NotServed("policies"));
    }
    match input.data_type.as_deref() {
        None | Some("text") => {}
        Some(other @ ("aws:ec2:image" | "aws:ssm:integration")) => {
            return invalid(&format!("Runwright does not serve the data type {other} of Parameter Store."));
        }
        Some(other) => {
            return invalid(&format!(
                "The following data type is not supported: {other} (Data type names are all lowercase.)"
            ));
        }
    }
    check_pattern(input)
}

fn check_pattern(input: &model::PutParameterInput) -> Result<(), Error> {
    let Some(pattern) = input.allowed_pattern.as_deref().filter(|pattern| !pattern.is_empty()) else {
        return Ok(());
    };
    // The pattern has to match the whole value, as Java's does.
    let whole = Regex::new(&format!("^(?:{pattern})$"));
    let whole = whole.map_err(|_| Error::InvalidAllowedPattern(pattern.to_owned()))?;
    if whole.is_match(&input.value) { Ok(()) } else { Err(Error::PatternMismatch(pattern.to_owned())) }
}

fn check_key(kind: Kind, key_id: Option<&str>) -> Result<(), Error> {
    match key_id {
        None => Ok(()),
        Some(_) if kind != Kind::SecureString => {
            let text = "KeyId is not required for String and StringList type parameter.";
            Err(Error::Invalid(text.to_owned()))
        }
        Some(key) if key == KEY_ALIAS || key.ends_with(&format!(":{KEY_ALIAS}")) => Ok(()),
        Some(other) => Err(Error::InvalidKeyId(other.to_owned())),
    }
}

fn check_value(kind: Kind, value: &str) -> Result<(), Error> {
    if kind == Kind::StringList && value.split(',').any(str::is_empty) {
        let text = "Parameter value can't contain empty items in a StringList.";
        return Err(Error::Invalid(text.to_owned()));
    }
    Ok(())
}

/// The tier that a request asks for, or gets where it leaves the choice.
fn tier(input: &model::PutParameterInput, before: Option<&Parameter>) -> Result<Tier, Error> {
    let before = before.map(|before| before.latest.tier);
    let bytes = input.value.len();
    let tier = match (input.tier.as_deref(), before) {
        (Some("Standard"), Some(Tier::Advanced)) => {
            let text = "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.";
            return Err(Error::Invalid(text.to_owned()));
        }
        (Some("Advanced"), _) | (_, Some(Tier::Advanced)) => Tier::Advanced,
        (Some("Intelligent-Tiering"), _) if bytes > STANDARD_VALUE_BYTES_MAX => Tier::Advanced,
        _ => Tier::Standard,
    };
    match tier {
        Tier::Standard if bytes > STANDARD_VALUE_BYTES_MAX => Err(Error::Invalid(
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html".to_owned(),
        )),
        Tier::Advanced if bytes > ADVANCED_VALUE_BYTES_MAX => Err(Error::Invalid(
            "Advanced tier parameters support a maximum parameter value of 8192 characters.".to_owned(),
        )),
        tier => Ok(tier),
    }
}
