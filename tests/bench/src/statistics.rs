//! Pure: order statistics of measured values.

/// Measured values of one kind, in one unit.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Samples {
    values: Vec<f64>,
}

impl Samples {
    /// Adds one measured value.
    pub(crate) fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// Adds the values of others.
    pub(crate) fn extend(&mut self, others: Self) {
        self.values.extend(others.values);
    }

    /// The value that a fraction (0 to 1) of all values do not exceed, interpolated between neighbours.
    /// `None` without values.
    pub(crate) fn percentile(&self, fraction: f64) -> Option<f64> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let below = (0..=last).rev().find(|&rank| at(rank) <= fraction * at(last)).unwrap_or(0);
        let above = (below + 1).min(last);
        let weight = fraction * at(last) - at(below);
        Some(sorted[below] + (sorted[above] - sorted[below]) * weight.clamp(0.0, 1.0))
    }

    /// The middle value.
    pub(crate) fn median(&self) -> Option<f64> {
        self.percentile(0.5)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self { values: values.into_iter().collect() }
    }
}

/// A rank as a position on the line of values. Ranks stay far below the 2^52 that a float holds exactly.
fn at(rank: usize) -> f64 {
    u32::try_from(rank).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn median_is_the_middle_value_whatever_the_order() {
        assert_eq!(Samples::from_iter([9.0, 1.0, 5.0]).median(), Some(5.0));
    }

    #[test]
    fn median_of_an_even_count_lies_between_the_two_in_the_middle() {
        assert_eq!(Samples::from_iter([1.0, 2.0, 4.0, 8.0]).median(), Some(3.0));
    }

    #[test]
    fn percentiles_interpolate_between_neighbours() {
        let hundred_and_one: Samples = (0..=100).map(f64::from).collect();
        assert_eq!(hundred_and_one.percentile(0.99), Some(99.0));
        let two = Samples::from_iter([10.0, 20.0]);
        assert!((two.percentile(0.99).unwrap() - 19.9).abs() < 1e-9);
    }

    #[test]
    fn no_values_have_no_percentile() {
        assert_eq!(Samples::default().percentile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_percentile_lies_within_the_values_and_grows_with_its_fraction(
            values in prop::collection::vec(-1e6..1e6f64, 1..50), a in 0.0..=1.0f64, b in 0.0..=1.0f64,
        ) {
            let samples: Samples = values.iter().copied().collect();
            let (low, high) = (samples.percentile(a.min(b)).unwrap(), samples.percentile(a.max(b)).unwrap());
            prop_assert!(low <= high + 1e-6);
            prop_assert!(values.iter().any(|&v| v <= low + 1e-6) && values.iter().any(|&v| v >= high - 1e-6));
        }
    }
}
