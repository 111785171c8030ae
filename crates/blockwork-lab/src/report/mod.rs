//! What a comparison says: a table and a verdict, or one JSON object.
//!
//! | part | knows |
//! |---|---|
//! | [`facts`] | what was recorded |
//! | [`stats`] | what several runs of the same thing say |
//! | [`verdict`] | what helps, by how much, and why nothing does |
//! | [`columns`] | the figures of a row, and which of them fit |
//! | [`table`] | the form for people |
//! | [`json`] | the form for programs |

pub mod columns;
pub mod facts;
pub mod json;
pub mod stats;
pub mod table;
pub mod verdict;
