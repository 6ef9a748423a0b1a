//! Executions and definitions recorded on AWS, run in-process on a virtual clock.
//!
//! The recordings are data beside the repository (`../shared/conformance`); without them there is nothing to compare. Our
//! own cases are in `cases/`, in the same form.

mod compare;
mod map_run;
mod played;
mod replay;
mod run;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Recordings that pass. Raise it with what you make right.
const FLOOR: usize = 490;

/// Recordings that pass when services answer as they did. Raise it too.
const REPLAY_FLOOR: usize = 116;

#[test]
fn recordings() {
    let folder = root().join("../shared/conformance/cases/stepfunctions");
    if !folder.exists() {
        eprintln!("skipped: no recordings at {}", folder.display());
        return;
    }
    let tally = Tally::of(&folder);
    tally.print();
    assert!(tally.passed() >= FLOOR, "{} passed, {FLOOR} did before", tally.passed());
}

/// Executions that call services, with what the services answered on AWS.
#[test]
fn replays() {
    let folder = root().join("../shared/conformance/cases/stepfunctions");
    if !folder.exists() {
        eprintln!("skipped: no recordings at {}", folder.display());
        return;
    }
    let mut tally = Tally { replay: true, ..Tally::default() };
    tally.drive(&folder);
    tally.print();
    assert!(tally.passed() >= REPLAY_FLOOR, "{} passed, {REPLAY_FLOOR} did before", tally.passed());
}

/// Our own cases. `UPDATE=1` writes what is, to be reviewed like code.
#[test]
fn own_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    if std::env::var_os("UPDATE").is_some() {
        for file in files(&folder) {
            let mut cases = read(&file);
            cases.iter_mut().for_each(run::update);
            let text = serde_json::to_string_pretty(&cases).expect("JSON");
            std::fs::write(&file, text + "\n").expect("a file that can be written");
        }
    }
    let tally = Tally::of(&folder);
    tally.print();
    assert_eq!(tally.failures.len(), 0);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("a folder of cases")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}

fn read(file: &Path) -> Vec<Value> {
    serde_json::from_str(&std::fs::read_to_string(file).expect("a file")).expect("cases")
}

/// Verdicts by file.
#[derive(Default)]
struct Tally {
    files: BTreeMap<String, (usize, usize)>,
    failures: Vec<String>,
    skipped: usize,
    /// Cases that call services, rather than those that do not.
    replay: bool,
}

impl Tally {
    fn of(folder: &Path) -> Self {
        let mut tally = Self::default();
        tally.drive(folder);
        tally
    }

    fn drive(&mut self, folder: &Path) {
        for file in files(folder) {
            let cases = read(&file);
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            cases.iter().for_each(|case| self.add(&name, case));
        }
    }

    fn add(&mut self, file: &str, case: &Value) {
        if is_driven(case) == self.replay || (self.replay && !replay::is_driven(case)) {
            self.skipped += 1;
            return;
        }
        let verdict = match case["kind"].as_str() {
            Some("sfn-execution") if self.replay => replay::execution(case),
            Some("sfn-execution") => run::execution(case),
            _ => run::validation(case),
        };
        let counts = self.files.entry(file.to_owned()).or_default();
        match verdict {
            None => counts.0 += 1,
            Some(why) => {
                counts.1 += 1;
                self.failures.push(format!("{}: {why}", case["name"].as_str().unwrap_or_default()));
            }
        }
    }

    fn passed(&self) -> usize {
        self.files.values().map(|(passed, _)| passed).sum()
    }

    #[expect(clippy::print_stdout, reason = "the numbers are what the harness is for")]
    fn print(&self) {
        for failure in &self.failures {
            println!("FAIL {}", failure.chars().take(600).collect::<String>());
        }
        for (file, (passed, failed)) in &self.files {
            println!("{file:40} {passed:5} passed {failed:5} failed");
        }
        let (passed, failed) = (self.passed(), self.failures.len());
        println!("{passed} passed, {failed} failed, {} not of this kind", self.skipped);
    }
}

/// Whether the case needs nothing but the language, and was recorded on AWS.
fn is_driven(case: &Value) -> bool {
    let evidence = case["evidence"].as_str().unwrap_or("aws");
    let driven = match case["kind"].as_str() {
        Some("sfn-execution") => {
            (case["needs"] == serde_json::json!(["none"]) || map_run::is_driven(case))
                && case.get("actions").is_none_or(|actions| actions.as_array().is_some_and(Vec::is_empty))
        }
        Some("validation") => {
            let api = case["api"].as_str().unwrap_or_default();
            api.starts_with("Validate") || case["expect"]["Error"]["Code"] == "InvalidDefinition"
        }
        _ => false,
    };
    driven && evidence.starts_with("aws")
}
