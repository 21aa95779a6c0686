//! AWS's Query protocol as EC2 speaks it: a form goes out, XML comes back.

use http::{Method, StatusCode};
use lambdock_domain::Scope;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Error, Http, Services};

/// A call in the Query protocol.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// What requests to the service are signed for, such as `ec2`.
    pub service: &'a str,
    /// Of the service's API, such as `2016-11-15`.
    pub version: &'a str,
    /// The operation, such as `DescribeSubnets`.
    pub action: &'a str,
    /// In whose name, and in which region.
    pub scope: &'a Scope,
    /// Further fields of the form.
    pub parameters: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document(String);

impl Services {
    /// Calls a service once.
    ///
    /// # Errors
    /// There is no output.
    pub async fn query(&self, query: Query<'_>) -> Result<Document, Error> {
        let request = Http {
            service: query.service,
            scope: query.scope,
            method: Method::POST,
            path: "/",
            query: "",
            headers: &[("content-type", "application/x-www-form-urlencoded; charset=utf-8")],
            body: form(&query).into(),
        };
        Ok(Document::read(&self.request(request).await?))
    }
}

fn form(query: &Query<'_>) -> String {
    let fixed = [("Action", query.action), ("Version", query.version)];
    let given = query.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let fields: Vec<String> = fixed
        .into_iter()
        .chain(given)
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    fields.join("&")
}

/// Reads an error: of the Query protocol, or S3's, which look the same.
pub(super) fn refusal(status: StatusCode, document: &Document) -> Error {
    let first = |element| document.texts(element).into_iter().next();
    match first("Code") {
        Some(code) => Error::Refused { code, message: first("Message").unwrap_or_default() },
        None => Error::Unusable(format!("the upstream answers {status} without a type of error")),
    }
}

impl Document {
    /// The document in the body of an answer.
    pub(super) fn read(body: &[u8]) -> Self {
        Self(String::from_utf8_lossy(body).into_owned())
    }

    /// The texts of all elements of that name that hold nothing but text.
    pub fn texts(&self, element: &str) -> Vec<String> {
        let (opening, closing) = (format!("<{element}>"), format!("</{element}>"));
        let after_openings = self.0.split(&opening).skip(1);
        after_openings.filter_map(|rest| rest.split_once(&closing)).map(|(text, _)| unescape(text)).collect()
    }
}

/// XML's own entities.
fn unescape(text: &str) -> String {
    const ENTITIES: [(&str, &str); 6] = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        // Last, so that what it gives is not taken for another.
        ("&amp;", "&"),
    ];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_the_action_first_and_keeps_every_character() {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        let parameters = vec![("SubnetId.1".to_owned(), "a&b=c d".to_owned())];
        let query = Query { service: "ec2", version: "2016-11-15", action: "X", scope: &scope, parameters };
        assert_eq!(form(&query), "Action=X&Version=2016%2D11%2D15&SubnetId%2E1=a%26b%3Dc%20d");
    }

    #[test]
    fn texts_are_those_of_every_element_of_the_name() {
        let document = Document("<r><vpcId>vpc-1</vpcId><a/><vpcId>vpc-2</vpcId><vpcIdSet/></r>".into());
        assert_eq!(document.texts("vpcId"), ["vpc-1", "vpc-2"]);
        assert!(document.texts("missing").is_empty());
        assert_eq!(Document("<m>&lt;a&gt; &amp;lt; &#39;</m>".into()).texts("m"), ["<a> &lt; '"]);
    }

    #[test]
    fn errors_of_ec2_are_read() {
        let body = "<Response><Errors><Error><Code>InvalidGroup.NotFound</Code><Message>The security group \
                    'sg-1' does not exist</Message></Error></Errors></Response>";
        let read = refusal(StatusCode::BAD_REQUEST, &Document(body.into()));
        let (code, message) = ("InvalidGroup.NotFound", "The security group 'sg-1' does not exist");
        assert_eq!(read, Error::Refused { code: code.into(), message: message.into() });
        let read = refusal(StatusCode::BAD_GATEWAY, &Document("<html>".into()));
        assert!(matches!(read, Error::Unusable(_)));
    }
}
