//! LocalStack's list of runtimes, `GET /_aws/lambda/runtimes`.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use lambdock_domain::runtime::{RUNTIMES, Support};
use serde_json::json;

use super::endpoints::Answer;

const PATH: &str = "/_aws/lambda/runtimes";

/// Answers a request for the list; `None`: it is for something else.
///
/// `filter` may be given several times: `all`, `deprecated` and `supported`, which is what is told without any.
/// (LocalStack)
pub(super) fn answer(method: &Method, path: &str, query: Option<&str>) -> Option<Answer> {
    if path != PATH {
        return None;
    }
    if *method != Method::GET {
        return Some((StatusCode::METHOD_NOT_ALLOWED, Some(json!({ "error": "this endpoint takes GET" }))));
    }
    let filters = query.unwrap_or_default().split('&').filter_map(|pair| pair.strip_prefix("filter="));
    let mut wanted = BTreeSet::new();
    for filter in filters {
        match filter {
            "all" => wanted.extend(["supported", "deprecated"]),
            "deprecated" | "supported" => {
                wanted.insert(filter);
            }
            _ => {}
        }
    }
    if wanted.is_empty() {
        wanted.insert("supported");
    }
    let runtimes = RUNTIMES.iter().filter(|runtime| match runtime.support {
        Support::Supported => wanted.contains("supported"),
        Support::Retired => wanted.contains("deprecated"),
    });
    let names: Vec<&str> = runtimes.map(|runtime| runtime.name).collect();
    Some((StatusCode::OK, Some(json!({ "Runtimes": names }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(query: Option<&str>) -> Vec<String> {
        let (status, body) = answer(&Method::GET, PATH, query).unwrap();
        assert_eq!(status, StatusCode::OK);
        serde_json::from_value(body.unwrap()["Runtimes"].clone()).unwrap()
    }

    #[test]
    fn filters_choose_by_support() {
        let supported = told(None);
        assert!(supported.contains(&"python3.13".to_owned()) && !supported.contains(&"python3.7".to_owned()));
        assert_eq!(told(Some("filter=supported")), supported);
        assert_eq!(told(Some("filter=unknown")), supported);
        let deprecated = told(Some("filter=deprecated"));
        assert!(
            deprecated.contains(&"python3.7".to_owned()) && !deprecated.contains(&"python3.13".to_owned())
        );
        assert_eq!(told(Some("filter=all")).len(), supported.len() + deprecated.len());
        assert_eq!(told(Some("filter=deprecated&filter=supported")).len(), RUNTIMES.len());
    }

    #[test]
    fn only_the_list_is_answered() {
        assert_eq!(answer(&Method::GET, "/_aws/lambda/init", None), None);
        assert_eq!(answer(&Method::POST, PATH, None).unwrap().0, StatusCode::METHOD_NOT_ALLOWED);
    }
}
