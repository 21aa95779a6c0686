//! Requests that keep all constraints of the model are let through; one that breaks one is told which.

use proptest::prelude::*;
use proptest::string::string_regex;

use super::Operation;
use crate::wire::recorded;
use crate::wire::shape::{Items, Kind, Member, Shape};
use crate::wire::validate;
use crate::wire::value::Value;

/// Longest strings and lists that are made up.
const LONGEST: i64 = 40;

/// A value that keeps every constraint of `shape`.
fn valid(shape: &'static Shape) -> BoxedStrategy<Value> {
    let shape = recorded::shape(shape);
    let least = shape.min.unwrap_or(0);
    let most = shape.max.unwrap_or(i64::MAX).min(least.max(LONGEST));
    let lengths = || usize::try_from(least).unwrap()..=usize::try_from(most).unwrap();
    match shape.kind {
        Kind::String => valid_text(shape, lengths()).prop_map(Value::String).boxed(),
        Kind::Integer | Kind::Long => {
            (least..=shape.max.unwrap_or(least.max(1000))).prop_map(Value::Integer).boxed()
        }
        Kind::Double | Kind::Timestamp => {
            let (least, most) = (least as f64, shape.max.unwrap_or(least.max(1000)) as f64);
            (least..=most).prop_map(Value::Double).boxed()
        }
        Kind::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Kind::Blob => proptest::collection::vec(any::<u8>(), lengths())
            .prop_map(|bytes| Value::Blob(bytes.into()))
            .boxed(),
        Kind::List(item, items) => {
            let item = if items == Items::NotNull {
                valid(item).prop_map(Some).boxed()
            } else {
                proptest::option::of(valid(item)).boxed()
            };
            proptest::collection::vec(item, few(shape)).prop_map(Value::List).boxed()
        }
        Kind::Map(key, value) => {
            let key = valid(key).prop_map(|key| match key {
                Value::String(key) => key,
                other => panic!("a key is a string: {other:?}"),
            });
            proptest::collection::vec((key, valid(value).prop_map(Some)), few(shape))
                .prop_map(Value::Map)
                .boxed()
        }
        Kind::Structure(members) => {
            let members: Vec<_> = members.iter().map(|member| valid_member(shape, member)).collect();
            members.prop_map(Value::Structure).boxed()
        }
    }
}

fn valid_member(structure: &'static Shape, member: &'static Member) -> BoxedStrategy<Option<Value>> {
    let value = valid(recorded::member(structure.name, member.name).unwrap_or(member.shape));
    if member.required { value.prop_map(Some).boxed() } else { proptest::option::of(value).boxed() }
}

/// Numbers of items: not more than three where the model allows fewer.
fn few(shape: &Shape) -> std::ops::RangeInclusive<usize> {
    let least = usize::try_from(shape.min.unwrap_or(0)).unwrap();
    let most = usize::try_from(shape.max.unwrap_or(3)).unwrap();
    least..=most.min(least.max(3))
}

fn valid_text(shape: &'static Shape, lengths: std::ops::RangeInclusive<usize>) -> BoxedStrategy<String> {
    if let Some(values) = shape.values {
        let values: Vec<String> = values.trim_matches(['[', ']']).split(", ").map(str::to_owned).collect();
        return proptest::sample::select(values).boxed();
    }
    let Some(pattern) = shape.pattern else {
        let (least, most) = lengths.into_inner();
        return string_regex(&format!("[ -~]{{{least},{most}}}")).unwrap().boxed();
    };
    // What the pattern says, without the parts that say what must not be.
    let plain = match pattern.text() {
        "(?!^[0-9]+$)([a-zA-Z0-9-_]+)" | r"((?!^\d+$)^[0-9a-zA-Z-_]+$)" => "[a-z][a-zA-Z0-9-_]{0,20}",
        r"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)" => "[a-r][a-z]{0,20}",
        r"[0-9A-Za-z\.\-_]*(?<!\.)" => "[0-9A-Za-z]{1,20}",
        text => text,
    };
    let (least, most) = (lengths.start().to_owned(), shape.max.map(|max| usize::try_from(max).unwrap()));
    string_regex(
        &plain
            .replace(r"\S", "[!-~]")
            .replace(r"\d", "[0-9]")
            .replace(r"\s", "[ ]")
            .replace("$|^", "|")
            .replace("$|", ""),
    )
    .unwrap_or_else(|error| panic!("{}: {error}", pattern.text()))
    .prop_filter("its length", move |text| {
        text.len() >= least && most.is_none_or(|most| text.encode_utf16().count() <= most)
    })
    .prop_filter("its pattern", move |text| pattern.matches(text))
    .boxed()
}

/// One of the operations with a request that keeps every constraint.
fn valid_request() -> impl Strategy<Value = (&'static Shape, Value)> {
    (0..Operation::ALL.len()).prop_flat_map(|at| {
        let shape = Operation::ALL[at].input();
        (Just(shape), valid(shape))
    })
}

/// The name of a member as messages have it.
fn told(member: &Member) -> String {
    let (first, rest) = member.name.split_at(1);
    first.to_lowercase() + rest
}

proptest! {
    #[test]
    fn what_keeps_every_constraint_is_let_through((shape, request) in valid_request()) {
        let violations = validate::violations(shape, &request);
        prop_assert!(violations.is_empty(), "{}: {}", shape.name, validate::message(&violations));
    }

    #[test]
    fn a_number_beyond_its_limit_is_told_alone((shape, request) in valid_request()) {
        let Value::Structure(values) = &request else { panic!("requests are structures") };
        for (at, member) in shape.members().iter().enumerate() {
            let limited = recorded::shape(member.shape);
            let beyond = [limited.max.map(|max| max + 1), limited.min.map(|min| min - 1)];
            if !matches!(limited.kind, Kind::Integer | Kind::Long) {
                continue;
            }
            for number in beyond.into_iter().flatten() {
                let mut values = values.clone();
                values[at] = Some(Value::Integer(number));
                let message = validate::message(&validate::violations(shape, &Value::Structure(values)));
                let expected = format!("1 validation error detected: Value '{number}' at '{}' failed", told(member));
                prop_assert!(message.starts_with(&expected), "{message}");
            }
        }
    }

    #[test]
    fn a_member_that_is_missing_is_told_alone((shape, request) in valid_request()) {
        let Value::Structure(values) = &request else { panic!("requests are structures") };
        for (at, member) in shape.members().iter().enumerate().filter(|(_, member)| member.required) {
            let mut values = values.clone();
            values[at] = None;
            let message = validate::message(&validate::violations(shape, &Value::Structure(values)));
            let expected = format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                told(member)
            );
            prop_assert_eq!(message, expected);
        }
    }

    #[test]
    fn a_word_that_no_enum_has_is_told_alone((shape, request) in valid_request()) {
        let Value::Structure(values) = &request else { panic!("requests are structures") };
        for (at, member) in shape.members().iter().enumerate() {
            let stands = recorded::member(shape.name, member.name).unwrap_or(recorded::shape(member.shape));
            let Some(words) = stands.values.filter(|_| matches!(stands.kind, Kind::String)) else { continue };
            let mut values = values.clone();
            values[at] = Some(Value::String("no such word".to_owned()));
            let message = validate::message(&validate::violations(shape, &Value::Structure(values)));
            prop_assert_eq!(
                message,
                format!(
                    "1 validation error detected: Value 'no such word' at '{}' failed to satisfy constraint: Member \
                     must satisfy enum value set: {words}",
                    told(member)
                )
            );
        }
    }
}
