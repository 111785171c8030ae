//! How models are written: `best_fit(align 16, header 8, grow 4k)`.

use std::fmt;

use anyhow::{Context, bail, ensure};

use super::{Model, Policy};

/// Above this, sizes of blocks and headers could add up to more than all addresses.
const MOST: u64 = 1 << 40;

impl Policy {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BestFit => "best_fit",
            Self::FirstFit => "first_fit",
            Self::FirstFitLifo => "first_fit_lifo",
            Self::Buddy => "buddy",
            Self::PowersOfTwo => "powers_of_two",
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { policy, align, header, grow } = self;
        write!(f, "{}(align {}, header {}, grow {})", policy.name(), size(*align), size(*header), size(*grow))
    }
}

impl Model {
    /// The model that `text` says, if it begins with the name of one; what is not
    /// said of it is as usual.
    ///
    /// # Errors
    ///
    /// When its parameters are none, or cannot be had.
    pub fn parse(text: &str) -> Option<anyhow::Result<Self>> {
        let (name, rest) = text.trim().split_once('(').map_or((text.trim(), None), |(name, rest)| (name, Some(rest)));
        let policy = Policy::ALL.into_iter().find(|policy| policy.name() == name.trim_end())?;
        let model = Self::new(policy);
        Some(rest.map_or(Ok(model), |rest| model.with(rest)))
    }

    fn with(mut self, parameters: &str) -> anyhow::Result<Self> {
        let list = parameters.strip_suffix(')').context("`)` is missing")?;
        for parameter in list.split(',').map(str::trim).filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once(' ').with_context(|| format!("`{parameter}` has no value"))?;
            let value = number(value.trim()).with_context(|| format!("`{value}` is no size"))?;
            match key {
                "align" => self.align = value,
                "header" => self.header = value,
                "grow" => self.grow = value,
                _ => bail!("a model has `align`, `header` and `grow`, and no `{key}`"),
            }
        }
        ensure!(self.align.is_power_of_two(), "`align` must be a power of two");
        ensure!(self.grow > 0 && self.grow.is_multiple_of(self.align), "`grow` must be a multiple of `align`");
        ensure!(self.align.max(self.header).max(self.grow) <= MOST, "no size may be above 1T");
        Ok(self)
    }
}

const UNITS: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("k", 1 << 10)];

/// As the library's notation has it: `4k`.
fn size(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| bytes.to_string(), |(name, unit)| format!("{}{name}", bytes / unit))
}

fn number(text: &str) -> Option<u64> {
    let unit = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)));
    let (digits, unit) = unit.unwrap_or((text, 1));
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_back() {
        for policy in Policy::ALL {
            let model = Model { align: 4, header: 0, grow: 64, ..Model::new(policy) };
            assert_eq!(Model::parse(&model.to_string()).unwrap().unwrap(), model);
            assert_eq!(Model::parse(policy.name()).unwrap().unwrap(), Model::new(policy));
        }
        assert_eq!(Model::new(Policy::BestFit).to_string(), "best_fit(align 16, header 8, grow 4k)");
        assert_eq!(Model::parse(" buddy ( grow 1M,align 8 ) ").unwrap().unwrap().grow, 1 << 20);
    }

    #[test]
    fn what_no_model_can_be_is_refused() {
        assert!(Model::parse("span_pool(64) over pages").is_none());
        for (text, why) in [
            ("best_fit(align 12)", "`align` must be a power of two"),
            ("best_fit(grow 100)", "`grow` must be a multiple"),
            ("best_fit(grow 0)", "`grow` must be a multiple"),
            ("best_fit(bytes 1)", "no `bytes`"),
            ("best_fit(align)", "`align` has no value"),
            ("best_fit(align x)", "`x` is no size"),
            ("best_fit(align 8", "`)` is missing"),
            ("best_fit(header 2T)", "no size may be above"),
        ] {
            let error = Model::parse(text).unwrap().unwrap_err();
            assert!(error.to_string().contains(why), "{text}: {error}");
        }
    }
}
