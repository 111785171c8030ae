use core::alloc::Layout;
use std::{fs, path::Path, thread};

use heap::{
    borrow::ToOwned,
    format,
    rc::Rc,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use super::*;
use crate::{
    alloc::{Allocate, Check},
    combine::counted::Counted,
    source::system::System,
};

/// Each part, with and without each of its arguments.
const TEXTS: &[&str] = &[
    "system",
    "pages",
    "guarded",
    "null",
    "bump(64k) over system",
    "arena over pages",
    "arena(8k..64k) over pages",
    "block_pool(48) over system",
    "block_pool(48, align 8) over system",
    "block_pool(100, align 64, blocks 10) over system",
    "block_pool(4k, chunk 1M) over pages",
    "block_pool(pow2 16..1k) over pages",
    "block_pool(quad 16..4k, chunk 32k) over system",
    "block_pool(24|48|200, blocks 10) over system",
    "concurrent_block_pool(48) over system",
    "concurrent_block_pool(100, align 64, chunk 4k) over pages",
    "span_pool(64k) over pages",
    "span_pool(4k, 64k) over pages",
    "span_pool(4k, 64k, keep all, capacity 1000) over pages",
    "span_pool(4k, keep 10%..90%) over pages",
    "span_pool(4k, keep eagerly 64k..1M) over pages",
    "slab(64) over pages",
    "slab(104, 4k, keep 3) over pages",
    "slab(quad 16..1k) over pages",
    "slab(pow2 8..4k, 16k, keep 0) over pages",
    "slab(24|48|200|1000, 8k) over pages",
    "mixed_slab over pages",
    "mixed_slab(16k) over pages",
    "memo over system",
    "memo(limit 1M) over system",
    "memo(quad 16..1M, limit 1000) over system",
    "memo(pow2 16..1k) over system",
    "memo(16|32|56) over system",
    "thread_cached(quad 16..1k) over system",
    "thread_cached(pow2 8..4k, limit 4k) over locked over span_pool(64) over pages",
    "thread_cached(16|32|104, limit 1M) over counted over system",
    "segregate(<=64: system, else pages)",
    "segregate(<=64: slab(64) over pages, <=1k: slab(pow2 128..1k) over pages, else system)",
    "fallback(bump(4k) over system, system)",
    "last_resort(quota(1M) over system, span_pool(64) over pages)",
    "counted over quota(1M) over scrubbed over checked over or_stop over locked over system",
    "checked(fence 16) over system",
    "checked(fence 8, fill, quarantine 100) over arena over pages",
    "fallback(checked(fill) over quota(1M) over system, system)",
    "segregate(<=1M: bump(4k) over observed(growth) over system, else observed over system)",
    "affix over system",
    "fallback(min_align(64) over bump(4k) over system, frozen over affix over system)",
    "let root = quota(64k) over system; segregate(<=64: quota(1k) over root, else quota(60k) over root)",
    "let s = span_pool(64k) over pages; segregate(<=32k: slab(pow2 16..32k) over s, else s)",
    "let a = bump(64M) over pages; let b = memo over a; fallback(counted over bump(4k) over b, segregate(<=100: a, else b))",
];

fn read(text: &str) -> Composition {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_is_read_is_printed_again() {
    for text in TEXTS {
        assert_eq!(read(text).to_string(), *text);
    }
}

#[test]
fn spaces_and_usual_values_may_be_left_out_or_said() {
    for (said, printed) in [
        ("segregate ( <= 64 :system,else\n  pages ) ", "segregate(<=64: system, else pages)"),
        ("let a=system;counted over a", "let a = system; counted over a"),
        ("slab(64, 64k, keep 1) over pages", "slab(64) over pages"),
        ("slab(quad 16..1K,65536) over pages", "slab(quad 16..1k) over pages"),
        ("span_pool(4096, keep 25..50%) over pages", "span_pool(4k, keep 25%..50%) over pages"),
        ("block_pool(chunk 65536, align 16, 48) over system", "block_pool(48) over system"),
        ("arena(4k..1M) over pages", "arena over pages"),
        ("checked(fill, fence 8) over system", "checked(fence 8, fill) over system"),
        ("checked(fence 0) over system", "checked over system"),
        ("block_pool(chunk 64k, pow2 16..1k) over pages", "block_pool(pow2 16..1k) over pages"),
    ] {
        assert_eq!(read(said).to_string(), printed);
    }
}

/// `text`, over `system` where this target has no pages.
fn buildable(text: &str) -> String {
    if cfg!(all(feature = "os", unix, not(blockwork_no_os))) {
        text.to_owned()
    } else {
        text.replace("pages", "system").replace("guarded", "system")
    }
}

#[test]
fn every_composition_serves_and_balances() {
    for text in TEXTS.iter().filter(|text| **text != "null") {
        let heap = read(&buildable(text)).build().unwrap();
        let layout = Layout::new::<[u32; 4]>();
        let blocks: Vec<_> = (0..20).map(|_| heap.allocate(layout).unwrap_or_else(|_| panic!("{text}"))).collect();
        assert!(heap.granted(layout) >= 16);
        for block in blocks {
            // SAFETY: granted as many bytes.
            unsafe { block.write_bytes(0xA5, 16) };
            // SAFETY: allocated above with this layout, freed once.
            unsafe { heap.deallocate(block, layout) };
        }
        assert_eq!(heap.check(), Ok(()), "{text}");
    }
}

#[test]
fn a_name_is_one_allocator() {
    let source = Rc::new(Counted::new(System));
    let text = "let s = span_pool(4k, 64k) over parent; segregate(<=4k: s, else s)";
    let composition = Composition::parse_with(text, &["parent"]).unwrap();
    let heap = composition.build_over(&[("parent", source.clone())]).unwrap();
    let (small, large) = (Layout::new::<[u8; 100]>(), Layout::new::<[u8; 8192]>());
    let one = heap.allocate(small).unwrap();
    let requests = source.counts().requests;
    let other = heap.allocate(large).unwrap();
    // From the same chunk.
    assert_eq!(source.counts().requests, requests);
    // SAFETY: allocated above with this layout.
    unsafe { heap.deallocate(one, small) };
    // SAFETY: allocated above with this layout.
    unsafe { heap.deallocate(other, large) };
    drop(heap);
    assert_eq!(source.counts().bytes_live, 0);
}

#[test]
fn errors_say_where_and_what_instead() {
    for (text, at, message) in [
        ("", 0, "expected a part or a name, found the end"),
        ("64", 0, "expected a part or a name, found `64`"),
        ("sistem", 0, "`sistem` is no part; did you mean `system`?"),
        ("let pool = pages; counted over pol", 31, "`pol` is no part; did you mean `pool`?"),
        ("xyzzy", 0, "`xyzzy` is no part"),
        ("let pages = system; pages", 4, "`pages` means something else already"),
        ("let a = system; let a = pages; a", 20, "`a` means something else already"),
        ("let over = system; over", 4, "`over` means something else already"),
        ("let a = a; a", 8, "`a` is no part"),
        ("counted", 7, "expected `(` or `over`, found the end"),
        ("bump(64k)", 9, "expected `over`, found the end"),
        ("bump over system", 0, "`bump` is written `bump(64k) over …`"),
        ("bump(64q) over system", 5, "`q` is no unit: those are `k`, `M` and `G`"),
        ("bump(64k, 2) over system", 10, "not understood here: `bump` is written `bump(64k) over …`"),
        ("bump(99999999999G) over system", 5, "`99999999999G` is more than a word holds"),
        ("bump(64k over system", 9, "expected `,` or `)`, found `over`"),
        ("span_pool(100) over pages", 0, "`block` must be a power of two, at least 64"),
        ("span_pool(4k, keep 10%..20) over pages", 26, "expected `%`, found `)`"),
        ("slab(quad 8..1k) over pages", 5, "the classes of `quad` go from 16 to a power of two from 128 to 1M"),
        ("slab(16|8) over pages", 5, "sizes of a list ascend, are multiples of 8, and at most 32k"),
        ("segregate(<=64: system, <=32: system, else system)", 26, "boundaries ascend"),
        ("segregate(else system)", 10, "expected `<=`, found `else`"),
        ("segregate(<=64: system, system)", 24, "expected `<=` or `else`, found `system`"),
        ("system system", 7, "expected the end, found `system`"),
        (
            "fallback(system, pages)",
            0,
            "the first side of `fallback` has to know its own blocks, as `bump` and `span_pool` do",
        ),
        (
            "slab(quad 16..64k) over pages",
            0,
            "`slab_size` must have room for a header of eight words and the largest slot",
        ),
        ("block_pool(pow2 16..1k, chunk 512) over pages", 0, "`chunk` must have room for a block and a pointer"),
        (
            "checked(fill 3) over system",
            8,
            "not understood here: `checked` is written `checked[(fence 16, fill, quarantine 256)] over …`",
        ),
        ("memo(limit) over pages", 5, "not understood here: `memo` is written `memo[(quad 16..1M, limit 1M)] over …`"),
        ("min_align(48) over system", 10, "an alignment is a power of two"),
        ("counted over ¿", 13, "expected a part or a name, found `¿`"),
    ] {
        let error = text.parse::<Composition>().unwrap_err();
        assert_eq!((error.at(), error.message()), (at, message), "{text}");
        assert!(error.to_string().ends_with('^'));
    }
}

#[test]
fn the_place_is_shown_in_its_line() {
    let error = "let s = pages;\ncounted over äh".parse::<Composition>().unwrap_err();
    assert_eq!(error.to_string(), "expected a part or a name, found `ä`\n  counted over äh\n               ^");
}

#[test]
fn a_text_that_nests_without_end_is_refused() {
    let text = "counted over ".repeat(100_000);
    assert!(text.parse::<Composition>().unwrap_err().message().contains("at most 256"));
    let doubling: Vec<_> = (1..60).map(|i| format!("let a{i} = segregate(<=8: a{0}, else a{0}); ", i - 1)).collect();
    let text = format!("let a0 = system; {}locked over a59", doubling.concat());
    let heap = read(&text).build_sync().unwrap();
    assert_eq!(heap.granted(Layout::new::<u64>()), 8);
}

#[test]
fn no_cut_of_a_text_is_trouble() {
    for text in TEXTS {
        for cut in 0..text.len() {
            let (front, back) = text.split_at(cut);
            for part in [front, back, &front.replace('k', ","), &front.replace("over", "else")] {
                if let Ok(composition) = part.parse::<Composition>() {
                    assert_eq!(read(&composition.to_string()), composition);
                }
            }
        }
    }
}

#[test]
fn what_is_for_one_thread_stands_behind_a_lock() {
    for text in [
        "locked over counted over system",
        "segregate(<=64: concurrent_block_pool(64, chunk 4k) over system, else locked over memo over system)",
        "segregate(<=1k: locked over slab(quad 16..1k) over pages, else pages)",
        "let s = span_pool(64k) over pages; locked over segregate(<=32k: slab(pow2 16..32k) over s, else s)",
        "let s = locked over span_pool(64k) over pages; segregate(<=32k: locked over slab(pow2 16..32k) over s, else s)",
        "let s = span_pool(64k) over pages; let t = memo over s; locked over segregate(<=32k: t, else s)",
        "fallback(locked over bump(4k) over system, or_stop over scrubbed over system)",
        "affix over min_align(64) over frozen over system",
        "last_resort(system, locked over locked over bump(4k) over system)",
        "thread_cached(quad 16..1k) over locked over slab(quad 16..1k) over pages",
        "fallback(thread_cached(16|32) over locked over span_pool(64) over pages, system)",
        "locked over thread_cached(pow2 8..64) over counted over system",
        "segregate(<=1k: guarded, else observed over system)",
        "locked over checked(fence 16, fill, quarantine 8) over block_pool(quad 16..1k) over pages",
    ] {
        let heap = read(&buildable(text)).build_sync().unwrap();
        thread::scope(|scope| {
            for size in 1..=3 {
                let heap = heap.clone();
                scope.spawn(move || {
                    let layout = Layout::from_size_align(size * 10, 1).unwrap();
                    for _ in 0..100 {
                        let block = heap.allocate(layout).unwrap();
                        // SAFETY: allocated above with this layout, freed once.
                        unsafe { heap.deallocate(block, layout) };
                    }
                });
            }
        });
        assert_eq!(heap.check(), Ok(()), "{text}");
    }
    for (text, message) in [
        ("thread_cached(quad 16..1k) over memo over system", "`memo` is for one thread: write `locked over memo…`"),
        ("concurrent_block_pool(64) over bump(4M) over system", "`bump` is for one thread: write `locked over bump…`"),
        ("counted over system", "`counted` is for one thread: write `locked over counted…`"),
        (
            "let s = span_pool(64k) over pages; segregate(<=32k: locked over slab(64) over s, else s)",
            "`span_pool` is for one thread: write `locked over span_pool…`",
        ),
        (
            "let s = memo over pages; segregate(<=32k: locked over memo over s, else locked over memo over s)",
            "`memo` is for one thread: write `locked over memo…`",
        ),
    ] {
        assert_eq!(read(&buildable(text)).build_sync().unwrap_err().to_string(), message);
    }
}

#[test]
fn sources_of_the_caller_are_asked() {
    let source = Arc::new(crate::combine::locked::Locked::new(Counted::new(System)));
    let composition = Composition::parse_with("locked over memo over mine", &["mine"]).unwrap();
    let heap = composition.build_sync_over(&[("mine", source.clone())]).unwrap();
    let block = heap.allocate(Layout::new::<u64>()).unwrap();
    assert_eq!(source.with_parent(|counted| counted.counts().requests), 1);
    // SAFETY: allocated above with this layout, freed once.
    unsafe { heap.deallocate(block, Layout::new::<u64>()) };
    for error in [composition.build().unwrap_err(), composition.build_sync().unwrap_err()] {
        assert_eq!(error.to_string(), "there is no source `mine`");
    }
}

/// Compares `text` with a file of the source; writes it if `BLOCKWORK_BLESS` is
/// set.
fn is_in_the_file(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("BLOCKWORK_BLESS").is_some() {
        fs::write(&path, text).unwrap();
    }
    let known = fs::read_to_string(&path).unwrap();
    assert_eq!(known, text, "write {} anew with BLOCKWORK_BLESS=1", path.display());
}

#[test]
fn the_documentation_lists_the_parts() {
    let rows = PARTS.iter().map(|part| format!("| `{}` | {} |\n", part.form.replace('|', "\\|"), part.meaning));
    let table = format!("| part | what it does |\n|---|---|\n{}", rows.collect::<Vec<_>>().concat());
    is_in_the_file("src/general/notation/parts.md", &table);
}

#[test]
fn every_form_in_the_table_is_read() {
    for part in PARTS {
        let all = part.form.replace(['[', ']'], "");
        let texts = [all.replace("…", "null"), all.replace("blocks 100", "").replace(", )", ")").replace("…", "null")];
        assert!(texts.iter().any(|text| text.parse::<Composition>().is_ok()), "{}", part.form);
    }
}

#[test]
fn the_rust_of_each_composition_is_known() {
    let modules = TEXTS.iter().enumerate().map(|(number, text)| {
        let rust = read(text).to_rust();
        let body: Vec<_> = rust.lines().map(|line| format!("    {line}\n").replace("    \n", "\n")).collect();
        format!("\npub mod c{number} {{\n    pub const TEXT: &str = \"{text}\";\n\n{}}}\n", body.concat())
    });
    let numbers = (0..TEXTS.len()).map(|number| format!("c{number}, "));
    let all = format!(
        "\n/// Calls a macro with every module.\nmacro_rules! every {{\n    ($call:ident) => {{ $call!({}) }};\n}}\npub(super) use every;\n",
        numbers.collect::<Vec<_>>().concat().trim_end_matches(", ")
    );
    let file = format!(
        "//! What `Composition::to_rust` prints; written by its test.\n{}{all}",
        modules.collect::<Vec<_>>().concat()
    );
    is_in_the_file("tests/it/notation/emitted.rs", &file);
}
