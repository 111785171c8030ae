//! The recorder's pieces, called as Rust. That it records is tested on whole
//! programs, in the folder `tests`.

use std::{
    ffi::c_void,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    ptr, thread,
    time::{Duration, SystemTime},
};

use super::{
    PREFIX, is_fit, names, preload, spool, sweep,
    sys::{self, Errno, File, OnFork, PAGE},
};

#[test]
fn calls_are_passed_on_by_a_process_that_is_not_recorded() {
    spool::start();
    let block = names::calloc(3, 7).cast::<u8>();
    // SAFETY: 21 bytes, zeroed.
    assert!(unsafe { std::slice::from_raw_parts(block, 21) }.iter().all(|&byte| byte == 0));
    // SAFETY: live.
    let block = unsafe { names::realloc(block.cast(), 100_000) };
    // SAFETY: live.
    let block = unsafe { names::reallocarray(block, 10, 10) };
    // SAFETY: live.
    unsafe { names::free(block) };
    // SAFETY: null is allowed.
    let block = unsafe { names::realloc(ptr::null_mut(), 5) };
    // SAFETY: live.
    assert!(unsafe { names::realloc(block, 0) }.is_null());
    for (block, alignment) in [
        (names::malloc(1), 16),
        (names::aligned_alloc(64, 128), 64),
        (names::memalign(4096, 1), 4096),
        (names::valloc(1), PAGE),
        (names::pvalloc(1), PAGE),
    ] {
        assert!(!block.is_null() && block.addr().is_multiple_of(alignment));
        // SAFETY: live.
        unsafe { names::free_sized(block, 1) };
    }
    // SAFETY: null is allowed.
    unsafe { names::free_aligned_sized(ptr::null_mut(), 16, 0) };
}

#[test]
fn a_library_is_unloaded_by_who_would_do_it_without_us() {
    // SAFETY: a string with its zero, of a library that is loaded already.
    let library = unsafe { libc::dlopen(c"libc.so.6".as_ptr(), libc::RTLD_NOW) };
    assert!(!library.is_null());
    // SAFETY: open.
    assert_eq!(unsafe { names::dlclose(library) }, 0);
}

#[test]
fn an_address_may_be_looked_at_whatever_it_is() {
    let bytes = *b"here";
    assert_eq!(sys::peek(bytes.as_ptr().expose_provenance()), Ok(bytes));
    assert_eq!(sys::peek::<4>(8), Err(Errno::FAULT));
}

#[test]
fn what_c_refuses_is_refused_in_the_same_way() {
    let mut place = ptr::dangling_mut::<c_void>();
    for alignment in [0, 1, 4, 24] {
        // SAFETY: the place may be written to.
        assert_eq!(unsafe { names::posix_memalign(&raw mut place, alignment, 8) }, libc::EINVAL);
    }
    // SAFETY: the place may be written to.
    assert_eq!(unsafe { names::posix_memalign(&raw mut place, 64, usize::MAX / 2) }, libc::ENOMEM);
    assert_eq!(place, ptr::dangling_mut());
    // SAFETY: the place may be written to.
    assert_eq!(unsafe { names::posix_memalign(&raw mut place, 1 << 20, 8) }, 0);
    assert!(place.addr().is_multiple_of(1 << 20));
    // SAFETY: live, and fails before it is touched.
    assert!(unsafe { names::reallocarray(place, usize::MAX, 2) }.is_null());
    assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::ENOMEM));
    // SAFETY: live.
    unsafe { names::free(place) };
    assert!(names::calloc(usize::MAX, 2).is_null());
}

#[test]
fn every_thread_has_a_slot_of_its_own() {
    assert_eq!(sys::thread_slot(), 0);
    sys::set_thread_slot(7);
    let other = thread::spawn(|| {
        let before = sys::thread_slot();
        sys::set_thread_slot(8);
        (before, sys::thread_slot())
    });
    assert_eq!(other.join().unwrap(), (0, 8));
    assert_eq!(sys::thread_slot(), 7);
    sys::set_thread_slot(0);
}

#[test]
fn system_calls_do_what_they_say() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "x").unwrap();
    let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    let file = File::open(&name).unwrap();
    let about = fs::metadata(&path).unwrap();
    assert_eq!(file.about(), Ok(([about.dev(), about.ino()], about.size())));
    file.reserve(0, 3 * PAGE).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), 3 * PAGE as u64);
    let window = file.map(PAGE, PAGE).unwrap();
    assert_eq!(sys::on_fork(window.as_ptr(), PAGE, OnFork::Absent), Ok(()));
    // SAFETY: mapped to be written to.
    unsafe { window.write(b'y') };
    // SAFETY: not used again.
    unsafe { sys::unmap(window.as_ptr(), PAGE) };
    let bytes = fs::read(&path).unwrap();
    assert_eq!((bytes[0], bytes[PAGE]), (b'x', b'y'));
    assert_eq!(File::open(c"/no/such/file").unwrap_err(), Errno(2));
    assert_eq!(sys::process(), std::process::id());
    let mut path = [0; 4096];
    assert_eq!(sys::executable(&mut path), std::env::current_exe().unwrap().to_str().unwrap().as_bytes());
    assert!(sys::file_limit() > 0);
    let page = sys::map_anonymous(PAGE).unwrap();
    assert_eq!(sys::on_fork(page.as_ptr(), PAGE, OnFork::Zeroed), Ok(()));
    // SAFETY: not used again.
    unsafe { sys::unmap(page.as_ptr(), PAGE) };
    assert_ne!(sys::name(), [0; 4]);
    sys::give_way();
    sys::sleep();
}

#[test]
fn a_preload_of_the_users_stays_behind_ours() {
    let ours = Path::new("/tmp/r.so");
    assert_eq!(preload(ours, None), "/tmp/r.so");
    assert_eq!(preload(ours, Some("".into())), "/tmp/r.so");
    assert_eq!(preload(ours, Some("/lib/x.so /lib/y.so".into())), "/tmp/r.so:/lib/x.so:/lib/y.so");
    assert_eq!(preload(ours, Some("/tmp/blockwork-recorder-x.so:/lib/x.so".into())), "/tmp/r.so:/lib/x.so");
    assert_eq!(preload(ours, Some("/x/libblockwork-recorder.so".into())), "/tmp/r.so");
}

#[test]
fn the_loader_splits_at_spaces_and_colons() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["two words", "a:b"] {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        assert!(!is_fit(&path), "{name}");
    }
    assert!(!is_fit(Path::new("relative")));
    assert!(!is_fit(Path::new("/proc/self/exe")));
}

#[test]
fn only_what_is_old_and_held_by_nobody_is_swept_away() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, age: u64| {
        let file = fs::File::create(directory.path().join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        file
    };
    let held = file(&format!("{PREFIX}held.so"), 3600);
    held.lock_shared().unwrap();
    for name in ["stale.so", "other.txt"] {
        file(&format!("{PREFIX}{name}"), 3600);
    }
    file(&format!("{PREFIX}new.so"), 0);
    file("another.so", 3600);
    fs::create_dir(directory.path().join(format!("{PREFIX}directory.so"))).unwrap();
    sweep(directory.path());
    let left = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut left: Vec<_> = left.map(|name| name.replace(PREFIX, "")).collect();
    left.sort();
    assert_eq!(left, ["another.so", "directory.so", "held.so", "new.so", "other.txt"]);
    drop(held);
    sweep(directory.path());
    assert!(!directory.path().join(format!("{PREFIX}held.so")).exists());
    sweep(Path::new("/no/such/directory"));
}
