//! Containers of values: [`List`](list::List) and [`Slice`](slice::Slice), which know their
//! allocator by type, [`Pool`](pool::Pool), and the [`Interner`](interner::Interner).
//!
//! ```text
//! static HEAP ◄── Medium (no bytes) ◄── List<u32, Medium>  [ start | capacity | len ]  24 bytes
//!                                       Slice<u32, Medium> [ start | len ]             16 bytes
//! ```
//!
//! A [`Handle`](handle::Handle) is a type that stands for one `static`
//! allocator, and [`handle!`](crate::handle) declares one. So no container
//! stores where its memory goes back to, and none can give it to the wrong
//! allocator: containers over different allocators are different types.
//!
//! A [`Pool`](pool::Pool) has a parent of its own, of any kind, and values of one type that
//! stay where they are.
//!
//! Here, above the contract, methods may panic: each that does so for want of
//! memory has a `try_` twin that does not.
//!
//! # From pooled-block-alloc
//!
//! `StaticAllocBuffer` has these functions. The names here are those of `Vec` and
//! of boxed slices, where they have one; `try_` twins are not listed.
//!
//! | there | here |
//! |---|---|
//! | `define(T, allocator)` | `List<T, A>`, `Slice<T, A>` with `A` from [`handle!`](crate::handle) |
//! | `define_with_align` | `handle!(struct A = HEAP, align(64);)`, or an over-aligned `T` |
//! | `define_with_sentinel` | [`Terminated`](slice::Terminated), [`List::terminated_by`](list::List::terminated_by) |
//!
//! Lists:
//!
//! | there | here |
//! |---|---|
//! | `create`, `create_with_capacity` | `new`, `with_capacity` |
//! | `release`, `clone` | `drop`, `clone` |
//! | `take_ownership_same_alloc`, `give_ownership_of_slice` | `from_raw_parts`, `into_raw_parts`, `leak`: the capacity is kept |
//! | `downgrade_into_slice` | `into_uninit`: the whole capacity, at no cost |
//! | `downgrade_into_slice_partial` | `into_slice`: the elements |
//! | `slice`, `get_last`, `get_last_or_null` | `as_slice` or `&*list`, `last` |
//! | `insert`, `insert_slots`, `insert_slice`, `insert_n_times` | `insert`, `insert_slots`, `insert_from_slice`, `insert_n` |
//! | `replace_range` | `replace_range`, `splice` |
//! | `append`, `append_slice`, `append_n_times` | `push`, `extend_from_slice`, `push_n` |
//! | `append_slot`, `append_slots_array_ptr`, `append_slots_slice_ptr` | `insert_slots` at the end; `spare_capacity_mut` and `set_len` |
//! | `…_assume_capacity` of all these | `…_within_capacity`: refused, instead of undefined, without capacity |
//! | `remove`, `swap_remove`, `pop`, `pop_or_null` | `remove`, `swap_remove`, `pop` |
//! | `remove_range`, `swap_remove_range` | `drain(range).collect()`, `swap_drain(range).collect()` |
//! | `delete`, `swap_delete`, `delete_range`, `swap_delete_range` | the same as above, dropped; `truncate`, `retain` |
//! | `transplant`, `swap_transplant` | `slot.write(list.remove(at))`, `slot.write(list.swap_remove(at))` |
//! | `transplant_range`, `swap_transplant_range` | `drain(range).write_into(slots)`, `swap_drain(range).write_into(slots)` |
//! | `resize_cap`, `ensure_cap`, `ensure_unused_cap` | `reserve_exact` and `shrink_to`, `reserve` |
//! | `resize_cap_no_move`, `ensure_cap_no_move`, `ensure_unused_cap_no_move` | `try_reserve_in_place`, `try_shrink_in_place` |
//! | `shrink_len_by_count`, `set_len_to`, `clear` | `truncate`, `clear` |
//! | `grow_len_by_count`, `grow_len_to_cap` | `resize`, `resize_with`; `set_len` |
//! | `writer`, `append_fmt_string` | `write!(list, …)`, by `fmt::Write` or `io::Write` |
//! | `quick_fmt_string` | `format` |
//!
//! Slices:
//!
//! | there | here |
//! |---|---|
//! | `create_exact`, `create_minimum` | `new_uninit`, `new_uninit_at_least` |
//! | `resize_exact`, `resize_minimum` | `resize`, `resize_at_least` |
//! | `resize_exact_no_move`, `resize_minimum_no_move` | `try_resize_in_place`, `try_resize_at_least_in_place` |
//! | `upgrade_into_list` | `into_list`: with the whole grant as capacity |
//! | `upgrade_into_list_partial` | `into_list_with_len`, of uninitialised elements |
//! | `take_ownership_same_alloc`, `give_ownership_of_slice` | `from_non_null`, `into_non_null`, `leak` |
//! | `release`, `clone`, `slice` | `drop`, `clone`, `as_slice` or `&*slice` |
//!
//! # Example
//!
//! ```
//! use blockwork::{Locked, Slice, List, SpanPool, SpanPoolConfig, System, handle};
//!
//! const CONFIG: SpanPoolConfig = SpanPoolConfig { block: 4096, ..SpanPoolConfig::DEFAULT };
//! static MEDIUM: Locked<SpanPool<System>> = Locked::new(SpanPool::new(System, match CONFIG.check() {
//!     Ok(config) => config,
//!     Err(_) => panic!("a wrong configuration"),
//! }));
//! handle! {
//!     /// Blocks of 4 KiB.
//!     struct Medium = MEDIUM;
//! }
//!
//! fn is_prime(number: u32) -> bool {
//!     number > 1 && (2..number).take_while(|i| i * i <= number).all(|i| number % i != 0)
//! }
//!
//! fn primes_below(limit: u32) -> Slice<u32, Medium> {
//!     let mut list = List::new();
//!     for number in 0..limit {
//!         if is_prime(number) {
//!             list.push(number);
//!         }
//!     }
//!     assert_eq!(list.capacity(), 1024); // the whole block
//!     list.into_slice()
//! }
//!
//! let primes = primes_below(100);
//! assert_eq!(primes[20..], [73, 79, 83, 89, 97]);
//! ```

mod block;
#[cfg(doctest)]
mod escapes;
pub mod handle;
pub mod interner;
pub mod list;
pub mod pool;
pub mod slice;
mod space;

/// The end of an infallible method that has no memory.
#[cold]
#[track_caller]
#[expect(clippy::panic, reason = "what an infallible method promises; its twin returns the error")]
fn exhausted() -> ! {
    panic!("memory allocation failed")
}

/// The value that an infallible method returns.
#[inline]
#[track_caller]
fn or_panic<T, E>(outcome: Result<T, E>) -> T {
    match outcome {
        Ok(value) => value,
        Err(_) => exhausted(),
    }
}
