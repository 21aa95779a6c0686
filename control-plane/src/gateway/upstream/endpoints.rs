//! Pure: who plays which service, as the SDKs' variables say: `AWS_ENDPOINT_URL`, and `AWS_ENDPOINT_URL_<SERVICE>` for
//! one service alone.
//!
//! [AWS: SDKs and Tools reference, service-specific endpoints]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use http::Uri;

const COMMON: &str = "AWS_ENDPOINT_URL";

/// Services that emulators offer, by what their requests are signed for, and their variables. Where several services
/// sign for the same name, each of their variables serves all of them. [AWS: service ids of the SDKs]
const NAMES: &[(&str, &[&str])] = &[
    ("apigateway", &["API_GATEWAY", "APIGATEWAYV2"]),
    ("application-autoscaling", &["APPLICATION_AUTO_SCALING"]),
    ("autoscaling", &["AUTO_SCALING"]),
    ("ce", &["COST_EXPLORER"]),
    ("cloudcontrolapi", &["CLOUDCONTROL"]),
    ("cognito-idp", &["COGNITO_IDENTITY_PROVIDER"]),
    ("config", &["CONFIG_SERVICE"]),
    ("dms", &["DATABASE_MIGRATION_SERVICE"]),
    ("ds", &["DIRECTORY_SERVICE"]),
    ("dynamodb", &["DYNAMODB", "DYNAMODB_STREAMS"]),
    ("elasticbeanstalk", &["ELASTIC_BEANSTALK"]),
    ("elasticfilesystem", &["EFS"]),
    ("elasticloadbalancing", &["ELASTIC_LOAD_BALANCING_V2", "ELASTIC_LOAD_BALANCING"]),
    ("elasticmapreduce", &["EMR"]),
    ("es", &["OPENSEARCH", "ELASTICSEARCH_SERVICE"]),
    ("events", &["EVENTBRIDGE"]),
    ("execute-api", &["APIGATEWAYMANAGEMENTAPI"]),
    ("iotdata", &["IOT_DATA_PLANE"]),
    ("kinesisanalytics", &["KINESIS_ANALYTICS_V2", "KINESIS_ANALYTICS"]),
    ("logs", &["CLOUDWATCH_LOGS"]),
    ("monitoring", &["CLOUDWATCH"]),
    ("rds", &["RDS", "NEPTUNE", "DOCDB"]),
    ("route53", &["ROUTE_53"]),
    ("route53domains", &["ROUTE_53_DOMAINS"]),
    ("s3", &["S3", "S3_CONTROL"]),
    ("sagemaker", &["SAGEMAKER", "SAGEMAKER_RUNTIME"]),
    ("secretsmanager", &["SECRETS_MANAGER"]),
    ("servicecatalog", &["SERVICE_CATALOG"]),
    ("servicequotas", &["SERVICE_QUOTAS"]),
    ("ses", &["SES", "SESV2"]),
    ("states", &["SFN"]),
    ("tagging", &["RESOURCE_GROUPS_TAGGING_API"]),
    ("timestream", &["TIMESTREAM_WRITE", "TIMESTREAM_QUERY"]),
];

/// More of them, whose variables are named after what they sign for.
const PLAIN: &[&str] = &[
    "acm",
    "amp",
    "appconfig",
    "appsync",
    "athena",
    "backup",
    "batch",
    "cloudformation",
    "cloudfront",
    "cloudtrail",
    "codebuild",
    "codecommit",
    "codepipeline",
    "cognito-identity",
    "ec2",
    "ecr",
    "ecs",
    "eks",
    "elasticache",
    "firehose",
    "glacier",
    "glue",
    "guardduty",
    "iam",
    "inspector2",
    "iot",
    "kinesis",
    "kms",
    "lakeformation",
    "mediaconvert",
    "mq",
    "opensearch",
    "organizations",
    "pipes",
    "polly",
    "quicksight",
    "ram",
    "redshift",
    "redshift-data",
    "rekognition",
    "resource-groups",
    "s3tables",
    "scheduler",
    "securityhub",
    "servicediscovery",
    "sns",
    "sqs",
    "ssm",
    "sso",
    "sts",
    "support",
    "swf",
    "synthetics",
    "textract",
    "transcribe",
    "transfer",
    "translate",
    "wafv2",
    "workspaces",
    "xray",
];

/// A variable that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}={value:?} cannot be used: expected a URL such as http://127.0.0.1:5000")]
pub struct Fault {
    /// Its name.
    pub variable: String,
    /// What it is set to.
    pub value: String,
}

/// Endpoints by the last part of their variables' names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    common: Option<Uri>,
    own: HashMap<String, Uri>,
}

impl Endpoints {
    /// Reads the variables of a process that listens at `ours`. An endpoint that is ourselves is left out: users name us
    /// so for their clients, in the same shell.
    ///
    /// # Errors
    /// The first value that is no URL.
    pub fn read(variable: impl Fn(&str) -> Option<String>, ours: &[SocketAddr]) -> Result<Self, Fault> {
        let endpoint = |name: &str| {
            let Some(value) = variable(name).filter(|value| !value.is_empty()) else { return Ok(None) };
            match value.parse().ok().filter(is_endpoint) {
                Some(uri) if is_ours(&uri, ours) => Ok(None),
                Some(uri) => Ok(Some(uri)),
                None => Err(Fault { variable: name.to_owned(), value }),
            }
        };
        let mut own = HashMap::new();
        for service in NAMES.iter().map(|(service, _)| service).chain(PLAIN) {
            for name in names(service) {
                if let Some(uri) = endpoint(&format!("{COMMON}_{name}"))? {
                    own.insert(name, uri);
                }
            }
        }
        Ok(Self { common: endpoint(COMMON)?, own })
    }

    /// Where requests signed for `service` go.
    pub fn of(&self, service: Option<&str>) -> Option<&Uri> {
        let own = service.and_then(|service| names(service).iter().find_map(|name| self.own.get(name)));
        own.or(self.common.as_ref())
    }

    /// Whether nobody is named for anything.
    pub fn is_empty(&self) -> bool {
        self.common.is_none() && self.own.is_empty()
    }

    /// For people: the common one, and how many others there are.
    pub fn in_words(&self) -> Option<String> {
        let own = match self.own.len() {
            0 => String::new(),
            1 => "1 service of its own".to_owned(),
            count => format!("{count} services of their own"),
        };
        match (&self.common, own.is_empty()) {
            (None, true) => None,
            (None, false) => Some(own),
            (Some(common), true) => Some(common.to_string()),
            (Some(common), false) => Some(format!("{common}, {own}")),
        }
    }
}

/// The variable that names an upstream for `service` alone.
pub(super) fn variable(service: &str) -> String {
    format!("{COMMON}_{}", names(service).first().map_or("", String::as_str))
}

fn names(service: &str) -> Vec<String> {
    let listed = NAMES.iter().find(|(signed, _)| *signed == service);
    let mut names: Vec<String> =
        listed.into_iter().flat_map(|(_, names)| *names).map(|name| (*name).to_owned()).collect();
    let letters =
        service.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    let own: String = letters.collect();
    if !names.contains(&own) {
        names.push(own);
    }
    names
}

fn is_endpoint(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
}

/// Whether it is a name of this machine's with one of our ports.
fn is_ours(uri: &Uri, ours: &[SocketAddr]) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    let address = host.parse::<IpAddr>().ok();
    let local = address.is_some_and(|address| address.is_loopback() || address.is_unspecified())
        || host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with("localhost.localstack.cloud");
    ours.iter().any(|own| own.port() == port && (local || address == Some(own.ip())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Endpoints, Fault> {
        let find = |wanted: &str| {
            variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned())
        };
        Endpoints::read(find, &["127.0.0.1:4566".parse().unwrap()])
    }

    fn of(endpoints: &Endpoints, service: &str) -> Option<String> {
        endpoints.of(Some(service)).map(ToString::to_string)
    }

    #[test]
    fn a_services_own_endpoint_goes_before_the_common_one() {
        let endpoints = read(&[
            ("AWS_ENDPOINT_URL", "http://moto:5000"),
            ("AWS_ENDPOINT_URL_S3", "http://minio:9000"),
            ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://logs:1"),
            ("AWS_ENDPOINT_URL_COGNITO_IDENTITY", "http://new:1"),
        ])
        .unwrap();
        assert_eq!(of(&endpoints, "s3").unwrap(), "http://minio:9000/");
        assert_eq!(of(&endpoints, "logs").unwrap(), "http://logs:1/");
        assert_eq!(of(&endpoints, "cognito-identity").unwrap(), "http://new:1/");
        assert_eq!(of(&endpoints, "sqs").unwrap(), "http://moto:5000/");
        assert_eq!(endpoints.of(None).unwrap().host(), Some("moto"));
        assert_eq!(endpoints.in_words().unwrap(), "http://moto:5000/, 3 services of their own");
    }

    #[test]
    fn we_are_not_our_own_upstream() {
        for url in
            ["http://localhost:4566", "http://127.0.0.1:4566/", "http://localhost.localstack.cloud:4566"]
        {
            assert!(read(&[("AWS_ENDPOINT_URL", url)]).unwrap().is_empty(), "{url}");
        }
        assert!(!read(&[("AWS_ENDPOINT_URL", "http://localhost:5000")]).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_url_is_told() {
        for value in ["moto:5000", "/path", "ftp://x", "http://"] {
            let fault = read(&[("AWS_ENDPOINT_URL_SQS", value)]).unwrap_err();
            assert!(fault.to_string().contains("AWS_ENDPOINT_URL_SQS"), "{fault}");
        }
        assert!(read(&[("AWS_ENDPOINT_URL", "")]).unwrap().is_empty());
    }

    #[test]
    fn variables_are_named_as_the_sdks_name_them() {
        assert_eq!(variable("states"), "AWS_ENDPOINT_URL_SFN");
        assert_eq!(variable("sqs"), "AWS_ENDPOINT_URL_SQS");
        assert_eq!(variable("cognito-identity"), "AWS_ENDPOINT_URL_COGNITO_IDENTITY");
    }
}
