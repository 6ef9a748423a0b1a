//! The operations of IAM.

use api::{Context, Principal};

use crate::Iam;
use crate::error::Error;
use crate::generated::iam::operations::Api;
use crate::generated::iam::types::{
    AccessKey, AccessKeyMetadata, CreateAccessKeyInput, CreateAccessKeyOutput, CreateRoleInput,
    CreateRoleOutput, DeleteAccessKeyInput, DeleteAccessKeyOutput, DeleteRoleInput, DeleteRoleOutput,
    DeleteRolePolicyInput, DeleteRolePolicyOutput, GetRoleInput, GetRoleOutput, GetRolePolicyInput,
    GetRolePolicyOutput, ListAccessKeysInput, ListAccessKeysOutput, ListAttachedRolePoliciesInput,
    ListAttachedRolePoliciesOutput, ListInstanceProfilesForRoleInput, ListInstanceProfilesForRoleOutput,
    ListRolePoliciesInput, ListRolePoliciesOutput, ListRoleTagsInput, ListRoleTagsOutput, ListRolesInput,
    ListRolesOutput, PutRolePolicyInput, PutRolePolicyOutput, TagRoleInput, TagRoleOutput, UntagRoleInput,
    UntagRoleOutput, UpdateAssumeRolePolicyInput, UpdateAssumeRolePolicyOutput, UpdateRoleInput,
    UpdateRoleOutput,
};
use crate::limits;
use crate::page::PageRequest;
use crate::policy_document;
use crate::role::{self, Role, url_encode};

impl Api for Iam {
    type Error = Error;

    async fn create_role(&self, cx: &Context, input: CreateRoleInput) -> Result<CreateRoleOutput, Error> {
        policy_document::check_trust_policy(&input.assume_role_policy_document)?;
        check_trust_policy_size(&input.assume_role_policy_document)?;
        if let Some(boundary) = input.permissions_boundary {
            return Err(missing_boundary(boundary));
        }
        let mut role = Role {
            account: cx.account.clone(),
            name: input.role_name,
            path: input.path.unwrap_or_else(|| "/".to_owned()),
            id: format!("AROA{}", api::ids::base32(17)),
            create_date: whole_seconds(cx),
            trust_policy: input.assume_role_policy_document,
            description: input.description,
            max_session_duration: input.max_session_duration.unwrap_or(limits::MAX_SESSION_DURATION_DEFAULT),
            policies: Default::default(),
            tags: Vec::new(),
        };
        role.tag(input.tags.unwrap_or_default())?;
        self.directory.create_role(&role).await?;
        let tags = (!role.tags.is_empty()).then(|| role.tags.clone());
        Ok(CreateRoleOutput { role: crate::iam::types::Role { tags, ..role.answer() } })
    }

    async fn get_role(&self, cx: &Context, input: GetRoleInput) -> Result<GetRoleOutput, Error> {
        let role = self.directory.role(&cx.account, &input.role_name).await?;
        Ok(GetRoleOutput { role: role.full_answer() })
    }

    async fn list_roles(&self, cx: &Context, input: ListRolesInput) -> Result<ListRolesOutput, Error> {
        let page = PageRequest::new(input.marker, input.max_items)?;
        let prefix = input.path_prefix.unwrap_or_else(|| "/".to_owned());
        let roles = self.directory.roles(&cx.account).await?.into_iter();
        let keyed = roles
            .filter(|role| role.path.starts_with(&prefix))
            .map(|role| (Role::key(&role.account, &role.name), role));
        let page = page.of(keyed, |(key, _)| key);
        Ok(ListRolesOutput {
            is_truncated: page.is_truncated(),
            roles: page.items.iter().map(|(_, role)| role.answer()).collect(),
            marker: page.marker,
        })
    }

    async fn update_role(&self, cx: &Context, input: UpdateRoleInput) -> Result<UpdateRoleOutput, Error> {
        let UpdateRoleInput { role_name, description, max_session_duration } = input;
        self.directory
            .update_role(&cx.account, &role_name, |role| {
                if let Some(description) = &description {
                    // An empty description removes the one there is.
                    role.description = (!description.is_empty()).then(|| description.clone());
                }
                role.max_session_duration = max_session_duration.unwrap_or(role.max_session_duration);
                Ok(())
            })
            .await?;
        Ok(UpdateRoleOutput {})
    }

    async fn update_assume_role_policy(
        &self,
        cx: &Context,
        input: UpdateAssumeRolePolicyInput,
    ) -> Result<UpdateAssumeRolePolicyOutput, Error> {
        let UpdateAssumeRolePolicyInput { role_name, policy_document } = input;
        self.directory.role(&cx.account, &role_name).await?;
        policy_document::check_trust_policy(&policy_document)?;
        check_trust_policy_size(&policy_document)?;
        self.directory
            .update_role(&cx.account, &role_name, |role| {
                role.trust_policy.clone_from(&policy_document);
                Ok(())
            })
            .await?;
        Ok(UpdateAssumeRolePolicyOutput {})
    }

    async fn delete_role(&self, cx: &Context, input: DeleteRoleInput) -> Result<DeleteRoleOutput, Error> {
        self.directory.delete_role(&cx.account, &input.role_name).await?;
        Ok(DeleteRoleOutput {})
    }

    async fn put_role_policy(
        &self,
        cx: &Context,
        input: PutRolePolicyInput,
    ) -> Result<PutRolePolicyOutput, Error> {
        let PutRolePolicyInput { role_name, policy_name, policy_document } = input;
        self.directory.role(&cx.account, &role_name).await?;
        policy_document::check_identity_policy(&policy_document)?;
        self.directory
            .update_role(&cx.account, &role_name, |role| {
                role.put_policy(policy_name.clone(), policy_document.clone())
            })
            .await?;
        Ok(PutRolePolicyOutput {})
    }

    async fn get_role_policy(
        &self,
        cx: &Context,
        input: GetRolePolicyInput,
    ) -> Result<GetRolePolicyOutput, Error> {
        let role = self.directory.role(&cx.account, &input.role_name).await?;
        let document = role.policies.get(&input.policy_name);
        let document = document.ok_or_else(|| Error::RolePolicyNotFound(input.policy_name.clone()))?;
        Ok(GetRolePolicyOutput {
            policy_document: url_encode(document),
            role_name: role.name,
            policy_name: input.policy_name,
        })
    }

    async fn list_role_policies(
        &self,
        cx: &Context,
        input: ListRolePoliciesInput,
    ) -> Result<ListRolePoliciesOutput, Error> {
        let page = PageRequest::new(input.marker, input.max_items)?;
        let role = self.directory.role(&cx.account, &input.role_name).await?;
        let page = page.of(role.policies.into_keys(), String::as_str);
        let is_truncated = page.is_truncated();
        Ok(ListRolePoliciesOutput { policy_names: page.items, is_truncated, marker: page.marker })
    }

    async fn delete_role_policy(
        &self,
        cx: &Context,
        input: DeleteRolePolicyInput,
    ) -> Result<DeleteRolePolicyOutput, Error> {
        let DeleteRolePolicyInput { role_name, policy_name } = input;
        self.directory
            .update_role(&cx.account, &role_name, |role| match role.policies.remove(&policy_name) {
                Some(_) => Ok(()),
                None => Err(Error::RolePolicyNotFound(policy_name.clone())),
            })
            .await?;
        Ok(DeleteRolePolicyOutput {})
    }

    /// Always empty: no operation that is served attaches a managed policy.
    async fn list_attached_role_policies(
        &self,
        cx: &Context,
        input: ListAttachedRolePoliciesInput,
    ) -> Result<ListAttachedRolePoliciesOutput, Error> {
        PageRequest::new(input.marker, input.max_items)?;
        self.directory.role(&cx.account, &input.role_name).await?;
        Ok(ListAttachedRolePoliciesOutput {
            attached_policies: Some(Vec::new()),
            is_truncated: Some(false),
            marker: None,
        })
    }

    /// Always empty: no operation that is served creates an instance profile.
    async fn list_instance_profiles_for_role(
        &self,
        cx: &Context,
        input: ListInstanceProfilesForRoleInput,
    ) -> Result<ListInstanceProfilesForRoleOutput, Error> {
        PageRequest::new(input.marker, input.max_items)?;
        self.directory.role(&cx.account, &input.role_name).await?;
        Ok(ListInstanceProfilesForRoleOutput {
            instance_profiles: Vec::new(),
            is_truncated: Some(false),
            marker: None,
        })
    }

    async fn tag_role(&self, cx: &Context, input: TagRoleInput) -> Result<TagRoleOutput, Error> {
        let TagRoleInput { role_name, tags } = input;
        self.directory.update_role(&cx.account, &role_name, |role| role.tag(tags.clone())).await?;
        Ok(TagRoleOutput {})
    }

    async fn untag_role(&self, cx: &Context, input: UntagRoleInput) -> Result<UntagRoleOutput, Error> {
        let UntagRoleInput { role_name, tag_keys } = input;
        let untag = |role: &mut Role| {
            role.untag(&tag_keys);
            Ok(())
        };
        self.directory.update_role(&cx.account, &role_name, untag).await?;
        Ok(UntagRoleOutput {})
    }

    async fn list_role_tags(
        &self,
        cx: &Context,
        input: ListRoleTagsInput,
    ) -> Result<ListRoleTagsOutput, Error> {
        let page = PageRequest::new(input.marker, input.max_items)?;
        let mut tags = self.directory.role(&cx.account, &input.role_name).await?.tags;
        tags.sort_by(|one, other| one.key.cmp(&other.key));
        let page = page.of(tags, |tag| &tag.key);
        let is_truncated = page.is_truncated();
        Ok(ListRoleTagsOutput { tags: page.items, is_truncated, marker: page.marker })
    }

    async fn create_access_key(
        &self,
        cx: &Context,
        input: CreateAccessKeyInput,
    ) -> Result<CreateAccessKeyOutput, Error> {
        require_root(cx, input.user_name)?;
        let key = self.directory.create_root_key(&cx.account, whole_seconds(cx)).await?;
        Ok(CreateAccessKeyOutput {
            access_key: AccessKey {
                // The root user has no name.
                user_name: String::new(),
                access_key_id: key.access_key_id,
                status: "Active".to_owned(),
                secret_access_key: key.secret_access_key,
                create_date: Some(key.create_date),
            },
        })
    }

    async fn list_access_keys(
        &self,
        cx: &Context,
        input: ListAccessKeysInput,
    ) -> Result<ListAccessKeysOutput, Error> {
        let page = PageRequest::new(input.marker, input.max_items)?;
        require_root(cx, input.user_name)?;
        let mut keys = self.directory.root_keys(&cx.account).await?;
        keys.sort_by(|one, other| one.access_key_id.cmp(&other.access_key_id));
        let page = page.of(keys, |key| &key.access_key_id);
        let is_truncated = page.is_truncated();
        let metadata = page.items.into_iter().map(|key| AccessKeyMetadata {
            user_name: None,
            access_key_id: Some(key.access_key_id),
            status: Some("Active".to_owned()),
            create_date: Some(key.create_date),
        });
        Ok(ListAccessKeysOutput {
            access_key_metadata: metadata.collect(),
            is_truncated,
            marker: page.marker,
        })
    }

    async fn delete_access_key(
        &self,
        cx: &Context,
        input: DeleteAccessKeyInput,
    ) -> Result<DeleteAccessKeyOutput, Error> {
        require_root(cx, input.user_name)?;
        self.directory.delete_root_key(&cx.account, &input.access_key_id).await?;
        Ok(DeleteAccessKeyOutput {})
    }
}

/// Keys are the caller's own where no user is named, and only the root user has any.
fn require_root(cx: &Context, user_name: Option<String>) -> Result<(), Error> {
    match (user_name, &cx.principal) {
        (Some(name), _) => Err(Error::UserNotFound(name)),
        (None, Principal::Root { .. }) => Ok(()),
        (None, Principal::Role { .. } | Principal::Service { .. } | Principal::Anonymous) => {
            Err(Error::UserNameRequired)
        }
    }
}

/// There are no managed policies that could be a boundary.
fn missing_boundary(boundary: String) -> Error {
    if boundary.parse::<::types::Arn>().is_ok() {
        Error::BoundaryNotFound(boundary)
    } else {
        Error::InvalidArn(boundary)
    }
}

fn check_trust_policy_size(document: &str) -> Result<(), Error> {
    if role::size(document) > limits::ACL_SIZE_PER_ROLE { Err(Error::TrustPolicyTooLong) } else { Ok(()) }
}

/// IAM's dates have whole seconds.
fn whole_seconds(cx: &Context) -> ::types::Timestamp {
    ::types::Timestamp::from_seconds(cx.now.as_seconds())
}
