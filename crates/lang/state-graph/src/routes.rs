//! The rows between two layers, in which lines go sideways.
//!
//! Lines that leave the same box share a row; others that would lie on each other get rows of their own, ordered so that
//! no line comes down through the place where another goes down from.

/// One line through a channel: from the column `from` at its upper end to the column `to` at its lower end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub(crate) from: i32,
    pub(crate) to: i32,
}

/// The lines that leave one column.
struct Net {
    from: i32,
    left: i32,
    right: i32,
    /// Columns at the lower end.
    ends: Vec<i32>,
}

impl Net {
    fn goes_sideways(&self) -> bool {
        self.left < self.right
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.left <= other.right && other.left <= self.right
    }

    /// Whether this one's row must be above the other's: the other ends in the column that this one comes down in.
    fn is_above(&self, other: &Self) -> bool {
        other.from != self.from && other.ends.contains(&self.from)
    }
}

/// The row of each crossing, from 0; `None` where it goes straight down. And the number of rows.
pub(crate) fn rows(crossings: &[Crossing]) -> (Vec<Option<i32>>, i32) {
    let nets = nets(crossings);
    let mut row_of: Vec<Option<i32>> = vec![None; nets.len()];
    let mut waiting: Vec<usize> = (0..nets.len()).filter(|net| nets[*net].goes_sideways()).collect();
    while !waiting.is_empty() {
        // One that nothing waiting must be above of; where they wait for each other, any.
        let free = waiting
            .iter()
            .position(|net| waiting.iter().all(|other| other == net || !nets[*other].is_above(&nets[*net])));
        let net = waiting.remove(free.unwrap_or(0));
        let above = (0..nets.len()).filter(|other| nets[*other].is_above(&nets[net]));
        let mut row = above.filter_map(|other| row_of[other]).max().map_or(0, |row| row + 1);
        let taken = |row: i32| {
            (0..nets.len()).any(|other| row_of[other] == Some(row) && nets[other].overlaps(&nets[net]))
        };
        while taken(row) {
            row += 1;
        }
        row_of[net] = Some(row);
    }
    let count = row_of.iter().flatten().max().map_or(0, |last| last + 1);
    let row = |crossing: &Crossing| {
        let net = nets.iter().position(|net| net.from == crossing.from)?;
        row_of[net].filter(|_| crossing.from != crossing.to)
    };
    (crossings.iter().map(row).collect(), count)
}

fn nets(crossings: &[Crossing]) -> Vec<Net> {
    let mut nets: Vec<Net> = Vec::new();
    for crossing in crossings {
        let Crossing { from, to } = *crossing;
        match nets.iter_mut().find(|net| net.from == from) {
            Some(net) => {
                net.left = net.left.min(to);
                net.right = net.right.max(to);
                net.ends.push(to);
            }
            None => nets.push(Net { from, left: from.min(to), right: from.max(to), ends: vec![to] }),
        }
    }
    nets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_box_share_a_row() {
        let crossings =
            [Crossing { from: 5, to: 1 }, Crossing { from: 5, to: 5 }, Crossing { from: 5, to: 9 }];
        assert_eq!(rows(&crossings), (vec![Some(0), None, Some(0)], 1));
    }

    #[test]
    fn a_line_comes_down_above_what_ends_in_its_column() {
        // The second ends where the first comes down.
        let crossings = [Crossing { from: 1, to: 5 }, Crossing { from: 9, to: 1 }];
        assert_eq!(rows(&crossings), (vec![Some(0), Some(1)], 2));
        // The other way round.
        let crossings = [Crossing { from: 9, to: 1 }, Crossing { from: 1, to: 5 }];
        assert_eq!(rows(&crossings), (vec![Some(1), Some(0)], 2));
    }

    #[test]
    fn lines_that_wait_for_each_other_are_drawn_all_the_same() {
        let crossings = [Crossing { from: 1, to: 9 }, Crossing { from: 9, to: 1 }];
        assert_eq!(rows(&crossings).1, 2);
    }
}
