//! Running other programs: their failure is an error that says which program, how and why.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail};

/// Lines of a failed program's output that an error repeats.
const TAIL: usize = 25;

pub(crate) trait Run {
    /// Runs it with the terminal as its own.
    fn run(&mut self) -> Result<()>;

    /// Runs it with its output in a file, which an error quotes.
    fn run_logged(&mut self, log: &Path) -> Result<()>;

    /// Runs it and gives back what it printed, without the last line end.
    fn output_text(&mut self) -> Result<String>;

    /// Runs it in silence. False also when the program does not exist.
    fn succeeds(&mut self) -> bool;
}

impl Run for Command {
    fn run(&mut self) -> Result<()> {
        let status = self.status().with_context(|| format!("cannot start {}", describe(self)))?;
        require_success(self, status, "")
    }

    fn run_logged(&mut self, log: &Path) -> Result<()> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let status = self
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .status()
            .with_context(|| format!("cannot start {}", describe(self)))?;
        if status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&fs::read(log)?).into_owned();
        require_success(self, status, &format!("\n{}\n(all of it: {})", tail(&text), log.display()))
    }

    fn output_text(&mut self) -> Result<String> {
        let output =
            self.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", describe(self)))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        require_success(self, output.status, &format!("\n{}", tail(&errors)))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    fn succeeds(&mut self) -> bool {
        self.stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

/// Runs a pipeline of two: the first one's output is the second one's input.
pub(crate) fn pipe(first: &mut Command, second: &mut Command) -> Result<()> {
    let mut producer = spawn(first.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let stream = producer.stdout.take().context("no standard output")?;
    let mut consumer = spawn(second.stdin(stream).stdout(Stdio::null()).stderr(Stdio::piped()))?;
    let (said_first, said_second) = (drain(&mut producer)?, drain(&mut consumer)?);
    let (ended_first, ended_second) = (producer.wait()?, consumer.wait()?);
    // The second one first: when it fails, the first one only reports that nobody listens.
    require_success(second, ended_second, &format!("\n{}", tail(&said_second)))?;
    require_success(first, ended_first, &format!("\n{}", tail(&said_first)))
}

fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("cannot start {}", describe(command)))
}

fn drain(child: &mut Child) -> io::Result<String> {
    let mut text = Vec::new();
    if let Some(stream) = &mut child.stderr {
        stream.read_to_end(&mut text)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn require_success(command: &Command, status: ExitStatus, detail: &str) -> Result<()> {
    if !status.success() {
        bail!("{} failed ({status}){}", describe(command), detail.trim_end());
    }
    Ok(())
}

/// The command line, as one would type it; long ones are cut.
fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("`{}…`", &line[..end]),
        None => format!("`{line}`"),
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_program_and_quotes_its_errors() {
        let error = Command::new("sh").args(["-c", "echo broken >&2; exit 3"]).output_text().unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("`sh -c") && text.contains("exit status: 3") && text.contains("broken"),
            "{text}"
        );
    }

    #[test]
    fn a_pipeline_fails_when_its_first_program_does() {
        let mut first = Command::new("sh");
        let error = pipe(first.args(["-c", "exit 4"]), &mut Command::new("cat")).unwrap_err();
        assert!(error.to_string().contains("exit status: 4"), "{error}");
    }

    #[test]
    fn tail_keeps_the_last_lines() {
        let text = (1..=100).map(|n| n.to_string()).collect::<Vec<_>>().join("\n");
        assert!(tail(&text).starts_with("76\n") && tail(&text).ends_with("100"));
    }
}
