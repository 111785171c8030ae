//! Spellings that have a better replacement, and where each is still right.

use std::{fs, path::Path};

use super::rust_files;

struct Ban {
    spelling: &'static str,
    instead: &'static str,
    /// Path prefixes, from the root, under which the ban holds.
    under: &'static str,
    /// Path prefixes under which it does not.
    except: &'static [&'static str],
}

const BANS: &[Ban] = &[
    Ban {
        spelling: "core::sync::atomic",
        instead: "the `sync` layer, which loom can replace",
        under: "crates/blockwork/src",
        except: &["crates/blockwork/src/sync", "crates/blockwork/src/testing"],
    },
    Ban {
        spelling: "std::sync::atomic",
        instead: "the `sync` layer, which loom can replace",
        under: "crates/blockwork/src",
        except: &["crates/blockwork/src/sync", "crates/blockwork/src/testing"],
    },
    Ban {
        spelling: "rustix::",
        instead: "the `os` layer",
        under: "crates/blockwork/src",
        except: &["crates/blockwork/src/os"],
    },
    Ban {
        spelling: "debug_assert!",
        instead: "`os::check`, which cannot unwind",
        under: "crates/blockwork/src",
        except: &["crates/blockwork/src/math", "crates/blockwork/src/strategy/block.rs"],
    },
    Ban { spelling: concat!("to", "do!"), instead: "finished code", under: "", except: &[] },
    Ban { spelling: concat!("unimple", "mented!"), instead: "finished code", under: "", except: &[] },
    Ban { spelling: concat!("#[ign", "ore"), instead: "a test that runs", under: "", except: &[] },
    Ban { spelling: "super::super", instead: "`crate::`", under: "", except: &[] },
];

/// Every banned spelling under `root`, as `file:line: …`.
pub(super) fn banned(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for file in ["crates", "bench"].iter().flat_map(|dir| rust_files(&root.join(dir))) {
        let relative = file.strip_prefix(root).expect("listed under the root");
        let text = fs::read_to_string(&file).expect("readable source");
        found.extend(banned_in(relative, &text));
    }
    found
}

fn banned_in(file: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for ban in BANS.iter().filter(|ban| applies(ban, file)) {
        for (at, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if code.contains(ban.spelling) {
                found.push(format!("{}:{}: `{}`: use {}", file.display(), at + 1, ban.spelling, ban.instead));
            }
        }
    }
    found
}

fn applies(ban: &Ban, file: &Path) -> bool {
    let own_list = file.ends_with("tidy/spellings.rs");
    !own_list && file.starts_with(ban.under) && !ban.except.iter().any(|place| file.starts_with(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banned_spelling_is_named_with_its_line() {
        let found = banned_in(Path::new("crates/blockwork/src/raw/x.rs"), "\nuse core::sync::atomic::AtomicU64;\n");
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("crates/blockwork/src/raw/x.rs:2:"), "{found:?}");
    }

    #[test]
    fn the_place_that_owns_a_spelling_may_use_it() {
        let text = "use core::sync::atomic::AtomicU64;";
        assert!(banned_in(Path::new("crates/blockwork/src/sync/mod.rs"), text).is_empty());
        assert!(banned_in(Path::new("crates/blockwork-lab/src/x.rs"), text).is_empty());
    }

    #[test]
    fn comments_may_name_what_they_advise_against() {
        assert!(banned_in(Path::new("crates/blockwork/src/raw/x.rs"), "// not core::sync::atomic").is_empty());
    }
}
