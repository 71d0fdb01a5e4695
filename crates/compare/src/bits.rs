//! Sets of targets, by their place in the comparison.

/// A set of targets. All sets that meet are of one size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set for `size` targets.
    pub(crate) fn none(size: usize) -> Self {
        Self(vec![0; size.div_ceil(64)])
    }

    /// The members that `is_in` names, of `size` targets.
    pub(crate) fn of(size: usize, is_in: impl Fn(usize) -> bool) -> Self {
        let mut bits = Self::none(size);
        for index in (0..size).filter(|index| is_in(*index)) {
            bits.insert(index);
        }
        bits
    }

    pub(crate) fn insert(&mut self, index: usize) {
        self.0[index / 64] |= 1 << (index % 64);
    }

    pub(crate) fn has(&self, index: usize) -> bool {
        self.0[index / 64] & (1 << (index % 64)) != 0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| other & !own == 0)
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        self.with(other, |own, other| own & other)
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        self.with(other, |own, other| own | other)
    }

    pub(crate) fn without(&self, other: &Self) -> Self {
        self.with(other, |own, other| own & !other)
    }

    /// How many are in both; makes no set.
    pub(crate) fn shared(&self, other: &Self) -> usize {
        self.0.iter().zip(&other.0).map(|(a, b)| (a & b).count_ones() as usize).sum()
    }

    /// The members, in order.
    pub(crate) fn members(&self) -> Vec<usize> {
        (0..self.0.len() * 64).filter(|index| self.has(*index)).collect()
    }

    fn with(&self, other: &Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(own, other)| join(*own, *other)).collect())
    }
}
