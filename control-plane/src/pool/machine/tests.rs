use proptest::prelude::*;

use super::*;

const ALLOWANCE: Duration = Duration::from_secs(60);
const KEEP: Duration = Duration::from_secs(600);

/// A machine and the names of its environments, which count up.
struct Bench {
    machine: Machine<u32, u32>,
    now: Instant,
    names: u32,
}

impl Bench {
    fn new(keep_alive: Duration) -> Self {
        Self { machine: Machine::new(keep_alive), now: Instant::now(), names: 0 }
    }

    fn reserve(&mut self, waiter: u32) -> Vec<Effect<u32, u32>> {
        match self.machine.take_idle(ALLOWANCE, self.now) {
            Some(key) => vec![Effect::Give(key, waiter)],
            None => {
                let names = &mut self.names;
                let effects = self.machine.wait(waiter, ALLOWANCE, self.now, || next(names));
                effects.into_vec()
            }
        }
    }

    fn ready(&mut self, key: u32) -> Vec<Effect<u32, u32>> {
        self.machine.ready(key, self.now).into_vec()
    }

    fn finished(&mut self, key: u32) -> Vec<Effect<u32, u32>> {
        self.machine.finished(key, self.now).into_vec()
    }

    fn lost(&mut self, key: u32) -> Vec<Effect<u32, u32>> {
        let names = &mut self.names;
        self.machine.lost(key, self.now, || next(names)).into_vec()
    }

    fn provision(&mut self, wanted: usize) -> Vec<Effect<u32, u32>> {
        let names = &mut self.names;
        self.machine.provision(wanted, || next(names)).into_vec()
    }

    fn init_failed(&mut self, key: u32) -> Vec<Effect<u32, u32>> {
        let names = &mut self.names;
        self.machine.init_failed(key, self.now, || next(names)).into_vec()
    }

    fn tick_after(&mut self, time: Duration) -> Vec<Effect<u32, u32>> {
        self.now += time;
        let names = &mut self.names;
        self.machine.tick(self.now, || next(names)).into_vec()
    }
}

fn next(names: &mut u32) -> u32 {
    *names += 1;
    *names
}

#[test]
fn each_invocation_at_the_same_time_gets_its_own_environment() {
    let mut bench = Bench::new(KEEP);
    assert_eq!(bench.reserve(10), [Effect::Start(1)]);
    assert_eq!(bench.reserve(11), [Effect::Start(2)]);
    assert_eq!(bench.ready(2), [Effect::Give(2, 10)]);
    assert_eq!(bench.ready(1), [Effect::Give(1, 11)]);
}

#[test]
fn the_environment_used_last_is_used_first() {
    let mut bench = Bench::new(KEEP);
    bench.reserve(10);
    bench.reserve(11);
    bench.ready(1);
    bench.ready(2);
    bench.finished(2);
    bench.finished(1);
    assert_eq!(bench.reserve(12), [Effect::Give(1, 12)]);
    assert_eq!(bench.reserve(13), [Effect::Give(2, 13)]);
}

#[test]
fn a_waiter_takes_whichever_environment_is_free_first_and_the_started_one_is_kept() {
    let mut bench = Bench::new(KEEP);
    bench.reserve(10);
    bench.ready(1);
    assert_eq!(bench.reserve(11), [Effect::Start(2)]);
    assert_eq!(bench.finished(1), [Effect::Give(1, 11)]);
    assert_eq!(bench.ready(2), []);
    assert_eq!(bench.reserve(12), [Effect::Give(2, 12)]);
}

#[test]
fn an_environment_about_to_be_free_is_waited_for_but_not_for_long() {
    let mut bench = Bench::new(KEEP);
    bench.reserve(10);
    bench.ready(1);
    bench.machine.responded(1, bench.now);
    assert_eq!(bench.reserve(11), [Effect::Remind(bench.now + PATIENCE)]);
    assert_eq!(bench.reserve(12), [Effect::Start(2), Effect::Remind(bench.now + PATIENCE)]);
    assert_eq!(bench.tick_after(PATIENCE), [Effect::Start(3)]);
    assert_eq!(bench.finished(1), [Effect::Give(1, 11)]);
}

#[test]
fn a_failed_start_fails_one_waiter_and_only_if_it_is_missed() {
    let mut bench = Bench::new(KEEP);
    bench.reserve(10);
    bench.reserve(11);
    assert_eq!(bench.lost(1), [Effect::Fail(10)]);
    assert_eq!(bench.ready(2), [Effect::Give(2, 11)]);
    bench.reserve(12);
    assert_eq!(bench.finished(2), [Effect::Give(2, 12)]);
    assert_eq!(bench.lost(3), []);
}

#[test]
fn a_free_environment_ends_after_its_keep_alive() {
    let mut bench = Bench::new(KEEP);
    bench.reserve(10);
    bench.ready(1);
    assert_eq!(bench.tick_after(Duration::from_secs(50)), []);
    bench.finished(1);
    assert_eq!(bench.tick_after(KEEP / 2), []);
    assert_eq!(bench.tick_after(KEEP / 2), [Effect::Stop(1)]);
    assert_eq!(bench.reserve(11), [Effect::Start(2)]);
}

#[test]
fn without_keep_alive_every_invocation_is_cold() {
    let mut bench = Bench::new(Duration::ZERO);
    bench.reserve(10);
    bench.ready(1);
    bench.machine.responded(1, bench.now);
    assert_eq!(bench.reserve(11), [Effect::Start(2)]);
    assert_eq!(bench.finished(1), [Effect::Stop(1)]);
    assert_eq!(bench.ready(2), [Effect::Give(2, 11)]);
}

#[test]
fn an_environment_that_does_not_finish_is_killed() {
    let mut bench = Bench::new(KEEP);
    bench.reserve(10);
    bench.ready(1);
    assert_eq!(bench.tick_after(ALLOWANCE), [Effect::Kill(1)]);
    assert_eq!(bench.lost(1), []);
    assert!(bench.machine.is_empty());
}

#[test]
fn a_retired_deployment_serves_who_waits_and_keeps_nothing() {
    let mut bench = Bench::new(KEEP);
    bench.reserve(10);
    bench.reserve(11);
    bench.ready(1);
    bench.ready(2);
    bench.finished(1);
    assert_eq!(bench.machine.retire().into_vec(), [Effect::Stop(1)]);
    assert_eq!(bench.reserve(12), [Effect::Start(3)]);
    assert_eq!(bench.finished(2), [Effect::Give(2, 12)]);
    assert_eq!(bench.ready(3), [Effect::Stop(3)]);
    assert_eq!(bench.finished(2), [Effect::Stop(2)]);
    assert!(bench.machine.is_empty());
}

/// What may happen; the numbers choose among the environments there are.
#[derive(Debug, Clone)]
enum Step {
    Reserve,
    Ready(usize),
    StartFails(usize),
    InitFails(usize),
    Responds(usize),
    Finishes(usize),
    Returned(usize),
    Dies(usize),
    Passes(u64),
    Provisions(usize),
    Evicts(usize),
    Retires,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Reserve),
        4 => any::<usize>().prop_map(Step::Ready),
        1 => any::<usize>().prop_map(Step::StartFails),
        1 => any::<usize>().prop_map(Step::InitFails),
        3 => any::<usize>().prop_map(Step::Responds),
        5 => any::<usize>().prop_map(Step::Finishes),
        1 => any::<usize>().prop_map(Step::Returned),
        1 => any::<usize>().prop_map(Step::Dies),
        2 => (1_u64..100).prop_map(Step::Passes),
        1 => (0_usize..4).prop_map(Step::Provisions),
        1 => any::<usize>().prop_map(Step::Evicts),
        1 => Just(Step::Retires),
    ];
    proptest::collection::vec(step, 1..120)
}

#[test]
fn provisioned_environments_start_ahead_and_outlive_any_keep_alive() {
    for keep_alive in [Duration::ZERO, KEEP] {
        let mut bench = Bench::new(keep_alive);
        assert_eq!(bench.provision(2), [Effect::Start(1), Effect::Start(2)]);
        assert_eq!(bench.machine.provisioned(), Some(0));
        bench.ready(1);
        bench.ready(2);
        assert_eq!(bench.machine.provisioned(), Some(2));
        assert_eq!(bench.tick_after(KEEP * 2), []);
        assert_eq!(bench.reserve(10), [Effect::Give(2, 10)]);
        assert_eq!(bench.machine.provisioned(), Some(2), "one that works is there as well");
        assert_eq!(bench.finished(2), []);
        assert_eq!(bench.tick_after(KEEP * 2), []);
    }
}

#[test]
fn provisioned_environments_go_first_and_others_end_by_themselves() {
    let mut bench = Bench::new(KEEP);
    bench.provision(1);
    bench.ready(1);
    assert_eq!(bench.reserve(10), [Effect::Give(1, 10)]);
    assert_eq!(bench.reserve(11), [Effect::Start(2)]);
    bench.ready(2);
    bench.finished(1);
    bench.finished(2);
    assert_eq!(bench.reserve(12), [Effect::Give(1, 12)]);
    bench.finished(1);
    assert_eq!(bench.tick_after(KEEP), [Effect::Stop(2)]);
}

#[test]
fn a_provisioned_environment_that_dies_is_replaced() {
    let mut bench = Bench::new(KEEP);
    bench.provision(1);
    bench.ready(1);
    assert_eq!(bench.lost(1), [Effect::Start(2)]);
    bench.ready(2);
    bench.reserve(10);
    assert_eq!(bench.lost(2), [Effect::Start(3)]);
    bench.ready(3);
    bench.reserve(11);
    assert_eq!(bench.tick_after(ALLOWANCE), [Effect::Kill(3), Effect::Start(4)]);
}

#[test]
fn provisioning_that_fails_is_not_tried_again_until_it_is_wanted_anew() {
    let mut bench = Bench::new(KEEP);
    bench.provision(2);
    bench.ready(1);
    assert_eq!(bench.lost(2), [Effect::Stop(1)]);
    assert_eq!(bench.machine.provisioned(), None);
    assert_eq!(bench.tick_after(KEEP), []);
    assert_eq!(bench.provision(1), [Effect::Start(3)]);
    assert_eq!(bench.machine.provisioned(), Some(0));
}

#[test]
fn what_could_not_be_provisioned_serves_nobody() {
    let mut bench = Bench::new(KEEP);
    bench.provision(1);
    assert_eq!(bench.reserve(10), [], "it waits for the one that starts");
    assert_eq!(bench.init_failed(1), [Effect::Stop(1), Effect::Start(2)]);
    assert_eq!(bench.machine.provisioned(), None);
    assert_eq!(bench.ready(1), []);
    assert_eq!(bench.init_failed(2), [], "an invocation has the init run again");
    assert_eq!(bench.ready(2), [Effect::Give(2, 10)]);
}

#[test]
fn what_is_provisioned_no_longer_ends_as_soon_as_it_is_free() {
    let mut bench = Bench::new(KEEP);
    bench.provision(3);
    for key in 1..=3 {
        bench.ready(key);
    }
    assert_eq!(bench.reserve(10), [Effect::Give(3, 10)]);
    assert_eq!(bench.provision(1), [Effect::Stop(2), Effect::Stop(1)]);
    assert_eq!(bench.provision(0), []);
    assert_eq!(bench.finished(3), []);
    assert_eq!(bench.tick_after(KEEP), [Effect::Stop(3)]);
}

#[test]
fn a_retired_deployment_provisions_nothing() {
    let mut bench = Bench::new(KEEP);
    bench.provision(1);
    bench.ready(1);
    assert_eq!(bench.machine.retire().into_vec(), [Effect::Stop(1)]);
    assert_eq!(bench.provision(1), []);
}

/// What the effects add up to, kept by the simplest means.
#[derive(Default)]
struct Model {
    starting: Vec<u32>,
    busy: Vec<(u32, u32)>,
    waiting: Vec<u32>,
    ended: Vec<u32>,
    reminder: Option<Instant>,
    retired: bool,
    wanted: usize,
}

impl Model {
    fn take(&mut self, effects: Vec<Effect<u32, u32>>) {
        for effect in effects {
            match effect {
                Effect::Give(key, waiter) => {
                    assert!(!self.starting.contains(&key), "{key} was given before it was ready");
                    assert!(!self.ended.contains(&key), "{key} was given after its end");
                    assert!(self.busy.iter().all(|(busy, _)| *busy != key), "{key} was given twice");
                    assert_eq!(self.waiting.first(), Some(&waiter), "out of turn");
                    self.waiting.remove(0);
                    self.busy.push((key, waiter));
                }
                Effect::Start(key) => self.starting.push(key),
                Effect::Fail(waiter) => {
                    assert_eq!(self.waiting.first(), Some(&waiter), "out of turn");
                    self.waiting.remove(0);
                }
                Effect::Stop(key) => {
                    assert!(self.busy.iter().all(|(busy, _)| *busy != key), "{key} was stopped at work");
                    self.starting.retain(|starting| *starting != key);
                    self.ended.push(key);
                }
                Effect::Kill(key) => {
                    self.busy.retain(|(busy, _)| *busy != key);
                    self.ended.push(key);
                }
                Effect::Remind(at) => self.reminder = Some(self.reminder.map_or(at, |other| other.min(at))),
            }
        }
    }
}

fn pick<T: Clone>(all: &[T], number: usize) -> Option<T> {
    all.get(number.checked_rem(all.len())?).cloned()
}

proptest! {
    #[test]
    fn whatever_happens_nobody_waits_in_vain_and_nothing_serves_twice(
        steps in steps(),
        keep_alive in prop_oneof![Just(Duration::ZERO), Just(Duration::from_millis(80)), Just(KEEP)],
    ) {
        let mut bench = Bench::new(keep_alive);
        let mut model = Model::default();
        let mut callers = 0;
        for step in steps {
            match step {
                Step::Reserve => {
                    callers += 1;
                    model.waiting.push(callers);
                    let effects = bench.reserve(callers);
                    model.take(effects);
                }
                Step::Ready(n) => if let Some(key) = pick(&model.starting, n) {
                    model.starting.retain(|other| *other != key);
                    let effects = bench.ready(key);
                    model.take(effects);
                },
                Step::InitFails(n) => if let Some(key) = pick(&model.starting, n) {
                    let effects = bench.init_failed(key);
                    model.take(effects);
                },
                Step::StartFails(n) => if let Some(key) = pick(&model.starting, n) {
                    model.starting.retain(|other| *other != key);
                    model.ended.push(key);
                    let effects = bench.lost(key);
                    model.take(effects);
                },
                Step::Responds(n) => if let Some((key, _)) = pick(&model.busy, n) {
                    bench.machine.responded(key, bench.now);
                },
                Step::Finishes(n) => if let Some((key, _)) = pick(&model.busy, n) {
                    model.busy.retain(|(busy, _)| *busy != key);
                    let effects = bench.finished(key);
                    model.take(effects);
                },
                Step::Returned(n) => if let Some((key, _)) = pick(&model.busy, n) {
                    let finishing = bench.machine.states().any(|(other, state)| {
                        other == key && matches!(state, State::Finishing { .. })
                    });
                    if !finishing {
                        model.busy.retain(|(busy, _)| *busy != key);
                        let effects = bench.machine.returned(key, bench.now).into_vec();
                        model.take(effects);
                    }
                },
                Step::Dies(n) => if let Some((key, _)) = pick(&model.busy, n) {
                    model.busy.retain(|(busy, _)| *busy != key);
                    model.ended.push(key);
                    let effects = bench.lost(key);
                    model.take(effects);
                },
                Step::Passes(milliseconds) => {
                    let effects = bench.tick_after(Duration::from_millis(milliseconds));
                    model.take(effects);
                }
                Step::Provisions(wanted) => {
                    model.wanted = wanted;
                    let effects = bench.provision(wanted);
                    model.take(effects);
                }
                Step::Evicts(n) => {
                    let free: Vec<_> = bench.machine.dispensable().map(|(_, key)| key).collect();
                    if let Some(key) = pick(&free, n) {
                        let effects = bench.machine.evict(key).into_vec();
                        prop_assert_eq!(effects, [Effect::Stop(key)]);
                        prop_assert!(bench.machine.evict(key).is_empty());
                    }
                    for key in model.busy.iter().map(|(key, _)| *key).chain(model.starting.iter().copied()) {
                        prop_assert!(bench.machine.evict(key).is_empty(), "{key} is not free");
                    }
                }
                Step::Retires => {
                    model.retired = true;
                    let effects = bench.machine.retire().into_vec();
                    model.take(effects);
                }
            }
            while let Some(at) = model.reminder.filter(|at| *at <= bench.now) {
                model.reminder = None;
                let effects = bench.tick_after(Duration::ZERO);
                model.take(effects);
                prop_assert!(model.reminder.is_none_or(|next| next > at));
            }
            let states: Vec<_> = bench.machine.states().collect();
            let idle = states.iter().filter(|(_, state)| matches!(state, State::Idle { .. })).count();
            let finishing = states.iter().filter(|(_, state)| matches!(state, State::Finishing { .. })).count();
            prop_assert!(model.waiting.is_empty() || idle == 0, "somebody waits beside a free environment");
            // Who waits has a start on its way, or a reminder to look again at those about to be free.
            let covered = model.waiting.len() <= model.starting.len();
            let soon = model.reminder.is_some() && model.waiting.len() <= model.starting.len() + finishing;
            prop_assert!(covered || soon, "{} wait in vain", model.waiting.len());
            prop_assert!(!model.retired || idle == 0, "a retired deployment keeps environments");
            let kept = bench.machine.provisioned.len();
            match bench.machine.provisioned() {
                Some(ready) if !model.retired => {
                    prop_assert_eq!(kept, model.wanted);
                    prop_assert!(ready <= kept);
                }
                Some(_) | None => prop_assert_eq!(kept, 0),
            }
            prop_assert_eq!(states.len(), model.starting.len() + model.busy.len() + idle);
        }
    }
}
