//! The recordings that come with the command; `recordings/README.md` says how
//! each was made.

/// A recording of a real, common program.
#[derive(Clone, Copy, Debug)]
pub struct Shipped {
    /// What was recorded.
    pub program: &'static str,
    /// What the program did.
    pub about: &'static str,
    /// The file.
    pub bytes: &'static [u8],
}

/// All of them, the one to begin with first.
pub const ALL: [Shipped; 3] = [
    Shipped {
        program: "python3",
        about: "Python 3.11 importing json, decimal and asyncio, every object by malloc",
        bytes: include_bytes!("../recordings/python3.bwrec"),
    },
    Shipped {
        program: "cc1plus",
        about: "GCC 12 compiling a function that sorts a vector",
        bytes: include_bytes!("../recordings/cc1plus.bwrec"),
    },
    Shipped {
        program: "sqlite3",
        about: "SQLite 3.40 filling, indexing, joining and thinning out a table",
        bytes: include_bytes!("../recordings/sqlite3.bwrec"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    #[test]
    fn all_are_whole_small_and_of_what_they_say() {
        for shipped in ALL {
            let trace = Trace::load(shipped.bytes).unwrap();
            assert_eq!((trace.name.as_str(), trace.damage), (shipped.program, None));
            assert!(trace.ops.len() > 50_000, "{}: {} events", shipped.program, trace.ops.len());
            assert_eq!(trace.tally.totals().strays, 0);
        }
        let bytes: usize = ALL.iter().map(|shipped| shipped.bytes.len()).sum();
        assert!(bytes < 3 << 20, "{bytes}");
    }
}
