//! Debian's Prometheus with the configuration and the rules that we ship, faster and in a folder of its own.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::child::Running;
use super::http::Client;
use super::wait;

/// A running Prometheus.
pub struct Prometheus {
    http: Client,
    _process: Running,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    /// Starts it; `target` is scraped, and the rules are worked out, once a second.
    #[track_caller]
    pub fn start(target: &str) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards/prometheus");
        let folder = tempfile::tempdir().expect("temporary folder");
        let own = folder.path();
        let rules = std::fs::create_dir(own.join("rules")).map(|()| own.join("rules"));
        let rules = rules.expect("a folder");
        for entry in std::fs::read_dir(shipped.join("rules")).expect("rules") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), rules.join(entry.file_name())).expect("copied");
        }
        let config = std::fs::read_to_string(shipped.join("prometheus.yml")).expect("config");
        let config = config.replace(": 5s", ": 1s").replace(": 4s", ": 1s");
        assert_eq!(
            config.matches(": 1s").count(),
            3,
            "the intervals:\n{config}"
        );
        std::fs::write(own.join("prometheus.yml"), config).expect("written");
        let targets = format!("- targets: [\"{target}\"]\n");
        std::fs::write(own.join("targets.yml"), targets).expect("written");
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let mut command = Command::new("prometheus");
        command
            .arg(format!(
                "--config.file={}",
                own.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                own.join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"));
        let process = Running::start(command, "prometheus", own);
        wait::until("Prometheus listens", Duration::from_secs(20), || {
            TcpStream::connect(address).ok()
        });
        let http = Client::new(&format!("http://{address}"));
        wait::equal("Prometheus is ready", 200, Duration::from_secs(20), || {
            http.get("/-/ready").status
        });
        Self {
            http,
            _process: process,
            _folder: folder,
        }
    }

    /// What an endpoint answers, or its error.
    #[track_caller]
    pub fn ask(&self, path: &str, arguments: &[(&str, &str)]) -> Result<Value, String> {
        let pairs: Vec<String> = arguments
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let answer = self.http.get(&format!("{path}?{}", pairs.join("&"))).json();
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(answer["error"].to_string()),
        }
    }
}

/// A value of a query string (RFC 3986 §2.1).
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            encoded += &format!("%{byte:02X}");
        }
    }
    encoded
}
