//! The lists that are built in. A row is a test with the minors whose lists have it; texts and
//! releases change rarely, so 22 lists take the room of two.

use super::Test;
use crate::Minor;

/// Tab-separated: minors (`1.15-1.20,1.22`), release, text.
const TABLE: &str = include_str!("../../data/required-tests.tsv");

struct Row {
    minors: &'static str,
    release: &'static str,
    text: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().skip(1).filter_map(|line| {
        let mut cells = line.splitn(3, '\t');
        Some(Row { minors: cells.next()?, release: cells.next()?, text: cells.next()? })
    })
}

pub(super) fn tests(minor: Minor) -> Vec<Test> {
    let has = |row: &Row| ranges(row.minors).any(|(from, to)| from <= minor && minor <= to);
    let test = |row: Row| Test { text: row.text.to_owned(), release: row.release.to_owned() };
    rows().filter(has).map(test).collect()
}

pub(super) fn minors() -> Vec<Minor> {
    let all = || rows().flat_map(|row| ranges(row.minors));
    let first = all().map(|(from, _)| from).min();
    let last = all().map(|(_, to)| to).max();
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    (first.minor..=last.minor).map(|minor| Minor::new(first.major, minor)).collect()
}

fn ranges(minors: &'static str) -> impl Iterator<Item = (Minor, Minor)> {
    minors.split(',').filter_map(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        Some((Minor::parse(from)?, Minor::parse(to)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let mut previous = ("", "");
        for (row, line) in rows().zip(TABLE.lines().skip(1)) {
            assert!(row.text.contains("[Conformance]"), "{line}");
            assert!(ranges(row.minors).all(|(from, to)| from <= to), "{line}");
            assert_eq!(ranges(row.minors).count(), row.minors.split(',').count(), "{line}");
            assert!(previous < (row.text, row.release), "the rows are sorted: {line}");
            previous = (row.text, row.release);
        }
        assert_eq!(rows().count(), TABLE.lines().count() - 1);
    }
}
