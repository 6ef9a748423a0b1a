//! A machine as a Mermaid flowchart, for Markdown files and wikis.
//!
//! Source: Mermaid's documentation, "Flowcharts - Basic Syntax".

use std::collections::HashMap;
use std::fmt::Write as _;

use asl::{Outline, OutlineState, StateKind, TransitionReason};

use crate::progress::{Progress, StateProgress};

/// Writes a machine as Mermaid's text; with classes, where there is an execution.
pub fn mermaid(outline: &Outline, progress: Option<&Progress>) -> String {
    let mut writer = Writer { text: "flowchart TD\n".to_owned(), ids: HashMap::new(), progress };
    writer.name_states(outline);
    let first = writer.id(&outline.start);
    let _ = writeln!(writer.text, "  Start([Start]) --> {first}");
    writer.machine(outline, 1);
    for state in outline.states.iter().filter(|state| state.ends) {
        let last = writer.id(&state.name);
        let _ = writeln!(writer.text, "  {last} --> End([End])");
    }
    writer.classes();
    writer.text
}

struct Writer<'a> {
    text: String,
    ids: HashMap<String, String>,
    progress: Option<&'a Progress>,
}

impl Writer<'_> {
    /// Names of states may hold what ids must not: they are numbered.
    fn name_states(&mut self, outline: &Outline) {
        for state in &outline.states {
            let id = format!("s{}", self.ids.len() + 1);
            self.ids.insert(state.name.to_string(), id);
            state.inner.iter().for_each(|inner| self.name_states(inner));
        }
    }

    fn id(&self, name: &str) -> String {
        self.ids.get(name).cloned().unwrap_or_default()
    }

    fn machine(&mut self, outline: &Outline, depth: usize) {
        for state in &outline.states {
            self.state(state, depth);
        }
        for state in &outline.states {
            self.transitions(state, depth);
        }
    }

    fn state(&mut self, state: &OutlineState, depth: usize) {
        let indent = "  ".repeat(depth);
        let (id, name) = (self.id(&state.name), quoted(&state.name));
        if state.inner.is_empty() {
            let (open, close) = brackets(state.kind);
            let _ = writeln!(self.text, "{indent}{id}{open}{name}{close}");
            return;
        }
        let _ = writeln!(self.text, "{indent}subgraph {id}[{name}]");
        for (number, inner) in state.inner.iter().enumerate() {
            let _ = writeln!(self.text, "{indent}  subgraph {id}_{number}[\" \"]");
            self.machine(inner, depth + 2);
            let _ = writeln!(self.text, "{indent}  end");
        }
        let _ = writeln!(self.text, "{indent}end");
    }

    fn transitions(&mut self, state: &OutlineState, depth: usize) {
        let indent = "  ".repeat(depth);
        for transition in &state.transitions {
            let arrow = match &transition.reason {
                TransitionReason::Next => "-->".to_owned(),
                TransitionReason::Default => "-->|Default|".to_owned(),
                TransitionReason::Rule(rule) => format!("-->|{}|", quoted(rule)),
                TransitionReason::Catch(errors) => format!("-.->|{}|", quoted(&errors.join(", "))),
            };
            let (from, to) = (self.id(&state.name), self.id(&transition.to));
            let _ = writeln!(self.text, "{indent}{from} {arrow} {to}");
        }
    }

    fn classes(&mut self) {
        let Some(progress) = self.progress else { return };
        for (of, class, style) in CLASSES {
            let mut ids: Vec<&str> = self
                .ids
                .iter()
                .filter(|(name, _)| progress.of(name) == of)
                .map(|(_, id)| id.as_str())
                .collect();
            if ids.is_empty() {
                continue;
            }
            ids.sort_unstable_by_key(|id| (id.len(), *id));
            let ids = ids.join(",");
            let _ = writeln!(self.text, "  classDef {class} {style}\n  class {ids} {class}");
        }
    }
}

const CLASSES: [(StateProgress, &str, &str); 5] = [
    (StateProgress::Running, "running", "fill:#dbeafe,stroke:#2563eb,color:#1e3a8a"),
    (StateProgress::Succeeded, "succeeded", "fill:#dcfce7,stroke:#16a34a,color:#14532d"),
    (StateProgress::Caught, "caught", "fill:#fef3c7,stroke:#d97706,color:#78350f"),
    (StateProgress::Failed, "failed", "fill:#fee2e2,stroke:#dc2626,color:#7f1d1d"),
    (StateProgress::Aborted, "aborted", "fill:#e5e7eb,stroke:#6b7280,color:#374151"),
];

fn brackets(kind: StateKind) -> (&'static str, &'static str) {
    match kind {
        StateKind::Choice => ("{", "}"),
        StateKind::Succeed | StateKind::Fail => ("([", "])"),
        StateKind::Wait => ("(", ")"),
        StateKind::Task | StateKind::Pass | StateKind::Parallel | StateKind::Map => ("[", "]"),
    }
}

/// A text that Mermaid takes as it is.
fn quoted(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;").replace('>', "&gt;");
    format!("\"{}\"", escaped.replace(['\n', '\r'], " "))
}
