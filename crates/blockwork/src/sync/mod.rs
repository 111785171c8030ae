//! The only layer that names an atomic type.
