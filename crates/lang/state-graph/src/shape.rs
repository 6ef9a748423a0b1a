//! What is drawn: boxes with their content, and the lines between them, in cells counted from the upper left corner.

use asl::{OutlineState, StateKind};
use unicode_width::UnicodeWidthStr as _;

/// A drawing, laid out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layout {
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) boxes: Vec<Placed>,
    pub(crate) lines: Vec<Line>,
}

/// A box at its place.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) x: i32,
    pub(crate) y: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
    pub(crate) content: Content,
}

/// What a box is.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Where the machine begins.
    Start,
    /// Where it ends.
    End,
    /// A state; one that runs machines of its own has them inside.
    State { name: String, caption: String, has_inner: bool },
    /// Why a line is followed.
    Label(String),
}

/// A line in right angles, from above to below.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) points: Vec<(i32, i32)>,
    /// Whether it leads into a state at its lower end.
    pub(crate) arrow_down: bool,
    /// Whether it leads into a state at its upper end.
    pub(crate) arrow_up: bool,
    /// Whether it is followed after an error.
    pub(crate) after_error: bool,
}

/// Longest label that is shown whole, in cells.
const LABEL_CELLS: usize = 34;

impl Content {
    /// A state's name with a line about it.
    pub(crate) fn state(state: &OutlineState) -> Self {
        let caption = match &state.resource {
            Some(resource) => format!("Task · {}", short(resource)),
            None => state.kind.as_str().to_owned(),
        };
        let has_inner = matches!(state.kind, StateKind::Parallel | StateKind::Map);
        Self::State { name: state.name.to_string(), caption, has_inner }
    }

    /// A label, cut where it is long.
    pub(crate) fn label(text: &str) -> Self {
        if text.width() <= LABEL_CELLS {
            return Self::Label(text.to_owned());
        }
        let mut cut = String::new();
        for c in text.chars() {
            if cut.width() + 2 > LABEL_CELLS {
                break;
            }
            cut.push(c);
        }
        Self::Label(format!("{}…", cut.trim_end()))
    }

    /// Width and height of a box around this; of a state with machines inside, without them.
    pub(crate) fn size(&self) -> (i32, i32) {
        match self {
            Self::Start | Self::End => (odd(cells(self.text())), 1),
            Self::Label(text) => (odd(cells(text) + 2), 1),
            Self::State { name, caption, has_inner: true } => (odd(cells(name) + cells(caption) + 9), 3),
            // Room for the mark that tells of an execution.
            Self::State { name, caption, has_inner: false } => {
                (odd((cells(name) + 2).max(cells(caption)) + 4), 4)
            }
        }
    }

    /// What a box that is no state says.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Start => "Start",
            Self::End => "End",
            Self::Label(text) => text,
            Self::State { name, .. } => name,
        }
    }
}

/// The part of a resource that tells most: `ecs:runTask.sync`, `function:name`, `activity:name`.
fn short(resource: &str) -> String {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    parts.get(5).map_or_else(|| resource.to_owned(), |name| (*name).to_owned())
}

/// Width of a text in cells.
pub(crate) fn cells(text: &str) -> i32 {
    i32::try_from(text.width()).unwrap_or(i32::MAX / 1024).min(i32::MAX / 1024)
}

/// Boxes have a middle.
pub(crate) fn odd(width: i32) -> i32 {
    width | 1
}
