//! What a report costs, in what does not depend on the machine.

use serde_json::json;
use tandem::http::{self, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::counted;
use crate::server::{Made, PBX_A};

const REPORTS: usize = 50;

fn report(seq: usize) -> Vec<u8> {
    let body = json!({ "seq": seq, "state": "accepting", "cpu_idle": 0.9, "ttl_seconds": 10,
        "resources": { "calls": { "used": 40 } } })
    .to_string();
    format!(
        "POST /v1/peers/pbx-a/feedback HTTP/1.1\r\nHost: tandem\r\nAuthorization: Bearer {PBX_A}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn send(client: &mut TcpStream, requests: &[Vec<u8>]) {
    let mut answer = [0; 4096];
    for request in requests {
        client.write_all(request).await.expect("sent");
        let length = client.read(&mut answer).await.expect("answered");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{length}");
    }
}

/// Client and server share the thread that is counted; the client asks for nothing.
#[test]
fn a_report_takes_few_allocations() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let requests: Vec<_> = (1..=2 * REPORTS).map(report).collect();
    let (warm, counted) = requests.split_at(REPORTS);
    let mut client = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let site = http::site(Made::new(false, None).parts, Limits::default());
        tokio::spawn(http::serve(listener, site, std::future::pending()));
        let mut client = TcpStream::connect(address).await.expect("connected");
        send(&mut client, warm).await;
        client
    });
    let allocations = counted::allocations(|| runtime.block_on(send(&mut client, counted)));
    let each = allocations / REPORTS;
    assert!(each > 0, "the counter counts");
    assert!(each <= 24, "{each} allocations a report");
}
