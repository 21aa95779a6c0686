//! The order of the calls, and the connections that they come on.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::localstack::peer::{Environment, Function};

fn echo() -> Function {
    Function::python("serve(lambda event: event.body)")
}

#[test]
fn the_log_is_acknowledged_before_the_result_is_sent() {
    let environment = Environment::ready(&echo());
    let id = environment.begin("{}");
    let logs = environment.next();
    assert_eq!(logs.path(), format!("/invocations/{id}/logs"));
    assert!(environment.soon(Duration::from_millis(300)).is_none());
    logs.accept();
    let result = environment.next();
    assert_eq!(result.path(), format!("/invocations/{id}/response"));
    // The container is ready for the next before LocalStack hears of this one.
    let next = environment.begin("next");
    assert!(environment.soon(Duration::from_millis(300)).is_none());
    result.accept();
    assert_eq!(environment.outcome(&next).succeeded(), "next");
}

#[test]
fn one_connection_carries_all_calls() {
    let environment = Environment::start(&echo());
    let ready = environment.next();
    let connection = ready.connection;
    ready.accept();
    for _ in 0..20 {
        environment.begin("{}");
        for _ in 0..2 {
            let call = environment.next();
            assert_eq!(call.connection, connection);
            call.accept();
        }
    }
}

#[test]
fn a_call_that_nobody_answers_is_made_again() {
    let environment = Environment::ready(&echo());
    let id = environment.begin("{}");
    environment.next().hang_up();
    let logs = environment.next();
    assert_eq!(logs.path(), format!("/invocations/{id}/logs"));
    assert!(logs.logs().contains("END RequestId"));
    logs.accept();
    environment.next().hang_up();
    let result = environment.next();
    assert_eq!((result.path(), result.text()), (&*format!("/invocations/{id}/response"), "{}".to_owned()));
    result.accept();
    assert_eq!(environment.invoke("again").succeeded(), "again");
}

#[test]
fn a_refused_call_is_not_made_again() {
    let environment = Environment::ready(&echo());
    environment.begin("{}");
    environment.next().answer("500 INTERNAL SERVER ERROR", b"no such invocation");
    environment.next().answer("500 INTERNAL SERVER ERROR", b"no such invocation");
    assert_eq!(environment.invoke("next").succeeded(), "next");
}

#[test]
fn a_container_that_is_stopped_says_nothing_more() {
    let mut environment = Environment::ready(&Function::python(
        "def handler(event):\n    print('begun')\n    wait_at('/tmp/gate')\nserve(handler)",
    ));
    environment.begin("{}");
    crate::sandbox::wait_until("it has begun", || {
        String::from_utf8(environment.sandbox.stdout()).unwrap().contains("begun").then_some(())
    });
    environment.sandbox.signal(Signal::SIGTERM);
    assert_eq!(environment.sandbox.wait().code(), Some(0));
    assert!(environment.soon(Duration::ZERO).is_none());
}

#[test]
fn what_a_stopped_container_has_done_is_told() {
    let mut environment = Environment::ready(&Function::python(
        "event = next_event()\nprint(respond(event, 'done')[0])\nwait_at('/tmp/gate')",
    ));
    let id = environment.begin("{}");
    crate::sandbox::wait_until("it has answered", || {
        String::from_utf8(environment.sandbox.stdout()).unwrap().contains("202").then_some(())
    });
    environment.sandbox.signal(Signal::SIGTERM);
    assert_eq!(environment.outcome(&id).succeeded(), "done");
    assert_eq!(environment.sandbox.wait().code(), Some(0));
}
