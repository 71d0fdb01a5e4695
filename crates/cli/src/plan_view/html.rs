//! The chart of a plan: one HTML file that needs nothing else.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use multibeam_forecast::{Bar, MORE_PROCESSES, TargetForecast};
use multibeam_model::ClusterId;

use super::Planned;
use crate::view::{clean, short};

/// Pixels of the chart.
const WIDTH: f64 = 1100.0;
const ROW: f64 = 14.0;
const HEAD: f64 = 26.0;
const LEFT: f64 = 40.0;

/// Pixels between one execution and the next.
const GAP: f64 = 0.3;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:2em;color:#222;background:#fff}\
svg text{font:11px system-ui,sans-serif;fill:#555}.p{fill:#3b7dd8}.s{fill:#d98a29}\
.c{stroke:#b00020;stroke-width:2}td,th{padding:.2em 1em .2em 0;text-align:left}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}svg text{fill:#aaa}}";

/// The whole page. Names of specs are text in it, never markup.
pub(crate) fn page(planned: &Planned<'_>) -> String {
    let title = format!("Plan of {}", clean(&planned.run.name));
    let targets = planned.scene.targets.iter().zip(&planned.forecast.targets);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                table {
                    thead {
                        tr {
                            th { "target" } th { "expected" } th { "range" } th { "limit" }
                            th { "ratio" } th { "one more cluster" }
                            th { (MORE_PROCESSES) " more processes each" }
                        }
                    }
                    tbody {
                        @for (scene, target) in targets { (figures(&scene.name, target)) }
                    }
                }
                (chart(planned))
                p {
                    "Blue: parallel. Orange: serial, alone on its cluster. Framed: what the end of \
                     its target waits for. " (planned.assumptions())
                }
            }
        }
    };
    page.into_string() + "\n"
}

fn figures(name: &str, target: &TargetForecast) -> Markup {
    let (low, high) = target.range;
    html! {
        tr {
            td { (clean(name)) }
            td { (short(target.expected)) }
            td { (short(low)) " to " (short(high)) }
            td { (short(target.limit)) }
            td { (format!("{:.3}", target.ratio())) }
            td { (short(target.with_cluster)) }
            td { (short(target.with_processes)) }
        }
    }
}

/// One block for each cluster, one row in it for each process.
fn chart(planned: &Planned<'_>) -> Markup {
    let scale = (WIDTH - LEFT) / planned.forecast.course.end().as_secs_f64().max(0.001);
    let mut height = 0.0;
    let mut blocks = Vec::new();
    for (id, cluster) in planned.scene.clusters() {
        blocks.push(html! { text x="0" y=(height + 18.0) { (clean(&cluster.name)) } });
        height += HEAD;
        blocks.push(rows(planned, id, height, scale));
        height += ROW * planned.rows(id).len() as f64;
    }
    html! {
        svg width=(WIDTH) height=(height + HEAD) role="img" {
            title { "What each process of each cluster runs, from left to right" }
            @for block in blocks { (block) }
        }
    }
}

/// The rows of a cluster, `top` pixels from the upper edge, `scale` pixels to a second.
fn rows(planned: &Planned<'_>, cluster: ClusterId, top: f64, scale: f64) -> Markup {
    html! {
        @for (index, row) in planned.rows(cluster).iter().enumerate() {
            @let y = top + ROW * index as f64;
            text x="8" y=(y + 10.0) { (index + 1) }
            @for bar in &row.bars {
                rect class=(class(planned, bar))
                    x=(format!("{:.1}", LEFT + bar.from.as_secs_f64() * scale))
                    y=(y)
                    width=(format!("{:.1}", (bar.length().as_secs_f64() * scale - GAP).max(GAP)))
                    height=(ROW - 2.0)
                {
                    title { (clean(&planned.name(bar))) " (" (short(bar.length())) ")" }
                }
            }
        }
    }
}

fn class(planned: &Planned<'_>, bar: &Bar) -> &'static str {
    let mut critical = planned.forecast.targets.iter().flat_map(|target| &target.critical);
    match (bar.serial, critical.any(|waited| waited == bar)) {
        (false, false) => "p",
        (true, false) => "s",
        (false, true) => "p c",
        (true, true) => "s c",
    }
}
