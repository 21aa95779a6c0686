//! A machine of its own for the init: it is PID 1 of it, has a network with nothing but a loopback, and a root that
//! vanishes with it. Many can live side by side, and nothing of the host changes.
//!
//! Needs root, bash, `mount`, `ip` and a Python 3 in `/usr`. Without root:
//! `CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="sudo -E" cargo test -p lambdock-init`.

mod processes;

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
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

/// The shortest of five times: on a busy machine single ones are long.
pub(crate) fn quickest(attempt: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(attempt).take(5).min().unwrap()
}

/// The init, running.
pub(crate) struct Sandbox {
    init: Child,
    folder: TempDir,
}

/// Builds the root and becomes the init. `$1`: the folder of the root, `$2`: the init's binary, `$3`: a folder with
/// what else is to be there; then its arguments.
const BUILD: &str = r#"
set -e
ip link set lo up
root=$1 binary=$2 files=$3
shift 3
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=1g sandbox "$root"
cd "$root"
mkdir -p dev etc proc tmp opt usr var/rapid var/runtime var/task
chmod 1777 tmp
mount --rbind -o ro /usr usr
for name in bin sbin lib lib64; do
  if [ -L "/$name" ]; then
    cp -P "/$name" .
  elif [ -d "/$name" ]; then
    mkdir "$name"
    mount --rbind -o ro "/$name" "$name"
  fi
done
cp /etc/ld.so.cache etc/ 2> /dev/null || true
printf 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
printf 'root:*:18313:0:99999:7:::\n' > etc/shadow
printf 'root:x:0:\n' > etc/group
for name in null zero urandom; do
  touch "dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
ln -s /proc/self/fd dev/fd
mount -t proc proc proc
cp "$binary" var/rapid/init
cp -R --preserve=mode "$files/." .
for descriptor in /proc/self/fd/*; do
  descriptor=${descriptor##*/}
  if [ "$descriptor" -gt 2 ]; then
    eval "exec $descriptor>&-"
  fi
done
exec chroot . /var/rapid/init "$@"
"#;

/// `LAMBDOCK_INIT`, such as the one that is shipped, or what cargo has built beside the tests.
fn binary() -> PathBuf {
    std::env::var_os("LAMBDOCK_INIT")
        .map_or_else(|| env!("CARGO_BIN_EXE_lambdock-init").into(), PathBuf::from)
}

impl Sandbox {
    /// Runs the init with `arguments`. `variables` are made when the address that leads to the test is known.
    pub(crate) fn start(
        arguments: &[&str],
        variables: impl FnOnce(&TcpListener) -> Vec<(OsString, OsString)> + Send,
    ) -> (Self, TcpListener) {
        Self::with_files(&[], arguments, variables)
    }

    /// The same in a root that has these files: absolute path, mode, content.
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
        std::thread::scope(|scope| {
            let connecting = scope.spawn(|| {
                setns(&network, CloneFlags::CLONE_NEWNET).unwrap();
                wait_until("somebody listens", || TcpStream::connect(("127.0.0.1", port)).ok())
            });
            connecting.join().unwrap()
        })
    }

    /// A path of the sandbox, as the test sees it.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        Path::new("/proc").join(self.init.id().to_string()).join("root").join(inside.trim_start_matches('/'))
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
