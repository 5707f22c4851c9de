//! The parts wired together, on loopback ports that the system picks.

use std::net::{SocketAddr, UdpSocket as Plain};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::control::Operator;
use super::server::Server;
use crate::config::{self, System};
use crate::http::model::{AdminState, ExplainRequest, PeerPatch};
use crate::http::{Control, Put, Refused, RouteOutcome};

const FILE: &str = r#"
[node]
workers = 2
shutdown_grace = "1s"
[[listen]]
uri = "sip:127.0.0.1:0;transport=udp"
[http]
listen = "127.0.0.1:0"
[store]
url = "sqlite::memory:"
[probe]
mode = "off"
[[group]]
name = "pbx"
[[peer]]
name = "a"
uri = "sip:127.0.0.1:9;transport=udp"
groups = ["pbx"]
capacity = { calls = 5 }
[[peer]]
name = "b"
uri = "sip:localhost:10;transport=udp"
groups = ["pbx"]
"#;

/// A server that reads its configuration from a file of its own.
struct Running {
    server: Option<Server>,
    operator: Arc<Operator>,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

async fn serve(text: &str) -> Running {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tandem.toml");
    std::fs::write(&path, text).expect("written");
    let config = config::load(&path).unwrap_or_else(|invalid| panic!("{invalid}"));
    let server = Server::start(config, Some(path.clone()))
        .await
        .expect("started");
    Running {
        operator: server.operator(),
        server: Some(server),
        path,
        _folder: folder,
    }
}

impl Running {
    fn write(&self, text: &str) {
        std::fs::write(&self.path, text).expect("written");
    }

    fn sip(&self) -> SocketAddr {
        self.server.as_ref().expect("runs").sip()[0]
    }

    fn peers(&self) -> Vec<String> {
        let directory = self.operator.ledger().directory();
        directory
            .peers()
            .map(|peer| peer.name.to_string())
            .collect()
    }

    async fn stop(mut self) {
        self.server.take().expect("runs").stop().await;
    }
}

fn with_peer(name: &str) -> String {
    format!("{FILE}\n[[peer]]\nname = \"{name}\"\nuri = \"sip:127.0.0.1:11\"\ngroups = [\"pbx\"]\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_the_file_as_it_is_now() {
    let running = serve(FILE).await;
    assert_eq!(running.peers(), ["a", "b"]);
    running.write(&with_peer("c"));
    let answer = running.operator.reload().await.expect("reloaded");
    assert_eq!(answer.changed, ["peer c: added"]);
    assert_eq!(running.peers(), ["a", "b", "c"]);
    assert!(
        running
            .operator
            .reload()
            .await
            .expect("reloaded")
            .changed
            .is_empty()
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_valid_changes_nothing() {
    let running = serve(FILE).await;
    running.write(&with_peer("c").replace("groups", "grups"));
    let refused = running.operator.reload().await.expect_err("refused");
    let Refused::Impossible(words) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        words.contains("grups") && words.contains("groups"),
        "{words}"
    );
    assert_eq!(running.peers(), ["a", "b"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_is_named_and_waits() {
    let running = serve(FILE).await;
    running.write(&FILE.replace("workers = 2", "workers = 3"));
    let answer = running.operator.reload().await.expect("reloaded");
    assert_eq!(answer.changed, [""; 0]);
    assert_eq!(answer.needs_restart.len(), 1, "{answer:?}");
    assert!(answer.needs_restart[0].contains("workers"), "{answer:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_put_and_removed_by_hand_outlive_a_reload() {
    let running = serve(FILE).await;
    let spec = json!({ "uri": "sip:127.0.0.1:12", "groups": ["pbx"] });
    let operator = &running.operator;
    assert_eq!(operator.put_peer("d", spec.clone()).await, Ok(Put::Created));
    assert_eq!(operator.put_peer("d", spec).await, Ok(Put::Replaced));
    assert_eq!(operator.remove_peer("a").await, Ok(()));
    assert!(matches!(
        operator.remove_peer("a").await,
        Err(Refused::NotFound(_))
    ));
    running.write(&with_peer("c"));
    operator.reload().await.expect("reloaded");
    assert_eq!(running.peers(), ["b", "c", "d"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_cannot_be_is_refused_and_changes_nothing() {
    let running = serve(FILE).await;
    for spec in [
        json!({ "uri": "sip:127.0.0.1:12", "groups": ["nowhere"] }),
        json!({ "uri": "tel:12", "groups": ["pbx"] }),
        json!({ "uri": "sip:127.0.0.1:12", "groups": ["pbx"], "colour": "red" }),
    ] {
        let refused = running.operator.put_peer("d", spec.clone()).await;
        assert!(
            matches!(refused, Err(Refused::Impossible(_))),
            "{spec}: {refused:?}"
        );
    }
    assert_eq!(running.peers(), ["a", "b"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_the_hosts_file_becomes_the_peers_address() {
    let running = serve(FILE).await;
    let directory = running.operator.ledger().directory();
    let id = directory.peer_named("b").expect("is there");
    let addresses = &directory.peer(id).expect("is there").addresses;
    assert!(
        addresses.contains(&"127.0.0.1:10".parse().expect("an address")),
        "{addresses:?}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_of_an_unknown_peer_finds_nobody() {
    let running = serve(FILE).await;
    let patch = PeerPatch {
        admin: Some(AdminState::Draining),
        ..PeerPatch::default()
    };
    assert!(matches!(
        running.operator.patch_peer("z", &patch).await,
        Err(Refused::NotFound(_))
    ));
    assert_eq!(running.operator.patch_peer("a", &patch).await, Ok(()));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_is_patched_with_null_is_taken_back_and_one_left_out_stays() {
    let running = serve(FILE).await;
    let ledger = running.operator.ledger();
    let a = ledger.directory().peer_named("a").expect("is there");
    let begin = Some(AdminState::Draining);
    for (admin, deadline_seconds, stands) in [
        (begin, Some(Some(600.0)), true),
        (begin, None, true),
        (None, None, true),
        (None, Some(None), false),
        (None, Some(Some(60.0)), true),
        (begin, Some(None), false),
    ] {
        let patch = PeerPatch {
            admin,
            deadline_seconds,
            ..PeerPatch::default()
        };
        assert_eq!(running.operator.patch_peer("a", &patch).await, Ok(()));
        assert_eq!(ledger.deadline(a).is_some(), stands, "{patch:?}");
    }
    running.stop().await;
}

fn imagined(uri: &str, source: Option<&str>) -> ExplainRequest {
    ExplainRequest {
        method: "INVITE".into(),
        uri: uri.into(),
        from: None,
        source: source.map(str::to_owned),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_imagined_call_goes_the_way_of_a_real_one() {
    let routes = "[[route]]\nmatch = { user = \"^9\" }\nreject = 403\n[[route]]\nmatch = { source = \"peer:a\" }\nuri = \"sip:carrier.test\"\n[[route]]\ngroup = \"pbx\"\nresources = [{ calls = 2 }]\n";
    let running = serve(&format!("{FILE}{routes}")).await;
    let decide = async |uri: &str, source: Option<&str>| {
        let choice = running
            .operator
            .route(&imagined(uri, source))
            .await
            .expect("decided");
        (choice.route, choice.action)
    };
    assert_eq!(
        decide("sip:911@x", None).await,
        (Some(1), RouteOutcome::Reject(403))
    );
    let carrier = RouteOutcome::Uri("sip:carrier.test".into());
    assert_eq!(decide("sip:1@x", Some("peer:a")).await, (Some(2), carrier));
    let group = RouteOutcome::Group {
        group: "pbx".into(),
        demand: vec![("calls".into(), 2)],
        overflow: false,
        hash_key: Vec::new(),
    };
    assert_eq!(decide("sip:1@x", Some("127.0.0.1")).await, (Some(3), group));
    assert_eq!(
        decide("sip:1@x", Some("203.0.113.7:5060")).await,
        (None, RouteOutcome::Reject(403))
    );
    for bad in ["sip:1@x\r\nVia: x", "no uri", ""] {
        let refused = running.operator.route(&imagined(bad, None)).await;
        assert!(
            matches!(refused, Err(Refused::Malformed(_))),
            "{bad:?}: {refused:?}"
        );
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_an_error_that_says_what_to_do() {
    let running = serve(FILE).await;
    let text = FILE.replace("127.0.0.1:0;", &format!("{};", running.sip()));
    let surroundings = System {
        folder: Path::new(".").to_owned(),
    };
    let config = config::parse("x", text.as_bytes(), &surroundings).expect("valid");
    let error = Server::start(config, None)
        .await
        .err()
        .expect("refused")
        .to_string();
    assert!(
        error.contains(&running.sip().to_string()) && error.contains("[[listen]]"),
        "{error}"
    );
    running.stop().await;
}

fn invite(to: SocketAddr) -> String {
    format!(
        "INVITE sip:1@{to} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:1;rport;branch=z9hG4bKstop\r\n\
         From: <sip:c@x>;tag=1\r\nTo: <sip:1@{to}>\r\nCall-ID: stop@test\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:c@127.0.0.1:1>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_refuses_new_calls_with_503_and_ends_within_its_grace() {
    let mut running = serve(FILE).await;
    let (to, server) = (running.sip(), running.server.take().expect("runs"));
    let start = Instant::now();
    let stop = tokio::spawn(server.stop());
    while running.operator.readiness().ready() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let answer = tokio::task::spawn_blocking(move || {
        let caller = Plain::bind("127.0.0.1:0").expect("bound");
        caller
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("set");
        caller.send_to(invite(to).as_bytes(), to).expect("sent");
        let mut buffer = [0; 2048];
        let length = caller.recv(&mut buffer).expect("an answer within 5 s");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    });
    let answer = answer.await.expect("no panic");
    assert!(answer.starts_with("SIP/2.0 503 "), "{answer}");
    assert!(answer.contains("\r\nRetry-After: "), "{answer}");
    stop.await.expect("no panic");
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
}
