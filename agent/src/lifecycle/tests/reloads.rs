//! Changed code: when it is loaded, and that no invocation suffers from it.

use super::*;

const INVOKE: &[&str] = &["INVOKE", "SHUTDOWN"];

/// Everything anew: what a reload is when nobody has to be waited for.
fn restart() -> [Effect; 4] {
    [Effect::RevokePermit, Effect::Kill, Effect::InitStart { phase: InitPhase::Init }, Effect::Spawn]
}

fn lazily(settings: Settings) -> Settings {
    Settings { reload: Reload::Lazy, ..settings }
}

fn registers(life: &mut Life, events: &[&str]) {
    let (name, id) = ("e".to_owned(), "e".to_owned());
    let events = events.iter().map(|event| (*event).to_owned()).collect();
    life.call(|call| Event::Register { call, name, events, id });
}

fn extension_asks_next(life: &mut Life) -> (CallId, Vec<Effect>) {
    life.call(|call| Event::ExtensionNext { call, id: "e".into() })
}

/// An environment with the extension `e`, which waits for events as the runtime does; and its call.
fn accompanied(reload: Reload) -> (Life, CallId) {
    let mut life = Life::with(Settings { extensions: vec!["e".into()], reload, ..settings() });
    registers(&mut life, INVOKE);
    life.asks_next();
    let (parked, effects) = extension_asks_next(&mut life);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Initialized(..))));
    (life, parked)
}

#[test]
fn a_change_while_idle_is_loaded_at_once_or_by_the_next_invocation() {
    let mut life = Life::ready();
    assert_eq!(life.happens(Event::Changed), restart());
    assert!(matches!(&life.asks_next().1[..], [Effect::Initialized(..)]));
    life.invoked("r1");
    life.serves_on("r1");

    let mut life = Life::with(lazily(settings()));
    life.asks_next();
    assert_eq!(life.happens(Event::Changed), [Effect::RevokePermit, Effect::Kill]);
    assert_eq!(life.machine.deadline(), None);
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_change_before_there_is_anything_to_load_it_into_is_none() {
    let mut life = Life::ready();
    life.happens(Event::Exited(Ended::Code(1)));
    assert_eq!(life.happens(Event::Changed), []);
    life.serves_from_a_fresh_runtime();
}

#[test]
fn a_change_in_the_init_phase_begins_it_anew_and_it_still_comes_to_its_end() {
    for reload in [Reload::Eager, Reload::Lazy] {
        let mut life = Life::with(Settings { reload, ..settings() });
        life.passes(Duration::from_millis(50));
        let end = InitEnd {
            duration_us: 50_000,
            phase: InitPhase::Init,
            status: Status::Failure,
            error_type: None,
        };
        let effects = life.machine.step(Event::Changed, life.now);
        assert_eq!(effects[..2], [Effect::InitRuntimeDone(end.clone()), Effect::InitReport(end)]);
        assert_eq!(effects[2..], restart());
        // A process of before is not heard of any more.
        life.passes(Duration::from_millis(20));
        let (_, effects) = life.asks_next();
        let initialized = Initialized { status: Status::Success, duration_us: 20_000, error_type: None };
        assert_eq!(effects, [Effect::Initialized(initialized, Bytes::new())]);
    }
}

#[test]
fn an_invocation_that_waits_for_the_init_phase_survives_that_it_begins_anew() {
    let mut life = Life::born();
    assert_eq!(life.invoked("r1"), []);
    life.happens(Event::Changed);
    let (call, effects) = life.asks_next();
    assert!(matches!(effects.last(), Some(Effect::Answer(to, Reply::Event { .. })) if *to == call));
    life.serves_on("r1");
}

#[test]
fn a_change_in_an_invocation_is_loaded_after_it() {
    let suppressed = Life::reborn();
    let running = Life::running();
    for (mut life, starts) in [(suppressed, true), (running, false)] {
        assert_eq!(life.happens(Event::Changed), []);
        assert_eq!(life.happens(Event::Changed), []);
        if starts {
            life.asks_next();
        }
        life.answers("r1");
        let (_, effects) = life.asks_next();
        assert!(matches!(effects[0], Effect::Finish(Finish { status: Status::Success, .. })), "{effects:?}");
        assert_eq!(effects[1..], restart());
    }
}

#[test]
fn a_change_in_an_invocation_that_ends_all_is_loaded_with_what_follows() {
    let mut life = Life::running();
    life.happens(Event::Changed);
    let effects = life.happens(Event::Exited(Ended::Code(1)));
    assert!(matches!(effects.last(), Some(Effect::Finish(_))), "{effects:?}");
    life.serves_from_a_fresh_runtime();
}

#[test]
fn extensions_are_told_of_a_reload_as_of_any_end() {
    for reload in [Reload::Eager, Reload::Lazy] {
        let (mut life, parked) = accompanied(reload);
        assert_eq!(life.happens(Event::Changed), [Effect::RevokePermit, Effect::TerminateRuntime]);
        let deadline = life.now + Duration::from_secs(2);
        assert_eq!(life.happens(Event::Exited(Ended::Signal(15))), [Effect::FlushTelemetry]);
        let told = Reply::ExtensionShutdown { reason: Reason::Spindown, deadline };
        assert_eq!(life.happens(Event::Flushed), [Effect::Answer(parked, told)]);
        let effects = life.happens(Event::ExtensionExited { name: "e".into(), ended: Ended::Code(0) });
        assert_eq!(effects[0], Effect::Kill);
        let starts = effects.contains(&Effect::SpawnExtension("e".into()));
        assert_eq!(starts, reload == Reload::Eager);
    }
}

#[test]
fn what_changes_while_all_end_is_loaded_with_what_follows_and_only_once() {
    let (mut life, _) = accompanied(Reload::Eager);
    life.happens(Event::Changed);
    assert_eq!(life.happens(Event::Changed), []);
    life.happens(Event::Exited(Ended::Signal(15)));
    let effects = life.happens(Event::ExtensionExited { name: "e".into(), ended: Ended::Code(0) });
    let started = effects.iter().filter(|effect| matches!(effect, Effect::SpawnExtension(_))).count();
    assert_eq!(started, 1);
    registers(&mut life, INVOKE);
    life.asks_next();
    let (_, effects) = extension_asks_next(&mut life);
    assert!(matches!(effects.last(), Some(Effect::Initialized(..))), "nothing is loaded again: {effects:?}");
}

#[test]
fn an_invocation_that_comes_while_all_end_for_a_reload_finds_the_new_code() {
    for reload in [Reload::Eager, Reload::Lazy] {
        let (mut life, _) = accompanied(reload);
        life.happens(Event::Changed);
        assert_eq!(life.invoked("r1"), [], "it is held");
        life.happens(Event::Exited(Ended::Signal(15)));
        let effects = life.happens(Event::ExtensionExited { name: "e".into(), ended: Ended::Code(0) });
        assert!(effects.contains(&Effect::SpawnExtension("e".into())), "{effects:?}");
        registers(&mut life, INVOKE);
        life.asks_next();
        let (_, effects) = extension_asks_next(&mut life);
        assert!(effects.contains(&start("r1")), "{effects:?}");
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Answer(_, Reply::Event { .. }))));
        life.answers("r1");
        life.asks_next();
        let (_, effects) = extension_asks_next(&mut life);
        assert!(matches!(effects[..], [Effect::Finish(Finish { status: Status::Success, .. })]));
    }
}
