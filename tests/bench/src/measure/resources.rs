//! What many functions cost: latencies, memory, disk and restarts, with ever more of them.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{milliseconds, progress};
use crate::{
    budget,
    fixture::PYTHON,
    http::Connection,
    interruption::wait_until,
    lambda_api::{FUNCTIONS, LambdaApi, settled},
    lambdock::{Lambdock, Launcher},
    memory::resident,
    options::Effort,
    report::Row,
    statistics::Samples,
};

/// Published versions of each function, besides `$LATEST`.
const VERSIONS: usize = 5;
/// Clients that make functions at the same time.
const CLIENTS: usize = 8;
/// Functions that a client has in hand at a time: while one is updated, the others become ready.
const IN_HAND: usize = 32;
/// Everything is kept, so that there is something to start again with.
const SETTINGS: [(&str, &str); 1] = [("PERSISTENCE", "1")];
/// Reads for each function that is created while latencies are measured.
const CHEAPER_THAN_CREATION: usize = 5;
/// How long a version may take to be ready.
const SETTLED: Duration = Duration::from_secs(60);

/// The rows for each number of functions. Latencies of larger ones stand beside those of the smallest: they are to be
/// the same.
pub(super) fn rows(launcher: &Launcher<'_>, effort: Effort) -> Result<Vec<Row>> {
    let mut lambdock = launcher.start(&SETTINGS)?;
    let measured = measure(&mut lambdock, effort);
    let mut rows = measured
        .with_context(|| format!("measurement failed; Lambdock's last words:\n{}", lambdock.last_words()))?;
    drop(lambdock);
    rows.extend(in_memory(launcher, effort)?);
    Ok(rows)
}

/// The memory of a Lambdock that keeps nothing on disk but archives, as it is by default.
fn in_memory(launcher: &Launcher<'_>, effort: Effort) -> Result<Option<Row>> {
    let Some(&functions) = effort.functions.last() else { return Ok(None) };
    progress(&format!("{functions} functions in memory"));
    let lambdock = launcher.start(&[])?;
    fill(lambdock.api(), 0..functions)?;
    let memory = resident(lambdock.pid()).map(|memory| memory.now);
    Ok(Some(Row::new(format!("{functions} functions, resident without PERSISTENCE"), "MiB", memory)))
}

fn measure(lambdock: &mut Lambdock<'_>, effort: Effort) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut smallest: Option<(usize, Latencies)> = None;
    let mut there = 0;
    for &functions in effort.functions {
        progress(&format!("{functions} functions with {VERSIONS} versions each"));
        fill(lambdock.api(), there..functions)?;
        there = functions;

        let latencies = Latencies::measure(lambdock.api(), functions, effort.resource_samples)?;
        let titled = |what: &str| format!("{functions} functions, {what}");
        let peer = smallest.as_ref().map(|(functions, peer)| (format!("{functions} functions"), peer));
        for (operation, samples, of_peer) in latencies.operations(peer.as_ref().map(|(_, peer)| *peer)) {
            let row = Row::new(titled(&format!("{operation}, p50")), "ms", samples.median());
            rows.push(match &peer {
                Some((name, _)) => {
                    row.beside(name, of_peer.and_then(Samples::median)).within(budget::MANY_FUNCTIONS)
                }
                None => row,
            });
            rows.push(Row::new(titled(&format!("{operation}, p99")), "ms", samples.percentile(0.99)));
        }
        smallest.get_or_insert((functions, latencies));

        let memory = resident(lambdock.pid()).map(|memory| memory.now);
        rows.push(Row::new(titled("resident"), "MiB", memory));
        rows.push(Row::new(titled("store on disk"), "MiB", Some(mebibytes_below(&lambdock.state())?)));
        lambdock.restart(&SETTINGS)?;
        let restart = Some(milliseconds(lambdock.ready()));
        rows.push(Row::new(titled("restart, exec to healthy"), "ms", restart).within(budget::RESTART));
        Client::open(lambdock.api())?.ask("GET", &name_path(functions - 1), &Value::Null)?;
        let memory = resident(lambdock.pid()).map(|memory| memory.now);
        rows.push(Row::new(titled("resident after the restart"), "MiB", memory));
    }
    Ok(rows)
}

/// What single requests take while nobody else asks.
struct Latencies {
    create: Samples,
    get: Samples,
    list: Samples,
}

impl Latencies {
    fn measure(api: &LambdaApi, functions: usize, samples: usize) -> Result<Self> {
        let mut client = Client::open(api)?;
        let mut ask =
            |method: &str, path: &str, body: &Value| Ok(milliseconds(client.ask(method, path, body)?.0));
        // What has to be connected, prepared and cached first is no function's fault.
        for _ in 0..samples.min(20) {
            ask("GET", FUNCTIONS, &Value::Null)?;
            ask("GET", &name_path(0), &Value::Null)?;
        }
        // In turns, so that a busy moment of the machine hits both; a prime takes the requests all over the functions.
        let (mut get, mut list) = (Samples::default(), Samples::default());
        for at in 0..samples {
            get.push(ask("GET", &name_path(at * 7919 % functions), &Value::Null)?);
            list.push(ask("GET", FUNCTIONS, &Value::Null)?);
        }
        let extra = functions..functions + samples / CHEAPER_THAN_CREATION;
        let create = extra.clone().map(|at| ask("POST", FUNCTIONS, &creation(at)?)).collect::<Result<_>>()?;
        for at in extra {
            ask("DELETE", &name_path(at), &Value::Null)?;
        }
        Ok(Self { create, get, list })
    }

    /// Name, ours, and those that they are compared with.
    fn operations<'a>(
        &'a self,
        peer: Option<&'a Self>,
    ) -> [(&'static str, &'a Samples, Option<&'a Samples>); 3] {
        [
            ("CreateFunction", &self.create, peer.map(|peer| &peer.create)),
            ("GetFunction", &self.get, peer.map(|peer| &peer.get)),
            ("ListFunctions, first page", &self.list, peer.map(|peer| &peer.list)),
        ]
    }
}

/// Makes functions with all of their versions.
fn fill(api: &LambdaApi, functions: std::ops::Range<usize>) -> Result<()> {
    let next = AtomicUsize::new(functions.start);
    thread::scope(|scope| {
        let work = || {
            let mut client = Client::open(api)?;
            loop {
                let from = next.fetch_add(IN_HAND, Ordering::Relaxed);
                if from >= functions.end {
                    return Ok(());
                }
                make(&mut client, from..functions.end.min(from + IN_HAND))?;
            }
        };
        let threads: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?)
    })
}

fn make(client: &mut Client, functions: std::ops::Range<usize>) -> Result<()> {
    for version in 1..=VERSIONS {
        for at in functions.clone() {
            if version == 1 {
                client.ask("POST", FUNCTIONS, &creation(at)?)?;
                continue;
            }
            client.wait_until_settled(at)?;
            let update = json!({ "ZipFile": archive(at)?, "Publish": true });
            client.ask("PUT", &format!("{}/code", name_path(at)), &update)?;
        }
    }
    functions.into_iter().try_for_each(|at| client.wait_until_settled(at))
}

/// A client that keeps its connection.
struct Client<'a> {
    api: &'a LambdaApi,
    connection: Connection,
}

impl<'a> Client<'a> {
    fn open(api: &'a LambdaApi) -> Result<Self> {
        let connection =
            Connection::open(&api.address()).with_context(|| format!("connect to {}", api.name))?;
        Ok(Self { api, connection })
    }

    /// How long a request took, and the answer.
    fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<(Duration, Value)> {
        let request = self.api.request(method, path, body);
        let begun = Instant::now();
        let response = self.connection.exchange(&request).with_context(|| format!("{method} {path}"))?;
        let took = begun.elapsed();
        let body = response.success(&format!("{method} {path}"))?;
        Ok((took, if body.is_empty() { Value::Null } else { serde_json::from_slice(body)? }))
    }

    fn wait_until_settled(&mut self, at: usize) -> Result<()> {
        let path = format!("{}/configuration", name_path(at));
        wait_until(&format!("{} is ready", name(at)), SETTLED, Duration::from_millis(1), || {
            settled(&self.ask("GET", &path, &Value::Null)?.1)
        })
    }
}

fn name(at: usize) -> String {
    format!("bench-{at:05}")
}

fn name_path(at: usize) -> String {
    format!("{FUNCTIONS}/{}", name(at))
}

/// A function as people have them: some settings, code of its own.
fn creation(at: usize) -> Result<Value> {
    Ok(json!({
        "FunctionName": name(at), "Runtime": PYTHON.runtime, "Handler": PYTHON.handler, "Publish": true,
        "Role": "arn:aws:iam::000000000000:role/lambda-role", "Description": "one of many",
        "Code": { "ZipFile": archive(at)? }, "MemorySize": 256, "Timeout": 10,
        "Environment": { "Variables": { "STAGE": "test", "TABLE": format!("table-{at}") } },
        "Tags": { "team": "bench" },
    }))
}

/// A few lines of code that no other function has, as an archive in base 64.
fn archive(at: usize) -> Result<String> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("app.py", SimpleFileOptions::default())?;
    writeln!(archive, "def handler(event, context):\n    return {at}")?;
    Ok(BASE64_STANDARD.encode(archive.finish()?.into_inner()))
}

/// Bytes of all files in a folder and below it.
fn mebibytes_below(folder: &Path) -> Result<f64> {
    let mut sum = 0.0;
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() {
            mebibytes_below(&entry.path())?
        } else {
            // Kibibytes of a file fit in 32 bits up to 4 TiB.
            f64::from(u32::try_from(entry.metadata()?.len().div_ceil(1024))?) / 1024.0
        };
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_code_of_its_own() {
        assert_ne!(archive(1).unwrap(), archive(2).unwrap());
        let bytes = BASE64_STANDARD.decode(archive(7).unwrap()).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let code = std::io::read_to_string(archive.by_name("app.py").unwrap()).unwrap();
        assert!(code.ends_with("return 7\n"), "{code}");
    }

    #[test]
    fn a_folder_weighs_what_its_files_do() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("a"), vec![0; 512 * 1024]).unwrap();
        fs::write(folder.path().join("below/b"), vec![0; 512 * 1024]).unwrap();
        assert_eq!(mebibytes_below(folder.path()).unwrap(), 1.0);
    }
}
