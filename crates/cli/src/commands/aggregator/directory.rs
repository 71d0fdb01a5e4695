//! `multibeam aggregator check`, `backup`, and `restore`: a directory while nobody serves from it.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;

use multibeam_aggregator::store::{self, Summary};
use multibeam_aggregator::{NodeId, StoreError};
use serde_json::json;

use super::JSON_FORMAT;
use crate::commands::fail;
use crate::exit::Exit;

pub(super) fn check(dir: &Path, as_json: bool) -> Result<(), Exit> {
    let report = store::check(dir).map_err(|error| failed(&error))?;
    if as_json {
        let json = json!({
            "format": JSON_FORMAT,
            "sound": report.is_sound(),
            "summary": to_json(&report.summary),
            "findings": report.findings,
            "moreFindings": report.more,
        });
        println!("{json:#}");
    } else {
        say(&report.summary);
        for finding in &report.findings {
            println!("damaged: {finding}");
        }
        if report.more > 0 {
            println!("and {} more", report.more);
        }
    }
    if report.is_sound() {
        return Ok(());
    }
    eprintln!("error: {} is damaged", dir.display());
    eprintln!(
        "  (hint: in a group, remove this member and add a new one with an empty directory; alone, restore a backup)"
    );
    Err(Exit::ENVIRONMENT)
}

pub(super) fn backup(dir: &Path, file: &Path) -> Result<(), Exit> {
    let cannot = |error: &std::io::Error| {
        eprintln!("error: cannot write {}: {error}", file.display());
        Exit::ENVIRONMENT
    };
    let out = File::create_new(file).map_err(|error| cannot(&error))?;
    let mut out = BufWriter::new(out);
    let summary = store::backup(dir, &mut out).map_err(|error| {
        // Half a backup is none.
        let _ = std::fs::remove_file(file);
        failed(&error)
    })?;
    let whole = out.flush().and_then(|()| out.get_ref().sync_all());
    whole.map_err(|error| cannot(&error))?;
    say(&summary);
    println!("written to {}", file.display());
    Ok(())
}

pub(super) fn restore(file: &Path, dir: &Path, node: Option<u64>) -> Result<(), Exit> {
    let input = File::open(file).map_err(|error| {
        eprintln!("error: cannot read {}: {error}", file.display());
        Exit::INPUT
    })?;
    let summary = store::restore(BufReader::new(input), dir, node.map(NodeId))
        .map_err(|error| failed(&error))?;
    say(&summary);
    println!("restored to {}", dir.display());
    Ok(())
}

pub(super) fn alone(dir: &Path, group: &str, address: Option<&str>) -> Result<(), Exit> {
    let alone = store::restore_alone(dir, group, address).map_err(|error| failed(&error))?;
    println!("member {} is the only one of group {:?} now", alone.node, alone.group);
    println!("nothing up to entry {} is missing", alone.committed);
    if alone.last > alone.committed {
        println!(
            "entries {} to {} were not known to be on a majority's disks; they count from now on",
            alone.committed + 1,
            alone.last
        );
    }
    println!(
        "what the others had behind entry {} is lost, and some of it may have been acknowledged",
        alone.last
    );
    println!("start it with --group {} (and --node {})", alone.group, alone.node);
    Ok(())
}

fn failed(error: &StoreError) -> Exit {
    fail(Exit::ENVIRONMENT, error)
}

fn say(summary: &Summary) {
    match (summary.node, &summary.group) {
        (Some(node), Some(group)) => println!("member {node} of group {group:?}"),
        _ => println!("nobody has served from here yet"),
    }
    println!(
        "state up to entry {} ({} bytes), log {} to {} ({} entries), {} older entries kept, {} bytes of entries",
        summary.base,
        summary.state_bytes,
        summary.first,
        summary.last,
        summary.entries,
        summary.kept,
        summary.bytes,
    );
}

fn to_json(summary: &Summary) -> serde_json::Value {
    json!({
        "node": summary.node.map(|node| node.0),
        "group": summary.group,
        "base": summary.base,
        "first": summary.first,
        "last": summary.last,
        "committed": summary.committed,
        "entries": summary.entries,
        "kept": summary.kept,
        "bytes": summary.bytes,
        "stateBytes": summary.state_bytes,
    })
}
