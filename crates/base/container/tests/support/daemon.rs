//! A Docker daemon of our own, in a directory of its own.
