//! From a machine's outline to boxes and lines at their places.
//!
//! A state with machines inside is a box like any other once these are laid out. Why a line is followed stands in a box of
//! its own on the line, so that labels never lie on each other.

use std::collections::HashMap;

use asl::{Outline, OutlineState, TransitionReason};

use crate::layers::{self, Layered, Vertex};
use crate::routes::{self, Crossing};
use crate::shape::{Content, Layout, Line, Placed, odd};

/// Cells between the border of a state and the machines inside it.
const MARGIN: i32 = 2;
/// Cells from the middle of a box to where lines that lead upwards begin and end.
const ASIDE: i32 = 3;
/// Cells between branches.
const BETWEEN: i32 = 3;

/// Lays out a whole machine, with its beginning and its ends.
pub(crate) fn layout(outline: &Outline) -> Layout {
    Plan::new(outline, true).layout()
}

/// A line before it is cut: between two vertices.
struct Way {
    from: Vertex,
    to: Vertex,
    after_error: bool,
}

/// What there is to lay out of one machine.
#[derive(Default)]
struct Plan {
    contents: Vec<Content>,
    sizes: Vec<(i32, i32)>,
    /// The layouts of the machines inside each vertex.
    inner: HashMap<Vertex, Vec<Layout>>,
    ways: Vec<Way>,
}

impl Plan {
    fn new(outline: &Outline, is_whole: bool) -> Self {
        let mut plan = Self::default();
        let start = is_whole.then(|| plan.add(Content::Start));
        let first = plan.contents.len();
        for state in &outline.states {
            plan.add_state(state);
        }
        let vertices: HashMap<&str, Vertex> =
            outline.states.iter().zip(first..).map(|(state, vertex)| (&*state.name, vertex)).collect();
        if let (Some(start), Some(to)) = (start, vertices.get(&*outline.start)) {
            plan.ways.push(Way { from: start, to: *to, after_error: false });
        }
        for state in &outline.states {
            plan.connect(state, &vertices);
        }
        if is_whole {
            let end = plan.add(Content::End);
            let ending = outline.states.iter().zip(first..).filter(|(state, _)| state.ends);
            plan.ways.extend(ending.map(|(_, from)| Way { from, to: end, after_error: false }));
        }
        plan
    }

    fn add(&mut self, content: Content) -> Vertex {
        self.sizes.push(content.size());
        self.contents.push(content);
        self.contents.len() - 1
    }

    fn add_state(&mut self, state: &OutlineState) {
        let vertex = self.add(Content::state(state));
        if state.inner.is_empty() {
            return;
        }
        let inner: Vec<Layout> = state.inner.iter().map(|inner| Plan::new(inner, false).layout()).collect();
        let width: i32 =
            inner.iter().map(|inner| inner.width + BETWEEN).sum::<i32>() - BETWEEN + 2 * (MARGIN + 1);
        let height = inner.iter().map(|inner| inner.height).max().unwrap_or(0) + 4;
        let (least_width, least_height) = self.sizes[vertex];
        self.sizes[vertex] = (odd(width.max(least_width)), height.max(least_height));
        self.inner.insert(vertex, inner);
    }

    fn connect(&mut self, state: &OutlineState, vertices: &HashMap<&str, Vertex>) {
        let Some(from) = vertices.get(&*state.name) else { return };
        for transition in &state.transitions {
            let Some(to) = vertices.get(&*transition.to) else { continue };
            let after_error = matches!(transition.reason, TransitionReason::Catch(_));
            let label = match &transition.reason {
                // A line from a state to itself needs something to go round.
                TransitionReason::Next if from == to => Some("again".to_owned()),
                TransitionReason::Next => None,
                TransitionReason::Rule(rule) => Some(rule.clone()),
                TransitionReason::Default => Some("Default".to_owned()),
                TransitionReason::Catch(errors) => Some(format!("Catch {}", errors.join(", "))),
            };
            let Some(label) = label else {
                self.ways.push(Way { from: *from, to: *to, after_error });
                continue;
            };
            let label = self.add(Content::label(&label));
            self.ways.push(Way { from: *from, to: label, after_error });
            self.ways.push(Way { from: label, to: *to, after_error });
        }
    }

    fn layout(mut self) -> Layout {
        let edges: Vec<(Vertex, Vertex)> = self.ways.iter().map(|way| (way.from, way.to)).collect();
        let layered = layers::arrange(self.contents.len(), &edges);
        self.sizes.resize(layered.count, (1, 1));
        let widths: Vec<i32> = self.sizes.iter().map(|(width, _)| *width).collect();
        let middles = layered.middles(&widths);
        let mut drawing = Drawing { plan: self, layered, middles, layout: Layout::default() };
        drawing.draw();
        drawing.layout
    }

    fn is_state(&self, vertex: Vertex) -> bool {
        self.contents.get(vertex).is_some_and(|content| !matches!(content, Content::Label(_)))
    }
}

struct Drawing {
    plan: Plan,
    layered: Layered,
    middles: Vec<i32>,
    layout: Layout,
}

impl Drawing {
    fn draw(&mut self) {
        let layer_of = self.layered.layer_of();
        let mut y = 0;
        for (number, layer) in self.layered.layers.clone().into_iter().enumerate() {
            let height = layer.iter().map(|vertex| self.plan.sizes[*vertex].1).max().unwrap_or(0);
            for vertex in layer {
                self.place(vertex, y, height);
            }
            let channel: Vec<usize> = (0..self.layered.edges.len())
                .filter(|edge| layer_of[self.layered.edges[*edge].upper] == number)
                .collect();
            y += height + self.connect(&channel, y, height);
        }
        self.layout.height = y;
        let right = |placed: &Placed| placed.x + placed.width;
        let lines = self.layout.lines.iter().flat_map(|line| &line.points).map(|(x, _)| x + 1);
        self.layout.width = self.layout.boxes.iter().map(right).chain(lines).max().unwrap_or(0);
    }

    /// A box with what is inside it; of a passing point, the line through its layer.
    fn place(&mut self, vertex: Vertex, y: i32, layer_height: i32) {
        let Some(content) = self.plan.contents.get(vertex).cloned() else {
            let x = self.middles[vertex];
            let way = self.layered.edges.iter().find(|edge| edge.lower == vertex).map(|edge| edge.way);
            let after_error = way.is_some_and(|way| self.plan.ways[way].after_error);
            let points = vec![(x, y), (x, y + layer_height - 1)];
            self.layout.lines.push(Line { points, arrow_down: false, arrow_up: false, after_error });
            return;
        };
        let (width, height) = self.plan.sizes[vertex];
        let x = self.middles[vertex] - width / 2;
        self.layout.boxes.push(Placed { x, y, width, height, content });
        let inner = self.plan.inner.remove(&vertex).unwrap_or_default();
        let inside: i32 = inner.iter().map(|inner| inner.width + BETWEEN).sum::<i32>() - BETWEEN;
        let mut left = x + (width - inside) / 2;
        for inner in inner {
            let width = inner.width;
            self.layout.add(inner, left, y + 2);
            left += width + BETWEEN;
        }
    }

    /// Draws the lines of one channel, which begins below a layer. Gives its height.
    fn connect(&mut self, channel: &[usize], y: i32, layer_height: i32) -> i32 {
        let ends = |edge: &usize| {
            let edge = self.layered.edges[*edge];
            let aside = if edge.turned { ASIDE } else { 0 };
            let end = |vertex: Vertex, aside: i32| {
                self.middles[vertex] + if self.plan.is_state(vertex) { aside } else { 0 }
            };
            Crossing { from: end(edge.upper, aside), to: end(edge.lower, -aside) }
        };
        let crossings: Vec<Crossing> = channel.iter().map(ends).collect();
        if crossings.is_empty() {
            return 0;
        }
        let (rows, count) = routes::rows(&crossings);
        let height = count.max(1) + 1;
        let below = y + layer_height;
        for ((edge, crossing), row) in channel.iter().zip(&crossings).zip(rows) {
            let edge = self.layered.edges[*edge];
            let upper_height = self.plan.sizes.get(edge.upper).map_or(1, |(_, height)| *height);
            let is_box = edge.upper < self.plan.contents.len();
            let top = if is_box { y + upper_height - 1 } else { below - 1 };
            let mut points = vec![(crossing.from, top)];
            if let Some(row) = row {
                points.extend([(crossing.from, below + row), (crossing.to, below + row)]);
            }
            points.push((crossing.to, below + height));
            self.layout.lines.push(Line {
                points,
                arrow_down: !edge.turned && self.plan.is_state(edge.lower),
                arrow_up: edge.turned && self.plan.is_state(edge.upper),
                after_error: self.plan.ways[edge.way].after_error,
            });
        }
        height
    }
}

impl Layout {
    /// Adds another layout with its corner at `x` and `y`.
    fn add(&mut self, other: Self, x: i32, y: i32) {
        self.boxes.extend(other.boxes.into_iter().map(|placed| Placed {
            x: placed.x + x,
            y: placed.y + y,
            ..placed
        }));
        self.lines.extend(other.lines.into_iter().map(|mut line| {
            for point in &mut line.points {
                *point = (point.0 + x, point.1 + y);
            }
            line
        }));
    }
}
