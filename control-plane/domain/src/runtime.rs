//! Lambda's runtimes and the images that hold them.

use std::fmt;

/// Whether AWS still creates functions with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Yes.
    Supported,
    /// No; it still runs here unless the user asks for AWS's validation.
    Retired,
}

/// A managed runtime or an OS-only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Runtime {
    /// AWS's identifier, such as `python3.12`.
    pub name: &'static str,
    /// Repository and tag below `public.ecr.aws/lambda/`, such as `python:3.12`.
    pub image: &'static str,
    /// Whether AWS still creates functions with it.
    pub support: Support,
}

const fn runtime(name: &'static str, image: &'static str, support: Support) -> Runtime {
    Runtime { name, image, support }
}

use Support::{Retired, Supported};

/// Every runtime that has an image. [AWS: registry `public.ecr.aws/lambda`; retired ones as recorded from
/// CreateFunction's `no longer supported` answer]
pub const RUNTIMES: &[Runtime] = &[
    runtime("nodejs24.x", "nodejs:24", Supported),
    runtime("nodejs22.x", "nodejs:22", Supported),
    runtime("nodejs20.x", "nodejs:20", Supported),
    runtime("nodejs18.x", "nodejs:18", Supported),
    runtime("nodejs16.x", "nodejs:16", Supported),
    runtime("nodejs14.x", "nodejs:14", Retired),
    runtime("nodejs12.x", "nodejs:12", Retired),
    runtime("python3.14", "python:3.14", Supported),
    runtime("python3.13", "python:3.13", Supported),
    runtime("python3.12", "python:3.12", Supported),
    runtime("python3.11", "python:3.11", Supported),
    runtime("python3.10", "python:3.10", Supported),
    runtime("python3.9", "python:3.9", Supported),
    runtime("python3.8", "python:3.8", Supported),
    runtime("python3.7", "python:3.7", Retired),
    runtime("java25", "java:25", Supported),
    runtime("java21", "java:21", Supported),
    runtime("java17", "java:17", Supported),
    runtime("java11", "java:11", Supported),
    runtime("java8.al2", "java:8.al2", Supported),
    runtime("java8", "java:8", Retired),
    runtime("dotnet10", "dotnet:10", Supported),
    runtime("dotnet8", "dotnet:8", Supported),
    runtime("dotnet6", "dotnet:6", Supported),
    runtime("dotnetcore3.1", "dotnet:core3.1", Retired),
    runtime("ruby4.0", "ruby:4.0", Supported),
    runtime("ruby3.4", "ruby:3.4", Supported),
    runtime("ruby3.3", "ruby:3.3", Supported),
    runtime("ruby3.2", "ruby:3.2", Supported),
    runtime("ruby2.7", "ruby:2.7", Retired),
    runtime("go1.x", "go:1", Retired),
    runtime("provided.al2023", "provided:al2023", Supported),
    runtime("provided.al2", "provided:al2", Supported),
    runtime("provided", "provided:alami", Retired),
];

impl Runtime {
    /// Whether published versions can start from a snapshot. [AWS: Lambda SnapStart, supported runtimes]
    pub fn supports_snap_start(&self) -> bool {
        matches!(
            self.name,
            "java11"
                | "java17"
                | "java21"
                | "java25"
                | "python3.12"
                | "python3.13"
                | "python3.14"
                | "dotnet8"
                | "dotnet10"
        )
    }

    /// Whether it runs on capacity providers. [AWS: Lambda Managed Instances, supported runtimes; LocalStack: the last]
    pub fn supports_managed_instances(&self) -> bool {
        matches!(
            self.name,
            "nodejs22.x"
                | "nodejs24.x"
                | "python3.13"
                | "python3.14"
                | "java21"
                | "java25"
                | "dotnet8"
                | "dotnet10"
                | "provided.al2023"
        )
    }

    /// The runtime with AWS's identifier `name`; case matters, as on AWS.
    pub fn find(name: &str) -> Option<&'static Self> {
        RUNTIMES.iter().find(|runtime| runtime.name == name)
    }

    /// AWS's own image.
    pub fn official_image(&self) -> String {
        format!("public.ecr.aws/lambda/{}", self.image)
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// `LAMBDA_RUNTIME_IMAGE_MAPPING`: which image runs which runtime.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ImageMapping {
    /// AWS's own images.
    #[default]
    Official,
    /// A reference with `<runtime>` in it, replaced by the runtime's name.
    Pattern(String),
    /// Full references for some runtimes; AWS's images for the others.
    PerRuntime(Vec<(String, String)>),
}

/// The placeholder of [`ImageMapping::Pattern`].
pub const RUNTIME_PLACEHOLDER: &str = "<runtime>";

impl ImageMapping {
    /// The image that runs `runtime`.
    pub fn image(&self, runtime: &Runtime) -> String {
        match self {
            Self::Official => runtime.official_image(),
            Self::Pattern(pattern) => pattern.replace(RUNTIME_PLACEHOLDER, runtime.name),
            Self::PerRuntime(images) => images
                .iter()
                .find(|(name, _)| name == runtime.name)
                .map_or_else(|| runtime.official_image(), |(_, image)| image.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_looked_up_by_their_exact_case() {
        for runtime in RUNTIMES {
            assert_eq!(RUNTIMES.iter().filter(|other| other.name == runtime.name).count(), 1, "{runtime}");
            assert_eq!(Runtime::find(runtime.name), Some(runtime));
        }
        assert_eq!(Runtime::find("PYTHON3.12"), None);
    }

    #[test]
    fn the_mapping_chooses_the_image() {
        let python = Runtime::find("python3.12").unwrap();
        let node = Runtime::find("nodejs22.x").unwrap();
        assert_eq!(ImageMapping::Official.image(python), "public.ecr.aws/lambda/python:3.12");
        assert_eq!(ImageMapping::Pattern("mine/<runtime>:v1".into()).image(node), "mine/nodejs22.x:v1");
        let some = ImageMapping::PerRuntime(vec![("python3.12".into(), "py".into())]);
        assert_eq!(some.image(python), "py");
        assert_eq!(some.image(node), "public.ecr.aws/lambda/nodejs:22");
    }
}
