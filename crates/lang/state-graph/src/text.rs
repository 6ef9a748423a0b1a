//! A drawing for a terminal, of box-drawing characters.

use crate::layout::layout;
use crate::progress::{Progress, StateProgress};
use crate::shape::{Content, Layout, Line, Placed, cells};
use asl::Outline;
use unicode_width::UnicodeWidthChar as _;

/// Whether a terminal understands colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Palette {
    /// ANSI's eight colours.
    Ansi,
    /// No colours.
    Plain,
}

/// Draws a machine as lines of text, with a mark at every state where there is an execution.
pub fn text(outline: &Outline, progress: Option<&Progress>, palette: Palette) -> String {
    let layout = layout(outline);
    let mut canvas = Canvas::new(&layout);
    for line in &layout.lines {
        canvas.line(line);
    }
    for placed in &layout.boxes {
        canvas.place(placed, progress);
    }
    for line in &layout.lines {
        canvas.arrows(line);
    }
    canvas.render(palette)
}

#[derive(Clone, Copy, Default)]
struct Cell {
    /// Where lines lead from here: [`UP`], [`DOWN`], [`LEFT`], [`RIGHT`].
    directions: u8,
    glyph: Option<char>,
    /// Taken by a wide character in the cell before.
    covered: bool,
    colour: Colour,
}

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

#[derive(Clone, Copy, Default, PartialEq)]
enum Colour {
    #[default]
    None,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
}

impl Colour {
    fn code(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Dim => "\x1b[2m",
            Self::Red => "\x1b[31m",
            Self::Green => "\x1b[32m",
            Self::Yellow => "\x1b[33m",
            Self::Blue => "\x1b[34m",
        }
    }

    fn of(progress: StateProgress) -> Self {
        match progress {
            StateProgress::Untouched | StateProgress::Aborted => Self::Dim,
            StateProgress::Running => Self::Blue,
            StateProgress::Succeeded => Self::Green,
            StateProgress::Caught => Self::Yellow,
            StateProgress::Failed => Self::Red,
        }
    }
}

/// The sign of what happened: it says without colours what colours say.
fn mark(progress: StateProgress) -> &'static str {
    match progress {
        StateProgress::Untouched => "",
        StateProgress::Running => "● ",
        StateProgress::Succeeded => "✓ ",
        StateProgress::Caught => "! ",
        StateProgress::Failed => "✗ ",
        StateProgress::Aborted => "■ ",
    }
}

struct Canvas {
    width: usize,
    cells: Vec<Cell>,
}

impl Canvas {
    fn new(layout: &Layout) -> Self {
        let side = |length: i32| usize::try_from(length + 1).unwrap_or(1);
        let width = side(layout.width);
        Self { width, cells: vec![Cell::default(); width * side(layout.height)] }
    }

    fn cell(&mut self, x: i32, y: i32) -> Option<&mut Cell> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        self.cells.get_mut(y * self.width + x).filter(|_| x < self.width)
    }

    fn join(&mut self, x: i32, y: i32, directions: u8) {
        if let Some(cell) = self.cell(x, y) {
            cell.directions |= directions;
        }
    }

    /// The last cell of a line belongs to the box below it.
    fn line(&mut self, line: &Line) {
        for pair in line.points.windows(2) {
            let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
            for y in y1..y2 {
                self.join(x1, y, DOWN);
                self.join(x1, y + 1, UP);
            }
            for x in x1.min(x2)..x1.max(x2) {
                self.join(x, y1, RIGHT);
                self.join(x + 1, y1, LEFT);
            }
        }
    }

    fn arrows(&mut self, line: &Line) {
        let (first, last) = (line.points.first(), line.points.last());
        if let (true, Some((x, y))) = (line.arrow_up, first)
            && let Some(cell) = self.cell(*x, y + 1)
        {
            cell.glyph = Some('▲');
            if let Some(cell) = self.cell(*x, *y) {
                cell.directions &= !DOWN;
            }
        }
        if let (true, Some((x, y))) = (line.arrow_down, last) {
            if let Some(cell) = self.cell(*x, y - 1) {
                cell.glyph = Some('▼');
            }
            // What ends in an arrow does not join the border.
            if let Some(cell) = self.cell(*x, *y) {
                cell.directions &= !UP;
            }
        }
    }

    fn place(&mut self, placed: &Placed, progress: Option<&Progress>) {
        let Content::State { name, caption, has_inner } = &placed.content else {
            let text = placed.content.text();
            self.write(placed.x + (placed.width - cells(text)) / 2, placed.y, text, Colour::Dim);
            return;
        };
        let happened = progress.map(|progress| progress.of(name));
        let colour = happened.map_or(Colour::None, Colour::of);
        let name = format!("{}{name}", happened.map_or("", mark));
        self.border(placed, colour);
        if *has_inner {
            self.write(placed.x + 2, placed.y, &format!(" {name} "), colour);
            let caption = format!(" {caption} ");
            self.write(placed.x + placed.width - 2 - cells(&caption), placed.y, &caption, Colour::Dim);
            return;
        }
        let centred = |text: &str| placed.x + (placed.width - cells(text)) / 2;
        self.write(centred(&name), placed.y + 1, &name, colour);
        self.write(centred(caption), placed.y + 2, caption, Colour::Dim);
    }

    fn border(&mut self, placed: &Placed, colour: Colour) {
        let (left, top) = (placed.x, placed.y);
        let (right, bottom) = (left + placed.width - 1, top + placed.height - 1);
        for y in top..=bottom {
            for x in left..=right {
                let inside = left < x && x < right && top < y && y < bottom;
                if let Some(cell) = self.cell(x, y).filter(|_| !inside) {
                    cell.colour = colour;
                }
            }
        }
        for x in left + 1..right {
            self.join(x, top, LEFT | RIGHT);
            self.join(x, bottom, LEFT | RIGHT);
        }
        for y in top + 1..bottom {
            self.join(left, y, UP | DOWN);
            self.join(right, y, UP | DOWN);
        }
        for (x, y, corner) in [(left, top, '╭'), (right, top, '╮'), (left, bottom, '╰'), (right, bottom, '╯')]
        {
            if let Some(cell) = self.cell(x, y) {
                cell.glyph = Some(corner);
            }
        }
    }

    fn write(&mut self, x: i32, y: i32, text: &str, colour: Colour) {
        let mut x = x;
        for c in text.chars() {
            let width = i32::try_from(c.width().unwrap_or(0)).unwrap_or(1);
            if width == 0 {
                continue;
            }
            if let Some(cell) = self.cell(x, y) {
                *cell = Cell { glyph: Some(c), colour, ..Cell::default() };
            }
            if let Some(cell) = self.cell(x + 1, y).filter(|_| width == 2) {
                *cell = Cell { covered: true, ..Cell::default() };
            }
            x += width;
        }
    }

    fn render(&self, palette: Palette) -> String {
        let mut text = String::new();
        for row in self.cells.chunks(self.width) {
            let used = row.iter().rposition(|cell| cell.glyph.is_some() || cell.directions != 0);
            let row = used.map_or(&[][..], |last| row.get(..=last).unwrap_or_default());
            let mut colour = Colour::None;
            for cell in row.iter().filter(|cell| !cell.covered) {
                if palette == Palette::Ansi && cell.colour != colour {
                    text.push_str(if colour == Colour::None { "" } else { "\x1b[0m" });
                    text.push_str(cell.colour.code());
                    colour = cell.colour;
                }
                text.push(cell.glyph.unwrap_or_else(|| stroke(cell.directions)));
            }
            text.push_str(if colour == Colour::None { "\n" } else { "\x1b[0m\n" });
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

/// The character whose strokes lead that way.
fn stroke(directions: u8) -> char {
    const STROKES: [char; 16] =
        [' ', '╵', '╷', '│', '╴', '╯', '╮', '┤', '╶', '╰', '╭', '├', '─', '┴', '┬', '┼'];
    STROKES.get(usize::from(directions & 15)).copied().unwrap_or(' ')
}
