//! `matrix`: one entry of `targets` that stands for many.

use std::collections::BTreeSet;

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::render::quote;
use multibeam_document::suggest;
use multibeam_document::table::{Extra, KeyRule, Object, Ty, optional};
use multibeam_document::yaml::{Kind, Node, Span, Spanned};

use super::{SCALAR, warn_number};
use crate::bounds::MAX_TARGETS;
use crate::template::Row;

/// The keys of `matrix` that are not axes.
const RULES: [&str; 2] = ["include", "exclude"];

const fn axis_rule() -> KeyRule {
    KeyRule {
        what: "a matrix axis",
        pattern: "^[A-Za-z][A-Za-z0-9_-]{0,62}$",
        rule: "up to 63 letters, digits, dashes, and underscores, beginning with a letter",
        allows: crate::name::is_axis,
    }
}

static AXIS: Extra = Extra { keys: axis_rule(), value: Ty::List { item: &SCALAR, min: 1 } };
static CELL: Extra = Extra { keys: axis_rule(), value: Ty::Scalar };

static ROW: Object =
    Object { name: "a row of the matrix", doc: "Values by axis.", fields: &[], extra: Some(&CELL) };

static ROW_TY: Ty = Ty::Object(&ROW);

pub(crate) static MATRIX: Object = Object {
    name: "matrix",
    doc: "Axes with their values: one target for each combination. ${matrix.AXIS} stands for the value; each value is also a label of its target.",
    fields: &[
        optional(
            "include",
            Ty::List { item: &ROW_TY, min: 0 },
            "Further rows; each names every axis.",
        ),
        optional(
            "exclude",
            Ty::List { item: &ROW_TY, min: 0 },
            "Rows to leave out: all that have the given values.",
        ),
    ],
    extra: Some(&AXIS),
};

/// A `matrix` as written.
#[derive(Debug, Clone)]
pub(crate) struct RawMatrix {
    pub(crate) span: Span,
    /// In the order of the file: the first one varies slowest.
    pub(crate) axes: Vec<Axis>,
    include: Vec<Rule>,
    exclude: Vec<Rule>,
    /// Something in it was unreadable and reported, so that rows would be wrong.
    broken: bool,
}

/// An axis and its values.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    pub(crate) name: Spanned<String>,
    values: Vec<String>,
}

/// An entry of `include` or `exclude`.
#[derive(Debug, Clone)]
struct Rule {
    span: Span,
    cells: Row,
}

// === impl RawMatrix ===

impl RawMatrix {
    /// The names of the axes.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.axes.iter().map(|axis| axis.name.value.as_str()).collect()
    }

    /// All rows: the combinations without the excluded ones, then the included ones. Nothing if
    /// there is none or too many; the reason is in the sink.
    pub(crate) fn rows(&self, sink: &mut Sink<'_>) -> Option<Vec<Row>> {
        if self.broken {
            return None;
        }
        let written = self.axes.iter().filter(|axis| !axis.values.is_empty());
        let product = written.clone().try_fold(1_usize, |n, axis| n.checked_mul(axis.values.len()));
        // Before anything is built: five axes of 500 values are 31 million millions.
        let limit = 64 * MAX_TARGETS;
        let Some(_) = product.filter(|n| *n <= limit) else {
            let message = format!("the matrix has more than {limit} combinations");
            sink.error(Code::TooLarge, self.span, message, None);
            return None;
        };
        let mut rows = Vec::new();
        for axis in written {
            let before = if rows.is_empty() { vec![Row::new()] } else { std::mem::take(&mut rows) };
            for row in before {
                for value in &axis.values {
                    let mut row = row.clone();
                    row.insert(axis.name.value.clone(), value.clone());
                    rows.push(row);
                }
            }
        }
        for rule in &self.exclude {
            let all = rows.len();
            rows.retain(|row| !rule.cells.iter().all(|(axis, value)| row.get(axis) == Some(value)));
            if rows.len() == all {
                let message = "this exclude rule matches no row";
                let hint = "the values must be written as in the axis".to_owned();
                sink.warning(Code::BadMatrix, rule.span, message, Some(hint));
            }
        }
        for rule in &self.include {
            if rows.contains(&rule.cells) {
                let hint = "remove it; include adds rows that no combination gives".to_owned();
                sink.error(Code::BadMatrix, rule.span, "this row is there already", Some(hint));
            } else {
                rows.push(rule.cells.clone());
            }
        }
        if rows.is_empty() {
            let (message, hint) = if self.exclude.is_empty() {
                ("the matrix has no rows", "give it an axis, such as cni: [cilium, calico]")
            } else {
                ("exclude leaves no row of the matrix", "remove the target instead")
            };
            sink.error(Code::BadMatrix, self.span, message, Some(hint.to_owned()));
            return None;
        }
        Some(rows)
    }
}

/// Reads the `matrix` of a target, if it is there.
pub(crate) fn read(target: &Node, sink: &mut Sink<'_>) -> Option<RawMatrix> {
    let node = target.get("matrix")?;
    let entry = target.entries().iter().find(|e| e.key.value == "matrix");
    let span = entry.map_or(node.span, |e| e.key.span);
    let mut matrix = RawMatrix {
        span,
        axes: Vec::new(),
        include: Vec::new(),
        exclude: Vec::new(),
        broken: !matches!(node.kind, Kind::Map(_)),
    };
    for entry in node.entries().iter().filter(|e| !RULES.contains(&e.key.value.as_str())) {
        let mut values: Vec<String> = Vec::new();
        for item in entry.value.items() {
            let Some(value) = item.scalar() else {
                matrix.broken = true;
                continue;
            };
            warn_number(item, sink);
            if values.iter().any(|known| known == value) {
                let message =
                    format!("{} twice on the axis {}", quote(value), quote(&entry.key.value));
                sink.error(Code::BadMatrix, item.span, message, Some("remove one".to_owned()));
                matrix.broken = true;
            }
            values.push(value.to_owned());
        }
        matrix.broken |= values.is_empty();
        matrix.axes.push(Axis { name: entry.key.clone(), values });
    }
    let listed = !matrix.axes.is_empty();
    if !listed {
        // Rows written one by one: the axes are what the rows name.
        let mut seen = BTreeSet::new();
        for cell in node.get("include").iter().flat_map(|n| n.items()).flat_map(|r| r.entries()) {
            if seen.insert(cell.key.value.clone()) {
                matrix.axes.push(Axis { name: cell.key.clone(), values: Vec::new() });
            }
        }
    }
    for key in RULES {
        for row in node.get(key).map(Node::items).unwrap_or_default() {
            let rule = rule(row, key, &mut matrix, sink);
            if key == "include" { matrix.include.push(rule) } else { matrix.exclude.push(rule) }
        }
    }
    Some(matrix)
}

fn rule(node: &Node, key: &str, matrix: &mut RawMatrix, sink: &mut Sink<'_>) -> Rule {
    let mut cells = Row::new();
    let known: Vec<String> = matrix.axes.iter().map(|a| a.name.value.clone()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    if !matches!(node.kind, Kind::Map(_)) {
        matrix.broken = true;
        return Rule { span: node.span, cells };
    }
    for entry in node.entries() {
        if !known.contains(&entry.key.value.as_str()) {
            let message = format!(
                "{key} names the axis {}, which the matrix does not have",
                quote(&entry.key.value)
            );
            sink.error(
                Code::BadMatrix,
                entry.key.span,
                message,
                suggest::hint(&entry.key.value, &known),
            );
            matrix.broken = true;
        }
        match entry.value.scalar() {
            Some(value) => {
                warn_number(&entry.value, sink);
                cells.insert(entry.key.value.clone(), value.to_owned());
            }
            None => matrix.broken = true,
        }
    }
    let span = node.entries().first().map_or(node.span, |e| e.key.span);
    let missing: Vec<&str> =
        known.iter().copied().filter(|axis| node.get(axis).is_none()).collect();
    if key == "include" && !missing.is_empty() {
        let message =
            format!("include must name every axis, this row lacks {}", missing.join(", "));
        sink.error(Code::BadMatrix, span, message, None);
        matrix.broken = true;
    }
    if key == "exclude" && node.entries().is_empty() {
        let hint = "name at least one axis and its value".to_owned();
        sink.error(
            Code::BadMatrix,
            span,
            "an exclude rule without values matches every row",
            Some(hint),
        );
        matrix.broken = true;
    }
    Rule { span, cells }
}
