//! The results as Markdown.

use std::{fmt::Write as _, path::Path};

use super::{Attack, Outcome, Stand, WIPING};
use crate::malloc::{Table, instructions_of_a_pair, machine, said_by};

/// All that is said; `whole` with what a pair costs.
pub(super) fn text(
    root: &Path,
    attacks: &[Attack],
    stands: &[Stand],
    runs: usize,
    whole: bool,
) -> Result<String, String> {
    let names: Vec<&str> = stands.iter().map(|stand| stand.malloc.name.as_str()).collect();
    let mut text = format!(
        "# Attacks on mallocs\n\n\
         What one run of `cargo xtask attacks` printed: the worst of {runs} runs of each attack, on {}, at {}, {}.\n\
         [What the words mean, and where they mislead](attacks/README.md).\n\n\
         | malloc | version |\n|---|---|\n",
        machine(),
        said_by("git", &["rev-parse", "--short", "HEAD"]),
        said_by("date", &["-u", "+%Y-%m-%d"]),
    );
    for Stand { malloc, .. } in stands {
        writeln!(text, "| {} | {} |", malloc.name, malloc.version).expect("writing to a string");
    }
    text.push('\n');
    text += &by_group(attacks, stands, &names);
    if whole {
        let mallocs: Vec<_> = stands.iter().map(|stand| &stand.malloc).filter(|malloc| malloc.name != WIPING).collect();
        let names: Vec<&str> = mallocs.iter().map(|malloc| malloc.name.as_str()).collect();
        let mallocs: Vec<_> = mallocs.into_iter().cloned().collect();
        let (cells, note) = instructions_of_a_pair(root, &mallocs)?;
        let mut table = Table::new("What it costs", "instructions", &names);
        table.row("a pair of 16 bytes, one live", cells);
        text += &table.finish();
        text += &note;
        text.push('\n');
    }
    text += &by_attack(attacks, stands, &names);
    Ok(text.trim_end().to_owned() + "\n")
}

/// What is stopped of each group: detected + prevented, and what is late.
fn by_group(attacks: &[Attack], stands: &[Stand], names: &[&str]) -> String {
    let mut groups: Vec<&str> = attacks.iter().map(|attack| attack.group.as_str()).collect();
    groups.dedup();
    let mut table = Table::new("Stopped: detected + prevented (late)", "group", names);
    for group in groups.iter().copied().map(Some).chain([None]) {
        let of_group = |attack: &Attack| group.is_none_or(|group| attack.group == group);
        let count = attacks.iter().filter(|attack| of_group(attack)).count();
        let cell = |stand: &Stand| {
            let outcomes = attacks.iter().zip(&stand.outcomes).filter(|(attack, _)| of_group(attack));
            let outcomes: Vec<Outcome> = outcomes.map(|(_, &outcome)| outcome).collect();
            let sum = |wanted| outcomes.iter().filter(|&&outcome| outcome == wanted).count();
            let late = match sum(Outcome::Late) {
                0 => String::new(),
                late => format!(" ({late})"),
            };
            let (detected, prevented) = (sum(Outcome::Detected), sum(Outcome::Prevented));
            format!("{detected} + {prevented}{late}")
        };
        table.row(&format!("{} ({count})", group.unwrap_or("all")), stands.iter().map(cell).collect());
    }
    let mut text = table.finish();
    let all = stands.iter().map(|Stand { malloc, outcomes }| {
        let stopped = outcomes.iter().filter(|outcome| outcome.is_stopped()).count();
        format!("{} {stopped}", malloc.name)
    });
    writeln!(text, "Stopped in all: {}.\n", all.collect::<Vec<_>>().join(", ")).expect("writing to a string");
    text
}

fn by_attack(attacks: &[Attack], stands: &[Stand], names: &[&str]) -> String {
    let columns: Vec<&str> = ["the attacker wants"].iter().chain(names).copied().collect();
    let mut table = Table::new("Each attack", "", &columns);
    for (at, attack) in attacks.iter().enumerate() {
        let outcome = |stand: &Stand| match stand.outcomes[at] {
            Outcome::Missed => "–".to_owned(),
            outcome => outcome.to_string(),
        };
        let cells = std::iter::once(attack.goal.clone()).chain(stands.iter().map(outcome)).collect();
        table.row(&attack.full_name(), cells);
    }
    table.finish()
}
