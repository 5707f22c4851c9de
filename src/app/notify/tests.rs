//! Against a receiver on loopback that does as it is told.

mod events;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::notice::Notice;
use super::post::{Answer, Poster};
use super::signature::signature;
use super::*;
use crate::base::limits::NOTIFY_QUEUE_MAX;
use crate::http::model::CallEvent;

const SECRET: &str = "0123456789abcdef";
const PATIENCE: Duration = Duration::from_secs(20);
const QUICK: Pace = Pace {
    least: Duration::from_millis(2),
    most: Duration::from_millis(10),
};

/// What came, and when.
struct Came {
    headers: HeaderMap,
    body: Bytes,
    at: Instant,
}

impl Came {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect(name);
        value.to_str().expect("text")
    }

    fn id(&self) -> &str {
        self.header("tandem-event-id")
    }
}

/// Answers with what it was given, then with 200.
struct Receiver {
    address: SocketAddr,
    came: mpsc::Receiver<Came>,
}

type Script = Arc<Mutex<VecDeque<(u16, &'static str)>>>;

impl Receiver {
    /// Each answer is a status and a Retry-After, which may be empty.
    async fn start(answers: &[(u16, &'static str)]) -> Self {
        let script: Script = Arc::new(Mutex::new(answers.iter().copied().collect()));
        let (tell, came) = mpsc::channel(64);
        let handler = |State((script, tell)): State<(Script, mpsc::Sender<Came>)>,
                       headers: HeaderMap,
                       body: Bytes| async move {
            let at = Instant::now();
            let came = Came { headers, body, at };
            assert!(tell.try_send(came).is_ok(), "no room");
            let (status, after) = script.lock().pop_front().unwrap_or((200, ""));
            let mut headers = HeaderMap::new();
            if !after.is_empty() {
                headers.insert("retry-after", after.parse().expect("a value"));
            }
            (StatusCode::from_u16(status).expect("a status"), headers)
        };
        let router = Router::new().fallback(handler).with_state((script, tell));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async { axum::serve(listener, router).await });
        Receiver { address, came }
    }

    async fn next(&mut self) -> Came {
        let came = timeout(PATIENCE, self.came.recv()).await;
        came.expect("in time").expect("it lives")
    }

    /// The ids of the next ones.
    async fn ids(&mut self, count: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.next().await.id().to_owned());
        }
        ids
    }
}

fn config(notify: &str) -> Config {
    let peer = "[[peer]]\nname = \"pbx-a\"\nuri = \"sip:127.0.0.1:5099\"\n";
    let file = format!("[node]\nname = \"here\"\n{peer}{notify}\n");
    let system = crate::config::System {
        folder: std::path::PathBuf::new(),
    };
    crate::config::parse("f", file.as_bytes(), &system).unwrap_or_else(|why| panic!("{why}"))
}

fn to(address: SocketAddr, more: &str) -> Config {
    let url = format!("url = \"http://{address}/hook?key=1\"");
    config(&format!("[notify]\n{url}\n{more}"))
}

fn exhausted(group: &str) -> Event {
    Event::Call(CallEvent {
        at: "2026-01-01T12:00:00.000Z".to_owned(),
        what: "exhausted".to_owned(),
        group: group.to_owned(),
        calls: 2,
        ended: None,
        words: format!("calls for {group} that found no peer within a second: 2"),
    })
}

fn notice(id: u64) -> Notice {
    let mut notices = Notice::of(id, &exhausted("pbx"), "here");
    notices.pop().expect("one")
}

/// A task that delivers these.
fn deliver(config: &Config, ids: impl Iterator<Item = u64>) -> JoinHandle<()> {
    let queue = Arc::new(Queue::default());
    ids.for_each(|id| queue.push(notice(id)));
    let notify = config.notify.clone().expect("configured");
    tokio::spawn(Delivery::new(notify, QUICK, queue).run())
}

#[tokio::test]
async fn a_notice_is_posted_as_json_with_a_signature_that_verifies() {
    let mut receiver = Receiver::start(&[]).await;
    let config = to(receiver.address, &format!("secret = \"{SECRET}\""));
    let task = deliver(&config, 7..8);
    let came = receiver.next().await;
    assert_eq!(came.header("content-type"), "application/json");
    let agent = format!("tandem/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(came.header("user-agent"), agent);
    assert_eq!(came.id(), "7-exhausted");
    let signed = came.header("tandem-signature");
    let (_, rest) = signed.split_once("t=").expect("a time");
    let (seconds, _) = rest.split_once(',').expect("a signature");
    let seconds = seconds.parse().expect("a number");
    assert_eq!(signed, signature(SECRET, seconds, &came.body));
    assert!(crate::app::clock::unix_ms() / 1000 - seconds < 60);
    let body: serde_json::Value = serde_json::from_slice(&came.body).expect("JSON");
    assert_eq!(
        (&body["id"], &body["event_id"]),
        (&"7-exhausted".into(), &7.into())
    );
    task.abort();
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed() {
    let mut receiver = Receiver::start(&[]).await;
    let task = deliver(&to(receiver.address, ""), 1..2);
    let came = receiver.next().await;
    assert!(!came.headers.contains_key("tandem-signature"));
    task.abort();
}

#[tokio::test]
async fn what_was_not_taken_comes_again_and_before_what_follows() {
    let answers = [(503, ""), (302, ""), (408, ""), (200, ""), (500, "")];
    let mut receiver = Receiver::start(&answers).await;
    let task = deliver(&to(receiver.address, ""), 1..4);
    let ids = receiver.ids(7).await.join(" ").replace("-exhausted", "");
    assert_eq!(ids, "1 1 1 1 2 2 3");
    task.abort();
}

#[tokio::test]
async fn a_notice_that_is_refused_is_not_tried_again() {
    let mut receiver = Receiver::start(&[(400, ""), (410, "1")]).await;
    let task = deliver(&to(receiver.address, ""), 1..4);
    let ids = receiver.ids(3).await.join(" ").replace("-exhausted", "");
    assert_eq!(ids, "1 2 3");
    task.abort();
}

#[tokio::test]
async fn the_receiver_s_retry_after_is_waited_for() {
    let mut receiver = Receiver::start(&[(429, "1")]).await;
    let task = deliver(&to(receiver.address, ""), 1..2);
    let first = receiver.next().await.at;
    let waited = receiver.next().await.at - first;
    assert!(waited >= Duration::from_millis(990), "{waited:?}");
    task.abort();
}

#[tokio::test]
async fn a_notice_that_is_too_old_is_given_up_after_a_try() {
    let mut receiver = Receiver::start(&[(503, ""), (503, ""), (200, "")]).await;
    let task = deliver(&to(receiver.address, "retry_for = \"0s\""), 1..4);
    let ids = receiver.ids(3).await.join(" ").replace("-exhausted", "");
    assert_eq!(ids, "1 2 3");
    task.abort();
}

#[tokio::test]
async fn a_receiver_that_is_not_there_or_says_nothing_is_tried_again() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("bound");
    let notify = to(address, "timeout = \"100ms\"").notify.expect("there");
    let poster = Poster::new(&notify).await;
    let why = |answer| match answer {
        Answer::Later {
            why,
            retry_after: None,
        } => why,
        other => panic!("{other:?}"),
    };
    let answer = poster.post(&notify, &notice(1)).await;
    assert_eq!(why(answer), "no answer in time");
    drop(silent);
    let answer = why(poster.post(&notify, &notice(1)).await);
    assert!(answer.contains("Connection refused"), "{answer}");
    assert!(!answer.contains("key"), "{answer}");
}

#[tokio::test]
async fn a_try_ends_at_its_deadline_also_when_only_the_answer_s_body_is_missing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let notify = to(address, "timeout = \"1s\"").notify.expect("there");
    let half = notify.timeout / 2;
    let receiver = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("it comes");
        sleep(half).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
        stream.write_all(head).await.expect("it listens");
        (stream, Instant::now())
    });
    let poster = Poster::new(&notify).await;
    assert_eq!(poster.post(&notify, &notice(1)).await, Answer::Taken);
    let (_open, told) = receiver.await.expect("it answered");
    assert!(told.elapsed() < notify.timeout, "{:?}", told.elapsed());
}

#[tokio::test]
async fn of_too_many_notices_the_oldest_make_room_but_for_the_one_in_hand() {
    let queue = Queue::default();
    let most = NOTIFY_QUEUE_MAX as u64;
    queue.push(notice(0));
    assert_eq!(queue.oldest().await.notice.id, "0-exhausted");
    (1..most + 10).for_each(|id| queue.push(notice(id)));
    assert_eq!(queue.oldest().await.notice.id, "0-exhausted");
    queue.done();
    assert_eq!(queue.oldest().await.notice.id, "11-exhausted");
    assert_eq!(queue.clear(), most - 1);
}

#[tokio::test]
async fn a_reload_takes_what_waits_to_the_new_receiver() {
    // Nobody listens there.
    let nowhere = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let nowhere = nowhere.local_addr().expect("bound");
    let mut receiver = Receiver::start(&[]).await;
    let notifier = Notifier::default();
    let now = std::time::Instant::now();
    notifier.follow(&config(""));
    notifier.hear(1, &exhausted("pbx"), now);
    assert!(notifier.runs.lock().is_none(), "no task without a URL");
    notifier.follow(&to(nowhere, ""));
    notifier.hear(2, &exhausted("pbx"), now);
    notifier.hear(3, &exhausted("spare"), now);
    notifier.follow(&to(receiver.address, "retry_for = \"1m\""));
    assert_eq!(receiver.ids(2).await, ["2-exhausted", "3-exhausted"]);
    notifier.follow(&config(""));
    assert!(notifier.runs.lock().is_none());
}
