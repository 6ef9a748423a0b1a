//! The service from outside: through the door, on a real store, with other services on paper.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod activities;
mod conformance;
mod crashes;
mod ecs_run_task;
mod executions;
mod express;
mod fairness;
mod full_disk;
mod http_invoke;
mod integrations;
mod map_run_crashes;
mod map_runs;
mod nested_executions;
mod parameters;
mod recordings;
mod redrive;
mod refusals;
mod reserved_tags;
mod retention;
mod test_state;
mod world;
