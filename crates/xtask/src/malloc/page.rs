//! The page of results and its pictures.

use std::{fmt::Write as _, fs, path::Path};

use super::{
    REFERENCE, RESULTS,
    bars::{self, OWN, groups, means, of_group},
    pairs, probes,
    report::{by_groups, by_workloads, disturbance, two_columns},
    results::{Results, Runs},
    statistics::median,
};
use crate::picture::{Front, Panel, Spot};

const PICTURES: &str = "bench/pictures";
const FRONT: &str = "malloc-front.svg";

/// Writes the page, and the pictures that it shows.
pub(super) fn write(root: &Path, results: &Results) -> Result<(), String> {
    let folder = root.join(PICTURES);
    fs::create_dir_all(&folder).map_err(|error| format!("{PICTURES}: {error}"))?;
    if let Some(front) = front(results) {
        fs::write(folder.join(FRONT), front.draw()).map_err(|error| format!("{FRONT}: {error}"))?;
    }
    fs::write(root.join(RESULTS), text(results)).map_err(|error| format!("{RESULTS}: {error}"))?;
    println!("{RESULTS} and {PICTURES}/{FRONT} are written");
    Ok(())
}

/// The whole page.
pub(super) fn text(results: &Results) -> String {
    let mut text = String::from(
        "# Mallocs side by side\n\n\
         Whole programs, each malloc preloaded in turn. [How it is measured, and where the numbers mislead](malloc/README.md). \
         A ratio below 1 is better; behind `±` is half the range of the middle half of the passes.\n\n",
    );
    text += &two_columns(&results.about, ["run", ""]);
    text += &two_columns(&results.mallocs, ["malloc", "version"]);
    for failed in &results.failed {
        writeln!(text, "- failed, and left out: {failed}").expect("writing to a string");
    }
    if !results.failed.is_empty() {
        text.push('\n');
    }
    text += &disturbance(&results.runs);
    text += &bars::table(results);
    text += &standing(results);
    match results.place(REFERENCE) {
        Some(reference) if !results.runs.is_empty() => text += &by_groups(results, reference),
        None => text += &format!("Without {REFERENCE} there is nothing to compare with.\n\n"),
        Some(_) => {}
    }
    text += &probes::table(&results.probes, &results.names());
    text += &pairs::table(&results.pairs, &results.names());
    if let Some(reference) = results.place(REFERENCE) {
        text += &by_workloads(results, reference);
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// Time against peak memory, for each group.
fn front(results: &Results) -> Option<Front> {
    let reference = results.place(REFERENCE).filter(|_| !results.runs.is_empty())?;
    let panel = |group: &String| {
        let runs = of_group(results, group);
        let of = |at, value: fn(&Runs, usize, usize) -> f64| median(means(&runs, at, reference, value));
        let spot = |(at, (name, _)): (usize, &(String, String))| Spot {
            name: name.clone(),
            is_ours: name == OWN,
            x: of(at, Runs::time),
            y: of(at, Runs::peak),
        };
        Panel {
            title: format!(
                "{} ({})",
                described(group),
                match runs.len() {
                    1 => "1 workload".to_owned(),
                    many => format!("{many} workloads"),
                }
            ),
            spots: results.mallocs.iter().enumerate().map(spot).collect(),
        }
    };
    Some(Front {
        title: "Mallocs: time against peak memory".to_owned(),
        subtitle: format!(
            "Geometric means over the workloads of a group, divided by {REFERENCE}'s; further down and further left is better. \
             Nobody beats those on the dotted line in both."
        ),
        x_title: format!("time / {REFERENCE}"),
        y_title: format!("peak memory / {REFERENCE}"),
        panels: groups(results).iter().map(panel).collect(),
    })
}

fn described(group: &str) -> &str {
    match group {
        "app" => "Applications",
        "single" => "One thread",
        "private" => "Threads that share nothing",
        "cross" => "Blocks freed by other threads",
        "all" => "All",
        other => other,
    }
}

/// Where ours stands on that front, in words.
fn standing(results: &Results) -> String {
    let Some(front) = front(results) else { return String::new() };
    let mut text = format!(
        "## Time against peak memory\n\n\
         ![Time against peak memory of each malloc, by group](pictures/{FRONT})\n\n\
         | group | nobody beats in both | least time | least memory | {OWN}: time, memory | of the least |\n|---|---|---|---|---|---|\n"
    );
    let (mut everywhere, mut least_of_all): (Vec<&str>, Vec<&str>) = (Vec::new(), results.names());
    for panel in &front.panels {
        let least = |of: fn(&Spot) -> f64| panel.spots.iter().min_by(|a, b| of(a).total_cmp(&of(b)));
        let (Some(fastest), Some(smallest)) = (least(|spot| spot.x), least(|spot| spot.y)) else { continue };
        least_of_all.retain(|name| *name == fastest.name && *name == smallest.name);
        let names: Vec<String> = panel
            .front()
            .iter()
            .map(|spot| if spot.is_ours { format!("**{}**", spot.name) } else { spot.name.clone() })
            .collect();
        if panel.front().iter().any(|spot| spot.is_ours) {
            everywhere.push(&panel.title);
        }
        let own = panel.spots.iter().find(|spot| spot.is_ours);
        let (own, share) = own.map_or_else(
            || ("–".to_owned(), "–".to_owned()),
            |own| {
                let share = format!("{:.2}, {:.2}", own.x / fastest.x, own.y / smallest.y);
                (format!("{:.2}, {:.2}", own.x, own.y), share)
            },
        );
        let (fast, small) =
            (format!("{} {:.2}", fastest.name, fastest.x), format!("{} {:.2}", smallest.name, smallest.y));
        writeln!(text, "| {} | {} | {fast} | {small} | {own} | {share} |", panel.title, names.join(", "))
            .expect("writing to a string");
    }
    let all = match least_of_all.as_slice() {
        [] => "No malloc has the least time and the least memory of every group at once.".to_owned(),
        [one, ..] => format!("{one} has the least time and the least memory of every group at once."),
    };
    let panels = front.panels.len();
    let own = match everywhere.len() {
        _ if results.place(OWN).is_none() => String::new(),
        0 => format!(" {OWN} is beaten in both by somebody in every group."),
        here if here == panels => format!(" {OWN} is on the front of every group: nobody beats it in both."),
        here => format!(" {OWN} is on the front of {here} of {panels}."),
    };
    text + &format!("\n{all}{own}\n\n")
}

#[cfg(test)]
mod tests {
    use super::{super::results::tests::two, *};

    #[test]
    fn a_page_is_made_of_what_was_measured() {
        let page = text(&two());
        assert!(page.contains("## The bars"), "{page}");
        assert!(page.contains("blockwork is on the front of every group"), "{page}");
        assert!(page.contains("| one live, 16 B | 44 | 32 |"), "{page}");
        assert!(!page.contains("NaN"), "{page}");
        let picture = front(&two()).unwrap().draw();
        assert!(picture.contains("Applications (1 workload)") && !picture.contains("NaN"), "{picture}");
    }
}
