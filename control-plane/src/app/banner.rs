//! What a person who starts Lambdock wants to know.

use std::path::Path;

use super::endpoint;
use crate::VERSION;
use crate::config::Config;
use crate::executor::EngineDescription;
use crate::state::StateFolder;

/// What a person who starts Lambdock wants to know, on one screen. `Ready.` is what tools wait for. (LocalStack)
pub(super) fn banner(
    config: &Config,
    state: &StateFolder,
    engine: Result<EngineDescription, String>,
) -> String {
    let addresses: Vec<String> =
        config.gateway_listen.iter().map(|address| format!("http://{address}")).collect();
    let endpoint = endpoint(config);
    let engine = match engine {
        Ok(found) => format!("{} {} ({}), {}", found.name, found.version, found.platform, found.address),
        Err(error) => format!("none: {error}"),
    };
    let state = match state.database() {
        Some(path) => format!("kept in {}", path.parent().unwrap_or(Path::new("/")).display()),
        None => "gone when Lambdock stops; PERSISTENCE=1 keeps it".to_owned(),
    };
    let others = config.upstream.in_words();
    let others =
        others.unwrap_or_else(|| "nobody; AWS_ENDPOINT_URL names who plays other services".to_owned());
    format!(
        "\
Lambdock {VERSION}: AWS Lambda on your own containers

  API      {}
  Engine   {engine}
  State    {state}
  Others   {others}

Try:
  aws --endpoint-url {endpoint} lambda create-function --function-name hello --runtime python3.12 \\
      --zip-file fileb://function.zip --handler index.handler --role arn:aws:iam::000000000000:role/lambda-role
  aws --endpoint-url {endpoint} lambda wait function-active-v2 --function-name hello
  aws --endpoint-url {endpoint} lambda invoke --function-name hello output.txt

  lambdock --help lists all settings, lambdock doctor checks this machine. Ctrl-c stops Lambdock and its containers.

Ready.",
        addresses.join(", ")
    )
}
