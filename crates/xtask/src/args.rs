//! What stands behind a task on the command line.

/// Arguments that are taken out one by one; what is left in the end is a mistake.
pub(crate) struct Args<'a> {
    left: Vec<&'a str>,
    usage: &'static str,
}

impl<'a> Args<'a> {
    pub(crate) fn new(args: &[&'a str], usage: &'static str) -> Self {
        Self { left: args.to_vec(), usage }
    }

    /// Whether `name` is there.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let place = self.left.iter().position(|&arg| arg == name);
        place.map(|place| self.left.remove(place)).is_some()
    }

    /// What stands behind `name`, or after it and a `=`, the first time that it is there.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<&'a str>, String> {
        let joined = |arg: &&'a str| arg.strip_prefix(name)?.strip_prefix('=');
        let Some(place) = self.left.iter().position(|arg| *arg == name || joined(arg).is_some()) else {
            return Ok(None);
        };
        let arg = self.left.remove(place);
        match joined(&arg) {
            Some(value) => Ok(Some(value)),
            None if place < self.left.len() => Ok(Some(self.left.remove(place))),
            None => Err(self.wrong(&format!("{name} needs a value"))),
        }
    }

    /// A number that is not zero behind `name`.
    pub(crate) fn number(&mut self, name: &str) -> Result<Option<usize>, String> {
        let Some(value) = self.value(name)? else { return Ok(None) };
        let number = value.parse().ok().filter(|&number| number != 0);
        number.map(Some).ok_or_else(|| self.wrong(&format!("{name} needs a number that is not 0")))
    }

    /// The first that is no option.
    pub(crate) fn word(&mut self) -> Option<&'a str> {
        let place = self.left.iter().position(|arg| !arg.starts_with('-'))?;
        Some(self.left.remove(place))
    }

    /// All that is left, if those are known: options with a value, options without, and one word.
    pub(crate) fn rest(mut self, with_value: &[&str], without: &[&str]) -> Result<Vec<&'a str>, String> {
        let rest = self.left.clone();
        for name in with_value {
            self.value(name)?;
        }
        for name in without {
            self.flag(name);
        }
        self.word();
        self.done().map(|()| rest)
    }

    /// Fails if anything is left.
    pub(crate) fn done(&self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some(arg) => Err(self.wrong(&format!("`{arg}` is not understood"))),
        }
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what}\n\n{}", self.usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_in_any_order() {
        let mut args = Args::new(&["app/", "--passes=3", "--only", "a,b", "--quick"], "usage");
        assert!(args.flag("--quick") && !args.flag("--quick"));
        assert_eq!(args.number("--passes"), Ok(Some(3)));
        assert_eq!(args.value("--only"), Ok(Some("a,b")));
        assert_eq!(args.word(), Some("app/"));
        assert_eq!(args.done(), Ok(()));
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_the_usage() {
        let error = Args::new(&["--fats"], "the usage").done().unwrap_err();
        assert!(error.contains("--fats") && error.contains("the usage"), "{error}");
        assert!(Args::new(&["--passes"], "").number("--passes").is_err());
        assert!(Args::new(&["--passes", "0"], "").number("--passes").is_err());
    }
}
