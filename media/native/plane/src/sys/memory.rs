//! What the processor and the allocator are told about the memory of pictures.

/// How long freed memory waits to be used again before the kernel gets it back, in milliseconds.
const KEPT_MS: std::ffi::c_long = 10_000;
/// `mi_option_purge_delay` of mimalloc 3, which the binding does not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// Bytes that the processor fetches at once.
const LINE_BYTES: usize = 64;

/// Keeps the memory of pictures that were freed for those that come next.
///
/// A stream frees a whole group of pictures at each key frame and takes as much until the next one, some seconds later.
/// Memory that was given back to the kernel in between comes back page by page, and each page costs more than the copy
/// of what goes there. Without effect where the program has another allocator, as tests have.
pub fn keep_freed() {
    // SAFETY: it takes two numbers and no pointer, checks the first one, and stores the second in an atomic.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT_MS) }
}

/// Tells the processor that `value` is needed soon, so that it fetches all of it while something else is done.
#[inline]
pub fn prefetch<T>(value: &T) {
    let start = std::ptr::from_ref(value).cast::<i8>();
    for offset in (0..size_of::<T>()).step_by(LINE_BYTES) {
        fetch(start.wrapping_add(offset));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn fetch(line: *const i8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing that the program sees and faults at no address; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(line) }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn fetch(_line: *const i8) {}
