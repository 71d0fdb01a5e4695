//! Every limit of the transports, in one place. docs/limits.md shows them to operators, and a
//! test holds the page against this file.

use std::time::Duration;

/// How long a unary call may take on the server, unless its method has a limit of its own. Longer
/// than an election of the ledger, shorter than a worker's lease.
pub const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// How long a call may take that carries a whole catalog: megabytes over a slow line.
pub const UPLOAD_DEADLINE: Duration = Duration::from_secs(120);

/// A connection without traffic is asked this often whether its peer is there.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// A peer that does not answer such a question for this long is gone, so a cut connection is
/// noticed 15 s after the last traffic. The kernel alone would keep it open for hours.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take to be made, TLS included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take for its TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// TLS handshakes at a time per server. More connections wait in the kernel's queue: a handshake
/// is all that a stranger can ask for.
pub const HANDSHAKES: usize = 512;

/// Connections at a time per server. More wait in the kernel's queue.
pub const CONNECTIONS: usize = 4096;

/// Calls at a time per connection, streams among them. A client that has more to ask waits.
pub const CONCURRENT_STREAMS: u32 = 256;

/// Bytes of the headers of a request.
pub const REQUEST_HEADER_BYTES: u32 = 16 << 10;

/// Bytes of the headers of an answer: the message of an error travels there.
pub const ANSWER_HEADER_BYTES: u32 = 64 << 10;

/// Bytes in flight per stream. HTTP/2's default (64 KiB) makes a single large spec report wait
/// for several round trips.
pub const STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// Bytes in flight per connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Changed certificates are noticed within this time, without a signal.
pub const CERTIFICATE_INTERVAL: Duration = Duration::from_secs(5);

/// Bytes of a certificate or key file.
pub const CERTIFICATE_BYTES: u64 = 1 << 20;

/// How long a service may take to end: calls in flight are answered, streams are ended.
pub const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// Connections at a time to the admin pages.
pub const ADMIN_CONNECTIONS: usize = 64;

/// How long a connection to the admin pages may stay idle, or take for its request.
pub const ADMIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a request to the admin pages.
pub const ADMIN_REQUEST_BYTES: usize = 16 << 10;
