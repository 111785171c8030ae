//! `blockwork report`, looked at in a browser, and the verbs around it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::support::{Bench, Run, skip};

fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("recordings").join(name).with_extension("bwrec")
}

/// Writes a report of a recording that ships, and returns what is in it.
fn reported(bench: &Bench, name: &str, more: &[&str]) -> String {
    let run = Run::of(bench.blockwork().args(["report", "-o", "r.html"]).args(more).arg(shipped(name)));
    assert_eq!(run.code, Some(0), "{run:?}");
    run.says(&["next: xdg-open r.html"]);
    fs::read_to_string(bench.path().join("r.html")).unwrap()
}

/// A browser without a window.
fn browser() -> Option<&'static str> {
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success()));
    if found.is_none() {
        skip("no chromium");
    }
    found
}

/// What a page says of itself in its title once a browser has drawn it, and
/// what the browser complains of.
fn looked_at(browser: &str, directory: &Path, page: &str, options: &[&str]) -> (Value, String) {
    const LOOK: &str = r#"<script>addEventListener("load", () => {
        const colour = (element, what) => getComputedStyle(element)[what];
        const pictures = [...document.querySelectorAll("svg")].filter((svg) => svg.getBoundingClientRect().width > 0);
        const strokes = new Set([...document.querySelectorAll("svg .heat")].map((path) => colour(path, "stroke")));
        document.title = JSON.stringify({
            paper: colour(document.body, "backgroundColor"), ink: colour(document.body, "color"),
            pictures: pictures.length, empty: pictures.filter((svg) => !svg.querySelector("path, rect, circle")).length,
            shades: strokes.size, isScripted: document.documentElement.classList.contains("scripted"),
            tooWide: document.documentElement.scrollWidth > innerWidth,
            loads: performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:")),
        });
    });</script></body>"#;
    fs::write(directory.join("looked-at.html"), page.replace("</body>", LOOK)).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=3000"])
        .arg(format!("--user-data-dir={}", directory.join("browser").display()))
        .args(options)
        .args(["--dump-dom"])
        .arg(format!("file://{}", directory.join("looked-at.html").display()))
        .output()
        .unwrap();
    let (page, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let title = page.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map(|(title, _)| title);
    let console = said.lines().filter(|line| line.contains("CONSOLE")).collect::<Vec<_>>().join("\n");
    let title = title.unwrap_or_else(|| panic!("{said}")).replace("&amp;", "&");
    (serde_json::from_str(&title).unwrap_or_else(|error| panic!("{error}: {title}: {said}")), console)
}

/// How bright a colour is, of 255.
fn brightness(colour: &Value) -> u32 {
    let digits = colour.as_str().unwrap().trim_start_matches(|c: char| !c.is_ascii_digit()).trim_end_matches(')');
    let parts: Vec<u32> = digits.split(',').take(3).map(|part| part.trim().parse().unwrap()).collect();
    parts.iter().sum::<u32>() / 3
}

#[test]
fn a_browser_shows_every_picture_in_both_colour_schemes_and_has_nothing_to_complain_of() {
    let Some(browser) = browser() else { return };
    let bench = Bench::new();
    let page = reported(&bench, "cc1plus", &["--runs", "1"]);
    let mut papers = Vec::new();
    for (scheme, setting) in [("dark", "preferredColorScheme=0"), ("light", "preferredColorScheme=1")] {
        for window in ["--window-size=1200,900", "--window-size=500,900"] {
            let options = [window, &format!("--blink-settings={setting}")];
            let (look, console) = looked_at(browser, bench.path(), &page, &options);
            assert_eq!(console, "", "{scheme}");
            assert_eq!((&look["isScripted"], &look["tooWide"]), (&Value::from(true), &Value::from(false)), "{look}");
            assert!(look["pictures"].as_u64() >= Some(6) && look["empty"] == 0, "{look}");
            assert!(look["shades"].as_u64() >= Some(6), "{look}");
            assert_eq!(look["loads"], Value::Array(vec![]), "{look}");
            let (paper, ink) = (brightness(&look["paper"]), brightness(&look["ink"]));
            assert!(paper.abs_diff(ink) > 150, "{scheme}: {look}");
            papers.push(paper);
        }
    }
    assert!(papers[0] < 60 && papers[2] > 200, "{papers:?}");
}

#[test]
fn a_report_is_one_small_file_that_loads_nothing() {
    let bench = Bench::new();
    let page = reported(&bench, "python3", &["--runs", "0"]);
    assert!(page.len() < 5 << 20, "{}", page.len());
    for load in [" src=", "http:", "https:", "@import", "url(", "fetch("] {
        assert!(!page.contains(load), "{load}");
    }
    for part in ["Memory over time", "Sizes over time", "Lifetimes", "Threads", "Call sites", "Method", "Not replayed"]
    {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn a_report_draws_what_compare_printed() {
    let bench = Bench::new();
    let run = Run::of(bench.blockwork().args(["compare", "--json", "--runs", "1"]).arg(shipped("cc1plus")));
    fs::write(bench.path().join("c.json"), &run.out).unwrap();
    let page = reported(&bench, "cc1plus", &["--results", "c.json"]);
    let best: Value = serde_json::from_str(&run.out).unwrap();
    let text = best["verdict"]["text"].as_str().unwrap().split([':', '<', '\'']).next().unwrap();
    assert!(page.contains(text), "{text}");
    let run = Run::of(bench.blockwork().args(["report", "--results", "r.html"]).arg(shipped("cc1plus")));
    assert_eq!(run.code, Some(125), "{run:?}");
    run.says(&["r.html is not what `blockwork compare --json` prints"]);
}

#[test]
fn a_report_draws_what_tune_printed() {
    let bench = Bench::new();
    let part = |ns: f64, held: u64| serde_json::json!({"net_ns_per_event": ns, "peak_held_bytes": held});
    let spec = "memo(quad 16..1M) over system";
    let tuned = serde_json::json!({
        "compositions_tried": 31, "today": [part(40.0, 9_000_000), part(41.0, 9_100_000)],
        "front": [{"spec": spec, "tuned": part(20.0, 9_200_000), "checked": part(21.0, 9_300_000), "helps": [true, true]}],
        "verdict": {"best": spec, "text": "It helps."},
    });
    fs::write(bench.path().join("t.json"), tuned.to_string()).unwrap();
    let page = reported(&bench, "cc1plus", &["--runs", "0", "--tuned", "t.json"]);
    for part in ["31 compositions were tried", "It helps.", "pub type Heap = Memo", "cuts its classes"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn several_recordings_are_chapters_of_one_report() {
    let bench = Bench::new();
    let files = ["python3", "cc1plus"].map(shipped);
    let run = Run::of(bench.blockwork().args(["report", "--json", "--runs", "0", "-o", "r.html"]).args(files));
    let said: Value = serde_json::from_str(&run.out).unwrap();
    let page = fs::read_to_string(bench.path().join("r.html")).unwrap();
    assert_eq!((said["report"].as_str(), said["bytes"].as_u64()), (Some("r.html"), Some(page.len() as u64)));
    assert!(page.contains("<h1>python3</h1>") && page.contains("<h1>cc1plus</h1>") && page.contains("href=\"#r1\""));
}

#[test]
fn what_cannot_be_read_or_written_is_said_and_nothing_is_lost() {
    let bench = Bench::new();
    fs::write(bench.path().join("r.html"), "precious").unwrap();
    fs::write(bench.path().join("foreign"), "#!/bin/sh\n").unwrap();
    let whole = fs::read(shipped("cc1plus")).unwrap();
    fs::write(bench.path().join("cut.bwrec"), &whole[..whole.len() - 10]).unwrap();
    for (arguments, said) in [
        (["-o", "r.html", "absent.bwrec"], "cannot read absent.bwrec"),
        (["-o", "r.html", "foreign"], "not a recording"),
        (["-o", ".", "cut.bwrec"], "cannot write .: it is a directory"),
        (["-o", "/no/such/r.html", "cut.bwrec"], "cannot write /no/such/r.html"),
        (["-o", "/dev/full", "cut.bwrec"], "cannot write /dev/full"),
    ] {
        let run = Run::of(bench.blockwork().args(["report", "--runs", "0"]).args(arguments));
        assert_eq!((run.code, run.out.as_str()), (Some(125), ""), "{run:?}");
        run.says(&[said]);
    }
    assert_eq!(fs::read(bench.path().join("r.html")).unwrap(), b"precious");
    let run = Run::of(bench.blockwork().args(["report", "--runs", "0", "-o", "r.html", "cut.bwrec"]));
    assert_eq!(run.code, Some(125), "{run:?}");
    run.says(&["cut.bwrec: the recording ends in the middle", "only the events before are drawn"]);
    assert!(fs::read_to_string(bench.path().join("r.html")).unwrap().contains("The recording is damaged"));
}

#[test]
fn run_draws_what_it_found_out_beside_the_recording() {
    let bench = Bench::new();
    let line = ["run", "--runs", "1", "-o", "r.bwrec", "--", "ls", "/"];
    let run = Run::of(bench.blockwork().args(line));
    assert_eq!(run.code, Some(0), "{run:?}");
    run.says(&["Wrote r.html"]);
    assert!(fs::read_to_string(bench.path().join("r.html")).unwrap().contains("Addresses over time"));
    fs::remove_file(bench.path().join("r.bwrec")).unwrap();
    let run = Run::of(bench.blockwork().args(line));
    assert_eq!(run.code, Some(125), "{run:?}");
    run.says(&["cannot write r.html: it exists; --force replaces it"]);
    assert!(!bench.path().join("r.bwrec").exists());
}

#[test]
fn two_recordings_are_told_apart() {
    let bench = Bench::new();
    let files = ["python3", "cc1plus"].map(shipped);
    let run = Run::of(bench.blockwork().arg("diff").args(&files).env("COLUMNS", "70"));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("289,056") && run.out.contains("requests by size"), "{run:?}");
    assert!(
        run.out.lines().take_while(|line| !line.starts_with("Events")).all(|line| line.chars().count() <= 70),
        "{}",
        run.out
    );
    run.says(&["next: blockwork report"]);
    let same = Run::of(bench.blockwork().args(["diff", "--json"]).args([&files[0], &files[0]]));
    let same: Value = serde_json::from_str(&same.out).unwrap();
    assert!(same["text"].as_str().unwrap().starts_with("Both ask for the same"), "{same}");
}

#[test]
fn two_comparisons_are_told_apart_and_a_comparison_is_no_recording() {
    let bench = Bench::new();
    let run = Run::of(bench.blockwork().args(["compare", "--json", "--runs", "1"]).arg(shipped("cc1plus")));
    fs::write(bench.path().join("a.json"), &run.out).unwrap();
    let run = Run::of(bench.blockwork().args(["diff", "a.json", "a.json"]));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.contains("most bytes held") && run.out.contains("The verdict is the same"), "{run:?}");
    let run = Run::of(bench.blockwork().args(["diff", "a.json"]).arg(shipped("cc1plus")));
    assert_eq!((run.code, run.out.as_str()), (Some(125), ""), "{run:?}");
    run.says(&["a.json is a comparison"]);
}

#[test]
fn every_verb_is_completed_and_has_a_page_in_the_manual() {
    let bench = Bench::new();
    let help = Run::of(bench.blockwork().arg("--help")).out;
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let verbs: Vec<_> =
        verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help").collect();
    assert!(verbs.len() > 6, "{help}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = Run::of(bench.blockwork().args(["completions", shell]));
        assert_eq!(script.code, Some(0), "{script:?}");
        assert!(verbs.iter().all(|verb| script.out.contains(verb)), "{shell}");
    }
    let run = Run::of(bench.blockwork().args(["man", "manual"]));
    assert_eq!(run.out.lines().count(), verbs.len() + 1, "{run:?}");
    for verb in verbs {
        let page = fs::read_to_string(bench.path().join(format!("manual/blockwork-{verb}.1"))).unwrap();
        assert!(page.contains(".SH NAME") && page.contains(&format!("blockwork\\-{verb}")), "{page}");
    }
    let run = Run::of(bench.blockwork().args(["man", "/proc/no"]));
    assert_eq!(run.code, Some(125), "{run:?}");
    run.says(&["cannot make /proc/no"]);
}

#[test]
fn bash_takes_the_completions() {
    let bench = Bench::new();
    let script = Run::of(bench.blockwork().args(["completions", "bash"])).out;
    fs::write(bench.path().join("c.bash"), script).unwrap();
    let ask = "source ./c.bash; COMP_WORDS=(blockwork rep); COMP_CWORD=1; _blockwork blockwork rep blockwork; echo ${COMPREPLY[@]}";
    match Command::new("bash").args(["-c", ask]).current_dir(bench.path()).output() {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "report", "{output:?}"),
        Err(_) => skip("no bash"),
    }
}
