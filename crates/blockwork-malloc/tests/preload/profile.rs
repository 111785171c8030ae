//! The heap profiles that programs leave, read by others' code: `prost`, from what
//! `profile.proto` says.

use core::ops::Range;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use prost::Message;

use super::{Language, compiled, goes_well, preloaded, text};

#[derive(Message)]
struct Profile {
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Stack>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Message)]
struct Stack {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    memory_start: u64,
    #[prost(uint64, tag = "3")]
    memory_limit: u64,
    #[prost(uint64, tag = "4")]
    file_offset: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
}

#[derive(Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
}

impl Profile {
    /// Where the frames of a stack are in the file `program`, the nearest first.
    fn places(&self, stack: &Stack, program: &Path) -> Vec<u64> {
        let places = stack.location_id.iter().filter_map(|id| {
            let place = self.location.iter().find(|place| place.id == *id).unwrap();
            let file = self.mapping.iter().find(|mapping| mapping.id == place.mapping_id)?;
            assert!((file.memory_start..file.memory_limit).contains(&place.address));
            let name = self.string_table.get(usize::try_from(file.filename).unwrap()).unwrap();
            (Path::new(name) == program).then(|| place.address - file.memory_start + file.file_offset)
        });
        places.collect()
    }

    /// Blocks whose size is in `sizes`, and whether all of them are from the function at `caller`.
    fn blocks(&self, sizes: Range<i64>, caller: &Range<u64>, program: &Path) -> i64 {
        let mut blocks = 0;
        for stack in &self.sample {
            let &[count, bytes] = &stack.value[..] else { panic!("two values") };
            if count != 0 && sizes.contains(&(bytes / count)) {
                let places = self.places(stack, program);
                assert!(places.first().is_some_and(|place| caller.contains(place)), "{places:x?} {caller:x?}");
                blocks += count;
            }
        }
        blocks
    }
}

/// Where `function` is in the file `program`.
fn function(program: &Path, function: &str) -> Range<u64> {
    let symbols = text(&Command::new("nm").args(["-S"]).arg(program).output().unwrap().stdout);
    let line = symbols.lines().find(|line| line.ends_with(&format!(" {function}"))).unwrap();
    let number = |word: &str| u64::from_str_radix(word, 16).unwrap();
    let mut words = line.split(' ');
    let (start, len) = (number(words.next().unwrap()), number(words.next().unwrap()));
    start..start + len
}

/// The profiles in `folder`, by their names.
fn profiles(folder: &Path) -> Vec<(PathBuf, Profile)> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |file: PathBuf| (file.clone(), Profile::decode(fs::read(&file).unwrap().as_slice()).unwrap());
    files.filter(|file| file.extension().is_some_and(|end| end == "pb")).map(read).collect()
}

#[test]
fn a_heap_profile_says_who_holds_what_with_threads_and_in_a_child() {
    let program = compiled("profile.c", Language::C11).canonicalize().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("profiles");
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let signal = libc::SIGUSR1.to_string();
    let mut command = preloaded(&program, &[&signal], "");
    command.current_dir(&folder).env("BLOCKWORK_PROFILE", "heap").env("BLOCKWORK_SAMPLE", "64K");
    command.env("BLOCKWORK_PROFILE_SIGNAL", signal);
    goes_well(command);

    let [small, middle, large] = ["hold_small", "hold_middle", "hold_large"].map(|name| function(&program, name));
    let mut counts = Vec::new();
    for (file, profile) in profiles(&folder) {
        assert_eq!(profile.period, 64 << 10, "{file:?}");
        // Of the programs that start this one there are files, too.
        let larges = profile.blocks(39 << 20..41 << 20, &large, &program);
        if larges != 0 {
            assert_eq!(larges, 3, "{file:?}");
            let middles = profile.blocks(5000..6000, &middle, &program);
            assert!((2600..5400).contains(&middles), "{file:?}: 4000 were held, not {middles}");
            counts.push((file, profile.blocks(100..113, &small, &program)));
        }
    }
    // When the signal came, when the program asked, at the end of the child and of the program.
    counts.sort_by_key(|&(_, count)| count);
    let (of_child, others) = counts.split_first().unwrap();
    assert_eq!(others.len(), 3, "{counts:?}");
    assert!((17_000..83_000).contains(&of_child.1), "{of_child:?}");
    for (file, count) in others {
        // Of 100,000 some 170 are sampled: one in three times within 8 %.
        assert!((50_000..150_000).contains(count), "{file:?}: {count}");
    }
}
