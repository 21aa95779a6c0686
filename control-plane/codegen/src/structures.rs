//! Structures: one Rust struct each.

use std::fmt::Write as _;

use anyhow::{Context as _, bail};

use crate::model::{Kind, Model, Reach, Shape};
use crate::names::{field, upper};

/// Structures of requests alone.
///
/// # Errors
/// The model is incomplete.
pub fn inputs(model: &Model, reach: &Reach) -> anyhow::Result<String> {
    let chosen = |name: &str| reach.inputs.contains(name) && !reach.outputs.contains(name);
    write(model, "inputs", Names::Constraints, chosen)
}

/// Structures of responses alone.
///
/// # Errors
/// The model is incomplete.
pub fn outputs(model: &Model, reach: &Reach) -> anyhow::Result<String> {
    write(model, "outputs", Names::Wire, |name| reach.outputs.contains(name) && !reach.inputs.contains(name))
}

/// Structures of both.
///
/// # Errors
/// The model is incomplete.
pub fn shared(model: &Model, reach: &Reach) -> anyhow::Result<String> {
    write(model, "shared", Names::Both, |name| reach.outputs.contains(name) && reach.inputs.contains(name))
}

/// What the macro is told besides fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// The table that says how the structure is read.
    Constraints,
    /// Members' names in JSON.
    Wire,
    /// Both.
    Both,
}

fn write(model: &Model, group: &str, names: Names, chosen: impl Fn(&str) -> bool) -> anyhow::Result<String> {
    let mut structures = String::new();
    for (name, shape) in &model.shapes {
        let streamed = shape.eventstream || shape.members.values().any(|member| member.eventpayload);
        if shape.kind != Kind::Structure || shape.exception || streamed || !chosen(name) {
            continue;
        }
        write_structure(model, name, shape, names, &mut structures)
            .with_context(|| format!("the structure {name}"))?;
    }
    let mut text = String::new();
    for (import, mark) in [("bytes::Bytes", "Bytes"), ("indexmap::IndexMap", "IndexMap<")] {
        if structures.contains(mark) {
            writeln!(text, "use {import};")?;
        }
    }
    if group != "shared" {
        text.push_str("use super::shared::*;\n");
    }
    if names != Names::Wire {
        text.push_str("use crate::wire::generated::constraints;\n");
    }
    writeln!(text, "use crate::wire::structure::{group};\n\n{group}! {{")?;
    text.push_str(&structures);
    text.push_str("}\n");
    Ok(text)
}

fn write_structure(
    model: &Model,
    name: &str,
    shape: &Shape,
    names: Names,
    text: &mut String,
) -> anyhow::Result<()> {
    match names {
        Names::Wire => writeln!(text, "    {name} {{")?,
        Names::Constraints | Names::Both => writeln!(text, "    {name} = {} {{", upper(name))?,
    }
    for (member, details) in &shape.members {
        if model.shape(&details.shape)?.eventstream {
            continue;
        }
        let type_ = rust_type(model, &details.shape)?;
        let in_body = details.location.is_none() && shape.payload.as_ref() != Some(member);
        write!(text, "        {}: {type_}", field(member))?;
        if names != Names::Constraints && in_body {
            write!(text, " = {member:?}")?;
        }
        text.push_str(",\n");
    }
    text.push_str("    }\n");
    Ok(())
}

fn rust_type(model: &Model, name: &str) -> anyhow::Result<String> {
    let shape = model.shape(name)?;
    let content = |reference: &Option<crate::model::Reference>| match reference {
        Some(reference) => rust_type(model, &reference.shape),
        None => bail!("{name} does not say what it contains"),
    };
    Ok(match shape.kind {
        Kind::String => "String".to_owned(),
        Kind::Integer | Kind::Long => "i64".to_owned(),
        Kind::Double | Kind::Timestamp => "f64".to_owned(),
        Kind::Boolean => "bool".to_owned(),
        Kind::Blob => "Bytes".to_owned(),
        Kind::List => format!("Vec<{}>", content(&shape.member)?),
        Kind::Map => format!("IndexMap<{}, {}>", content(&shape.key)?, content(&shape.value)?),
        Kind::Structure => name.to_owned(),
    })
}
