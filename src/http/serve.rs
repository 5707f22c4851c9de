//! The listening socket: a bounded number of connections, each with bounded headers and bounded patience.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::Site;
use super::guard::Client;
use crate::base::limits::{
    HTTP_ACCEPT_PAUSE, HTTP_CONNECTIONS_MAX, HTTP_HEADER_BYTES_MAX, HTTP_HEADER_TIMEOUT,
    HTTP_HEADERS_MAX, HTTP_STOP_GRACE,
};

/// Serves until `stop` is done, then lets the requests under way finish, for a short while.
pub async fn serve(listener: TcpListener, site: Site, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    let (closing, closed) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &places) => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, address, place)) => {
                tokio::spawn(connection(
                    stream,
                    address,
                    site.clone(),
                    closed.clone(),
                    place,
                ));
            }
            Err(error) => {
                // Out of file descriptors, mostly: they come back as connections end.
                tracing::warn!(%error, "cannot accept an HTTP connection");
                tokio::time::sleep(HTTP_ACCEPT_PAUSE).await;
            }
        }
    }
    drop(closed);
    let _ = closing.send(());
    let _ = tokio::time::timeout(HTTP_STOP_GRACE, closing.closed()).await;
}

/// Waits for a place before it accepts: what does not fit waits in the kernel's bounded backlog.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    // Answers are small and whole; waiting to fill a segment only delays them.
    let _ = stream.set_nodelay(true);
    Ok((stream, address, place))
}

async fn connection(
    stream: TcpStream,
    address: SocketAddr,
    site: Site,
    mut closed: watch::Receiver<()>,
    _place: OwnedSemaphorePermit,
) {
    let site = Arc::new(site);
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(Client(address), request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_HEADER_TIMEOUT)
        .max_headers(HTTP_HEADERS_MAX)
        .max_buf_size(HTTP_HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        _ = closed.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
