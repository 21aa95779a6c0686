//! What the model itself says of a document, read from its JSON rather than from what was generated of it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::visit;
use crate::wire::{Operation, recorded};

static SHAPES: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let model: Value =
        serde_json::from_str(include_str!("../../../../model/lambda-2015-03-31.json")).unwrap();
    model["shapes"].as_object().unwrap().clone()
});

/// Shapes that AWS is known to have others for.
static REPLACED: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let (mut seen, mut replaced) = (BTreeSet::new(), BTreeSet::new());
    for operation in Operation::ALL {
        visit(operation.input(), &mut seen, &mut |shape| {
            if !std::ptr::eq(shape, recorded::shape(shape)) {
                replaced.insert(shape.name);
            }
        });
    }
    replaced
});

/// Paths in a document.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Where something is missing, or is none of an enum, or is too short, long, small, large, few or many.
    pub(super) broken: BTreeSet<String>,
    /// Where there is a pattern, or another shape than the model's, which is not judged here.
    pub(super) beyond: BTreeSet<String>,
}

/// What the model says of the body of a request.
pub(super) fn judge(structure: &str, body: &Value) -> Judged {
    let mut judged = Judged::default();
    judged.members(structure, body, "");
    judged
}

impl Judged {
    fn members(&mut self, structure: &str, value: &Value, path: &str) {
        let shape = &SHAPES[structure];
        let required: BTreeSet<&str> =
            shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, member) in shape["members"].as_object().unwrap() {
            let (first, rest) = name.split_at(1);
            let name_told = first.to_lowercase() + rest;
            let path = if path.is_empty() { name_told } else { format!("{path}.{name_told}") };
            let travels_in_json = member.get("location").is_none() && shape["payload"] != *name.as_str();
            let given = value.get(name).filter(|_| travels_in_json);
            if recorded::member(structure, name).is_some() {
                self.beyond.insert(path.clone());
            }
            match given {
                Some(given) => self.value(member["shape"].as_str().unwrap(), given, &path),
                None if required.contains(name.as_str()) => {
                    self.broken.insert(path);
                }
                None => {}
            }
        }
    }

    fn value(&mut self, name: &str, value: &Value, path: &str) {
        let shape = &SHAPES[name];
        if REPLACED.contains(name) || shape.get("pattern").is_some() {
            self.beyond.insert(path.to_owned());
        }
        if !keeps(shape, value) {
            self.broken.insert(path.to_owned());
        }
        let part = |part: &str| shape[part]["shape"].as_str().unwrap();
        match shape["type"].as_str().unwrap() {
            "structure" => self.members(name, value, path),
            "list" => {
                for (at, item) in value.as_array().unwrap().iter().enumerate() {
                    let nested = SHAPES[part("member")]["type"] == "structure";
                    // Items that have no members of their own are told with the list.
                    let path = if nested { format!("{path}.{}.member", at + 1) } else { path.to_owned() };
                    self.value(part("member"), item, &path);
                }
            }
            "map" => {
                for (key, value) in value.as_object().unwrap() {
                    self.value(part("key"), &key.as_str().into(), path);
                    self.value(part("value"), value, path);
                }
            }
            _ => {}
        }
    }
}

/// Whether a value has one of the words, and is within the bounds, of its shape.
fn keeps(shape: &Value, value: &Value) -> bool {
    let measure = match value {
        Value::String(text) if shape["type"] == "string" => text.encode_utf16().count() as f64,
        Value::Number(number) if shape["type"] != "timestamp" => number.as_f64().unwrap(),
        Value::Array(items) => items.len() as f64,
        Value::Object(entries) if shape["type"] == "map" => entries.len() as f64,
        _ => return true,
    };
    let within = |bound: &str, holds: fn(f64, f64) -> bool| {
        shape[bound].as_f64().is_none_or(|bound| holds(measure, bound))
    };
    let is_word = shape["enum"].as_array().is_none_or(|words| words.contains(value));
    is_word
        && within("min", |measure, bound| measure >= bound)
        && within("max", |measure, bound| measure <= bound)
}
