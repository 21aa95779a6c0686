//! Pure: from JSON and text to values of the types that the model says.

use std::cell::RefCell;
use std::fmt;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::jackson;
use super::shape::{Kind, Member, Place, Shape};
use super::value::Value;

/// A request that is not of the types that the model says, in the words of AWS's deserialiser. Those for scalars are
/// known from `SerializationException`s of several services (for one: aws/aws-cdk, pull request 27087); Lambda's own
/// were not recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Mismatch(String);

impl Mismatch {
    fn scalar(found: &str, wanted: &Shape) -> Self {
        match type_name(wanted) {
            Some(wanted) => Self(format!("{found} can not be converted to {wanted}")),
            None => Self("Unexpected field type".to_owned()),
        }
    }
}

fn type_name(shape: &Shape) -> Option<&'static str> {
    match shape.kind {
        Kind::String => Some("a String"),
        Kind::Integer => Some("an Integer"),
        Kind::Long => Some("a Long"),
        Kind::Double => Some("a Double"),
        Kind::Boolean => Some("a Boolean"),
        Kind::Timestamp => Some("a Timestamp"),
        Kind::Blob => Some("a Blob"),
        Kind::List(..) | Kind::Map(..) | Kind::Structure(_) => None,
    }
}

/// Reads a JSON document. Unknown members are ignored, null is no value, in a structure only members that travel in
/// the body are read.
///
/// # Errors
/// It is not JSON, or the first value that is of a wrong type.
pub(crate) fn json(document: &[u8], shape: &'static Shape) -> Result<Option<Value>, Mismatch> {
    let mismatch = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let read = Json { shape, mismatch: &mismatch }.deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    let value = read.map_err(|error| Mismatch(unreadable(document, &error)))?;
    mismatch.into_inner().map_or(Ok(value), Err)
}

/// What is wrong with a document, in the words of AWS's parser, which can read some that ours cannot.
fn unreadable(document: &[u8], error: &serde_json::Error) -> String {
    let malformed = jackson::check(document).err().map(|malformed| malformed.to_string());
    format!("Could not parse request body into json: {}", malformed.unwrap_or_else(|| error.to_string()))
}

/// Reads JSON of one shape. A wrong type is noted and reading goes on: an error of the syntax is told first.
#[derive(Clone, Copy)]
struct Json<'a> {
    shape: &'static Shape,
    mismatch: &'a RefCell<Option<Mismatch>>,
}

impl<'a> Json<'a> {
    fn wrong(self, mismatch: Mismatch) -> Option<Value> {
        self.mismatch.borrow_mut().get_or_insert(mismatch);
        None
    }

    fn wrong_scalar(self, found: &str) -> Option<Value> {
        self.wrong(Mismatch::scalar(found, self.shape))
    }

    fn of(self, shape: &'static Shape) -> Self {
        Self { shape, ..self }
    }

    fn whole(self, number: Option<i64>) -> Option<Value> {
        match (self.shape.kind, number) {
            (Kind::Integer, Some(number)) if i32::try_from(number).is_ok() => Some(Value::Integer(number)),
            (Kind::Long, Some(number)) => Some(Value::Integer(number)),
            _ => self.wrong_scalar("NUMBER_VALUE"),
        }
    }

    fn fraction(self, number: f64) -> Option<Value> {
        match self.shape.kind {
            Kind::Double | Kind::Timestamp => Some(Value::Double(number)),
            _ => self.whole(exact(number)),
        }
    }
}

/// The whole number that `number` is.
fn exact(number: f64) -> Option<i64> {
    let text = format!("{number:.0}");
    text.parse().ok().filter(|_| number.fract() == 0.0)
}

impl<'de> DeserializeSeed<'de> for Json<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Json<'_> {
    type Value = Option<Value>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a value of {}", self.shape.name)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(match self.shape.kind {
            Kind::Boolean => Some(Value::Boolean(value)),
            _ => self.wrong_scalar(if value { "TRUE_VALUE" } else { "FALSE_VALUE" }),
        })
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(match self.shape.kind {
            // A duration or a share: far below where a float loses whole numbers.
            #[expect(clippy::cast_precision_loss, reason = "JSON has no other numbers than these")]
            Kind::Double | Kind::Timestamp => Some(Value::Double(value as f64)),
            _ => self.whole(Some(value)),
        })
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Ok(self.wrong_scalar("NUMBER_VALUE")),
        }
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(self.fraction(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(match self.shape.kind {
            Kind::String => Some(Value::String(value.to_owned())),
            Kind::Blob => match BASE64.decode(value) {
                Ok(bytes) => Some(Value::Blob(bytes.into())),
                Err(_) => self.wrong_scalar("STRING_VALUE"),
            },
            Kind::Timestamp => match value.parse::<jiff::Timestamp>() {
                Ok(time) => Some(Value::Double(seconds(time))),
                Err(_) => self.wrong_scalar("STRING_VALUE"),
            },
            _ => self.wrong_scalar("STRING_VALUE"),
        })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let Kind::List(item, _) = self.shape.kind else {
            while sequence.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(self.wrong(Mismatch("Start of list found where not expected".to_owned())));
        };
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element_seed(self.of(item))? {
            items.push(item);
        }
        Ok(Some(Value::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        match self.shape.kind {
            Kind::Map(_, value) => {
                let mut entries: Vec<(String, Option<Value>)> = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    entries.push((key, map.next_value_seed(self.of(value))?));
                }
                Ok(Some(Value::Map(entries)))
            }
            Kind::Structure(members) => {
                let mut values: Vec<Option<Value>> = members.iter().map(|_| None).collect();
                while let Some(key) = map.next_key::<String>()? {
                    match position(members, &key) {
                        Some(at) => {
                            let member = members.get(at).ok_or_else(|| A::Error::custom("no such member"))?;
                            let value = map.next_value_seed(self.of(member.shape))?;
                            if let Some(place) = values.get_mut(at) {
                                *place = value;
                            }
                        }
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(Some(Value::Structure(values)))
            }
            _ => {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(self.wrong(Mismatch("Start of structure or map found where not expected.".to_owned())))
            }
        }
    }
}

fn position(members: &[Member], name: &str) -> Option<usize> {
    members.iter().position(|member| member.place == Place::Body && member.name == name)
}

/// Clients pad, but not all of them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a label, a header or one parameter of a query.
///
/// # Errors
/// The text is not of the type.
pub(crate) fn text(text: &str, shape: &'static Shape) -> Result<Value, Mismatch> {
    let mismatch = || Mismatch::scalar("STRING_VALUE", shape);
    match shape.kind {
        Kind::Integer => {
            text.parse::<i32>().map(|number| Value::Integer(number.into())).map_err(|_| mismatch())
        }
        Kind::Long => text.parse().map(Value::Integer).map_err(|_| mismatch()),
        Kind::Double => text.parse().map(Value::Double).map_err(|_| mismatch()),
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Ok(Value::Boolean(true)),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Ok(Value::Boolean(false)),
        Kind::Timestamp => {
            text.parse::<jiff::Timestamp>().map(|time| Value::Double(seconds(time))).map_err(|_| mismatch())
        }
        Kind::String => Ok(Value::String(text.to_owned())),
        Kind::Boolean | Kind::Blob | Kind::List(..) | Kind::Map(..) | Kind::Structure(_) => Err(mismatch()),
    }
}

fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::shape::member;

    static TEXT: Shape = Shape::string("Text");
    static COUNT: Shape = Shape::integer("Count");
    static SHARE: Shape = Shape::double("Share");
    static FLAG: Shape = Shape::boolean("Flag");
    static CODE: Shape = Shape::blob("Code");
    static TIME: Shape = Shape::timestamp("Time");
    static TEXTS: Shape = Shape::list("Texts", &TEXT);
    static TABLE: Shape = Shape::map("Table", &TEXT, &TEXT);
    static MEMBERS: [Member; 8] = [
        member("Text", &TEXT),
        member("Count", &COUNT),
        member("Share", &SHARE),
        member("Flag", &FLAG),
        member("Code", &CODE),
        member("Time", &TIME),
        member("Texts", &TEXTS),
        member("Table", &TABLE),
    ];
    static ALL: Shape = Shape::structure("All", &MEMBERS);

    fn one(document: &str) -> Result<Option<Value>, String> {
        match json(document.as_bytes(), &ALL).map_err(|mismatch| mismatch.to_string())? {
            Some(Value::Structure(members)) => Ok(members.into_iter().flatten().next()),
            other => panic!("{other:?}"),
        }
    }

    fn string(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    #[test]
    fn members_are_read_by_their_type() {
        for (document, expected) in [
            (r#"{"Text":"a"}"#, string("a")),
            (r#"{"Count":-3}"#, Value::Integer(-3)),
            (r#"{"Count":3.0}"#, Value::Integer(3)),
            (r#"{"Share":2}"#, Value::Double(2.0)),
            (r#"{"Flag":true}"#, Value::Boolean(true)),
            (r#"{"Code":"aGk="}"#, Value::Blob("hi".into())),
            (r#"{"Code":"aGk"}"#, Value::Blob("hi".into())),
            (r#"{"Time":1.5}"#, Value::Double(1.5)),
            (r#"{"Time":"1970-01-01T00:00:02Z"}"#, Value::Double(2.0)),
            (r#"{"Texts":["a",null]}"#, Value::List(vec![Some(string("a")), None])),
            (
                r#"{"Table":{"b":"1","a":"2"}}"#,
                Value::Map(vec![("b".into(), Some(string("1"))), ("a".into(), Some(string("2")))]),
            ),
        ] {
            assert_eq!(one(document), Ok(Some(expected)), "{document}");
        }
    }

    #[test]
    fn null_and_unknown_members_are_no_values() {
        assert_eq!(one(r#"{"Text":null,"Other":{"Text":["deep"]}}"#), Ok(None));
    }

    #[test]
    fn a_wrong_type_is_told_in_awss_words() {
        for (document, expected) in [
            (r#"{"Text":1}"#, "NUMBER_VALUE can not be converted to a String"),
            (r#"{"Text":true}"#, "TRUE_VALUE can not be converted to a String"),
            (r#"{"Count":"3"}"#, "STRING_VALUE can not be converted to an Integer"),
            (r#"{"Count":3000000000}"#, "NUMBER_VALUE can not be converted to an Integer"),
            (r#"{"Count":1.5}"#, "NUMBER_VALUE can not be converted to an Integer"),
            (r#"{"Code":"%"}"#, "STRING_VALUE can not be converted to a Blob"),
            (r#"{"Texts":"a"}"#, "Unexpected field type"),
            (r#"{"Text":["a"]}"#, "Start of list found where not expected"),
            (r#"{"Text":{"a":1}}"#, "Start of structure or map found where not expected."),
        ] {
            assert_eq!(one(document).unwrap_err(), expected, "{document}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_before_wrong_types() {
        for document in [r#"{"Text":1"#, r#"{"Text":1} x"#, "{'a':1}"] {
            let told = json(document.as_bytes(), &ALL).unwrap_err().to_string();
            assert!(told.starts_with("Could not parse request body into json: "), "{told}");
        }
    }

    #[test]
    fn texts_are_read_by_their_type() {
        assert_eq!(text("7", &COUNT), Ok(Value::Integer(7)));
        assert_eq!(text("TRUE", &FLAG), Ok(Value::Boolean(true)));
        assert_eq!(text("1970-01-01T00:01:00.5Z", &TIME), Ok(Value::Double(60.5)));
        let told = text("seven", &COUNT).unwrap_err().to_string();
        assert_eq!(told, "STRING_VALUE can not be converted to an Integer");
    }
}
