//! How an attack ended.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus, str::FromStr};

/// From the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    /// The malloc has said so, or has ended the program, or a fence has at the access that was wrong.
    Detected,
    /// The program has ended by itself, and the attack has nothing of what it was after.
    Prevented,
    /// The program has crashed, or hung, by accident.
    Late,
    /// The attack has what it was after.
    Missed,
}
use Outcome::{Detected, Late, Missed, Prevented};

/// How `attack` ends if its goal was not reached, and if it was.
const NOT_REACHED: i32 = 0;
const REACHED: i32 = 3;

/// Signals by which a program ends itself.
const DELIBERATE: [i32; 3] = [SIGILL, SIGTRAP, SIGABRT];
const SIGILL: i32 = 4;
const SIGTRAP: i32 = 5;
const SIGABRT: i32 = 6;
const SIGBUS: i32 = 7;
const SIGSEGV: i32 = 11;

/// How far an attack was, by the last of its marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Call,
    Access,
    After,
}

impl Outcome {
    /// What came of an attack that ended so, and wrote `said`: its marks, and what the malloc had to say.
    pub(super) fn of(status: ExitStatus, said: &str) -> Result<Self, String> {
        let stage = said.lines().rev().find_map(|line| match line {
            "@call" => Some(Stage::Call),
            "@access" => Some(Stage::Access),
            "@after" => Some(Stage::After),
            _ => None,
        });
        let words = said.lines().any(|line| !line.starts_with('@') && !line.is_empty());
        match (status.code(), status.signal(), stage) {
            (Some(REACHED), ..) => Ok(Missed),
            (Some(NOT_REACHED), ..) => Ok(if words { Detected } else { Prevented }),
            (_, _, None) => Err(format!("ended before it began, with {status}:\n{said}")),
            // By `exit`, with a message.
            (Some(_), ..) if words => Ok(Detected),
            (_, Some(signal), _) if DELIBERATE.contains(&signal) => Ok(Detected),
            (_, Some(SIGSEGV | SIGBUS), Some(Stage::Access)) => Ok(Detected),
            (_, Some(_), _) => Ok(Late),
            _ => Err(format!("ended with {status}:\n{said}")),
        }
    }

    /// Whether the attack has failed for sure.
    pub(super) fn is_stopped(self) -> bool {
        matches!(self, Detected | Prevented)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Detected => "detected",
            Prevented => "prevented",
            Late => "late",
            Missed => "missed",
        })
    }
}

impl FromStr for Outcome {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Detected, Prevented, Late, Missed];
        all.into_iter().find(|outcome| outcome.to_string() == word).ok_or_else(|| format!("`{word}` is no outcome"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signalled(signal: i32, said: &str) -> Outcome {
        Outcome::of(ExitStatus::from_raw(signal), said).unwrap()
    }

    fn exited(code: i32, said: &str) -> Outcome {
        Outcome::of(ExitStatus::from_raw(code << 8), said).unwrap()
    }

    #[test]
    fn an_end_that_was_meant_is_a_detection_and_an_accident_is_late() {
        assert_eq!(signalled(SIGABRT, "@call\nblockwork: double free\n"), Detected);
        assert_eq!(signalled(SIGILL, "@call\n@after\n"), Detected);
        assert_eq!(signalled(SIGSEGV, "@call\n"), Late);
        assert_eq!(signalled(SIGSEGV, "@access\n@after\n"), Late);
        assert_eq!(signalled(14, "@call\n"), Late);
    }

    #[test]
    fn a_fault_at_the_wrong_access_is_a_fence() {
        assert_eq!(signalled(SIGSEGV, "@access\n"), Detected);
        assert_eq!(signalled(SIGBUS, "@access\n"), Detected);
    }

    #[test]
    fn a_goal_that_was_reached_is_missed_whatever_was_said() {
        assert_eq!(exited(REACHED, "@call\nwarning\n@after\n"), Missed);
        assert_eq!(exited(NOT_REACHED, "@call\nwarning\n@after\n"), Detected);
        assert_eq!(exited(NOT_REACHED, "@call\n@after\n"), Prevented);
    }

    #[test]
    fn what_fails_before_the_attack_is_no_outcome() {
        assert!(Outcome::of(ExitStatus::from_raw(SIGSEGV), "").is_err());
        assert!(Outcome::of(ExitStatus::from_raw(2 << 8), "").is_err());
    }
}
