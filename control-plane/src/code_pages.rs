//! Gives back the pages of this program's code that its start has touched: the command line, the configuration, the
//! schema of the store. The kernel maps the code that is needed from then on again, from its own cache.

use std::num::NonZero;
use std::ops::Range;
use std::ptr::NonNull;
use std::{fs, io};

use nix::sys::mman::{MmapAdvise, madvise};

/// Where the kernel tells what is mapped. [proc(5)]
const MAPS: &str = "/proc/self/maps";

/// Unmaps the pages of this program's code; they stay in the kernel's cache of files. Returns how many bytes of
/// addresses that were.
///
/// # Errors
/// The kernel does not tell what is mapped, or refuses.
pub fn give_back() -> io::Result<usize> {
    let program = fs::read_link("/proc/self/exe")?;
    let maps = fs::read_to_string(MAPS)?;
    let mut total = 0;
    for range in code_of(&program.to_string_lossy(), &maps) {
        total += range.len();
        unmap(range)?;
    }
    Ok(total)
}

/// The ranges of addresses at which a program's code is mapped.
fn code_of(program: &str, maps: &str) -> Vec<Range<usize>> {
    maps.lines().filter_map(|line| code(line, program)).collect()
}

/// `55d0-55e0 r-xp 00001000 fe:00 1234 /path`: code is what can be executed and was never written to.
fn code(line: &str, program: &str) -> Option<Range<usize>> {
    let mut words = line.splitn(6, ' ');
    let (range, permissions) = (words.next()?, words.next()?);
    let path = words.nth(3)?.trim_start();
    let (start, end) = range.split_once('-')?;
    let address = |word| usize::from_str_radix(word, 16).ok();
    (permissions == "r-xp" && path == program).then_some(address(start)?..address(end)?)
}

#[expect(unsafe_code, reason = "a call of the kernel that has no safe wrapper")]
fn unmap(range: Range<usize>) -> io::Result<()> {
    let Some(start) = NonZero::new(range.start).map(NonNull::with_exposed_provenance) else { return Ok(()) };
    // SAFETY: a private mapping of a file that nobody has written to reads the same bytes when it is touched again: the
    // kernel lets no file be changed that is being executed.
    unsafe { madvise(start, range.len(), MmapAdvise::MADV_DONTNEED) }.map_err(io::Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_what_of_the_program_can_be_executed() {
        let maps = "\
1000-2000 r--p 00000000 fe:00 11                         /bin/a program
2000-5000 r-xp 00001000 fe:00 11                         /bin/a program
5000-6000 r--p 00004000 fe:00 11                         /bin/a program
6000-7000 rw-p 00005000 fe:00 11                         /bin/a program
7f00-8f00 r-xp 00001000 fe:00 12                         /lib/other
9000-a000 r-xp 00000000 00:00 0                          [vdso]
b000-c000 rw-p 00000000 00:00 0
nonsense";
        assert_eq!(code_of("/bin/a program", maps), vec![0x2000..0x5000]);
        assert!(code_of("/bin/a", maps).is_empty());
    }

    #[test]
    fn this_program_goes_on_without_the_pages_that_it_gave_back() {
        let resident = || -> usize {
            let maps = fs::read_to_string("/proc/self/smaps").unwrap();
            let program = fs::read_link("/proc/self/exe").unwrap();
            let mut lines = maps.lines();
            lines.find(|line| code(line, &program.to_string_lossy()).is_some()).unwrap();
            let line = lines.find_map(|line| line.strip_prefix("Rss:")).unwrap();
            line.trim().trim_end_matches(" kB").parse().unwrap()
        };
        let before = resident();
        assert!(give_back().unwrap() > before << 10);
        assert!(resident() < before, "{} of {before} KiB", resident());
    }
}
