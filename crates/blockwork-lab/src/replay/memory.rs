//! How much memory the machine can spare.
//!
//! The least of: what the kernel calls available, what the control groups above
//! this process leave, and this process's own limits. A reserve stays untouched.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::{Resource, getrlimit};

/// What is left to everybody else: a twelfth, and never less than this.
const RESERVE: u64 = 64 << 20;

/// Bytes that a candidate may take.
pub fn spare() -> u64 {
    let free = [machine(), groups(), limits()].into_iter().flatten().min().unwrap_or(u64::MAX);
    free.saturating_sub(RESERVE.max(free / 12))
}

/// `MemAvailable`: free, or given up by caches without swapping.
fn machine() -> Option<u64> {
    available(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// What this process may map or write, whichever is less.
fn limits() -> Option<u64> {
    [Resource::As, Resource::Data].into_iter().filter_map(|limit| getrlimit(limit).current).min()
}

/// What the tightest control group leaves, of version 2 or 1.
fn groups() -> Option<u64> {
    let of = fs::read_to_string("/proc/self/cgroup").ok()?;
    of.lines().filter_map(hierarchy).flat_map(|(root, path, files)| left_above(&root, &path, files)).min()
}

/// The files that hold limit, use, and reclaimable cache.
type Files = [&'static str; 3];

/// A line of `/proc/self/cgroup` that is about memory: where its groups are
/// mounted, our group's path, and how its files are called.
fn hierarchy(line: &str) -> Option<(PathBuf, PathBuf, Files)> {
    let mut fields = line.splitn(3, ':');
    let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let (root, files) = match controllers {
        "" => ("/sys/fs/cgroup", ["memory.max", "memory.current", "inactive_file"]),
        names if names.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"])
        }
        _ => return None,
    };
    Some((root.into(), path.trim_start_matches('/').into(), files))
}

/// What each group from `path` up to the root leaves. In a container the path
/// may be that of the host: then only the root is there.
fn left_above(root: &Path, path: &Path, files: Files) -> Vec<u64> {
    path.ancestors().filter_map(|group| left(&root.join(group), files)).collect()
}

fn left(group: &Path, [limit, used, cache]: Files) -> Option<u64> {
    let read = |name: &str| fs::read_to_string(group.join(name)).ok();
    let number = |name: &str| read(name)?.trim().parse::<u64>().ok();
    let (limit, used) = (number(limit)?, number(used)?);
    let reclaimable = || {
        let stat = read("memory.stat")?;
        stat.lines().find_map(|line| line.strip_prefix(cache)?.trim().parse::<u64>().ok())
    };
    Some(limit.saturating_sub(used.saturating_sub(reclaimable().unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_bytes() {
        assert_eq!(available("MemTotal:  99 kB\nMemAvailable:    2 kB\n"), Some(2048));
        assert_eq!(available("MemTotal:  99 kB\n"), None);
    }

    #[test]
    fn a_group_leaves_its_limit_less_its_use_plus_its_cache() {
        let group = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(group.path().join(name), text).unwrap();
        let (_, _, files) = hierarchy("0::/a/b").unwrap();
        write("memory.max", "1000\n");
        write("memory.current", "700\n");
        assert_eq!(left(group.path(), files), Some(300));
        write("memory.stat", "anon 5\ninactive_file 100\n");
        assert_eq!(left(group.path(), files), Some(400));
        write("memory.max", "max\n");
        assert_eq!(left(group.path(), files), None);
    }

    #[test]
    fn groups_of_both_versions_are_found() {
        assert!(hierarchy("0::/user.slice").is_some());
        assert!(hierarchy("5:memory:/docker/x").is_some());
        assert!(hierarchy("4:cpu,cpuacct:/docker/x").is_none());
        assert!(hierarchy("garbage").is_none());
    }
}
