//! Pure: whether a request keeps the constraints of the model, in AWS's words. [AWS: recorded, where `recorded.rs`
//! or a test says so]

use std::fmt;

use super::recorded;
use super::shape::{Items, Kind, Shape};
use super::value::Value;

/// A constraint that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The member, such as `vpcConfig.subnetIds`.
    pub path: String,
    /// The constraint, such as `Member must not be null`.
    pub constraint: String,
    value: Shown,
}

/// The offending value in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    Null,
    /// Between quotes.
    Quoted(String),
    /// Not at all.
    Sensitive,
}

impl Violation {
    /// A number above a limit that is not the model's.
    pub fn too_large(path: &str, value: i64, limit: i64) -> Self {
        Self {
            path: path.to_owned(),
            constraint: format!("Member must have value less than or equal to {limit}"),
            value: Shown::Quoted(value.to_string()),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Shown::Null => f.write_str("Value null")?,
            Shown::Quoted(value) => write!(f, "Value '{value}'")?,
            Shown::Sensitive => f.write_str("Value")?,
        }
        write!(f, " at '{}' failed to satisfy constraint: {}", self.path, self.constraint)
    }
}

/// The message of a `ValidationException`.
pub(crate) fn message(violations: &[Violation]) -> String {
    let errors = if violations.len() == 1 { "error" } else { "errors" };
    let listed: Vec<String> = violations.iter().map(Violation::to_string).collect();
    format!("{} validation {errors} detected: {}", violations.len(), listed.join("; "))
}

/// All constraints of a request that do not hold.
pub(crate) fn violations(shape: &'static Shape, value: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    members(shape, value, "", &mut found);
    found
}

const NOT_NULL: &str = "Member must not be null";

fn members(structure: &'static Shape, value: &Value, path: &str, found: &mut Vec<Violation>) {
    let Value::Structure(values) = value else { return };
    for (member, value) in structure.members().iter().zip(values) {
        let shape = recorded::member(structure.name, member.name).unwrap_or(member.shape);
        match value {
            Some(value) => check(shape, value, &below(path, member.name), found),
            None if member.required => found.push(Violation {
                path: below(path, member.name),
                constraint: NOT_NULL.to_owned(),
                value: Shown::Null,
            }),
            None => {}
        }
    }
}

/// `path` of a member: its name begins in lower case.
fn below(path: &str, name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    let name: String = first.into_iter().chain(characters).collect();
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

fn check(shape: &'static Shape, value: &Value, path: &str, found: &mut Vec<Violation>) {
    let shape = recorded::shape(shape);
    let mut broken = |constraint: String| {
        let value = if shape.sensitive { Shown::Sensitive } else { Shown::Quoted(show(shape, value)) };
        found.push(Violation { path: path.to_owned(), constraint, value });
    };
    for constraint in Constraint::of(shape) {
        if !constraint.holds(value) {
            broken(constraint.text(shape));
        }
    }
    match (shape.kind, value) {
        (Kind::List(item, items), Value::List(values)) => match recorded::shape(item).kind {
            Kind::Structure(_) => {
                for (at, value) in values.iter().enumerate() {
                    let path = format!("{path}.{}.member", at + 1);
                    match value {
                        Some(value) => members(recorded::shape(item), value, &path, found),
                        None => found.push(Violation {
                            path,
                            constraint: NOT_NULL.to_owned(),
                            value: Shown::Null,
                        }),
                    }
                }
            }
            _ if values.iter().any(|value| !holds(item, value.as_ref(), items)) => {
                broken(of_items(item, items))
            }
            _ => {}
        },
        (Kind::Map(key, value_shape), Value::Map(entries)) => {
            let key_holds = |key_value: &String| {
                Constraint::of(recorded::shape(key))
                    .all(|constraint| constraint.holds(&Value::String(key_value.clone())))
            };
            if !entries.iter().all(|(key, _)| key_holds(key)) {
                broken(format!("Map keys must satisfy constraint: {}", listed(key, Items::Nullable)));
            }
            if !entries.iter().all(|(_, value)| holds(value_shape, value.as_ref(), Items::NotNull)) {
                broken(format!("Map value must satisfy constraint: {}", listed(value_shape, Items::NotNull)));
            }
        }
        (Kind::Structure(_), _) => members(shape, value, path, found),
        _ => {}
    }
}

/// Whether an item of a list or a value of a map keeps all its constraints.
fn holds(shape: &'static Shape, value: Option<&Value>, items: Items) -> bool {
    let shape = recorded::shape(shape);
    let Some(value) = value else { return items != Items::NotNull };
    Constraint::of(shape).all(|constraint| constraint.holds(value))
        && match (shape.kind, value) {
            (Kind::List(item, items), Value::List(values)) => {
                values.iter().all(|value| holds(item, value.as_ref(), items))
            }
            _ => true,
        }
}

fn of_items(item: &'static Shape, items: Items) -> String {
    let bare =
        || Constraint::of(recorded::shape(item)).map(|constraint| constraint.text(item)).collect::<Vec<_>>();
    match items {
        Items::Bare => bare().join(", "),
        Items::NotNull | Items::Nullable => {
            format!("Member must satisfy constraint: {}", listed(item, items))
        }
    }
}

/// The constraints of what is in a list or a map, in brackets.
fn listed(shape: &'static Shape, items: Items) -> String {
    let shape = recorded::shape(shape);
    let mut texts: Vec<String> = Constraint::of(shape).map(|constraint| constraint.text(shape)).collect();
    if let Kind::List(item, items) = shape.kind {
        texts.push(of_items(item, items));
    }
    if items == Items::NotNull {
        texts.push(NOT_NULL.to_owned());
    }
    format!("[{}]", texts.join(", "))
}

/// One constraint of a shape.
#[derive(Debug, Clone, Copy)]
enum Constraint {
    Max(i64),
    Min(i64),
    Pattern(&'static super::shape::Pattern),
    Values(&'static str),
}

impl Constraint {
    /// In the order in which messages list them. [AWS: recorded for lists and maps]
    fn of(shape: &Shape) -> impl Iterator<Item = Self> + use<> {
        let max = shape.max.map(Self::Max);
        let min = shape.min.map(Self::Min);
        let pattern = shape.pattern.map(Self::Pattern);
        let values = shape.values.map(Self::Values);
        [max, min, pattern, values].into_iter().flatten()
    }

    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Pattern(pattern), Value::String(text)) => pattern.matches(text),
            (Self::Values(values), Value::String(text)) => recorded::accepts(values, text),
            (Self::Pattern(_) | Self::Values(_), _) => true,
            (Self::Max(max), Value::Double(number)) => *number <= real(max),
            (Self::Min(min), Value::Double(number)) => *number >= real(min),
            (Self::Max(max), value) => size(value) <= max,
            (Self::Min(min), value) => size(value) >= min,
        }
    }

    fn text(self, shape: &Shape) -> String {
        let measure = match shape.kind {
            Kind::Integer | Kind::Long | Kind::Double => "value",
            _ => "length",
        };
        let limit = |limit: i64| match shape.kind {
            Kind::Double => format!("{limit}.0"),
            _ => limit.to_string(),
        };
        match self {
            Self::Max(max) => format!("Member must have {measure} less than or equal to {}", limit(max)),
            Self::Min(min) => format!("Member must have {measure} greater than or equal to {}", limit(min)),
            Self::Pattern(pattern) => {
                format!("Member must satisfy regular expression pattern: {}", pattern.text())
            }
            Self::Values(values) => format!("Member must satisfy enum value set: {values}"),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "limits of the model are small")]
fn real(limit: i64) -> f64 {
    limit as f64
}

/// What limits are about: a number itself, or how much there is of something.
fn size(value: &Value) -> i64 {
    let count = match value {
        Value::Integer(number) => return *number,
        // Java counts UTF-16 units.
        Value::String(text) => text.encode_utf16().count(),
        Value::Blob(bytes) => bytes.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        Value::Boolean(_) | Value::Double(_) | Value::Structure(_) => 0,
    };
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A value as Java prints it.
fn show(shape: &'static Shape, value: &Value) -> String {
    let shape = recorded::shape(shape);
    if shape.sensitive {
        return "***".to_owned();
    }
    let shown = |shape: &'static Shape, value: &Option<Value>| {
        value.as_ref().map_or_else(|| "null".to_owned(), |value| show(shape, value))
    };
    match (shape.kind, value) {
        (_, Value::Boolean(flag)) => flag.to_string(),
        (_, Value::Integer(number)) => number.to_string(),
        (_, Value::Double(number)) => format!("{number:?}"),
        (_, Value::String(text)) => text.clone(),
        (_, Value::Blob(bytes)) => {
            let length = bytes.len();
            format!("java.nio.HeapByteBuffer[pos=0 lim={length} cap={length}]")
        }
        (Kind::List(item, _), Value::List(values)) => {
            let items: Vec<String> = values.iter().map(|value| shown(item, value)).collect();
            format!("[{}]", items.join(", "))
        }
        (Kind::Map(_, value), Value::Map(entries)) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, entry)| format!("{key}={}", shown(value, entry))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        (Kind::Structure(members), Value::Structure(values)) => {
            let members = members.iter().zip(values);
            let members: Vec<String> = members
                .map(|(member, value)| format!("{}={}", below("", member.name), shown(member.shape, value)))
                .collect();
            format!("{}({})", shape.name, members.join(", "))
        }
        // Values are read by the shape they are shown with.
        (_, Value::List(_) | Value::Map(_) | Value::Structure(_)) => String::new(),
    }
}
