//! LocalStack as the control plane: all that there is to say is said by variables, at the start.

use std::net::{Ipv4Addr, SocketAddr};

use lambdock_protocol::ToControlPlane;
use uuid::Uuid;

use super::prepare::{Surroundings, prepare};
use super::{Place, Stop, listen, serve, watched};
use crate::lifecycle::Reload;
use crate::localstack::{self, Options};
use crate::log::{info, warn};
use crate::process::Logger;
use crate::{Error, Platform};

/// Runs an environment from its start to its end. Needs a Tokio `LocalSet` around it.
///
/// # Errors
/// The environment could not be or become one; the exit status should say so.
pub async fn run(options: Options, platform: Platform) -> Result<(), Error> {
    let mut stop = Stop::new()?;
    // Before anything else: whoever has an address of ours then is found out at once, and nobody has to ask whether
    // we listen already.
    let control = listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, options.port)))?;
    let api = listen(platform.api)?;
    options.warnings.iter().for_each(|warning| warn!("{warning}"));
    let (sender, mut receiver, link) = localstack::connect(&options, control);
    let assignment = options.assignment;
    info!("the function is {}:{}", assignment.function_name, assignment.function_version);
    // It makes an event of each line: a message of several is better off on one, as runtimes have it then.
    let surroundings = Surroundings { logger: Logger::Streams, folder: platform.folder.clone() };
    let prepared = tokio::select! {
        fetched = localstack::fetch(&options.archives, &platform.root) => match fetched {
            Ok(()) => prepare(&assignment, &platform, surroundings, &sender, &mut receiver).await,
            Err(reason) => Err(reason),
        },
        () = stop.asked() => return Ok(()),
    };
    let prepared = prepared.and_then(|runtime| Ok((runtime, watched(&assignment, &platform)?)));
    let (runtime, watch) = match prepared {
        Ok(prepared) => prepared,
        Err(reason) => {
            sender.send(ToControlPlane::Unusable { reason: reason.clone() }).await;
            tokio::select! {
                // It comes when LocalStack has been told.
                _ = receiver.receive() => {}
                () = stop.asked() => {}
            }
            return Err(Error::Unusable(reason));
        }
    };
    let place = Place { environment: Uuid::new_v4().to_string(), reload: Reload::Lazy, runtime, watch, api };
    let served = serve(place, assignment, &platform, sender, receiver, stop).await;
    link.end().await.map_err(Error::LocalStack)?;
    served
}
