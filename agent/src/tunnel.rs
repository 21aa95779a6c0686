//! A port of the container's loopback that leads to the control plane's public API.

use std::rc::Rc;
use std::sync::Arc;

use lambdock_protocol::Purpose;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::config::Config;
use crate::log::{debug, warn};
use crate::uplink::dial;

/// Connections at a time; the control plane allows as many.
const CONNECTIONS: usize = 256;

/// Serves connections for ever.
pub(crate) async fn serve(listener: TcpListener, config: Rc<Config>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((client, _)) => {
                let config = Rc::clone(&config);
                tokio::task::spawn_local(async move {
                    carry(client, &config).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!("cannot accept a connection to the API: {error}");
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
}

async fn carry(mut client: TcpStream, config: &Config) {
    let (mut api, early) = match dial(config, Purpose::Gateway).await {
        Ok(connected) => connected,
        Err(error) => return warn!("the API cannot be reached: {error}"),
    };
    let carried = async {
        client.set_nodelay(true)?;
        client.write_all(&early).await?;
        copy_bidirectional(&mut client, &mut api).await
    };
    if let Err(error) = carried.await {
        debug!("a connection to the API ended: {error}");
    }
}
