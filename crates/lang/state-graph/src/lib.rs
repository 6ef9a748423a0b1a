//! Drawings of state machines: for a terminal, as SVG, as Mermaid; coloured by what happened in an execution.
//!
//! A machine's [`asl::Outline`] is laid out once, on a grid of character cells, and both the terminal's drawing and the
//! SVG are that layout. Mermaid lays out for itself.

mod layers;
mod layout;
mod mermaid;
mod progress;
mod routes;
mod shape;
mod svg;
mod text;

pub use mermaid::mermaid;
pub use progress::{Progress, StateProgress};
pub use svg::svg;
pub use text::{Palette, text};
