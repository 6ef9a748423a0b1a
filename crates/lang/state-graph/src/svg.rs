//! A drawing as SVG: one file with its own styles, light or dark as the reader prefers.

use std::fmt::Write as _;

use asl::Outline;

use crate::layout::layout;
use crate::progress::{Progress, StateProgress};
use crate::shape::{Content, Line, Placed};

/// Pixels of a cell.
const CELL: (f64, f64) = (8.0, 17.0);
/// Pixels around the drawing.
const MARGIN: f64 = 16.0;
const CORNER: f64 = 7.0;
const END_HEIGHT: f64 = 22.0;

const STYLE: &str = "\
svg{background:#fff;--line:#64748b;--text:#0f172a;--dim:#64748b;--fill:#f8fafc;--inner:#f1f5f977;--paper:#fff}\
text{font-family:ui-sans-serif,system-ui,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;fill:var(--text)}\
.name{font-size:13px;font-weight:600}.caption,.label{font-size:11px}.caption,.label,.end text{fill:var(--dim)}\
.end text{font-size:12px}.state rect{fill:var(--fill);stroke:var(--line);stroke-width:1.3}\
.inner rect{fill:var(--inner)}.label{paint-order:stroke;stroke:var(--paper);stroke-width:5px}.end rect{fill:var(--paper);stroke:var(--line)}\
path{fill:none;stroke:var(--line);stroke-width:1.3}.error{stroke-dasharray:5 4}\
polygon{fill:var(--line)}\
.running rect{stroke:#2563eb;fill:#dbeafe}.succeeded rect{stroke:#16a34a;fill:#dcfce7}\
.caught rect{stroke:#d97706;fill:#fef3c7}.failed rect{stroke:#dc2626;fill:#fee2e2}\
.aborted rect{stroke:#6b7280;fill:#e5e7eb}.untouched{opacity:.55}\
.inner.running rect,.inner.succeeded rect,.inner.caught rect,.inner.failed rect,.inner.aborted rect{fill:var(--inner)}\
@media(prefers-color-scheme:dark){svg{background:#0f172a;--line:#94a3b8;--text:#e2e8f0;--dim:#94a3b8;--fill:#1e293b;\
--inner:#1e293b77;--paper:#0f172a}.running rect{fill:#1e3a8a}.succeeded rect{fill:#14532d}\
.caught rect{fill:#78350f}.failed rect{fill:#7f1d1d}.aborted rect{fill:#374151}}";

/// Draws a machine; with its states coloured, where there is an execution.
pub fn svg(outline: &Outline, progress: Option<&Progress>) -> String {
    let layout = layout(outline);
    let (width, height) =
        (f64::from(layout.width) * CELL.0 + 2.0 * MARGIN, f64::from(layout.height) * CELL.1 + 2.0 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\
         <style>{STYLE}</style>\n"
    );
    // A state's box lies under what is inside it, and lines end at boxes.
    for placed in &layout.boxes {
        state(placed, progress, &mut text);
    }
    let end = layout.boxes.iter().find(|placed| matches!(placed.content, Content::End));
    let end = end.map(|end| (end.x + end.width / 2, end.y));
    for drawn in &layout.lines {
        // The end is taller than its row.
        let shorter = if drawn.points.last().copied() == end { END_HEIGHT / 2.0 } else { 0.0 };
        line(drawn, shorter, &mut text);
    }
    for placed in &layout.boxes {
        label(placed, &mut text);
    }
    text.push_str("</svg>\n");
    text
}

/// The middle of a cell.
fn centre((x, y): (i32, i32)) -> (f64, f64) {
    (MARGIN + (f64::from(x) + 0.5) * CELL.0, MARGIN + (f64::from(y) + 0.5) * CELL.1)
}

/// A box's borders run through the middles of its outer cells.
fn frame(placed: &Placed) -> (f64, f64, f64, f64) {
    let (left, top) = centre((placed.x, placed.y));
    let (right, bottom) = centre((placed.x + placed.width - 1, placed.y + placed.height - 1));
    (left, top, right - left, bottom - top)
}

fn state(placed: &Placed, progress: Option<&Progress>, text: &mut String) {
    let Content::State { name, caption, has_inner } = &placed.content else { return };
    let class = progress.map_or("", |progress| class(progress.of(name)));
    let inner = if *has_inner { " inner" } else { "" };
    let (x, y, width, height) = frame(placed);
    let (shown, caption) = (escaped(name), escaped(caption));
    let _ = write!(
        text,
        "<g class=\"state{inner}{class}\"><title>{shown}</title>\
         <rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{CORNER}\"/>"
    );
    let _ = if *has_inner {
        let baseline = y + 17.0;
        writeln!(
            text,
            "<text class=\"name\" x=\"{}\" y=\"{baseline}\">{shown}</text>\
             <text class=\"caption\" x=\"{}\" y=\"{baseline}\" text-anchor=\"end\">{caption}</text></g>",
            x + 12.0,
            x + width - 12.0
        )
    } else {
        let middle = x + width / 2.0;
        writeln!(
            text,
            "<text class=\"name\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{shown}</text>\
             <text class=\"caption\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{caption}</text></g>",
            y + 21.0,
            y + 38.0
        )
    };
}

fn label(placed: &Placed, text: &mut String) {
    let (x, y) = centre((placed.x + placed.width / 2, placed.y));
    let shown = escaped(placed.content.text());
    let _ = match &placed.content {
        Content::State { .. } => Ok(()),
        Content::Label(_) => writeln!(
            text,
            "<text class=\"label\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{shown}</text>",
            y + 4.0
        ),
        Content::Start | Content::End => writeln!(
            text,
            "<g class=\"end\"><rect x=\"{}\" y=\"{}\" width=\"48\" height=\"{END_HEIGHT}\" rx=\"11\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{shown}</text></g>",
            x - 24.0,
            y - END_HEIGHT / 2.0,
            y + 4.0
        ),
    };
}

/// Draws a line, `shorter` by so many pixels at its lower end.
fn line(line: &Line, shorter: f64, text: &mut String) {
    let mut points: Vec<(f64, f64)> = line.points.iter().map(|point| centre(*point)).collect();
    if let Some((_, y)) = points.last_mut() {
        *y -= shorter;
    }
    let class = if line.after_error { " class=\"error\"" } else { "" };
    let _ = writeln!(text, "<path{class} d=\"{}\"/>", path(&points));
    let (first, last) = (points.first(), points.last());
    if let (true, Some((x, y))) = (line.arrow_down, last) {
        let _ =
            writeln!(text, "<polygon points=\"{x},{y} {},{} {},{}\"/>", x - 4.5, y - 9.0, x + 4.5, y - 9.0);
    }
    if let (true, Some((x, y))) = (line.arrow_up, first) {
        let _ =
            writeln!(text, "<polygon points=\"{x},{y} {},{} {},{}\"/>", x - 4.5, y + 9.0, x + 4.5, y + 9.0);
    }
}

/// The line with its corners rounded.
fn path(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| points.get(before));
        let _ = match (before, points.get(index + 1)) {
            (None, _) => write!(path, "M{x} {y}"),
            (Some(_), None) => write!(path, "L{x} {y}"),
            (Some(before), Some(after)) => {
                let ((ax, ay), (bx, by)) = (towards((*x, *y), *before), towards((*x, *y), *after));
                write!(path, "L{ax} {ay}Q{x} {y} {bx} {by}")
            }
        };
    }
    path
}

/// The point a corner's radius away from `from`, on the way to `to`.
fn towards(from: (f64, f64), to: (f64, f64)) -> (f64, f64) {
    let length = (to.0 - from.0).hypot(to.1 - from.1);
    let part = if length > 0.0 { (CORNER / length).min(0.5) } else { 0.0 };
    (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
}

fn class(progress: StateProgress) -> &'static str {
    match progress {
        StateProgress::Untouched => " untouched",
        StateProgress::Running => " running",
        StateProgress::Succeeded => " succeeded",
        StateProgress::Caught => " caught",
        StateProgress::Failed => " failed",
        StateProgress::Aborted => " aborted",
    }
}

/// A text as XML has it; what XML cannot have is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
