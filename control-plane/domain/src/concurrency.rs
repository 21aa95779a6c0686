//! Reserved and provisioned concurrency: how many executions at the same time functions keep for themselves.

use serde::{Deserialize, Serialize};

use crate::{Error, FunctionId, Limits, Timestamp};

/// `ReservedConcurrentExecutions` of a function; 0: it cannot be invoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reserved(pub u32);

/// A provisioned concurrency configuration of a version or an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioned {
    /// `RequestedProvisionedConcurrentExecutions`, at least 1.
    pub requested: u32,
    /// Of the last change.
    pub last_modified: Timestamp,
    /// Whether it has been READY, or has FAILED, since it was last changed or moved.
    #[serde(default = "is_settled")]
    pub settled: bool,
    /// The version whose environments serve until those of the alias's new version are ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves_from: Option<u64>,
}

/// What was stored before this was told.
fn is_settled() -> bool {
    true
}

impl Provisioned {
    /// A configuration that nothing has been done about.
    pub fn new(requested: u32, last_modified: Timestamp) -> Self {
        Self { requested, last_modified, settled: false, moves_from: None }
    }

    /// The same after its alias went from one version to another. What is ready is so where it first was.
    #[must_use]
    pub fn moved(self, from: Option<u64>, to: Option<u64>) -> Self {
        let from = self.moves_from.or(from).filter(|from| Some(*from) != to);
        Self { settled: false, moves_from: from, ..self }
    }

    /// The same once it is READY or has FAILED.
    #[must_use]
    pub fn settle(self) -> Self {
        Self { settled: true, moves_from: None, ..self }
    }
}

/// What one function keeps for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Whose it is.
    pub function: FunctionId,
    /// Its reservation.
    pub reserved: Option<u32>,
    /// What is provisioned for its versions and aliases, taken together.
    pub provisioned: u32,
}

impl Share {
    /// What is taken out of the account's concurrency: what is provisioned lies inside of what is reserved. [AWS:
    /// Lambda function scaling, reserved and provisioned concurrency]
    fn taken(&self) -> u32 {
        self.reserved.unwrap_or(self.provisioned)
    }
}

/// The concurrency of an account in a region.
#[derive(Debug, Clone)]
pub struct Budget {
    limit: u32,
    minimum: u32,
    shares: Vec<Share>,
}

impl Budget {
    /// A budget within `limits`. `shares`: of all functions that keep something for themselves.
    pub fn new(limits: &Limits, shares: Vec<Share>) -> Self {
        Self { limit: limits.concurrent_executions, minimum: limits.unreserved_concurrency, shares }
    }

    /// `UnreservedConcurrentExecutions`: what is left for all functions together.
    pub fn unreserved(&self) -> u32 {
        self.limit.saturating_sub(self.shares.iter().map(Share::taken).sum())
    }

    /// What is left when `function` keeps nothing.
    fn left_without(&self, function: &FunctionId) -> u32 {
        let others = self.shares.iter().filter(|share| share.function != *function);
        self.limit.saturating_sub(others.map(Share::taken).sum())
    }

    fn share(&self, function: &FunctionId) -> Option<&Share> {
        self.shares.iter().find(|share| share.function == *function)
    }

    /// Whether `function` may reserve so much. [AWS: messages recorded, the blanks in the first as well]
    ///
    /// # Errors
    /// It is less than what is provisioned for the function, or leaves too little to the others.
    pub fn check_reserved(&self, function: &FunctionId, reserved: u32) -> Result<(), Error> {
        let provisioned = self.share(function).map_or(0, |share| share.provisioned);
        if reserved < provisioned {
            return Err(Error::InvalidParameterUntyped(format!(
                " ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned \
                 concurrency [{provisioned}]."
            )));
        }
        if self.left_without(function) < reserved.saturating_add(self.minimum) {
            return Err(Error::InvalidParameterUntyped(format!(
                "Specified ReservedConcurrentExecutions for function decreases account's \
                 UnreservedConcurrentExecution below its minimum value of [{}].",
                self.minimum
            )));
        }
        Ok(())
    }

    /// Whether so much may be provisioned for one more version or alias of `function`. What is provisioned for it
    /// already must not be part of the budget. [AWS: messages recorded; the first by LocalStack]
    ///
    /// # Errors
    /// It is more than the function has reserved, more than the account has, or leaves too little to the others.
    pub fn check_provisioned(&self, function: &FunctionId, requested: u32) -> Result<(), Error> {
        let share = self.share(function);
        let beside = share.map_or(0, |share| share.provisioned);
        if let Some(reserved) = share.and_then(|share| share.reserved) {
            if requested.saturating_add(beside) > reserved {
                return Err(Error::InvalidParameter(
                    "Requested Provisioned Concurrency should not be greater than the \
                     reservedConcurrentExecution for function"
                        .to_owned(),
                ));
            }
            return Ok(());
        }
        let left = self.unreserved();
        if requested > left {
            return Err(Error::InvalidParameterUntyped(format!(
                "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{left}]."
            )));
        }
        if left - requested < self.minimum {
            return Err(Error::InvalidParameterUntyped(format!(
                "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
                 its minimum value of [{}].",
                self.minimum
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scope;

    fn id(name: &str) -> FunctionId {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionId { scope, name: name.into() }
    }

    fn budget(shares: &[(&str, Option<u32>, u32)]) -> Budget {
        let limits = Limits { concurrent_executions: 20, unreserved_concurrency: 10, ..Limits::default() };
        let share = |&(name, reserved, provisioned): &(&str, Option<u32>, u32)| Share {
            function: id(name),
            reserved,
            provisioned,
        };
        Budget::new(&limits, shares.iter().map(share).collect())
    }

    #[test]
    fn what_moves_is_ready_where_it_first_was() {
        let config = Provisioned::new(2, Timestamp(1)).settle();
        let once = config.moved(Some(1), Some(2));
        assert_eq!((once.settled, once.moves_from), (false, Some(1)));
        let twice = once.clone().moved(Some(2), Some(3));
        assert_eq!(twice.moves_from, Some(1));
        assert_eq!(twice.moved(Some(3), Some(1)).moves_from, None, "back again");
        assert_eq!(once.settle(), Provisioned { settled: true, ..Provisioned::new(2, Timestamp(1)) });
        let stored = r#"{"requested":2,"last_modified":1}"#;
        assert!(serde_json::from_str::<Provisioned>(stored).unwrap().settled, "as it was before");
    }

    fn refused(result: Result<(), Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn what_is_provisioned_lies_inside_of_what_is_reserved() {
        assert_eq!(budget(&[]).unreserved(), 20);
        assert_eq!(budget(&[("a", Some(5), 3), ("b", None, 2), ("c", Some(0), 0)]).unreserved(), 13);
    }

    #[test]
    fn a_reservation_leaves_the_minimum_to_the_others() {
        assert_eq!(budget(&[]).check_reserved(&id("a"), 10), Ok(()));
        let message = "Specified ReservedConcurrentExecutions for function decreases account's \
                       UnreservedConcurrentExecution below its minimum value of [10].";
        assert_eq!(refused(budget(&[]).check_reserved(&id("a"), 11)), message);
        assert_eq!(refused(budget(&[("b", None, 4)]).check_reserved(&id("a"), 7)), message);
        // What the function itself has is replaced.
        assert_eq!(budget(&[("a", Some(8), 0)]).check_reserved(&id("a"), 10), Ok(()));
    }

    #[test]
    fn a_reservation_covers_what_is_provisioned() {
        let message = " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned \
                       concurrency [2].";
        assert_eq!(refused(budget(&[("a", None, 2)]).check_reserved(&id("a"), 1)), message);
        assert_eq!(budget(&[("a", None, 2)]).check_reserved(&id("a"), 2), Ok(()));
    }

    #[test]
    fn provisioning_stays_within_the_reservation() {
        let budget = budget(&[("a", Some(3), 1)]);
        assert_eq!(budget.check_provisioned(&id("a"), 2), Ok(()));
        assert!(refused(budget.check_provisioned(&id("a"), 3)).contains("reservedConcurrentExecution"));
    }

    #[test]
    fn provisioning_without_a_reservation_stays_within_the_account() {
        let budget = budget(&[("b", Some(2), 0)]);
        assert_eq!(budget.check_provisioned(&id("a"), 8), Ok(()));
        let less = "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                    below its minimum value of [10].";
        assert_eq!(refused(budget.check_provisioned(&id("a"), 9)), less);
        let more = "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [18].";
        assert_eq!(refused(budget.check_provisioned(&id("a"), 19)), more);
    }
}
