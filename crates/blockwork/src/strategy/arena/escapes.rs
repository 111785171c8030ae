//! What must not compile: everything that would use memory after its end.
//!
//! Each pair differs in the line that breaks the rule, so that the second one
//! fails for its sake and nothing else's.
//!
//! # A value is not used after a reset
//!
//! ```
//! use blockwork::{Arena, Region, Reset, System};
//! let mut arena = Arena::with_defaults(System);
//! let value = arena.alloc(1);
//! *value += 1;
//! arena.reset();
//! ```
//! ```compile_fail,E0502
//! use blockwork::{Arena, Region, Reset, System};
//! let mut arena = Arena::with_defaults(System);
//! let value = arena.alloc(1);
//! arena.reset();
//! *value += 1;
//! ```
//!
//! # Nor after the arena moved away or ended
//!
//! ```compile_fail,E0505
//! use blockwork::{Arena, Region, System};
//! let arena = Arena::with_defaults(System);
//! let value = arena.alloc(1);
//! drop(arena);
//! *value += 1;
//! ```
//! ```compile_fail,E0597
//! use blockwork::{Arena, Region, System};
//! let value;
//! {
//!     let arena = Arena::with_defaults(System);
//!     value = arena.alloc(1);
//! }
//! *value += 1;
//! ```
//!
//! # A box is dropped before the arena is reset, even if nobody names it again
//!
//! ```
//! use blockwork::{Arena, Region, Reset, System};
//! let mut arena = Arena::with_defaults(System);
//! let boxed = arena.alloc_box(String::new());
//! drop(boxed);
//! arena.reset();
//! ```
//! ```compile_fail,E0502
//! use blockwork::{Arena, Region, Reset, System};
//! let mut arena = Arena::with_defaults(System);
//! let boxed = arena.alloc_box(String::new());
//! arena.reset();
//! ```
//!
//! # A block does not leave its scope
//!
//! ```
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! let value: i32 = arena.scope(|scope| *scope.alloc(1));
//! ```
//! ```compile_fail
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! let value: &mut i32 = arena.scope(|scope| scope.alloc(1));
//! ```
//!
//! Not by the back door, either:
//!
//! ```
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! let mut kept: Vec<i32> = Vec::new();
//! arena.scope(|scope| kept.push(*scope.alloc(1)));
//! ```
//! ```compile_fail,E0521
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! let mut kept: Vec<&mut i32> = Vec::new();
//! arena.scope(|scope| kept.push(scope.alloc(1)));
//! ```
//!
//! # Nor does a box, a vector, its iterator, or the scope itself
//!
//! ```compile_fail
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! let boxed = arena.scope(|scope| scope.alloc_box(1));
//! ```
//! ```compile_fail
//! use blockwork::{Arena, ArenaVec, System};
//! let mut arena = Arena::with_defaults(System);
//! let vec = arena.scope(|scope| ArenaVec::<u8, _>::new_in(scope));
//! ```
//! ```compile_fail
//! use blockwork::{Arena, ArenaVec, System};
//! let mut arena = Arena::with_defaults(System);
//! let values = arena.scope(|scope| {
//!     let mut vec = ArenaVec::new_in(scope);
//!     vec.push(1);
//!     vec.into_iter()
//! });
//! ```
//! ```compile_fail
//! use blockwork::{Arena, System};
//! let mut arena = Arena::with_defaults(System);
//! let scope = arena.scope(|scope| scope);
//! ```
//!
//! # Of two scopes only the inner one can be used
//!
//! ```
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! arena.scope(|mut outer| {
//!     let kept = outer.alloc(1);
//!     outer.scope(|inner| *kept += *inner.alloc(2));
//!     assert_eq!(*kept, 3);
//! });
//! ```
//! ```compile_fail,E0502
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! arena.scope(|mut outer| {
//!     outer.scope(|inner| {
//!         let kept = outer.alloc(1);
//!     });
//! });
//! ```
//! ```compile_fail,E0499
//! use blockwork::{Arena, System};
//! let mut arena = Arena::with_defaults(System);
//! arena.scope(|outer| arena.scope(|inner| {}));
//! ```
//!
//! # A collection that may grow holds its scope
//!
//! It would grow into the inner scope's memory.
//!
//! ```
//! use blockwork::{Arena, ArenaVec, System};
//! let mut arena = Arena::with_defaults(System);
//! arena.scope(|mut outer| {
//!     let mut vec = ArenaVec::new_in(&outer);
//!     vec.push(1);
//!     let slice = vec.into_slice();
//!     outer.scope(|_| slice[0] = 2);
//! });
//! ```
//! ```compile_fail,E0502
//! use blockwork::{Arena, ArenaVec, System};
//! let mut arena = Arena::with_defaults(System);
//! arena.scope(|mut outer| {
//!     let mut vec = ArenaVec::new_in(&outer);
//!     outer.scope(|_| vec.push(2));
//! });
//! ```
//! ```compile_fail,E0502
//! use allocator_api2_04::vec::Vec;
//! use blockwork::{Arena, System};
//! let mut arena = Arena::with_defaults(System);
//! arena.scope(|mut outer| {
//!     let mut vec = Vec::new_in(&outer);
//!     outer.scope(|_| vec.push(2));
//! });
//! ```
//!
//! # A value in a box may not need what ends before the box
//!
//! ```
//! use blockwork::{Arena, ArenaBox, Region, System};
//! struct Reads<'a>(&'a u8);
//! impl Drop for Reads<'_> {
//!     fn drop(&mut self) {
//!         assert_eq!(*self.0, 7);
//!     }
//! }
//! let seven = 7;
//! let arena = Arena::with_defaults(System);
//! let boxed = arena.alloc_box(Reads(&seven));
//! ```
//! ```compile_fail,E0597
//! use blockwork::{Arena, ArenaBox, Region, System};
//! struct Reads<'a>(&'a u8);
//! impl Drop for Reads<'_> {
//!     fn drop(&mut self) {
//!         assert_eq!(*self.0, 7);
//!     }
//! }
//! let arena = Arena::with_defaults(System);
//! let boxed;
//! let seven = 7;
//! boxed = arena.alloc_box(Reads(&seven));
//! ```
//!
//! # An arena stays on its thread while it is used
//!
//! ```
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! std::thread::scope(|threads| {
//!     threads.spawn(|| {
//!         let arena = &mut arena;
//!         arena.scope(|scope| *scope.alloc(1))
//!     });
//! });
//! ```
//! ```compile_fail,E0277
//! use blockwork::{Arena, Region, System};
//! let mut arena = Arena::with_defaults(System);
//! std::thread::scope(|threads| {
//!     threads.spawn(|| *arena.alloc(1));
//! });
//! ```
