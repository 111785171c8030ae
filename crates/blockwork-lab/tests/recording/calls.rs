//! Every call of the heap, counted as C means it.

use std::fs;

use crate::support::{Bench, Run, has};

#[test]
fn every_kind_of_call_is_counted_as_c_means_it() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #define _GNU_SOURCE
        #include <stdlib.h>
        #include <malloc.h>
        #include <stdint.h>
        int main(void) {
            free(NULL);                                   /* nothing */
            void *a = malloc(100);                        /* allocation */
            void *b = calloc(3, 10);                      /* allocation, zeroed */
            void *c = realloc(NULL, 7);                   /* allocation */
            a = realloc(a, 200);                          /* reallocation */
            a = reallocarray(a, 10, 30);                  /* reallocation */
            if (malloc(SIZE_MAX / 2)) return 1;           /* failed: nothing */
            if (calloc(SIZE_MAX, 2)) return 2;
            if (realloc(a, SIZE_MAX / 2)) return 3;
            if (reallocarray(a, SIZE_MAX, 2)) return 4;
            void *d = aligned_alloc(64, 128);             /* allocation, aligned */
            void *e;
            if (posix_memalign(&e, 4096, 50)) return 5;   /* allocation, aligned */
            if (!posix_memalign(&d, 3, 50)) return 6;     /* failed: nothing */
            void *f = memalign(32, 1);                    /* allocation, aligned */
            void *g = valloc(10), *h = pvalloc(10);       /* allocations, aligned */
            free(realloc(c, 0));                          /* a free, and free(NULL) */
            void *z = malloc(0);                          /* allocation */
            free(b), free(d), free(e), free(f), free(g), free(h), free(z);
            return 0;                                     /* a stays */
        }",
    ) else {
        return;
    };
    bench.record([program]);
    let stats = bench.stats();
    let counts = ["allocations", "frees", "reallocations", "zeroed_allocations", "aligned_allocations"];
    assert_eq!(stats.numbers(counts), [9, 8, 2, 1, 5]);
    let bytes = 100 + 30 + 7 + 200 + 300 + 128 + 50 + 1 + 10 + 10;
    assert_eq!(stats.numbers(["requested_bytes", "live_at_exit_bytes"]), [bytes, 300]);
    assert_eq!(stats.numbers(["threads", "live_at_exit_blocks", "events"]), [1, 1, 19]);
    stats.balances();
}

#[test]
fn a_library_that_allocates_before_the_recorder_starts_is_recorded() {
    let bench = Bench::new();
    let library = r"
        #include <stdlib.h>
        static void *kept;
        __attribute__((constructor)) static void begin(void) { for (int i = 0; i < 100; i++) kept = malloc(i); }
        __attribute__((destructor)) static void end(void) { free(kept); }
        void library(void) {}";
    let program = r"
        #include <stdlib.h>
        void library(void);
        int main(void) { library(); for (int i = 0; i < 50; i++) free(malloc(i)); return 0; }";
    if bench.compile_as("library.so", library, &["-shared", "-fPIC"]).is_none() {
        return;
    }
    let program = bench.compile_as("program", program, &["./library.so"]).unwrap();
    bench.record([program]);
    assert_eq!(bench.stats().balances().numbers(["allocations", "frees"]), [150, 51]);
}

#[test]
fn a_library_that_brings_another_malloc_stays_in_charge() {
    let bench = Bench::new();
    // Knows its own blocks, as real ones do in functions that C does not name.
    let library = r"
        #include <stddef.h>
        #include <string.h>
        static _Alignas(16) size_t memory[1 << 24];
        static size_t at;
        void *malloc(size_t size) {
            size_t *head = memory + __atomic_fetch_add(&at, size / 16 * 2 + 4, __ATOMIC_RELAXED);
            head[0] = size, head[1] = 77;
            return head + 2;
        }
        void *calloc(size_t count, size_t size) { return malloc(count * size); }
        void free(void *block) { if (block && ((size_t *)block)[-1] != 77) __builtin_trap(); }
        size_t malloc_usable_size(void *block) { free(block); return ((size_t *)block)[-2]; }
        void *realloc(void *block, size_t size) {
            void *other = malloc(size);
            if (block) memcpy(other, block, malloc_usable_size(block) < size ? malloc_usable_size(block) : size);
            return other;
        }";
    let program = r"
        #include <malloc.h>
        #include <stdlib.h>
        int main(void) {
            void *block = malloc(10);
            if (malloc_usable_size(block) != 10) return 1;
            free(block);
            return malloc_usable_size(calloc(5, 5)) != 25;
        }";
    if bench.compile_as("library.so", library, &["-shared", "-fPIC", "-fno-builtin", "-Wl,-Bsymbolic"]).is_none() {
        return;
    }
    let linked = bench.compile_as("linked", program, &["./library.so"]).unwrap();
    bench.record([linked]);
    assert_eq!(bench.stats().balances().numbers(["allocations", "frees"]), [2, 1]);
    let plain = bench.compile_as("plain", program, &[]).unwrap();
    let mut recorder = bench.blockwork();
    recorder.args(["record", "-o", "preloaded.bwrec", "--"]).arg(plain);
    let run = Run::of(recorder.env("LD_PRELOAD", bench.path().join("library.so")));
    assert_eq!(run.code, Some(0), "{run:?}");
}

#[test]
fn blocks_that_wander_between_threads_keep_their_order() {
    const ROUNDS: u64 = 20_000;
    let bench = Bench::new();
    let Some(program) = bench.compile(&format!(
        r"
        #include <pthread.h>
        #include <stdatomic.h>
        #include <stdlib.h>
        static _Atomic(void *) box[64];
        static void *work(void *seed) {{
            unsigned random = (unsigned)(size_t)seed * 2654435761u;
            for (int i = 0; i < {ROUNDS}; i++) {{
                random = random * 1664525 + 1013904223;
                void *block = malloc(random >> 22);
                if (random & 64) block = realloc(block, (random >> 12 & 2047) + 1);
                free(atomic_exchange(&box[random >> 16 & 63], block));
            }}
            return 0;
        }}
        int main(void) {{
            for (int generation = 0; generation < 2; generation++) {{
                pthread_t thread[4];
                for (size_t i = 0; i < 4; i++) pthread_create(&thread[i], 0, work, (void *)(i + 1 + 9 * generation));
                for (int i = 0; i < 4; i++) pthread_join(thread[i], 0);
            }}
            for (int i = 0; i < 64; i++) free(box[i]);
            return 0;
        }}",
    )) else {
        return;
    };
    bench.record([program]);
    let stats = bench.stats();
    stats.balances();
    assert_eq!(stats.number("threads"), 9, "threads that end do not lend their numbers");
    // The C library allocates a little for threads, and keeps some of it.
    let [allocations, live] = stats.numbers(["allocations", "live_at_exit_blocks"]);
    assert!((8 * ROUNDS..8 * ROUNDS + 50).contains(&allocations), "{allocations}");
    assert!(live < 20, "{live}");
    assert!(stats.number("reallocations") > ROUNDS);
    assert!(stats.number("freed_by_another_thread") > 0);
}

#[test]
fn a_program_may_close_every_file_and_go_elsewhere() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #include <fcntl.h>
        #include <stdlib.h>
        #include <unistd.h>
        int main(void) {
            for (int file = 3; file < 1024; file++) close(file);
            if (chdir(`/`)) return 1;
            int precious = open(`/dev/null`, O_RDWR);     /* takes the first number */
            for (int i = 0; i < 200000; i++) free(malloc(i));
            return write(precious, `x`, 1) != 1;
        }"
        .replace('`', "\"")
        .as_str(),
    ) else {
        return;
    };
    bench.record([program]);
    assert_eq!(bench.stats().balances().numbers(["allocations", "frees"]), [200_000; 2]);
}

#[test]
fn errno_is_as_the_c_library_leaves_it() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #include <errno.h>
        #include <stdlib.h>
        #include <stdint.h>
        int main(void) {
            errno = 77;
            for (int i = 0; i < 300000; i++) free(malloc(1));   /* several windows */
            if (errno != 77) return 1;
            return malloc(SIZE_MAX) || errno != ENOMEM;
        }",
    ) else {
        return;
    };
    bench.record([program]);
    assert_eq!(bench.stats().number("allocations"), 300_000);
}

#[test]
fn what_the_program_reads_and_prints_is_untouched() {
    let bench = Bench::new();
    fs::write(bench.path().join("input"), "some\ninput").unwrap();
    let input = fs::File::open(bench.path().join("input")).unwrap();
    let run = Run::of(bench.recorder(["cat"]).stdin(input));
    assert_eq!((run.code, run.out.as_str()), (Some(0), "some\ninput"));
    run.says(&["Recorded r.bwrec", "Next blockwork compare r.bwrec"]);
}

#[test]
fn the_default_name_is_the_programs_with_a_number() {
    let bench = Bench::new();
    let status = bench.blockwork().args(["record", "ls", "-l"]).output().unwrap().status;
    assert!(status.success());
    let names: Vec<_> = fs::read_dir(bench.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let [name] = names.as_slice() else { panic!("{names:?}") };
    let number = name.to_str().unwrap().strip_prefix("ls.").and_then(|name| name.strip_suffix(".bwrec"));
    assert!(number.unwrap().parse::<u32>().is_ok(), "{name:?}");
}

#[test]
fn a_program_with_its_own_malloc_is_told_how_to_be_recorded() {
    let bench = Bench::new();
    let Some(program) = bench.compile(
        r"
        #include <stddef.h>
        static char heap[1 << 20]; static size_t used;
        void *malloc(size_t size) { used += (size + 15) & ~15ul; return heap + used; }
        void free(void *block) {}
        int main(void) { free(malloc(10)); return 0; }",
    ) else {
        return;
    };
    bench.record([program]).says(&["Nothing was allocated through malloc", "#[global_allocator]"]);
    assert_eq!(bench.stats().number("events"), 0);
}

#[test]
fn an_event_takes_less_than_four_bytes() {
    if !has("python3") {
        return;
    }
    let bench = Bench::new();
    bench.record(["python3", "-c", "import json"]);
    let size = fs::metadata(bench.path().join("r.bwrec")).unwrap().len();
    let events = bench.stats().number("events");
    assert!(size <= 4 * events, "{size} bytes, {events} events");
}

#[test]
fn the_text_of_stats_says_the_same_as_the_json() {
    let bench = Bench::new();
    bench.record(["ls", "-l", "/"]);
    let stats = bench.stats();
    let text = Run::of(bench.blockwork().args(["stats", "r.bwrec"])).out;
    for part in [
        format!("ls: {} events", grouped(stats.number("events"))),
        format!("{} allocations, ", grouped(stats.number("allocations"))),
        format!("{} frees, ", grouped(stats.number("frees"))),
        "1 thread,".to_owned(),
        "/ls\n".to_owned(),
    ] {
        assert!(text.contains(&part), "{part:?} is not in {text}");
    }
}

fn grouped(number: u64) -> String {
    if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
}
