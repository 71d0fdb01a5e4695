//! Faults that a test can plant, to see that it would find them. Without the feature `plant` every
//! question is answered with a constant `false`, and nothing is left of it in the program.

/// A fault that can sit nowhere but in this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// A report that came before takes the place of the first one.
    SealTwice,
    /// A loss counts although the attempt was sealed before.
    LossAfterSeal,
    /// A coordinator is told that it is in office by a leader that may have been replaced.
    AttendUnconfirmed,
}

#[cfg(feature = "plant")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Plant>> = const { std::cell::Cell::new(None) };
}

/// Plants a fault in everything that this thread runs from now on, or takes it away.
#[cfg(feature = "plant")]
pub fn set(plant: Option<Plant>) {
    PLANTED.set(plant);
}

/// Whether this fault is planted.
#[cfg(feature = "plant")]
pub(crate) fn is(plant: Plant) -> bool {
    PLANTED.get() == Some(plant)
}

/// Whether this fault is planted: never.
#[cfg(not(feature = "plant"))]
pub(crate) const fn is(_: Plant) -> bool {
    false
}
