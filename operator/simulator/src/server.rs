//! The simulator as an HTTP server on loopback.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::{IntoResponse, Response};
use axum::serve::{IncomingStream, Listener};
use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::simulator::{Outcome, Simulator};

/// No request of the contract comes near it.
const MAX_BODY: usize = 16 << 20;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The simulator has no authentication on its own calls: it is for this machine alone.
    #[error("the simulator serves on loopback only, not on {0}")]
    NotLoopback(SocketAddr),
    /// The listener failed.
    #[error("the simulator cannot serve: {0}")]
    Io(#[from] io::Error),
}

impl Simulator {
    /// A router that answers every path. A lost answer never comes; `serve` breaks the connection as well.
    pub fn router(&self) -> Router {
        Router::new().fallback(respond).with_state(self.clone())
    }
}

/// Serves until `shutdown` is ready.
pub async fn serve(
    simulator: Simulator,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let service = simulator
        .router()
        .into_make_service_with_connect_info::<Wire>();
    axum::serve(Wires(listener), service)
        .with_graceful_shutdown(shutdown)
        .await?;
    Ok(())
}

async fn respond(State(simulator): State<Simulator>, request: Request) -> Response {
    let wire = request
        .extensions()
        .get::<ConnectInfo<Wire>>()
        .map(|ConnectInfo(wire)| wire.clone());
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    match simulator.handle(http::Request::from_parts(parts, body)) {
        Outcome::Respond { delay, response } => {
            tokio::time::sleep(delay).await;
            response.map(Body::from)
        }
        Outcome::Lost { delay } => {
            tokio::time::sleep(delay).await;
            match wire {
                Some(wire) => wire.cut(),
                None => std::future::pending().await,
            }
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

/// A handle on a connection, by which it can be cut before an answer leaves.
#[derive(Clone, Debug, Default)]
struct Wire(Arc<AtomicBool>);

impl Wire {
    fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) {
            Err(io::ErrorKind::ConnectionAborted.into())
        } else {
            Ok(())
        }
    }
}

impl Connected<IncomingStream<'_, Wires>> for Wire {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().wire.clone()
    }
}

/// Connections that can be cut.
struct Wires(TcpListener);

impl Listener for Wires {
    type Io = Cuttable;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Cuttable, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (
            Cuttable {
                stream,
                wire: Wire::default(),
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

struct Cuttable {
    stream: TcpStream,
    wire: Wire,
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.wire.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
