//! The PBXes of the demo, each with its feedback: they start, die and come back.

use super::http;
use super::pbx::{Nature, Pbx, Report};
use parking_lot::Mutex;
use serde_json::json;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often a PBX reports its load.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How long a restarted PBX tries to get its port back.
const REBIND: Duration = Duration::from_secs(5);

/// One PBX, alive or dead.
pub struct Member {
    pub nature: Nature,
    /// The bearer token of its feedback.
    pub token: String,
    pub address: SocketAddr,
    pub report: Arc<Mutex<Report>>,
    life: Option<Life>,
    lives: u64,
}

/// What ends when a PBX dies.
struct Life {
    _pbx: Pbx,
    feedback: Option<JoinHandle<()>>,
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(task) = &self.feedback {
            task.abort();
        }
    }
}

impl Member {
    /// Starts a PBX on a free port of the loopback interface. It does not report yet.
    ///
    /// # Errors
    /// The system's, when no port can be bound.
    pub async fn start(nature: Nature, seed: u64) -> io::Result<Self> {
        let report = Arc::new(Mutex::new(Report::default()));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let pbx = Pbx::start(nature.clone(), any, Arc::clone(&report), seed).await?;
        let address = pbx.address;
        let token = format!("{}-{seed:016x}", nature.name);
        let life = Some(Life {
            _pbx: pbx,
            feedback: None,
        });
        Ok(Self {
            nature,
            token,
            address,
            report,
            life,
            lives: 1,
        })
    }

    /// Begins to report to the balancer at `server`, as the life that this is.
    pub fn report_to(&mut self, server: SocketAddr) {
        if let Some(life) = &mut self.life {
            let teller = Teller {
                server,
                path: format!("/v1/peers/{}/feedback", self.nature.name),
                token: self.token.clone(),
                nature: self.nature.clone(),
                report: Arc::clone(&self.report),
                boot: self.lives,
            };
            life.feedback = Some(tokio::spawn(teller.run()));
        }
    }

    /// Dies as in a crash: the port closes, calls are forgotten, reports stop.
    pub fn die(&mut self) {
        self.life = None;
        self.report.lock().calls.clear();
    }

    /// Comes back at its old address, empty.
    ///
    /// # Errors
    /// The system's, when the port stays taken.
    pub async fn come_back(&mut self, server: SocketAddr) -> io::Result<()> {
        self.lives += 1;
        let until = tokio::time::Instant::now() + REBIND;
        let pbx = loop {
            let report = Arc::clone(&self.report);
            match Pbx::start(self.nature.clone(), self.address, report, self.lives).await {
                Ok(pbx) => break pbx,
                Err(error) if tokio::time::Instant::now() >= until => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        self.life = Some(Life {
            _pbx: pbx,
            feedback: None,
        });
        self.report_to(server);
        Ok(())
    }

    pub fn is_alive(&self) -> bool {
        self.life.is_some()
    }
}

/// Pushes a PBX's load to the balancer, once a second.
struct Teller {
    server: SocketAddr,
    path: String,
    token: String,
    nature: Nature,
    report: Arc<Mutex<Report>>,
    boot: u64,
}

impl Teller {
    async fn run(self) {
        let mut seq = 0u64;
        loop {
            seq += 1;
            let body = self.body(seq).to_string();
            // A report that is lost is replaced by the next; when all are, the balancer forgets them.
            match http::post(self.server, &self.path, &self.token, &body).await {
                Ok((200, _)) => {}
                Ok((status, body)) => {
                    tracing::warn!(peer = self.nature.name, status, body, "report refused")
                }
                Err(error) => {
                    tracing::debug!(peer = self.nature.name, %error, "report not delivered")
                }
            }
            tokio::time::sleep(REPORT_EVERY).await;
        }
    }

    fn body(&self, seq: u64) -> serde_json::Value {
        let calls = self.report.lock().calls.clone();
        let used = calls.len() as u64 + u64::from(self.nature.foreign);
        let capacity = self.nature.capacity;
        // A full machine is a fifth busier than an idle one.
        let cpu_idle = 1.0 - 0.2 * (used as f64 / f64::from(capacity)).min(1.0);
        json!({
            "seq": seq,
            "boot_id": self.boot.to_string(),
            "state": "accepting",
            "cpu_idle": cpu_idle,
            "resources": { "calls": { "used": used, "max": capacity } },
            "calls": calls,
        })
    }
}
