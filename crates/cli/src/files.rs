//! Writing a run's files.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use multibeam_aggregator::render::RunJson;
use multibeam_model::run::RunSpec;
use multibeam_proto::aggregator::v1::results_client::ResultsClient;
use multibeam_proto::aggregator::v1::{Chunk, FetchRequest};
use multibeam_rt::endpoints::Endpoints;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tonic::{Code, Status, Streaming};

use crate::commands::{exit_of, fail};
use crate::exit::Exit;

/// The files of each target.
const TARGET_FILES: [&str; 3] = ["report.json", "junit_01.xml", "e2e.log"];

/// A file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The aggregator does not give it.
    #[error("cannot get {file}: {}", status.message())]
    Fetch {
        /// The file.
        file: String,
        /// What the aggregator says.
        status: Box<Status>,
    },
    /// The disk does not take it.
    #[error("cannot write {}", path.display())]
    Write {
        /// Where to.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A target's directory would lie outside the run's.
    #[error("the directory {dir:?} of a target is no plain name, refusing to write there")]
    Directory {
        /// What the aggregator says.
        dir: String,
    },
    /// What the run is made of, or its summary, is of another version.
    #[error("{file} cannot be read (hint: do the versions match?)")]
    Version {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl FilesError {
    /// How a command ends for it that has started nothing: a run that nobody knows, or a file where
    /// a directory should be, is a mistake of the user.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Fetch { status, .. } => exit_of(status.code()),
            Self::Write { source, .. } => Exit::of_directory(source),
            Self::Directory { .. } | Self::Version { .. } => Exit::ENVIRONMENT,
        }
    }
}

/// Fetches all files of a run into a directory, and gives its summary. A target that was never
/// discovered has none.
///
/// # Errors
/// When a file cannot be fetched or written; the others are tried all the same.
pub async fn fetch_all(
    results: &ResultsClient<Endpoints>,
    run: &str,
    directory: &Path,
) -> Result<RunJson, FilesError> {
    let summary = summary(results, run).await?;
    let mut first_error = None;
    let mut keep = |result: Result<(), FilesError>| {
        if let Err(error) = result {
            first_error.get_or_insert(error);
        }
    };
    for (place, target) in (0u32..).zip(&summary.targets) {
        if !is_plain_name(&target.dir) {
            return Err(FilesError::Directory { dir: target.dir.clone() });
        }
        for file in TARGET_FILES {
            let path = directory.join(&target.dir).join(file);
            match fetch(results, run, Some(place), file, &path).await {
                Err(FilesError::Fetch { status, .. }) if is_absent(&status) => {}
                result => keep(result),
            }
        }
    }
    if summary.matrix_junit {
        let file = "junit_matrix.xml";
        keep(fetch(results, run, None, file, &directory.join(file)).await);
    }
    // The last one: whoever finds it finds the others.
    keep(fetch(results, run, None, "run.json", &directory.join("run.json")).await);
    first_error.map_or(Ok(summary), Err)
}

/// The summary of a run.
///
/// # Errors
/// When it cannot be fetched or read.
pub async fn summary(results: &ResultsClient<Endpoints>, run: &str) -> Result<RunJson, FilesError> {
    read(results, run, "run.json").await
}

/// A run as it was submitted.
///
/// # Errors
/// When it cannot be fetched or read.
pub async fn submitted(
    results: &ResultsClient<Endpoints>,
    run: &str,
) -> Result<RunSpec, FilesError> {
    read(results, run, "spec.json").await
}

async fn read<T: DeserializeOwned>(
    results: &ResultsClient<Endpoints>,
    run: &str,
    file: &'static str,
) -> Result<T, FilesError> {
    let mut bytes = Vec::new();
    Incoming::open(results, run, None, file, Path::new(file)).await?.copy(&mut bytes).await?;
    serde_json::from_slice(&bytes).map_err(|source| FilesError::Version { file, source })
}

/// Writes a file in one piece.
///
/// # Errors
/// When the disk does not take it, which has been said.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Exit> {
    fs::write(path, bytes).map_err(|source| {
        fail(Exit::ENVIRONMENT, &FilesError::Write { path: path.to_owned(), source })
    })
}

/// Whether a path is one name: neither absolute, nor upwards, nor deeper.
#[must_use]
pub fn is_plain_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

fn is_absent(status: &Status) -> bool {
    matches!(status.code(), Code::NotFound | Code::FailedPrecondition)
}

async fn fetch(
    results: &ResultsClient<Endpoints>,
    run: &str,
    target: Option<u32>,
    file: &str,
    path: &Path,
) -> Result<(), FilesError> {
    // Nothing is made on disk for a file that there is not.
    let incoming = Incoming::open(results, run, target, file, path).await?;
    let failed = |source| FilesError::Write { path: path.to_owned(), source };
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    // Nobody sees half a file: it gets its name when it is whole.
    let unfinished = path.with_extension("part");
    let out = tokio::fs::File::create(&unfinished).await.map_err(failed)?;
    let mut out = tokio::io::BufWriter::new(out);
    let copied = incoming.copy(&mut out).await;
    let copied = match copied {
        Ok(()) => out.flush().await.map_err(failed),
        Err(error) => Err(error),
    };
    match copied {
        Ok(()) => fs::rename(&unfinished, path).map_err(failed),
        Err(error) => {
            let _ = fs::remove_file(&unfinished);
            Err(error)
        }
    }
}

/// A file on its way.
struct Incoming<'a> {
    chunks: Streaming<Chunk>,
    next: Option<Chunk>,
    /// Its name, or where it goes.
    path: &'a Path,
}

// === impl Incoming ===

impl<'a> Incoming<'a> {
    /// Asks for a file and waits for its beginning.
    async fn open(
        results: &ResultsClient<Endpoints>,
        run: &str,
        target: Option<u32>,
        file: &str,
        path: &'a Path,
    ) -> Result<Self, FilesError> {
        let request = FetchRequest { run: run.to_owned(), target, file: file.to_owned() };
        let opened = async {
            let mut chunks = results.clone().fetch(request).await?.into_inner();
            Ok((chunks.message().await?, chunks))
        };
        let (next, chunks) = opened.await.map_err(|status| unfetched(path, status))?;
        Ok(Self { chunks, next, path })
    }

    async fn copy(mut self, out: &mut (impl AsyncWrite + Unpin)) -> Result<(), FilesError> {
        while let Some(chunk) = self.next.take() {
            let written = out.write_all(&chunk.data).await;
            let path = self.path;
            written.map_err(|source| FilesError::Write { path: path.to_owned(), source })?;
            let next = self.chunks.message().await;
            self.next = next.map_err(|status| unfetched(path, status))?;
        }
        Ok(())
    }
}

fn unfetched(path: &Path, status: Status) -> FilesError {
    FilesError::Fetch { file: path.display().to_string(), status: Box::new(status) }
}
