//! Pure: query strings.

use percent_encoding::percent_decode_str;

/// Name and value of each parameter, decoded, in the order in which they were sent. A parameter without `=` has an
/// empty value.
pub fn parameters(query: Option<&str>) -> impl Iterator<Item = (String, String)> {
    let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

/// Form encoding: `+` is a blank, which SDKs write as `%20`.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_may_repeat() {
        let found: Vec<_> = parameters(Some("tagKeys=a%20b&tagKeys=c+d&&Qualifier=%24LATEST&flag")).collect();
        let expected = [("tagKeys", "a b"), ("tagKeys", "c d"), ("Qualifier", "$LATEST"), ("flag", "")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(parameters(None).count(), 0);
    }
}
