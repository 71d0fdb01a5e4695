//! The pages for operators and probes, over plain HTTP/1: `/live`, `/ready`, and `/metrics`.
//!
//! They are served by a thread of their own with a runtime of its own, so that they answer while
//! the service is under load or stuck; a probe that times out would only make things worse. The
//! pages are read-only and hold no secrets: names of parts, numbers, the version. They may be
//! served beyond loopback, as the probes of Kubernetes need it.

mod readiness;
mod server;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use tokio::sync::watch;

pub use readiness::{Latch, Readiness, Unready};

use crate::metrics::Metrics;

/// The pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address cannot be used.
    #[error("cannot serve the admin pages on {address} (hint: is the port in use?)")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// No thread or runtime for it.
    #[error("cannot start the thread of the admin pages")]
    Thread(#[source] io::Error),
}

/// The server of the admin pages. Dropping it ends it.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    end: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Serves the pages on `address`; with port 0 the system picks one. `readiness` appears among
    /// the metrics as `multibeam_ready`.
    ///
    /// # Errors
    /// The address is in use or not of this machine.
    pub fn start(
        address: SocketAddr,
        readiness: Readiness,
        metrics: Metrics,
    ) -> Result<Self, AdminError> {
        let bind = |address| {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let bound = listener.local_addr()?;
            Ok((listener, bound))
        };
        let (listener, bound) =
            bind(address).map_err(|source| AdminError::Bind { address, source })?;
        metrics.register(|registry| registry.register_collector(Box::new(readiness.clone())));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(AdminError::Thread)?;
        let (end, ended) = watch::channel(false);
        let pages = server::Pages { readiness, metrics };
        let thread = std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(server::serve(listener, pages, ended)))
            .map_err(AdminError::Thread)?;
        tracing::info!(address = %bound, "admin pages");
        Ok(Self { address: bound, end, thread: Some(thread) })
    }

    /// Where the pages are.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets answers that have begun go out (a second at most), and ends. It
    /// belongs at the very end of a service: probes are answered while it drains.
    pub fn shutdown(mut self) {
        self.end.send_replace(true);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the admin pages panicked");
        }
    }
}
