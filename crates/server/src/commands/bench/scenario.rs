//! What can be measured: state machines, and how they are driven; and events that come to a queue.

use clap::ValueEnum;
use serde_json::json;

use super::events;
use super::request::{EVENTS, STATES, Service};

const PASS: &str = include_str!("../../../../../benches/machines/pass.asl.json");
const CHOICE: &str = include_str!("../../../../../benches/machines/choice.asl.json");
const PARALLEL: &str = include_str!("../../../../../benches/machines/parallel.asl.json");
const MAP: &str = include_str!("../../../../../benches/machines/map.asl.json");
const WAIT: &str = include_str!("../../../../../benches/machines/wait.asl.json");
const RETRY: &str = include_str!("../../../../../benches/machines/retry.asl.json");

/// A scenario; each is one row of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Ten Pass states.
    Pass,
    /// A Choice loop of a hundred turns.
    Choice,
    /// Parallel with eight branches.
    Parallel,
    /// Map over a hundred items.
    Map,
    /// Wait for a second.
    Wait,
    /// A state that fails, is retried twice after a second each, and is caught.
    Retry,
    /// Ten Pass states in an express execution, whose end the caller waits for (StartSyncExecution).
    Express,
    /// Ten Pass states; each client starts one, polls until it has ended, takes the result, and starts the next.
    Poll,
    /// Events in batches of ten, one rule, one SQS queue.
    Events,
}

/// How a client spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// StartExecution, one after another.
    Start,
    /// StartSyncExecution, one after another.
    StartSync,
    /// StartExecution, then DescribeExecution until the execution has ended.
    StartAndPoll,
    /// PutEvents, one batch after another.
    PutEvents,
}

impl Scenario {
    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Choice => "choice",
            Self::Parallel => "parallel",
            Self::Map => "map",
            Self::Wait => "wait",
            Self::Retry => "retry",
            Self::Express => "express",
            Self::Poll => "poll",
            Self::Events => "events",
        }
    }

    /// What it is, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pass => "Pass x 10",
            Self::Choice => "Choice loop x 100",
            Self::Parallel => "Parallel x 8",
            Self::Map => "Map x 100",
            Self::Wait => "Wait 1 s",
            Self::Retry => "Retry 2 x 1 s",
            Self::Express => "Express Pass x 10",
            Self::Poll => "Start, poll, result",
            Self::Events => "Event to SQS queue",
        }
    }

    /// The machine's definition; `None` where there is no machine.
    pub fn definition(self) -> Option<&'static str> {
        match self {
            Self::Pass | Self::Express | Self::Poll => Some(PASS),
            Self::Choice => Some(CHOICE),
            Self::Parallel => Some(PARALLEL),
            Self::Map => Some(MAP),
            Self::Wait => Some(WAIT),
            Self::Retry => Some(RETRY),
            Self::Events => None,
        }
    }

    /// The machine's type.
    pub fn machine_type(self) -> &'static str {
        if self == Self::Express { "EXPRESS" } else { "STANDARD" }
    }

    /// The input of every execution, or the detail of every event.
    pub fn input(self) -> String {
        match self {
            Self::Pass | Self::Parallel | Self::Retry | Self::Express | Self::Poll => json!({"order": 4711}),
            Self::Choice => json!({"turn": 0}),
            Self::Map => json!({"items": (0..100).collect::<Vec<_>>()}),
            Self::Wait => json!({"seconds": 1}),
            Self::Events => events::detail(),
        }
        .to_string()
    }

    /// State transitions of one execution, as AWS counts them: each entry into a state, retries too. Of an event, its one
    /// delivery.
    pub fn transitions(self) -> u32 {
        match self {
            Self::Pass | Self::Express | Self::Poll => 10,
            // The choice is entered once more than the turn; then the end.
            Self::Choice => 100 + 101 + 1,
            Self::Parallel => 1 + 8,
            Self::Map => 1 + 100,
            Self::Wait | Self::Events => 1,
            // Three attempts of the branch and the state in it, then what catches them.
            Self::Retry => 3 * 2 + 1,
        }
    }

    /// How its clients spend their time.
    pub fn drive(self) -> Drive {
        match self {
            Self::Express => Drive::StartSync,
            Self::Poll => Drive::StartAndPoll,
            Self::Events => Drive::PutEvents,
            Self::Pass | Self::Choice | Self::Parallel | Self::Map | Self::Wait | Self::Retry => Drive::Start,
        }
    }

    /// How many clients it has where nobody says it.
    pub fn connections(self) -> usize {
        match self {
            Self::Poll | Self::Events => 8,
            _ => 64,
        }
    }

    /// How many of what is counted one request starts.
    pub fn batch(self) -> u32 {
        if self == Self::Events { events::BATCH } else { 1 }
    }

    /// The service that is called.
    pub fn service(self) -> Service {
        if self == Self::Events { EVENTS } else { STATES }
    }
}
