//! The recipes of `docs/recipes.md`: the programs of `examples/` themselves, a
//! block allocated and freed in each of their compositions.

use std::{alloc::Layout, mem::MaybeUninit};

use bench::opaque::opaque_ref;
use blockwork::{Allocate, BlockOf, Buffer, ConcurrentBlockPool, Locked, Memo, Pages, Tally, Unsited};

use crate::paths::{Path, exhausted, pairs};

macro_rules! programs {
    ($($path:literal $name:ident;)*) => {$(
        #[path = $path]
        #[expect(dead_code, reason = "only its composition is measured")]
        mod $name;
    )*};
}

programs! {
    "../../../crates/blockwork/examples/request_arena.rs" request_arena;
    "../../../crates/blockwork/examples/game_frame.rs" game_frame;
    "../../../crates/blockwork/examples/interpreter_heap.rs" interpreter_heap;
    "../../../crates/blockwork/examples/plugin_budget.rs" plugin_budget;
    "../../../crates/blockwork/examples/static_pool.rs" static_pool;
    "../../../crates/blockwork/examples/audio_thread.rs" audio_thread;
    "../../../crates/blockwork/examples/secrets.rs" secrets;
    "../../../crates/blockwork/examples/debug_build.rs" debug_build;
    "../../../crates/blockwork/examples/connection_pools.rs" connection_pools;
    "../../../crates/blockwork/examples/emergency_reserve.rs" emergency_reserve;
    "../../../crates/blockwork/examples/interning.rs" interning;
    "../../../crates/blockwork/examples/worker_threads.rs" worker_threads;
}

#[path = "../../../crates/blockwork/examples/statistics/heap.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "only the composition is measured"))]
mod statistics;

/// `recipe`, the program, and where one has several, which.
pub(crate) const RECIPES: &[Path] = &[
    recipe("recipe request_arena", request_arena),
    recipe("recipe game_frame", game_frame),
    recipe("recipe interpreter_heap", interpreter_heap),
    recipe("recipe plugin_budget", plugin_budget),
    recipe("recipe static_pool", static_pool),
    recipe("recipe audio_thread", audio_thread),
    recipe("recipe secrets", secrets),
    recipe("recipe debug_build: release", debug_build_release),
    recipe("recipe debug_build: watched", debug_build_watched),
    recipe("recipe connection_pools", connection_pools),
    recipe("recipe emergency_reserve", emergency_reserve),
    recipe("recipe interning", interning),
    recipe("recipe statistics", |rounds| statistics(statistics::MEAN, rounds)),
    recipe("recipe statistics: sampling off", |rounds| statistics(0, rounds)),
    recipe("recipe worker_threads", worker_threads),
];

const fn recipe(name: &'static str, run: fn(u64)) -> Path {
    Path { name, bar: None, run }
}

const SIXTY_FOUR: Layout = Layout::new::<[u64; 8]>();

#[inline(always)]
fn blocks<A: Allocate>(heap: &A, rounds: u64) {
    pairs(heap, || SIXTY_FOUR, rounds);
}

fn request_arena(rounds: u64) {
    blocks(&request_arena::scratch().expect("a good configuration"), rounds);
}

fn game_frame(rounds: u64) {
    blocks(&game_frame::frame().expect("a good configuration"), rounds);
}

fn interpreter_heap(rounds: u64) {
    let spans = interpreter_heap::spans().expect("a good configuration");
    blocks(&interpreter_heap::heap(&spans).expect("a good configuration"), rounds);
}

fn plugin_budget(rounds: u64) {
    let program = plugin_budget::program().expect("a good configuration");
    blocks(&plugin_budget::budget(&program), rounds);
}

/// Like the one in the program's image.
fn static_pool(rounds: u64) {
    let mut memory = [const { MaybeUninit::uninit() }; 4096];
    let pool: static_pool::Mail<'_> = ConcurrentBlockPool::new_all(Buffer::new(&mut memory), BlockOf);
    blocks(&pool, rounds);
}

fn audio_thread(rounds: u64) {
    const VOICE: Layout = Layout::new::<[f32; 256]>();
    let supply = audio_thread::supply();
    pairs(&audio_thread::voices(&supply).expect("memory"), || VOICE, rounds);
}

fn secrets(rounds: u64) {
    blocks(&secrets::vault().expect("a good configuration"), rounds);
}

fn debug_build_release(rounds: u64) {
    blocks(&debug_build::plain().expect("a good configuration"), rounds);
}

fn debug_build_watched(rounds: u64) {
    let tally = Tally::new();
    blocks(&debug_build::watched(&tally, Unsited).expect("a good configuration"), rounds);
}

fn connection_pools(rounds: u64) {
    const PACKET: Layout = Layout::new::<[u8; 2048]>();
    let chunks = Locked::new(Memo::new(Pages, 1 << 20));
    pairs(&connection_pools::packets(&chunks).expect("a good configuration"), || PACKET, rounds);
}

fn emergency_reserve(rounds: u64) {
    let mut reserve = [MaybeUninit::uninit(); emergency_reserve::RESERVE];
    blocks(&emergency_reserve::editor(&mut reserve).expect("a good configuration"), rounds);
}

/// Comparing bytes takes a few instructions more near the end of a page: this is its start.
#[repr(align(4096))]
struct Page([u8; 8]);

/// A name of eight bytes that is known.
fn interning(rounds: u64) {
    static PAGE: Page = Page(*b"position");
    let names = interning::names();
    let name = str::from_utf8(&PAGE.0).expect("ASCII");
    names.intern(name);
    for _ in 0..rounds {
        let Ok(symbol) = opaque_ref(&names).try_intern(opaque_ref::<&str>(&name)) else { exhausted() };
        opaque_ref(&symbol);
    }
}

fn statistics(mean: usize, rounds: u64) {
    blocks(&statistics::heap(mean), rounds);
}

fn worker_threads(rounds: u64) {
    blocks(&worker_threads::heap(), rounds);
}
