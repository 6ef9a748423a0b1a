//! `DescribeLogGroups`: groups by name.

use api::Context;
use store::Range;

use crate::error::Error;
use crate::generated::types::{DescribeLogGroupsInput, DescribeLogGroupsOutput};
use crate::group::{self, Group};
use crate::group_identifier::from_identifier;
use crate::{Logs, limits, page_token};

impl Logs {
    pub(crate) async fn describe_groups(
        &self,
        cx: &Context,
        input: DescribeLogGroupsInput,
    ) -> Result<DescribeLogGroupsOutput, Error> {
        check(&input)?;
        if let Some(identifiers) = &input.log_group_identifiers {
            return self.groups_named(cx, identifiers).await;
        }
        let elsewhere =
            |accounts: &Vec<String>| !accounts.iter().any(|account| account == cx.account.as_str());
        if input.account_identifiers.as_ref().is_some_and(elsewhere) {
            // Accounts that are linked to this one would be listed: there are none.
            return Ok(DescribeLogGroupsOutput { log_groups: Some(Vec::new()), next_token: None });
        }
        let prefix = group::key(cx, input.log_group_name_prefix.as_deref().unwrap_or_default());
        let mut after = match &input.next_token {
            Some(token) => Some(group::key(cx, &page_token::decode(token)?)),
            None => None,
        };
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(limits::DESCRIBE_ITEMS_DEFAULT);
        let mut groups = Vec::new();
        loop {
            let after_key = after.as_deref();
            let range = Range { after: after_key, limit: limits::READ_AT_ONCE, ..Range::prefix(&prefix) };
            let records = self.groups.list(range).await?;
            let is_last = records.len() < limits::READ_AT_ONCE;
            after = records.last().map(|record| record.key.clone());
            groups
                .extend(records.into_iter().map(|record| record.value).filter(|group| wanted(&input, group)));
            if is_last || groups.len() > limit {
                break;
            }
        }
        let is_more = groups.len() > limit;
        groups.truncate(limit);
        let last = groups.last().map(|group| page_token::encode(&group.name));
        let mut groups: Vec<_> = groups.iter().map(|group| group.answer(cx)).collect();
        if input.log_group_name_pattern.is_some() {
            // A search by pattern does not look up sizes.
            groups.iter_mut().for_each(|group| group.stored_bytes = None);
        }
        Ok(DescribeLogGroupsOutput {
            log_groups: Some(groups),
            next_token: if is_more { last } else { None },
        })
    }

    async fn groups_named(
        &self,
        cx: &Context,
        identifiers: &[String],
    ) -> Result<DescribeLogGroupsOutput, Error> {
        let mut groups = Vec::new();
        for identifier in identifiers {
            let name = from_identifier(cx, identifier)?;
            groups.push(self.group(cx, &name).await?.value.answer(cx));
        }
        Ok(DescribeLogGroupsOutput { log_groups: Some(groups), next_token: None })
    }
}

fn check(input: &DescribeLogGroupsInput) -> Result<(), Error> {
    let (prefix, pattern) = (&input.log_group_name_prefix, &input.log_group_name_pattern);
    match (&input.log_group_identifiers, prefix, pattern) {
        (_, Some(_), Some(_)) => Err(Error::PrefixAndPattern),
        (Some(_), Some(_), _) => Err(Error::IdentifiersAnd("logGroupNamePrefix")),
        (Some(_), _, Some(_)) => Err(Error::IdentifiersAnd("logGroupNamePattern")),
        (Some(_), None, None) if input.next_token.is_some() => Err(Error::IdentifiersAnd("nextToken")),
        _ => Ok(()),
    }
}

fn wanted(input: &DescribeLogGroupsInput, group: &Group) -> bool {
    let pattern = input.log_group_name_pattern.as_deref();
    pattern.is_none_or(|pattern| group.name.contains(pattern))
        && input.log_group_class.as_ref().is_none_or(|class| *class == group.class)
}
