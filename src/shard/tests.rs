use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket as Plain};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::sync::mpsc;

use super::*;
use crate::base::transmit::{ListenerId, Transmit};
use crate::base::transport::Transport;
use crate::io::bind::bind_all;
use crate::proxy::{Answer, Command, Input, Notice, Output, ShardId, shard_of};

mod overload;

const PATIENCE: Duration = Duration::from_secs(5);
const SHARDS: u16 = 4;

/// Tells what it is given, and does as the datagram says.
struct Parrot {
    shard: ShardId,
    told: Sender<(ShardId, String)>,
    outputs: VecDeque<Output>,
    alarm: Option<Instant>,
}

impl Parrot {
    fn tell(&self, text: String) {
        // The test may have ended already.
        let _ = self.told.send((self.shard, text));
    }

    fn obey(&mut self, now: Instant, listener: ListenerId, source: SocketAddr, text: &str) {
        let send = |destination, payload| {
            Output::Transmit(Transmit {
                listener,
                destination,
                payload,
            })
        };
        match header(text, "X-Do: ").unwrap_or_default() {
            "" => {}
            "answer" => self
                .outputs
                .push_back(send(source, Bytes::from_static(b"answer"))),
            "sleep" => self.alarm = Some(now + Duration::from_millis(20)),
            "resolve" => self.outputs.push_back(Output::Resolve {
                token: 7,
                host: "pbx.test".into(),
                port: None,
                transport: Transport::Udp,
            }),
            address => {
                let to = address.parse().expect("an address");
                self.outputs
                    .push_back(send(to, Bytes::copy_from_slice(text.as_bytes())));
            }
        }
    }
}

impl Engine for Parrot {
    fn leave(self) {
        self.tell("left".into());
    }

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Datagram {
                listener,
                source,
                bytes,
            } => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                self.tell(format!(
                    "datagram {}",
                    text.lines().next().unwrap_or_default()
                ));
                self.obey(now, listener, source, &text);
            }
            Input::Pressed { bytes, excess, .. } => {
                let text = String::from_utf8_lossy(bytes);
                let line = text.lines().next().unwrap_or_default();
                self.tell(format!("pressed {line} {}", excess.refused));
            }
            Input::Unreachable { destination, .. } => {
                self.tell(format!("unreachable {destination}"))
            }
            Input::Timeout => {
                self.alarm = None;
                self.tell("timeout".into());
            }
            Input::Resolved { token, addresses } => {
                self.tell(format!("resolved {token} {addresses:?}"))
            }
            Input::Setup(_) => self.tell("setup".into()),
            Input::Command { token, command } => {
                let answer = match command {
                    Command::Stop => Answer::Stopped,
                    Command::EndCall(_) => Answer::Ended(true),
                    Command::Calls(_) => Answer::Calls(Vec::new()),
                    Command::Call(_) => Answer::Call(None),
                    Command::Begun(_) => Answer::Begun(Vec::new()),
                    Command::Stats => Answer::Stats(Box::default()),
                    Command::Restore(_)
                    | Command::PersistAll
                    | Command::PeerRestarted { .. }
                    | Command::PeerDied(_)
                    | Command::Empty { .. }
                    | Command::PeerCalls { .. } => Answer::Done(0),
                };
                self.outputs.push_back(Output::Answer { token, answer });
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.alarm
    }
}

fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}

/// Running shards with one listener, and a caller.
struct House {
    running: Running,
    address: SocketAddr,
    told: Receiver<(ShardId, String)>,
    resolve: mpsc::Receiver<ResolveAsk>,
    _notices: mpsc::Receiver<Notice>,
    caller: Plain,
}

impl House {
    fn open(resolve_room: usize) -> Self {
        Self::open_with(SHARDS, resolve_room, |_, _| {})
    }

    /// `before` runs while the sockets are open and nobody reads them.
    fn open_with(
        shards: u16,
        resolve_room: usize,
        before: impl FnOnce(&Plain, SocketAddr),
    ) -> Self {
        let sockets =
            bind_all(&["127.0.0.1:0".parse().expect("an address")], shards).expect("bound");
        let address = sockets[0][0].address();
        let caller = Plain::bind("127.0.0.1:0").expect("bound");
        caller.set_read_timeout(Some(PATIENCE)).expect("set");
        before(&caller, address);
        let (tell, told) = bounded(1 << 14);
        let (ask, resolve) = mpsc::channel(resolve_room);
        let (notices, heard) = mpsc::channel(8);
        let running = start(
            sockets,
            &Outlets {
                resolve: ask,
                notices,
                store: Default::default(),
            },
            move |shard| Parrot {
                shard,
                told: tell.clone(),
                outputs: VecDeque::new(),
                alarm: None,
            },
        )
        .expect("started");
        House {
            running,
            address,
            told,
            resolve,
            _notices: heard,
            caller,
        }
    }

    fn send(&self, text: &str) {
        self.caller
            .send_to(text.as_bytes(), self.address)
            .expect("sent");
    }

    #[track_caller]
    fn next(&self) -> (ShardId, String) {
        self.told
            .recv_timeout(PATIENCE)
            .expect("something within 5 s")
    }
}

fn message(call_id: &str, doing: &str) -> String {
    format!("BYE sip:x SIP/2.0\r\nCall-ID: {call_id}\r\nX-Do: {doing}\r\n\r\n")
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn every_message_of_a_call_reaches_the_shard_of_its_call_id() {
    let house = House::open(8);
    let other_path = Plain::bind("127.0.0.1:0").expect("bound");
    for i in 0..64 {
        let call_id = format!("call-{i}@test");
        let owner = shard_of(call_id.as_bytes(), SHARDS);
        house.send(&message(&call_id, "answer"));
        assert_eq!(house.next(), (owner, "datagram BYE sip:x SIP/2.0".into()));
        let mut buffer = [0; 64];
        let (length, from) = house
            .caller
            .recv_from(&mut buffer)
            .expect("an answer within 5 s");
        assert_eq!((&buffer[..length], from), (&b"answer"[..], house.address));
        other_path
            .send_to(message(&call_id, "").as_bytes(), house.address)
            .expect("sent");
        assert_eq!(house.next().0, owner);
    }
    let reports = wait(house.running.handles.reports());
    let mut sum = ShardStats::default();
    reports
        .iter()
        .for_each(|report| sum.merge(&report.shard_stats));
    assert_eq!(reports.len(), usize::from(SHARDS));
    assert_eq!(
        (
            sum.sockets.received,
            sum.sockets.sent,
            sum.added_delay.count()
        ),
        (128, 64, 64)
    );
    assert_eq!(sum.drops().iter().map(|(_, count)| count).sum::<u64>(), 0);
    house.running.end();
}

#[test]
fn what_has_no_call_id_is_handled_where_it_arrives() {
    let house = House::open(8);
    house.send("\r\n\r\n");
    house.send("nonsense");
    let (first, second) = (house.next(), house.next());
    assert_eq!(first.0, second.0, "one path, one socket");
    assert_eq!(
        (first.1.as_str(), second.1.as_str()),
        ("datagram ", "datagram nonsense")
    );
    house.running.end();
}

#[test]
fn a_datagram_that_comes_back_reaches_the_shard_that_sent_it() {
    let house = House::open(8);
    let closed = Plain::bind("127.0.0.1:0")
        .expect("bound")
        .local_addr()
        .expect("bound");
    for i in 0..16 {
        let call_id = format!("lost-{i}");
        house.send(&message(&call_id, &closed.to_string()));
        house.next();
        let owner = shard_of(call_id.as_bytes(), SHARDS);
        assert_eq!(house.next(), (owner, format!("unreachable {closed}")));
    }
    house.running.end();
}

#[test]
fn a_destination_that_the_kernel_refuses_is_told_to_the_core() {
    let house = House::open(8);
    house.send(&message("refused", "127.0.0.1:0"));
    house.next();
    assert_eq!(house.next().1, "unreachable 127.0.0.1:0");
    house.running.end();
}

#[test]
fn a_name_goes_out_and_its_addresses_come_back() {
    let mut house = House::open(8);
    house.send(&message("named", "resolve"));
    house.next();
    let ask = house.resolve.blocking_recv().expect("a question");
    let owner = shard_of(b"named", SHARDS);
    assert_eq!(
        (ask.shard, ask.token, ask.host.as_str()),
        (owner, 7, "pbx.test")
    );
    house
        .running
        .handles
        .resolved(ask.shard, ask.token, vec![house.address])
        .expect("taken");
    assert_eq!(
        house.next(),
        (owner, format!("resolved 7 [{}]", house.address))
    );
    house.running.end();
}

#[test]
fn a_name_that_nobody_can_take_is_told_as_failed() {
    let house = House::open(1);
    for _ in 0..2 {
        house.send(&message("named", "resolve"));
        house.next();
    }
    assert_eq!(house.next().1, "resolved 7 []");
    house.running.end();
}

#[test]
fn a_core_is_woken_at_the_moment_it_asked_for() {
    let house = House::open(8);
    let start = Instant::now();
    house.send(&message("sleeper", "sleep"));
    house.next();
    assert_eq!(
        house.next(),
        (shard_of(b"sleeper", SHARDS), "timeout".into())
    );
    let slept = start.elapsed();
    assert!(
        slept >= Duration::from_millis(20),
        "woken early, after {slept:?}"
    );
    house.running.end();
}

#[test]
fn questions_are_answered_and_after_the_end_refused() {
    let house = House::open(8);
    let handles = house.running.handles.clone();
    let answers = wait(handles.ask_all(|_| Command::Stop)).expect("answered");
    assert!(
        answers
            .iter()
            .all(|answer| matches!(answer, Answer::Stopped))
    );
    assert_eq!(answers.len(), usize::from(SHARDS));
    house.running.end();
    let left: Vec<String> = house.told.try_iter().map(|(_, what)| what).collect();
    assert_eq!(
        left,
        vec!["left"; usize::from(SHARDS)],
        "each engine is left in good order"
    );
    let refused = wait(handles.ask(ShardId(0), Command::Stop));
    assert_eq!(refused.err(), Some(Gone::Ended));
    assert_eq!(
        wait(handles.ask(ShardId(99), Command::Stop)).err(),
        Some(Gone::Ended)
    );
}
