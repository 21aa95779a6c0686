//! Operations: name, route, status, request and response.

use std::fmt::Write as _;

use anyhow::Context as _;

use crate::model::{Location, Model, Shape};
use crate::names::field;

/// `operations.rs`.
///
/// # Errors
/// An operation has no input.
pub fn write(model: &Model) -> anyhow::Result<String> {
    let mut text = "use super::shapes;\nuse crate::wire::encode::{Head, Output, Payload, outputs};\nuse \
                    crate::wire::operation::operations;\n\noperations! {\n"
        .to_owned();
    let mut outputs: Vec<&str> = Vec::new();
    for (name, operation) in &model.operations {
        let input = &operation.input.as_ref().with_context(|| format!("{name} has no input"))?.shape;
        let output = operation.output.as_ref().map(|output| output.shape.as_str());
        let output_type = output.map_or_else(|| "()".to_owned(), |output| format!("shapes::{output}"));
        let http = &operation.http;
        let (method, status, uri) = (&http.method, http.response_code, &http.request_uri);
        writeln!(text, "    {name}: {method} {uri:?} => {status}, shapes::{input} => {output_type};")?;
        outputs.extend(output.filter(|output| !outputs.contains(output)));
    }
    text.push_str("}\n\noutputs! {\n");
    let mut bound = String::new();
    for output in outputs {
        let shape = model.shape(output)?;
        match binding(model, output, shape)? {
            Some(binding) => bound.push_str(&binding),
            None => writeln!(text, "    shapes::{output},")?,
        }
    }
    text.push_str("}\n");
    text.push_str(&bound);
    Ok(text)
}

/// How members of a response leave that do not travel in its JSON; `None`: all do.
fn binding(model: &Model, name: &str, shape: &Shape) -> anyhow::Result<Option<String>> {
    let mut lines = String::new();
    for (member, details) in &shape.members {
        let field = field(member);
        match details.location {
            Some(Location::StatusCode) => writeln!(lines, "head.status(self.{field});")?,
            Some(Location::Header) => {
                let header = details.location_name.as_deref().unwrap_or(member);
                writeln!(lines, "head.header({:?}, self.{field}.take());", header.to_ascii_lowercase())?;
            }
            Some(Location::Uri | Location::Querystring) => {
                anyhow::bail!("{name}.{member} cannot travel in a response")
            }
            None => {}
        }
    }
    let payload = match &shape.payload {
        None => "Payload::Json".to_owned(),
        Some(payload) => {
            let details =
                shape.members.get(payload).with_context(|| format!("{name} has no member {payload}"))?;
            if model.shape(&details.shape)?.eventstream {
                "Payload::Stream".to_owned()
            } else {
                format!("Payload::Raw(self.{}.take().unwrap_or_default())", field(payload))
            }
        }
    };
    if lines.is_empty() && shape.payload.is_none() {
        return Ok(None);
    }
    Ok(Some(format!(
        "\nimpl Output for shapes::{name} {{\n    fn bind(&mut self, head: &mut Head) -> Payload {{\n{lines}{payload}\n}}\n}}\n"
    )))
}
