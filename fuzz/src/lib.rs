//! What the fuzz targets share: an allocator that does not let a decoder take much more than its
//! input. libFuzzer itself only sees memory that was touched.

use std::alloc::{GlobalAlloc, Layout, System};
use std::process::abort;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Bytes that may be allocated at a time. Inputs have a few kilobytes; the largest honest use is a
/// parser's first guess at the length of a list (1 MiB at most).
static MOST: AtomicUsize = AtomicUsize::new(64 << 20);

/// Allows more, for a target that opens a ledger's store: its buffers alone take what others may.
pub fn allow(bytes: usize) {
    MOST.store(bytes, Relaxed);
}

struct Bounded;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fn grow(bytes: usize) {
    let before = ALLOCATED.fetch_add(bytes, Relaxed);
    let most = MOST.load(Relaxed);
    if before.saturating_add(bytes) > most {
        // Panicking would allocate. libFuzzer keeps the input when a process aborts.
        ALLOCATED.store(0, Relaxed);
        eprintln!("more than {most} bytes are allocated: {before}, and now {bytes}");
        abort();
    }
}

// SAFETY: everything is done by the system's allocator; this one only counts.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        grow(size);
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// The parts of an input that is several messages: each stands behind its length (two bytes, little
/// endian); what is too short for that ends the list.
pub fn split(mut data: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (part, rest) = rest.split_at(length);
        parts.push(part);
        data = rest;
    }
    parts
}

/// What [`split`] takes apart.
pub fn join<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut data = Vec::new();
    for part in parts {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
        data.extend_from_slice(&length.to_le_bytes());
        data.extend_from_slice(&part[..usize::from(length)]);
    }
    data
}
