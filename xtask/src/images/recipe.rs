//! Pure: which stand-in images there are, and what they are made of.

use anyhow::Result;

use super::layout;
use crate::{fingerprint::Fingerprint, host::Architecture, workspace::Workspace};

/// How to make the stand-in for one runtime.
#[derive(Debug)]
pub(crate) struct Recipe {
    /// AWS's name.
    pub(crate) runtime: &'static str,
    pub(crate) suite: Suite,
    /// Debian packages besides the base.
    pub(crate) packages: &'static [&'static str],
    pub(crate) language: Language,
    /// Whether the tests use it: it is built unless others are named.
    pub(crate) tested: bool,
}

/// The Debian release that an image is made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Suite {
    /// The machine's own release, for what is built or copied from the machine and links to its libraries.
    Host,
    Bookworm,
    Trixie,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Language {
    Python { version: &'static str, origin: Origin },
    Node { version: &'static str },
    Ruby { version: &'static str },
    Java { version: &'static str },
    Provided,
}

/// Where an interpreter comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin {
    /// The suite has a package of it.
    Suite,
    /// No suite has it: a build on this machine is copied.
    Host,
}

/// Shared libraries that a copied Python links to.
const PYTHON_LIBRARIES: &[&str] = &[
    "libssl3",
    "libffi8",
    "zlib1g",
    "libbz2-1.0",
    "liblzma5",
    "libsqlite3-0",
    "libreadline8",
    "libuuid1",
    "libexpat1",
    "libcrypt1",
    "libnsl2",
    "libtirpc3",
    "libncursesw6",
];

/// What shell bootstraps expect, as in AWS's image: a client for the Runtime API and the usual tools.
const SHELL_TOOLS: &[&str] = &["curl", "sed", "grep", "gawk", "findutils"];

pub(crate) const RECIPES: &[Recipe] = &[
    python("python3.11", Suite::Bookworm, &["python3.11"], "3.11", Origin::Suite, false),
    python("python3.12", Suite::Host, PYTHON_LIBRARIES, "3.12", Origin::Host, true),
    python("python3.13", Suite::Trixie, &["python3.13"], "3.13", Origin::Suite, false),
    node("nodejs18.x", "18.20.8", true),
    node("nodejs20.x", "20.20.2", false),
    node("nodejs22.x", "22.23.3", true),
    node("nodejs24.x", "24.21.0", true),
    Recipe {
        runtime: "ruby3.3",
        suite: Suite::Trixie,
        packages: &["ruby3.3", "libruby3.3", "ruby-json"],
        language: Language::Ruby { version: "3.3" },
        tested: true,
    },
    java("java17", Suite::Bookworm, &["openjdk-17-jre-headless"], "17", true),
    java("java21", Suite::Trixie, &["openjdk-21-jre-headless"], "21", false),
    Recipe {
        runtime: "provided.al2023",
        suite: Suite::Trixie,
        packages: SHELL_TOOLS,
        language: Language::Provided,
        tested: true,
    },
];

const fn python(
    runtime: &'static str,
    suite: Suite,
    packages: &'static [&'static str],
    version: &'static str,
    origin: Origin,
    tested: bool,
) -> Recipe {
    Recipe { runtime, suite, packages, language: Language::Python { version, origin }, tested }
}

const fn node(runtime: &'static str, version: &'static str, tested: bool) -> Recipe {
    Recipe {
        runtime,
        suite: Suite::Host,
        packages: &["libatomic1"],
        language: Language::Node { version },
        tested,
    }
}

const fn java(
    runtime: &'static str,
    suite: Suite,
    packages: &'static [&'static str],
    version: &'static str,
    tested: bool,
) -> Recipe {
    Recipe { runtime, suite, packages, language: Language::Java { version }, tested }
}

impl Recipe {
    pub(crate) fn tag(&self) -> String {
        format!("lambdock-test/{}", self.runtime)
    }

    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        let what = match self.language {
            Language::Python { version, origin: Origin::Suite } => format!("Debian's Python {version}"),
            Language::Python { version, origin: Origin::Host } => format!("Python {version} of this machine"),
            Language::Node { version } => format!("Node.js {version}"),
            Language::Ruby { version } => format!("Debian's Ruby {version}"),
            Language::Java { version } => format!("Debian's Java {version}"),
            Language::Provided => "shell tools, no runtime".to_owned(),
        };
        if self.tested { what } else { format!("{what} (on request)") }
    }

    /// The folder of its own in `images/runtimes`, if it has one.
    pub(crate) fn folder(&self) -> Option<&'static str> {
        match self.language {
            Language::Python { .. } => Some("python"),
            Language::Node { .. } => Some("nodejs"),
            Language::Ruby { .. } => Some("ruby"),
            Language::Java { .. } => Some("java"),
            Language::Provided => None,
        }
    }

    /// Changes when anything that goes into the image does.
    pub(crate) fn fingerprint(&self, workspace: &Workspace) -> Result<String> {
        let sources = workspace.image_sources().join("runtimes");
        let mut print = Fingerprint::default()
            .text(&format!("{self:?}"))
            .text(&layout::description())
            .text(super::python::CLIENT)
            .text(super::node::CLIENT)
            .text(Architecture::of_host()?.rust)
            .path(&sources.join("entrypoint.sh"))?
            .path(&sources.join("launch.sh"))?;
        if let Some(folder) = self.folder() {
            print = print.path(&sources.join(folder))?;
        }
        Ok(print.finish())
    }
}
