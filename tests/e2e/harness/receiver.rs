//! A receiver of notices: takes POSTs on loopback, in the clear or by TLS, answers as it is told, and keeps what came.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::wait;

/// One notice as it came.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The head of the request, in lower case.
    pub head: String,
    pub body: String,
}

impl Notice {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {}", self.body))
    }

    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let mark = format!("\r\n{name}: ");
        let rest = self.head.split(&mark).nth(1);
        let value = rest.and_then(|rest| rest.lines().next());
        value.unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }
}

#[derive(Default)]
struct Told {
    came: Vec<Notice>,
    answers: VecDeque<u16>,
}

/// It ends with the test.
pub struct Receiver {
    pub address: SocketAddr,
    told: Arc<Mutex<Told>>,
}

impl Receiver {
    /// The first ones get these answers, the rest 200.
    pub fn start(answers: &[u16]) -> Self {
        Self::run(answers, None)
    }

    /// One whose certificate names `localhost`; it is written to a file.
    pub fn start_tls(certificate: &Path) -> Self {
        let made = generate_simple_self_signed(["localhost".to_owned()]);
        let CertifiedKey { cert, signing_key } = made.expect("a certificate");
        std::fs::write(certificate, cert.pem()).expect("written");
        let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key.into());
        Self::run(&[], Some(Arc::new(config.expect("they belong together"))))
    }

    fn run(answers: &[u16], tls: Option<Arc<ServerConfig>>) -> Self {
        let told = Arc::new(Mutex::new(Told {
            answers: answers.iter().copied().collect(),
            came: Vec::new(),
        }));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let patience = Some(Duration::from_secs(5));
                stream.set_read_timeout(patience).expect("a timeout");
                // A client that does not trust us ends the handshake: then nothing has come.
                match &tls {
                    None => serve(stream, &shared),
                    Some(config) => {
                        let side = ServerConnection::new(Arc::clone(config)).expect("a session");
                        serve(StreamOwned::new(side, stream), &shared);
                    }
                }
            }
        });
        Receiver { address, told }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().expect("its thread is well")
    }

    pub fn came(&self) -> Vec<Notice> {
        self.told().came.clone()
    }

    /// Events and names of all that has come, once there are so many.
    #[track_caller]
    pub fn events(&self, count: usize, within: Duration) -> Vec<String> {
        let what = format!("{count} notices");
        let came = wait::until(&what, within, || {
            Some(self.came()).filter(|came| came.len() >= count)
        });
        let words = came.iter().map(|notice| {
            let body = notice.json();
            let name = body["peer"].as_str().or_else(|| body["group"].as_str());
            format!(
                "{} {}",
                name.unwrap_or("?"),
                body["event"].as_str().unwrap_or("?")
            )
        });
        words.collect()
    }
}

fn serve<S: Read + Write>(stream: S, told: &Mutex<Told>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !matches!(reader.read_line(&mut head), Ok(1..)) {
            return;
        }
    }
    let head = head.to_lowercase();
    let mut notice = Notice {
        head,
        body: String::new(),
    };
    let length = notice.header("content-length").parse().expect("a number");
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    notice.body = String::from_utf8(body).expect("text");
    let status = {
        let mut told = told.lock().expect("the test is well");
        told.came.push(notice);
        told.answers.pop_front().unwrap_or(200)
    };
    let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let stream = reader.get_mut();
    // The client may have gone.
    let _ = stream
        .write_all(answer.as_bytes())
        .and_then(|()| stream.flush());
}
