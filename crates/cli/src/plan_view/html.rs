//! The chart of a plan: one HTML file that needs nothing else.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use multibeam_forecast::Bar;

use super::{ASSUMPTIONS, Planned};
use crate::view::short;

/// Pixels of the chart.
const WIDTH: f64 = 1100.0;
const ROW: f64 = 14.0;
const HEAD: f64 = 26.0;
const LEFT: f64 = 40.0;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:2em;color:#222;background:#fff}\
svg text{font:11px system-ui,sans-serif;fill:#555}.p{fill:#3b7dd8}.s{fill:#d98a29}\
.c{stroke:#b00020;stroke-width:2}td,th{padding:.2em 1em .2em 0;text-align:left}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}svg text{fill:#aaa}}";

/// Writes the chart.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, planned: &Planned<'_>) -> io::Result<()> {
    std::fs::write(path, page(planned))
}

/// The whole page.
fn page(planned: &Planned<'_>) -> String {
    let mut out = String::new();
    let name = escape(&planned.run.name);
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Plan of {name}</title>\
         <style>{STYLE}</style><h1>Plan of {name}</h1><table><tr><th>target<th>expected<th>range\
         <th>limit<th>ratio<th>one more cluster<th>8 more processes each</tr>"
    );
    for (scene, target) in planned.scene.targets.iter().zip(&planned.forecast.targets) {
        let ratio = target.expected.as_secs_f64() / target.limit.as_secs_f64().max(0.001);
        let _ = write!(
            out,
            "<tr><td>{}<td>{}<td>{} to {}<td>{}<td>{ratio:.3}<td>{}<td>{}</tr>",
            escape(&scene.name),
            short(target.expected),
            short(target.range.0),
            short(target.range.1),
            short(target.limit),
            short(target.with_cluster),
            short(target.with_processes),
        );
    }
    out.push_str("</table>");
    chart(&mut out, planned);
    let _ = writeln!(
        out,
        "<p>Blue: parallel. Orange: serial, alone on its cluster. Framed: what the end of its \
         target waits for. {ASSUMPTIONS}</p></html>"
    );
    out
}

fn chart(out: &mut String, planned: &Planned<'_>) {
    let scale = (WIDTH - LEFT) / planned.forecast.course.end().as_secs_f64().max(0.001);
    let critical: Vec<&Bar> =
        planned.forecast.targets.iter().flat_map(|target| &target.critical).collect();
    let mut body = String::new();
    let mut y = 0.0;
    for (id, cluster) in planned.scene.clusters() {
        let _ = write!(body, "<text x=\"0\" y=\"{}\">{}</text>", y + 18.0, escape(&cluster.name));
        y += HEAD;
        for (number, row) in (1..).zip(planned.rows(id)) {
            let _ = write!(body, "<text x=\"8\" y=\"{}\">{number}</text>", y + 10.0);
            for bar in row.bars {
                let x = LEFT + bar.from.as_secs_f64() * scale;
                let width = (bar.to.saturating_sub(bar.from)).as_secs_f64() * scale;
                let class = match (bar.serial, critical.contains(&bar)) {
                    (false, false) => "p",
                    (true, false) => "s",
                    (false, true) => "p c",
                    (true, true) => "s c",
                };
                let time = short(bar.to.saturating_sub(bar.from));
                let name = escape(&planned.name(bar));
                let _ = write!(
                    body,
                    "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y}\" width=\"{:.1}\" \
                     height=\"{}\"><title>{name} ({time})</title></rect>",
                    (width - 0.3).max(0.3),
                    ROW - 2.0
                );
            }
            y += ROW;
        }
    }
    let _ = write!(out, "<svg width=\"{WIDTH}\" height=\"{}\" role=\"img\">{body}</svg>", y + HEAD);
}

/// Text that no browser takes for markup. Control characters go.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn names_of_specs_are_text() {
        assert_eq!(escape("a <b> & \"c\"\u{1b}[1m"), "a &lt;b&gt; &amp; &quot;c&quot;[1m");
    }
}
