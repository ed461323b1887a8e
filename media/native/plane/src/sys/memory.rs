//! What the processor and the allocator are told about the memory of pictures.

/// Larger pieces are mapped one by one, and given back to the kernel when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const MAPPED_BYTES: libc::c_int = 4 << 20;
/// So much free memory at the end of a heap stays with the process.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: libc::c_int = 16 << 20;
/// Bytes that the processor fetches at once.
const LINE_BYTES: usize = 64;

/// Keeps the memory of pictures that were freed for those that come next.
///
/// A stream frees a whole group of pictures at each key frame, and takes as much until the next one. By its defaults
/// the C library gives such memory back to the kernel, and takes it again page by page: a fault for each 4 KiB, which
/// costs more than the copy of what goes there. Another C library than that of GNU is left as it is.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two numbers and no pointer, and may be called at any time; glibc locks its arenas.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
    }
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
