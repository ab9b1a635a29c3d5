//! Connections of HTTP/2, and requests on their streams.

use bytes::Bytes;
use h2::RecvStream;
use h2::client::{self, SendRequest};
use http::{Request, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{JoinHandle, spawn_local};

use crate::Failure;

/// A connection that carries many requests at a time.
pub struct Connection {
    /// h2's handle; the connection ends when this is dropped and no stream is left.
    sender: SendRequest<Bytes>,
    /// The task that drives the connection.
    driver: JoinHandle<()>,
}

impl Connection {
    /// Takes a stream that is connected, on which the server knows that HTTP/2 is spoken.
    pub async fn on<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let (sender, connection) = client::handshake(stream).await?;
        // How the connection ends shows in the request that it was needed for.
        let driver = spawn_local(async move { drop(connection.await) });
        Ok(Self { sender, driver })
    }

    /// Sends a GET and waits for the head of the answer; one other than 200 is an error.
    pub async fn get(&self, scheme: &str, path: &str) -> Result<Response<RecvStream>, Failure> {
        let mut sender = self.sender.clone().ready().await?;
        let uri = format!("{scheme}://127.0.0.1{path}");
        let (response, _) = sender.send_request(Request::get(uri).body(())?, true)?;
        let response = response.await?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(format!("{path} was answered with {status}").into()),
        }
    }

    /// Whether the server has closed the connection, or said that it will.
    pub fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }
}

/// The next bytes of `body`, room for which is given back to the server; `None` at its end.
pub async fn next(body: &mut RecvStream) -> Option<Result<Bytes, h2::Error>> {
    let bytes = match body.data().await? {
        Ok(bytes) => bytes,
        Err(error) => return Some(Err(error)),
    };
    Some(
        body.flow_control()
            .release_capacity(bytes.len())
            .map(|()| bytes),
    )
}
