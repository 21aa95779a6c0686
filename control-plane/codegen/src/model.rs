//! The model as botocore writes it, and which of its shapes requests and responses are made of.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use indexmap::IndexMap;
use serde::Deserialize;

/// The whole model.
#[derive(Debug, Deserialize)]
pub struct Model {
    /// By name.
    pub operations: IndexMap<String, Operation>,
    /// By name, in the model's order.
    pub shapes: IndexMap<String, Shape>,
}

/// One operation.
#[derive(Debug, Deserialize)]
pub struct Operation {
    /// Method, path, status.
    pub http: Http,
    /// Its request.
    pub input: Option<Reference>,
    /// Its response, if it has one.
    pub output: Option<Reference>,
}

/// Where an operation is found.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// HTTP method.
    pub method: String,
    /// Path with labels in braces, perhaps with a static query.
    pub request_uri: String,
    /// Status of success.
    pub response_code: u16,
}

/// Names a shape.
#[derive(Debug, Deserialize)]
pub struct Reference {
    /// Its name.
    pub shape: String,
}

/// A type with its constraints.
#[derive(Debug, Deserialize)]
pub struct Shape {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Of a structure.
    #[serde(default)]
    pub members: IndexMap<String, Member>,
    /// Members of a structure that must be there.
    #[serde(default)]
    pub required: Vec<String>,
    /// The member of a structure that is the body.
    pub payload: Option<String>,
    /// Of a list.
    pub member: Option<Reference>,
    /// Of a map.
    pub key: Option<Reference>,
    /// Of a map.
    pub value: Option<Reference>,
    /// Least value, length or count.
    pub min: Option<f64>,
    /// Greatest value, length or count.
    pub max: Option<f64>,
    /// A regular expression in Java's dialect.
    pub pattern: Option<String>,
    /// All values of a string.
    #[serde(rename = "enum", default)]
    pub values: Vec<String>,
    /// Never to be shown.
    #[serde(default)]
    pub sensitive: bool,
    /// Whether it is an error type.
    #[serde(default)]
    pub exception: bool,
    /// HTTP side of an error type.
    pub error: Option<ErrorTrait>,
    /// Whether it is a stream of events and not part of a body.
    #[serde(default)]
    pub eventstream: bool,
}

/// HTTP side of an error type.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorTrait {
    /// HTTP status.
    pub http_status_code: u16,
}

/// A member of a structure.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its type.
    pub shape: String,
    /// Where it travels if not in the body.
    pub location: Option<Location>,
    /// Its name there.
    pub location_name: Option<String>,
    /// Whether it is the raw content of an event of a stream.
    #[serde(default)]
    pub eventpayload: bool,
}

/// Where a member travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Location {
    /// A label of the path.
    Uri,
    /// A parameter of the query.
    Querystring,
    /// A header.
    Header,
    /// The status of the response.
    StatusCode,
}

/// The types of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "named as in the model")]
pub enum Kind {
    String,
    Integer,
    Long,
    Double,
    Boolean,
    Timestamp,
    Blob,
    List,
    Map,
    Structure,
}

impl Model {
    /// The model in the repository.
    ///
    /// # Errors
    /// The file cannot be read or is not of this form.
    pub fn read() -> anyhow::Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/lambda-2015-03-31.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    /// The shape called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn shape(&self, name: &str) -> anyhow::Result<&Shape> {
        self.shapes.get(name).with_context(|| format!("the model has no shape {name}"))
    }
}

impl Shape {
    /// The shapes that this one is made of.
    fn parts(&self) -> impl Iterator<Item = &str> {
        let members = self.members.values().map(|member| &member.shape);
        let contents =
            [&self.member, &self.key, &self.value].into_iter().flatten().map(|content| &content.shape);
        members.chain(contents).map(String::as_str)
    }
}

/// Which shapes requests and responses are made of.
#[derive(Debug)]
pub struct Reach {
    /// Parts of requests, the requests included.
    pub inputs: BTreeSet<String>,
    /// Parts of responses, the responses included.
    pub outputs: BTreeSet<String>,
}

impl Reach {
    /// Follows all operations.
    ///
    /// # Errors
    /// A shape is missing.
    pub fn of(model: &Model) -> anyhow::Result<Self> {
        let mut reach = Self { inputs: BTreeSet::new(), outputs: BTreeSet::new() };
        for operation in model.operations.values() {
            if let Some(input) = &operation.input {
                follow(model, &input.shape, &mut reach.inputs)?;
            }
            if let Some(output) = &operation.output {
                follow(model, &output.shape, &mut reach.outputs)?;
            }
        }
        Ok(reach)
    }
}

fn follow(model: &Model, name: &str, reached: &mut BTreeSet<String>) -> anyhow::Result<()> {
    if reached.insert(name.to_owned()) {
        for part in model.shape(name)?.parts() {
            follow(model, part, reached)?;
        }
    }
    Ok(())
}
