//! Real files, watched in both ways.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Instant, SystemTime};

use tempfile::TempDir;
use tokio::time::timeout;

use super::events::{Followed, Look, Watches};
use super::polling::Poller;
use super::*;

/// Far more than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

const BOTH: [Strategy; 2] = [Strategy::Event, Strategy::Polling];

/// A project, and things outside of it.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        for folder in ["code/src/deep", "code/empty", "elsewhere/tree/branch"] {
            fs::create_dir_all(project.at(folder)).unwrap();
        }
        for file in
            ["code/main.py", "code/src/deep/module.py", "elsewhere/file.py", "elsewhere/tree/branch/leaf.py"]
        {
            fs::write(project.at(file), "one").unwrap();
        }
        symlink(project.at("elsewhere/file.py"), project.at("code/link.py")).unwrap();
        symlink(project.at("elsewhere/tree"), project.at("code/linked")).unwrap();
        project.aged()
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn code(&self) -> PathBuf {
        self.at("code")
    }

    /// Returns when what is there is older than whatever is stamped from now on.
    fn aged(self) -> Self {
        let probe = self.at("probe");
        fs::write(&probe, "").unwrap();
        let stamp = fs::metadata(probe).unwrap();
        let stamp = Duration::new(stamp.ctime().unsigned_abs(), u32::try_from(stamp.ctime_nsec()).unwrap());
        while clock_of_files() <= stamp {
            std::thread::yield_now();
        }
        self
    }
}

fn append(path: impl AsRef<Path>) {
    File::options().append(true).open(path).unwrap().write_all(b"more").unwrap();
}

fn chmod(path: impl AsRef<Path>) {
    fs::set_permissions(path, Permissions::from_mode(0o711)).unwrap();
}

fn has_settled(settled: &Notify) -> bool {
    pin!(settled.notified()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// One way of watching without its thread: looks when it is told to, so nothing here depends on time.
struct Bench {
    session: Session,
    way: Way,
    settled: Arc<Notify>,
    _interest: PipeWriter,
}

enum Way {
    Events(Watches),
    Polling(Poller),
}

impl Bench {
    /// Watches `folders` for what happens from now on.
    fn new(strategy: Strategy, folders: Vec<PathBuf>) -> Self {
        let mut bench = Self::since(strategy, folders, clock_of_files());
        assert!(!bench.noticed(), "nothing has happened yet");
        bench
    }

    fn since(strategy: Strategy, folders: Vec<PathBuf>, since: Duration) -> Self {
        let settings = Settings { debounce: Duration::ZERO, ..Settings::new(folders) };
        let (stop, interest) = io::pipe().unwrap();
        let settled = Arc::new(Notify::new());
        let mut session = Session::new(&settings, since, stop, Arc::clone(&settled));
        let way = if strategy == Strategy::Polling {
            let mut poller = Poller::default();
            poller.look(&mut session).unwrap();
            Way::Polling(poller)
        } else {
            let mut watches = Watches::new(&session, strategy).unwrap();
            watches.find_roots(&mut session, Look::First).unwrap();
            Way::Events(watches)
        };
        Self { session, way, settled, _interest: interest }
    }

    /// Whether anything has changed since this was asked last.
    fn noticed(&mut self) -> bool {
        match &mut self.way {
            Way::Events(watches) => {
                watches.find_roots(&mut self.session, Look::Again).unwrap();
                watches.take_all(&mut self.session).unwrap();
            }
            Way::Polling(poller) => drop(poller.look(&mut self.session).unwrap()),
        }
        assert!(!self.session.is_over());
        has_settled(&self.settled)
    }
}

/// A change, what it is called, and whether it counts.
type Case = (&'static str, bool, fn(&Project));

const CASES: &[Case] = &[
    ("a file is created", true, |p| fs::write(p.at("code/new.py"), "").unwrap()),
    ("a file is written", true, |p| append(p.at("code/main.py"))),
    ("a file is emptied", true, |p| drop(File::create(p.at("code/main.py")).unwrap())),
    ("a nested file is written", true, |p| append(p.at("code/src/deep/module.py"))),
    ("a file is renamed", true, |p| fs::rename(p.at("code/main.py"), p.at("code/index.py")).unwrap()),
    ("an editor writes by renaming", true, |p| {
        fs::write(p.at("code/.main.py.swp"), "two").unwrap();
        fs::rename(p.at("code/.main.py.swp"), p.at("code/main.py")).unwrap();
    }),
    ("a file comes from elsewhere", true, |p| {
        fs::rename(p.at("elsewhere/file.py"), p.at("code/src/file.py")).unwrap();
    }),
    ("a file goes elsewhere", true, |p| {
        fs::rename(p.at("code/src/deep/module.py"), p.at("elsewhere/module.py")).unwrap();
    }),
    ("a file is deleted", true, |p| fs::remove_file(p.at("code/src/deep/module.py")).unwrap()),
    ("a mode is changed", true, |p| chmod(p.at("code/main.py"))),
    ("a folder's mode is changed", true, |p| chmod(p.at("code/src"))),
    ("the outermost folder's mode is changed", true, |p| chmod(p.code())),
    ("a file is touched", true, |p| {
        let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1));
        File::options().append(true).open(p.at("code/main.py")).unwrap().set_times(times).unwrap();
    }),
    ("a folder is made", true, |p| fs::create_dir(p.at("code/made")).unwrap()),
    ("a folder is removed", true, |p| fs::remove_dir(p.at("code/empty")).unwrap()),
    ("a tree comes from elsewhere", true, |p| {
        fs::rename(p.at("elsewhere/tree"), p.at("code/tree")).unwrap();
    }),
    ("a tree is removed", true, |p| fs::remove_dir_all(p.at("code/src")).unwrap()),
    ("a link is made", true, |p| symlink("main.py", p.at("code/other.py")).unwrap()),
    ("a file is read", false, |p| drop(fs::read(p.at("code/main.py")).unwrap())),
    ("folders are listed", false, |p| assert_eq!(fs::read_dir(p.at("code/src")).unwrap().count(), 1)),
    ("a file is opened for writing and closed", false, |p| {
        drop(File::options().append(true).open(p.at("code/main.py")).unwrap());
    }),
    ("the target of a link is written", false, |p| append(p.at("code/link.py"))),
    ("a file in a linked folder is written", false, |p| append(p.at("code/linked/branch/leaf.py"))),
    ("a file elsewhere is written", false, |p| append(p.at("elsewhere/file.py"))),
];

#[test]
fn everything_that_changes_the_code_counts_and_nothing_else() {
    for strategy in BOTH {
        for (name, counts, change) in CASES {
            let project = Project::new();
            let mut bench = Bench::new(strategy, vec![project.code()]);
            change(&project);
            assert_eq!(bench.noticed(), *counts, "{strategy:?}: {name}");
            assert!(!bench.noticed(), "{strategy:?}: {name}, twice");
        }
    }
}

/// Changes of which each must be noticed, one after the other.
type Story = (&'static str, &'static [fn(&Project)]);

const STORIES: &[Story] = &[
    (
        "new folders are watched",
        &[
            |p| fs::create_dir(p.at("code/made")).unwrap(),
            |p| fs::write(p.at("code/made/file.py"), "").unwrap(),
            |p| fs::create_dir_all(p.at("code/made/a/b/c")).unwrap(),
            |p| fs::write(p.at("code/made/a/b/c/file.py"), "").unwrap(),
        ],
    ),
    (
        "folders that come from elsewhere are watched with all below them",
        &[
            |p| fs::rename(p.at("elsewhere/tree"), p.at("code/tree")).unwrap(),
            |p| append(p.at("code/tree/branch/leaf.py")),
        ],
    ),
    (
        "renamed folders go on being watched",
        &[
            |p| fs::rename(p.at("code/src"), p.at("code/lib")).unwrap(),
            |p| append(p.at("code/lib/deep/module.py")),
            |p| fs::create_dir(p.at("code/lib/deep/more")).unwrap(),
            |p| fs::write(p.at("code/lib/deep/more/file.py"), "").unwrap(),
            |p| fs::rename(p.at("code/lib/deep"), p.at("code/empty/deep")).unwrap(),
            |p| append(p.at("code/empty/deep/more/file.py")),
        ],
    ),
    (
        "folders that are removed and made again are watched",
        &[
            |p| {
                fs::remove_dir_all(p.at("code/src")).unwrap();
                fs::create_dir_all(p.at("code/src/deep")).unwrap();
            },
            |p| fs::write(p.at("code/src/deep/module.py"), "").unwrap(),
        ],
    ),
    (
        "the folder itself may go and come back",
        &[
            |p| fs::rename(p.code(), p.at("away")).unwrap(),
            |p| fs::create_dir(p.code()).unwrap(),
            |p| fs::write(p.at("code/main.py"), "").unwrap(),
            |p| fs::remove_dir_all(p.code()).unwrap(),
            |p| fs::rename(p.at("away"), p.code()).unwrap(),
            |p| append(p.at("code/src/deep/module.py")),
        ],
    ),
];

#[test]
fn what_comes_later_is_watched_like_what_was_there() {
    for strategy in BOTH {
        for (name, changes) in STORIES {
            let project = Project::new();
            let mut bench = Bench::new(strategy, vec![project.code()]);
            for (index, change) in changes.iter().enumerate() {
                change(&project);
                assert!(bench.noticed(), "{strategy:?}: {name}: change {index}");
            }
        }
    }
}

#[test]
fn folders_that_went_elsewhere_are_not_watched_any_more() {
    for strategy in BOTH {
        let project = Project::new();
        let mut bench = Bench::new(strategy, vec![project.code()]);
        fs::rename(project.at("code/src"), project.at("elsewhere/src")).unwrap();
        assert!(bench.noticed(), "{strategy:?}");
        append(project.at("elsewhere/src/deep/module.py"));
        assert!(!bench.noticed(), "{strategy:?}");
    }
}

#[test]
fn a_folder_that_does_not_exist_is_waited_for() {
    for strategy in BOTH {
        let project = Project::new();
        let later = project.at("later/code");
        let mut bench = Bench::new(strategy, vec![project.code(), later.clone()]);
        append(project.at("code/main.py"));
        assert!(bench.noticed(), "{strategy:?}: the other is watched");
        fs::write(project.at("later"), "a file").unwrap();
        assert!(!bench.noticed(), "{strategy:?}: a file is no folder");
        fs::remove_file(project.at("later")).unwrap();
        fs::create_dir_all(&later).unwrap();
        assert!(bench.noticed(), "{strategy:?}: it is there");
        fs::write(later.join("main.py"), "").unwrap();
        assert!(bench.noticed(), "{strategy:?}: it is watched");
    }
}

#[test]
fn a_watched_folder_may_be_a_link_and_lie_in_another() {
    for strategy in BOTH {
        let project = Project::new();
        let folders = vec![project.at("code/linked"), project.code(), project.at("code/src/deep")];
        let mut bench = Bench::new(strategy, folders);
        append(project.at("elsewhere/tree/branch/leaf.py"));
        assert!(bench.noticed(), "{strategy:?}: behind the link");
        append(project.at("code/src/deep/module.py"));
        assert!(bench.noticed(), "{strategy:?}: in both");
        fs::rename(project.at("code/src"), project.at("code/lib")).unwrap();
        assert!(bench.noticed(), "{strategy:?}: the inner one is gone");
        append(project.at("code/lib/deep/module.py"));
        assert!(bench.noticed(), "{strategy:?}: it is in the outer one still");
    }
}

#[test]
fn changes_made_before_the_first_look_count_if_watching_had_been_asked_for() {
    let changes: [fn(&Project); 3] = [
        |p| append(p.at("code/src/deep/module.py")),
        |p| fs::remove_file(p.at("code/src/deep/module.py")).unwrap(),
        |p| fs::create_dir(p.at("code/made")).unwrap(),
    ];
    for strategy in BOTH {
        for (index, change) in changes.iter().enumerate() {
            let project = Project::new();
            let since = clock_of_files();
            change(&project);
            let mut bench = Bench::since(strategy, vec![project.code()], since);
            assert!(bench.noticed(), "{strategy:?}: change {index}");
        }
    }
}

#[test]
fn when_events_are_lost_everything_is_watched_anew() {
    let project = Project::new();
    let mut bench = Bench::new(Strategy::Event, vec![project.code()]);
    let Way::Events(mut watches) = bench.way else { panic!("events were asked for") };
    let queue: usize =
        fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
    // The same event twice in a row would be told once.
    let (one, other) = (project.at("code/main.py"), project.at("code/src/deep/module.py"));
    let mut files = [one, other].map(|path| File::options().append(true).open(path).unwrap());
    for _ in 0..=queue / 2 {
        files.iter_mut().for_each(|file| file.write_all(b"x").unwrap());
    }
    fs::create_dir(project.at("code/untold")).unwrap();
    assert_eq!(watches.take_all(&mut bench.session), Ok(Followed::UntilItOverflowed));
    assert!(!bench.session.is_over());
    has_settled(&bench.settled);

    watches = watches.renewed(&mut bench.session).unwrap();
    bench.way = Way::Events(watches);
    assert!(bench.noticed(), "what was lost may have been anything");
    fs::write(project.at("code/untold/file.py"), "").unwrap();
    assert!(bench.noticed(), "the folder whose event was lost is watched");
}

fn watcher(strategy: Strategy, project: &Project) -> Watcher {
    Watcher::start(Settings { strategy, ..Settings::new(vec![project.code()]) })
}

async fn changed(watcher: &mut Watcher) {
    timeout(LIMIT, watcher.changed()).await.expect("a change is told");
}

#[tokio::test]
async fn a_burst_is_told_once_and_a_later_change_again() {
    for strategy in [Strategy::Auto, Strategy::Event, Strategy::Polling] {
        let project = Project::new();
        let mut watcher = watcher(strategy, &project);
        for write in 0..8 {
            append(project.at("code/main.py"));
            fs::write(project.at("code/src").join(write.to_string()), "").unwrap();
        }
        let written = Instant::now();
        changed(&mut watcher).await;
        assert!(written.elapsed() >= Duration::from_millis(450), "{strategy:?}: not before it is quiet");
        timeout(Duration::from_secs(1), watcher.changed()).await.expect_err("there was one burst");
        fs::create_dir(project.at("code/made")).unwrap();
        changed(&mut watcher).await;
    }
}

#[tokio::test]
async fn a_change_is_kept_for_whoever_asks_later_and_a_wait_can_be_given_up() {
    for strategy in BOTH {
        let project = Project::new();
        let mut watcher = watcher(strategy, &project);
        assert!(pin!(watcher.changed()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        append(project.at("code/main.py"));
        // A permit, once seen, is put back: nobody has waited.
        let limit = Instant::now() + LIMIT;
        while !has_settled(&watcher.settled) {
            assert!(Instant::now() < limit, "{strategy:?}");
            std::thread::yield_now();
        }
        watcher.settled.notify_one();
        changed(&mut watcher).await;
    }
}

#[tokio::test]
async fn without_enough_watches_folders_are_polled() {
    let project = Project::new();
    for most_folders in [1, 4] {
        let settings = Settings {
            strategy: Strategy::Event,
            debounce: Duration::from_millis(50),
            most_folders,
            ..Settings::new(vec![project.code()])
        };
        let mut watcher = Watcher::start(settings);
        // With the four that are there, it is this one that there is no watch for.
        let made = project.at(&format!("code/made-{most_folders}"));
        fs::create_dir(&made).unwrap();
        changed(&mut watcher).await;
        fs::write(made.join("file.py"), "").unwrap();
        changed(&mut watcher).await;
        fs::remove_dir_all(made).unwrap();
        changed(&mut watcher).await;
    }
}

#[tokio::test]
async fn a_watcher_that_is_dropped_leaves_no_thread() {
    for strategy in BOTH {
        let project = Project::new();
        let watcher = watcher(strategy, &project);
        let held = Arc::downgrade(&watcher.settled);
        drop(watcher);
        let limit = Instant::now() + LIMIT;
        while held.strong_count() > 0 {
            assert!(Instant::now() < limit, "{strategy:?}");
            std::thread::yield_now();
        }
    }
}

#[test]
fn without_folders_nothing_ever_changes() {
    let mut watcher = Watcher::start(Settings::new(Vec::new()));
    assert!(pin!(watcher.changed()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}
