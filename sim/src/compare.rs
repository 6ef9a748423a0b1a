//! Two runs of the same seed: what executions did has to be the same, with faults and without.
//!
//! Left out is what time decides, of which faults take some: executions that somebody may stop, and those that were
//! started by a branch beside one that has failed, whose failure stops them wherever they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::Client;
use crate::history::{essence, leaves_branches};
use crate::run::Report;

/// What is different.
pub fn differences(with_faults: &Report, without: &Report) -> Vec<String> {
    let raced: BTreeSet<String> = [with_faults, without].into_iter().flat_map(left_by).collect();
    let (faulty, calm) = (essences(with_faults, &raced), essences(without, &raced));
    let mut found = Vec::new();
    for name in faulty.keys().chain(calm.keys()).collect::<BTreeSet<_>>() {
        match (faulty.get(name), calm.get(name)) {
            (Some(faulty), Some(calm)) if faulty == calm => {}
            (Some(faulty), Some(calm)) => found.push(format!("{name}: {}", first_difference(faulty, calm))),
            (Some(_), None) => found.push(format!("{name} ran only with faults")),
            (None, Some(_)) => found.push(format!("{name} ran only without faults")),
            (None, None) => {}
        }
    }
    found
}

/// What the executions are about that a branch may have left behind.
fn left_by(report: &Report) -> Vec<String> {
    let leaving = report.ended.iter().filter(|(_, _, events)| leaves_branches(events));
    leaving.map(|(_, described, _)| key(described)).collect()
}

/// What executions did, by what each is about. Those of one event that was put twice did the same.
fn essences(report: &Report, raced: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<Vec<String>>> {
    let mut essences: BTreeMap<String, BTreeSet<Vec<String>>> = BTreeMap::new();
    for (arn, described, events) in &report.ended {
        let (machine, name) = arn.rsplit_once(':').unwrap_or((arn, ""));
        let machine = machine.rsplit(':').next().unwrap_or_default();
        // A schedule fires as often as its client lets it.
        if Client::is_raced(machine) || machine.starts_with('s') {
            continue;
        }
        // The name of one that a task has started begins with what the starter is about, and with a branch's number.
        let starter = name.split(['-', '.']).next().unwrap_or_default();
        if machine.ends_with("-child") && raced.contains(starter) {
            continue;
        }
        let about = if machine.starts_with('v') { key(described) } else { name.to_owned() };
        essences.entry(format!("{machine}:{about}")).or_default().insert(essence(described, events));
    }
    essences
}

/// What the execution's input says that it is about.
fn key(described: &Value) -> String {
    let input = described["input"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    input.and_then(|input| input["key"].as_str().map(str::to_owned)).unwrap_or_default()
}

fn first_difference(faulty: &BTreeSet<Vec<String>>, calm: &BTreeSet<Vec<String>>) -> String {
    let (Some(faulty), Some(calm)) = (faulty.first(), calm.first()) else { return String::new() };
    let at = faulty.iter().zip(calm).take_while(|(faulty, calm)| faulty == calm).count();
    let lines = [faulty.get(at), calm.get(at)].map(|line| line.map_or("nothing", String::as_str));
    format!("event {at} is with faults {}, without {}", lines[0], lines[1])
}
