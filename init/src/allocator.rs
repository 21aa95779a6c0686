//! Memory, from the allocator that suits its size.
//!
//! musl's own asks the kernel for small pieces and gives them back all the time, several calls for each invocation;
//! but with large ones it is at its best: each is a mapping that grows without being copied and is gone when it is
//! freed. dlmalloc is the other way round.

#![expect(unsafe_code, reason = "an allocator is made of promises that the compiler cannot check")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

use dlmalloc::GlobalDlmalloc;

/// From this size on, in bytes, musl maps memory for each piece. [musl: mallocng, MMAP_THRESHOLD]
const LARGE: usize = 131_052;

/// Chooses by size, which whoever frees memory knows too.
pub(crate) struct BySize;

fn is_large(size: usize) -> bool {
    size >= LARGE
}

// SAFETY: every piece is freed and resized by the allocator that gave it: the choice depends on the layout alone, which
// callers promise to be the same. Both allocators keep the promises that are asked of them.
unsafe impl GlobalAlloc for BySize {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: our caller's promises are theirs.
        unsafe { if is_large(layout.size()) { System.alloc(layout) } else { GlobalDlmalloc.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe {
            if is_large(layout.size()) {
                System.alloc_zeroed(layout)
            } else {
                GlobalDlmalloc.alloc_zeroed(layout)
            }
        }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: as above; `piece` came from the same side.
        unsafe {
            if is_large(layout.size()) {
                System.dealloc(piece, layout);
            } else {
                GlobalDlmalloc.dealloc(piece, layout);
            }
        }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match (is_large(layout.size()), is_large(size)) {
            // SAFETY: as above.
            (true, true) => unsafe { System.realloc(piece, layout, size) },
            // SAFETY: as above.
            (false, false) => unsafe { GlobalDlmalloc.realloc(piece, layout, size) },
            (true, false) | (false, true) => {
                // SAFETY: our caller promises that `size` makes a layout; as much is copied as both pieces hold, and
                // they are two; the old one is freed once nobody needs it.
                unsafe {
                    let other = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                    if !other.is_null() {
                        ptr::copy_nonoverlapping(piece, other, layout.size().min(size));
                        self.dealloc(piece, layout);
                    }
                    other
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_survives_every_way_to_grow_and_shrink() {
        let sizes = [1, 100, LARGE - 1, LARGE, LARGE + 1, 10 * LARGE];
        for from in sizes {
            for to in sizes {
                let mut bytes: Vec<u8> = Vec::with_capacity(from);
                bytes.extend((0..from).map(|n| u8::try_from(n % 251).unwrap()));
                bytes.reserve_exact(to.saturating_sub(from));
                bytes.truncate(to);
                bytes.shrink_to_fit();
                assert!(bytes.iter().enumerate().all(|(n, byte)| usize::from(*byte) == n % 251));
            }
        }
    }

    #[test]
    fn zeroed_memory_is_zero() {
        for size in [10, LARGE - 1, LARGE, 3 * LARGE] {
            drop(vec![7_u8; size]);
            assert!(vec![0_u8; size].iter().all(|byte| *byte == 0));
        }
    }
}
