//! DescribeParameters, and the filters by which parameters are chosen.

use api::Context;
use store::Range;

use crate::generated::types as model;
use crate::get::Path;
use crate::limits::PAGE_DEFAULT;
use crate::page::Page;
use crate::parameter::Parameter;
use crate::{Error, Inner, names};

impl Inner {
    pub(crate) async fn describe(
        &self,
        cx: &Context,
        input: model::DescribeParametersInput,
    ) -> Result<model::DescribeParametersOutput, Error> {
        let page = Page::of(input.next_token.as_deref(), input.max_results, PAGE_DEFAULT)?;
        let filters = filters(input.filters, input.parameter_filters)?;
        if input.shared == Some(true) {
            return Err(Error::NotServed("parameters that other accounts share"));
        }
        let rows = self.parameters.list(Range::prefix(&names::prefix(cx))).await?;
        let found = rows.into_iter().map(|row| row.value);
        let found = found.filter(|one| filters.iter().all(|filter| filter.takes(one)));
        let (found, next_token) = page.cut(found.collect(), |one: &Parameter| one.name.clone());
        let shown = found.into_iter().map(|one| one.metadata(cx)).collect();
        Ok(model::DescribeParametersOutput { parameters: Some(shown), next_token })
    }
}

/// What a parameter must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    key: Subject,
    comparison: Comparison,
    values: Vec<String>,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Name,
    Path,
    Kind,
    KeyId,
    Tier,
    DataType,
    Label,
    Tag(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equals,
    BeginsWith,
    Contains,
    Recursive,
    OneLevel,
}

impl Filter {
    /// The filters of GetParametersByPath.
    ///
    /// # Errors
    /// [`Error::InvalidFilterKey`] and its like.
    pub fn of_path(given: Vec<model::ParameterStringFilter>) -> Result<Vec<Self>, Error> {
        let filters: Vec<Self> = given.into_iter().map(Self::parse).collect::<Result<_, _>>()?;
        match filters.iter().find(|one| !matches!(one.key, Subject::Kind | Subject::KeyId | Subject::Label)) {
            Some(_) => Err(Error::InvalidFilterKey(
                "The following filter key is not valid: the valid filter keys include: [Type, KeyId, Label]."
                    .to_owned(),
            )),
            None => Ok(filters),
        }
    }

    fn parse(given: model::ParameterStringFilter) -> Result<Self, Error> {
        let key = match given.key.as_str() {
            "Name" => Subject::Name,
            "Path" => Subject::Path,
            "Type" => Subject::Kind,
            "KeyId" => Subject::KeyId,
            "Tier" => Subject::Tier,
            "DataType" => Subject::DataType,
            "Label" => Subject::Label,
            other => match other.strip_prefix("tag:") {
                Some(tag) => Subject::Tag(tag.to_owned()),
                None => {
                    return Err(Error::InvalidFilterKey(format!(
                        "The following filter key is not valid: {other}. Valid filter keys include: [Path, Name, Type, KeyId, Tier, DataType, Label, tag:]."
                    )));
                }
            },
        };
        let comparison = match (given.option.as_deref(), &key) {
            (None, Subject::Path) | (Some("OneLevel"), Subject::Path) => Comparison::OneLevel,
            (Some("Recursive"), Subject::Path) => Comparison::Recursive,
            (Some("Contains"), Subject::Name) => Comparison::Contains,
            (Some("BeginsWith"), Subject::Name | Subject::KeyId | Subject::Label | Subject::Tier) => {
                Comparison::BeginsWith
            }
            (None | Some("Equals"), _) if key != Subject::Path => Comparison::Equals,
            (option, _) => {
                return Err(Error::InvalidFilterOption(format!(
                    "The following filter option is not valid: {}. Valid options include: {}.",
                    option.unwrap_or_default(),
                    if key == Subject::Path { "[Recursive, OneLevel]" } else { "[BeginsWith, Equals]" },
                )));
            }
        };
        let values = given.values.unwrap_or_default();
        if values.is_empty() && !matches!(key, Subject::Tag(_)) {
            return Err(Error::InvalidFilterValue(format!(
                "The following filter values are missing for filter key {}.",
                given.key
            )));
        }
        Ok(Self { key, comparison, values })
    }

    /// Whether the parameter is so.
    pub fn takes(&self, parameter: &Parameter) -> bool {
        let latest = &parameter.latest;
        match &self.key {
            Subject::Name => self.any(parameter.name.trim_start_matches('/')),
            Subject::Path => {
                let recursive = self.comparison == Comparison::Recursive;
                self.values.iter().any(|path| Path::new(path, recursive).holds(&parameter.name))
            }
            Subject::Kind => self.any(parameter.kind.as_str()),
            Subject::KeyId => parameter.kind.key_id().is_some_and(|key| self.any(key)),
            Subject::Tier => self.any(latest.tier.as_str()),
            Subject::DataType => self.any(&latest.data_type),
            Subject::Label => parameter.labels_of(latest.version).iter().any(|label| self.any(label)),
            Subject::Tag(key) => {
                let tag = parameter.tags.get(key);
                tag.is_some_and(|value| self.values.is_empty() || self.any(value))
            }
        }
    }

    fn any(&self, found: &str) -> bool {
        self.values.iter().any(|value| {
            let value = if self.key == Subject::Name { value.trim_start_matches('/') } else { value };
            match self.comparison {
                Comparison::Equals => found == value,
                Comparison::BeginsWith => found.starts_with(value),
                Comparison::Contains => found.contains(value),
                Comparison::Recursive | Comparison::OneLevel => false,
            }
        })
    }
}

/// The filters of DescribeParameters, in their old form and their new one.
fn filters(
    old: Option<Vec<model::ParametersFilter>>,
    new: Option<Vec<model::ParameterStringFilter>>,
) -> Result<Vec<Filter>, Error> {
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    if !old.is_empty() && !new.is_empty() {
        let text = "You can use either Filters or ParameterFilters in a single request.";
        return Err(Error::Invalid(text.to_owned()));
    }
    let old = old.into_iter().map(|one| model::ParameterStringFilter {
        // The old filter by names took their beginnings.
        option: (one.key == "Name").then(|| "BeginsWith".to_owned()),
        key: one.key,
        values: Some(one.values),
    });
    old.chain(new).map(Filter::parse).collect()
}
