//! The person's terminal while a command has it: every key goes to the command, and at the end all is as it was.

use std::io::IsTerminal as _;

use container::TerminalSize;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

/// Sizes that a terminal has which does not know its own.
const SIZE_UNKNOWN: TerminalSize = TerminalSize { columns: 80, rows: 24 };

/// A terminal in raw mode, until this is dropped.
pub struct Raw(Termios);

impl Raw {
    /// Takes the terminal of standard input.
    ///
    /// # Errors
    /// Where it is none.
    pub fn begin() -> std::io::Result<Self> {
        let before = tcgetattr(std::io::stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(std::io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs no mode.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Drain, &self.0);
    }
}

/// Whether standard input is a terminal.
pub fn is_there() -> bool {
    std::io::stdin().is_terminal()
}

/// The terminal's size.
pub fn size() -> TerminalSize {
    let found = tcgetwinsize(std::io::stdout()).or_else(|_| tcgetwinsize(std::io::stdin()));
    match found {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            TerminalSize { columns: size.ws_col, rows: size.ws_row }
        }
        _ => SIZE_UNKNOWN,
    }
}
