//! A machine of its own for the init: it is PID 1 of it, has a network with nothing but a loopback, and a root that
//! vanishes with it. Many can live side by side, and nothing of the host changes.
//!
//! Needs root, bash, `mount`, `ip` and a Python 3 in `/usr`. Without root:
//! `CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="sudo -E" cargo test --workspace --test container`.

mod processes;

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns, unshare};
use tempfile::TempDir;

pub(crate) use processes::Process;

/// Longest that anything is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `condition` gives something.
pub(crate) fn wait_until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(since.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Tries until something takes less than `limit`: on a busy machine not every attempt does.
pub(crate) fn takes_less_than(limit: Duration, mut attempt: impl FnMut() -> Duration) {
    let since = Instant::now();
    let mut times = Vec::new();
    while times.last().is_none_or(|took| *took >= limit) {
        assert!(since.elapsed() < PATIENCE, "not within {limit:?}: {times:?}");
        times.push(attempt());
    }
}

/// The init, running.
pub(crate) struct Sandbox {
    init: Child,
    folder: TempDir,
}

/// Builds the root and becomes the init. `$1`: the folder of the root, `$2`: the init's binary, `$3`: a folder with
/// what else is to be there, `$4`: what is to be mounted below it; then its arguments. It starts few processes, because
/// there are hundreds of sandboxes.
const BUILD: &str = r#"
set -e
ip link set lo up
root=$1 binary=$2 files=$3 mounts=$4
shift 4
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=1g sandbox "$root"
cd "$root"
cp -R --preserve=mode "$files/." .
cp "$binary" var/rapid/init
mount --all --fstab "$mounts"
for descriptor in /proc/self/fd/*; do
  descriptor=${descriptor##*/}
  if [ "$descriptor" -gt 2 ]; then
    eval "exec $descriptor>&-"
  fi
done
echo "$EPOCHREALTIME" > "$root-began"
exec unshare --root=. --wd=/srv /var/rapid/init "$@"
"#;

/// Puts into `files` what there is in every sandbox; the table of what is to be mounted below `root`.
fn skeleton(files: &Path, root: &Path) -> String {
    let folder = |name: &str| fs::create_dir_all(files.join(name)).unwrap();
    for name in ["dev", "etc", "proc", "tmp", "opt", "srv", "usr", "var/rapid", "var/runtime", "var/task"] {
        folder(name);
    }
    fs::set_permissions(files.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    let root = root.display();
    let mut mounts = format!("/usr {root}/usr none rbind,ro 0 0\nproc {root}/proc proc defaults 0 0\n");
    for name in ["bin", "sbin", "lib", "lib64"] {
        let of_host = Path::new("/").join(name);
        match fs::read_link(&of_host) {
            Ok(target) => symlink(target, files.join(name)).unwrap(),
            Err(_) if of_host.is_dir() => {
                folder(name);
                mounts += &format!("/{name} {root}/{name} none rbind,ro 0 0\n");
            }
            Err(_) => {}
        }
    }
    for name in ["null", "zero", "urandom"] {
        fs::write(files.join("dev").join(name), "").unwrap();
        mounts += &format!("/dev/{name} {root}/dev/{name} none bind 0 0\n");
    }
    symlink("/proc/self/fd", files.join("dev/fd")).unwrap();
    // Without it programs still find their libraries, only later.
    let _ = fs::copy("/etc/ld.so.cache", files.join("etc/ld.so.cache"));
    for (name, text) in [
        ("passwd", "root:x:0:0:root:/root:/bin/sh"),
        ("shadow", "root:*:18313:0:99999:7:::\n"),
        ("group", "root:x:0:\n"),
    ] {
        fs::write(files.join("etc").join(name), text).unwrap();
    }
    mounts
}

/// `LAMBDOCK_INIT`, such as the one that is shipped, or what cargo has built beside the tests.
fn binary() -> PathBuf {
    std::env::var_os("LAMBDOCK_INIT")
        .map_or_else(|| env!("CARGO_BIN_EXE_lambdock-init").into(), PathBuf::from)
}

impl Sandbox {
    /// Runs the init with `arguments`, in a root that has these files: absolute path, mode, content. `variables` are
    /// made when the address that leads to the test is known.
    pub(crate) fn with_files(
        files: &[(String, u32, Vec<u8>)],
        arguments: &[&str],
        variables: impl FnOnce(&TcpListener) -> Vec<(OsString, OsString)> + Send,
    ) -> (Self, TcpListener) {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root, for namespaces");
        let folder = tempfile::tempdir().unwrap();
        let (root, more) = (folder.path().join("root"), folder.path().join("files"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&more).unwrap();
        let mounts = folder.path().join("mounts");
        fs::write(&mounts, skeleton(&more, &root)).unwrap();
        for (path, mode, content) in files {
            let path = more.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
        }
        let output = |name: &str| Stdio::from(File::create(folder.path().join(name)).unwrap());
        let (stdout, stderr) = (output("stdout"), output("stderr"));
        // Namespaces are a thread's own; a process that it starts, and a socket that it opens, is in them.
        let (init, listener) = std::thread::scope(|scope| {
            let started = scope.spawn(|| {
                unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID)
                    .unwrap();
                let listener = TcpListener::bind("0.0.0.0:0").unwrap();
                let init = Command::new("bash")
                    .args(["-c", BUILD, "sandbox"])
                    .arg(&root)
                    .arg(binary())
                    .arg(&more)
                    .arg(&mounts)
                    .args(arguments)
                    .env_clear()
                    .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
                    .envs(variables(&listener))
                    .stdin(Stdio::null())
                    .stdout(stdout)
                    .stderr(stderr)
                    .spawn()
                    .unwrap();
                (init, listener)
            });
            started.join().unwrap()
        });
        (Self { init, folder }, listener)
    }

    /// Connects to a port of the sandbox, once somebody listens there.
    pub(crate) fn connect(&self, port: u16) -> TcpStream {
        let network = File::open(format!("/proc/{}/ns/net", self.init.id())).unwrap();
        // The thread stays there: whatever a test connects to is in a sandbox.
        setns(&network, CloneFlags::CLONE_NEWNET).unwrap();
        wait_until("somebody listens", || TcpStream::connect(("127.0.0.1", port)).ok())
    }

    /// A path of the sandbox, as the test sees it.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        Path::new("/proc").join(self.init.id().to_string()).join("root").join(inside.trim_start_matches('/'))
    }

    /// When the init was executed, in seconds since the epoch.
    pub(crate) fn began(&self) -> f64 {
        fs::read_to_string(self.folder.path().join("root-began")).unwrap().trim().parse().unwrap()
    }

    /// What the init has written to its standard error.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("stderr")).unwrap()).into_owned()
    }

    /// What the init has written to its standard output.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        fs::read(self.folder.path().join("stdout")).unwrap()
    }

    /// The init's process.
    pub(crate) fn init(&self) -> Process {
        Process::in_folder(Path::new("/proc").join(self.init.id().to_string()))
    }

    /// All processes but the init.
    pub(crate) fn others(&self) -> Vec<Process> {
        let numbers = fs::read_dir(self.path("proc")).unwrap().flatten();
        let others = numbers.filter(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| name.parse::<u32>().is_ok_and(|id| id != 1))
        });
        others.map(|entry| Process::in_folder(entry.path())).collect()
    }

    /// Whether the init has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.init.try_wait().unwrap()
    }

    /// Runs a shell script in the sandbox as an engine's `exec` does: with a parent outside, and with these variables.
    pub(crate) fn exec(&self, script: &str, variables: &[(&str, &str)]) -> Child {
        Command::new("nsenter")
            .args(["--pid", "--mount", "--net", "--root", "--target", &self.init.id().to_string()])
            .args(["env", "--chdir=/", "sh", "-c", script])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Waits for the end of the init.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        wait_until("the init ends", || self.init.try_wait().unwrap())
    }

    /// Sends the init a signal.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.init.id()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    /// Lets go of a process that waits in `read` on the named pipe `inside`.
    pub(crate) fn release(&self, inside: &str) {
        let gate = self.path(inside);
        wait_until("somebody waits at the gate", || {
            use std::os::unix::fs::OpenOptionsExt;
            File::options().write(true).custom_flags(nix::libc::O_NONBLOCK).open(&gate).ok()
        });
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::thread::panicking() {
            match self.init.try_wait() {
                Ok(Some(status)) => eprintln!("the init has ended: {status} (signal {:?})", status.signal()),
                _ => eprintln!("the init still ran"),
            }
            let log = self.stderr();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("the end of its log:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
        // With PID 1 everything else goes.
        let _ = self.init.kill();
        let _ = self.init.wait();
    }
}
