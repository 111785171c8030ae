//! Files as heaptrack writes them, shortened, cut and spoilt.

use crate::{
    import::testing::{ops, read},
    trace::{Damage, Kind},
};

/// As heaptrack 1.4 writes it with `--raw`, shortened.
const RAW: &str = "v 10400 3
x 10 /tmp/a program/a
X ./a b c
I 1000 5e298d
m 1 -
m 1 x 556344511000 0 7a8 1000 28d
t 7ff05828fb9f 0
+ 11c00 1 556378b25530
t 5563445120e0 1
+ 64 2 556378b371d0
- 556378b371d0
+ 0 2 556378b371d0
- 123456
- 556378b25530
c 0
R 3bd
";

/// As heaptrack 1.4 writes it.
const INTERPRETED: &str = "v 10400 3
X ./mt b c
I 1000 5e298d
s 1 a
s 4 main
s 3 a.c
s 5 start
i 5620c63fc0bf 1 4
i 5620c63fc1bf 1 2 3 2a
t 1 0
t 2 1
a 64 2
+ 0
+ 0
- 0
a 1388 2
+ 1
- 0
- 0
c 0

# strings: 1
";

#[test]
fn a_raw_file_is_read_as_it_happened() {
    let trace = read(RAW);
    assert_eq!((trace.damage.as_ref(), trace.name.as_str()), (None, "a"));
    assert_eq!(trace.images[0].path, "/tmp/a program/a");
    let expected = [
        (Kind::Allocate, 0, 0x11c00),
        (Kind::Allocate, 1, 0x64),
        (Kind::Free, 1, 0),
        (Kind::Allocate, 1, 0),
        (Kind::Free, 0, 0),
    ];
    assert_eq!(ops(&trace), expected);
    assert_eq!(trace.tally.totals().strays, 1);
}

#[test]
fn an_interpreted_file_is_read_with_guesses_which_are_told() {
    let trace = read(INTERPRETED);
    assert_eq!((trace.damage.as_ref(), trace.name.as_str()), (None, "mt"));
    let expected = [
        (Kind::Allocate, 0, 0x64),
        (Kind::Allocate, 1, 0x64),
        (Kind::Free, 0, 0),
        (Kind::Allocate, 0, 0x1388),
        (Kind::Free, 1, 0),
    ];
    assert_eq!(ops(&trace), expected);
    assert_eq!(trace.tally.totals().strays, 1);
    let who = |op| trace.sites.frames(trace.sites.of(op)).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(who(0), ["main at a.c:42", "start in a"]);
    assert!(trace.notes[1].contains("50 % of the frees"), "{:?}", trace.notes);
}

#[test]
fn packed_files_are_read_and_cut_ones_up_to_there() {
    let packed = zstd::bulk::compress(RAW.as_bytes(), 3).unwrap();
    assert_eq!(read(&packed).ops, read(RAW).ops);
    let cut = read(&packed[..packed.len() - 3]);
    assert_eq!(cut.damage, Some(Damage::Truncated));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, INTERPRETED.as_bytes()).unwrap();
    assert_eq!(read(gzip.finish().unwrap()).ops, read(INTERPRETED).ops);
}

#[test]
fn cut_anywhere_the_beginning_is_read() {
    for file in [RAW, INTERPRETED] {
        let whole = read(file).ops;
        for length in 0..file.len() {
            let trace = read(&file[..length]);
            assert!(whole.starts_with(&trace.ops), "{length}");
            assert!(trace.damage.is_some() || file[..length].ends_with('\n'), "{length}");
        }
    }
}

#[test]
fn what_contradicts_the_format_is_named() {
    for (line, what) in [
        ("v 20000 4", "version"),
        ("+ 7", "unknown kind"),
        ("+ 7 1", "two numbers"),
        ("+", "no number"),
        ("- x", "no number"),
    ] {
        let trace = read(format!("v 10400 3\n{line}\n"));
        let damage = trace.damage.unwrap();
        assert!(matches!(damage, Damage::Line { line: 2, .. }) && damage.to_string().contains(what), "{damage:?}");
    }
    let huge = read("v 10400 3\n+ ffffffffffffffff 1 10\n");
    assert!(matches!(huge.damage, Some(Damage::Inconsistent { .. })), "{:?}", huge.damage);
}
