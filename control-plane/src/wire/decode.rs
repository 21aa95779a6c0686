//! Pure: from a request to an operation's input.

use bytes::Bytes;
use http::HeaderMap;

use super::error::{ErrorCode, ServiceError};
use super::operation::{Labels, OperationShape};
use super::query;
use super::read::{self, Mismatch};
use super::shape::{Kind, Member, Place, Shape};
use super::validate::{self, Violation};
use super::value::{FromValue, Value};

/// What an operation takes.
pub trait Input: FromValue {
    /// What it is made of.
    fn shape() -> &'static Shape;
}

/// A request whose operation is known.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// From [`super::Operation::route`].
    pub labels: &'a Labels,
    /// The raw query.
    pub query: Option<&'a str>,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// An input, and what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded<T> {
    /// All members that were given, valid or not.
    pub input: T,
    /// The constraints of the model that do not hold, in the model's order of members.
    pub violations: Vec<Violation>,
}

/// Binds a request to the input of the operation `O`.
///
/// # Errors
/// `SerializationException`: the body is no JSON, or something is of a wrong type.
pub fn decode<O: OperationShape>(request: &Request<'_>) -> Result<Decoded<O::Input>, ServiceError> {
    let shape = O::Input::shape();
    let value = bind(shape, request)
        .map_err(|mismatch| ServiceError::new(ErrorCode::SerializationException, mismatch.to_string()))?;
    let violations = validate::violations(shape, &value);
    Ok(Decoded { input: O::Input::from_value(value), violations })
}

fn bind(shape: &'static Shape, request: &Request<'_>) -> Result<Value, Mismatch> {
    let members = shape.members();
    let in_body = members.iter().any(|member| member.place == Place::Body);
    let body = if in_body { document(&request.body, shape)? } else { None };
    let mut values = match body {
        Some(Value::Structure(values)) => values,
        _ => members.iter().map(|_| None).collect(),
    };
    for (member, value) in members.iter().zip(&mut values) {
        if member.place != Place::Body {
            *value = elsewhere(member, request)?;
        }
    }
    Ok(Value::Structure(values))
}

/// The JSON of a body; an empty one has no members.
fn document(body: &[u8], shape: &'static Shape) -> Result<Option<Value>, Mismatch> {
    if body.trim_ascii().is_empty() { Ok(None) } else { read::json(body, shape) }
}

fn elsewhere(member: &Member, request: &Request<'_>) -> Result<Option<Value>, Mismatch> {
    let shape = member.shape;
    match member.place {
        Place::Body => Ok(None),
        Place::Payload => match shape.kind {
            Kind::Blob => Ok(Some(Value::Blob(request.body.clone()))),
            _ => document(&request.body, shape),
        },
        Place::Label(name) => request.labels.get(name).map(|label| read::text(label, shape)).transpose(),
        Place::Header(name) => {
            let value = request.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
            value.map(|value| read::text(&value, shape)).transpose()
        }
        Place::Query(name) => {
            let given = query::parameters(request.query).filter(|(parameter, _)| parameter == name);
            let mut given = given.map(|(_, value)| value);
            match shape.kind {
                Kind::List(item, _) => {
                    let items = given.map(|text| read::text(&text, item).map(Some));
                    let items = items.collect::<Result<Vec<_>, _>>()?;
                    Ok((!items.is_empty()).then_some(Value::List(items)))
                }
                // A number or a flag without value was not given.
                Kind::String => given.next().map(|text| read::text(&text, shape)).transpose(),
                _ => given
                    .next()
                    .filter(|text| !text.is_empty())
                    .map(|text| read::text(&text, shape))
                    .transpose(),
            }
        }
    }
}
