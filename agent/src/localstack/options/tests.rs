use super::*;

const REQUIRED: [(&str, &str); 6] = [
    ("LOCALSTACK_RUNTIME_ENDPOINT", "http://10.0.0.1:4566/_localstack_lambda/x"),
    ("LOCALSTACK_RUNTIME_ID", "0123456789abcdef0123456789abcdef"),
    ("AWS_REGION", "eu-west-1"),
    ("AWS_LAMBDA_FUNCTION_TIMEOUT", "3"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "7"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
];

fn read_with(more: &[(&str, &str)], arguments: &[&str]) -> Result<Options, Fault> {
    let find = |name: &str| {
        let named = |(known, _): &&(&str, &str)| *known == name;
        more.iter().find(named).or_else(|| REQUIRED.iter().find(named)).map(|(_, value)| (*value).to_owned())
    };
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Options::read(find, &arguments, "/code")
}

fn read(more: &[(&str, &str)]) -> Result<Options, Fault> {
    read_with(more, &[])
}

#[test]
fn what_is_not_set_has_a_default() {
    let options = read(&[]).unwrap();
    assert_eq!((options.port, options.log_level), (9563, Level::Warn));
    assert_eq!(options.post_invoke_wait, Duration::ZERO);
    assert!(options.archives.is_empty() && options.warnings.is_empty() && options.traces.is_none());
    let Assignment { function_name, function_version, account_id, region, memory_size_mb, .. } =
        &options.assignment;
    assert_eq!((function_name.as_str(), function_version.as_str()), ("test_function", "7"));
    assert_eq!((account_id.as_str(), region.as_str(), *memory_size_mb), ("000000000000", "eu-west-1", 128));
    assert_eq!((options.assignment.timeout_ms, options.assignment.init_timeout_ms), (3000, None));
    assert_eq!(options.assignment.payload_limit, 6_291_556);
    assert_eq!((&options.assignment.user, &options.assignment.command), (&None, &None));
    assert_eq!(options.assignment.logging.group, "/aws/lambda/Functions");
    assert_eq!(options.assignment.logging.stream, "$LATEST");
    assert_eq!(options.assignment.environment["AWS_XRAY_DAEMON_ADDRESS"], "127.0.0.1:2000");
}

#[test]
fn each_required_variable_is_named_when_it_is_missing_or_empty() {
    for (name, _) in REQUIRED {
        assert_eq!(read(&[(name, "")]), Err(Fault::Missing(name)));
    }
}

#[test]
fn wrong_values_are_faults() {
    for (name, wrong) in [
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "3.5"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "0"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "-1"),
        ("AWS_LAMBDA_FUNCTION_TIMEOUT", "18446744073709551615"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "much"),
        ("LOCALSTACK_RUNTIME_ID", "a/b"),
        ("LOCALSTACK_INTEROP_PORT", "70000"),
        ("LOCALSTACK_INIT_LOG_LEVEL", "WARN"),
        ("LOCALSTACK_MAX_PAYLOAD_SIZE", "abc"),
        ("LOCALSTACK_CODE_ARCHIVES", "nojson"),
        ("LOCALSTACK_POST_INVOKE_WAIT_MS", "soon"),
        ("LOCALSTACK_INIT_PHASE_TIMEOUT", "1.5"),
    ] {
        let fault = read(&[(name, wrong)]).unwrap_err();
        assert!(matches!(&fault, Fault::Wrong { name: named, .. } if *named == name), "{fault}");
        assert!(fault.to_string().starts_with(&format!("{name}={wrong:?}: expected ")), "{fault}");
    }
    let fault = read(&[("LOCALSTACK_RUNTIME_ENDPOINT", "https://x")]).unwrap_err();
    assert_eq!(
        fault.to_string(),
        r#"LOCALSTACK_RUNTIME_ENDPOINT="https://x": expected http://host:port/path"#
    );
}

#[test]
fn wrong_modes_are_only_worth_a_warning() {
    let options = read(&[("LOCALSTACK_CHMOD_PATHS", "nojson")]).unwrap();
    assert_eq!(options.warnings.len(), 1);
    let options = read(&[("LOCALSTACK_CHMOD_PATHS", r#"[{"path":"/tmp","mode":"0700"}]"#)]).unwrap();
    assert_eq!(options.assignment.modes, [PathMode { path: "/tmp".into(), mode: "0700".into() }]);
}

#[test]
fn archives_are_urls_and_folders() {
    let list = r#"[{"url":"http://h:1/code","target_path":"/var/task"},{"url":"http://h/l","target_path":"/opt","x":1}]"#;
    let archives = read(&[("LOCALSTACK_CODE_ARCHIVES", list)]).unwrap().archives;
    assert_eq!(archives.len(), 2);
    assert_eq!((archives[0].url.host(), archives[0].target.as_str()), ("h", "/var/task"));
    let list = r#"[{"url":"file:///etc/passwd","target_path":"/var/task"}]"#;
    assert!(matches!(read(&[("LOCALSTACK_CODE_ARCHIVES", list)]), Err(Fault::Url(..))));
}

#[test]
fn the_handler_is_the_variables_before_it_is_the_last_argument() {
    let handler =
        |more: &[(&str, &str)], arguments: &[&str]| read_with(more, arguments).unwrap().assignment.handler;
    assert_eq!(handler(&[], &["prog"]), "");
    assert_eq!(handler(&[], &["prog", "foo", "my.handler"]), "my.handler");
    assert_eq!(handler(&[("_HANDLER", "a.b")], &["prog", "my.handler"]), "a.b");
    assert_eq!(handler(&[("_HANDLER", "a.b"), ("AWS_LAMBDA_FUNCTION_HANDLER", "c.d")], &[]), "c.d");
}

#[test]
fn arguments_are_the_command_and_stay_where_they_are() {
    let assignment = read_with(&[], &["prog", "foo"]).unwrap().assignment;
    assert_eq!(assignment.command, Some(vec!["prog".into(), "foo".into()]));
    assert_eq!(assignment.working_directory.as_deref(), Some("/code"));
    assert_eq!(read(&[]).unwrap().assignment.working_directory, None);
}

#[test]
fn no_user_is_another_than_an_empty_one() {
    let user = |name| read(&[("LOCALSTACK_USER", name)]).unwrap().assignment.user;
    assert_eq!((user(""), user("root")), (Some(String::new()), Some("root".into())));
}

#[test]
fn log_levels_are_written_as_localstack_writes_them() {
    let logging = |level| {
        let variables = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", level)];
        read(&variables).unwrap().assignment.logging
    };
    assert_eq!(
        (logging("Warn").format, logging("Warn").application_level),
        (LogFormat::Json, Some(LogLevel::Warn))
    );
    assert_eq!(logging("Loud").application_level, None);
    assert_eq!(read(&[]).unwrap().assignment.logging.format, LogFormat::Text);
}

#[test]
fn traces_go_to_the_edge() {
    let traces = read(&[("LOCALSTACK_HOSTNAME", "10.0.0.1"), ("EDGE_PORT", "4510")]).unwrap().traces.unwrap();
    assert_eq!((traces.host(), traces.port()), ("10.0.0.1", 4510));
    assert_eq!(read(&[("LOCALSTACK_HOSTNAME", "h")]).unwrap().traces.unwrap().port(), 4566);
    let options = read(&[("LOCALSTACK_HOSTNAME", "h"), ("EDGE_PORT", "x")]).unwrap();
    assert_eq!((options.traces, options.warnings.len()), (None, 1));
}
