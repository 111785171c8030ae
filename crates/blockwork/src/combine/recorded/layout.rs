//! What stands before the events of a spool: the one page of paper that all who
//! write one share with all who read one.
//!
//! ```text
//! 0 ┌─────────────┐
//!   │ Header      │ who makes the spool writes magic, version, origin and root; who records the rest
//!   │ child table │ who was skipped
//! E ├─────────────┤ E = EVENTS
//!   │ events      │ in the wire format, `committed` bytes of them
//!   │ zeroes      │ taken from the disk in advance
//!   └─────────────┘
//! ```

use super::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// The variable that tells a recorder where its spool is.
pub const VARIABLE: &str = "BLOCKWORK_RECORD";

/// How a spool begins.
pub const MAGIC: [u8; 8] = *b"\x89bwspool";

/// The version of the spool.
pub const VERSION: u32 = 3;

/// The size of all that stands before the events.
pub const HEADER: usize = 64 << 10;

/// Where the events begin.
pub const EVENTS: u64 = HEADER as u64;

/// How many children can be named.
pub const CHILDREN: usize = 3000;

/// The beginning of a spool, in the machine's byte order.
#[repr(C)]
#[derive(Debug)]
pub struct Header {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`VERSION`].
    pub version: u32,
    /// The process to record; all others that find this spool are children.
    pub root: AtomicU32,
    /// Bytes of events that are complete. All that a reader may look at.
    pub committed: AtomicU64,
    /// Events that could not be written: they came while their own thread was
    /// writing one, from a signal handler.
    pub lost: AtomicU64,
    /// Why recording ended before the program did, or 0; see [`Stop`].
    pub stopped: AtomicU32,
    /// Children so far; the first [`CHILDREN`] are named.
    pub children: AtomicU32,
    /// Their names.
    pub child: [Child; CHILDREN],
    /// Who the spool is for: an [`Origin`].
    pub origin: u32,
    /// How deep to look who asks for a block; 0 for not at all.
    pub stacks: AtomicU32,
}

impl Header {
    /// Enters a process into the table of those that are skipped, once, under
    /// the last of its names.
    pub fn enter_child(&self, pid: u32, name: [u32; 4]) {
        let known = self.children.load(Relaxed) as usize;
        let mut entry = self.child.iter().take(known).find(|child| child.pid.load(Relaxed) == pid);
        if entry.is_none() {
            let number = self.children.fetch_add(1, Relaxed) as usize;
            entry = if number < CHILDREN { self.child.get(number) } else { None };
        }
        let Some(entry) = entry else { return };
        entry.pid.store(pid, Relaxed);
        for (place, letters) in entry.name.iter().zip(name) {
            place.store(letters, Relaxed);
        }
    }
}

const _: () = assert!(size_of::<Header>() <= HEADER, "the header reaches into the events");

/// Who a spool is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Origin {
    /// The lab, which packs it and puts a file in its place; if it is still
    /// there, that did not happen.
    Lab = 0,
    /// A program that records itself; it stays as it is.
    Program = 1,
}

/// A process that was not recorded.
#[repr(C)]
#[derive(Debug)]
pub struct Child {
    /// Its process id.
    pub pid: AtomicU32,
    /// Its name, as the system keeps it: 15 bytes and a zero.
    pub name: [AtomicU32; 4],
}

/// Why a recorder stopped recording while the program went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Stop {
    /// The spool's file system is full, or a quota.
    DiskFull = 1,
    /// The process may not write files of this size.
    FileLimit = 2,
    /// The spool cannot be opened or mapped any more.
    NoAccess = 3,
    /// A thread took the recorder's lock and never came back.
    Stuck = 4,
}

impl Stop {
    /// As [`Header::stopped`] has it, with the system's error number.
    #[must_use]
    pub const fn pack(self, errno: u16) -> u32 {
        (self as u32) << 16 | errno as u32
    }

    /// What [`Header::stopped`] says, if anything.
    #[must_use]
    pub const fn unpack(stopped: u32) -> Option<(Self, u32)> {
        let stop = match stopped >> 16 {
            1 => Self::DiskFull,
            2 => Self::FileLimit,
            3 => Self::NoAccess,
            4 => Self::Stuck,
            _ => return None,
        };
        Some((stop, stopped & 0xffff))
    }
}
