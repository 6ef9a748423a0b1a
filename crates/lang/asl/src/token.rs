//! Task tokens: opaque texts by which `SendTaskSuccess`, `SendTaskFailure` and `SendTaskHeartbeat` name a task.
//!
//! A token carries its execution and task, so that the runner finds them without an index, and a keyed part that makes
//! it differ between executions of the same name. It is no secret: who may call the operations is IAM's business.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::ids::TaskId;

/// First byte of every token, so that the form can change.
const VERSION: u8 = 1;

/// The token of `task` in the execution `execution_arn` that was started with `seed`: base64 text.
pub(crate) fn task_token(execution_arn: &str, task: TaskId, seed: u64) -> String {
    let mut bytes = Vec::with_capacity(17 + execution_arn.len());
    bytes.push(VERSION);
    bytes.extend(task.0.to_be_bytes());
    bytes.extend(crate::random::mix(seed ^ task.0.rotate_left(32)).to_be_bytes());
    bytes.extend(execution_arn.as_bytes());
    STANDARD.encode(bytes)
}

/// The execution's ARN and the task that a token names, or `None` where the text is no token.
///
/// The caller compares the text with [`OpenTask::token`](crate::OpenTask::token): only then it is the token of that task.
pub fn parse_token(token: &str) -> Option<(String, TaskId)> {
    let bytes = STANDARD.decode(token).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (task, rest) = rest.split_first_chunk::<8>()?;
    let (_keyed, arn) = rest.split_first_chunk::<8>()?;
    let arn = String::from_utf8(arn.to_vec()).ok()?;
    (*version == VERSION && !arn.is_empty()).then(|| (arn, TaskId(u64::from_be_bytes(*task))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_execution_and_task() {
        let token = task_token("arn:aws:states:us-east-1:000000000000:execution:m:e", TaskId(7), 42);
        let named = parse_token(&token);
        assert_eq!(
            named,
            Some(("arn:aws:states:us-east-1:000000000000:execution:m:e".to_owned(), TaskId(7)))
        );
        assert_ne!(token, task_token("arn:aws:states:us-east-1:000000000000:execution:m:e", TaskId(7), 43));
    }

    #[test]
    fn refuses_other_texts() {
        for text in ["", "AQ==", "not base64", "AgAAAAAAAAAHAAAAAAAAAAdh"] {
            assert_eq!(parse_token(text), None, "{text}");
        }
    }
}
