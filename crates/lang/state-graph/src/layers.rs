//! Which layer each vertex is in, in which order, and how far to the right: the drawing of layered graphs after Sugiyama.
//!
//! Edges that would lead upwards are turned round first; those over several layers are cut into pieces by passing points,
//! so that every edge leads from one layer to the next.

use std::collections::VecDeque;

/// A vertex, known by its place in the list of all.
pub(crate) type Vertex = usize;

/// An edge from one layer to a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) upper: Vertex,
    pub(crate) lower: Vertex,
    /// Whether it truly leads from `lower` to `upper`.
    pub(crate) turned: bool,
    /// What it belongs to: the caller's number.
    pub(crate) way: usize,
}

/// Vertices in layers, and edges between neighbouring layers.
#[derive(Debug)]
pub(crate) struct Layered {
    /// The vertices of each layer from left to right.
    pub(crate) layers: Vec<Vec<Vertex>>,
    /// The given edges, cut; numbers from `vertices` on are passing points.
    pub(crate) edges: Vec<Edge>,
    /// How many vertices there are with the passing points.
    pub(crate) count: usize,
}

/// Cells between two boxes side by side.
const GAP: i32 = 3;
const ORDER_SWEEPS: usize = 12;
const PLACE_SWEEPS: usize = 8;

/// Arranges `vertices` vertices with edges `(from, to)`. The first vertex is where everything begins.
pub(crate) fn arrange(vertices: usize, edges: &[(Vertex, Vertex)]) -> Layered {
    let directed = turn(vertices, edges);
    let ranks = ranks(vertices, &directed);
    let mut layered = cut(vertices, &directed, ranks);
    order(&mut layered);
    layered
}

/// Turns round what leads back to a vertex that led here.
fn turn(vertices: usize, edges: &[(Vertex, Vertex)]) -> Vec<Edge> {
    let mut outgoing = vec![Vec::new(); vertices];
    for (way, (from, to)) in edges.iter().enumerate() {
        outgoing[*from].push((way, *to));
    }
    let mut walk = Walk { outgoing, state: vec![Seen::Never; vertices], directed: Vec::new() };
    for vertex in 0..vertices {
        walk.from(vertex);
    }
    walk.directed
}

#[derive(Clone, Copy, PartialEq)]
enum Seen {
    Never,
    /// On the path to where the walk is.
    Open,
    Done,
}

struct Walk {
    outgoing: Vec<Vec<(usize, Vertex)>>,
    state: Vec<Seen>,
    directed: Vec<Edge>,
}

impl Walk {
    /// Depth first, without recursion: machines may be long.
    fn from(&mut self, start: Vertex) {
        if self.state[start] != Seen::Never {
            return;
        }
        let mut path = vec![(start, 0)];
        self.state[start] = Seen::Open;
        while let Some((vertex, next)) = path.last_mut() {
            let vertex = *vertex;
            let Some((way, to)) = self.outgoing[vertex].get(*next).copied() else {
                self.state[vertex] = Seen::Done;
                path.pop();
                continue;
            };
            *next += 1;
            let turned = self.state[to] == Seen::Open;
            let (upper, lower) = if turned { (to, vertex) } else { (vertex, to) };
            self.directed.push(Edge { upper, lower, turned, way });
            if self.state[to] == Seen::Never {
                self.state[to] = Seen::Open;
                path.push((to, 0));
            }
        }
    }
}

/// The longest way from the beginning.
fn ranks(vertices: usize, edges: &[Edge]) -> Vec<usize> {
    let mut incoming = vec![0_usize; vertices];
    let mut outgoing = vec![Vec::new(); vertices];
    for edge in edges {
        incoming[edge.lower] += 1;
        outgoing[edge.upper].push(edge.lower);
    }
    let mut ranks = vec![0; vertices];
    let mut ready: VecDeque<Vertex> = (0..vertices).filter(|vertex| incoming[*vertex] == 0).collect();
    while let Some(vertex) = ready.pop_front() {
        for lower in &outgoing[vertex] {
            ranks[*lower] = ranks[*lower].max(ranks[vertex] + 1);
            incoming[*lower] -= 1;
            if incoming[*lower] == 0 {
                ready.push_back(*lower);
            }
        }
    }
    ranks
}

fn cut(vertices: usize, directed: &[Edge], ranks: Vec<usize>) -> Layered {
    let mut layers = vec![Vec::new(); ranks.iter().max().map_or(0, |last| last + 1)];
    // In the order of the first walk: what was found first is on the left.
    let mut placed = vec![false; vertices];
    for vertex in directed.iter().flat_map(|edge| [edge.upper, edge.lower]).chain(0..vertices) {
        if !std::mem::replace(&mut placed[vertex], true) {
            layers[ranks[vertex]].push(vertex);
        }
    }
    let mut count = vertices;
    let mut edges = Vec::new();
    for edge in directed {
        let mut upper = edge.upper;
        for layer in &mut layers[ranks[edge.upper] + 1..ranks[edge.lower]] {
            layer.push(count);
            edges.push(Edge { upper, lower: count, ..*edge });
            upper = count;
            count += 1;
        }
        edges.push(Edge { upper, ..*edge });
    }
    Layered { layers, edges, count }
}

/// Orders each layer by where its neighbours are, back and forth, and keeps the order with the fewest crossings.
fn order(layered: &mut Layered) {
    let mut best = (layered.crossings(), layered.layers.clone());
    for sweep in 0..ORDER_SWEEPS {
        if best.0 == 0 {
            break;
        }
        let downwards = sweep % 2 == 0;
        let last = layered.layers.len();
        for step in 1..last {
            let layer = if downwards { step } else { last - 1 - step };
            layered.sort_layer(layer, downwards);
        }
        let crossings = layered.crossings();
        if crossings < best.0 {
            best = (crossings, layered.layers.clone());
        }
    }
    layered.layers = best.1;
}

impl Layered {
    fn positions(&self) -> Vec<usize> {
        let mut positions = vec![0; self.count];
        for layer in &self.layers {
            for (position, vertex) in layer.iter().enumerate() {
                positions[*vertex] = position;
            }
        }
        positions
    }

    fn sort_layer(&mut self, layer: usize, downwards: bool) {
        let positions = self.positions();
        let (mut sum, mut degree) = (vec![0_usize; self.count], vec![0_usize; self.count]);
        for edge in &self.edges {
            let (here, there) = if downwards { (edge.lower, edge.upper) } else { (edge.upper, edge.lower) };
            sum[here] += positions[there];
            degree[here] += 1;
        }
        #[expect(clippy::cast_precision_loss, reason = "positions in a drawing are small")]
        let weight = |vertex: Vertex| match degree[vertex] {
            0 => positions[vertex] as f64,
            degree => sum[vertex] as f64 / degree as f64,
        };
        self.layers[layer].sort_by(|a, b| weight(*a).total_cmp(&weight(*b)));
    }

    fn crossings(&self) -> usize {
        let positions = self.positions();
        let layer_of = self.layer_of();
        let mut between = vec![Vec::new(); self.layers.len()];
        for edge in &self.edges {
            between[layer_of[edge.upper]].push((positions[edge.upper], positions[edge.lower]));
        }
        let crossed =
            |a: (usize, usize), b: (usize, usize)| (a.0 < b.0 && a.1 > b.1) || (a.0 > b.0 && a.1 < b.1);
        let of_layer = |edges: &Vec<(usize, usize)>| -> usize {
            let pairs = edges.iter().enumerate();
            pairs.map(|(at, a)| edges[at + 1..].iter().filter(|b| crossed(*a, **b)).count()).sum()
        };
        between.iter().map(of_layer).sum()
    }

    /// The layer of each vertex.
    pub(crate) fn layer_of(&self) -> Vec<usize> {
        let mut layers = vec![0; self.count];
        for (number, layer) in self.layers.iter().enumerate() {
            for vertex in layer {
                layers[*vertex] = number;
            }
        }
        layers
    }

    /// The middle of each vertex, counted in cells from the left; `widths` are odd.
    pub(crate) fn middles(&self, widths: &[i32]) -> Vec<i32> {
        let mut middles = vec![0; self.count];
        for layer in &self.layers {
            let wanted: Vec<i32> = layer.iter().map(|_| 0).collect();
            spread(layer, &wanted, widths, &mut middles);
        }
        let last = self.layers.len();
        for sweep in 0..PLACE_SWEEPS {
            let downwards = sweep % 2 == 0;
            for step in 0..last {
                let layer = &self.layers[if downwards { step } else { last - 1 - step }];
                let wanted: Vec<i32> =
                    layer.iter().map(|vertex| self.wanted(*vertex, downwards, &middles)).collect();
                spread(layer, &wanted, widths, &mut middles);
            }
        }
        let left = (0..self.count).map(|vertex| middles[vertex] - widths[vertex] / 2).min().unwrap_or(0);
        middles.iter().map(|middle| middle - left).collect()
    }

    /// In the middle of its neighbours above, or below.
    fn wanted(&self, vertex: Vertex, downwards: bool, middles: &[i32]) -> i32 {
        let neighbours: Vec<i32> = self
            .edges
            .iter()
            .filter_map(|edge| match downwards {
                true => (edge.lower == vertex).then(|| middles[edge.upper]),
                false => (edge.upper == vertex).then(|| middles[edge.lower]),
            })
            .collect();
        let (least, most) = (neighbours.iter().min(), neighbours.iter().max());
        match (least, most) {
            (Some(least), Some(most)) => least.midpoint(*most),
            _ => middles[vertex],
        }
    }
}

/// Vertices that touch each other and move together.
struct Block {
    first: usize,
    /// Sum of where its vertices want the block's first to be.
    wanted: i64,
    count: i64,
}

impl Block {
    fn place(&self) -> i64 {
        self.wanted.div_euclid(self.count)
    }
}

/// Places one layer as near as can be to where its vertices want to be, in their order and without overlap: the least
/// sum of squares, found by joining blocks that would overlap.
fn spread(layer: &[Vertex], wanted: &[i32], widths: &[i32], middles: &mut [i32]) {
    // How far each is from the first when all touch.
    let mut offsets = Vec::with_capacity(layer.len());
    let mut offset = 0_i64;
    for (index, vertex) in layer.iter().enumerate() {
        if let Some(before) = index.checked_sub(1).map(|before| layer[before]) {
            offset += i64::from(widths[before] / 2 + GAP + 1 + widths[*vertex] / 2);
        }
        offsets.push(offset);
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (index, wanted) in wanted.iter().enumerate() {
        let mut block = Block { first: index, wanted: i64::from(*wanted) - offsets[index], count: 1 };
        while let Some(before) = blocks.pop_if(|before| before.place() >= block.place()) {
            block.first = before.first;
            block.wanted += before.wanted;
            block.count += before.count;
        }
        blocks.push(block);
    }
    let mut ends: Vec<usize> = blocks.iter().skip(1).map(|block| block.first).collect();
    ends.push(layer.len());
    for (block, end) in blocks.iter().zip(ends) {
        for index in block.first..end {
            middles[layer[index]] = i32::try_from(block.place() + offsets[index]).unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_is_turned_round() {
        let layered = arrange(3, &[(0, 1), (1, 2), (2, 1)]);
        assert_eq!(layered.layers, [vec![0], vec![1], vec![2]]);
        assert_eq!(layered.edges.iter().filter(|edge| edge.turned).count(), 1);
    }

    #[test]
    fn long_edges_are_cut_and_crossings_avoided() {
        let layered = arrange(4, &[(0, 1), (1, 2), (2, 3), (0, 3)]);
        assert_eq!((layered.layers.len(), layered.count), (4, 6));
        assert_eq!(layered.crossings(), 0);
    }

    #[test]
    fn boxes_do_not_overlap() {
        let layered = arrange(4, &[(0, 1), (0, 2), (0, 3)]);
        let widths = [5, 21, 9, 9];
        let middles = layered.middles(&widths);
        let mut ends: Vec<(i32, i32)> = (1..4)
            .map(|vertex| (middles[vertex] - widths[vertex] / 2, middles[vertex] + widths[vertex] / 2))
            .collect();
        ends.sort_unstable();
        assert!(ends.windows(2).all(|pair| pair[0].1 + GAP < pair[1].0), "{ends:?}");
    }
}
