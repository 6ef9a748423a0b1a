//! Resource policies: which services may write log events of an account. They are kept and shown; EventBridge writes
//! without one.
//!
//! Not here: policies of single log groups, which are refused.

use api::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Batch, Range};
use types::Timestamp;

use crate::error::Error;
use crate::generated::types::{
    DeleteResourcePolicyInput, DescribeResourcePoliciesInput, DescribeResourcePoliciesOutput,
    PutResourcePolicyInput, PutResourcePolicyOutput, ResourcePolicy as Shown,
};
use crate::{Logs, limits, page_token};

/// Policies, by `ACCOUNT/REGION/NAME`.
pub(crate) const TABLE: &str = "logs-resource-policies";

/// A policy as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResourcePolicy {
    name: String,
    /// JSON, as it was given.
    document: String,
    updated: Timestamp,
}

impl ResourcePolicy {
    fn shown(self) -> Shown {
        Shown {
            policy_name: Some(self.name),
            policy_document: Some(self.document),
            last_updated_time: Some(self.updated.as_millis()),
            ..Default::default()
        }
    }
}

fn key(cx: &Context, name: &str) -> String {
    format!("{}/{}/{name}", cx.account, cx.region)
}

impl Logs {
    pub(crate) async fn put_policy(
        &self,
        cx: &Context,
        input: PutResourcePolicyInput,
    ) -> Result<PutResourcePolicyOutput, Error> {
        refuse_groups(input.resource_arn.is_some() || input.expected_revision_id.is_some())?;
        let name = required("policyName", input.policy_name)?;
        let document = required("policyDocument", input.policy_document)?;
        if !serde_json::from_str::<Value>(&document).is_ok_and(|document| document.is_object()) {
            return Err(Error::PolicyDocument);
        }
        let key = key(cx, &name);
        let all = self.policies.list(Range::prefix(&self::key(cx, ""))).await?;
        if all.len() >= limits::RESOURCE_POLICIES_MAX && !all.iter().any(|policy| policy.key == key) {
            return Err(Error::TooManyPolicies);
        }
        let policy = ResourcePolicy { name, document, updated: cx.now };
        let mut batch = Batch::new();
        self.policies.put(&mut batch, &key, &policy);
        self.commit(batch).await?;
        Ok(PutResourcePolicyOutput { resource_policy: Some(policy.shown()), revision_id: None })
    }

    pub(crate) async fn describe_policies(
        &self,
        cx: &Context,
        input: DescribeResourcePoliciesInput,
    ) -> Result<DescribeResourcePoliciesOutput, Error> {
        let of_groups = input.policy_scope.as_deref().is_some_and(|scope| scope != "ACCOUNT");
        refuse_groups(input.resource_arn.is_some() || of_groups)?;
        let after = input.next_token.as_deref().map(page_token::decode).transpose()?;
        let limit = input.limit.and_then(|limit| usize::try_from(limit).ok());
        let limit = limit.unwrap_or(limits::DESCRIBE_ITEMS_DEFAULT);
        let all = self.policies.list(Range::prefix(&key(cx, ""))).await?;
        let rest = all.into_iter().map(|policy| policy.value);
        let mut rest: Vec<_> =
            rest.filter(|policy| after.as_ref().is_none_or(|after| policy.name > *after)).collect();
        let is_more = rest.len() > limit;
        rest.truncate(limit);
        let last = rest.last().filter(|_| is_more).map(|policy| page_token::encode(&policy.name));
        let shown = rest.into_iter().map(ResourcePolicy::shown).collect();
        Ok(DescribeResourcePoliciesOutput { resource_policies: Some(shown), next_token: last })
    }

    pub(crate) async fn delete_policy(
        &self,
        cx: &Context,
        input: DeleteResourcePolicyInput,
    ) -> Result<(), Error> {
        refuse_groups(input.resource_arn.is_some() || input.expected_revision_id.is_some())?;
        let name = required("policyName", input.policy_name)?;
        let key = key(cx, &name);
        if self.policies.get(&key).await?.is_none() {
            return Err(Error::PolicyNotFound(name));
        }
        let mut batch = Batch::new();
        self.policies.delete(&mut batch, &key);
        self.commit(batch).await
    }
}

fn refuse_groups(is_of_group: bool) -> Result<(), Error> {
    if is_of_group { Err(Error::PolicyOfGroup) } else { Ok(()) }
}

fn required(name: &'static str, value: Option<String>) -> Result<String, Error> {
    value.ok_or(Error::Missing(name))
}
