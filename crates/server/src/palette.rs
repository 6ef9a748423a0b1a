//! Colours of what commands print.

use std::io::IsTerminal as _;

/// Escape sequences, or nothing in their place.
#[derive(Clone, Copy, Debug)]
pub struct Palette {
    /// Less important.
    pub dim: &'static str,
    /// More important.
    pub bold: &'static str,
    /// What went wrong.
    pub red: &'static str,
    /// What went well.
    pub green: &'static str,
    /// What may be wrong.
    pub yellow: &'static str,
    /// As it was before.
    pub reset: &'static str,
}

impl Palette {
    /// No colours.
    pub const PLAIN: Self = Self { dim: "", bold: "", red: "", green: "", yellow: "", reset: "" };
    /// A terminal's.
    pub const ANSI: Self = Self {
        dim: "\x1b[2m",
        bold: "\x1b[1m",
        red: "\x1b[31m",
        green: "\x1b[32m",
        yellow: "\x1b[33m",
        reset: "\x1b[0m",
    };

    /// Colours only where standard output is a terminal and `NO_COLOR` is not set.
    pub fn of_stdout() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        if colours { Self::ANSI } else { Self::PLAIN }
    }

    /// Whether these are colours.
    pub fn is_coloured(self) -> bool {
        !self.reset.is_empty()
    }
}
