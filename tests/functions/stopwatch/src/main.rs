//! Measures what stands between a runtime and the world, from inside a container.
//!
//! ```text
//! bootstrap                                            is a runtime
//! bootstrap launch PROGRAM [ARGUMENT…]                 becomes PROGRAM, whose runtime will know when that was
//! bootstrap invoke-and-launch PORT PROGRAM [ARGUMENT…] the same; and PROGRAM, the emulator, is invoked as soon as it
//!                                                      listens, because it starts no runtime before
//! bootstrap invoke PORT                                invokes the emulator once and prints the answer
//! ```

mod clock;
mod http;
mod launch;
mod runtime;

use std::{env, error::Error, process::ExitCode};

fn main() -> ExitCode {
    let started = clock::now();
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended: Result<(), Box<dyn Error>> = match arguments.as_slice() {
        [] => runtime::serve(started),
        ["launch", program, arguments @ ..] => launch::launch(program, arguments),
        ["invoke-and-launch", port, program, arguments @ ..] => {
            launch::invoke_and_launch(port, program, arguments)
        }
        ["invoke", port] => launch::invoke(port),
        _ => Err(format!("{arguments:?} is nothing that can be done").into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("stopwatch: {error}");
            ExitCode::FAILURE
        }
    }
}
