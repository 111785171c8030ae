//! One row for each block, as text.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use serde::Serialize;

use super::{Stacks, lives};
use crate::trace::Trace;

/// The columns, in order.
pub const COLUMNS: [&str; 15] = [
    "program",
    "image",
    "block",
    "resize",
    "size",
    "align",
    "zeroed",
    "birth",
    "death",
    "lifetime",
    "end",
    "thread",
    "end_thread",
    "site",
    "stack",
];

/// A row, field by field.
#[derive(Debug, Serialize)]
struct Row<'a> {
    program: &'a str,
    image: u32,
    block: u64,
    resize: u32,
    size: u64,
    align: u64,
    zeroed: bool,
    birth: u64,
    death: Option<u64>,
    lifetime: Option<u64>,
    end: &'static str,
    thread: u16,
    end_thread: Option<u16>,
    site: Option<&'a str>,
    stack: Option<&'a str>,
}

/// Hands out all rows.
fn rows(trace: &Trace, mut each: impl FnMut(&Row<'_>) -> io::Result<()>) -> io::Result<u64> {
    let mut stacks = Stacks::new(trace);
    let mut count = 0;
    lives(trace, |life| {
        count += 1;
        let known = |text: &'_ String| !text.is_empty();
        let [site, stack] = stacks.texts(life.stack);
        each(&Row {
            program: &trace.name,
            image: life.image,
            block: life.block,
            resize: life.resize,
            size: life.size,
            align: life.align,
            zeroed: life.zeroed,
            birth: life.birth,
            death: life.death,
            lifetime: life.death.map(|death| death - life.birth),
            end: life.end.name(),
            thread: life.thread,
            end_thread: life.end_thread,
            site: Some(site).filter(|text| known(text)).map(String::as_str),
            stack: Some(stack).filter(|text| known(text)).map(String::as_str),
        })
    })?;
    Ok(count)
}

/// Writes comma-separated values (RFC 4180), empty where there is none.
///
/// # Errors
///
/// When `output` cannot be written to.
pub fn csv(trace: &Trace, mut output: impl Write) -> io::Result<u64> {
    writeln!(output, "{}", COLUMNS.join(","))?;
    let mut line = String::new();
    let count = rows(trace, |row| {
        line.clear();
        let optional = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
        // Writing into a string does not fail.
        let _ = write!(
            line,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},",
            quoted(row.program),
            row.image,
            row.block,
            row.resize,
            row.size,
            row.align,
            row.zeroed,
            row.birth,
            optional(row.death),
            optional(row.lifetime),
            row.end,
            row.thread,
            optional(row.end_thread.map(u64::from)),
        );
        let _ = write!(line, "{},{}", quoted(row.site.unwrap_or_default()), quoted(row.stack.unwrap_or_default()));
        writeln!(output, "{line}")
    })?;
    output.flush()?;
    Ok(count)
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

/// Writes one array of objects, an object a line.
///
/// # Errors
///
/// When `output` cannot be written to.
pub fn json(trace: &Trace, mut output: impl Write) -> io::Result<u64> {
    let mut separator = "[\n";
    let count = rows(trace, |row| {
        output.write_all(separator.as_bytes())?;
        separator = ",\n";
        serde_json::to_writer(&mut output, row).map_err(io::Error::from)
    })?;
    output.write_all(if count == 0 { b"[]\n" } else { b"\n]\n" })?;
    output.flush()?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::testing::{Ops, trace};

    #[test]
    fn rows_have_all_columns_in_either_form() {
        let trace = trace([Ops::new().alloc(0, 100).aligned(1, 5, 6).free(0)]);
        let mut text = Vec::new();
        assert_eq!(csv(&trace, &mut text).unwrap(), 2);
        let text = String::from_utf8(text).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], COLUMNS.join(","));
        assert!(lines[1].ends_with(",0,0,0,100,16,false,0,2,2,free,0,0,,"), "{text}");
        assert!(lines[2].ends_with(",0,1,0,5,64,false,1,,,exit,0,,,"), "{text}");
        let mut text = Vec::new();
        json(&trace, &mut text).unwrap();
        let rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&text).unwrap();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| COLUMNS.iter().all(|&column| row.contains_key(column))));
        assert_eq!((&rows[1]["size"], &rows[1]["death"]), (&5.into(), &serde_json::Value::Null));
    }

    #[test]
    fn texts_with_commas_and_quotes_are_quoted() {
        assert_eq!(["a b", "a,b", "a\"b"].map(quoted), ["a b", "\"a,b\"", "\"a\"\"b\""]);
    }

    #[test]
    fn an_empty_recording_is_an_empty_array() {
        let mut text = Vec::new();
        json(&Trace::default(), &mut text).unwrap();
        assert_eq!(text, b"[]\n");
    }
}
