//! What AWS's patterns let pass as the name of a function is understood, and as they group it.

use std::sync::LazyLock;

use lambdock_domain::FunctionReference;
use proptest::prelude::*;
use regex::Regex;

use super::Operation;
use crate::wire::recorded;
use crate::wire::shape::Pattern;

/// The pattern of an operation's `FunctionName`.
fn pattern(operation: Operation) -> &'static Pattern {
    let input = operation.input();
    let member = input.members().iter().find(|member| member.name == "FunctionName").unwrap();
    recorded::shape(member.shape).pattern.unwrap()
}

/// AWS's pattern for GetFunction with names for its groups.
static GROUPS: LazyLock<Regex> = LazyLock::new(|| {
    let region = "(?<region>(?:eusc-)?[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-[0-9])";
    let qualifier = r"(?<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+)";
    Regex::new(&format!(
        r"^(?:arn:(?:aws[a-zA-Z-]*)?:lambda:)?(?:{region}:)?(?:(?<account>[0-9]{{12}}):)?(?:function:)?(?<name>[a-zA-Z0-9-_.]+)(?::{qualifier})?$"
    ))
    .unwrap()
});

/// What names are made of, and what they are not.
const PIECES: &[&str] = &[
    "arn:aws:lambda:",
    "arn:aws-cn:lambda:",
    "arn::lambda:",
    "arn",
    "us-east-1",
    "us-gov-west-1",
    "eusc-de-east-1",
    "us-isob-east-1",
    "nowhere",
    "123456789012",
    "function",
    "f",
    "my_function-2",
    "a.b",
    ":",
    "$LATEST",
    "$LATEST.PUBLISHED",
    "$",
    "1",
    "!",
];

/// Texts that are names, or nearly.
fn nearly_a_name() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::collection::vec(proptest::sample::select(PIECES), 0..8).prop_map(|pieces| pieces.concat()),
        proptest::collection::vec(proptest::sample::select(PIECES), 1..8).prop_map(|pieces| pieces.join(":")),
        "(arn:aws:lambda:)?(us-east-1:)?([0-9]{12}:)?(function:)?[a-zA-Z0-9_.-]{1,12}(:(\\$LATEST|[a-zA-Z0-9_-]{1,8}))?",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_name_that_passes_the_pattern_is_taken_apart_as_the_pattern_does(text in nearly_a_name()) {
        let groups = GROUPS.captures(&text);
        prop_assert_eq!(pattern(Operation::GetFunction).matches(&text), groups.is_some());
        if let Some(groups) = groups {
            let group = |name: &str| groups.name(name).map(|group| group.as_str().to_owned());
            let expected = FunctionReference {
                region: group("region"),
                account: group("account"),
                name: group("name").unwrap(),
                qualifier: group("qualifier"),
            };
            prop_assert_eq!(FunctionReference::parse(&text), Some(expected));
        }
    }

    #[test]
    fn what_may_name_a_new_function_may_name_one_that_is_there(text in nearly_a_name()) {
        if pattern(Operation::CreateFunction).matches(&text) {
            prop_assert!(pattern(Operation::GetFunction).matches(&text));
        }
    }
}
