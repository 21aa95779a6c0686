//! Pure: what clients say of function URLs.

use lambdock_domain::Error as DomainError;
use lambdock_domain::function_url::Cors;

use crate::wire::shapes;

/// `Cors`; an empty one is none.
pub(super) fn cors(cors: shapes::Cors) -> Option<Cors> {
    let read = Cors {
        allow_credentials: cors.allow_credentials,
        allow_headers: cors.allow_headers,
        allow_methods: cors.allow_methods,
        allow_origins: cors.allow_origins,
        expose_headers: cors.expose_headers,
        max_age: cors.max_age,
    };
    (read != Cors::default()).then_some(read)
}

/// A function or an alias that is missing where a URL is to be configured. [AWS: recorded]
pub(super) fn no_function() -> DomainError {
    DomainError::NotFound("Function does not exist".to_owned())
}
