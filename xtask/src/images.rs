//! Container images: stand-ins for AWS's runtime images, made from Debian, PyPI and npm packages so that no registry
//! is needed, and the control plane's own image.
//!
//! The stand-ins follow AWS's contract: `/var/runtime/bootstrap`, the interpreter in `/var/lang/bin`, code in
//! `/var/task`, layers in `/opt`, the same variables, no user. Python and Node.js run AWS's own runtime interface
//! clients; Ruby and Java run small ones from `images/runtimes` that behave like AWS's.

mod control_plane;
mod emulator;
mod java;
mod layout;
mod node;
mod python;
mod recipe;
mod rootfs;
mod ruby;

use std::{collections::VecDeque, sync::Mutex, thread};

use anyhow::{Result, bail};
use clap::Args;

pub(crate) use self::{
    emulator::fetch as fetch_emulator,
    java::{api_classes as java_api_classes, compiler as java_compiler},
};
use self::{
    layout::Layout,
    recipe::{Language, Origin, RECIPES, Recipe},
    rootfs::RootFilesystems,
};
use crate::{
    engine, host,
    process::Run,
    progress::{part, say, step},
    workspace::Workspace,
};

/// Name of the control plane's image on the command line.
const CONTROL_PLANE: &str = "lambdock";

/// Stand-in images as a value of `LAMBDA_RUNTIME_IMAGE_MAPPING`.
pub(crate) const PATTERN: &str = "lambdock-test/<runtime>";

/// The label by which an image says what it was made from.
const LABEL: &str = "lambdock.recipe";

/// Images are made of downloads, disk and one core each, so a few at once pay even on two cores.
const WORKERS: usize = 3;

#[derive(Debug, Default, Args)]
pub(crate) struct Options {
    /// Runtimes, or `lambdock` for the control plane's image; without any, the runtimes that the tests use
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Build them even if the engine has them
    #[arg(long)]
    pub(crate) force: bool,
    /// List what can be built
    #[arg(long)]
    pub(crate) list: bool,
}

/// Builds the images that the engine does not have yet.
pub(crate) fn build(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.list {
        for recipe in RECIPES {
            say(&format!("{:16} {}", recipe.runtime, recipe.summary()));
        }
        say(&format!("{CONTROL_PLANE:16} the control plane's own image"));
        return Ok(());
    }
    let (own, runtimes): (Vec<_>, Vec<_>) = options.names.iter().partition(|name| *name == CONTROL_PLANE);
    let recipes = select(&runtimes.into_iter().map(String::as_str).collect::<Vec<_>>(), !own.is_empty())?;
    engine::ensure(workspace)?;
    build_runtimes(workspace, &recipes, options.force)?;
    if !own.is_empty() {
        control_plane::build(workspace)?;
    }
    Ok(())
}

/// Builds the stand-in images of the given runtimes that the engine does not have yet.
pub(crate) fn ensure(workspace: &Workspace, runtimes: &[&str]) -> Result<()> {
    build_runtimes(workspace, &select(runtimes, false)?, false)
}

fn select(runtimes: &[&str], none_is_none: bool) -> Result<Vec<&'static Recipe>> {
    if runtimes.is_empty() {
        return Ok(RECIPES.iter().filter(|recipe| recipe.tested && !none_is_none).collect());
    }
    runtimes
        .iter()
        .map(|name| match RECIPES.iter().find(|recipe| recipe.runtime == *name) {
            Some(recipe) => Ok(recipe),
            None => bail!("no recipe for {name}; `cargo xtask images --list` shows what there is"),
        })
        .collect()
}

/// Makes sure that the machine can build what the engine lacks of the images that the tests use.
///
/// Fails where it cannot, saying why.
pub(crate) fn require(workspace: &Workspace) -> Result<()> {
    let stale = stale(workspace, &select(&[], false)?, false)?;
    if stale.is_empty() { Ok(()) } else { require_tools(&stale) }
}

fn build_runtimes(workspace: &Workspace, recipes: &[&'static Recipe], force: bool) -> Result<()> {
    let stale = stale(workspace, recipes, force)?;
    for recipe in recipes.iter().filter(|recipe| stale.iter().all(|job| job.recipe.runtime != recipe.runtime))
    {
        say(&format!("✓ image {} is up to date", recipe.tag()));
    }
    if stale.is_empty() {
        return Ok(());
    }
    require_tools(&stale)?;
    step(&format!("build {} runtime images", stale.len()), || {
        let shared = Shared {
            workspace,
            root_filesystems: RootFilesystems::new(workspace)?,
            node_client: node::Client::new(workspace),
        };
        build_in_parallel(&shared, stale)
    })
}

/// What is to be built: what the engine does not have, or all of it.
fn stale(workspace: &Workspace, recipes: &[&'static Recipe], force: bool) -> Result<Vec<Job>> {
    let mut stale = Vec::new();
    for recipe in recipes {
        let label = recipe.fingerprint(workspace)?;
        if force || built_from(&recipe.tag()).as_ref() != Some(&label) {
            stale.push(Job { recipe, label });
        }
    }
    Ok(stale)
}

/// One image to build.
struct Job {
    recipe: &'static Recipe,
    label: String,
}

/// What images have in common; made by the first that needs it.
struct Shared<'a> {
    workspace: &'a Workspace,
    root_filesystems: RootFilesystems,
    node_client: node::Client,
}

fn build_in_parallel(shared: &Shared<'_>, mut jobs: Vec<Job>) -> Result<()> {
    let is_node = |job: &Job| matches!(job.recipe.language, Language::Node { .. });
    // Node.js images wait for their client, which is compiled meanwhile.
    jobs.sort_by_key(is_node);
    let compiles = jobs.iter().any(is_node);
    let queue = Mutex::new(VecDeque::from(jobs));
    let next = || queue.lock().map(|mut queue| queue.pop_front()).ok().flatten();
    let work = || -> Result<()> {
        while let Some(job) = next() {
            let tag = job.recipe.tag();
            part(&format!("build image {tag}"), || build_one(shared, &job))
                .0
                .map_err(|error| error.context(format!("image {tag}")))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let client = compiles.then(|| scope.spawn(|| shared.node_client.build().map(drop)));
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        client.into_iter().chain(workers).try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(payload) => std::panic::resume_unwind(payload),
        })
    })
}

fn build_one(shared: &Shared<'_>, job: &Job) -> Result<()> {
    let recipe = job.recipe;
    let base = shared.root_filesystems.get(recipe.suite, recipe.packages)?;
    let layout = Layout::unpack(shared.workspace, recipe.runtime, &base)?;
    match recipe.language {
        Language::Python { version, origin } => python::add(&layout, version, origin)?,
        Language::Node { version } => node::add(&layout, version, shared.node_client.build()?)?,
        Language::Ruby { version } => ruby::add(&layout, version)?,
        Language::Java { version } => java::add(&layout, version)?,
        Language::Provided => {}
    }
    layout.import(&recipe.tag(), &format!("{LABEL}={}", job.label))
}

/// The label of the image that the engine has under a tag.
fn built_from(tag: &str) -> Option<String> {
    let format = format!("{{{{index .Config.Labels {LABEL:?}}}}}");
    engine::docker().args(["image", "inspect", "--format", &format, tag]).output_text().ok()
}

fn require_tools(jobs: &[Job]) -> Result<()> {
    if !host::is_root() || host::find("apt-get").is_none() {
        bail!(
            "stand-in images are put together from Debian packages, which takes root on a Debian machine. Where a \
             registry can be reached they are not needed: functions run in AWS's own images, and `cargo xtask test \
             --no-images` tests with those that LAMBDA_RUNTIME_IMAGE_MAPPING names"
        );
    }
    let mut tools = vec![rootfs::TOOL];
    for job in jobs {
        if let Language::Python { version, origin: Origin::Host } = job.recipe.language {
            host::own_python(version)?;
        }
        tools.extend_from_slice(match job.recipe.language {
            Language::Python { .. } => python::TOOLS,
            Language::Node { .. } => node::TOOLS,
            Language::Java { .. } => java::TOOLS,
            Language::Ruby { .. } | Language::Provided => &[],
        });
    }
    tools.sort_by_key(|tool| tool.program);
    tools.dedup_by_key(|tool| tool.program);
    host::require(&tools, "for the stand-in images")
}
