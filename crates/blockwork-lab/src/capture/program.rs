//! Finds the program, and says beforehand if it cannot be recorded.

use std::{
    env,
    ffi::{CString, OsStr},
    fs::File,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

use object::{
    Endianness, ReadCache,
    elf::{EM_X86_64, FileHeader64},
    read::elf::{FileHeader, ProgramHeader},
};

use super::Failure;

/// `env`, `timeout` and shells agree on these.
pub const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Finds `typed` as the system will, and refuses what cannot be recorded.
pub fn check(typed: &OsStr) -> Result<PathBuf, Failure> {
    let path = find(typed)?;
    inspect(&path, &path, 0)?;
    Ok(path)
}

/// Looks `typed` up in `PATH`, unless it is a path already.
fn find(typed: &OsStr) -> Result<PathBuf, Failure> {
    let shown = typed.to_string_lossy();
    if typed.as_bytes().contains(&b'/') {
        let path = PathBuf::from(typed);
        return match path.metadata() {
            Err(error) => Err(Failure::new(NOT_FOUND, format!("cannot find {shown}: {error}"))),
            Ok(about) if about.is_dir() => Err(Failure::new(CANNOT_RUN, format!("{shown} is a directory"))),
            Ok(_) if !is_executable(&path) => Err(Failure::new(
                CANNOT_RUN,
                format!("{shown} is not executable; chmod +x it, or name its interpreter"),
            )),
            Ok(_) => Ok(path),
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join(typed));
    let mut found = found.filter(|path| !typed.is_empty() && path.is_file());
    found
        .find(|path| is_executable(path))
        .ok_or_else(|| Failure::new(NOT_FOUND, format!("cannot find the program {shown} in PATH")))
}

fn is_executable(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: a string with its zero.
    unsafe { libc::access(path.as_ptr(), libc::X_OK) == 0 }
}

/// Refuses `path` if the recorder cannot be loaded into it. `program` is what
/// was asked for: `path` may be the interpreter of a script.
fn inspect(program: &Path, path: &Path, depth: u32) -> Result<(), Failure> {
    const INTERPRETERS_MAX: u32 = 4; // as the system has it
    // Executable but not readable: the loader will know.
    let Ok(file) = File::open(path) else { return Ok(()) };
    let mut start = [0; 256];
    let length = file.read_at(&mut start, 0).unwrap_or(0);
    match &start[..length] {
        [b'#', b'!', line @ ..] if depth < INTERPRETERS_MAX => {
            let line = line.split(|&byte| byte == b'\n').next().unwrap_or_default().trim_ascii_start();
            let interpreter = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
            let interpreter = Path::new(OsStr::from_bytes(interpreter));
            exists(path, interpreter, "interpreter")?;
            inspect(program, interpreter, depth + 1)
        }
        [0x7f, b'E', b'L', b'F', ..] => inspect_elf(program, path, file),
        _ => Ok(()),
    }
}

fn inspect_elf(program: &Path, path: &Path, file: File) -> Result<(), Failure> {
    let name = if program == path {
        path.display().to_string()
    } else {
        format!("{}, which runs {},", path.display(), program.display())
    };
    let refuse = |why: &str| Err(Failure::own(format!("{name} {why}")));
    let uid = file.metadata().map(|about| (about.mode(), about.uid(), about.gid()));
    if let Ok((mode, owner, group)) = uid
        && gains_rights(mode, owner, group)
    {
        return refuse(
            "is set-user-id or set-group-id: the system loads no recorder into it. Record it as the user it runs as, \
             or a copy without the mode bit",
        );
    }
    let data = ReadCache::new(file);
    let Ok(header) = FileHeader64::<Endianness>::parse(&data) else {
        return refuse("is not a 64-bit program: the recorder is, and cannot be loaded into it");
    };
    let Ok(endian) = header.endian() else { return Ok(()) };
    if header.e_machine(endian) != EM_X86_64 {
        return refuse("is a program for another processor: the recorder cannot be loaded into it");
    }
    let Ok(segments) = header.program_headers(endian, &data) else { return Ok(()) };
    let loader = segments.iter().find_map(|segment| segment.interpreter(endian, &data).ok().flatten());
    match loader {
        None => refuse(
            "is statically linked: it loads no libraries, so none can see its calls of malloc. Link it dynamically \
             (Rust: build for a -gnu target without +crt-static; Go: the heap is Go's own and is not malloc's)",
        ),
        Some(loader) if loader.windows(7).any(|part| part == b"ld-musl") => {
            refuse("is linked with musl: the recorder needs glibc. Build it for a -gnu target")
        }
        Some(loader) => exists(path, Path::new(OsStr::from_bytes(loader)), "loader"),
    }
}

/// Refuses `path` if `what` the system would run it with is not there; its own
/// message would not say which file it is that it cannot find.
fn exists(path: &Path, other: &Path, what: &str) -> Result<(), Failure> {
    if other.as_os_str().is_empty() || other.exists() {
        return Ok(());
    }
    let (path, other) = (path.display(), other.display());
    Err(Failure::new(CANNOT_RUN, format!("cannot run {path}: its {what} {other} does not exist")))
}

/// Whether a program runs with more rights than whoever starts it.
fn gains_rights(mode: u32, owner: u32, group: u32) -> bool {
    // SAFETY: always allowed.
    let user = unsafe { libc::getuid() };
    // SAFETY: always allowed.
    let own_group = unsafe { libc::getgid() };
    let set_user = mode & libc::S_ISUID != 0 && owner != user;
    let set_group = mode & libc::S_ISGID != 0 && mode & libc::S_IXGRP != 0 && group != own_group;
    set_user || set_group
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn script(directory: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn what_is_not_there_or_not_a_program_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let plain = script(directory.path(), "plain", "", 0o644);
        let refused = |typed: &Path| check(typed.as_os_str()).unwrap_err();
        assert_eq!(refused(Path::new("/no/such/program")).code, NOT_FOUND);
        assert_eq!(refused(Path::new("no-such-program-either")).code, NOT_FOUND);
        assert_eq!(refused(Path::new("")).code, NOT_FOUND);
        assert_eq!(refused(directory.path()).code, CANNOT_RUN);
        assert_eq!(refused(&plain).code, CANNOT_RUN);
    }

    #[test]
    fn a_script_is_judged_by_its_interpreter() {
        let directory = tempfile::tempdir().unwrap();
        // An ELF header of a 64-bit program with no segments: static.
        let mut elf = vec![0; 64];
        elf[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        elf[16..20].copy_from_slice(&[2, 0, 62, 0]);
        elf[20] = 1;
        elf[52] = 64;
        let fixed = directory.path().join("static");
        fs::write(&fixed, &elf).unwrap();
        fs::set_permissions(&fixed, fs::Permissions::from_mode(0o755)).unwrap();
        let text = format!("#! {} -x\n", fixed.display());
        let one = script(directory.path(), "one", &text, 0o755);
        for program in [&fixed, &one] {
            let failure = check(program.as_os_str()).unwrap_err();
            assert!(failure.message.contains("statically linked"), "{}", failure.message);
        }
        let lost = script(directory.path(), "lost", "#!/no/such/interpreter -e\n", 0o755);
        let failure = check(lost.as_os_str()).unwrap_err();
        assert_eq!(failure.code, CANNOT_RUN);
        assert!(
            failure.message.ends_with("its interpreter /no/such/interpreter does not exist"),
            "{}",
            failure.message
        );
        let fine = script(directory.path(), "fine", "#!/bin/sh\n", 0o755);
        assert!(check(fine.as_os_str()).is_ok());
    }

    #[test]
    fn rights_are_gained_only_from_others() {
        // SAFETY: always allowed.
        let user = unsafe { libc::getuid() };
        // SAFETY: always allowed.
        let group = unsafe { libc::getgid() };
        assert!(!gains_rights(0o755, user + 1, group + 1));
        assert!(!gains_rights(0o6755, user, group));
        assert!(gains_rights(0o4755, user + 1, group));
        assert!(gains_rights(0o2755, user, group + 1));
    }
}
