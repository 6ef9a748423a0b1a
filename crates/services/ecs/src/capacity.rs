//! Which tasks have room on the machine: a ledger of what they reserve, and the queue of those that wait.
//!
//! Decides only: nothing here waits, locks or is stored. `placement` keeps the ledger and does what it says.
//!
//! A task reserves CPU units, memory and fixed host ports from RunTask until it has stopped. Those that wait are admitted
//! in the order of their arrival: one that waits for CPU or memory holds up all behind it, so that a large task is not
//! overtaken for ever; one that waits for a port or for its cluster's or family's limit only those that want the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::task::Task;

/// What the operator decides about how much may run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// CPU units, 1024 for each processor; `None`: as many as are asked for.
    pub cpu_units: Option<u64>,
    /// MiB of memory; `None`: as many as are asked for.
    pub memory_mib: Option<u64>,
    /// What becomes of tasks that do not fit now.
    pub overflow: Overflow,
    /// How many tasks of a cluster may run at a time, by its name.
    pub cluster_limits: BTreeMap<String, usize>,
    /// How many tasks of a family may run at a time, by its name.
    pub family_limits: BTreeMap<String, usize>,
}

/// What becomes of tasks that do not fit now, but would on a machine that does nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// RunTask answers a failure, as ECS does.
    #[default]
    Refuse,
    /// They wait in `PROVISIONING`.
    Queue,
}

/// What a task needs while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// CPU units.
    pub cpu_units: u64,
    /// MiB of memory.
    pub memory_mib: u64,
    /// Ports of the host, each with its protocol.
    pub host_ports: Vec<HostPort>,
    /// `ACCOUNT/REGION/NAME` of its cluster.
    pub cluster: String,
    /// `ACCOUNT/REGION/NAME` of its task definition's family.
    pub family: String,
}

/// A port of the host that a container asks for by its number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HostPort {
    /// The number.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: String,
}

/// What a task that is not refused does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It starts.
    Admitted,
    /// It waits, at this place of the queue.
    Waits(u64),
}

/// What there is too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shortage {
    /// CPU units.
    Cpu,
    /// Memory.
    Memory,
    /// A host port that another task has.
    Ports,
    /// Tasks of the cluster or family.
    Tasks,
}

impl Shortage {
    /// The reason of RunTask's failure.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Cpu => "RESOURCE:CPU",
            Self::Memory => "RESOURCE:MEMORY",
            Self::Ports => "RESOURCE:PORTS",
            Self::Tasks => "You've reached the limit on the number of tasks you can run concurrently",
        }
    }
}

impl Demand {
    /// What `task` reserves: what it says as a whole, else what its containers say together.
    pub fn of(task: &Task) -> Self {
        let whole = |size: &Option<String>| size.as_deref().and_then(|size| size.parse::<u64>().ok());
        let positive = |size: i64| u64::try_from(size).unwrap_or(0);
        let cpu = || task.containers.iter().map(|one| positive(one.cpu)).sum();
        let reserved =
            |one: &crate::task::Container| one.memory_reservation.or(one.memory).map_or(0, positive);
        let memory = || task.containers.iter().map(reserved).sum();
        let here = |name: &str| format!("{}/{}/{name}", task.account, task.region);
        Self {
            cpu_units: whole(&task.cpu).unwrap_or_else(cpu),
            memory_mib: whole(&task.memory).unwrap_or_else(memory),
            host_ports: task.host_ports.clone(),
            cluster: here(task.cluster()),
            family: here(&task.family),
        }
    }
}

/// Who has reserved what, and who waits. Tasks are named by their keys.
#[derive(Debug, Default)]
pub struct Ledger {
    capacity: Capacity,
    reserved: HashMap<String, Demand>,
    cpu_units: u64,
    memory_mib: u64,
    host_ports: HashMap<HostPort, usize>,
    clusters: HashMap<String, usize>,
    families: HashMap<String, usize>,
    queue: BTreeMap<u64, (String, Demand)>,
    places: HashMap<String, u64>,
    next_place: u64,
}

impl Ledger {
    /// A ledger without tasks.
    pub fn new(capacity: Capacity) -> Self {
        Self { capacity, ..Self::default() }
    }

    /// Reserves what a new task needs, or gives it a place in the queue.
    ///
    /// # Errors
    /// What there is too little of: now or, where tasks wait, on the empty machine.
    pub fn request(&mut self, key: &str, demand: Demand) -> Result<Admission, Shortage> {
        if let Some(never) = self.excess(&demand) {
            return Err(never);
        }
        match (self.shortage(&demand), self.capacity.overflow) {
            // Whoever fits waits nevertheless, behind those that came before.
            (None, _) if self.may_pass(&demand) => {
                self.reserve(key, demand);
                Ok(Admission::Admitted)
            }
            (None, _) | (Some(_), Overflow::Queue) => {
                let place = self.next_place;
                self.rejoin(key, demand, place);
                Ok(Admission::Waits(place))
            }
            (Some(shortage), Overflow::Refuse) => Err(shortage),
        }
    }

    /// Reserves what a task needs that runs already, whether it fits or not.
    pub fn adopt(&mut self, key: &str, demand: Demand) {
        if !self.reserved.contains_key(key) {
            self.leave(key);
            self.reserve(key, demand);
        }
    }

    /// Puts a task back to its place in the queue.
    pub fn rejoin(&mut self, key: &str, demand: Demand, place: u64) {
        self.queue.insert(place, (key.to_owned(), demand));
        self.places.insert(key.to_owned(), place);
        self.next_place = self.next_place.max(place + 1);
    }

    /// Whether a task of that key waits.
    pub fn waits(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Gives back what a task had reserved, or its place in the queue.
    pub fn release(&mut self, key: &str) {
        self.leave(key);
        let Some(demand) = self.reserved.remove(key) else { return };
        self.cpu_units -= demand.cpu_units;
        self.memory_mib -= demand.memory_mib;
        for port in demand.host_ports {
            decrease(&mut self.host_ports, &port);
        }
        decrease(&mut self.clusters, &demand.cluster);
        decrease(&mut self.families, &demand.family);
    }

    /// Admits those of the queue for whom there is room, and returns their keys in order.
    pub fn admit(&mut self) -> Vec<String> {
        let mut admitted = Vec::new();
        let places: Vec<u64> = self.queue.keys().copied().collect();
        let mut before = Waiting::default();
        for place in places {
            let Some((key, demand)) = self.queue.get(&place).cloned() else { continue };
            match self.shortage(&demand) {
                None if before.lets_pass(&demand) => {
                    self.leave(&key);
                    self.reserve(&key, demand);
                    admitted.push(key);
                }
                // Only one that could not run on the empty machine either is passed: the machine has become smaller.
                Some(Shortage::Cpu | Shortage::Memory) if self.excess(&demand).is_none() => break,
                _ => before.add(&demand, &self.capacity),
            }
        }
        admitted
    }

    /// Whether a new task may start while others wait.
    fn may_pass(&self, demand: &Demand) -> bool {
        let mut before = Waiting::default();
        for (_, waiting) in self.queue.values() {
            match self.shortage(waiting) {
                Some(Shortage::Cpu | Shortage::Memory) if self.excess(waiting).is_none() => return false,
                _ => before.add(waiting, &self.capacity),
            }
        }
        before.lets_pass(demand)
    }

    /// What the empty machine has too little of.
    fn excess(&self, demand: &Demand) -> Option<Shortage> {
        let exceeds = |need: u64, have: Option<u64>| have.is_some_and(|have| need > have);
        if exceeds(demand.cpu_units, self.capacity.cpu_units) {
            Some(Shortage::Cpu)
        } else if exceeds(demand.memory_mib, self.capacity.memory_mib) {
            Some(Shortage::Memory)
        } else {
            None
        }
    }

    /// What there is too little of now.
    fn shortage(&self, demand: &Demand) -> Option<Shortage> {
        let is_full = |used: u64, need: u64, have: Option<u64>| {
            // Who needs nothing finds room on a machine that is full, also where it has become smaller.
            need > 0 && have.is_some_and(|have| used.saturating_add(need) > have)
        };
        let count = |counts: &HashMap<String, usize>, name: &str| counts.get(name).copied().unwrap_or(0);
        let limit = |limits: &BTreeMap<String, usize>, name: &str| limits.get(last(name)).copied();
        let cluster = limit(&self.capacity.cluster_limits, &demand.cluster);
        let family = limit(&self.capacity.family_limits, &demand.family);
        if cluster.is_some_and(|limit| count(&self.clusters, &demand.cluster) >= limit)
            || family.is_some_and(|limit| count(&self.families, &demand.family) >= limit)
        {
            Some(Shortage::Tasks)
        } else if demand.host_ports.iter().any(|port| self.host_ports.contains_key(port)) {
            Some(Shortage::Ports)
        } else if is_full(self.cpu_units, demand.cpu_units, self.capacity.cpu_units) {
            Some(Shortage::Cpu)
        } else if is_full(self.memory_mib, demand.memory_mib, self.capacity.memory_mib) {
            Some(Shortage::Memory)
        } else {
            None
        }
    }

    fn reserve(&mut self, key: &str, demand: Demand) {
        self.cpu_units += demand.cpu_units;
        self.memory_mib += demand.memory_mib;
        for port in &demand.host_ports {
            *self.host_ports.entry(port.clone()).or_default() += 1;
        }
        *self.clusters.entry(demand.cluster.clone()).or_default() += 1;
        *self.families.entry(demand.family.clone()).or_default() += 1;
        self.reserved.insert(key.to_owned(), demand);
    }

    fn leave(&mut self, key: &str) {
        if let Some(place) = self.places.remove(key) {
            self.queue.remove(&place);
        }
    }
}

/// What those that wait further ahead want, but for CPU and memory.
#[derive(Default)]
struct Waiting {
    host_ports: HashSet<HostPort>,
    clusters: HashSet<String>,
    families: HashSet<String>,
}

impl Waiting {
    fn add(&mut self, demand: &Demand, capacity: &Capacity) {
        self.host_ports.extend(demand.host_ports.iter().cloned());
        if capacity.cluster_limits.contains_key(last(&demand.cluster)) {
            self.clusters.insert(demand.cluster.clone());
        }
        if capacity.family_limits.contains_key(last(&demand.family)) {
            self.families.insert(demand.family.clone());
        }
    }

    fn lets_pass(&self, demand: &Demand) -> bool {
        !self.clusters.contains(&demand.cluster)
            && !self.families.contains(&demand.family)
            && !demand.host_ports.iter().any(|port| self.host_ports.contains(port))
    }
}

fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

fn decrease<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(cpu_units: u64, memory_mib: u64) -> Demand {
        Demand {
            cpu_units,
            memory_mib,
            cluster: "a/r/c".to_owned(),
            family: "a/r/f".to_owned(),
            ..Demand::default()
        }
    }

    fn machine(cpu_units: u64, memory_mib: u64, overflow: Overflow) -> Ledger {
        let (cpu_units, memory_mib) = (Some(cpu_units), Some(memory_mib));
        Ledger::new(Capacity { cpu_units, memory_mib, overflow, ..Capacity::default() })
    }

    fn waits(admission: Result<Admission, Shortage>) -> bool {
        matches!(admission, Ok(Admission::Waits(_)))
    }

    #[test]
    fn what_does_not_fit_is_refused_until_room_is_given_back() {
        let mut ledger = machine(1024, 2048, Overflow::Refuse);
        assert_eq!(ledger.request("a", demand(512, 512)), Ok(Admission::Admitted));
        assert_eq!(ledger.request("b", demand(1024, 512)), Err(Shortage::Cpu));
        assert_eq!(ledger.request("c", demand(256, 2048)), Err(Shortage::Memory));
        assert_eq!(ledger.request("d", demand(0, 0)), Ok(Admission::Admitted));
        ledger.release("a");
        assert_eq!(ledger.request("b", demand(1024, 2048)), Ok(Admission::Admitted));
    }

    #[test]
    fn those_that_wait_start_in_the_order_of_their_arrival() {
        let mut ledger = machine(1024, 4096, Overflow::Queue);
        assert_eq!(ledger.request("a", demand(768, 1)), Ok(Admission::Admitted));
        assert!(waits(ledger.request("large", demand(1024, 1))));
        // It would fit, but the large one would wait for ever.
        assert!(waits(ledger.request("small", demand(256, 1))));
        assert_eq!(ledger.admit(), Vec::<String>::new());
        ledger.release("a");
        assert_eq!(ledger.admit(), ["large"]);
        ledger.release("large");
        assert_eq!(ledger.admit(), ["small"]);
        assert_eq!(ledger.request("never", demand(1025, 1)), Err(Shortage::Cpu));
    }

    #[test]
    fn who_leaves_the_queue_makes_way() {
        let mut ledger = machine(1024, 4096, Overflow::Queue);
        ledger.adopt("runs", demand(512, 1));
        assert!(waits(ledger.request("large", demand(1024, 1))));
        assert!(waits(ledger.request("small", demand(512, 1))));
        ledger.release("large");
        assert_eq!(ledger.admit(), ["small"]);
    }

    #[test]
    fn limits_hold_up_only_their_own() {
        let mut ledger = Ledger::new(Capacity {
            family_limits: BTreeMap::from([("f".to_owned(), 1)]),
            overflow: Overflow::Queue,
            ..Capacity::default()
        });
        let other = Demand { family: "a/r/g".to_owned(), ..demand(1, 1) };
        assert_eq!(ledger.request("one", demand(1, 1)), Ok(Admission::Admitted));
        assert!(waits(ledger.request("two", demand(1, 1))));
        assert!(waits(ledger.request("three", demand(1, 1))));
        assert_eq!(ledger.request("other", other), Ok(Admission::Admitted));
        ledger.release("one");
        assert_eq!(ledger.admit(), ["two"]);
    }

    #[test]
    fn a_host_port_has_one_task() {
        let mut ledger = Ledger::new(Capacity::default());
        let port = |port, protocol: &str| {
            let host_ports = vec![HostPort { port, protocol: protocol.to_owned() }];
            Demand { host_ports, ..demand(1, 1) }
        };
        assert_eq!(ledger.request("one", port(80, "tcp")), Ok(Admission::Admitted));
        assert_eq!(ledger.request("two", port(80, "tcp")), Err(Shortage::Ports));
        assert_eq!(ledger.request("udp", port(80, "udp")), Ok(Admission::Admitted));
        ledger.release("one");
        assert_eq!(ledger.request("two", port(80, "tcp")), Ok(Admission::Admitted));
    }

    #[test]
    fn a_restart_keeps_the_order() {
        let mut ledger = machine(1024, 4096, Overflow::Queue);
        ledger.rejoin("second", demand(1024, 1), 7);
        ledger.rejoin("first", demand(1024, 1), 3);
        ledger.adopt("runs", demand(2048, 1));
        assert_eq!(ledger.admit(), Vec::<String>::new());
        assert_eq!(ledger.request("third", demand(1, 1)), Ok(Admission::Waits(8)));
        ledger.release("runs");
        assert_eq!(ledger.admit(), ["first"]);
    }
}
