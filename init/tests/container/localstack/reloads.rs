//! Hot reload as LocalStack has it: its folder changes, and the next invocation finds the new code.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::localstack::peer::{Environment, Function};
use crate::sandbox::{takes_less_than, wait_until};

/// A function whose code is a number in a file, which it reads when it starts.
fn numbered(script: &str, debounce_ms: &str) -> Function {
    Function::python(&format!("version = open('/code/version').read()\n{script}"))
        .file("/code/version", 0o644, "0")
        .variable("LOCALSTACK_HOT_RELOADING_PATHS", "/code")
        .variable("LAMBDOCK_HOT_RELOADING_DEBOUNCE_MS", debounce_ms)
}

/// Saves another version as editors do, so that nobody reads half of it.
fn save(folder: &Path, version: u32) {
    fs::write(folder.join(".version"), version.to_string()).unwrap();
    fs::rename(folder.join(".version"), folder.join("version")).unwrap();
}

#[test]
fn code_that_changes_in_the_init_phase_is_loaded_and_the_environment_gets_ready() {
    let script = r#"
if version == "0":
    open("/tmp/started", "w").close()
    signal.pause()
serve(lambda event: version)
"#;
    let environment = Environment::start(&numbered(script, "5"));
    let started = environment.sandbox.path("/tmp/started");
    wait_until("it starts", || started.exists().then_some(()));
    save(&environment.sandbox.path("/code"), 1);
    environment.gets_ready();
    assert_eq!(environment.invoke("{}").succeeded(), "1");
}

#[test]
fn no_invocation_is_lost_while_code_changes_all_the_time() {
    let environment = Environment::ready(&numbered("serve(lambda event: version)", "5"));
    let folder = environment.sandbox.path("/code");
    let (over, saved) = (AtomicBool::new(false), AtomicU32::new(0));
    let mut answers: Vec<u32> = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Gaps that have nothing to do with what the invocations take. [Park and Miller]
            let mut random: u64 = 42;
            while !over.load(Ordering::Relaxed) {
                random = random * 48_271 % 0x7fff_ffff;
                std::thread::sleep(Duration::from_millis(random % 150));
                save(&folder, saved.fetch_add(1, Ordering::Relaxed) + 1);
            }
        });
        for _ in 0..200 {
            answers.push(environment.invoke("{}").succeeded().parse().unwrap());
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(answers.is_sorted(), "old code is back: {answers:?}");
    let mut generations = answers.clone();
    generations.dedup();
    assert!(generations.len() >= 5, "{answers:?}");
    let last = saved.load(Ordering::Relaxed);
    wait_until("the last is served", || {
        (environment.invoke("{}").succeeded() == last.to_string()).then_some(())
    });
}

#[test]
fn saved_code_is_served_after_the_debounce_and_the_start_of_the_runtime() {
    const DEBOUNCE: Duration = Duration::from_millis(300);
    // What polling may come too late by, and what the rest may take.
    const MORE: Duration = Duration::from_millis(200);
    let script = r#"
def handler(event):
    if event.body == b"crash": os._exit(1)
    return version
serve(handler)
"#;
    for strategy in ["event", "polling"] {
        let function = numbered(script, "300").variable("LOCALSTACK_FILE_WATCHER_STRATEGY", strategy);
        let environment = Environment::ready(&function);
        let folder = environment.sandbox.path("/code");
        let mut version = 0;
        takes_less_than(MORE, || {
            version += 1;
            environment.invoke("crash").failed();
            let (_, start) = environment.timed("{}");
            let since = Instant::now();
            save(&folder, version);
            wait_until("it is served", || {
                (environment.invoke("{}").succeeded() == version.to_string()).then_some(())
            });
            let took = since.elapsed();
            assert!(took >= DEBOUNCE, "{took:?}");
            took.saturating_sub(DEBOUNCE + start)
        });
    }
}
