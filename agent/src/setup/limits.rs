//! Limits of the function's processes, which inherit ours.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit};

/// Names the limits that are to be Lambda's, separated by commas. Others stay the engine's.
pub(crate) const VARIABLE: &str = "LAMBDOCK_RLIMITS";

const MIB: rlim_t = 1024 * 1024;

/// Name, soft and hard limit. Not the number of processes: the kernel counts those of a user on the whole machine, in
/// all containers, so an engine's limit of a container's processes has its place. [AWS: as functions see them]
const LIMITS: [(&str, Resource, rlim_t, rlim_t); 4] = [
    ("core", Resource::RLIMIT_CORE, 10_240 * MIB, 10_240 * MIB),
    ("memlock", Resource::RLIMIT_MEMLOCK, MIB / 16, MIB / 16),
    ("nofile", Resource::RLIMIT_NOFILE, 1024, 1024),
    ("stack", Resource::RLIMIT_STACK, 8 * MIB, RLIM_INFINITY),
];

/// Takes on the limits of these names, as far as the engine's allow. What cannot be done is told, for people.
pub(crate) fn take_on(names: &str) -> Vec<String> {
    names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .filter_map(|name| take_on_one(name).err())
        .collect()
}

fn take_on_one(name: &str) -> Result<(), String> {
    let known = LIMITS.into_iter().find(|(known, ..)| *known == name);
    let (_, resource, soft, hard) = known.ok_or_else(|| {
        let names = LIMITS.map(|(known, ..)| known).join(", ");
        format!("{VARIABLE}: there is no limit {name:?}; there are: {names}")
    })?;
    let (_, bound) = getrlimit(resource).map_err(|error| format!("the limit {name} is unknown: {error}"))?;
    // Nobody may go beyond a hard limit but the root of the whole machine.
    setrlimit(resource, soft.min(bound), hard.min(bound))
        .map_err(|error| format!("the limit {name} stays as it is: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_do_not_exist_are_told_and_the_others_are_taken_on() {
        // One that does not matter to tests, lowered to what it would be at most.
        let told = take_on("memlock, ,speed");
        assert_eq!(
            told,
            ["LAMBDOCK_RLIMITS: there is no limit \"speed\"; there are: core, memlock, nofile, stack"]
        );
        let (soft, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).unwrap();
        assert!(soft <= MIB / 16 && hard <= MIB / 16);
    }
}
