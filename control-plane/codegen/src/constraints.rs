//! What requests are made of: where each member travels and what constrains it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Context as _, bail, ensure};

use crate::model::{Kind, Location, Model, Reach, Shape};
use crate::names::upper;

/// `constraints.rs`.
///
/// # Errors
/// The model is incomplete, or has a constraint that cannot be written down.
pub fn write(model: &Model, reach: &Reach) -> anyhow::Result<String> {
    let mut text = "use crate::wire::shape::{Member, Pattern, Shape, member};\n\n".to_owned();
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for (name, shape) in model.shapes.iter().filter(|(name, _)| reach.inputs.contains(*name)) {
        if let Some(other) = taken.insert(upper(name), name) {
            bail!("{name} and {other} would have the same name");
        }
        write_shape(&mut text, name, shape).with_context(|| format!("the shape {name}"))?;
    }
    Ok(text)
}

fn write_shape(text: &mut String, name: &str, shape: &Shape) -> anyhow::Result<()> {
    let constant = upper(name);
    let mut builders = constraints(shape)?;
    if let Some(pattern) = &shape.pattern {
        writeln!(text, "static {constant}_PATTERN: Pattern = Pattern::new({});", raw(pattern))?;
        write!(builders, ".pattern(&{constant}_PATTERN)")?;
    }
    let content = |reference: &Option<crate::model::Reference>| {
        reference.as_ref().map(|content| upper(&content.shape)).context("it does not say what it contains")
    };
    let new = match shape.kind {
        Kind::String => format!("Shape::string({name:?})"),
        Kind::Integer => format!("Shape::integer({name:?})"),
        Kind::Long => format!("Shape::long({name:?})"),
        Kind::Double => format!("Shape::double({name:?})"),
        Kind::Boolean => format!("Shape::boolean({name:?})"),
        Kind::Timestamp => format!("Shape::timestamp({name:?})"),
        Kind::Blob => format!("Shape::blob({name:?})"),
        Kind::List => format!("Shape::list({name:?}, &{})", content(&shape.member)?),
        Kind::Map => format!("Shape::map({name:?}, &{}, &{})", content(&shape.key)?, content(&shape.value)?),
        Kind::Structure => {
            let members = shape.members.len();
            writeln!(text, "static {constant}_MEMBERS: [Member; {members}] = [")?;
            write_members(text, shape)?;
            text.push_str("];\n");
            format!("Shape::structure({name:?}, &{constant}_MEMBERS)")
        }
    };
    writeln!(text, "pub(crate) static {constant}: Shape = {new}{builders};")?;
    Ok(())
}

fn constraints(shape: &Shape) -> anyhow::Result<String> {
    let mut builders = String::new();
    for (limit, builder) in [(shape.min, "min"), (shape.max, "max")] {
        if let Some(limit) = limit {
            ensure!(limit.fract() == 0.0, "the limit {limit} is not a whole number");
            write!(builders, ".{builder}({limit:.0})")?;
        }
    }
    if !shape.values.is_empty() {
        write!(builders, ".values({:?})", format!("[{}]", shape.values.join(", ")))?;
    }
    if shape.sensitive {
        builders.push_str(".sensitive()");
    }
    Ok(builders)
}

fn write_members(text: &mut String, structure: &Shape) -> anyhow::Result<()> {
    for (name, details) in &structure.members {
        write!(text, "member({name:?}, &{})", upper(&details.shape))?;
        let there = details.location_name.as_deref().unwrap_or(name);
        match details.location {
            Some(Location::Uri) => write!(text, ".label({there:?})")?,
            Some(Location::Querystring) => write!(text, ".query({there:?})")?,
            Some(Location::Header) => write!(text, ".header({:?})", there.to_ascii_lowercase())?,
            Some(Location::StatusCode) => bail!("{name} is a status, which requests do not have"),
            None if structure.payload.as_ref() == Some(name) => text.push_str(".payload()"),
            None => {}
        }
        if structure.required.contains(name) {
            text.push_str(".required()");
        }
        text.push_str(",\n");
    }
    Ok(())
}

/// A raw string literal.
fn raw(text: &str) -> String {
    if text.contains('"') { format!("r#\"{text}\"#") } else { format!("r\"{text}\"") }
}
