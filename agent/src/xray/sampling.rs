//! Pure: what SDKs ask the daemon about sampling, answered as by an account that has AWS's default rule and no other.
//!
//! [AWS: X-Ray API, GetSamplingRules, GetSamplingTargets; X-Ray, using sampling rules with the API]

use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The rule that every account has: one request a second, and 5 % of those above.
const RULE: &str = "Default";
const FIXED_RATE: f64 = 0.05;
const RESERVOIR: u32 = 1;

/// Seconds after which an SDK should ask for targets again; (AWS) the same.
const INTERVAL_S: u64 = 10;

/// Most reports in one question. [AWS: SamplingStatisticsDocuments]
const MOST_REPORTS: usize = 25;

/// Whose sampling it is.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    /// Region.
    pub region: String,
    /// Account, 12 digits.
    pub account: String,
}

/// Status and body of the answer. `now_s`: seconds since the epoch.
pub(super) fn answer(
    owner: &Owner,
    method: &Method,
    path: &str,
    body: &[u8],
    now_s: u64,
) -> (StatusCode, Value) {
    match path {
        "/GetSamplingRules" | "/SamplingTargets" if *method != Method::POST => {
            (StatusCode::METHOD_NOT_ALLOWED, json!({ "message": "use POST" }))
        }
        "/GetSamplingRules" => (StatusCode::OK, rules(owner)),
        "/SamplingTargets" => match targets(body, now_s) {
            Some(targets) => (StatusCode::OK, targets),
            None => (
                StatusCode::BAD_REQUEST,
                json!({
                    "__type": "InvalidRequestException",
                    "Message": format!("SamplingStatisticsDocuments must be a list of at most {MOST_REPORTS} reports"),
                }),
            ),
        },
        _ => (
            StatusCode::NOT_FOUND,
            json!({ "__type": "UnknownOperationException", "Message": "only sampling is answered here" }),
        ),
    }
}

fn rules(Owner { region, account }: &Owner) -> Value {
    json!({
        "NextToken": null,
        "SamplingRuleRecords": [{
            "CreatedAt": 0.0,
            "ModifiedAt": 0.0,
            "SamplingRule": {
                "Attributes": {},
                "FixedRate": FIXED_RATE,
                "HTTPMethod": "*",
                "Host": "*",
                "Priority": 10_000,
                "ReservoirSize": RESERVOIR,
                "ResourceARN": "*",
                "RuleARN": format!("arn:aws:xray:{region}:{account}:sampling-rule/{RULE}"),
                "RuleName": RULE,
                "ServiceName": "*",
                "ServiceType": "*",
                "URLPath": "*",
                "Version": 1,
            },
        }],
    })
}

/// `None`: the question is malformed.
fn targets(body: &[u8], now_s: u64) -> Option<Value> {
    let question: Value = serde_json::from_slice(body).ok()?;
    let reports = question["SamplingStatisticsDocuments"].as_array()?;
    if reports.len() > MOST_REPORTS {
        return None;
    }
    let (mut targets, mut unprocessed) = (Vec::new(), Vec::new());
    for report in reports {
        let rule = report["RuleName"].as_str()?;
        if rule == RULE {
            targets.push(json!({
                "RuleName": RULE,
                "FixedRate": FIXED_RATE,
                "ReservoirQuota": RESERVOIR,
                "ReservoirQuotaTTL": now_s + INTERVAL_S,
                "Interval": INTERVAL_S,
            }));
        } else {
            unprocessed.push(json!({
                "RuleName": rule,
                "ErrorCode": "InvalidRequestException",
                "Message": "there is no such rule",
            }));
        }
    }
    Some(json!({
        "LastRuleModification": 0.0,
        "SamplingTargetDocuments": targets,
        "UnprocessedStatistics": unprocessed,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: Method, path: &str, body: &str) -> (u16, Value) {
        let owner = Owner { region: "eu-west-1".into(), account: "123456789012".into() };
        let (status, answer) = answer(&owner, &method, path, body.as_bytes(), 1000);
        (status.as_u16(), answer)
    }

    #[test]
    fn there_is_the_default_rule_and_no_other() {
        let (status, answer) = ask(Method::POST, "/GetSamplingRules", "{}");
        let records = answer["SamplingRuleRecords"].as_array().unwrap();
        let rule = &records[0]["SamplingRule"];
        assert_eq!((status, records.len()), (200, 1));
        assert_eq!((rule["RuleName"].as_str(), rule["FixedRate"].as_f64()), (Some("Default"), Some(0.05)));
        assert_eq!(rule["RuleARN"], "arn:aws:xray:eu-west-1:123456789012:sampling-rule/Default");
    }

    #[test]
    fn reports_are_answered_with_targets_and_unknown_rules_named() {
        let body = r#"{"SamplingStatisticsDocuments": [{"RuleName": "Default", "ClientID": "ab"}, {"RuleName": "mine"}]}"#;
        let (status, answer) = ask(Method::POST, "/SamplingTargets", body);
        assert_eq!(status, 200);
        assert_eq!(
            answer["SamplingTargetDocuments"],
            json!([{"RuleName": "Default", "FixedRate": 0.05, "ReservoirQuota": 1, "ReservoirQuotaTTL": 1010, "Interval": 10}])
        );
        assert_eq!(answer["UnprocessedStatistics"][0]["RuleName"], "mine");
    }

    #[test]
    fn bad_questions_are_refused() {
        let many =
            format!(r#"{{"SamplingStatisticsDocuments": [{}{{}}]}}"#, r#"{"RuleName": "x"},"#.repeat(25));
        for body in ["", "[]", "{}", r#"{"SamplingStatisticsDocuments": [{}]}"#, &many] {
            assert_eq!(ask(Method::POST, "/SamplingTargets", body).0, 400, "{body}");
        }
        assert_eq!(ask(Method::GET, "/GetSamplingRules", "").0, 405);
        assert_eq!(ask(Method::POST, "/TelemetryRecords", "{}").0, 404);
    }
}
