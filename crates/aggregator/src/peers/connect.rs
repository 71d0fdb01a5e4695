//! How a member is reached.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt};
use multibeam_rt::memory;
use multibeam_rt::tls::Security;
use tonic::transport::Channel;

/// Why a member cannot be reached.
pub type ConnectError = Box<dyn Error + Send + Sync>;

/// Makes connections to other members. It is asked anew for each, so that renewed certificates
/// count from the next one on.
pub trait Connect: Send + Sync + 'static {
    /// A connection to whoever serves at `address`. The caller stops waiting when it takes long.
    ///
    /// # Errors
    /// Nobody is there, or the address is none.
    fn connect(&self, address: &str) -> BoxFuture<'static, Result<Channel, ConnectError>>;
}

/// Over TCP, `https://host:port` with certificates. The connection itself is made by the first call,
/// which fails when nobody is there.
impl Connect for Security {
    fn connect(&self, address: &str) -> BoxFuture<'static, Result<Channel, ConnectError>> {
        let channel = self.channel(address).map_err(ConnectError::from);
        std::future::ready(channel).boxed()
    }
}

/// Members of one process, by any addresses.
#[derive(Debug, Default)]
pub struct InMemory {
    members: Mutex<BTreeMap<String, memory::Connector>>,
}

/// Nobody serves at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Nobody(String);

impl fmt::Display for Nobody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nobody serves at {}", self.0)
    }
}

impl Error for Nobody {}

// === impl InMemory ===

impl InMemory {
    /// From now on, `address` leads to `connector`.
    pub fn add(&self, address: impl Into<String>, connector: memory::Connector) {
        self.lock().insert(address.into(), connector);
    }

    /// From now on, `address` leads nowhere. Connections that are there stay.
    pub fn remove(&self, address: &str) {
        self.lock().remove(address);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, memory::Connector>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connect for InMemory {
    fn connect(&self, address: &str) -> BoxFuture<'static, Result<Channel, ConnectError>> {
        let connector = self.lock().get(address).cloned();
        let address = address.to_owned();
        async move { Ok(connector.ok_or(Nobody(address))?.channel()) }.boxed()
    }
}
