//! The types of requests as data: what they are made of, where members travel, what constrains them.

use std::sync::OnceLock;

use regex::Regex;

/// A type of the model with its constraints.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The model's name for it.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Least value, length or count.
    pub(crate) min: Option<i64>,
    /// Greatest value, length or count.
    pub(crate) max: Option<i64>,
    pub(crate) pattern: Option<&'static Pattern>,
    /// All values of a string as messages print them: `[x86_64, arm64]`.
    pub(crate) values: Option<&'static str>,
    /// Never repeated in a message.
    pub(crate) sensitive: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    String,
    /// 32 bits.
    Integer,
    /// 64 bits.
    Long,
    Double,
    Boolean,
    /// Seconds since the epoch in JSON, ISO 8601 in a query.
    Timestamp,
    /// Base64 in JSON.
    Blob,
    List(&'static Shape, Items),
    /// Keys are strings.
    Map(&'static Shape, &'static Shape),
    Structure(&'static [Member]),
}

/// How a message lists the constraints of a list's items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Items {
    /// In brackets, with `Member must not be null` at the end.
    NotNull,
    /// In brackets.
    Nullable,
    /// As if they were the list's own.
    Bare,
}

/// A member of a structure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) shape: &'static Shape,
    pub(crate) place: Place,
    pub(crate) required: bool,
}

/// Where a member travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the JSON of the body.
    Body,
    /// The body itself.
    Payload,
    /// A label of the path.
    Label(&'static str),
    /// A parameter of the query.
    Query(&'static str),
    /// A header, in lower case.
    Header(&'static str),
}

/// A member of a JSON body; the methods below say otherwise.
pub(crate) const fn member(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, place: Place::Body, required: false }
}

impl Member {
    pub(crate) const fn label(mut self, name: &'static str) -> Self {
        self.place = Place::Label(name);
        self
    }

    pub(crate) const fn query(mut self, name: &'static str) -> Self {
        self.place = Place::Query(name);
        self
    }

    pub(crate) const fn header(mut self, name: &'static str) -> Self {
        self.place = Place::Header(name);
        self
    }

    pub(crate) const fn payload(mut self) -> Self {
        self.place = Place::Payload;
        self
    }

    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

impl Shape {
    const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, min: None, max: None, pattern: None, values: None, sensitive: false }
    }

    pub(crate) const fn string(name: &'static str) -> Self {
        Self::new(name, Kind::String)
    }

    pub(crate) const fn integer(name: &'static str) -> Self {
        Self::new(name, Kind::Integer)
    }

    pub(crate) const fn long(name: &'static str) -> Self {
        Self::new(name, Kind::Long)
    }

    pub(crate) const fn double(name: &'static str) -> Self {
        Self::new(name, Kind::Double)
    }

    pub(crate) const fn boolean(name: &'static str) -> Self {
        Self::new(name, Kind::Boolean)
    }

    pub(crate) const fn timestamp(name: &'static str) -> Self {
        Self::new(name, Kind::Timestamp)
    }

    pub(crate) const fn blob(name: &'static str) -> Self {
        Self::new(name, Kind::Blob)
    }

    pub(crate) const fn list(name: &'static str, item: &'static Shape) -> Self {
        Self::new(name, Kind::List(item, Items::NotNull))
    }

    pub(crate) const fn map(name: &'static str, key: &'static Shape, value: &'static Shape) -> Self {
        Self::new(name, Kind::Map(key, value))
    }

    pub(crate) const fn structure(name: &'static str, members: &'static [Member]) -> Self {
        Self::new(name, Kind::Structure(members))
    }

    pub(crate) const fn min(mut self, min: i64) -> Self {
        self.min = Some(min);
        self
    }

    pub(crate) const fn max(mut self, max: i64) -> Self {
        self.max = Some(max);
        self
    }

    pub(crate) const fn pattern(mut self, pattern: &'static Pattern) -> Self {
        self.pattern = Some(pattern);
        self
    }

    pub(crate) const fn values(mut self, values: &'static str) -> Self {
        self.values = Some(values);
        self
    }

    pub(crate) const fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// The members of a structure; nothing else has any.
    pub(crate) const fn members(&self) -> &'static [Member] {
        match self.kind {
            Kind::Structure(members) => members,
            _ => &[],
        }
    }
}

/// A regular expression in Java's dialect that must match the whole of a string.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: &'static str,
    compiled: OnceLock<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    wanted: Regex,
    /// What look-around excludes, which the engine does not know.
    unwanted: Option<Regex>,
}

/// Patterns with look-around: what must match, and what must not.
const LOOK_AROUND: [(&str, &str, &str); 4] = [
    ("(?!^[0-9]+$)([a-zA-Z0-9-_]+)", "[a-zA-Z0-9-_]+", "[0-9]+"),
    (r"((?!^\d+$)^[0-9a-zA-Z-_]+$)", "[0-9a-zA-Z-_]+", "[0-9]+"),
    (r"(^(?!(system\x2e)))(^[_a-zA-Z0-9])([^$]*)", "[_a-zA-Z0-9][^$]*", r"system\.(?s:.*)"),
    (r"[0-9A-Za-z\.\-_]*(?<!\.)", r"[0-9A-Za-z\.\-_]*", r"(?s:.*)\."),
];

impl Pattern {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// As messages print it.
    pub(crate) const fn text(&self) -> &'static str {
        self.text
    }

    /// Whether it matches the whole of `value`.
    pub(crate) fn matches(&self, value: &str) -> bool {
        let Compiled { wanted, unwanted } = self.compiled.get_or_init(|| Compiled::of(self.text));
        wanted.is_match(value) && !unwanted.as_ref().is_some_and(|unwanted| unwanted.is_match(value))
    }
}

impl Compiled {
    fn of(text: &str) -> Self {
        match LOOK_AROUND.iter().find(|(pattern, ..)| *pattern == text) {
            Some((_, wanted, unwanted)) => Self { wanted: whole(wanted), unwanted: Some(whole(unwanted)) },
            None => Self { wanted: whole(text), unwanted: None },
        }
    }
}

/// Java's classes are ASCII's; written out they are that here too, and no tables of Unicode are needed. A class inside
/// a class is its union.
const CLASSES: [(&str, &str); 3] =
    [(r"\d", "[0-9]"), (r"\s", r"[ \t\n\x0B\f\r]"), (r"\S", r"[^ \t\n\x0B\f\r]")];

fn whole(pattern: &str) -> Regex {
    let pattern =
        CLASSES.iter().fold(pattern.to_owned(), |pattern, (class, ascii)| pattern.replace(class, ascii));
    Regex::new(&format!("^(?:{pattern})$"))
        .expect("a test compiles every pattern of the model and of the recordings")
}
