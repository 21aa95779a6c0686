//! Pure: how function URLs look to clients.

use lambdock_domain::FunctionId;
use lambdock_domain::function_url::{Cors, DEFAULT_INVOKE_MODE, FunctionUrl};

use crate::api::functions::show::date;
use crate::invoke::LATEST;
use crate::wire::shapes;

/// Where the function is reached. [LocalStack: the same host]
pub(super) fn url(external_host: &str, id: &FunctionId, url: &FunctionUrl) -> String {
    format!("http://{}.lambda-url.{}.{external_host}/", url.id, id.scope.region)
}

/// The ARN of the function or of the alias that the URL is of.
pub(super) fn arn(id: &FunctionId, qualifier: &str) -> String {
    if qualifier == LATEST { id.arn() } else { id.qualified_arn(qualifier) }
}

pub(super) fn cors(cors: Cors) -> shapes::Cors {
    shapes::Cors {
        allow_credentials: cors.allow_credentials,
        allow_headers: cors.allow_headers,
        allow_methods: cors.allow_methods,
        allow_origins: cors.allow_origins,
        expose_headers: cors.expose_headers,
        max_age: cors.max_age,
    }
}

/// Everything, with the invoke mode that holds.
pub(super) fn config(
    external_host: &str,
    id: &FunctionId,
    qualifier: &str,
    config: FunctionUrl,
) -> shapes::FunctionUrlConfig {
    shapes::FunctionUrlConfig {
        function_url: Some(url(external_host, id, &config)),
        function_arn: Some(arn(id, qualifier)),
        auth_type: Some(config.auth_type),
        cors: config.cors.map(cors),
        creation_time: Some(date(config.created)),
        last_modified_time: Some(date(config.last_modified)),
        invoke_mode: Some(config.invoke_mode.unwrap_or_else(|| DEFAULT_INVOKE_MODE.to_owned())),
    }
}
