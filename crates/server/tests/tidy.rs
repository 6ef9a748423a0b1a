//! The rules of the house that the compiler does not know: which layer may use which, and where tokio may appear.

#![expect(clippy::unwrap_used, reason = "a tree that cannot be read fails the test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The files of a service that are shells: imperative, asynchronous, thin; `lib.rs` starts them. Everything else in a
/// service is pure, or only awaits the store and the door.
const SHELLS: &[&str] = &[
    "lib",
    "agent",
    "background",
    "blobs",
    "delivery",
    "firing",
    "listeners",
    "log_shipping",
    "placement",
    "runner",
    "state_change_events",
    "synchronous",
    "volumes",
];

/// Longest source file; a longer one has more than one subject.
const LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every crate under `crates/`: its package name, its layer (`lang`, `base`, `services`, `server`) and its folder.
fn crates() -> BTreeMap<String, (String, PathBuf)> {
    let mut found = BTreeMap::new();
    for layer in ["lang", "base", "services"] {
        for entry in fs::read_dir(root().join("crates").join(layer)).unwrap() {
            let folder = entry.unwrap().path();
            found.insert(
                manifest(&folder)["package"]["name"].as_str().unwrap().to_owned(),
                (layer.to_owned(), folder),
            );
        }
    }
    found.insert("runwright".to_owned(), ("server".to_owned(), root().join("crates/server")));
    found
}

fn manifest(folder: &Path) -> toml::Value {
    toml::from_str(&fs::read_to_string(folder.join("Cargo.toml")).unwrap()).unwrap()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "generated" && name != "tests") {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// The lines of a file before its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

#[test]
fn layers_only_look_down() {
    let crates = crates();
    for (name, (layer, folder)) in &crates {
        let manifest = manifest(folder);
        let Some(dependencies) = manifest.get("dependencies").and_then(toml::Value::as_table) else {
            continue;
        };
        for dependency in dependencies.keys() {
            let Some((below, _)) = crates.get(dependency) else { continue };
            let allowed = match layer.as_str() {
                "lang" => below == "lang" || dependency == "types",
                "base" | "services" => below == "base" || below == "lang",
                _ => true,
            };
            assert!(allowed, "{name} ({layer}) must not depend on {dependency} ({below})");
        }
    }
}

#[test]
fn languages_are_pure() {
    const FORBIDDEN: &[&str] = &[
        "tokio",
        "async fn",
        "std::fs",
        "TcpStream",
        "UdpSocket",
        "std::env",
        "SystemTime",
        "Instant::now",
        "Uuid::new",
        " rand::",
    ];
    let mut found = Vec::new();
    for (_, (layer, folder)) in crates() {
        for path in sources(&folder.join("src")).iter().filter(|_| layer == "lang") {
            found.extend(
                FORBIDDEN
                    .iter()
                    .filter(|word| code(path).contains(**word))
                    .map(|word| format!("{}: {word}", relative(path))),
            );
        }
    }
    assert!(found.is_empty(), "not pure: {found:#?}");
}

#[test]
fn services_use_tokio_only_in_their_shells() {
    const INNOCENT: [&str; 2] = ["tokio::sync::", "tokio::task::consume_budget"];
    let mut found = Vec::new();
    for (_, (layer, folder)) in crates() {
        for path in sources(&folder.join("src")).iter().filter(|_| layer == "services") {
            let shell = path.iter().any(|part| {
                let part = part.to_string_lossy();
                SHELLS.contains(&part.trim_end_matches(".rs"))
            });
            // A mutex that is held across an await, or a place where others may run, is no shell.
            let uses = code(path)
                .lines()
                .any(|line| line.contains("tokio::") && !INNOCENT.iter().any(|word| line.contains(word)));
            if uses && !shell {
                found.push(relative(path));
            }
        }
    }
    assert!(found.is_empty(), "tokio outside of a shell: {found:#?}");
}

#[test]
fn only_the_server_reads_the_environment() {
    for (_, (layer, folder)) in crates() {
        for path in sources(&folder.join("src")).iter().filter(|_| layer != "server") {
            assert!(!code(path).contains("env::var"), "{}: reads the environment", relative(path));
        }
    }
}

#[test]
fn every_file_has_one_subject() {
    for (_, (_, folder)) in crates() {
        for path in sources(&folder.join("src")) {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.lines().count() <= LINES_MAX, "{} is too long", relative(&path));
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            assert!(
                !["utils", "util", "helpers", "misc", "common"].contains(&stem.as_str()),
                "{}",
                relative(&path)
            );
            assert!(text.starts_with("//!"), "{} does not say what it is for", relative(&path));
        }
    }
}
