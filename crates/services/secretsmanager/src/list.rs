//! DescribeSecret, ListSecrets with its filters, ListSecretVersionIds.

use api::Context;
use store::Range;
use types::Blob;

use crate::generated::types as model;
use crate::limits::PAGE_DEFAULT;
use crate::secret::{KEY_ALIAS, Secret};
use crate::{Error, Inner, names, tag};

impl Inner {
    pub(crate) async fn describe(
        &self,
        cx: &Context,
        secret_id: &str,
    ) -> Result<model::DescribeSecretOutput, Error> {
        let secret = self.secret(cx, secret_id).await?.value;
        Ok(model::DescribeSecretOutput {
            version_ids_to_stages: Some(secret.stages()).filter(|stages| !stages.is_empty()),
            tags: Some(tag::shown(&secret.tags)),
            arn: Some(secret.arn),
            name: Some(secret.name),
            description: secret.description,
            owning_service: secret.owning_service,
            last_changed_date: Some(secret.changed),
            last_accessed_date: secret.accessed,
            deleted_date: secret.deletion.map(|deletion| deletion.decided),
            created_date: Some(secret.created),
            ..Default::default()
        })
    }

    pub(crate) async fn list(
        &self,
        cx: &Context,
        input: model::ListSecretsInput,
    ) -> Result<model::ListSecretsOutput, Error> {
        let filters = Filter::parse_all(input.filters)?;
        let deleted = input.include_planned_deletion == Some(true);
        let mut found = self.matching(cx, &filters, deleted).await?;
        match input.sort_by.as_deref() {
            Some("name") => found.sort_by(|one, other| one.name.cmp(&other.name)),
            Some("last-accessed-date") => found.sort_by_key(|one| one.accessed),
            Some("last-changed-date") => found.sort_by_key(|one| one.changed),
            _ => found.sort_by_key(|one| one.created),
        }
        if input.sort_order.as_deref() == Some("desc") {
            found.reverse();
        }
        let (found, next_token) = cut(found, input.next_token.as_deref(), input.max_results)?;
        let secret_list = Some(found.into_iter().map(entry).collect());
        Ok(model::ListSecretsOutput { secret_list, next_token })
    }

    /// The names of a page of the secrets that the filters take.
    pub(crate) async fn named(
        &self,
        cx: &Context,
        filters: &[Filter],
        next_token: Option<&str>,
        limit: Option<i64>,
    ) -> Result<(Vec<String>, Option<String>), Error> {
        let found = self.matching(cx, filters, false).await?;
        let (found, next_token) = cut(found, next_token, limit.or(Some(20)))?;
        Ok((found.into_iter().map(|secret| secret.name).collect(), next_token))
    }

    async fn matching(&self, cx: &Context, filters: &[Filter], deleted: bool) -> Result<Vec<Secret>, Error> {
        let rows = self.secrets.list(Range::prefix(&names::prefix(cx))).await?;
        let found = rows.into_iter().map(|row| row.value);
        let found = found.filter(|one| deleted || one.deletion.is_none());
        Ok(found.filter(|one| filters.iter().all(|filter| filter.takes(cx, one))).collect())
    }

    pub(crate) async fn versions(
        &self,
        cx: &Context,
        input: model::ListSecretVersionIdsInput,
    ) -> Result<model::ListSecretVersionIdsOutput, Error> {
        let secret = self.secret(cx, &input.secret_id).await?.value;
        let all = input.include_deprecated == Some(true);
        let found: Vec<_> =
            secret.versions.into_iter().filter(|(_, version)| all || !version.stages.is_empty()).collect();
        let (found, next_token) = cut(found, input.next_token.as_deref(), input.max_results)?;
        let shown = found.into_iter().map(|(id, version)| model::SecretVersionsListEntry {
            version_id: Some(id),
            version_stages: Some(version.stages).filter(|stages| !stages.is_empty()),
            created_date: Some(version.created),
            last_accessed_date: None,
            kms_key_ids: Some(vec![KEY_ALIAS.to_owned()]),
        });
        Ok(model::ListSecretVersionIdsOutput {
            versions: Some(shown.collect()),
            next_token,
            arn: Some(secret.arn),
            name: Some(secret.name),
        })
    }
}

/// What a secret must be like: some value fits, and none of those after a `!` does.
pub struct Filter {
    key: Subject,
    values: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Description,
    Name,
    TagKey,
    TagValue,
    PrimaryRegion,
    OwningService,
    All,
}

impl Filter {
    /// The filters of a request.
    ///
    /// # Errors
    /// [`Error::InvalidParameter`].
    pub fn parse_all(given: Option<Vec<model::Filter>>) -> Result<Vec<Self>, Error> {
        given.unwrap_or_default().into_iter().map(Self::parse).collect()
    }

    fn parse(given: model::Filter) -> Result<Self, Error> {
        let key = match given.key.as_deref() {
            Some("description") => Subject::Description,
            Some("name") => Subject::Name,
            Some("tag-key") => Subject::TagKey,
            Some("tag-value") => Subject::TagValue,
            Some("primary-region") => Subject::PrimaryRegion,
            Some("owning-service") => Subject::OwningService,
            Some("all") => Subject::All,
            _ => return Err(Error::InvalidParameter("Invalid filter key".to_owned())),
        };
        match given.values {
            Some(values) if !values.is_empty() => Ok(Self { key, values }),
            _ => Err(Error::InvalidParameter("Invalid filter values for key".to_owned())),
        }
    }

    fn takes(&self, cx: &Context, secret: &Secret) -> bool {
        let (not, wanted): (Vec<&str>, Vec<&str>) =
            self.values.iter().map(String::as_str).partition(|value| value.starts_with('!'));
        let excluded = not.iter().any(|value| self.fits(cx, secret, value.trim_start_matches('!')));
        !excluded && (wanted.is_empty() || wanted.iter().any(|value| self.fits(cx, secret, value)))
    }

    fn fits(&self, cx: &Context, secret: &Secret, value: &str) -> bool {
        let begins = |text: &str| text.to_lowercase().starts_with(&value.to_lowercase());
        let words = |text: &str| text.split_whitespace().any(begins);
        match self.key {
            Subject::Description => secret.description.as_deref().is_some_and(words),
            Subject::Name => secret.name.starts_with(value),
            Subject::TagKey => secret.tags.keys().any(|key| key.starts_with(value)),
            Subject::TagValue => secret.tags.values().any(|tag| tag.starts_with(value)),
            Subject::PrimaryRegion => cx.region.as_str() == value,
            Subject::OwningService => {
                secret.owning_service.as_deref().is_some_and(|owner| owner.starts_with(value))
            }
            Subject::All => {
                begins(&secret.name)
                    || secret.description.as_deref().is_some_and(words)
                    || secret.tags.iter().any(|(key, tag)| begins(key) || begins(tag))
            }
        }
    }
}

fn entry(secret: Secret) -> model::SecretListEntry {
    model::SecretListEntry {
        secret_versions_to_stages: Some(secret.stages()).filter(|stages| !stages.is_empty()),
        tags: Some(tag::shown(&secret.tags)),
        arn: Some(secret.arn),
        name: Some(secret.name),
        description: secret.description,
        owning_service: secret.owning_service,
        last_changed_date: Some(secret.changed),
        last_accessed_date: secret.accessed,
        deleted_date: secret.deletion.map(|deletion| deletion.decided),
        created_date: Some(secret.created),
        ..Default::default()
    }
}

/// A page of a list, whose tokens say how many came before.
fn cut<T>(found: Vec<T>, token: Option<&str>, limit: Option<i64>) -> Result<(Vec<T>, Option<String>), Error> {
    let read = |token: &str| -> Option<usize> {
        let Blob(bytes) = serde_json::from_value(token.into()).ok()?;
        String::from_utf8(bytes).ok()?.parse().ok()
    };
    let before = token.map(|token| read(token).ok_or(Error::InvalidNextToken)).transpose()?.unwrap_or(0);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE_DEFAULT);
    let (all, end) = (found.len(), before.saturating_add(limit));
    let page = found.into_iter().skip(before).take(limit).collect();
    let next = serde_json::to_value(Blob(end.to_string().into_bytes())).ok();
    Ok((page, next.filter(|_| end < all).and_then(|token| token.as_str().map(str::to_owned))))
}
