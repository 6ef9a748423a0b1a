//! `environmentFiles`: variables of a container that are in objects of S3.
//!
//! A file has a variable a line, `NAME=VALUE`; lines that begin with `#` and empty ones are passed over, and nothing is
//! quoted or expanded. The first file that has a variable wins, and what the definition itself says wins over all files.
//! Files are read anew before each start of a container, and what is in them is in no record of this crate.
//!
//! Source: Amazon ECS Developer Guide, "Pass environment variables to an Amazon ECS container"; the container agent.

use std::collections::BTreeSet;

use api::Dispatcher;
use serde_json::json;
use types::Arn;

use crate::error::Error;
use crate::execution_role::ExecutionRole;
use crate::generated::types::{ContainerDefinition, EnvironmentFile};
use crate::limits;
use crate::task::{Container, Task};

/// Checks the files of a container that is to be registered, or of an override.
///
/// # Errors
/// What is wrong with the first that is.
pub fn check(files: Option<&[EnvironmentFile]>, execution_role: Option<&str>) -> Result<(), Error> {
    let files = files.unwrap_or_default();
    if files.len() > limits::ENVIRONMENT_FILES {
        return Err(Error::client(format!(
            "Too many environment files. The maximum is {}.",
            limits::ENVIRONMENT_FILES
        )));
    }
    for file in files {
        if file.r#type != "s3" {
            return Err(Error::client("Environment file type must be s3."));
        }
        let (_, key) = object(&file.value).ok_or_else(|| Error::client("Invalid ARN syntax."))?;
        if !key.ends_with(".env") {
            return Err(Error::client("Environment files must have the file extension .env."));
        }
    }
    if !files.is_empty() && execution_role.is_none_or(str::is_empty) {
        return Err(Error::client(
            "When you are specifying environment files, you must also specify a value for 'executionRoleArn'.",
        ));
    }
    Ok(())
}

/// The ARNs of a container's files.
pub fn read(container: &ContainerDefinition) -> Vec<String> {
    container.environment_files.iter().flatten().map(|file| file.value.clone()).collect()
}

/// The variables of a container's files.
///
/// # Errors
/// The reason for which the task does not start.
pub async fn resolve(
    dispatcher: &Dispatcher,
    task: &Task,
    container: &Container,
) -> Result<Vec<(String, String)>, String> {
    let role = ExecutionRole::of(task, dispatcher);
    let (mut variables, mut known) = (Vec::new(), BTreeSet::new());
    for arn in &container.environment_files {
        let text = download(&role, task, arn).await.map_err(|cause| {
            format!(
                "ResourceInitializationError: failed to download env files: file download command: non empty error stream: {cause}"
            )
        })?;
        let mut fresh = lines(&text);
        fresh.retain(|(name, _)| !known.contains(name));
        known.extend(fresh.iter().map(|(name, _)| name.clone()));
        variables.extend(fresh);
    }
    Ok(variables)
}

async fn download(role: &ExecutionRole<'_>, task: &Task, arn: &str) -> Result<String, String> {
    let (bucket, key) = object(arn).ok_or_else(|| format!("invalid ARN {arn}"))?;
    let input = json!({ "Bucket": bucket, "Key": key });
    let reply = role.call(&task.region, "s3", "GetObject", input).await;
    let body = reply.map_err(|refusal| refusal.after_retries(""))?.body.unwrap_or_default();
    if body.len() > limits::ENVIRONMENT_FILE_BYTES {
        return Err(format!("{arn} has more than {} bytes", limits::ENVIRONMENT_FILE_BYTES));
    }
    let bytes = body.collect(limits::ENVIRONMENT_FILE_BYTES).await.map_err(|error| error.to_string())?;
    String::from_utf8(bytes.into()).map_err(|_| format!("{arn} is not text in UTF-8"))
}

/// The bucket and the key that an ARN of S3 names.
fn object(arn: &str) -> Option<(String, String)> {
    let arn: Arn = arn.parse().ok().filter(|arn: &Arn| arn.service == "s3")?;
    let (bucket, key) = arn.resource.split_once('/')?;
    (!bucket.is_empty() && !key.is_empty()).then(|| (bucket.to_owned(), key.to_owned()))
}

/// The variables of a file. A line that has nothing on one side of its `=` says nothing; a later line wins.
fn lines(text: &str) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = line.split_once('=') else { continue };
        // What no environment can hold.
        if name.is_empty() || value.is_empty() || line.contains('\0') {
            continue;
        }
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => variables.push((name.to_owned(), value.to_owned())),
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_files_as_the_agent_does() {
        let text = "A=1\n# B=2\n\nC = a=b \r\nD=\n=E\nF\nG=\"x y\"\n #H=1\nA=2";
        let expected = [("A", "2"), ("C ", " a=b "), ("G", "\"x y\""), (" #H", "1")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn takes_arns_of_objects_only() {
        assert_eq!(object("arn:aws:s3:::b/p/k.env"), Some(("b".to_owned(), "p/k.env".to_owned())));
        for other in ["s3://b/k.env", "arn:aws:s3:::b", "arn:aws:s3:::/k", "arn:aws:ssm:::b/k"] {
            assert_eq!(object(other), None, "{other}");
        }
    }
}
