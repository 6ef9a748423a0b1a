//! The operations of STS.

use std::time::Duration;

use api::{Context, Principal};

use crate::Sts;
use crate::error::Error;
use crate::generated::sts::operations::Api;
use crate::generated::sts::types::{
    AssumeRoleInput, AssumeRoleOutput, AssumedRoleUser, Credentials, GetCallerIdentityInput,
    GetCallerIdentityOutput, Tag,
};
use crate::limits;
use crate::policy_document;
use crate::role::{self, Role};
use crate::session::Session;
use crate::trust;

/// Characters of a session token: about as many as AWS's have.
const SESSION_TOKEN_LENGTH: usize = 356;

impl Api for Sts {
    type Error = Error;

    /// Whether the role's trust policy lets the account's own principals assume it is decided at the door, not here.
    ///
    /// Unlike AWS, the root user may assume roles: it is the only long-lived identity there is.
    async fn assume_role(&self, cx: &Context, input: AssumeRoleInput) -> Result<AssumeRoleOutput, Error> {
        let role = self.role_to_assume(cx, &input).await?;
        check_served(&input)?;
        let seconds = session_seconds(cx, &role, input.duration_seconds)?;
        let packed = check_session(&input)?;
        let session = new_session(cx, &role, &input, seconds);
        self.directory.create_session(&session).await?;
        Ok(AssumeRoleOutput {
            assumed_role_user: Some(AssumedRoleUser {
                assumed_role_id: format!("{}:{}", role.id, session.role_session_name),
                arn: session.principal().arn(),
            }),
            packed_policy_size: packed,
            source_identity: session.source_identity,
            credentials: Some(Credentials {
                access_key_id: session.access_key_id,
                secret_access_key: session.secret_access_key,
                session_token: session.session_token,
                expiration: session.expiration,
            }),
            ..AssumeRoleOutput::default()
        })
    }

    async fn get_caller_identity(
        &self,
        cx: &Context,
        _input: GetCallerIdentityInput,
    ) -> Result<GetCallerIdentityOutput, Error> {
        let (user_id, account) = match &cx.principal {
            Principal::Root { account } => (account.to_string(), account.clone()),
            Principal::Role { role_arn, session } => {
                let role = self.find_role(role_arn).await?.ok_or(Error::RoleOfSessionGone)?;
                (format!("{}:{session}", role.id), role.account)
            }
            Principal::Service { name } => (name.clone(), cx.account.clone()),
            // Nobody is let in here without a signature.
            Principal::Anonymous => return Err(Error::RoleOfSessionGone),
        };
        Ok(GetCallerIdentityOutput {
            user_id: Some(user_id),
            account: Some(account.to_string()),
            arn: Some(cx.principal.arn()),
        })
    }
}

impl Sts {
    /// The role with this ARN. That it does not exist is no different from that it may not be assumed.
    async fn role_to_assume(&self, cx: &Context, input: &AssumeRoleInput) -> Result<Role, Error> {
        let arn = input.role_arn.as_str();
        if Role::parse_arn(arn).is_none() {
            return Err(Error::InvalidRoleArn(arn.to_owned()));
        }
        let denied = || Error::MayNotAssume { caller: cx.principal.arn(), role: arn.to_owned() };
        let role = self.find_role(arn).await?.ok_or_else(denied)?;
        match &cx.principal {
            Principal::Service { name } => {
                let (account, region) = (cx.account.as_str(), cx.region.as_str());
                let request =
                    trust::Request { service: name, account, region, session: &input.role_session_name };
                if trust::permits(&role.trust_policy, &request) { Ok(role) } else { Err(denied()) }
            }
            Principal::Root { .. } | Principal::Role { .. } => Ok(role),
            Principal::Anonymous => Err(denied()),
        }
    }

    async fn find_role(&self, arn: &str) -> Result<Option<Role>, Error> {
        let Some((account, name)) = Role::parse_arn(arn) else { return Ok(None) };
        let role = self.directory.roles.get(&Role::key(&account, &name)).await?;
        Ok(role.map(|role| role.value).filter(|role| role.arn() == arn))
    }
}

/// Refuses what could only be ignored.
fn check_served(input: &AssumeRoleInput) -> Result<(), Error> {
    let given = |list: Option<usize>| list.is_some_and(|length| length > 0);
    if given(input.policy_arns.as_ref().map(Vec::len)) {
        return Err(Error::NotServed("PolicyArns"));
    }
    if given(input.provided_contexts.as_ref().map(Vec::len)) {
        return Err(Error::NotServed("ProvidedContexts"));
    }
    if input.serial_number.is_some() || input.token_code.is_some() {
        return Err(Error::UnknownMfaDevice);
    }
    Ok(())
}

fn session_seconds(cx: &Context, role: &Role, asked: Option<i64>) -> Result<u64, Error> {
    let chained = matches!(cx.principal, Principal::Role { .. });
    // What a role allows its callers is no limit for the services of AWS.
    let is_service = matches!(cx.principal, Principal::Service { .. });
    let seconds = asked.unwrap_or(limits::SESSION_SECONDS_DEFAULT);
    if chained && seconds > limits::SESSION_SECONDS_DEFAULT {
        return Err(Error::ChainedSessionTooLong);
    }
    if seconds > role.max_session_duration && !is_service {
        return Err(Error::SessionTooLong);
    }
    Ok(seconds.unsigned_abs())
}

/// Checks session policy and tags, and says how much of the space for them they take, in percent.
fn check_session(input: &AssumeRoleInput) -> Result<Option<i64>, Error> {
    let tags = input.tags.as_deref().unwrap_or_default();
    let as_role_tags: Vec<_> = tags.iter().map(role_tag).collect();
    role::check_tags(&as_role_tags)?;
    for key in input.transitive_tag_keys.as_deref().unwrap_or_default() {
        if !tags.iter().any(|tag| tag.key == *key) {
            return Err(Error::TransitiveTagMissing);
        }
    }
    let mut size: usize = tags.iter().map(|tag| tag.key.len() + tag.value.len()).sum();
    if let Some(policy) = &input.policy {
        policy_document::check_identity_policy(policy)?;
        size += policy.chars().count();
    }
    let percent = (size * 100).div_ceil(limits::SESSION_POLICY_SIZE);
    if percent > 100 {
        return Err(Error::SessionPolicyTooLong(percent));
    }
    let packed = input.policy.is_some() || !tags.is_empty();
    Ok(packed.then(|| i64::try_from(percent).unwrap_or(100)))
}

fn role_tag(tag: &Tag) -> crate::iam::types::Tag {
    crate::iam::types::Tag { key: tag.key.clone(), value: tag.value.clone() }
}

fn new_session(cx: &Context, role: &Role, input: &AssumeRoleInput, seconds: u64) -> Session {
    let asked = input.minimum_session_token_size.and_then(|size| usize::try_from(size).ok());
    // Whoever holds them looks at the machine's clock.
    let now = types::Timestamp::from_seconds(cx.dispatcher.clock().machine().now().as_seconds());
    let tags = input.tags.iter().flatten();
    Session {
        account: role.account.clone(),
        role_arn: role.arn(),
        role_session_name: input.role_session_name.clone(),
        access_key_id: format!("ASIA{}", api::ids::base32(16)),
        secret_access_key: api::ids::alphanumeric(40),
        session_token: api::ids::alphanumeric(asked.unwrap_or(0).max(SESSION_TOKEN_LENGTH)),
        expiration: now + Duration::from_secs(seconds),
        policy: input.policy.clone(),
        tags: tags.map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
        transitive_tag_keys: input.transitive_tag_keys.clone().unwrap_or_default(),
        source_identity: input.source_identity.clone(),
    }
}
