//! Nothing that a client sends can end the process, and nothing that the model forbids gets past it.

mod model;

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{HeaderMap, Method};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::Operation;
use crate::wire::shape::{Kind, Shape};
use crate::wire::{self, Request, operations, read, recorded, validate};

/// Calls `visit` with every shape of every request, as the model has it and as it is used.
fn visit(shape: &'static Shape, seen: &mut BTreeSet<&'static str>, check: &mut dyn FnMut(&'static Shape)) {
    check(shape);
    check(recorded::shape(shape));
    if !seen.insert(shape.name) {
        return;
    }
    match recorded::shape(shape).kind {
        Kind::List(item, _) => visit(item, seen, check),
        Kind::Map(key, value) => {
            visit(key, seen, check);
            visit(value, seen, check);
        }
        Kind::Structure(members) => {
            for member in members {
                visit(recorded::member(shape.name, member.name).unwrap_or(member.shape), seen, check);
                visit(member.shape, seen, check);
            }
        }
        _ => {}
    }
}

#[test]
fn every_pattern_can_be_compiled() {
    let (mut seen, mut patterns) = (BTreeSet::new(), 0);
    for operation in Operation::ALL {
        visit(operation.input(), &mut seen, &mut |shape| {
            if let Some(pattern) = shape.pattern {
                pattern.matches("");
                patterns += 1;
            }
        });
    }
    assert!(patterns > 50, "{patterns}");
}

#[test]
fn every_recorded_shape_stands_in_for_one_of_the_model() {
    let (mut seen, mut replaced) = (BTreeSet::new(), BTreeSet::new());
    for operation in Operation::ALL {
        visit(operation.input(), &mut seen, &mut |shape| {
            if !std::ptr::eq(shape, recorded::shape(shape)) {
                replaced.insert(shape.name);
            }
        });
    }
    assert_eq!(replaced.len(), 18, "{replaced:?}");
}

fn decode_as_some(labels: &wire::Labels, query: &str, body: Bytes) {
    let headers = HeaderMap::new();
    let request = Request { labels, query: Some(query), headers: &headers, body };
    let _ = wire::decode::<operations::CreateFunction>(&request);
    let _ = wire::decode::<operations::Invoke>(&request);
    let _ = wire::decode::<operations::UntagResource>(&request);
    let _ = wire::decode::<operations::CreateEventSourceMapping>(&request);
}

proptest! {
    #[test]
    fn any_path_and_query_is_routed_or_not(path in ".*", query in ".*") {
        let found = Operation::route(&Method::GET, &path, Some(&query));
        let labels = found.map(|(_, labels)| labels).unwrap_or_default();
        decode_as_some(&labels, &query, Bytes::new());
    }

    #[test]
    fn any_name_survives_its_way_through_a_path(name in ".+") {
        let path = format!("/2015-03-31/functions/{}", utf8_percent_encode(&name, NON_ALPHANUMERIC));
        let (operation, labels) = Operation::route(&Method::GET, &path, None).unwrap();
        prop_assert_eq!(operation, Operation::GetFunction);
        prop_assert_eq!(labels.get("FunctionName"), Some(name.as_str()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        decode_as_some(&wire::Labels::default(), "", body.into());
    }

    #[test]
    fn any_document_of_the_right_types_breaks_what_the_model_says_that_it_breaks(
        (shape, body) in (0..Operation::ALL.len()).prop_flat_map(|at| {
            let shape = Operation::ALL[at].input();
            (Just(shape), any_json(shape))
        })
    ) {
        let value = read::json(body.as_bytes(), shape).unwrap().unwrap();
        let told = validate::violations(shape, &value).into_iter().map(|violation| violation.path).collect();
        let judged = model::judge(shape.name, &serde_json::from_str(&body).unwrap());
        let known = |paths: BTreeSet<String>| -> BTreeSet<String> { &paths - &judged.beyond };
        prop_assert_eq!(known(told), known(judged.broken), "{}: {}", shape.name, body);
    }
}

/// A document of the types that `shape` wants, with values of all kinds.
fn any_json(shape: &'static Shape) -> BoxedStrategy<String> {
    let text = || "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap());
    match shape.kind {
        Kind::String => text().boxed(),
        Kind::Integer => any::<i32>().prop_map(|number| number.to_string()).boxed(),
        Kind::Long => any::<i64>().prop_map(|number| number.to_string()).boxed(),
        Kind::Double | Kind::Timestamp => (-1e6..1e6).prop_map(|number: f64| number.to_string()).boxed(),
        Kind::Boolean => any::<bool>().prop_map(|flag| flag.to_string()).boxed(),
        Kind::Blob => Just(r#""AAAA""#.to_owned()).boxed(),
        Kind::List(item, _) => proptest::collection::vec(any_json(item), 0..3)
            .prop_map(|items| format!("[{}]", items.join(",")))
            .boxed(),
        Kind::Map(_, value) => proptest::collection::btree_map(text(), any_json(value), 0..3)
            .prop_map(|entries| {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                format!("{{{}}}", entries.join(","))
            })
            .boxed(),
        Kind::Structure(members) => members
            .iter()
            .map(|member| {
                let name = member.name;
                proptest::option::of(
                    any_json(member.shape).prop_map(move |value| format!("{name:?}:{value}")),
                )
            })
            .collect::<Vec<_>>()
            .prop_map(|members| {
                format!("{{{}}}", members.into_iter().flatten().collect::<Vec<_>>().join(","))
            })
            .boxed(),
    }
}
