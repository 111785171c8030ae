//! The edges: containers and allocators of other contracts on, and under,
//! allocators of ours.

mod contract;
mod everyone;
mod foreign;
mod hashbrown;
mod matrix;
mod parts;
