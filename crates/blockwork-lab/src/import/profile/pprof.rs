//! What pprof reads: one message of protocol buffers, often packed with gzip.

use super::{Point, Profile};
use crate::protobuf::{Value, fields};

/// Whether a file of this kind begins so: among its first fields is the type of a
/// value, which is two numbers of texts.
pub fn begins(head: &[u8]) -> bool {
    let is_type = |bytes: &[u8]| fields(bytes).all(|field| matches!(field, Some((1 | 2, Value::Number(_)))));
    let known = fields(head).take(4).map_while(|field| field).take_while(|(number, _)| (1..=15).contains(number));
    let mut types = known.skip_while(|(number, _)| *number != 1);
    matches!(types.next(), Some((_, Value::Bytes(bytes))) if !bytes.is_empty() && is_type(bytes))
}

/// Pairs of values that say what was allocated, the best first.
const PAIRS: [[&str; 2]; 4] = [
    ["alloc_objects", "alloc_space"],
    ["allocations", "allocated"],
    ["inuse_objects", "inuse_space"],
    ["objects", "space"],
];

/// Reads a whole file.
///
/// # Errors
///
/// When it is not as it should be, or not of a heap.
pub fn parse(bytes: &[u8]) -> Result<Profile, String> {
    let broken = || "it is no message of protocol buffers, or it was cut".to_owned();
    let (mut types, mut samples, mut texts, mut program) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let mut mappings = 0;
    for field in fields(bytes) {
        match field.ok_or_else(broken)? {
            (1, Value::Bytes(kind)) => types.push(number(kind, 1)),
            (2, Value::Bytes(sample)) => samples.push(sample),
            (3, Value::Bytes(mapping)) => {
                if mappings == 0 {
                    program = number(mapping, 5);
                }
                mappings += 1;
            }
            (6, Value::Bytes(text)) => texts.push(String::from_utf8_lossy(text)),
            _ => {}
        }
    }
    let text = |number: u64| usize::try_from(number).ok().and_then(|number| texts.get(number)).map_or("", |text| text);
    let place = |name: &str| types.iter().position(|&kind| text(kind) == name);
    let pair = PAIRS.iter().find_map(|[blocks, bytes]| Some((place(blocks)?, place(bytes)?, *blocks)));
    let Some((blocks, bytes, name)) = pair else {
        let types: Vec<_> = types.iter().map(|&kind| text(kind)).collect();
        return Err(format!("it counts neither allocated nor live blocks, but: {}", types.join(", ")));
    };
    let mut points = Vec::new();
    let mut exact = !samples.is_empty();
    for sample in samples {
        let (values, size) = values(sample, &text).ok_or_else(broken)?;
        let at = |index: usize| values.get(index).copied().unwrap_or(0);
        exact &= size.is_some();
        let (blocks, bytes) = (at(blocks), at(bytes));
        points.push(Point { blocks, bytes: size.map_or(bytes, |size| size.saturating_mul(blocks)) });
    }
    let mut notes = Vec::new();
    if !exact {
        notes.push("sizes are the mean of each call site".into());
    }
    if name.starts_with("inuse") {
        notes.push("only what was live when the profile was written".into());
    }
    notes.push("most writers of pprof sample; it does not say how".into());
    points.retain(|point| point.blocks > 0);
    Ok(Profile { program: text(program).rsplit('/').next().unwrap_or_default().to_owned(), points, notes })
}

/// The number in a field of `message`, or 0.
fn number(message: &[u8], wanted: u64) -> u64 {
    fields(message).flatten().find(|(field, _)| *field == wanted).and_then(|(_, value)| value.number()).unwrap_or(0)
}

/// The values of a sample, and the size of its blocks if a label says that.
fn values<'a>(sample: &[u8], text: &impl Fn(u64) -> &'a str) -> Option<(Vec<u64>, Option<u64>)> {
    let (mut values, mut size) = (Vec::new(), None);
    for field in fields(sample) {
        match field? {
            (2, value) => values.extend(value.numbers()?),
            (3, Value::Bytes(label)) if text(number(label, 1)) == "bytes" => size = Some(number(label, 3)),
            _ => {}
        }
    }
    Some((values, size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protobuf::Message;

    fn file(kinds: [u64; 2], label: Option<u64>) -> Message {
        let mut file = Message::default();
        for kind in kinds {
            file.message(1, Message::default().number(1, kind).number(2, 5));
        }
        let mut sample = Message::default();
        sample.packed(1, [1]).packed(2, [3, 301]);
        if let Some(size) = label {
            sample.message(3, Message::default().number(1, 6).number(3, size));
        }
        file.message(2, &sample);
        file.message(3, Message::default().number(5, 7));
        for text in ["", "alloc_objects", "alloc_space", "cpu", "inuse_space", "count", "bytes", "/bin/app"] {
            file.bytes(6, text.as_bytes());
        }
        file
    }

    #[test]
    fn allocated_blocks_are_found_by_name() {
        let file = file([1, 2], None);
        assert!(begins(file.as_bytes()));
        let profile = parse(file.as_bytes()).unwrap();
        assert_eq!((profile.points, profile.program.as_str()), (vec![Point { blocks: 3, bytes: 301 }], "app"));
        assert!(profile.notes[0].contains("mean"));
    }

    #[test]
    fn a_label_says_the_exact_size() {
        let profile = parse(file([1, 2], Some(64)).as_bytes()).unwrap();
        assert_eq!(profile.points, [Point { blocks: 3, bytes: 192 }]);
        assert!(!profile.notes[0].contains("mean"));
    }

    #[test]
    fn profiles_of_other_things_are_refused() {
        assert!(parse(file([3, 3], None).as_bytes()).unwrap_err().contains("cpu"));
        let whole = file([1, 2], None);
        assert!(parse(&whole.as_bytes()[..whole.as_bytes().len() - 1]).unwrap_err().contains("cut"));
    }
}
