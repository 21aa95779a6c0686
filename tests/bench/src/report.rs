//! Pure: rows of the report, their ratios and whether they keep their budgets.

use serde::Serialize;

use crate::{budget::Budget, machine::Machine};

/// Everything that one run found out. Serialised it is `report.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Where the run took place.
    pub(crate) machine: Machine,
    /// What it measured, in the order of the table.
    pub(crate) rows: Vec<Row>,
}

/// One figure of Lambdock, beside the same figure of one peer where there is one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// What was measured; one name may have a row for each peer.
    pub(crate) name: String,
    /// Unit of `ours`, `peer` and `budget`.
    pub(crate) unit: &'static str,
    /// Lambdock's figure; absent where this machine cannot tell it.
    pub(crate) ours: Option<f64>,
    /// The peer's figure.
    pub(crate) peer: Option<f64>,
    /// Whom `peer` belongs to.
    pub(crate) peer_name: Option<String>,
    /// `ours / peer`.
    pub(crate) ratio: Option<f64>,
    /// What `ours` has to keep to: an upper bound, or a lower bound where [`Budget::floor`] says so.
    pub(crate) budget: Option<f64>,
    /// Whether it does.
    pub(crate) held: Option<bool>,
    /// The rule that `budget` came from, for the table.
    #[serde(skip)]
    pub(crate) rule: Option<Budget>,
}

impl Row {
    /// A row that has no peer and no budget so far.
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, ours: Option<f64>) -> Self {
        let ours = ours.map(rounded);
        Self {
            name: name.into(),
            unit,
            ours,
            peer: None,
            peer_name: None,
            ratio: None,
            budget: None,
            held: None,
            rule: None,
        }
    }

    /// Puts a peer's figure beside ours.
    #[must_use]
    pub(crate) fn beside(mut self, peer_name: &str, peer: Option<f64>) -> Self {
        self.peer = peer.map(rounded);
        self.peer_name = peer.map(|_| peer_name.to_owned());
        self.ratio = self.ours.zip(self.peer).filter(|&(_, peer)| peer != 0.0).map(|(o, p)| rounded(o / p));
        self
    }

    /// Says what our figure has to keep to. Comes after [`Row::beside`], for budgets in terms of the peer.
    #[must_use]
    pub(crate) fn within(mut self, budget: Budget) -> Self {
        let bound = budget.bound(self.peer);
        self.held = self.ours.zip(bound).map(|(ours, bound)| budget.admits(ours, bound));
        self.budget = bound.map(rounded);
        self.rule = Some(budget);
        self
    }
}

/// Four significant digits: more than the measurement is worth, fewer than the float has.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_is_ours_over_the_peers() {
        let row = Row::new("warm", "ms", Some(1.5)).beside("emulator", Some(3.0));
        assert_eq!((row.ratio, row.peer_name.as_deref()), (Some(0.5), Some("emulator")));
    }

    #[test]
    fn a_figure_that_is_missing_leaves_ratio_and_verdict_open() {
        let row = Row::new("idle", "MiB", None).beside("emulator", Some(10.0)).within(Budget::AtMost(2.0));
        assert_eq!((row.ratio, row.budget, row.held), (None, Some(2.0), None));
        let row =
            Row::new("idle", "MiB", Some(1.0)).beside("emulator", None).within(Budget::TimesPeerAtMost(1.0));
        assert_eq!((row.peer_name, row.ratio, row.budget, row.held), (None, None, None, None));
    }

    #[test]
    fn a_budget_in_terms_of_the_peer_is_told_in_the_unit_of_the_row() {
        let row = Row::new("1 MB", "ms", Some(9.0)).beside("emulator", Some(20.0));
        let row = row.within(Budget::TimesPeerAtMost(0.4));
        assert_eq!((row.budget, row.held), (Some(8.0), Some(false)));
    }

    #[test]
    fn figures_keep_four_digits_that_count() {
        assert_eq!(rounded(0.761_234_5), 0.7612);
        assert_eq!(rounded(12_345.678), 12_350.0);
        assert_eq!(rounded(0.0), 0.0);
    }

    #[test]
    fn json_has_the_documented_members_and_no_others() {
        let row = Row::new("size", "MiB", Some(1.25)).within(Budget::AtMost(2.0));
        let json = serde_json::to_value(&row).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"name": "size", "unit": "MiB", "ours": 1.25, "peer": null, "peer_name": null,
                "ratio": null, "budget": 2.0, "held": true})
        );
    }
}
