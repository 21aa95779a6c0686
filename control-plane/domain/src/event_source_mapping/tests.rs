use super::*;

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:q";
const STREAM: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/s";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/2025-02-22T03:03:25.490";
const CLUSTER: &str = "arn:aws:kafka:us-east-1:000000000000:cluster/c/1-2";

fn target(name: &str, qualifier: Option<&str>) -> Target {
    let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
    Target { function: FunctionId { scope, name: name.into() }, qualifier: qualifier.map(str::to_owned) }
}

fn create(source: Source, settings: Settings) -> Result<EventSourceMapping, Error> {
    let uuid = "u-1".to_owned();
    EventSourceMapping::create(uuid, target("f", None), source, settings, true, BTreeMap::new(), Timestamp(5))
}

fn queue() -> Source {
    Source::Sqs(QUEUE.into())
}

fn stream() -> Source {
    Source::Kinesis(STREAM.into())
}

fn servers(servers: &[&str]) -> Source {
    Source::SelfManagedKafka(servers.iter().map(|server| (*server).to_owned()).collect())
}

fn beginning() -> Settings {
    Settings { starting_position: Some(StartingPosition::TrimHorizon), ..Settings::default() }
}

fn kafka(topic: &str) -> Settings {
    Settings {
        topics: Some(vec![topic.into()]),
        access: Some(vec![Access { kind: Some("BASIC_AUTH".into()), uri: Some("arn:s".into()) }]),
        ..Settings::default()
    }
}

#[track_caller]
fn check_refused(made: Result<EventSourceMapping, Error>, message: &str) {
    assert_eq!(made, Err(Error::InvalidParameter(message.to_owned())));
}

#[test]
fn sources_have_their_own_defaults() {
    let settings = create(queue(), Settings::default()).unwrap().settings;
    let expected = Settings { batch_size: Some(10), batching_window_s: Some(0), ..Settings::default() };
    assert_eq!(settings, expected);

    let settings = create(stream(), beginning()).unwrap().settings;
    let expected = Settings {
        batch_size: Some(100),
        batching_window_s: Some(0),
        parallelization_factor: Some(1),
        maximum_record_age_s: Some(-1),
        bisect_batch_on_function_error: Some(false),
        maximum_retry_attempts: Some(-1),
        tumbling_window_s: Some(0),
        ..beginning()
    };
    assert_eq!(settings, expected);

    let settings = create(servers(&["kafka:1"]), kafka("t")).unwrap().settings;
    let group = Kafka { consumer_group_id: Some("u-1".into()), schema_registry: None };
    let expected = Settings {
        batch_size: Some(100),
        starting_position: Some(StartingPosition::TrimHorizon),
        self_managed_kafka: Some(group),
        ..kafka("t")
    };
    assert_eq!(settings, expected);
}

#[test]
fn a_mapping_is_enabled_after_its_creation_or_disabled_at_once() {
    let mut made = create(queue(), Settings::default()).unwrap();
    assert_eq!(made.state, State::Creating);
    assert_eq!(made.settle(Timestamp(6)), Settled::Stays);
    assert_eq!((made.state, made.last_modified), (State::Enabled, Timestamp(6)));
    assert_eq!(made.settle(Timestamp(7)), Settled::Stays);
    assert_eq!(made.last_modified, Timestamp(6), "nothing was to be settled");

    let made = EventSourceMapping::create(
        "u".into(),
        target("f", None),
        queue(),
        Settings::default(),
        false,
        BTreeMap::new(),
        Timestamp(5),
    );
    assert_eq!(made.unwrap().state, State::Disabled);
}

#[test]
fn updates_pass_through_the_states_that_say_what_they_do() {
    let mut made = create(queue(), Settings::default()).unwrap();
    made.settle(Timestamp(6));
    let mut step = |enabled: Option<bool>, during: State, after: State| {
        made.update(Update { enabled, ..Update::default() }, Timestamp(7)).unwrap();
        assert_eq!(made.state, during);
        made.settle(Timestamp(8));
        assert_eq!(made.state, after);
    };
    step(None, State::Updating, State::Enabled);
    step(Some(true), State::Updating, State::Enabled);
    step(Some(false), State::Disabling, State::Disabled);
    step(None, State::Updating, State::Disabled);
    step(Some(false), State::Updating, State::Disabled);
    step(Some(true), State::Enabling, State::Enabled);
}

#[test]
fn a_transition_admits_no_other() {
    let in_use =
        |to: &str| Err(Error::InUse(format!("Cannot {to} the event source mapping because it is in use.")));
    let mut made = create(queue(), Settings::default()).unwrap();
    assert_eq!(made.update(Update::default(), Timestamp(6)), in_use("update"));
    assert_eq!(made.delete(Timestamp(6)), in_use("delete"));
    made.settle(Timestamp(6));
    made.delete(Timestamp(7)).unwrap();
    assert_eq!(made.state, State::Deleting);
    assert_eq!(made.delete(Timestamp(8)), in_use("delete"));
    assert_eq!(made.settle(Timestamp(8)), Settled::Gone);
}

#[test]
fn updates_change_what_is_given_and_remove_what_is_empty() {
    let settings = Settings {
        filters: Some(vec!["{}".into()]),
        scaling: Some(Scaling { maximum_concurrency: Some(2) }),
        ..Settings::default()
    };
    let mut made = create(queue(), settings.clone()).unwrap();
    made.settle(Timestamp(6));
    let update = |settings| Update { settings, ..Update::default() };
    made.update(update(Settings { batch_size: Some(5), ..Settings::default() }), Timestamp(7)).unwrap();
    let expected = Settings { batch_size: Some(5), batching_window_s: Some(0), ..settings };
    assert_eq!(made.settings, expected);
    made.settle(Timestamp(8));
    let emptied =
        Settings { filters: Some(Vec::new()), scaling: Some(Scaling::default()), ..Settings::default() };
    made.update(update(emptied), Timestamp(9)).unwrap();
    assert_eq!((made.settings.filters, made.settings.scaling), (None, None));
}

#[test]
fn a_consumer_group_never_changes() {
    let mut made = create(servers(&["kafka:1"]), kafka("t")).unwrap();
    made.settle(Timestamp(6));
    let update = |group: &str| Update {
        settings: Settings {
            self_managed_kafka: Some(Kafka { consumer_group_id: Some(group.into()), schema_registry: None }),
            ..Settings::default()
        },
        ..Update::default()
    };
    assert_eq!(made.update(update("u-1"), Timestamp(7)), Ok(()));
    made.settle(Timestamp(8));
    assert!(matches!(made.update(update("other"), Timestamp(9)), Err(Error::InvalidParameter(_))));
}

#[test]
fn streams_begin_somewhere() {
    let message = "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: \
                   Member must not be null.";
    check_refused(create(stream(), Settings::default()), message);
    let at = |time| Settings {
        starting_position: Some(StartingPosition::AtTimestamp),
        starting_position_timestamp: time,
        ..Settings::default()
    };
    let message = format!("Unsupported starting position for arn type: {TABLE}");
    check_refused(create(Source::DynamoDb(TABLE.into()), at(Some(Timestamp(1)))), &message);
    assert!(create(stream(), at(Some(Timestamp(5)))).is_ok());
    assert!(create(stream(), at(None)).is_err());
    assert!(create(stream(), at(Some(Timestamp(6)))).is_err(), "in the future");
}

#[test]
fn large_batches_of_queues_need_a_window() {
    let sized = |batch, window| Settings {
        batch_size: Some(batch),
        batching_window_s: Some(window),
        ..Settings::default()
    };
    let message =
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10";
    check_refused(create(queue(), sized(11, 0)), message);
    assert!(create(queue(), sized(10, 0)).is_ok());
    assert!(create(queue(), sized(10_000, 1)).is_ok());
    assert!(
        create(stream(), Settings { starting_position: beginning().starting_position, ..sized(100, 0) })
            .is_ok()
    );
    let mut made = create(queue(), sized(10, 1)).unwrap();
    made.settle(Timestamp(6));
    made.update(Update { settings: sized(100, 1), ..Update::default() }, Timestamp(7)).unwrap();
    made.settle(Timestamp(8));
    let only_window = Settings { batching_window_s: Some(0), ..Settings::default() };
    let refused = made.update(Update { settings: only_window, ..Update::default() }, Timestamp(9));
    assert_eq!(refused, Err(Error::InvalidParameter(message.into())));
}

#[test]
fn fifo_queues_take_small_batches_and_no_window() {
    let fifo = || Source::Sqs(format!("{QUEUE}.fifo"));
    let window = Settings { batching_window_s: Some(1), ..Settings::default() };
    check_refused(create(fifo(), window), "Batching window is not supported for FIFO queues");
    let batch = Settings { batch_size: Some(11), ..Settings::default() };
    check_refused(create(fifo(), batch), "Batch size must not exceed 10 for FIFO queues");
    assert!(create(fifo(), Settings::default()).is_ok());
}

#[test]
fn what_is_not_for_a_source_is_refused() {
    let check = |source: Source, settings: Settings, name: &str| {
        let message = format!("Unsupported {name} parameter for given event source mapping type.");
        check_refused(create(source, settings), &message);
    };
    check(queue(), beginning(), "StartingPosition");
    check(
        queue(),
        Settings { maximum_retry_attempts: Some(1), ..Settings::default() },
        "MaximumRetryAttempts",
    );
    check(queue(), Settings { on_failure: Some(QUEUE.into()), ..Settings::default() }, "DestinationConfig");
    check(queue(), kafka("t"), "Topics");
    let scaling = Some(Scaling { maximum_concurrency: Some(2) });
    check(stream(), Settings { scaling, ..beginning() }, "ScalingConfig");
    let metrics = Some(vec!["ErrorCount".into()]);
    check(stream(), Settings { metrics, ..beginning() }, "MetricsConfig");
    check(
        servers(&["kafka:1"]),
        Settings { bisect_batch_on_function_error: Some(true), ..kafka("t") },
        "BisectBatchOnFunctionError",
    );
    assert_eq!(check_destinations(None), Ok(()));
    let message = "Unsupported DestinationConfig parameter for given event source mapping type.";
    assert_eq!(check_destinations(Some(QUEUE)), Err(Error::InvalidParameter(message.into())));
}

#[test]
fn provisioned_kafka_has_what_streams_have() {
    let settings = Settings {
        bisect_batch_on_function_error: Some(true),
        maximum_retry_attempts: Some(3),
        on_failure: Some("kafka://failed".into()),
        pollers: Some(Pollers { minimum: Some(3), ..Pollers::default() }),
        ..kafka("t")
    };
    let made = create(servers(&["kafka:1"]), settings.clone()).unwrap();
    let pollers = Pollers { minimum: Some(3), maximum: Some(200), group: None };
    assert_eq!(made.settings.pollers, Some(pollers));
    let same_topic = Settings { on_failure: Some("kafka://t".into()), ..settings };
    assert!(create(servers(&["kafka:1"]), same_topic).is_err());
}

#[test]
fn sources_need_what_they_cannot_do_without() {
    let without = |settings: Settings| Settings { access: None, ..settings };
    let message = "Required 'sourceAccessConfigurations' parameter is missing.";
    check_refused(create(servers(&["kafka:1"]), without(kafka("t"))), message);
    assert!(create(Source::ManagedKafka(CLUSTER.into()), without(kafka("t"))).is_ok());
    let message = "Required 'topics' parameter is missing.";
    check_refused(create(Source::ManagedKafka(CLUSTER.into()), Settings::default()), message);
}

#[test]
fn failures_go_where_they_can() {
    let failing = |destination: &str| {
        create(stream(), Settings { on_failure: Some(destination.into()), ..beginning() }).is_ok()
    };
    assert!(failing(QUEUE) && failing("arn:aws:sns:us-east-1:000000000000:t") && failing("arn:aws:s3:::b"));
    assert!(!failing(&format!("{QUEUE}.fifo")));
    assert!(!failing("arn:aws:lambda:us-east-1:000000000000:function:f"));
    assert!(!failing("kafka://t"));
}

#[test]
fn pollers_have_their_limits() {
    let with = |minimum: u32, maximum: u32| {
        let pollers = Pollers { minimum: Some(minimum), maximum: Some(maximum), group: None };
        create(queue(), Settings { pollers: Some(pollers), ..Settings::default() }).is_ok()
    };
    assert!(with(2, 2) && with(200, 10_000));
    assert!(!with(1, 2) && !with(201, 300) && !with(10, 9) && !with(2, 10_001));
    let both = Settings {
        pollers: Some(Pollers { minimum: Some(2), ..Pollers::default() }),
        scaling: Some(Scaling { maximum_concurrency: Some(2) }),
        ..Settings::default()
    };
    assert!(create(queue(), both).is_err());
}

#[test]
fn one_function_reads_a_source_once() {
    let conflict = |own: &EventSourceMapping, other: &EventSourceMapping| {
        own.conflict_with(other).map(|error| error.to_string())
    };
    let second = |mut made: EventSourceMapping| {
        made.uuid = "u-2".into();
        made
    };
    let first = create(queue(), Settings::default()).unwrap();
    assert_eq!(conflict(&first, &first), None, "itself");
    let mut other = second(first.clone());
    let expected = r#"An event source mapping with SQS arn (" arn:aws:sqs:us-east-1:000000000000:q ") and function (" f ") already exists. Please update or delete the existing mapping with UUID u-1"#;
    assert_eq!(conflict(&other, &first).as_deref(), Some(expected));
    other.target = target("f", Some("1"));
    assert_eq!(conflict(&other, &first), None);

    let first = create(stream(), beginning()).unwrap();
    let expected = r#"The event source arn (" arn:aws:kinesis:us-east-1:000000000000:stream/s ") and function (" f ") provided mapping already exists. Please update or delete the existing mapping with UUID u-1"#;
    assert_eq!(conflict(&second(first.clone()), &first).as_deref(), Some(expected));

    let first = create(servers(&["kafka:1000"]), kafka("topic")).unwrap();
    let more = second(create(servers(&["kafka:1000", "kafka:2000"]), kafka("topic")).unwrap());
    let expected = r#"An event source mapping with event source ("kafka:1000,kafka:2000"), function ("arn:aws:lambda:us-east-1:000000000000:function:f"), topics ("topic") already exists. Please update or delete the existing mapping with UUID u-1"#;
    assert_eq!(conflict(&more, &first).as_deref(), Some(expected));
    let elsewhere = second(create(servers(&["kafka:1000"]), kafka("topic_2")).unwrap());
    assert_eq!(conflict(&elsewhere, &first), None);
}

#[test]
fn a_mapping_is_found_by_its_own_arn_only() {
    let made = create(queue(), Settings::default()).unwrap();
    let arn = made.arn();
    assert_eq!(arn, "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:u-1");
    assert_eq!(uuid_in_arn(&arn, &made.scope), Some("u-1"));
    assert_eq!(uuid_in_arn(&arn, &Scope { region: "eu-west-1".into(), ..made.scope }), None);
}
