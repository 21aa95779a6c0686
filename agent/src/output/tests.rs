use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use lambdock_protocol::{Decoder, Log, LogFormat, LogLevel, LogSource, Logging, ToControlPlane};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::*;
use crate::telemetry::Telemetry;
use crate::telemetry::subscription::Api;
use crate::uplink;

/// The control plane's end of the uplink.
struct ControlPlane {
    stream: TcpStream,
    buffer: BytesMut,
    decoder: Decoder,
}

impl ControlPlane {
    async fn log(&mut self) -> (Log, Bytes) {
        loop {
            if let Some(message) = ToControlPlane::decode(&self.decoder, &mut self.buffer).unwrap() {
                let ToControlPlane::Log(log, lines) = message else { panic!("{message:?}") };
                return (log, lines);
            }
            assert_ne!(self.stream.read_buf(&mut self.buffer).await.unwrap(), 0, "the uplink ended");
        }
    }

    /// Reads logs until there are `bytes` of them.
    async fn bytes(&mut self, bytes: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < bytes {
            all.extend_from_slice(&self.log().await.1);
        }
        all
    }
}

async fn journal(logging: Logging) -> (Rc<Journal>, Rc<Telemetry>, ControlPlane) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (accepted, _) = listener.accept().await.unwrap();
    let (sender, _) = uplink::split(stream, BytesMut::new());
    let telemetry = Rc::new(Telemetry::new());
    let control_plane =
        ControlPlane { stream: accepted, buffer: BytesMut::new(), decoder: Decoder::default() };
    (Rc::new(Journal::new(sender, Rc::clone(&telemetry), logging)), telemetry, control_plane)
}

fn pump(journal: &Rc<Journal>, source: Source) -> (Pump, std::io::PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    (Pump::start(reader.into(), Rc::clone(journal), source, Form::Lines).unwrap(), writer)
}

/// Time after which a test that waits for something has failed.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

fn run_local(test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(LocalSet::new().run_until(async { tokio::time::timeout(PATIENCE, test()).await.unwrap() }));
}

#[test]
fn a_drain_passes_an_unfinished_line_on_and_keeps_carriage_returns() {
    run_local(async || {
        let (journal, _, mut control_plane) = journal(Logging::default()).await;
        let (pump, mut writer) = pump(&journal, Source::Function);
        journal.belongs_to(Some("r-1".into()));
        writer.write_all(b"one\rtwo\r\nno newline").unwrap();
        pump.drain().await;
        let (log, lines) = control_plane.log().await;
        assert_eq!((log.source, log.request_id.as_deref()), (LogSource::Function, Some("r-1")));
        assert_eq!(lines, "one\rtwo\r\n".as_bytes());
        assert_eq!(control_plane.log().await.1, "no newline\n".as_bytes());
        // What was written is there even if nothing but the drain could have noticed.
        for number in 0..100 {
            let line = format!("{number}\n");
            writer.write_all(line.as_bytes()).unwrap();
            pump.drain().await;
            journal.belongs_to(Some(number.to_string()));
            let (log, lines) = control_plane.log().await;
            assert_eq!(lines, line.as_bytes());
            assert_eq!(
                log.request_id,
                Some(if number == 0 { "r-1".to_owned() } else { (number - 1).to_string() })
            );
        }
    });
}

#[test]
fn a_drain_ends_though_the_process_never_stops_writing() {
    run_local(async || {
        let (journal, _, mut control_plane) = journal(Logging::default()).await;
        let (pump, mut writer) = pump(&journal, Source::Function);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let endless = std::thread::spawn(move || {
            let line = [b'x'; 1023].into_iter().chain([b'\n']).collect::<Vec<u8>>();
            while !stopped.load(Ordering::Relaxed) && writer.write_all(&line).is_ok() {}
        });
        tokio::task::spawn_local(async move {
            loop {
                control_plane.log().await;
            }
        });
        for _ in 0..20 {
            tokio::time::timeout(std::time::Duration::from_secs(20), pump.drain()).await.unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        drop(pump);
        drop(journal);
        tokio::task::spawn_blocking(move || endless.join().unwrap()).await.unwrap();
    });
}

#[test]
fn a_flood_waits_in_the_pipe_and_not_in_memory() {
    const FLOOD: usize = 100 << 20;
    // What sockets hold on loopback, at most, and our own buffers.
    const UNDERWAY: usize = 24 << 20;
    run_local(async || {
        let (journal, telemetry, mut control_plane) = journal(Logging::default()).await;
        telemetry.close();
        let (_pump, mut writer) = pump(&journal, Source::Function);
        let written = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&written);
        let flood = std::thread::spawn(move || {
            let chunk = vec![b'x'; 65_535].into_iter().chain([b'\n']).collect::<Vec<u8>>();
            for _ in 0..FLOOD / chunk.len() {
                writer.write_all(&chunk).unwrap();
                counter.fetch_add(chunk.len(), Ordering::Relaxed);
            }
        });
        let mut received = 0;
        while received < FLOOD {
            received += control_plane.log().await.1.len();
            let underway = written.load(Ordering::Relaxed).saturating_sub(received);
            assert!(underway <= UNDERWAY, "{underway} bytes are somewhere");
        }
        assert_eq!(received, FLOOD);
        flood.join().unwrap();
    });
}

#[test]
fn objects_below_the_level_are_not_logged_and_text_is() {
    run_local(async || {
        let logging = Logging {
            format: LogFormat::Json,
            application_level: Some(LogLevel::Warn),
            ..Logging::default()
        };
        let (journal, _, mut control_plane) = journal(logging).await;
        let (pump, mut writer) = pump(&journal, Source::Function);
        writer
            .write_all(
                b"{\"level\":\"ERROR\",\"n\":1}\n{\"level\":\"info\"}\nplain\n{\"n\":2}\n{\"level\":\"warn\"}\n",
            )
            .unwrap();
        pump.drain().await;
        let expected = "{\"level\":\"ERROR\",\"n\":1}\nplain\n{\"level\":\"warn\"}\n";
        assert_eq!(control_plane.bytes(expected.len()).await, expected.as_bytes());
    });
}

#[test]
fn a_put_subscribes_and_is_logged() {
    run_local(async || {
        let (journal, _, mut control_plane) = journal(Logging::default()).await;
        let body = br#"{"schemaVersion":"2022-12-13","types":["platform","extension"],"destination":{"protocol":"HTTP","URI":"http://sandbox:4243"}}"#;
        for _ in 0..2 {
            assert_eq!(journal.put(Api::Telemetry, "ext", body).await, (200, r#""OK""#.to_owned()));
        }
        let (status, refusal) = journal.put(Api::Logs, "other", b"{}").await;
        assert_eq!(status, 400);
        assert_eq!(
            refusal,
            r#"{"errorMessage":"destination is not provided; types should not be empty","errorType":"Logs.ValidationError"}"#
        );
        let (pump, mut writer) = pump(&journal, Source::Extension("ext".into()));
        writer.write_all(b"hello\n").unwrap();
        pump.drain().await;
        let (log, lines) = control_plane.log().await;
        assert_eq!(log.source, LogSource::Platform);
        assert_eq!(
            lines,
            "TELEMETRY\tName: ext\tState: Subscribed\tTypes: [Platform, Extension]\n".as_bytes()
        );
        let (log, lines) = control_plane.log().await;
        assert_eq!((log.source, lines), (LogSource::Extension, Bytes::from("hello\n")));
    });
}
