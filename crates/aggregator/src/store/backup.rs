//! Everything in a directory as one stream, and back.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use multibeam_ledger::node::disk::{LogEntry, NodeId};

use super::StoreError;
use super::check::{Report, Summary};
use super::content::Content;
use super::dir::io_error;
use super::disk::{Disk, Identity};
use super::durable::Store;
use super::engine;
use super::layout::{self, FIRST};
use super::places::Places;
use super::stream::{self, End, Frame, Header, bad};

/// Bytes of one piece of the state.
const PIECE: usize = 1 << 20;

/// Writes everything in `dir` to `out`: whose it is, state, terms and votes, log, kept payloads. The
/// node must not run. What is damaged does not get into a backup: it is an error.
///
/// # Errors
/// When the directory is in use, fresh, or damaged, or `out` fails.
pub fn backup(dir: &Path, out: impl Write) -> Result<Summary, StoreError> {
    let store = Store::open_existing(dir)?;
    let fresh = || StoreError::Fresh { dir: dir.to_owned() };
    let record = &store.content.record;
    let header = Header {
        identity: record.identity.clone().ok_or_else(fresh)?,
        base: record.base.clone(),
        hard: record.hard,
        start: record.start,
        last: record.last,
    };
    let mut out = stream::Writer::begin(out)?;
    out.header(&header)?;
    let mut summary = store.summary();
    let state = store.recovered()?.state;
    for piece in state.chunks(PIECE) {
        out.state(piece)?;
    }
    summary.state_bytes = state.len() as u64;
    drop(state);
    for (generation, index) in store.content.kept.iter() {
        let entry = store.kept_entry(generation, index)?;
        summary.bytes += entry.data.len() as u64;
        out.kept(&entry)?;
    }
    for index in record.start.first..=record.last {
        let missing = || store.writer.engine.damaged(format!("entry {index} is missing"));
        let entry = store.reader.read(index)?.ok_or_else(missing)?;
        summary.bytes += entry.data.len() as u64;
        out.entry(&entry)?;
    }
    out.end(&End { state: summary.state_bytes, kept: summary.kept, entries: summary.entries })?;
    Ok(summary)
}

/// Makes a directory of a backup, as the node of the backup or as another one of its group. The
/// directory must be empty or not be there yet, and cannot be opened before all of it is durable and
/// was read again.
///
/// A backup is older than what its node has promised the others since. Unless the whole group
/// begins again from one backup, a node must not come back from it under its old number: remove
/// the member and add a new one, or see [`super::restore_alone`].
///
/// # Errors
/// When the directory has something in it, the backup is damaged or cut off, or the storage fails.
pub fn restore(
    input: impl Read,
    dir: &Path,
    as_node: Option<NodeId>,
) -> Result<Summary, StoreError> {
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(StoreError::NotEmpty { dir: dir.to_owned() });
    }
    let mut input = stream::Reader::begin(input)?;
    let Frame::Header(header) = input.next()? else {
        return Err(bad("it does not begin with its header"));
    };
    let node = as_node.unwrap_or(header.identity.node);
    let identity = Identity { node, group: header.identity.group.clone() };
    let mut store = Store::begin_restore(dir)?;
    let content = store.take_in(&mut input, &header, &identity)?;
    input.finish()?;
    if let Some(what) = content.record.contradiction() {
        return Err(bad(what));
    }
    store.place(content)?;
    drop(store);
    let store = Store::open_restored(dir)?;
    let mut report = Report::default();
    report.examine(&store);
    if let Some(what) = report.findings.into_iter().next() {
        return Err(StoreError::Damaged { dir: dir.to_owned(), what });
    }
    store.end_restore()?;
    Ok(report.summary)
}

/// What has been taken in.
#[derive(Default)]
struct Taken {
    state: Vec<u8>,
    kept: Vec<u64>,
    unflushed: usize,
    end: End,
}

impl Store {
    fn take_in(
        &mut self,
        input: &mut stream::Reader<impl Read>,
        header: &Header,
        identity: &Identity,
    ) -> Result<Content, StoreError> {
        let mut content = Content::default();
        content.found(identity, &header.base, FIRST);
        content.record.hard = header.hard;
        content.record.start = header.start;
        content.record.last = header.start.first.saturating_sub(1);
        let mut taken = Taken::default();
        loop {
            match input.next()? {
                Frame::Header(_) => return Err(bad("it has two headers")),
                Frame::State(piece) => taken.state.extend_from_slice(&piece),
                Frame::Kept(entry) => {
                    if entry.index >= header.start.first {
                        return Err(bad("an entry is not where it belongs"));
                    }
                    self.take_entry(&entry, &mut taken)?;
                    taken.kept.push(entry.index);
                }
                Frame::Entry(entry) => {
                    if !content.record.append(entry.index, entry.term) {
                        return Err(bad("an entry is not where it belongs"));
                    }
                    self.take_entry(&entry, &mut taken)?;
                    taken.end.entries += 1;
                }
                Frame::End(end) => {
                    let found = End {
                        state: taken.state.len() as u64,
                        kept: taken.kept.len() as u64,
                        entries: taken.end.entries,
                    };
                    if end != found || content.record.last.max(header.base.index) != header.last {
                        return Err(bad("parts of it are missing"));
                    }
                    content.record.last = header.last;
                    break;
                }
            }
        }
        let mut kept = Places::default();
        kept.add(FIRST, taken.kept);
        content.kept = Arc::new(kept);
        if header.base.index > 0 {
            content.record.state = Some(self.part(&taken.state)?);
        }
        Ok(content)
    }

    fn take_entry(&mut self, entry: &LogEntry, taken: &mut Taken) -> Result<(), StoreError> {
        taken.unflushed += self.writer.put_ahead(FIRST, entry)?;
        if taken.unflushed >= engine::PIECE {
            self.writer.sync()?;
            taken.unflushed = 0;
        }
        Ok(())
    }

    fn place(&mut self, mut content: Content) -> Result<(), StoreError> {
        self.lists(&mut content)?;
        self.switch(content, layout::empty_slots(), true)?;
        self.dir.sync_mark()
    }

    /// A new directory that nobody takes for a store until it is complete.
    fn begin_restore(dir: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|e| io_error("create", dir, e))?;
        let store = Self::open(dir)?;
        store.dir.set_restoring(true)?;
        Ok(store)
    }

    fn end_restore(&self) -> Result<(), StoreError> {
        self.dir.set_restoring(false)
    }
}
