//! The tests of the recipes in `examples/`, which `docs/recipes.md` describes;
//! each program runs as well.

macro_rules! recipes {
    ($($path:literal $name:ident;)*) => {$(
        #[path = $path]
        mod $name;

        #[test]
        fn $name() {
            $name::main().unwrap();
        }
    )*};
}

recipes! {
    "../examples/request_arena.rs" request_arena;
    "../examples/game_frame.rs" game_frame;
    "../examples/interpreter_heap.rs" interpreter_heap;
    "../examples/plugin_budget.rs" plugin_budget;
    "../examples/static_pool.rs" static_pool;
    "../examples/audio_thread.rs" audio_thread;
    "../examples/secrets.rs" secrets;
    "../examples/debug_build.rs" debug_build;
    "../examples/connection_pools.rs" connection_pools;
    "../examples/emergency_reserve.rs" emergency_reserve;
    "../examples/interning.rs" interning;
    "../examples/worker_threads.rs" worker_threads;
}

/// The program itself, whose allocator it is, is built but not run.
#[path = "../examples/statistics/heap.rs"]
mod statistics;
