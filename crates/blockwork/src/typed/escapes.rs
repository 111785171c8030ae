//! What must not compile: everything that would use elements, keys or texts after
//! their end.
//!
//! Each pair differs in the line that breaks the rule, so that the second one
//! fails for its sake and nothing else's.
//!
//! # A list is not used while a range is being taken out
//!
//! ```
//! use blockwork::{List, System};
//! let mut list = List::<_, System>::from([1, 2, 3]);
//! let mut drain = list.drain(..2);
//! drain.next();
//! drop(drain);
//! list.push(4);
//! ```
//! ```compile_fail,E0499
//! use blockwork::{List, System};
//! let mut list = List::<_, System>::from([1, 2, 3]);
//! let mut drain = list.drain(..2);
//! list.push(4);
//! drain.next();
//! ```
//!
//! # What an iterator borrows outlives it
//!
//! ```
//! use blockwork::{List, System};
//! let text = String::from("a b");
//! let mut words = text.split(' ').collect::<List<_, System>>().into_iter();
//! assert_eq!(words.next(), Some("a"));
//! ```
//! ```compile_fail,E0505
//! use blockwork::{List, System};
//! let text = String::from("a b");
//! let mut words = text.split(' ').collect::<List<_, System>>().into_iter();
//! drop(text);
//! assert_eq!(words.next(), Some("a"));
//! ```
//!
//! # So it is while it is only dropped, if that may look
//!
//! ```compile_fail,E0597
//! use blockwork::{List, System};
//! struct Looks<'a>(&'a String);
//! impl Drop for Looks<'_> {
//!     fn drop(&mut self) {
//!         println!("{}", self.0);
//!     }
//! }
//! let mut list = List::<_, System>::new();
//! let text = String::from("a");
//! list.push(Looks(&text));
//! ```
//!
//! # A list that may be changed does not take shorter borrows
//!
//! ```compile_fail,E0597
//! use blockwork::{List, System};
//! fn add<'a>(list: &mut List<&'a str, System>, text: &'a str) {
//!     list.push(text);
//! }
//! let mut list = List::<&'static str, System>::from(["long"]);
//! {
//!     let text = String::from("short");
//!     add(&mut list, &text);
//! }
//! let forever: &'static str = list[0];
//! ```
//!
//! # Slots are not left with the list
//!
//! ```compile_fail,E0505
//! use blockwork::{List, System};
//! let mut list = List::<u8, System>::new();
//! let mut slots = list.insert_slots(0, 4);
//! drop(list);
//! slots.fill(1).unwrap();
//! ```
//!
//! # A value of a pool is not kept across a removal
//!
//! ```
//! use blockwork::{Pool, System};
//! let mut pool = Pool::new(System);
//! let key = pool.insert(String::from("value"));
//! let value = &pool[key];
//! assert_eq!(value, "value");
//! pool.remove(key);
//! ```
//! ```compile_fail,E0502
//! use blockwork::{Pool, System};
//! let mut pool = Pool::new(System);
//! let key = pool.insert(String::from("value"));
//! let value = &pool[key];
//! pool.remove(key);
//! assert_eq!(value, "value");
//! ```
//!
//! # A text is not kept across a reset
//!
//! ```
//! use blockwork::{Interner, Reset, System};
//! let mut names: Interner = Interner::with_defaults(System);
//! assert_eq!(names.canonical("name"), "name");
//! names.reset();
//! ```
//! ```compile_fail,E0502
//! use blockwork::{Interner, Reset, System};
//! let mut names: Interner = Interner::with_defaults(System);
//! let name = names.canonical("name");
//! names.reset();
//! assert_eq!(name, "name");
//! ```
