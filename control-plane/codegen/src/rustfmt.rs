//! Formats source with the workspace's own rules.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// `source` as `cargo fmt` would leave it.
pub(crate) fn format(source: &str) -> anyhow::Result<String> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rustfmt.toml");
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout", "--config-path"])
        .arg(rules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start rustfmt; install it with `rustup component add rustfmt`")?;
    // rustfmt reads everything before it writes, so neither side waits for the other.
    rustfmt.stdin.take().context("rustfmt has no standard input")?.write_all(source.as_bytes())?;
    let output = rustfmt.wait_with_output()?;
    ensure!(output.status.success(), "rustfmt refused the source: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
