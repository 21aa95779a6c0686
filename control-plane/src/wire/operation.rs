//! Pure: the operations of the model and how a request is recognised as one of them.

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

pub use super::generated::operations::Operation;
use super::{decode, encode, query};

/// An operation as a type, so that what handles it is typed: one unit type for each in [`super::operations`].
pub trait OperationShape {
    /// Which one it is.
    const OPERATION: Operation;
    /// Its request.
    type Input: decode::Input;
    /// Its response; `()`: it has no content.
    type Output: encode::Output;
}

/// What the model says of an operation's HTTP side.
#[derive(Debug)]
pub(crate) struct Details {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    /// Path with labels in braces, perhaps with a static query.
    pub(crate) uri: &'static str,
    pub(crate) status: u16,
}

/// Decoded labels of a path, such as `FunctionName`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Vec<(&'static str, String)>);

impl Labels {
    /// The value of a label.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(label, _)| *label == name).map(|(_, value)| value.as_str())
    }
}

impl Operation {
    /// AWS's name, such as `CreateFunction`.
    pub fn name(self) -> &'static str {
        self.details().name
    }

    /// The HTTP method.
    pub fn method(self) -> &'static str {
        self.details().method
    }

    /// The path with its labels in braces and, for two operations, a static query.
    pub fn uri(self) -> &'static str {
        self.details().uri
    }

    /// Status of success, unless the output has a status of its own.
    pub fn status(self) -> StatusCode {
        let status = super::recorded::status(self).unwrap_or(self.details().status);
        StatusCode::from_u16(status).unwrap_or(StatusCode::OK)
    }

    /// Which operation a request is for, with the labels of its path, each decoded once. `path` is raw: an encoded
    /// slash does not separate segments. `None`: no operation has this path, or not with this method.
    ///
    /// A trailing slash is ignored, since old SDKs send one.
    pub fn route(method: &Method, path: &str, query: Option<&str>) -> Option<(Self, Labels)> {
        let path = path.strip_prefix('/')?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let version = path.split('/').next().unwrap_or_default();
        let mut plain = None;
        for operation in Self::ALL {
            let details = operation.details();
            // Most operations are ruled out by these, without looking at their segments.
            if details.method != method.as_str() || details.uri.get(1..=version.len()) != Some(version) {
                continue;
            }
            let (template, required) = match details.uri.split_once('?') {
                Some((template, required)) => (template, Some(required)),
                None => (details.uri, None),
            };
            if !has_form(path, template) {
                continue;
            }
            match required.and_then(|required| required.split_once('=')) {
                // A static part of the query tells two operations with the same path apart, so it comes first.
                Some((name, value)) if has_parameter(query, name, value) => {
                    return Some((operation, labels(path, template)));
                }
                Some(_) => {}
                None => plain = plain.or(Some((operation, template))),
            }
        }
        plain.map(|(operation, template)| (operation, labels(path, template)))
    }
}

fn has_parameter(query: Option<&str>, name: &str, value: &str) -> bool {
    query::parameters(query).any(|(found, given)| found == name && given == value)
}

fn label(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn segments(template: &'static str) -> impl Iterator<Item = &'static str> {
    template.split('/').skip(1)
}

fn has_form(path: &str, template: &'static str) -> bool {
    let mut given = path.split('/');
    segments(template).all(|segment| match (given.next(), label(segment)) {
        (Some(given), Some(_)) => !given.is_empty(),
        (Some(given), None) => given == segment,
        (None, _) => false,
    }) && given.next().is_none()
}

fn labels(path: &str, template: &'static str) -> Labels {
    let pairs = path.split('/').zip(segments(template));
    Labels(pairs.filter_map(|(given, segment)| Some((label(segment)?, decoded(given)))).collect())
}

fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// `Name: METHOD "uri" => status, Input => Output;`
macro_rules! operations {
    ($($name:ident: $method:ident $uri:literal => $status:literal, $input:ty => $output:ty;)*) => {
        /// The operations of Lambda's API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Operation {
            $(#[doc = concat!("`", stringify!($method), " ", $uri, "`")] $name,)*
        }

        impl Operation {
            /// All of them, by name.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            pub(crate) const fn details(self) -> &'static $crate::wire::operation::Details {
                match self {
                    $(Self::$name => &$crate::wire::operation::Details {
                        name: stringify!($name),
                        method: stringify!($method),
                        uri: $uri,
                        status: $status,
                    },)*
                }
            }

            /// What its request is made of.
            #[cfg(test)]
            pub(crate) fn input(self) -> &'static $crate::wire::shape::Shape {
                match self {
                    $(Self::$name => <$input as $crate::wire::decode::Input>::shape(),)*
                }
            }
        }

        $(
            #[doc = concat!("The operation `", stringify!($name), "`.")]
            #[derive(Debug, Clone, Copy)]
            pub struct $name;

            impl $crate::wire::OperationShape for $name {
                const OPERATION: Operation = Operation::$name;
                type Input = $input;
                type Output = $output;
            }
        )*
    };
}

pub(crate) use operations;
