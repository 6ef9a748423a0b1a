//! `AWS::Scheduler::..`: schedules and their groups.

mod schedule;
mod schedule_group;

use serde_json::Value;

use super::client::Client;
use super::{Kind, Made, Property, attributes, input, text};

pub(super) use schedule::Schedule;
pub(super) use schedule_group::ScheduleGroup;

const SCHEDULER: Client = Client::new("scheduler", "Scheduler");
