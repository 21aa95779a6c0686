//! The files and settings that all runtime images share.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    engine, fingerprint,
    process::{Run, pipe},
    workspace::Workspace,
};

/// Left out of the base: nothing at run time reads it.
const NOT_NEEDED: &[&str] = &[
    "./usr/share/man",
    "./usr/share/doc",
    "./usr/share/info",
    "./usr/share/locale",
    "./var/cache",
    "./var/lib/apt",
];

/// Folders of AWS's images. `/var/rapid` is where the init goes.
const FOLDERS: &[&str] = &[
    "var/runtime",
    "var/task",
    "var/rapid",
    "var/lang/bin",
    "var/lang/lib",
    "opt/extensions",
    "usr/local/bin",
    "root",
];

/// Settings of AWS's images; they have no user either.
const SETTINGS: &[&str] = &[
    "ENV LANG=en_US.UTF-8",
    "ENV TZ=:/etc/localtime",
    "ENV PATH=/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    "ENV LD_LIBRARY_PATH=/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    "ENV LAMBDA_TASK_ROOT=/var/task",
    "ENV LAMBDA_RUNTIME_DIR=/var/runtime",
    "WORKDIR /var/task",
    "ENTRYPOINT [\"/lambda-entrypoint.sh\"]",
];

/// Changed by hand when the steps in this room change what an image holds.
const REVISION: u32 = 1;

/// What goes into every image, for fingerprints.
pub(super) fn description() -> String {
    format!("{REVISION} {NOT_NEEDED:?} {FOLDERS:?} {SETTINGS:?}")
}

/// An image's files while they are put together; removed when done.
pub(super) struct Layout {
    folder: tempfile::TempDir,
    runtime: String,
    sources: PathBuf,
    cache: PathBuf,
}

impl Layout {
    /// Unpacks a base and adds what all images have.
    pub(super) fn unpack(workspace: &Workspace, runtime: &str, base: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{runtime}-"))
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(workspace.image_cache())?;
        let layout = Self {
            folder,
            runtime: runtime.to_owned(),
            sources: workspace.image_sources().join("runtimes"),
            cache: workspace.image_cache(),
        };
        Command::new("tar")
            .args(["--extract", "--numeric-owner", "--file"])
            .arg(base)
            .arg("--directory")
            .arg(layout.root())
            .args(NOT_NEEDED.iter().map(|path| format!("--exclude={path}")))
            .output_text()?;
        layout.add_common()?;
        Ok(layout)
    }

    /// The image's root.
    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the image, given without the leading slash.
    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.root().join(inside)
    }

    /// AWS's name of the runtime.
    pub(super) fn runtime(&self) -> &str {
        &self.runtime
    }

    /// A file or folder in `images/runtimes`.
    pub(super) fn source(&self, name: &str) -> PathBuf {
        self.sources.join(name)
    }

    /// Where downloads are kept between runs.
    pub(super) fn cache(&self) -> &Path {
        &self.cache
    }

    fn add_common(&self) -> Result<()> {
        for folder in FOLDERS {
            fs::create_dir_all(self.path(folder))?;
        }
        fs::create_dir_all(self.path("tmp"))?;
        fs::set_permissions(self.path("tmp"), fs::Permissions::from_mode(0o1777))?;
        fs::write(
            self.path("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n",
        )?;
        fs::write(self.path("etc/group"), "root:x:0:\nnobody:x:65534:\n")?;
        if !self.path("bin/sh").exists() {
            symlink("dash", self.path("bin/sh"))?;
        }
        self.add_certificates()?;
        // Debian has no en_US without its locales package; glibc takes any folder of that name.
        if self.path("usr/lib/locale/C.utf8").exists() {
            symlink("C.utf8", self.path("usr/lib/locale/en_US.utf8"))?;
        }
        self.install("entrypoint.sh", "lambda-entrypoint.sh", &[])
    }

    fn add_certificates(&self) -> Result<()> {
        let mut bundle = Vec::new();
        for file in fingerprint::files(&self.path("usr/share/ca-certificates"))? {
            bundle.extend(fs::read(file)?);
        }
        fs::create_dir_all(self.path("etc/ssl/certs"))?;
        fs::write(self.path("etc/ssl/certs/ca-certificates.crt"), bundle)?;
        Ok(())
    }

    /// Adds a language's bootstrap. `@RUNTIME@` in it becomes the runtime's name, and so do the given words.
    pub(super) fn add_bootstrap(&self, language: &str, words: &[(&str, &str)]) -> Result<()> {
        self.install("launch.sh", "var/runtime/launch.sh", &[])?;
        self.install(&format!("{language}/bootstrap"), "var/runtime/bootstrap", words)
    }

    /// Adds a file from `images/runtimes`, executable.
    fn install(&self, source: &str, to: &str, words: &[(&str, &str)]) -> Result<()> {
        let source = self.source(source);
        let mut text =
            fs::read_to_string(&source).with_context(|| format!("cannot read {}", source.display()))?;
        for (word, value) in words.iter().chain(&[("@RUNTIME@", self.runtime.as_str())]) {
            text = text.replace(word, value);
        }
        fs::write(self.path(to), text)?;
        fs::set_permissions(self.path(to), fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Makes a link in the image; an older one gives way.
    pub(super) fn link(&self, target: &str, name: &str) -> Result<()> {
        let name = self.path(name);
        if name.symlink_metadata().is_ok() {
            fs::remove_file(&name)?;
        }
        symlink(target, &name).with_context(|| format!("cannot link {}", name.display()))
    }

    /// Runs a program of the image, in the image.
    pub(super) fn run_inside(&self, program: &str, arguments: &[&str]) -> Result<()> {
        Command::new("chroot")
            .arg(self.root())
            .arg(program)
            .args(arguments)
            .env("LD_LIBRARY_PATH", "/var/lang/lib")
            .run_logged(&self.cache.join(format!("{}.log", self.runtime)))
    }

    /// Gives the files to the engine, as an image.
    pub(super) fn import(&self, tag: &str, label: &str) -> Result<()> {
        let mut archive = Command::new("tar");
        archive
            .args(["--create", "--numeric-owner", "--owner=0", "--group=0", "--directory"])
            .arg(self.root())
            .arg(".");
        let label = format!("LABEL {label}");
        let changes =
            SETTINGS.iter().copied().chain([label.as_str()]).flat_map(|change| ["--change", change]);
        let mut import = engine::docker();
        import.arg("import").args(changes).args(["-", tag]);
        pipe(&mut archive, &mut import)
    }
}
