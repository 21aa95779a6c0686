//! Ruby images: Debian's interpreter and the client in `images/runtimes/ruby/lib`.

use std::process::Command;

use anyhow::Result;

use super::layout::Layout;
use crate::process::Run;

pub(super) fn add(layout: &Layout, version: &str) -> Result<()> {
    layout.link(&format!("/usr/bin/ruby{version}"), "var/lang/bin/ruby")?;
    Command::new("cp")
        .arg("-r")
        .arg(layout.source("ruby/lib"))
        .arg(layout.path("var/runtime"))
        .output_text()?;
    layout.add_bootstrap("ruby", &[("@VERSION@", version)])
}
