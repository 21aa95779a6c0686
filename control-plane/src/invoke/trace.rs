//! Pure: the trace header of an invocation, and how often a chain of requests has led to the same function.
//!
//! `Root=1-…;Parent=…;Sampled=0;Lineage=<requests>:<hash>:<loops>`: SDKs inside functions send on what their function
//! was given, so the lineage follows a chain of requests through all its functions. It remembers one function, the
//! anchor, by its hash: the first one of the chain, or one of a circle that the chain has run into since.
//!
//! [AWS: X-Ray, tracing header; Lambda, recursive loop detection]

use lambdock_domain::FunctionId;
use sha2::{Digest as _, Sha256};

/// Turns of a loop that run; the next one is stopped. [AWS: recursive loop detection]
pub const TURNS: u8 = 16;

/// Requests without the anchor after which the chain is taken to have left it behind.
const STRAYED: u16 = 32;

/// Randomness and time, from where they live.
#[derive(Debug, Clone, Copy)]
pub struct Fresh {
    /// Seconds since the Unix epoch.
    pub seconds: i64,
    /// Becomes the ids of a new trace and a new segment.
    pub random: u128,
}

impl Fresh {
    /// The id of a new trace.
    pub fn root(self) -> String {
        format!("1-{:08x}-{:024x}", self.seconds, self.random >> 32)
    }
}

/// What decides where nobody has decided before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// The trace is recorded.
    Sampled,
    /// It is not.
    NotSampled,
}

/// The header of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// As the function sees it.
    pub header: String,
    /// Times that the chain has been at this function before, as far as it is known.
    pub turns: u8,
}

/// The header of a request with `header`, with everything decided that a trace needs. What the request does not decide
/// is decided anew; what nobody knows stays.
pub fn complete(header: Option<&str>, sampling: Sampling, fresh: Fresh) -> String {
    let mut fields = fields(header.unwrap_or_default());
    let has = |wanted: &str| fields.iter().any(|(name, _)| *name == wanted);
    let sampled = if sampling == Sampling::Sampled { "1" } else { "0" };
    let (root, parent);
    let mut missing = Vec::new();
    if !has("Root") {
        root = fresh.root();
        missing.push(("Root", &*root));
    }
    if !has("Parent") {
        parent = format!("{:016x}", fresh.random & u128::from(u64::MAX));
        missing.push(("Parent", &*parent));
    }
    if !has("Sampled") {
        missing.push(("Sampled", sampled));
    }
    fields.extend(missing);
    written(&fields)
}

/// The header with which `function` is invoked by a request with this complete header.
pub fn enter(header: &str, function: &FunctionId) -> Entered {
    let mut fields = fields(header);
    let before = fields.iter().find(|(name, _)| *name == LINEAGE).and_then(|(_, text)| Lineage::parse(text));
    fields.retain(|(name, _)| *name != LINEAGE);
    let lineage = Lineage::after(before, hash(function));
    let turns = lineage.loops;
    let lineage = lineage.to_string();
    fields.push((LINEAGE, &lineage));
    Entered { header: written(&fields), turns }
}

fn fields(header: &str) -> Vec<(&str, &str)> {
    header.split(';').filter_map(|field| field.trim().split_once('=')).collect()
}

fn written(fields: &[(&str, &str)]) -> String {
    let mut header = String::with_capacity(128);
    for (name, value) in fields {
        if !header.is_empty() {
            header.push(';');
        }
        header.push_str(name);
        header.push('=');
        header.push_str(value);
    }
    header
}

const LINEAGE: &str = "Lineage";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lineage {
    /// Invocations in the chain since it began, or since it strayed.
    requests: u16,
    /// Of the anchor.
    hash: u32,
    /// Times that the chain has come back to the anchor.
    loops: u8,
}

impl Lineage {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let lineage = Self {
            requests: parts.next()?.parse().ok()?,
            hash: u32::from_str_radix(parts.next()?, 16).ok()?,
            loops: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(lineage)
    }

    /// One invocation further, of the function with `hash`.
    fn after(before: Option<Self>, hash: u32) -> Self {
        let anchored = Self { requests: 1, hash, loops: 0 };
        let Some(before) = before else { return anchored };
        let requests = before.requests.saturating_add(1).min(REQUESTS);
        if before.hash == hash {
            return Self { requests, hash, loops: before.loops.saturating_add(1) };
        }
        // Circles of up to this many functions pass the anchor more often than that.
        let expected = STRAYED.saturating_mul(u16::from(before.loops).saturating_add(1));
        if requests > expected { anchored } else { Self { requests, ..before } }
    }
}

/// The highest that is counted. [AWS: 15 bits]
const REQUESTS: u16 = 32_767;

impl std::fmt::Display for Lineage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:08x}:{}", self.requests, self.hash, self.loops)
    }
}

fn hash(function: &FunctionId) -> u32 {
    let digest: [u8; 32] = Sha256::digest(function.arn()).into();
    let [a, b, c, d, ..] = digest;
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use lambdock_domain::Scope;

    use super::*;

    const FRESH: Fresh = Fresh { seconds: 0x5759_e988, random: 0x0123_4567_89ab_cdef_0011_2233_4455_6677 };

    fn function(name: &str) -> FunctionId {
        let scope = Scope { account: "000000000000".into(), region: "us-east-1".into() };
        FunctionId { scope, name: name.into() }
    }

    fn entered(header: Option<&str>, name: &str) -> Entered {
        enter(&complete(header, Sampling::NotSampled, FRESH), &function(name))
    }

    /// The turns that each invocation of a chain of these functions has behind it.
    fn chain<'a>(functions: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
        let mut header: Option<String> = None;
        let turn = |name: &str| {
            let entered = entered(header.as_deref(), name);
            header = Some(entered.header);
            entered.turns
        };
        functions.into_iter().map(turn).collect()
    }

    #[test]
    fn a_request_without_a_trace_begins_one() {
        let header = entered(None, "f").header;
        let hash = format!("{:08x}", hash(&function("f")));
        let expected = format!(
            "Root=1-5759e988-0123456789abcdef00112233;Parent=0011223344556677;Sampled=0;Lineage=1:{hash}:0"
        );
        assert_eq!(header, expected);
        let sampled = complete(Some(""), Sampling::Sampled, FRESH);
        assert!(sampled.ends_with(";Sampled=1"), "{sampled}");
    }

    #[test]
    fn what_a_request_has_decided_stays() {
        let given = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Own=x";
        let header = entered(Some(given), "f").header;
        assert!(header.starts_with(&format!("{given};Lineage=1:")), "{header}");
        let header = entered(Some("Root=1-2-3"), "f").header;
        assert!(header.starts_with("Root=1-2-3;Parent=0011223344556677;Sampled=0;Lineage="), "{header}");
    }

    #[test]
    fn a_function_that_calls_itself_is_counted() {
        let turns = chain(["f"; 20]);
        assert_eq!(turns[..3], [0, 1, 2]);
        assert_eq!(turns.iter().filter(|turns| **turns < TURNS).count(), 16);
    }

    #[test]
    fn circles_of_several_functions_are_counted_at_the_first() {
        assert_eq!(chain(["a", "b", "c", "a", "b", "c", "a"]), [0, 0, 0, 1, 1, 1, 2]);
    }

    #[test]
    fn a_circle_is_found_though_it_does_not_lead_back_to_the_first_function() {
        let turns = chain(std::iter::once("a").chain(["b"; 100]));
        assert!(turns.iter().any(|turns| *turns >= TURNS), "{turns:?}");
        let turns = chain(std::iter::once("a").chain(["b", "c"].into_iter().cycle().take(200)));
        assert!(turns.iter().any(|turns| *turns >= TURNS), "{turns:?}");
    }

    #[test]
    fn a_long_chain_is_no_circle() {
        let names: Vec<String> = (0..500).map(|number| format!("f{number}")).collect();
        assert_eq!(chain(names.iter().map(String::as_str)), [0; 500]);
    }

    #[test]
    fn a_lineage_that_nobody_can_read_begins_anew() {
        for text in ["", "1:2", "x:00000000:1", "1:zz:1", "1:00000000:256", "1:00000000:1:1"] {
            assert_eq!(Lineage::parse(text), None, "{text}");
            assert_eq!(entered(Some(&format!("Root=1-2-3;Lineage={text}")), "f").turns, 0);
        }
    }
}
