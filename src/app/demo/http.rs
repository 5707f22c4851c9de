//! The least HTTP client that a PBX needs to push its load: one request, one connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The most of an answer that is read.
const ANSWER_BYTES: u64 = 4 << 20;
/// The longest a request may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The status and the body of an answer.
pub type Answer = (u16, String);

/// `GET path`.
///
/// # Errors
/// When the server cannot be reached, is too slow, or does not speak HTTP/1.1.
pub async fn get(server: SocketAddr, path: &str) -> io::Result<Answer> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
    exchange(server, request).await
}

/// `POST path` with a JSON body and a bearer token.
///
/// # Errors
/// As [`get`].
pub async fn post(server: SocketAddr, path: &str, token: &str, body: &str) -> io::Result<Answer> {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    exchange(server, request).await
}

async fn exchange(server: SocketAddr, request: String) -> io::Result<Answer> {
    let talk = async {
        let mut stream = TcpStream::connect(server).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES).read_to_end(&mut answer).await?;
        Ok(answer)
    };
    let bytes: io::Result<Vec<u8>> = match tokio::time::timeout(PATIENCE, talk).await {
        Ok(done) => done,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    parse(&String::from_utf8_lossy(&bytes?)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head
        .strip_prefix("HTTP/1.1 ")?
        .split(' ')
        .next()?
        .parse()
        .ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        assert_eq!(
            parse("HTTP/1.1 404 Not Found\r\nA: b\r\n\r\n{}"),
            Some((404, "{}".to_owned()))
        );
        assert_eq!(parse("SIP/2.0 200 OK\r\n\r\n"), None);
    }
}
