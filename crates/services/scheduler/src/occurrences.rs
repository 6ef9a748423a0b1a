//! When a schedule is next due, for `runwright events next`: an operation that is not on the wire.

use api::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use types::Timestamp;

use crate::names::{GroupName, ScheduleName};
use crate::schedule::{Schedule, Timing};
use crate::{Error, Inner};

/// A schedule whose next times are asked for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NextOccurrences {
    group_name: Option<String>,
    name: String,
    count: usize,
    /// Strictly after this time; without it after the clock's.
    after: Option<Timestamp>,
}

impl Inner {
    /// When a schedule is next due, enabled or not.
    pub(crate) async fn next_occurrences(&self, cx: &Context, input: Value) -> Result<Value, Error> {
        let input: NextOccurrences =
            serde_json::from_value(input).map_err(|error| Error::Invalid(error.to_string()))?;
        let group = GroupName::here(cx, input.group_name.as_deref());
        let name = ScheduleName { group, name: input.name };
        let Schedule { definition, anchor, .. } = self.schedule(&name).await?.value;
        let is_enabled = definition.timing.is_enabled;
        let timing = Timing { is_enabled: true, ..definition.timing };
        let next = |after: Timestamp| timing.next_due(after, anchor);
        let times = std::iter::successors(next(input.after.unwrap_or(cx.now)), |last| next(*last));
        let times: Vec<Timestamp> = times.take(input.count).collect();
        Ok(json!({
            "Times": times, "Timezone": timing.timezone, "Expression": timing.expression, "Enabled": is_enabled,
        }))
    }
}
