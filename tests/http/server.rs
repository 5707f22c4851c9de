//! A server of the API on a free port, with two peers in one group.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tandem::balance::{
    Capacity, CapacityMode, Disable, Dispatch, ExhaustedStep, Failover, FeedbackSpec, GroupSpec,
    HashOn, Ledger, PeerSpec, ProbeSpec, Select, Topology, Transport,
};
use tandem::http::{self, Events, Limits, Parts};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::client::{Answer, Request};
use crate::fakes::{FakeCalls, FakeControl};

pub const ADMIN: &str = "the admin token";
/// The token of pbx-a's reports.
pub const PBX_A: &str = "token of pbx-a";

/// Ends with the test.
pub struct Server {
    pub address: SocketAddr,
    pub ledger: Arc<Ledger>,
    pub control: Arc<FakeControl>,
    pub calls: Arc<FakeCalls>,
    pub events: Arc<Events>,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<tokio::task::JoinHandle<()>>,
    runtime: Runtime,
}

impl Server {
    /// With an admin token and wide limits, beyond loopback as far as tokens are concerned.
    pub fn start() -> Self {
        Self::with(Limits::default(), false, Some(ADMIN))
    }

    pub fn with(limits: Limits, loopback: bool, admin: Option<&str>) -> Self {
        let Made {
            parts,
            control,
            calls,
        } = Made::new(loopback, admin);
        let (ledger, events) = (Arc::clone(&parts.ledger), Arc::clone(&parts.events));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let (stop, stopped) = oneshot::channel::<()>();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let site = http::site(parts, limits);
        let serving = runtime.spawn(http::serve(listener, site, async {
            let _ = stopped.await;
        }));
        Self {
            address,
            ledger,
            control,
            calls,
            events,
            stop: Some(stop),
            serving: Some(serving),
            runtime,
        }
    }

    /// Stops, and waits until everything is over.
    pub fn stop(mut self) {
        drop(self.stop.take());
        let serving = self.serving.take().expect("it stops once");
        let ended = async { tokio::time::timeout(Duration::from_secs(10), serving).await };
        self.runtime
            .block_on(ended)
            .expect("it ends in time")
            .expect("it ends well");
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        Request::new("GET", path).send(self.address)
    }

    #[track_caller]
    pub fn get_json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        answer.json()
    }

    /// A write with the admin token.
    #[track_caller]
    pub fn admin(&self, method: &'static str, path: &str, body: &Value) -> Answer {
        Request::new(method, path)
            .token(ADMIN)
            .json(body)
            .send(self.address)
    }

    /// A report of pbx-a with its token.
    #[track_caller]
    pub fn report(&self, body: &Value) -> Answer {
        Request::new("POST", "/v1/peers/pbx-a/feedback")
            .token(PBX_A)
            .json(body)
            .send(self.address)
    }
}

/// What a server stands on, and the fakes in it.
pub struct Made {
    pub parts: Parts,
    pub control: Arc<FakeControl>,
    pub calls: Arc<FakeCalls>,
}

impl Made {
    pub fn new(loopback: bool, admin: Option<&str>) -> Self {
        let topology = topology();
        let ledger = Ledger::new(&topology, 7, Instant::now()).expect("the topology is sound");
        let control = Arc::new(FakeControl::new(Arc::clone(&ledger), topology, admin));
        let calls = Arc::new(FakeCalls::default());
        let parts = Parts {
            ledger,
            control: control.clone(),
            calls: calls.clone(),
            events: Arc::default(),
            node: Arc::from("node-1"),
            loopback,
        };
        Self {
            parts,
            control,
            calls,
        }
    }
}

/// pbx-a reports with a token, pbx-b has none.
fn topology() -> Topology {
    let group = GroupSpec {
        name: Arc::from("pbx"),
        select: Select::LeastLoaded,
        hash_on: HashOn::CallId,
        failover: Failover::default(),
        disable: Disable::default(),
        exhausted: vec![ExhaustedStep::Dispatch],
        dispatch: Dispatch::default(),
        probe: ProbeSpec::default(),
        end_calls_of_dead_peers: false,
    };
    let mut first = peer("pbx-a", 11);
    first.capacity = vec![
        (Arc::from("calls"), Capacity::Limited(100)),
        (Arc::from("transcoding"), Capacity::Limited(10)),
    ];
    first.feedback = Some(FeedbackSpec {
        token: Arc::from(PBX_A),
        ttl: Duration::from_secs(10),
        capacity: CapacityMode::Min,
        legs_per_call: 1,
    });
    let mut second = peer("pbx-b", 12);
    second.capacity = vec![(Arc::from("calls"), Capacity::Unlimited)];
    Topology {
        peers: vec![first, second],
        groups: vec![group],
    }
}

/// A peer at 127.0.0.`last`.
pub fn peer(name: &str, last: u8) -> PeerSpec {
    PeerSpec {
        name: Arc::from(name),
        uri: format!("sip:127.0.0.{last}:5060;transport=udp"),
        transport: Transport::Udp,
        addresses: vec![SocketAddr::from(([127, 0, 0, last], 5060))],
        groups: vec![Arc::from("pbx")],
        capacity: vec![(Arc::from("calls"), Capacity::Limited(50))],
        weight: 1,
        priority: 0,
        cps: None,
        feedback: None,
    }
}

/// A body that is too long by one byte, and yet good JSON.
pub fn too_long() -> Vec<u8> {
    let empty = json!({ "boot_id": "" }).to_string().len();
    let filler = "x".repeat((1 << 20) + 1 - empty);
    json!({ "boot_id": filler }).to_string().into_bytes()
}
