//! Values of requests, of the types that the model says, before they become structures.

use bytes::Bytes;
use indexmap::IndexMap;

/// A value that was read as some [`crate::wire::shape::Shape`] says.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Boolean(bool),
    /// Also of 32 bits.
    Integer(i64),
    /// Also a timestamp.
    Double(f64),
    String(String),
    Blob(Bytes),
    /// An item may be null.
    List(Vec<Option<Value>>),
    /// In the order in which it was sent.
    Map(Vec<(String, Option<Value>)>),
    /// By the model's order of members.
    Structure(Vec<Option<Value>>),
}

/// What can be made from a value. What does not fit becomes the default: values have been read by the shape that
/// belongs to the type.
pub trait FromValue: Default {
    fn from_value(value: Value) -> Self;
}

macro_rules! scalar {
    ($($type:ty: $variant:ident;)*) => {
        $(impl FromValue for $type {
            fn from_value(value: Value) -> Self {
                if let Value::$variant(inner) = value { inner } else { Self::default() }
            }
        })*
    };
}

scalar! {
    bool: Boolean;
    i64: Integer;
    f64: Double;
    String: String;
    Bytes: Blob;
}

impl<T: FromValue> FromValue for Vec<T> {
    fn from_value(value: Value) -> Self {
        let Value::List(items) = value else { return Self::new() };
        items.into_iter().map(|item| item.map(T::from_value).unwrap_or_default()).collect()
    }
}

impl<T: FromValue> FromValue for IndexMap<String, T> {
    fn from_value(value: Value) -> Self {
        let Value::Map(entries) = value else { return Self::new() };
        entries.into_iter().map(|(key, value)| (key, value.map(T::from_value).unwrap_or_default())).collect()
    }
}

/// The members of a structure, one after the other.
pub(crate) struct Members(std::vec::IntoIter<Option<Value>>);

impl Members {
    pub(crate) fn of(value: Value) -> Self {
        let members = if let Value::Structure(members) = value { members } else { Vec::new() };
        Self(members.into_iter())
    }

    /// The next member in the model's order.
    pub(crate) fn take<T: FromValue>(&mut self) -> Option<T> {
        self.0.next().flatten().map(T::from_value)
    }
}
