//! Pure: whether a text is a pattern of event filters.
//!
//! [AWS: Lambda event filtering; recorded for EventBridge, whose rules these are, in LocalStack's
//! `tests/aws/services/events/event_pattern_templates`]

use std::net::IpAddr;

use lambdock_domain::event_source_mapping::Source;
use serde_json::{Map, Value};

/// It is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter pattern definition.")]
pub struct Invalid;

/// Wildcards of one pattern before AWS finds it too complex. [AWS: recorded, six are too many]
const WILDCARDS: usize = 5;

/// Checks the pattern of a filter for records of `source`.
///
/// # Errors
/// It is not one that this source can have.
pub fn check(pattern: &str, source: &Source) -> Result<(), Invalid> {
    let Ok(Value::Object(pattern)) = serde_json::from_str(pattern) else { return Err(Invalid) };
    // The data of streams is always an object to match, never text. [AWS: Lambda event filtering]
    let data = match source {
        Source::Kinesis(_) => pattern.get("data"),
        Source::DynamoDb(_) => pattern.get("dynamodb"),
        _ => None,
    };
    let is_sound =
        data.is_none_or(Value::is_object) && pattern.iter().all(|(key, value)| is_field(key, value));
    if is_sound { Ok(()) } else { Err(Invalid) }
}

fn is_pattern(pattern: &Map<String, Value>) -> bool {
    !pattern.is_empty() && pattern.iter().all(|(key, value)| is_field(key, value))
}

/// What a key may have: more keys, or rules of which one has to match.
fn is_field(key: &str, value: &Value) -> bool {
    match value {
        Value::Object(below) => is_pattern(below),
        Value::Array(rules) if rules.is_empty() => false,
        Value::Array(patterns) if key == "$or" && patterns.iter().all(is_alternative) => true,
        Value::Array(rules) => rules.iter().all(is_rule),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_alternative(value: &Value) -> bool {
    value.as_object().is_some_and(is_pattern)
}

fn is_rule(rule: &Value) -> bool {
    match rule {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::Array(_) => false,
        Value::Object(operator) => {
            let mut entries = operator.iter();
            match (entries.next(), entries.next()) {
                (Some((name, operand)), None) => is_operator(name, operand),
                _ => false,
            }
        }
    }
}

fn is_operator(name: &str, operand: &Value) -> bool {
    match name {
        "exists" => operand.is_boolean(),
        "prefix" | "suffix" => match operand {
            Value::Object(folded) => {
                folded.len() == 1 && folded.get("equals-ignore-case").is_some_and(Value::is_string)
            }
            operand => operand.is_string(),
        },
        "equals-ignore-case" => operand.is_string(),
        "wildcard" => operand.as_str().is_some_and(is_wildcard),
        "cidr" => operand.as_str().is_some_and(is_cidr),
        "numeric" => operand.as_array().is_some_and(|range| is_range(range)),
        "anything-but" => is_exception(operand),
        _ => false,
    }
}

/// What `anything-but` may be about.
fn is_exception(operand: &Value) -> bool {
    match operand {
        Value::String(_) | Value::Number(_) => true,
        Value::Array(values) => {
            !values.is_empty() && (values.iter().all(Value::is_string) || values.iter().all(Value::is_number))
        }
        Value::Object(operator) => {
            let mut entries = operator.iter();
            let (Some((name, operand)), None) = (entries.next(), entries.next()) else { return false };
            let fits: fn(&str) -> bool = match name.as_str() {
                "prefix" | "suffix" => |text| !text.is_empty(),
                "equals-ignore-case" => |_| true,
                "wildcard" => is_wildcard,
                _ => return false,
            };
            match operand {
                Value::Array(texts) => {
                    !texts.is_empty() && texts.iter().all(|text| text.as_str().is_some_and(fits))
                }
                operand => operand.as_str().is_some_and(fits),
            }
        }
        Value::Null | Value::Bool(_) => false,
    }
}

/// A `*` stands for anything; `\*` and `\\` for themselves.
fn is_wildcard(text: &str) -> bool {
    let (mut wildcards, mut after_wildcard) = (0, false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let is_wildcard = character == '*';
        if is_wildcard && after_wildcard {
            return false;
        }
        if character == '\\' && !matches!(characters.next(), Some('*' | '\\')) {
            return false;
        }
        wildcards += usize::from(is_wildcard);
        after_wildcard = is_wildcard;
    }
    wildcards <= WILDCARDS
}

fn is_cidr(text: &str) -> bool {
    let Some((address, mask)) = text.split_once('/') else { return false };
    let longest = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    mask.parse::<u8>().is_ok_and(|mask| mask <= longest)
}

/// `["=", n]`, one bound, or a lower bound followed by a higher one.
fn is_range(range: &[Value]) -> bool {
    let bound = |operator: &Value, number: &Value| Some((operator.as_str()?.to_owned(), number.as_f64()?));
    match range {
        [operator, number] => bound(operator, number)
            .is_some_and(|(operator, _)| matches!(&*operator, "=" | "<" | "<=" | ">" | ">=")),
        [above, bottom, below, top] => match (bound(above, bottom), bound(below, top)) {
            (Some((above, bottom)), Some((below, top))) => {
                matches!(&*above, ">" | ">=") && matches!(&*below, "<" | "<=") && bottom < top
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Source {
        Source::Sqs("arn:aws:sqs:us-east-1:000000000000:q".into())
    }

    #[track_caller]
    fn check_all(patterns: &[&str], expected: Result<(), Invalid>) {
        for pattern in patterns {
            assert_eq!(check(pattern, &queue()), expected, "{pattern}");
        }
    }

    #[test]
    fn what_aws_was_seen_to_refuse_is_refused() {
        check_all(
            &[
                "null",
                "simple string",
                r#"[{"eventName": ["INSERT"=123}]"#,
                r#"{"eventSource":"aws:sqs"}"#,
                r#"{"eventSource":[]}"#,
                r#""a text""#,
                "[1]",
                r#"{"int": 42}"#,
            ],
            Err(Invalid),
        );
    }

    #[test]
    fn patterns_name_values_at_any_depth() {
        check_all(
            &[
                "{}",
                r#"{"body":{"a":["x", 1, true, null, ""]}}"#,
                r#"{"a":{"b":{"c":[{"exists":false}]}}}"#,
                r#"{"$or":[{"a":["x"]},{"b":{"c":[1]}}]}"#,
                r#"{"body":{"$or":[{"a":["x"]},{"b":[1]}]}}"#,
            ],
            Ok(()),
        );
        check_all(
            &[r#"{"a":{}}"#, r#"{"a":[["x"]]}"#, r#"{"a":[{}]}"#, r#"{"$or":[{"a":"x"}]}"#],
            Err(Invalid),
        );
    }

    #[test]
    fn operators_are_known_by_their_names_and_operands() {
        let pattern = |rule: &str| format!(r#"{{"body":{{"a":[{rule}]}}}}"#);
        let sound = [
            r#"{"prefix":"x"}"#,
            r#"{"prefix":{"equals-ignore-case":"x"}}"#,
            r#"{"suffix":"x"}"#,
            r#"{"equals-ignore-case":"x"}"#,
            r#"{"exists":true}"#,
            r#"{"numeric":["=",100]}"#,
            r#"{"numeric":[">",10,"<=",20]}"#,
            r#"{"anything-but":"x"}"#,
            r#"{"anything-but":[1,2]}"#,
            r#"{"anything-but":{"prefix":"x"}}"#,
            r#"{"anything-but":{"suffix":["x","y"]}}"#,
            r#"{"anything-but":{"wildcard":"*/x"}}"#,
            r#"{"anything-but":{"equals-ignore-case":["x"]}}"#,
            r#"{"wildcard":"a*b\\*"}"#,
            r#"{"cidr":"10.0.0.0/24"}"#,
            r#"{"cidr":"2001:db8::/64"}"#,
        ];
        for rule in sound {
            assert_eq!(check(&pattern(rule), &queue()), Ok(()), "{rule}");
        }
        let faulty = [
            r#"{"EXISTS":true}"#,
            r#"{"exists":"yes"}"#,
            r#"{"prefix":1}"#,
            r#"{"prefix":["x"]}"#,
            r#"{"prefix":"x","suffix":"y"}"#,
            r#"{"equals-ignore-case":["x"]}"#,
            r#"{"NUMERIC":["=",5]}"#,
            r#"{"numeric":10}"#,
            r#"{"numeric":[">",0,">",0]}"#,
            r#"{"numeric":[">",0,"<"]}"#,
            r#"{"numeric":[">",5,"<",5]}"#,
            r#"{"numeric":["<",5,">",1]}"#,
            r#"{"anything-but":null}"#,
            r#"{"anything-but":["x",null]}"#,
            r#"{"anything-but":["x",1]}"#,
            r#"{"anything-but":{"prefix":""}}"#,
            r#"{"anything-but":{"prefix":{"equals-ignore-case":"x"}}}"#,
            r#"{"anything-but":{"suffix":[1,"x"]}}"#,
            r#"{"anything-but":{"equals-ignore-case":123}}"#,
            r#"{"wildcard":"a**b"}"#,
            r#"{"wildcard":"*:*:*:*:*:x/*"}"#,
            r#"{"wildcard":"\\x"}"#,
            r#"{"cidr":"bad-filter"}"#,
            r#"{"cidr":"xx.11.xx/8"}"#,
            r#"{"cidr":"10.0.0.0/33"}"#,
        ];
        for rule in faulty {
            assert_eq!(check(&pattern(rule), &queue()), Err(Invalid), "{rule}");
        }
    }

    #[test]
    fn the_data_of_streams_is_no_text() {
        let stream = Source::Kinesis("arn:aws:kinesis:us-east-1:000000000000:stream/s".into());
        assert_eq!(check(r#"{"data":["x"]}"#, &stream), Err(Invalid));
        assert_eq!(check(r#"{"data":{"a":["x"]},"partitionKey":["k"]}"#, &stream), Ok(()));
        assert_eq!(check(r#"{"body":["x"]}"#, &queue()), Ok(()));
    }
}
