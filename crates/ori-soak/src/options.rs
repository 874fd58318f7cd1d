//! The command line.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use lexopt::{Arg, ValueExt as _};

pub(crate) const HELP: &str = "\
Runs a mixed load on the Ori crates while worker processes are killed, and reports what became of it.

Usage: ori-soak [--minutes N | --seconds N] [--seed S] [--only A,B] [--plant FAULT]

  --minutes N     how long (default 1); warming up and the end come on top
  --seconds N     the same, in seconds
  --seed S        the random numbers (default: a new seed, printed)
  --only A,B      only these loads
  --plant FAULT   spoils the run on purpose, which must then fail: lose, double, alter, memory,
                  thread, descriptor, child, file, hang

Ctrl-C ends the run early, with its report. Exit code: 0 if all is well, 1 if not, 2 if it did not run.
";

/// What the run is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) length: Duration,
    pub(crate) seed: u64,
    pub(crate) only: Option<Vec<String>>,
    pub(crate) plant: Option<Fault>,
}

/// A fault that is made on purpose, to see that it is found.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Lose,
    Double,
    Alter,
    Memory,
    Thread,
    Descriptor,
    Child,
    File,
    Hang,
}

impl Options {
    /// `None` when help is asked for.
    ///
    /// # Errors
    /// What is wrong with the arguments.
    pub(crate) fn parse(mut parser: lexopt::Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut options =
            Self { length: Duration::from_secs(60), seed: fresh_seed(), only: None, plant: None };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("minutes") => {
                    let minutes: u64 = parser.value()?.parse()?;
                    options.length = Duration::from_secs(minutes * 60);
                }
                Arg::Long("seconds") => options.length = Duration::from_secs(parser.value()?.parse()?),
                Arg::Long("seed") => options.seed = parser.value()?.parse()?,
                Arg::Long("only") => {
                    let names = parser.value()?.string()?;
                    options.only = Some(names.split(',').map(str::to_owned).collect());
                }
                Arg::Long("plant") => options.plant = Some(parser.value()?.parse_with(Fault::parse)?),
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                _ => return Err(arg.unexpected()),
            }
        }
        if options.length.is_zero() {
            return Err("a run of no length shows nothing".into());
        }
        Ok(Some(options))
    }
}

impl Fault {
    fn parse(name: &str) -> Result<Self, String> {
        Ok(match name {
            "lose" => Self::Lose,
            "double" => Self::Double,
            "alter" => Self::Alter,
            "memory" => Self::Memory,
            "thread" => Self::Thread,
            "descriptor" => Self::Descriptor,
            "child" => Self::Child,
            "file" => Self::File,
            "hang" => Self::Hang,
            _ => return Err(format!("there is no fault `{name}`")),
        })
    }
}

/// A new number each time; the standard library seeds its hash maps from the system.
fn fresh_seed() -> u64 {
    // Short enough to be typed again.
    RandomState::new().hash_one(std::process::id()) % 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Option<Options>, lexopt::Error> {
        Options::parse(lexopt::Parser::from_args(args))
    }

    #[test]
    fn the_command_line_says_how_long_and_with_which_seed() {
        let options = parse(&["--minutes=2", "--seed", "7", "--only", "files,queues"]).unwrap().unwrap();
        assert_eq!((options.length.as_secs(), options.seed), (120, 7));
        assert_eq!(options.only.unwrap(), ["files", "queues"]);
        assert_eq!(parse(&["--seconds", "5", "--plant", "lose"]).unwrap().unwrap().plant, Some(Fault::Lose));
        assert_eq!(parse(&["-h"]).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_is_an_error() {
        for args in [["--minutes", "many"], ["--seconds", "0"], ["--plant", "luck"], ["--hours", "1"]] {
            assert!(parse(&args).is_err(), "{args:?}");
        }
    }
}
