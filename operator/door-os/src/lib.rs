//! The port to DOOR OS: what a manager can read and do there, as a trait, and an HTTP client of
//! the manager contract (`openapi.yaml` in this crate).
//!
//! [`DoorOs`] is what the rest of the program sees. [`Client`] speaks the contract over a
//! [`Transport`]: [`HttpTransport`] on the network, [`FnTransport`] within one process. The client
//! never sends a write again unless the answer says that nothing was done, calls a listing complete
//! only after checking it, and is timed by `tokio::time` alone, so it also runs under a paused clock.

mod account;
mod addresses;
mod answer;
mod breaker;
mod budget;
mod call;
mod client;
mod clock;
mod credentials;
mod deliver;
mod endpoint;
mod error;
mod http_transport;
mod limiter;
mod listing;
mod paged;
mod rows;
mod token;
mod transport;
mod wire;

pub use addresses::{Addresses, NotPermitted};
pub use client::{Building, Client, Config, Counters, DoorOs, Fence, Observer, WallClock};
pub use clock::ServerTime;
pub use credentials::{Credentials, CredentialsSource, Secret, SecretFile};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{Error, Reason};
pub use http_transport::{HttpOptions, HttpTransport};
pub use transport::{FnTransport, Left, Transport, TransportError, TransportFault};
