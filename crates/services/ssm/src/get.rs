//! Reading parameters: one, several, all below a path, and all versions of one.

use api::Context;
use store::Range;

use crate::describe::Filter;
use crate::generated::types as model;
use crate::limits::{PAGE_DEFAULT, PATH_PAGE_DEFAULT};
use crate::names::{self, Reference};
use crate::page::Page;
use crate::parameter::{Parameter, Version};
use crate::{Error, Inner};

impl Inner {
    pub(crate) async fn get(
        &self,
        cx: &Context,
        name: &str,
        decrypt: bool,
    ) -> Result<model::Parameter, Error> {
        let reference = Reference::parse(cx, name)?;
        let parameter = self.parameter(cx, &reference.name).await?;
        let version = self.version(cx, &parameter, reference.selector.as_deref()).await?;
        self.shown(cx, &parameter, &version, reference.selector, decrypt)
    }

    pub(crate) async fn get_several(
        &self,
        cx: &Context,
        input: model::GetParametersInput,
    ) -> Result<model::GetParametersOutput, Error> {
        let (mut found, mut invalid) = (Vec::new(), Vec::new());
        for name in input.names {
            match self.get(cx, &name, input.with_decryption == Some(true)).await {
                Ok(parameter) => found.push(parameter),
                Err(
                    Error::ParameterNotFound
                    | Error::PublicParameter(_)
                    | Error::VersionNotFound { .. }
                    | Error::LabelNotFound { .. },
                ) => invalid.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(model::GetParametersOutput { parameters: Some(found), invalid_parameters: Some(invalid) })
    }

    pub(crate) async fn get_by_path(
        &self,
        cx: &Context,
        input: model::GetParametersByPathInput,
    ) -> Result<model::GetParametersByPathOutput, Error> {
        check_path(&input.path)?;
        let page = Page::of(input.next_token.as_deref(), input.max_results, PATH_PAGE_DEFAULT)?;
        let filters = Filter::of_path(input.parameter_filters.unwrap_or_default())?;
        let path = Path::new(&input.path, input.recursive == Some(true));
        let rows = self.parameters.list(Range::prefix(&names::key(cx, path.prefix()))).await?;
        let found = rows.into_iter().map(|row| row.value);
        let found =
            found.filter(|one| path.holds(&one.name) && filters.iter().all(|filter| filter.takes(one)));
        let (found, next_token) = page.cut(found.collect(), |one: &Parameter| one.name.clone());
        let decrypt = input.with_decryption == Some(true);
        let shown = found.iter().map(|one| self.shown(cx, one, &one.latest, None, decrypt));
        Ok(model::GetParametersByPathOutput {
            parameters: Some(shown.collect::<Result<_, _>>()?),
            next_token,
        })
    }

    pub(crate) async fn history(
        &self,
        cx: &Context,
        input: model::GetParameterHistoryInput,
    ) -> Result<model::GetParameterHistoryOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.max_results, PAGE_DEFAULT)?;
        let name = Reference::parse(cx, &input.name)?.name;
        let parameter = self.parameter(cx, &name).await?;
        let prefix = names::versions_prefix(&names::key(cx, &parameter.name));
        let rows = self.versions.list(Range::prefix(&prefix)).await?;
        let (rows, next_token) =
            page.cut(rows, |row| row.key.strip_prefix(&prefix).unwrap_or_default().to_owned());
        let decrypt = input.with_decryption == Some(true);
        let shown = rows.into_iter().map(|row| self.past(cx, &parameter, row.value, decrypt));
        Ok(model::GetParameterHistoryOutput {
            parameters: Some(shown.collect::<Result<_, _>>()?),
            next_token,
        })
    }

    /// A version as GetParameterHistory shows it.
    fn past(
        &self,
        cx: &Context,
        parameter: &Parameter,
        version: Version,
        decrypt: bool,
    ) -> Result<model::ParameterHistory, Error> {
        Ok(model::ParameterHistory {
            value: Some(self.shown_value(cx, parameter, &version, decrypt)?),
            name: Some(parameter.name.clone()),
            r#type: Some(parameter.kind.as_str().to_owned()),
            key_id: parameter.kind.key_id().map(str::to_owned),
            labels: Some(parameter.labels_of(version.version)),
            last_modified_date: Some(version.modified),
            last_modified_user: Some(version.modified_by),
            description: version.description,
            allowed_pattern: version.allowed_pattern,
            version: Some(version.version as i64),
            tier: Some(version.tier.as_str().to_owned()),
            policies: Some(Vec::new()),
            data_type: Some(version.data_type),
        })
    }

    /// The parameter with that name.
    pub(crate) async fn parameter(&self, cx: &Context, name: &str) -> Result<Parameter, Error> {
        let seen = self.parameters.get(&names::key(cx, name)).await?;
        // The ARN of `/name` and that of `name` are the same.
        let seen = match seen {
            None if !name.contains('/') => self.parameters.get(&names::key(cx, &format!("/{name}"))).await?,
            seen => seen,
        };
        seen.map(|seen| seen.value).ok_or(Error::ParameterNotFound)
    }

    /// The version that `selector` points at; the latest without one.
    async fn version(
        &self,
        cx: &Context,
        parameter: &Parameter,
        selector: Option<&str>,
    ) -> Result<Version, Error> {
        let Some(selector) = selector.map(|selector| selector.trim_start_matches(':')) else {
            return Ok(parameter.latest.clone());
        };
        let name = parameter.name.clone();
        let number = match selector.parse::<u64>() {
            Ok(number) => number,
            Err(_) => *parameter
                .labels
                .get(selector)
                .ok_or_else(|| Error::LabelNotFound { name: name.clone(), label: selector.to_owned() })?,
        };
        let key = names::version_key(&names::key(cx, &name), number);
        let version = self.versions.get(&key).await?;
        let missing = || Error::VersionNotFound { name, version: selector.to_owned() };
        version.map(|seen| seen.value).ok_or_else(missing)
    }
}

/// A place in the hierarchy of names.
pub struct Path {
    /// With a slash at its end.
    prefix: String,
    recursive: bool,
}

impl Path {
    /// `/a/b`, with or without a slash at its end; with what lies deeper, too, where `recursive`.
    pub fn new(path: &str, recursive: bool) -> Self {
        Self { prefix: format!("{}/", path.trim_end_matches('/')), recursive }
    }

    /// How the names below it begin; names without any slash are below `/`.
    fn prefix(&self) -> &str {
        if self.prefix == "/" { "" } else { &self.prefix }
    }

    /// Whether a parameter of that name lies below it.
    pub fn holds(&self, name: &str) -> bool {
        let rest = match self.prefix.as_str() {
            "/" => Some(name.trim_start_matches('/')),
            prefix => name.strip_prefix(prefix),
        };
        rest.is_some_and(|rest| self.recursive || !rest.contains('/'))
    }
}

fn check_path(path: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    if path.starts_with('/') && path.bytes().all(allowed) && !path.contains("//") {
        return Ok(());
    }
    Err(Error::Invalid(
        "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash \"/\". It can't be prefixed with \"aws\" or \"ssm\" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol \"/\". Valid example: /get/parameters2-/by1./path0_.".to_owned(),
    ))
}
