use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio::time::{advance, pause};

use super::*;
use crate::telemetry::Telemetry;
use crate::uplink;

/// An API that listens, and a connection to it.
async fn connected() -> TcpStream {
    let control_plane = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(control_plane.local_addr().unwrap()).await.unwrap();
    let (uplink, _) = uplink::split(stream, BytesMut::new());
    let api = Api::new(Footing {
        events: mpsc::channel(1).0,
        uplink: uplink.clone(),
        permit: Permit::default(),
        payload_limit: 1000,
        extensions: None,
        credentials: None,
        journal: Rc::new(Journal::new(uplink, Rc::new(Telemetry::new()), Default::default())),
        traffic: Rc::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(Rc::new(api).serve(listener));
    TcpStream::connect(address).await.unwrap()
}

async fn pings(connection: &mut TcpStream) -> String {
    connection.write_all(b"GET /2018-06-01/ping HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"pong") {
        assert_ne!(
            connection.read_buf(&mut answer).await.unwrap(),
            0,
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_may_be_idle_for_as_long_as_a_function_works() {
    LocalSet::new()
        .run_until(async {
            pause();
            let mut connection = connected().await;
            assert!(pings(&mut connection).await.starts_with("HTTP/1.1 200 "));
            advance(Duration::from_secs(900)).await;
            assert!(pings(&mut connection).await.starts_with("HTTP/1.1 200 "));
        })
        .await;
}
