//! Pure: what the project promises of its figures.

use std::fmt;

/// A promise about one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Budget {
    /// Our figure is at most this, in the unit of the row.
    AtMost(f64),
    /// Our figure is at least this, in the unit of the row.
    AtLeast(f64),
    /// Our figure is at most this many times the peer's.
    TimesPeerAtMost(f64),
    /// Our figure is at least this many times the peer's.
    TimesPeerAtLeast(f64),
    /// The peer's figure, which is a time, is at least this many times ours.
    TimesFasterThanPeer(f64),
}

/// The init travels into every container.
pub(crate) const INIT_BINARY: Budget = Budget::AtMost(2.0);
/// Resident memory of the init with nothing to do, in MiB.
pub(crate) const INIT_IDLE: Budget = Budget::AtMost(2.5);
/// Peak of the init after 1 MB payloads, in MiB: 3.5 and one payload.
pub(crate) const INIT_PEAK: Budget = Budget::AtMost(3.5 + 1e6 / 1_048_576.0);
/// From the exec of the init to the first instruction of the runtime, in ms.
pub(crate) const INIT_START: Budget = Budget::AtMost(5.0);
/// What the init adds to a small warm invoke, in ms.
pub(crate) const INIT_SHARE: Budget = Budget::AtMost(0.150);
/// Peak of the init after 6 MB payloads, in MiB: 3.5 and one payload.
pub(crate) const INIT_PEAK_LARGEST: Budget = Budget::AtMost(3.5 + 6e6 / 1_048_576.0);
/// Resident memory of the init after 20 MB of logs, in MiB.
pub(crate) const INIT_AFTER_LOGS: Budget = Budget::AtMost(3.5);
/// Resident memory of the control plane with nothing to do, in MiB.
pub(crate) const CONTROL_PLANE_IDLE: Budget = Budget::AtMost(12.0);
/// From exec until the health endpoint answers, in ms.
pub(crate) const CONTROL_PLANE_START: Budget = Budget::AtMost(20.0);
/// A small warm invoke through the whole control plane, against the emulator called directly.
pub(crate) const WARM_SMALL: Budget = Budget::TimesPeerAtMost(1.0);
/// The same with 1 MB each way.
pub(crate) const WARM_LARGE: Budget = Budget::TimesPeerAtMost(0.4);
/// A small warm invoke, against what is known of LocalStack.
pub(crate) const WARM_SMALL_BESIDE_LOCALSTACK: Budget = Budget::TimesFasterThanPeer(15.0);
/// The same, against another endpoint in the same run.
pub(crate) const WARM_SMALL_BESIDE_PEERS: Budget = Budget::TimesFasterThanPeer(3.0);
/// A cold invoke, against a container of the same image started cold under the emulator.
pub(crate) const COLD: Budget = Budget::TimesPeerAtMost(0.7);
/// The second container of a function with much code, against the first, for which it was unpacked.
pub(crate) const COLD_SHARED: Budget = Budget::TimesPeerAtMost(0.8);
/// A cold invoke for which a container stands by, without the boot of the runtime, in ms.
pub(crate) const COLD_STANDBY: Budget = Budget::AtMost(30.0);
/// Invokes per second of 16 clients, against the emulator's with the one client it can serve.
pub(crate) const SIXTEEN_CLIENTS: Budget = Budget::TimesPeerAtLeast(3.0);
/// The same, against what is known of LocalStack with 16 clients.
pub(crate) const SIXTEEN_CLIENTS_BESIDE_LOCALSTACK: Budget = Budget::TimesPeerAtLeast(50.0);
/// The same, against another endpoint in the same run with 16 clients.
pub(crate) const SIXTEEN_CLIENTS_BESIDE_PEERS: Budget = Budget::TimesPeerAtLeast(3.0);
/// Functions that are cold and invoked at once, against as many bare containers of the engine.
pub(crate) const BURST: Budget = Budget::TimesPeerAtMost(1.5);
/// From SIGTERM until the process has ended, with 20 warm containers to remove, in ms.
pub(crate) const SHUTDOWN: Budget = Budget::AtMost(2000.0);
/// Asynchronous invocations that are accepted per second.
pub(crate) const EVENTS: Budget = Budget::AtLeast(5000.0);
/// Memory after many invokes, against the same after few of them: it stays as it is but for what an allocator keeps.
pub(crate) const MANY_INVOKES: Budget = Budget::TimesPeerAtMost(1.1);

/// A request with many functions there, against the same request with few.
pub(crate) const MANY_FUNCTIONS: Budget = Budget::TimesPeerAtMost(1.5);
/// From exec until the health endpoint answers with all functions there, in ms.
pub(crate) const RESTART: Budget = Budget::AtMost(1000.0);

impl Budget {
    /// The bound in the unit of the row; `None` where it depends on a peer that has no figure.
    pub(crate) fn bound(self, peer: Option<f64>) -> Option<f64> {
        match self {
            Self::AtMost(bound) | Self::AtLeast(bound) => Some(bound),
            Self::TimesPeerAtMost(times) | Self::TimesPeerAtLeast(times) => peer.map(|peer| peer * times),
            Self::TimesFasterThanPeer(times) => peer.map(|peer| peer / times),
        }
    }

    /// Whether the budget is a floor and not a ceiling.
    pub(crate) fn floor(self) -> bool {
        matches!(self, Self::AtLeast(_) | Self::TimesPeerAtLeast(_))
    }

    /// Whether a figure keeps to a bound that [`Budget::bound`] gave.
    pub(crate) fn admits(self, ours: f64, bound: f64) -> bool {
        if self.floor() { ours >= bound } else { ours <= bound }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtMost(bound) => write!(f, "≤ {}", crate::table::figure(*bound)),
            Self::AtLeast(bound) => write!(f, "≥ {}", crate::table::figure(*bound)),
            Self::TimesPeerAtMost(times) => write!(f, "≤ {times} ×"),
            Self::TimesPeerAtLeast(times) => write!(f, "≥ {times} ×"),
            Self::TimesFasterThanPeer(times) => write!(f, "≥ {times} × faster"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_admit_what_is_below_and_floors_what_is_above() {
        assert!(Budget::AtMost(2.0).admits(2.0, 2.0));
        assert!(!Budget::AtMost(2.0).admits(2.01, 2.0));
        assert!(Budget::AtLeast(2.0).admits(2.0, 2.0));
        assert!(!Budget::AtLeast(2.0).admits(1.99, 2.0));
        assert!(Budget::TimesPeerAtLeast(3.0).admits(3100.0, 3000.0));
        assert!(!Budget::TimesPeerAtLeast(3.0).admits(2900.0, 3000.0));
        assert!(Budget::TimesFasterThanPeer(15.0).admits(0.9, 0.9));
        assert!(!Budget::TimesFasterThanPeer(15.0).admits(0.91, 0.9));
    }

    #[test]
    fn bounds_in_terms_of_a_peer_need_the_peer() {
        assert_eq!(Budget::TimesPeerAtMost(0.5).bound(Some(10.0)), Some(5.0));
        assert_eq!(Budget::TimesPeerAtMost(0.5).bound(None), None);
        assert_eq!(Budget::TimesFasterThanPeer(15.0).bound(Some(30.0)), Some(2.0));
        assert_eq!(Budget::AtMost(2.0).bound(None), Some(2.0));
    }
}
