//! Files over gRPC: rendered by a blocking thread, which waits for slow readers.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use bytes::Bytes;
use multibeam_model::{RunId, TargetId};
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::results_server::Results;
use multibeam_rt::tasks::TaskGroup;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::{CHUNKS_AHEAD, chunk, file_status, ledger_status};
use crate::Handle;
use crate::render::{Follower, render};

/// Bytes of lines in one message of a followed log, roughly.
const LINES_BYTES: usize = 256 << 10;

/// Serves files.
#[derive(Clone, Debug)]
pub struct ResultsService {
    ledger: Handle,
    /// Tasks that feed followers of a log; they end with the service.
    followers: Arc<TaskGroup>,
}

// === impl ResultsService ===

impl ResultsService {
    /// Serves the files of this ledger.
    #[must_use]
    pub fn new(ledger: Handle) -> Self {
        Self { ledger, followers: Arc::new(TaskGroup::new()) }
    }
}

#[tonic::async_trait]
impl Results for ResultsService {
    type FetchStream = ReceiverStream<Result<wire::Chunk, Status>>;

    async fn fetch(
        &self,
        request: Request<wire::FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let wire::FetchRequest { run, target, file } = request.into_inner();
        self.ledger.current().await.map_err(|error| ledger_status(&error))?;
        let (chunks, stream) = mpsc::channel(CHUNKS_AHEAD);
        let ledger = self.ledger.clone();
        // Not joined: it ends when the file does, or when nobody reads the stream any more.
        tokio::task::spawn_blocking(move || {
            let out = ChunkWriter { chunks: chunks.clone() };
            let mut out = BufWriter::with_capacity(multibeam_proto::CHUNK_BYTES, out);
            let made = render(&ledger, &RunId(run), target.map(TargetId), &file, &mut out);
            let end = match made {
                Ok(()) => out.flush().map_err(|_| Status::cancelled("nobody reads")),
                Err(error) => {
                    // What is buffered is of no use without the rest.
                    drop(out.into_parts());
                    Err(file_status(&error))
                }
            };
            if let Err(status) = end {
                let _ = chunks.blocking_send(Err(status));
            }
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    type FollowStream = ReceiverStream<Result<wire::FollowResponse, Status>>;

    async fn follow(
        &self,
        request: Request<wire::FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let wire::FollowRequest { run, target, spec, until_now } = request.into_inner();
        self.ledger.current().await.map_err(|error| ledger_status(&error))?;
        let follower = Follower::new(&self.ledger, &RunId(run), target.map(TargetId), spec);
        let follower = follower.map_err(|error| file_status(&error))?;
        let (lines, stream) = mpsc::channel(CHUNKS_AHEAD);
        // It ends with the log, with the ledger, or when nobody reads any more.
        self.followers
            .spawner()
            .spawn("follower", follow(self.ledger.clone(), follower, until_now, lines));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

type Lines = mpsc::Sender<Result<wire::FollowResponse, Status>>;

async fn follow(ledger: Handle, mut follower: Follower, until_now: bool, out: Lines) {
    let mut applied = ledger.applied();
    loop {
        // Seen before the step, so that what comes during it leads to another one.
        applied.mark_unchanged();
        let send = out.clone();
        let step = tokio::task::spawn_blocking(move || {
            let ended = follower.advance(|lines| {
                parts(lines)
                    .into_iter()
                    .all(|lines| send.blocking_send(Ok(wire::FollowResponse { lines })).is_ok())
            });
            (follower, ended)
        });
        let Ok((back, ended)) = step.await else { return };
        follower = back;
        match ended {
            Ok(ended) if ended || until_now => return,
            Ok(_) => {}
            Err(error) => {
                let _ = out.send(Err(file_status(&error))).await;
                return;
            }
        }
        tokio::select! {
            changed = applied.changed() => {
                if changed.is_err() {
                    let status = Status::unavailable("the ledger has stopped");
                    let _ = out.send(Err(status)).await;
                    return;
                }
            }
            () = out.closed() => return,
        }
    }
}

/// Cuts lines into messages of a bearable size.
fn parts(lines: Vec<String>) -> Vec<Vec<String>> {
    let mut parts = vec![Vec::new()];
    let mut bytes = 0;
    for line in lines {
        if bytes > LINES_BYTES {
            bytes = 0;
            parts.push(Vec::new());
        }
        bytes += line.len();
        if let Some(part) = parts.last_mut() {
            part.push(line);
        }
    }
    parts
}

/// Sends what is written to it, and blocks while the reader is behind.
struct ChunkWriter {
    chunks: mpsc::Sender<Result<wire::Chunk, Status>>,
}

impl Write for ChunkWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let part = &data[..data.len().min(multibeam_proto::CHUNK_BYTES)];
        let sent = self.chunks.blocking_send(Ok(chunk(Bytes::copy_from_slice(part))));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
