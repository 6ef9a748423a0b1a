//! Draws every definition of `cases/` and compares with what lies beside it: `NAME.txt` for the terminal, `NAME.mmd` for
//! Mermaid. Where `NAME.history.json` is, the drawing tells of that execution. `UPDATE_CASES=1` writes the files anew.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use state_graph::{Palette, Progress, mermaid, svg, text};

#[test]
fn drawings_are_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut definitions: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the folder of cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".asl.json"))
        .collect();
    definitions.sort();
    assert!(!definitions.is_empty());
    for definition in definitions {
        check(&definition);
    }
}

fn check(path: &Path) {
    let beside = |ending: &str| PathBuf::from(path.to_string_lossy().replace(".asl.json", ending));
    let definition = fs::read_to_string(path).expect("a definition");
    let machine = asl::parse_calling(&definition, asl::MachineKind::Standard, |_| true).expect("a machine");
    let history = fs::read_to_string(beside(".history.json")).ok();
    let progress = history.map(|history| {
        let events: Vec<Value> = serde_json::from_str(&history).expect("a history");
        Progress::of_history(&events)
    });
    let outline = machine.outline();
    compare(&beside(".txt"), &text(&outline, progress.as_ref(), Palette::Plain));
    compare(&beside(".mmd"), &mermaid(&outline, progress.as_ref()));
    let drawing = svg(&outline, progress.as_ref());
    for state in &outline.states {
        assert!(drawing.contains(&format!("<title>{}</title>", state.name)), "{}", state.name);
    }
    if let Ok(folder) = std::env::var("SVG_FOLDER") {
        let name = path.file_name().expect("a name").to_string_lossy().replace(".asl.json", ".svg");
        fs::write(Path::new(&folder).join(name), drawing).expect("the drawing is written");
    }
}

fn compare(path: &Path, drawn: &str) {
    if std::env::var_os("UPDATE_CASES").is_some() {
        fs::write(path, drawn).expect("the drawing is written");
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    assert!(wanted == drawn, "{} differs:\n{drawn}", path.display());
}
