//! Counts what goes into a decompressor and what comes out, and stops where no real archive goes.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;

use crate::limits::{ARCHIVE, HEADERS, RATIO, RATIO_FROM};

/// Which limit was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum LimitReached {
    #[error("more than {ARCHIVE} bytes after decompression")]
    Size,
    #[error("more than {RATIO} bytes come out of each byte of it, as of a decompression bomb")]
    Ratio,
    #[error("an entry has a header of more than {HEADERS} bytes")]
    Header,
}

/// Bytes that have passed; shared by the two ends of a decompressor.
#[derive(Clone, Default)]
pub(super) struct Passed(Rc<Cell<u64>>);

/// Counts the bytes that go in.
pub(super) struct Metered<R> {
    inner: R,
    passed: Passed,
}

// === impl Metered ===

impl<R: Read> Metered<R> {
    pub(super) fn new(inner: R, passed: Passed) -> Self {
        Self { inner, passed }
    }
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(out)?;
        self.passed.0.set(self.passed.0.get() + count as u64);
        Ok(count)
    }
}

/// How much a header may still take; shared with who reads the archive.
#[derive(Clone, Default)]
pub(super) struct Budget(Rc<Cell<Option<u64>>>);

// === impl Budget ===

impl Budget {
    pub(super) fn begin_header(&self) {
        self.0.set(Some(HEADERS));
    }

    pub(super) fn end_header(&self) {
        self.0.set(None);
    }
}

/// Counts the bytes that come out.
pub(super) struct Guard<R> {
    inner: R,
    went_in: Passed,
    came_out: u64,
    budget: Budget,
}

// === impl Guard ===

impl<R: Read> Guard<R> {
    pub(super) fn new(inner: R, went_in: Passed) -> Self {
        Self { inner, went_in, came_out: 0, budget: Budget::default() }
    }

    pub(super) fn budget(&self) -> Budget {
        self.budget.clone()
    }

    fn reached(&self) -> Option<LimitReached> {
        if self.came_out > ARCHIVE {
            return Some(LimitReached::Size);
        }
        let ratio = self.came_out / self.went_in.0.get().max(1);
        if self.came_out > RATIO_FROM && ratio > RATIO {
            return Some(LimitReached::Ratio);
        }
        (self.budget.0.get() == Some(0)).then_some(LimitReached::Header)
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(limit) = self.reached() {
            return Err(io::Error::other(limit));
        }
        let count = self.inner.read(out)?;
        self.came_out += count as u64;
        if let Some(left) = self.budget.0.get() {
            self.budget.0.set(Some(left.saturating_sub(count as u64)));
        }
        Ok(count)
    }
}

/// The limit that an error tells of, however deep others have wrapped it.
pub(super) fn limit_of(error: &io::Error) -> Option<LimitReached> {
    let mut cause: &(dyn std::error::Error + 'static) = error.get_ref()?;
    loop {
        if let Some(limit) = cause.downcast_ref::<LimitReached>() {
            return Some(*limit);
        }
        let wrapped = cause.downcast_ref::<io::Error>();
        let shared = || cause.downcast_ref::<Arc<io::Error>>().map(Arc::as_ref);
        cause = match wrapped.or_else(shared) {
            Some(inner) => inner.get_ref()?,
            None => cause.source()?,
        };
    }
}
