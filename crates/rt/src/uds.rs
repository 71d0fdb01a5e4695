//! gRPC over a Unix socket that only its owner can use.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::{Channel, Endpoint, Server, Uri};

use crate::transport;

/// The longest path that fits into a socket address, less the final NUL (`unix(7)`).
const MAX_PATH: usize = 107;

/// A socket that listens. Dropping it removes the socket's file.
#[derive(Debug)]
pub struct Listener {
    listener: Option<UnixListener>,
    guard: SocketFile,
}

/// Keeps the socket's file; dropping it removes the file if it is still this socket.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

/// A socket cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody serves on it.
    #[error("another process serves on {path} (hint: is the same run active?)")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// There is a file that is no socket.
    #[error("{path} exists and is no socket (hint: move it away)")]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The path has no directory or file name.
    #[error("{path} is no path of a socket, expected a file name in a directory")]
    BadPath {
        /// The path.
        path: PathBuf,
    },
    /// There is no socket, or nobody serves on it.
    #[error("nobody serves on {path} (hint: the run has ended, or is another one)")]
    NotServed {
        /// The socket.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// The file system refuses.
    #[error("cannot use the socket {path}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

/// Listens on `path` with mode 0600. A socket that nobody serves on any more is replaced.
///
/// # Errors
/// Another process serves on it, something else is in its place, or the file system refuses.
///
/// # Panics
/// Outside of a tokio runtime.
pub async fn listen(path: &Path) -> Result<Listener, SocketError> {
    let io_error = |source| SocketError::Io { path: path.to_owned(), source };
    let (dir, name) = split(path)?;
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(SocketError::NotASocket { path: path.to_owned() });
        }
        Ok(_) => match connect_stream(path).await {
            Ok(_) => {
                return Err(SocketError::InUse { path: path.to_owned() });
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                tracing::debug!(path = %path.display(), "replacing a socket nobody serves on");
            }
            Err(error) => return Err(io_error(error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_error(error)),
    }
    // The socket is made in a directory of its own that nobody else can enter, and moved into its
    // place when its mode is right: at no time can another user connect.
    let private = dir.join(format!(".{name}.{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&private).map_err(io_error)?;
    let bound = bind_in(&private, path);
    let removed = fs::remove_dir_all(&private);
    let listener = bound.map_err(io_error)?;
    removed.map_err(io_error)?;
    let inode = fs::symlink_metadata(path).map_err(io_error)?.ino();
    Ok(Listener { listener: Some(listener), guard: SocketFile { path: path.to_owned(), inode } })
}

fn bind_in(private: &Path, path: &Path) -> io::Result<UnixListener> {
    let made = private.join("s");
    let listener = {
        let (short, _dir) = shorten(&made)?;
        UnixListener::bind(short)?
    };
    fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    fs::rename(&made, path)?;
    Ok(listener)
}

impl Listener {
    /// The connections, for `serve_with_incoming`, and the socket's file, which the caller keeps
    /// for as long as it serves.
    #[must_use]
    pub fn into_incoming(mut self) -> (UnixListenerStream, SocketFile) {
        let listener = self.listener.take().expect("taken only here, by value");
        (UnixListenerStream::new(listener), self.guard)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

/// A server with the settings that fit this transport.
#[must_use]
pub fn server() -> Server {
    transport::server().http2_keepalive_interval(None)
}

/// Connects to the socket at `path`, and again whenever the connection has ended.
///
/// # Errors
/// Nobody serves on it, or the file system refuses.
pub async fn connect(path: &Path) -> Result<Channel, SocketError> {
    // Tried first by itself: the error of a channel does not say what is wrong with the socket.
    if let Err(source) = connect_stream(path).await {
        let path = path.to_owned();
        return Err(match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                SocketError::NotServed { path, source }
            }
            _ => SocketError::Io { path, source },
        });
    }
    let path = path.to_owned();
    let connect = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { connect_stream(&path).await.map(TokioIo::new) }
    });
    Ok(transport::endpoint(Endpoint::from_static("http://unix-socket"))
        .connect_with_connector_lazy(connect))
}

async fn connect_stream(path: &Path) -> io::Result<UnixStream> {
    let (short, _dir) = shorten(path)?;
    UnixStream::connect(short).await
}

fn split(path: &Path) -> Result<(&Path, &str), SocketError> {
    let bad = || SocketError::BadPath { path: path.to_owned() };
    let name = path.file_name().and_then(|name| name.to_str());
    let dir = path.parent().ok_or_else(bad)?;
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    Ok((dir, name.ok_or_else(bad)?))
}

/// A path to the same socket that fits into a socket address. The file, if any, is the directory
/// it goes through and has to stay open while the path is used.
fn shorten(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    if path.as_os_str().len() <= MAX_PATH {
        return Ok((path.to_owned(), None));
    }
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let dir = File::open(dir)?;
    let through = format!("/proc/self/fd/{}", dir.as_raw_fd());
    Ok((Path::new(&through).join(name), Some(dir)))
}
