//! What is expected of this library's own two builds: `bench/attacks/expected.txt`.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use super::{Attack, Outcome, compile, list, worst};
use crate::peers;

const EXPECTED: &str = "bench/attacks/expected.txt";
/// What is left to chance shows in some of these; a check that is made often can do with less.
const RUNS_BLESSED: usize = 20;
const RUNS_CHECKED: usize = 2;

/// Blocks lie at random: what is written beyond the end of one may hit memory that nobody has, and be
/// prevented where it would have been detected.
const BY_CHANCE: usize = 3;

/// How an attack ends under the plain malloc, and under the hardened one.
type Pair = (Outcome, Outcome);

/// Whether each attack ends as expected.
pub(crate) fn check(root: &Path) -> Result<(), String> {
    let attacks = outcomes(root, RUNS_CHECKED)?;
    let expected = fs::read_to_string(root.join(EXPECTED)).map_err(|error| format!("{EXPECTED}: {error}"))?;
    let expected = parsed(&expected)?;
    notices(&expected)?;
    let wrong = differences(&attacks, &expected);
    println!("    {} attacks on two builds", attacks.len());
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\nmeant? cargo xtask attacks --check --bless", wrong.join("\n")))
    }
}

/// Writes down how each attack ends.
pub(crate) fn bless(root: &Path) -> Result<(), String> {
    let attacks = outcomes(root, RUNS_BLESSED)?;
    let mut text =
        "# How each attack ends under `Malloc` and `HardenedMalloc`: `cargo xtask attacks --check --bless`.\n"
            .to_owned();
    for (name, (plain, hardened)) in &attacks {
        writeln!(text, "{plain:<10} {hardened:<10} {name}").map_err(|error| error.to_string())?;
    }
    fs::write(root.join(EXPECTED), text).map_err(|error| format!("{EXPECTED}: {error}"))
}

fn outcomes(root: &Path, runs: usize) -> Result<Vec<(String, Pair)>, String> {
    let plain = peers::own(root)?.ok_or("there is no malloc of this library's to attack")?;
    let hardened = peers::own_hardened(&plain);
    let program = compile(root)?;
    let both = |attack: &Attack| {
        let ends = |malloc| worst(&program, malloc, attack, runs);
        Ok((attack.full_name(), (ends(&plain)?, ends(&hardened)?)))
    };
    list(root, &program)?.iter().map(both).collect()
}

fn parsed(text: &str) -> Result<BTreeMap<String, Pair>, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        let (plain, hardened) = words.next().zip(words.next()).ok_or_else(|| format!("`{line}` has no outcomes"))?;
        Ok((words.collect::<Vec<_>>().join(" "), (plain.parse()?, hardened.parse()?)))
    };
    lines.map(pair).collect()
}

/// Fails unless attacks of most kinds reach their goals where nothing is in their way: attacks that always fail prove nothing.
fn notices(expected: &BTreeMap<String, Pair>) -> Result<(), String> {
    let group = |name: &str| name.split(':').next().unwrap_or_default().to_owned();
    let mut told: BTreeMap<String, bool> = BTreeMap::new();
    for (name, (plain, hardened)) in expected {
        *told.entry(group(name)).or_default() |= *plain == Outcome::Missed && hardened.is_stopped();
    }
    // Nobody has an executable heap, or gives more than there is.
    let untold: Vec<_> =
        told.iter().filter(|(group, told)| !**told && *group != "requests").map(|(group, _)| group.as_str()).collect();
    if untold.is_empty() { Ok(()) } else { Err(format!("no attack tells the two builds apart: {}", untold.join(", "))) }
}

/// The attacks that do not end as expected: under the hardened malloc no longer stopped, or fewer of all
/// detected than chance explains; and under the plain one missed where it was not, or not missed where
/// it was: then it may no longer be an attack.
fn differences(found: &[(String, Pair)], expected: &BTreeMap<String, Pair>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, (plain, hardened)) in found {
        match expected.get(name) {
            None => wrong.push(format!("{name}: not in {EXPECTED}")),
            Some((was, _)) if (*plain == Outcome::Missed) != (*was == Outcome::Missed) => {
                wrong.push(format!("{name}: plain {plain}, expected {was}"))
            }
            Some((_, was)) if hardened > was && !hardened.is_stopped() => {
                wrong.push(format!("{name}: hardened {hardened}, expected {was}"));
            }
            Some(_) => {}
        }
    }
    let prevented: Vec<_> = found
        .iter()
        .filter(|(name, (_, hardened))| {
            *hardened == Outcome::Prevented && expected.get(name).is_some_and(|(_, was)| *was == Outcome::Detected)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if prevented.len() > BY_CHANCE {
        wrong.push(format!("hardened prevented, expected detected: {}", prevented.join(", ")));
    }
    let gone = expected.keys().filter(|name| !found.iter().any(|(found, _)| found == *name));
    wrong.extend(gone.map(|name| format!("{name}: no such attack")));
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use Outcome::{Detected, Missed, Prevented};

    const LINES: &str = "# comment\nmissed     detected   frees: small, twice\nprevented  prevented  frees: none\n";

    #[test]
    fn a_mistake_that_is_no_longer_noticed_is_a_difference() {
        let expected = parsed(LINES).unwrap();
        let found = |twice, none| [("frees: small, twice".to_owned(), twice), ("frees: none".to_owned(), none)];
        let fine = (Prevented, Prevented);
        assert!(differences(&found((Missed, Detected), fine), &expected).is_empty());
        // The hardened malloc has become the plain one.
        assert_eq!(differences(&found((Missed, Missed), fine), &expected).len(), 1);
        // The attack has lost its bite.
        assert_eq!(differences(&found((Prevented, Detected), fine), &expected).len(), 1);
        // Better by chance is no harm.
        assert!(differences(&found((Missed, Detected), (Prevented, Detected)), &expected).is_empty());
        assert_eq!(differences(&found((Missed, Detected), fine)[..1], &expected).len(), 1);
    }

    #[test]
    fn a_few_detections_may_be_preventions_by_chance_and_no_more() {
        let named = |number: usize| format!("overflow: {number}");
        let expected = (0..=BY_CHANCE).map(|number| (named(number), (Missed, Detected))).collect();
        let mut found: Vec<_> = (0..=BY_CHANCE).map(|number| (named(number), (Missed, Prevented))).collect();
        assert_eq!(differences(&found, &expected).len(), 1);
        found[0].1.1 = Detected;
        assert!(differences(&found, &expected).is_empty());
    }

    #[test]
    fn attacks_that_never_succeed_are_noticed() {
        assert!(notices(&parsed(LINES).unwrap()).is_ok());
        assert!(notices(&parsed("prevented  detected   frees: small\n").unwrap()).is_err());
        assert!(notices(&parsed("missed     missed     frees: small\n").unwrap()).is_err());
    }
}
