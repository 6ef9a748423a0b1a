//! Member names from one service's spelling to another's.

use serde_json::Value;

use crate::validation::lower_first;

/// `Subnets` as `subnets`, at every depth: how EventBridge's and Scheduler's members are called by ECS.
pub fn camel_case(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, value)| (lower_first(&name), camel_case(value))).collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(camel_case).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_those_of_ecs() {
        let given = json!({"awsvpcConfiguration": {"Subnets": ["s"], "AssignPublicIp": "ENABLED"}});
        let taken = json!({"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "ENABLED"}});
        assert_eq!(camel_case(given), taken);
    }
}
