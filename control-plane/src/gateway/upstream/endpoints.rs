//! Pure: who plays which service, as the SDKs' variables say: `AWS_ENDPOINT_URL`, and `AWS_ENDPOINT_URL_<SERVICE>` for
//! one service alone.
//!
//! [AWS: SDKs and Tools reference, service-specific endpoints]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use http::Uri;

const COMMON: &str = "AWS_ENDPOINT_URL";

/// Services whose variables are not named after what their requests are signed for. Where several services sign for the
/// same name, each of their variables serves all of them. [AWS: service ids and signing names of botocore 1.43.11]
const NAMES: &[(&str, &[&str])] = &[
    ("access-analyzer", &["ACCESSANALYZER"]),
    ("aco-automation", &["COMPUTE_OPTIMIZER_AUTOMATION"]),
    ("aidevops", &["DEVOPS_AGENT"]),
    ("airflow", &["MWAA"]),
    ("airflow-serverless", &["MWAA_SERVERLESS"]),
    ("aoss", &["OPENSEARCHSERVERLESS"]),
    ("apigateway", &["API_GATEWAY", "APIGATEWAYV2"]),
    ("app-integrations", &["APPINTEGRATIONS"]),
    ("appconfig", &["APPCONFIG", "APPCONFIGDATA"]),
    ("application-autoscaling", &["APPLICATION_AUTO_SCALING"]),
    ("application-cost-profiler", &["APPLICATIONCOSTPROFILER"]),
    ("applicationinsights", &["APPLICATION_INSIGHTS"]),
    ("appmesh", &["APP_MESH"]),
    ("aps", &["AMP"]),
    ("autoscaling", &["AUTO_SCALING"]),
    ("autoscaling-plans", &["AUTO_SCALING_PLANS"]),
    (
        "aws-marketplace",
        &[
            "MARKETPLACE_AGREEMENT",
            "MARKETPLACE_CATALOG",
            "MARKETPLACE_DEPLOYMENT",
            "MARKETPLACE_DISCOVERY",
            "MARKETPLACE_ENTITLEMENT_SERVICE",
            "MARKETPLACE_REPORTING",
            "MARKETPLACE_METERING",
        ],
    ),
    ("awsssoportal", &["SSO"]),
    ("backup-search", &["BACKUPSEARCH"]),
    (
        "bedrock",
        &[
            "BEDROCK",
            "BEDROCK_AGENT",
            "BEDROCK_AGENT_RUNTIME",
            "BEDROCK_DATA_AUTOMATION",
            "BEDROCK_DATA_AUTOMATION_RUNTIME",
            "BEDROCK_RUNTIME",
        ],
    ),
    ("bedrock-agentcore", &["BEDROCK_AGENTCORE", "BEDROCK_AGENTCORE_CONTROL"]),
    ("cases", &["CONNECTCASES"]),
    ("cassandra", &["KEYSPACES", "KEYSPACESSTREAMS"]),
    ("ce", &["COST_EXPLORER"]),
    (
        "chime",
        &[
            "CHIME",
            "CHIME_SDK_IDENTITY",
            "CHIME_SDK_MEDIA_PIPELINES",
            "CHIME_SDK_MEETINGS",
            "CHIME_SDK_MESSAGING",
            "CHIME_SDK_VOICE",
        ],
    ),
    ("cleanrooms-ml", &["CLEANROOMSML"]),
    ("cloudcontrolapi", &["CLOUDCONTROL"]),
    ("cloudhsm", &["CLOUDHSM", "CLOUDHSM_V2"]),
    ("cloudsearch", &["CLOUDSEARCH", "CLOUDSEARCH_DOMAIN"]),
    ("codeguru-profiler", &["CODEGURUPROFILER"]),
    ("cognito-idp", &["COGNITO_IDENTITY_PROVIDER"]),
    ("config", &["CONFIG_SERVICE"]),
    ("connect", &["CONNECT", "CONNECT_CONTACT_LENS"]),
    ("connect-campaigns", &["CONNECTCAMPAIGNS", "CONNECTCAMPAIGNSV2"]),
    ("cur", &["COST_AND_USAGE_REPORT_SERVICE"]),
    ("datapipeline", &["DATA_PIPELINE"]),
    ("devicefarm", &["DEVICE_FARM"]),
    ("directconnect", &["DIRECT_CONNECT"]),
    ("discovery", &["APPLICATION_DISCOVERY_SERVICE"]),
    ("dms", &["DATABASE_MIGRATION_SERVICE"]),
    ("ds", &["DIRECTORY_SERVICE"]),
    ("ds-data", &["DIRECTORY_SERVICE_DATA"]),
    ("dynamodb", &["DYNAMODB", "DYNAMODB_STREAMS"]),
    ("elasticbeanstalk", &["ELASTIC_BEANSTALK"]),
    ("elasticfilesystem", &["EFS"]),
    ("elasticloadbalancing", &["ELASTIC_LOAD_BALANCING_V2", "ELASTIC_LOAD_BALANCING"]),
    ("elasticmapreduce", &["EMR"]),
    ("elemental-inference", &["ELEMENTALINFERENCE"]),
    ("es", &["OPENSEARCH", "ELASTICSEARCH_SERVICE"]),
    ("events", &["EVENTBRIDGE"]),
    ("execute-api", &["APIGATEWAYMANAGEMENTAPI", "CONNECTPARTICIPANT"]),
    ("finspace-api", &["FINSPACE_DATA"]),
    ("forecast", &["FORECAST", "FORECASTQUERY"]),
    ("geo", &["LOCATION"]),
    ("globalaccelerator", &["GLOBAL_ACCELERATOR"]),
    ("greengrass", &["GREENGRASS", "GREENGRASSV2"]),
    ("health-agent", &["CONNECTHEALTH"]),
    ("iot-jobs-data", &["IOT_JOBS_DATA_PLANE"]),
    ("iotdata", &["IOT_DATA_PLANE"]),
    ("iotevents", &["IOT_EVENTS"]),
    ("ioteventsdata", &["IOT_EVENTS_DATA"]),
    ("iotmanagedintegrations", &["IOT_MANAGED_INTEGRATIONS"]),
    ("IoTSecuredTunneling", &["IOTSECURETUNNELING"]),
    ("iotwireless", &["IOT_WIRELESS"]),
    ("ivs", &["IVS", "IVS_REALTIME"]),
    ("kinesisanalytics", &["KINESIS_ANALYTICS_V2", "KINESIS_ANALYTICS"]),
    (
        "kinesisvideo",
        &[
            "KINESIS_VIDEO_ARCHIVED_MEDIA",
            "KINESIS_VIDEO_MEDIA",
            "KINESIS_VIDEO_SIGNALING",
            "KINESIS_VIDEO_WEBRTC_STORAGE",
            "KINESIS_VIDEO",
        ],
    ),
    ("launchwizard", &["LAUNCH_WIZARD"]),
    ("lex", &["LEX_MODEL_BUILDING_SERVICE", "LEX_RUNTIME_SERVICE", "LEX_MODELS_V2", "LEX_RUNTIME_V2"]),
    ("logs", &["CLOUDWATCH_LOGS"]),
    ("machinelearning", &["MACHINE_LEARNING"]),
    ("marketplacecommerceanalytics", &["MARKETPLACE_COMMERCE_ANALYTICS"]),
    ("mediastore", &["MEDIASTORE", "MEDIASTORE_DATA"]),
    ("mgh", &["MIGRATION_HUB", "MIGRATIONHUB_CONFIG"]),
    ("migrationhub-orchestrator", &["MIGRATIONHUBORCHESTRATOR"]),
    ("migrationhub-strategy", &["MIGRATIONHUBSTRATEGY"]),
    ("mobiletargeting", &["PINPOINT"]),
    ("monitoring", &["CLOUDWATCH"]),
    ("mturk-requester", &["MTURK"]),
    ("neptune-db", &["NEPTUNEDATA"]),
    ("notifications-contacts", &["NOTIFICATIONSCONTACTS"]),
    ("payment-cryptography", &["PAYMENT_CRYPTOGRAPHY", "PAYMENT_CRYPTOGRAPHY_DATA"]),
    ("personalize", &["PERSONALIZE", "PERSONALIZE_EVENTS", "PERSONALIZE_RUNTIME"]),
    ("profile", &["CUSTOMER_PROFILES"]),
    ("rds", &["RDS", "NEPTUNE", "DOCDB"]),
    ("refactor-spaces", &["MIGRATION_HUB_REFACTOR_SPACES"]),
    ("route53", &["ROUTE_53"]),
    ("route53domains", &["ROUTE_53_DOMAINS"]),
    ("s3", &["S3", "S3_CONTROL"]),
    ("s3-outposts", &["S3OUTPOSTS"]),
    (
        "sagemaker",
        &[
            "SAGEMAKER",
            "SAGEMAKER_RUNTIME",
            "SAGEMAKER_A2I_RUNTIME",
            "SAGEMAKER_EDGE",
            "SAGEMAKER_FEATURESTORE_RUNTIME",
            "SAGEMAKER_METRICS",
        ],
    ),
    ("scn", &["SUPPLYCHAIN"]),
    ("sdb", &["SIMPLEDB", "SIMPLEDBV2"]),
    ("secretsmanager", &["SECRETS_MANAGER"]),
    ("serverlessrepo", &["SERVERLESSAPPLICATIONREPOSITORY"]),
    ("servicecatalog", &["SERVICE_CATALOG", "SERVICE_CATALOG_APPREGISTRY"]),
    ("servicequotas", &["SERVICE_QUOTAS"]),
    ("ses", &["SES", "SESV2", "MAILMANAGER", "PINPOINT_EMAIL"]),
    ("signer", &["SIGNER", "SIGNER_DATA"]),
    ("sms-voice", &["PINPOINT_SMS_VOICE", "PINPOINT_SMS_VOICE_V2"]),
    ("social-messaging", &["SOCIALMESSAGING"]),
    ("sso", &["SSO_ADMIN"]),
    ("sso-oauth", &["SSO_OIDC"]),
    ("states", &["SFN"]),
    ("storagegateway", &["STORAGE_GATEWAY"]),
    ("supportapp", &["SUPPORT_APP"]),
    ("tagging", &["RESOURCE_GROUPS_TAGGING_API"]),
    ("tax", &["TAXSETTINGS"]),
    ("thinclient", &["WORKSPACES_THIN_CLIENT"]),
    ("timestream", &["TIMESTREAM_WRITE", "TIMESTREAM_QUERY"]),
    ("voiceid", &["VOICE_ID"]),
    ("wisdom", &["WISDOM", "QCONNECT"]),
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
    /// Reads the variables of a process that listens at `ours`: those that begin with `AWS_ENDPOINT_URL`, without it. An
    /// endpoint that is ourselves is left out: users name us so for their clients, in the same shell.
    ///
    /// # Errors
    /// The first value that is no URL.
    pub fn read<'a>(
        variables: impl Iterator<Item = (&'a str, &'a str)>,
        ours: &[SocketAddr],
    ) -> Result<Self, Fault> {
        let mut endpoints = Self::default();
        for (rest, value) in variables.filter(|(_, value)| !value.is_empty()) {
            let uri = match value.parse().ok().filter(is_endpoint) {
                Some(uri) if is_ours(&uri, ours) => continue,
                Some(uri) => uri,
                None => return Err(Fault { variable: format!("{COMMON}{rest}"), value: value.to_owned() }),
            };
            match rest.strip_prefix('_') {
                Some(service) => {
                    endpoints.own.insert(service.to_owned(), uri);
                }
                None if rest.is_empty() => endpoints.common = Some(uri),
                // A variable of somebody else's.
                None => {}
            }
        }
        Ok(endpoints)
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
    use proptest::prelude::*;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Endpoints, Fault> {
        let variables = variables.iter().map(|(name, value)| (name.strip_prefix(COMMON).unwrap(), *value));
        Endpoints::read(variables, &["127.0.0.1:4566".parse().unwrap()])
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
        assert_eq!(variable("kafka"), "AWS_ENDPOINT_URL_KAFKA");
        assert_eq!(variable("aoss"), "AWS_ENDPOINT_URL_OPENSEARCHSERVERLESS");
    }

    #[test]
    fn services_share_what_they_sign_for() {
        let endpoints = read(&[("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://models:1")]).unwrap();
        assert_eq!(of(&endpoints, "bedrock").unwrap(), "http://models:1/");
        assert_eq!(of(&endpoints, "bedrock-agentcore"), None);
    }

    proptest! {
        #[test]
        fn a_service_is_found_by_the_variable_that_is_told_of_it(service in "[a-zA-Z][a-zA-Z0-9-]{0,30}") {
            let endpoints = read(&[(&variable(&service), "http://one:1")]).unwrap();
            prop_assert_eq!(of(&endpoints, &service), Some("http://one:1/".to_owned()));
        }
    }

    #[test]
    fn services_of_the_table_are_found_by_each_of_their_variables() {
        for (service, names) in NAMES {
            for name in *names {
                let endpoints = read(&[(&format!("{COMMON}_{name}"), "http://one:1")]).unwrap();
                assert!(endpoints.of(Some(service)).is_some(), "{service} by {name}");
            }
        }
    }
}
