//! What DHAT writes: one JSON object.

use serde::Deserialize;

use super::{Point, Profile};

/// The parts of the file that say how much was allocated.
#[derive(Debug, Deserialize)]
struct File {
    #[serde(rename = "dhatFileVersion")]
    version: u64,
    mode: String,
    cmd: String,
    pps: Vec<ProgramPoint>,
}

/// What was allocated from one stack.
#[derive(Debug, Deserialize)]
struct ProgramPoint {
    /// Bytes in all.
    tb: u64,
    /// Blocks in all.
    tbk: u64,
}

/// The version that exists.
const VERSION: u64 = 2;

/// Reads a whole file.
///
/// # Errors
///
/// When it is not as it should be.
pub fn parse(bytes: &[u8]) -> Result<Profile, String> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.version != VERSION {
        return Err(format!("it has version {} of the format; this command reads version {VERSION}", file.version));
    }
    let mut notes = vec!["sizes are the mean of each call site".into()];
    if !matches!(file.mode.as_str(), "heap" | "rust-heap") {
        notes.push(format!("DHAT counted events of another kind than allocations: {}", file.mode));
    }
    let points = file.pps.iter().map(|point| Point { blocks: point.tbk, bytes: point.tb });
    let program = file.cmd.split_whitespace().next().unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Profile { program, points: points.collect(), notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_and_other_versions_refused() {
        let file = r#"{"dhatFileVersion":2,"mode":"heap","verb":"Allocated","bklt":true,"bkacc":false,"cmd":"/bin/ls -l",
            "pps":[{"tb":300,"tbk":3,"tl":9,"fs":[1]},{"tb":0,"tbk":1,"fs":[]}],"ftbl":["[root]","main"]}"#;
        let profile = parse(file.as_bytes()).unwrap();
        assert_eq!(profile.program, "ls");
        assert_eq!(profile.points, [Point { blocks: 3, bytes: 300 }, Point { blocks: 1, bytes: 0 }]);
        assert!(parse(file.replace(":2,", ":3,").as_bytes()).unwrap_err().contains("version 3"));
        assert!(parse(&file.as_bytes()[..100]).is_err());
    }
}
