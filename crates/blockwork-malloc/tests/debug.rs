//! A program whose global allocator is [`Debug`], and its mistakes: each is a
//! process of its own.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on has failed")]

use core::{alloc::Layout, hint::black_box};
use std::{alloc, env, process::Command, thread};

use blockwork_malloc::Debug;

#[global_allocator]
static GLOBAL: Debug = Debug;

/// What a case is called, what it does, and what is said of it.
type Case = (&'static str, fn(), &'static [&'static str]);

const CASES: &[Case] = &[
    ("freed_twice", freed_twice, &["it was freed before", "\n  by\n", "\n  freed by\n", "\n  asked for by\n"]),
    ("overrun", overrun, &["written past the end, to byte 1 behind", "\n  asked for by\n"]),
    ("written_later", written_later, &["written after the free, to byte 3", "\n  freed by\n"]),
    ("wrong_layout", wrong_layout, &["the layout does not fit"]),
    ("stopped", stopped, &["it was freed before"]),
    ("lost", lost, &["live: ", "(77 @ 1)"]),
];

fn layout() -> Layout {
    Layout::from_size_align(77, 1).unwrap()
}

fn block() -> *mut u8 {
    // SAFETY: not of size zero.
    black_box(unsafe { alloc::alloc(layout()) })
}

fn free(block: *mut u8, layout: Layout) {
    // SAFETY: wrong in places! But checked.
    unsafe { alloc::dealloc(block, layout) }
}

fn freed_twice() {
    let block = block();
    free(block, layout());
    free(block, layout());
}

fn overrun() {
    let block = block();
    // SAFETY: wrong! But a byte of the fence.
    unsafe { block.wrapping_add(77).write(1) };
    free(block, layout());
}

fn written_later() {
    let block = block();
    free(block, layout());
    // SAFETY: wrong! But a byte in quarantine.
    unsafe { block.wrapping_add(3).write(1) };
    GLOBAL.release_quarantine();
}

fn wrong_layout() {
    let block = block();
    free(block, Layout::from_size_align(78, 1).unwrap());
    free(block, layout());
}

fn stopped() {
    GLOBAL.stop_when_found(true);
    freed_twice();
    println!("went on");
}

fn lost() {
    let _lost = block();
    GLOBAL.print_live();
}

fn main() {
    let chosen = env::args().nth(1);
    if let Some((_, act, _)) = CASES.iter().find(|(name, ..)| Some(*name) == chosen.as_deref()) {
        return act();
    }
    for (name, _, said) in CASES {
        let output = Command::new(env::current_exe().unwrap()).arg(name).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), *name != "stopped", "{told}");
        assert!(output.stdout.is_empty());
        for part in said.iter().chain([name]) {
            assert!(told.contains(part), "{part:?} is not in {told}");
        }
        println!("debug: {name} ... ok");
    }
    let threads: Vec<_> =
        (0..4).map(|_| thread::spawn(|| (0..500).map(|n| n.to_string()).collect::<Vec<_>>())).collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap().len() == 500));
    assert_eq!(GLOBAL.found(), 0);
    println!("debug: right ... ok");
}
