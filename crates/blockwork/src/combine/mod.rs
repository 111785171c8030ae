//! Allocators made of other allocators: they decide or observe, never carve.

pub mod segregate;
pub mod size_classes;
