//! What clients want, by chance: which machines, which executions, and what they do to them meanwhile.

use crate::client::{Client, Step, machine_arn};
use crate::machines::Machines;
use crate::random::Random;

/// Seeds in a hundred with queues and topics.
const MESSAGES_PERCENT: u64 = 40;

/// The clients of a seed. Each has its own chance, so that leaving one out changes nothing for the others.
pub fn clients(seed: u64) -> Vec<Client> {
    let count = Random::new(seed, "clients").between(1, 4);
    let mut clients: Vec<Client> = (0..count).map(|number| client(seed, number)).collect();
    // By a chance of its own, so that the others stay what they were.
    let mut random = Random::new(seed, "messages");
    if random.percent(MESSAGES_PERCENT) {
        clients.push(receives_messages(random, count));
    }
    clients
}

fn client(seed: u64, number: u64) -> Client {
    let mut random = Random::new(seed, &format!("client {number}"));
    match random.below(11) {
        0..5 => plain(random, number),
        5 => stops(random, number),
        6 => redrives(random, number),
        7 => puts_events(random, number),
        8 => schedules(random, number),
        9 => deletes(random, number),
        _ => updates(random, number),
    }
}

/// A script under construction.
struct Script {
    random: Random,
    name: String,
    machines: Machines,
    steps: Vec<Step>,
}

impl Script {
    /// A script that begins with a child machine and a task definition, perhaps.
    fn new(mut random: Random, name: String) -> Self {
        let mut steps = Vec::new();
        let container = random.percent(40).then(|| name.clone());
        steps.extend(container.clone().map(Step::Container));
        let child = format!("{name}-child");
        let mut machines = Machines::new(
            Random::new(random.number(), "machines"),
            random.percent(40).then(|| machine_arn(&child)),
            container,
        );
        steps.push(Step::Create { machine: child, definition: machines.small(), is_logged: false });
        Self { random, name, machines, steps }
    }

    fn create(&mut self) {
        let blocks = self.random.between(1, 6);
        let definition = self.machines.definition(blocks);
        let is_logged = self.random.percent(30);
        self.steps.push(Step::Create { machine: self.name.clone(), definition, is_logged });
    }

    fn start(&mut self, execution: &str) {
        let items = (0..self.random.below(4)).collect();
        let twice = self.random.percent(20);
        let (machine, name) = (self.name.clone(), self.execution(execution));
        self.steps.push(Step::Start { machine, name, items, twice });
    }

    fn wait(&mut self, execution: &str) {
        let (machine, name) = (self.name.clone(), self.execution(execution));
        self.steps.push(Step::Await { machine, name });
    }

    fn execution(&self, name: &str) -> String {
        format!("{}{name}", self.name)
    }

    fn client(self) -> Client {
        Client::new(self.name, self.steps)
    }
}

/// Starts some executions and waits for them.
fn plain(random: Random, number: u64) -> Client {
    let mut script = Script::new(random, format!("c{number}"));
    script.create();
    let count = script.random.between(1, 4);
    let names: Vec<String> = (0..count).map(|execution| format!("e{execution}")).collect();
    for name in &names {
        script.start(name);
        if script.random.percent(30) {
            script.steps.push(Step::Sleep(script.random.between(1, 90)));
        }
    }
    names.iter().for_each(|name| script.wait(name));
    script.client()
}

/// Stops an execution somewhere on its way.
fn stops(random: Random, number: u64) -> Client {
    let mut script = Script::new(random, format!("stop{number}"));
    script.create();
    script.start("e0");
    script.start("e1");
    script.steps.push(Step::Sleep(script.random.between(0, 200)));
    for execution in ["e0", "e1"] {
        let (machine, name) = (script.name.clone(), script.execution(execution));
        script.steps.push(Step::Stop { machine, name });
        script.wait(execution);
    }
    script.client()
}

/// Deletes a machine whose executions run.
fn deletes(random: Random, number: u64) -> Client {
    let mut script = Script::new(random, format!("stopd{number}"));
    script.create();
    script.start("e0");
    script.start("e1");
    script.steps.push(Step::Sleep(script.random.between(0, 100)));
    script.steps.push(Step::Delete(script.name.clone()));
    script.wait("e0");
    script.wait("e1");
    script.client()
}

/// Redrives an execution that fails at first.
fn redrives(random: Random, number: u64) -> Client {
    let mut script = Script::new(random, format!("r{number}"));
    let blocks = script.random.between(1, 4);
    let definition = script.machines.broken(blocks);
    script.steps.push(Step::Create { machine: script.name.clone(), definition, is_logged: false });
    script.start("e0");
    script.wait("e0");
    script.steps.push(Step::Sleep(script.random.between(0, 1000)));
    let (machine, name) = (script.name.clone(), script.execution("e0"));
    script.steps.push(Step::Redrive { machine, name });
    script.wait("e0");
    script.client()
}

/// Changes the machine between two executions.
fn updates(random: Random, number: u64) -> Client {
    let mut script = Script::new(random, format!("u{number}"));
    script.create();
    script.start("e0");
    let blocks = script.random.between(1, 4);
    let definition = script.machines.definition(blocks);
    script.steps.push(Step::Update { machine: script.name.clone(), definition });
    script.start("e1");
    script.wait("e0");
    script.wait("e1");
    script.client()
}

/// Puts events that start executions, and perhaps replays them.
fn puts_events(random: Random, number: u64) -> Client {
    let mut script = Script::new(random, format!("v{number}"));
    let definition = script.machines.small();
    let name = script.name.clone();
    script.steps.push(Step::Create { machine: name.clone(), definition, is_logged: false });
    script.steps.push(Step::Rule(name.clone()));
    let count = script.random.between(1, 4);
    let is_archived = script.random.percent(50);
    if is_archived {
        script.steps.push(Step::Archive(name.clone()));
    }
    for event in 0..count {
        script.steps.push(Step::Put { name: name.clone(), key: format!("{name}x{event}") });
    }
    if is_archived {
        script.steps.push(Step::Replay(name.clone()));
    }
    script.steps.push(Step::AwaitAll(name));
    script.client()
}

/// Lets a schedule start executions for some minutes.
fn schedules(random: Random, number: u64) -> Client {
    let mut script = Script::new(random, format!("s{number}"));
    let definition = script.machines.small();
    let name = script.name.clone();
    script.steps.push(Step::Create { machine: name.clone(), definition, is_logged: false });
    script.steps.push(Step::Schedule(name.clone()));
    script.steps.push(Step::Sleep(script.random.between(61, 300)));
    script.steps.push(Step::Unschedule(name.clone()));
    script.steps.push(Step::AwaitAll(name));
    script.client()
}

/// Puts events that come to queues and topics, lets schedules send messages, and receives them meanwhile.
fn receives_messages(mut random: Random, number: u64) -> Client {
    let name = format!("q{number}");
    let mut steps = vec![Step::Queues(name.clone())];
    let is_scheduled = random.percent(50);
    if is_scheduled {
        steps.push(Step::ScheduleMessages(name.clone()));
    }
    for event in 0..random.between(1, 12) {
        steps.push(Step::Put { name: name.clone(), key: format!("{name}x{event}") });
        match random.below(4) {
            0 => steps.push(Step::Sleep(random.between(1, 90))),
            1 => steps.push(Step::Collect(name.clone())),
            _ => {}
        }
    }
    if is_scheduled {
        steps.push(Step::Sleep(random.between(61, 300)));
        steps.push(Step::UnscheduleMessages(name.clone()));
    }
    // What was put is delivered by then.
    steps.extend([Step::Sleep(3_600), Step::Collect(name.clone())]);
    Client::new(name, steps)
}
