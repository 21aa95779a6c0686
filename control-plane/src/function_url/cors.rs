//! Pure: what a function URL's `Cors` tells browsers. [AWS: Lambda API, Cors]

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method};
use lambdock_domain::function_url::Cors;

/// Headers that are the URL's to say once it has a `Cors`.
const OURS: [HeaderName; 6] = [
    ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_HEADERS,
    ACCESS_CONTROL_ALLOW_CREDENTIALS,
    ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE,
];

/// Everything.
const ANY: &str = "*";

/// Whether a browser asks what a page may. Such a request does not reach the function.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The headers of the answer to a preflight; none for a page that may not.
pub fn preflight(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut told = of_origin(cors, request);
    if !told.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        return told;
    }
    let asked = |name: &HeaderName| request.get(name).cloned();
    let mut tell = |name: HeaderName, value: Option<HeaderValue>| {
        if let Some(value) = value {
            told.insert(name, value);
        }
    };
    // Browsers take `*` for a name of its own where credentials are sent, so what was asked for is said instead.
    tell(ACCESS_CONTROL_ALLOW_METHODS, named(&cors.allow_methods, || asked(&ACCESS_CONTROL_REQUEST_METHOD)));
    tell(ACCESS_CONTROL_ALLOW_HEADERS, named(&cors.allow_headers, || asked(&ACCESS_CONTROL_REQUEST_HEADERS)));
    tell(ACCESS_CONTROL_MAX_AGE, cors.max_age.map(HeaderValue::from));
    told
}

/// Makes a response of the function's say what the URL has to say, and nothing else of the kind.
pub fn apply(cors: &Cors, request: &HeaderMap, response: &mut HeaderMap) {
    for name in OURS {
        response.remove(name);
    }
    for (name, value) in of_origin(cors, request) {
        let Some(name) = name else { continue };
        if name == VARY {
            response.append(name, value);
        } else {
            response.insert(name, value);
        }
    }
}

/// What every answer to a page of an allowed origin has.
fn of_origin(cors: &Cors, request: &HeaderMap) -> HeaderMap {
    let mut told = HeaderMap::new();
    let Some(origin) = request.get(ORIGIN) else { return told };
    told.insert(VARY, HeaderValue::from_static("Origin"));
    if !is_allowed(cors, origin) {
        return told;
    }
    told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    if cors.allow_credentials == Some(true) {
        told.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    if let Some(exposed) = named(&cors.expose_headers, || Some(HeaderValue::from_static(ANY))) {
        told.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
    told
}

fn is_allowed(cors: &Cors, origin: &HeaderValue) -> bool {
    let allowed = cors.allow_origins.as_deref().unwrap_or_default();
    let matches =
        |listed: &String| listed == ANY || listed.as_bytes().eq_ignore_ascii_case(origin.as_bytes());
    allowed.iter().any(matches)
}

/// The names in one line; where everything is meant, `any`.
fn named(names: &Option<Vec<String>>, any: impl Fn() -> Option<HeaderValue>) -> Option<HeaderValue> {
    let names = names.as_deref().filter(|names| !names.is_empty())?;
    if names.iter().any(|name| name == ANY) { any() } else { HeaderValue::try_from(names.join(",")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Option<Vec<String>> {
        Some(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn cors() -> Cors {
        Cors {
            allow_credentials: Some(true),
            allow_headers: list(&["x-one", "x-two"]),
            allow_methods: list(&["GET", "POST"]),
            allow_origins: list(&["https://page.test", "http://localhost:3000"]),
            expose_headers: list(&["date", "x-shown"]),
            max_age: Some(600),
        }
    }

    fn asked(origin: &str) -> HeaderMap {
        HeaderMap::from_iter([
            (ORIGIN, HeaderValue::from_str(origin).unwrap()),
            (ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("PUT")),
            (ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("x-asked")),
        ])
    }

    fn told(headers: &HeaderMap) -> Vec<(&str, &str)> {
        let mut told: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        told.sort_unstable();
        told
    }

    #[test]
    fn a_preflight_is_told_everything() {
        assert!(is_preflight(&Method::OPTIONS, &asked("a")));
        assert!(!is_preflight(&Method::GET, &asked("a")));
        assert!(!is_preflight(&Method::OPTIONS, &HeaderMap::new()));
        let expected = [
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-headers", "x-one,x-two"),
            ("access-control-allow-methods", "GET,POST"),
            ("access-control-allow-origin", "https://page.test"),
            ("access-control-expose-headers", "date,x-shown"),
            ("access-control-max-age", "600"),
            ("vary", "Origin"),
        ];
        assert_eq!(told(&preflight(&cors(), &asked("https://page.test"))), expected);
        assert_eq!(told(&preflight(&cors(), &asked("https://evil.test"))), [("vary", "Origin")]);
    }

    #[test]
    fn everything_is_what_was_asked_for() {
        let cors = Cors {
            allow_origins: list(&["*"]),
            allow_methods: list(&["*"]),
            allow_headers: list(&["*"]),
            ..Cors::default()
        };
        let expected = [
            ("access-control-allow-headers", "x-asked"),
            ("access-control-allow-methods", "PUT"),
            ("access-control-allow-origin", "http://any.test"),
            ("vary", "Origin"),
        ];
        assert_eq!(told(&preflight(&cors, &asked("http://any.test"))), expected);
    }

    #[test]
    fn the_functions_own_word_does_not_count() {
        let own = || {
            HeaderMap::from_iter([
                (ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
                (ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("DELETE")),
                (VARY, HeaderValue::from_static("Accept")),
                (ORIGIN, HeaderValue::from_static("kept")),
            ])
        };
        let mut response = own();
        apply(&cors(), &asked("http://localhost:3000"), &mut response);
        let expected = [
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-origin", "http://localhost:3000"),
            ("access-control-expose-headers", "date,x-shown"),
            ("origin", "kept"),
            ("vary", "Accept"),
            ("vary", "Origin"),
        ];
        assert_eq!(told(&response), expected);
        let mut response = own();
        apply(&cors(), &HeaderMap::new(), &mut response);
        assert_eq!(told(&response), [("origin", "kept"), ("vary", "Accept")]);
    }
}
