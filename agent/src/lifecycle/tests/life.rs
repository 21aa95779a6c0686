//! An environment and its clock, for tests that tell its life.

use super::*;

pub(super) const ENVIRONMENT: &str = "environment-1";
pub(super) const LIMIT: u64 = 1000;
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
pub(super) const INIT_LIMIT: Duration = Duration::from_secs(10);

pub(super) fn settings() -> Settings {
    Settings {
        init_limit: Some(INIT_LIMIT),
        timeout: TIMEOUT,
        payload_limit: LIMIT,
        environment: ENVIRONMENT.into(),
        extensions: Vec::new(),
        reload: Reload::Eager,
        asks: Asks::ForOne,
    }
}

pub(super) fn invoke(request_id: &str) -> Invoke {
    Invoke {
        request_id: request_id.into(),
        invoked_function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f".into(),
        timeout_ms: 60_000,
        trace_id: None,
        client_context: None,
        cognito_identity: None,
        tenant_id: None,
        content_type: None,
    }
}

/// An environment and its clock.
pub(super) struct Life {
    pub(super) machine: Machine,
    pub(super) now: Instant,
    pub(super) calls: u64,
    /// The call that posted a response last.
    pub(super) posted: CallId,
}

impl Life {
    /// Assigned; the runtime has been started.
    pub(super) fn born() -> Self {
        let mut life =
            Self { machine: Machine::new(settings()), now: Instant::now(), calls: 0, posted: CallId(0) };
        assert_eq!(
            life.happens(Event::Assigned),
            [Effect::InitStart { phase: InitPhase::Init }, Effect::Spawn]
        );
        life
    }

    /// Initialized; the runtime waits.
    pub(super) fn ready() -> Self {
        let mut life = Self::born();
        life.asks_next();
        life
    }

    /// The runtime has the event of invocation `r1`.
    pub(super) fn running() -> Self {
        let mut life = Self::ready();
        life.invoked("r1");
        life
    }

    /// The runtime has answered `r1` and not yet asked for more.
    pub(super) fn answered() -> Self {
        let mut life = Self::running();
        life.answers("r1");
        life
    }

    /// The init phase has failed, `r1` came, and the runtime starts again inside of it.
    pub(super) fn reborn() -> Self {
        let mut life = Self::born();
        life.happens(Event::Exited(Ended::Code(1)));
        assert_eq!(life.invoked("r1"), [Effect::Spawn]);
        life
    }

    pub(super) fn happens(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.machine.step(event, self.now);
        effects.into_iter().filter(|effect| !is_of_telemetry(effect)).map(plain).collect()
    }

    pub(super) fn call(&mut self, event: impl FnOnce(CallId) -> Event) -> (CallId, Vec<Effect>) {
        self.calls += 1;
        let call = CallId(self.calls);
        (call, self.happens(event(call)))
    }

    pub(super) fn passes(&mut self, time: Duration) {
        self.now += time;
    }

    pub(super) fn invoked(&mut self, request_id: &str) -> Vec<Effect> {
        self.happens(Event::Invoke(invoke(request_id), Bytes::from_static(b"{}")))
    }

    pub(super) fn asks_next(&mut self) -> (CallId, Vec<Effect>) {
        self.call(Event::Next)
    }

    pub(super) fn begins_response(&mut self, request_id: &str, length: Option<u64>) -> (CallId, Vec<Effect>) {
        self.begins_response_in(request_id, ResponseMode::Buffered, length)
    }

    pub(super) fn begins_response_in(
        &mut self,
        request_id: &str,
        mode: ResponseMode,
        length: Option<u64>,
    ) -> (CallId, Vec<Effect>) {
        let head = ResponseHead { request_id: request_id.to_owned(), mode, content_type: None, length };
        let (call, effects) = self.call(|call| Event::ResponseStarted { call, head });
        if effects.contains(&Effect::Answer(call, Reply::Permit)) {
            self.posted = call;
        }
        (call, effects)
    }

    pub(super) fn ends_response(&mut self, end: BodyEnd) -> (CallId, Vec<Effect>) {
        let posted = self.posted;
        self.call(|call| Event::ResponseEnded { call, posted, end })
    }

    pub(super) fn answers(&mut self, request_id: &str) -> Vec<Effect> {
        let (_, mut effects) = self.begins_response(request_id, Some(2));
        effects.extend(self.ends_response(BodyEnd::Whole { bytes: 2, error: None }).1);
        effects
    }

    pub(super) fn posts_error(&mut self, request_id: &str) -> (CallId, Vec<Effect>) {
        let (request_id, error_type) = (request_id.to_owned(), "Function.Oops".to_owned());
        let payload = ErrorBody::Whole(Bytes::from_static(b"not json"));
        self.call(|call| Event::InvocationError { call, request_id, error_type, payload })
    }

    pub(super) fn posts_init_error(&mut self) -> (CallId, Vec<Effect>) {
        let (error_type, payload) =
            ("Runtime.ImportModuleError".to_owned(), ErrorBody::Whole(Bytes::from_static(b"{\"a\":1}")));
        self.call(|call| Event::InitError { call, at: Point::Init, error_type, payload })
    }

    /// The next invocation starts a runtime of its own and gets its answer.
    pub(super) fn serves_from_a_fresh_runtime(&mut self) {
        assert_eq!(self.invoked("next"), [Effect::Spawn]);
        let (call, effects) = self.asks_next();
        assert_eq!(effects[0], start("next"));
        assert!(matches!(&effects[1], Effect::Answer(to, Reply::Event { .. }) if *to == call));
        self.serves_on("next");
    }

    /// The runtime, which has the event, answers and waits again.
    pub(super) fn serves_on(&mut self, request_id: &str) {
        let effects = self.answers(request_id);
        assert!(effects.iter().any(|effect| matches!(effect, Effect::ResponseEnd(..))), "{effects:?}");
        let (_, effects) = self.asks_next();
        assert!(matches!(&effects[..], [Effect::Finish(Finish { status: Status::Success, .. })]));
    }
}

/// What only subscribers of telemetry are told.
pub(super) fn is_of_telemetry(effect: &Effect) -> bool {
    match effect {
        Effect::InitStart { phase } => *phase == InitPhase::Invoke,
        Effect::InitReport(end) => end.status == Status::Success,
        Effect::InitRuntimeDone(_) | Effect::RuntimeDone(_) | Effect::CloseRegistration => true,
        _ => false,
    }
}

/// Without what only the order of lines depends on.
pub(super) fn plain(effect: Effect) -> Effect {
    match effect {
        Effect::Start { request_id, .. } => Effect::Start { request_id, after_init: false },
        other => other,
    }
}

pub(super) fn start(request_id: &str) -> Effect {
    Effect::Start { request_id: request_id.into(), after_init: false }
}

pub(super) fn failed(request_id: &str, failure: Failure) -> Effect {
    Effect::Failed { request_id: request_id.into(), failure }
}

pub(super) fn finish(
    request_id: &str,
    status: Status,
    error_type: Option<&str>,
    duration: Duration,
) -> Effect {
    Effect::Finish(Finish {
        request_id: request_id.into(),
        status,
        error_type: error_type.map(str::to_owned),
        duration_us: u64::try_from(duration.as_micros()).unwrap(),
        init_us: None,
    })
}

pub(super) fn status_of(effects: &[Effect]) -> Option<u16> {
    effects.iter().find_map(|effect| match effect {
        Effect::Answer(_, Reply::Refused { status, .. }) => Some(*status),
        Effect::Answer(_, Reply::Accepted) => Some(202),
        _ => None,
    })
}

pub(super) fn refusal(effects: &[Effect]) -> Option<(u16, &str, &str)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Answer(_, Reply::Refused { status, error_type, message }) => {
            Some((*status, *error_type, message.as_str()))
        }
        _ => None,
    })
}

pub(super) fn illegal(current: &str, target: &str) -> String {
    format!(
        "State transition from {current} to {target} failed for runtime. Error: State transition is not allowed"
    )
}
