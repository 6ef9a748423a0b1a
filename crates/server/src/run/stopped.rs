//! Why a task stopped, in a line: from a task as ECS or as Step Functions shows it.

use serde_json::Value;

/// The task's reason, with each container's exit code and reason; `None` where `task` is none that has stopped.
pub fn reason(task: &Value) -> Option<String> {
    let mut line = member(task, "stoppedReason").as_str()?.to_owned();
    for container in member(task, "containers").as_array().into_iter().flatten() {
        let name = member(container, "name").as_str().unwrap_or_default();
        if let Some(code) = member(container, "exitCode").as_i64() {
            line.push_str(&format!("; {name} exited with {code}"));
        }
        if let Some(why) = member(container, "reason").as_str() {
            line.push_str(&format!("; {name}: {why}"));
        }
    }
    Some(line)
}

/// A member under its name, or under the same name in PascalCase, as Step Functions spells it.
fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    let camel = &value[name];
    if !camel.is_null() {
        return camel;
    }
    let mut pascal = name.to_owned();
    if let Some(first) = pascal.get_mut(0..1) {
        first.make_ascii_uppercase();
    }
    &value[pascal]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_say_the_same() {
        let ecs = json!({"stoppedReason": "done", "containers": [{"name": "a", "exitCode": 3}, {"name": "b", "reason": "lost"}]});
        let sfn = json!({"StoppedReason": "done", "Containers": [{"Name": "a", "ExitCode": 3}, {"Name": "b", "Reason": "lost"}]});
        assert_eq!(reason(&ecs).as_deref(), Some("done; a exited with 3; b: lost"));
        assert_eq!(reason(&sfn), reason(&ecs));
        assert_eq!(reason(&json!({"errorMessage": "x"})), None);
    }
}
