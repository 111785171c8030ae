//! Recordings in the formats of other tools.
//!
//! | format | holds | for |
//! |---|---|---|
//! | [`parquet`], [`csv`](rows), [`json`](rows) | one row for each block, see [`life`] | databases: `DuckDB`, `DataFusion`, Spark |
//! | [`pprof`] | totals by call site and size | `go tool pprof`, speedscope |
//! | [`dhat`] | totals and lifetimes by call site | `dh_view.html` of Valgrind |
//! | [`massif`] | live bytes over time, and by call site at the peak | `ms_print`, massif-visualizer |
//! | [`folded`] | one figure by call site | flame graphs |
//!
//! A block that changes its size is a block of the old size that ends and one of
//! the new size that begins.

mod dhat;
mod folded;
mod life;
mod massif;
#[cfg(feature = "parquet")]
mod parquet;
mod pprof;
mod rows;
mod stacks;
mod totals;

use std::io::{self, Write};

pub use self::folded::Cost;
use self::{
    life::lives,
    stacks::Stacks,
    totals::{Totals, gather},
};
use crate::trace::Trace;

/// What can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A profile for pprof and what reads its format
    Pprof,
    /// A profile for the viewer of DHAT
    Dhat,
    /// Folded stacks, for flame graphs
    Folded,
    /// A file as Massif writes it, for `ms_print` and massif-visualizer
    Massif,
    /// A row for each block, as text
    Csv,
    /// An object for each block, in one array
    Json,
    /// A row for each block, in columns
    #[cfg(feature = "parquet")]
    Parquet,
}

impl Format {
    /// How its files' names end.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Pprof => "pb.gz",
            Self::Dhat => "dhat.json",
            Self::Folded => "folded",
            Self::Massif => "massif",
            Self::Csv => "csv",
            Self::Json => "json",
            #[cfg(feature = "parquet")]
            Self::Parquet => "parquet",
        }
    }

    /// What to do with a file of this kind; `{}` is its name.
    pub const fn next(self) -> &'static str {
        match self {
            Self::Pprof => "go tool pprof -http=: {}",
            Self::Dhat => "load {} in Valgrind's dh_view.html",
            Self::Folded => "flamegraph.pl {} > flame.svg",
            Self::Massif => "ms_print {}",
            Self::Csv => "duckdb -c \"select site, count(*) from '{}' group by site\"",
            Self::Json => "jq length {}",
            #[cfg(feature = "parquet")]
            Self::Parquet => "duckdb -c \"select site, sum(size) from '{}' group by site\"",
        }
    }

    /// What its parts are called, one and many.
    pub const fn unit(self) -> [&'static str; 2] {
        match self {
            Self::Pprof => ["sample", "samples"],
            Self::Dhat | Self::Folded => ["call site", "call sites"],
            Self::Massif => ["snapshot", "snapshots"],
            _ => ["row", "rows"],
        }
    }
}

/// Writes `trace`; how many rows or points that took.
///
/// # Errors
///
/// When `output` cannot be written to.
pub fn write(trace: &Trace, format: Format, cost: Cost, output: impl Write + Send) -> io::Result<u64> {
    match format {
        Format::Pprof => pprof::write(trace, output),
        Format::Dhat => dhat::write(trace, output),
        Format::Folded => folded::write(trace, cost, output),
        Format::Massif => massif::write(trace, output),
        Format::Csv => rows::csv(trace, output),
        Format::Json => rows::json(trace, output),
        #[cfg(feature = "parquet")]
        Format::Parquet => parquet::write(trace, output),
    }
}
