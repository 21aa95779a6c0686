//! The command line, and where things are.

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::lambda_api::LambdaApi;

/// Measure Lambdock beside AWS's runtime interface emulator, and beside other Lambda endpoints, in one run.
///
/// `cargo xtask bench` builds what is needed and calls this.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench --")]
pub(crate) struct Options {
    /// Few samples, under a minute: shows that everything works, not how fast it is
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measure what many functions cost, instead of invocations: takes minutes
    #[arg(long)]
    pub(crate) resources: bool,
    /// Measure the memory of a million invokes instead: takes minutes
    #[arg(long, conflicts_with = "resources")]
    pub(crate) endurance: bool,
    /// Print the table as Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
    /// Another Lambda endpoint to measure beside Lambdock; may be repeated
    #[arg(long = "peer", value_name = "[NAME=]URL", value_parser = LambdaApi::parse)]
    pub(crate) peers: Vec<LambdaApi>,
    /// Where the report goes
    #[arg(long, value_name = "FILE", env = "LAMBDOCK_BENCH_REPORT", default_value = path("bench/report.json"))]
    pub(crate) report: PathBuf,
    /// The control plane
    #[arg(long, value_name = "FILE", env = "LAMBDOCK_BIN", default_value = path("dist/lambdock"))]
    pub(crate) lambdock: PathBuf,
    /// The init for x86_64
    #[arg(long, value_name = "FILE", env = "LAMBDOCK_INIT_X86_64", default_value = path("dist/init-x86_64"))]
    pub(crate) init_x86_64: PathBuf,
    /// The init for arm64
    #[arg(long, value_name = "FILE", env = "LAMBDOCK_INIT_AARCH64", default_value = path("dist/init-aarch64"))]
    pub(crate) init_aarch64: PathBuf,
    /// AWS's runtime interface emulator for this machine
    #[arg(long, value_name = "FILE", env = "LAMBDOCK_RIE", default_value = path("images/aws-lambda-rie"))]
    pub(crate) emulator: PathBuf,
    /// Folder of the archives of the measured functions
    #[arg(long, value_name = "FOLDER", env = "LAMBDOCK_FUNCTIONS", default_value = path("functions"))]
    pub(crate) functions: PathBuf,
    /// Names of the runtime images
    #[arg(
        long,
        value_name = "PATTERN",
        env = "LAMBDOCK_TEST_IMAGES",
        default_value = "lambdock-test/<runtime>"
    )]
    pub(crate) images: String,
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Starts of the control plane.
    pub(crate) control_plane_starts: usize,
    /// Warm invokes with small events.
    pub(crate) small: Rounds,
    /// Warm invokes with large events.
    pub(crate) large: Rounds,
    /// Invokes of the init alone with the largest events.
    pub(crate) largest: Rounds,
    /// Starts of the init alone.
    pub(crate) init_starts: usize,
    /// Cold invokes of each function.
    pub(crate) cold: u32,
    /// Times that many functions are invoked at once.
    pub(crate) bursts: u32,
    /// Invokes over which memory is watched.
    pub(crate) endurance: u32,
    /// Times that throughput is measured.
    pub(crate) throughput_rounds: usize,
    /// How long each time.
    pub(crate) throughput_window: Duration,
    /// How long processes are left alone before their idle memory is read.
    pub(crate) idle: Duration,
    /// Numbers of functions that there are when resources are measured.
    pub(crate) functions: &'static [usize],
    /// Reads of each kind, for each of these numbers.
    pub(crate) resource_samples: usize,
}

/// Samples are taken in turns, so that a busy moment of the machine hits all who are compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    /// Turns that everybody gets.
    pub(crate) rounds: usize,
    /// Invokes in one turn.
    pub(crate) each: usize,
}

impl Options {
    /// How much to measure.
    pub(crate) fn effort(&self) -> Effort {
        if self.quick {
            Effort {
                control_plane_starts: 2,
                small: Rounds { rounds: 4, each: 25 },
                large: Rounds { rounds: 2, each: 5 },
                largest: Rounds { rounds: 2, each: 3 },
                init_starts: 2,
                cold: 2,
                bursts: 1,
                endurance: 2_000,
                throughput_rounds: 1,
                throughput_window: Duration::from_millis(500),
                idle: Duration::from_millis(200),
                functions: &[60, 200],
                resource_samples: 100,
            }
        } else {
            Effort {
                control_plane_starts: 15,
                small: Rounds { rounds: 30, each: 100 },
                large: Rounds { rounds: 20, each: 20 },
                largest: Rounds { rounds: 10, each: 10 },
                init_starts: 20,
                cold: 20,
                bursts: 5,
                endurance: 1_000_000,
                throughput_rounds: 7,
                throughput_window: Duration::from_secs(1),
                idle: Duration::from_secs(2),
                functions: &[100, 1_000, 10_000],
                resource_samples: 2000,
            }
        }
    }

    /// The image that stands for a runtime.
    pub(crate) fn image(&self, runtime: &str) -> String {
        self.images.replace("<runtime>", runtime)
    }
}

/// A path in the target folder of the workspace that this was built in.
fn path(below: &str) -> String {
    format!("{}/../../target/{below}", env!("CARGO_MANIFEST_DIR"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Options::command().debug_assert();
    }

    #[test]
    fn peers_are_parsed_at_the_door() {
        let options =
            Options::try_parse_from(["bench", "--peer", "a=http://h:1", "--peer", "http://h:2"]).unwrap();
        let names: Vec<&str> = options.peers.iter().map(|peer| peer.name.as_str()).collect();
        assert_eq!(names, ["a", "h:2"]);
        assert!(Options::try_parse_from(["bench", "--peer", "ftp://h"]).is_err());
    }

    #[test]
    fn a_runtime_has_the_image_of_the_pattern() {
        let options = Options::try_parse_from(["bench", "--images", "x/<runtime>:1"]).unwrap();
        assert_eq!(options.image("python3.12"), "x/python3.12:1");
    }
}
