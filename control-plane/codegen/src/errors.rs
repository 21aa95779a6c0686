//! Error types: status and the name of the member that carries the message.

use std::fmt::Write as _;

use anyhow::Context as _;

use crate::model::Model;

/// `errors.rs`.
///
/// # Errors
/// An error type has no status.
pub fn write(model: &Model) -> anyhow::Result<String> {
    let mut text = "use crate::wire::error::error_codes;\n\nerror_codes! {\n".to_owned();
    for (name, shape) in model.shapes.iter().filter(|(_, shape)| shape.exception) {
        let status = shape.error.as_ref().with_context(|| format!("{name} has no status"))?.http_status_code;
        let key = if shape.members.contains_key("Message") { "Message" } else { "message" };
        writeln!(text, "    {name}: {status} {key:?},")?;
    }
    text.push_str("}\n");
    Ok(text)
}
