//! What must not compile: compositions that could not keep the contract.
//!
//! Each pair differs in the line that breaks the rule, so that the second one
//! fails for its sake and nothing else's. What arenas refuse besides stands with
//! them.
//!
//! # The first of a fallback knows its own blocks
//!
//! ```
//! use blockwork::{BlockOf, BlockPool, Buffer, Fallback, System};
//! let pool = BlockPool::new_all(Buffer::new(&mut []), BlockOf::<64>);
//! Fallback::new(pool, System);
//! ```
//! ```compile_fail,E0277
//! use blockwork::{BlockOf, BlockPool, BlockPoolConfig, ChunkSize, Fallback, System};
//! let config = BlockPoolConfig { block: BlockOf::<64>, chunk: ChunkSize::Blocks(9) };
//! let pool = BlockPool::try_new(System, config)?;
//! Fallback::new(pool, System); // its chunks lie anywhere
//! # Ok::<(), blockwork::ConfigError>(())
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Chain, System};
//! System.or_else(System);
//! ```
//!
//! # Nor may it have lent memory to its sibling
//!
//! ```
//! use blockwork::{Buffer, Bump, Fallback, System};
//! let bump = Bump::new_all(Buffer::new(&mut []));
//! Fallback::new(bump, Bump::new(System, 64));
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Buffer, Bump, Fallback};
//! let bump = Bump::new_all(Buffer::new(&mut []));
//! Fallback::new(&bump, Bump::new(&bump, 64));
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Buffer, Bump, Fallback};
//! use std::rc::Rc;
//! let bump = Rc::new(Bump::new_all(Buffer::new(&mut [])));
//! Fallback::new(Rc::clone(&bump), Bump::new(bump, 64));
//! ```
//!
//! # A last resort stands beside what it helps, not below
//!
//! ```
//! use blockwork::{Buffer, Bump, LastResort, System};
//! let reserve = Bump::new_all(Buffer::new(&mut []));
//! LastResort::new(Bump::new(System, 64), reserve);
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Buffer, Bump, LastResort};
//! let reserve = Bump::new_all(Buffer::new(&mut []));
//! LastResort::new(Bump::new(&reserve, 64), &reserve);
//! ```
//! ```compile_fail,E0382
//! use blockwork::{Buffer, Bump, LastResort};
//! let reserve = Bump::new_all(Buffer::new(&mut []));
//! LastResort::new(Bump::new(reserve, 64), reserve);
//! ```
//!
//! # Nothing is reset while somebody stands on it
//!
//! ```
//! use blockwork::{Allocate, Bump, Counted, Reset, System};
//! let mut bump = Bump::new(System, 4096);
//! let child = Counted::new(&bump);
//! child.allocate(std::alloc::Layout::new::<u64>())?;
//! bump.reset();
//! # Ok::<(), blockwork::AllocError>(())
//! ```
//! ```compile_fail,E0502
//! use blockwork::{Allocate, Bump, Counted, Reset, System};
//! let mut bump = Bump::new(System, 4096);
//! let child = Counted::new(&bump);
//! bump.reset();
//! child.allocate(std::alloc::Layout::new::<u64>())?;
//! # Ok::<(), blockwork::AllocError>(())
//! ```
//! ```compile_fail,E0502
//! use allocator_api2_04::vec::Vec;
//! use blockwork::{Pow2, Reset, SizeClasses, SlabHead, SlabPolicy, System};
//! let mut heap = SizeClasses::<Pow2<16, 1024>, SlabHead<_>, _>::try_new(System, SlabPolicy::DEFAULT)?;
//! let mut numbers = Vec::new_in(&heap);
//! heap.reset();
//! numbers.push(1);
//! # Ok::<(), blockwork::ConfigError>(())
//! ```
//!
//! # Nor through one who shares it
//!
//! ```
//! use blockwork::{Bump, Counted, Reset, System};
//! Counted::new(Bump::new(System, 64)).reset();
//! ```
//! ```compile_fail,E0599
//! use blockwork::{Bump, Counted, Reset, System};
//! let bump = Bump::new(System, 64);
//! Counted::new(&bump).reset();
//! ```
//!
//! # Memory stays where it is while it is lent
//!
//! ```
//! use blockwork::{Allocate, Buffer, Bump};
//! struct Inline([std::mem::MaybeUninit<u8>; 64]);
//! let mut memory = Inline([std::mem::MaybeUninit::uninit(); 64]);
//! let bump = Bump::new_all(Buffer::new(&mut memory.0));
//! bump.allocate(std::alloc::Layout::new::<u64>())?;
//! drop(bump);
//! let moved = memory;
//! # Ok::<(), blockwork::AllocError>(())
//! ```
//! ```compile_fail,E0505
//! use blockwork::{Allocate, Buffer, Bump};
//! struct Inline([std::mem::MaybeUninit<u8>; 64]);
//! let mut memory = Inline([std::mem::MaybeUninit::uninit(); 64]);
//! let bump = Bump::new_all(Buffer::new(&mut memory.0));
//! let moved = memory;
//! bump.allocate(std::alloc::Layout::new::<u64>())?;
//! # Ok::<(), blockwork::AllocError>(())
//! ```
//! ```compile_fail,E0515
//! use blockwork::{Buffer, Bump};
//! fn with_its_memory() -> Bump<Buffer<'static>> {
//!     let mut memory = [std::mem::MaybeUninit::uninit(); 64];
//!     Bump::new_all(Buffer::new(&mut memory))
//! }
//! ```
//!
//! # It is lent once
//!
//! ```compile_fail,E0499
//! use blockwork::{Buffer, Fallback};
//! let mut memory = [std::mem::MaybeUninit::uninit(); 64];
//! Fallback::new(Buffer::new(&mut memory), Buffer::new(&mut memory));
//! ```
//!
//! # What is for one thread is not shared by several
//!
//! ```
//! use blockwork::{Allocate, Bump, Locked, System};
//! static HEAP: Locked<Bump<System>> = Locked::new(Bump::new(System, 4096));
//! std::thread::spawn(|| HEAP.allocate(std::alloc::Layout::new::<u64>()).is_ok());
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Bump, System};
//! static HEAP: Bump<System> = Bump::new(System, 4096);
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Allocate, Counted, System};
//! let heap = Counted::new(System);
//! std::thread::scope(|threads| {
//!     threads.spawn(|| heap.allocate(std::alloc::Layout::new::<u64>()).is_ok());
//! });
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Allocate, Counted, System};
//! let heap = std::sync::Arc::new(Counted::new(System));
//! std::thread::spawn(move || heap.allocate(std::alloc::Layout::new::<u64>()).is_ok());
//! ```
//!
//! # Nor does a lock make shareable what must stay on its thread
//!
//! ```compile_fail,E0277
//! use blockwork::{Allocate, Counted, Locked, System};
//! let heap = Counted::new(System);
//! let locked = Locked::new(&heap);
//! std::thread::scope(|threads| {
//!     threads.spawn(|| locked.allocate(std::alloc::Layout::new::<u64>()).is_ok());
//! });
//! ```
//!
//! # A chain that is not finished is no allocator
//!
//! ```
//! use blockwork::{Bump, Chain, Counted, System, UpTo};
//! Counted::new(Bump::new(System, 64).up_to(UpTo::<16>).or_else(System)).locked();
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Bump, Chain, Memo, System, UpTo};
//! Memo::new(Bump::new(System, 64).up_to(UpTo::<16>), 1024);
//! ```
//!
//! # Nor is an allocator of another contract, before it is translated
//!
//! ```
//! blockwork::Memo::new(blockwork::FromGlobal::new(blockwork::Registered), 1024);
//! ```
//! ```compile_fail,E0277
//! blockwork::Memo::new(std::alloc::System, 1024);
//! ```
