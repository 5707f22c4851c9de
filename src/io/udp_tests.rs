use std::net::UdpSocket as Plain;
use std::time::{Duration, Instant};

use super::*;
use crate::base::limits::DATAGRAM_BATCH;
use crate::io::bind::bind_all;

const LOOPBACK: &str = "127.0.0.1:0";

fn one(address: &str) -> UdpSocket {
    let address = address.parse().expect("an address");
    bind_all(&[address], 1).expect("bound").remove(0).remove(0)
}

fn plain(address: &str) -> Plain {
    let socket = Plain::bind(address).expect("bound");
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("set");
    socket
}

/// Receives until `wanted` datagrams have come; gives their sources, local addresses and bytes.
fn gather(socket: &mut UdpSocket, wanted: usize) -> Vec<(SocketAddr, Option<IpAddr>, Vec<u8>)> {
    let mut batch = ReceiveBatch::new();
    let mut all = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(5);
    while all.len() < wanted && Instant::now() < deadline {
        for i in 0..socket.receive(&mut batch).unwrap_or(0) {
            let datagram = batch.get(i).expect("within the batch");
            all.push((datagram.source, datagram.local, datagram.bytes.to_vec()));
        }
    }
    all
}

fn receive_one(socket: &Plain) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 70_000];
    let (length, source) = socket
        .recv_from(&mut buffer)
        .expect("a datagram within 5 s");
    buffer.truncate(length);
    (buffer, source)
}

#[test]
fn more_datagrams_than_a_batch_arrive_whole_and_in_order() {
    let mut socket = one(LOOPBACK);
    let sender = plain(LOOPBACK);
    let count = DATAGRAM_BATCH * 2 + 3;
    for i in 0..count {
        sender
            .send_to(format!("datagram {i}").as_bytes(), socket.address())
            .expect("sent");
    }
    let got = gather(&mut socket, count);
    let expected: Vec<_> = (0..count)
        .map(|i| {
            (
                sender.local_addr().expect("bound"),
                None,
                format!("datagram {i}").into_bytes(),
            )
        })
        .collect();
    assert_eq!(got, expected);
    assert_eq!(socket.counters().received, count as u64);
}

#[test]
fn the_longest_datagram_passes_and_a_longer_one_is_dropped_and_counted() {
    let mut socket = one(LOOPBACK);
    let other = plain(LOOPBACK);
    let to = other.local_addr().expect("bound");
    socket.push(to, vec![b'x'; UDP_PAYLOAD_MAX + 1].into(), None);
    socket.push(to, vec![b'y'; UDP_PAYLOAD_MAX].into(), None);
    let mut undelivered = Vec::new();
    socket.flush(&mut SendBatch::new(), &mut undelivered);
    assert_eq!(receive_one(&other).0, vec![b'y'; UDP_PAYLOAD_MAX]);
    assert_eq!((socket.counters().oversize, socket.counters().sent), (1, 1));
    assert_eq!(undelivered, []);

    other
        .send_to(&vec![b'z'; UDP_PAYLOAD_MAX], socket.address())
        .expect("sent");
    assert_eq!(gather(&mut socket, 1)[0].2, vec![b'z'; UDP_PAYLOAD_MAX]);
}

#[test]
fn a_destination_that_the_kernel_refuses_holds_up_no_other() {
    let mut socket = one(LOOPBACK);
    let other = plain(LOOPBACK);
    let good = other.local_addr().expect("bound");
    let bad: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    for (to, text) in [(bad, "1"), (good, "2"), (bad, "3"), (bad, "4"), (good, "5")] {
        socket.push(to, Bytes::copy_from_slice(text.as_bytes()), None);
    }
    let mut undelivered = Vec::new();
    socket.flush(&mut SendBatch::new(), &mut undelivered);
    assert_eq!(receive_one(&other).0, b"2");
    assert_eq!(receive_one(&other).0, b"5");
    let refused: Vec<_> = undelivered
        .iter()
        .map(|u| (u.destination, u.bytes.as_ref()))
        .collect();
    assert_eq!(refused, [(bad, &b"1"[..]), (bad, b"3"), (bad, b"4")]);
    assert_eq!(
        (socket.counters().sent, socket.counters().unsendable),
        (2, 3)
    );
    assert!(!socket.wants_write());
}

fn call(number: usize) -> Option<Flow> {
    Some(Flow::of(format!("call {number}").as_bytes()))
}

#[test]
fn datagrams_that_leave_together_arrive_apart() {
    for address in [LOOPBACK, "[::1]:0", "0.0.0.0:0"] {
        let mut socket = one(address);
        let loopback = address.replace("0.0.0.0", "127.0.0.1");
        let others = [plain(&loopback), plain(&loopback)];
        let text = |number: usize| format!("{number:0width$}", width = 100 + number % 2);
        for number in 0..60 {
            let to = others[number % 3 / 2].local_addr().expect("bound");
            // A wildcard socket answers from the address that it was written to.
            socket.learn(to, Some(to.ip()));
            socket.push(to, text(number).into(), call(number));
        }
        let mut undelivered = Vec::new();
        socket.flush(&mut SendBatch::new(), &mut undelivered);
        assert_eq!((socket.counters().sent, undelivered), (60, vec![]));
        for (mine, other) in others.iter().enumerate() {
            let sent = (0..60).filter(|number| number % 3 / 2 == mine);
            let mut sent: Vec<Vec<u8>> = sent.map(|number| text(number).into_bytes()).collect();
            let mut got: Vec<_> = sent.iter().map(|_| receive_one(other).0).collect();
            assert!(got != sent, "some left together");
            sent.sort();
            got.sort();
            assert_eq!(got, sent);
        }
    }
}

#[test]
fn of_a_train_that_the_kernel_refuses_each_datagram_is_told() {
    let mut socket = one(LOOPBACK);
    let other = plain(LOOPBACK);
    let bad: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    for number in 0..4 {
        socket.push(bad, Bytes::from(format!("bad {number}")), call(number));
    }
    let good = other.local_addr().expect("bound");
    socket.push(good, Bytes::from_static(b"good"), call(9));
    let mut undelivered = Vec::new();
    socket.flush(&mut SendBatch::new(), &mut undelivered);
    let told: Vec<_> = undelivered.iter().map(|it| it.bytes.as_ref()).collect();
    assert_eq!(told, [b"bad 0", b"bad 1", b"bad 2", b"bad 3"]);
    assert_eq!(receive_one(&other).0, b"good");
    // It was the destination that was refused: to others datagrams leave together as before.
    assert_eq!(socket.longest, TRAIN_DATAGRAM_BYTES);
}

#[test]
fn what_the_kernel_had_no_room_for_stays_in_the_order_in_which_it_came() {
    let mut socket = one(LOOPBACK);
    let to: SocketAddr = "127.0.0.1:9".parse().expect("an address");
    for text in ["0", "1", "2", "3"] {
        socket.push(to, Bytes::from_static(text.as_bytes()), None);
    }
    socket.sent(&[0, 2]);
    let left: Vec<_> = socket.queue.iter().map(|it| it.bytes.as_ref()).collect();
    assert_eq!(left, [b"1", b"3"]);
    assert_eq!(socket.counters().sent, 2);
}

#[test]
fn a_length_that_a_path_does_not_take_undivided_leaves_alone_from_then_on() {
    let mut socket = one(LOOPBACK);
    let to: SocketAddr = "127.0.0.1:9".parse().expect("an address");
    socket.push(to, Bytes::from_static(&[b'x'; 900]), call(1));
    let mut told = |errno| {
        socket.shorten(&io::Error::from_raw_os_error(errno));
        socket.longest
    };
    assert_eq!(told(libc::ENETUNREACH), TRAIN_DATAGRAM_BYTES);
    assert_eq!(told(libc::EMSGSIZE), 899);
    assert_eq!(told(libc::EIO), 0);
}

#[test]
fn a_datagram_to_a_closed_port_comes_back_with_its_bytes() {
    for loopback in [LOOPBACK, "[::1]:0"] {
        let mut socket = one(loopback);
        let closed = plain(loopback).local_addr().expect("bound");
        socket.push(
            closed,
            Bytes::from_static(b"OPTIONS sip:nobody SIP/2.0\r\n\r\n"),
            None,
        );
        socket.flush(&mut SendBatch::new(), &mut Vec::new());
        let mut buffer = [0; 2048];
        let deadline = Instant::now() + Duration::from_secs(5);
        let returned = loop {
            if let Some((to, bytes)) = socket.returned(&mut buffer) {
                break (to, bytes.to_vec());
            }
            assert!(Instant::now() < deadline, "nothing came back on {loopback}");
        };
        assert_eq!(
            returned,
            (closed, b"OPTIONS sip:nobody SIP/2.0\r\n\r\n".to_vec())
        );
        assert_eq!(socket.returned(&mut buffer), None);
    }
}

#[test]
fn an_error_of_an_earlier_datagram_costs_no_later_one() {
    let mut socket = one(LOOPBACK);
    let closed = plain(LOOPBACK).local_addr().expect("bound");
    let other = plain(LOOPBACK);
    for round in 0..50 {
        let mut undelivered = Vec::new();
        socket.push(closed, Bytes::from_static(b"lost"), None);
        socket.flush(&mut SendBatch::new(), &mut undelivered);
        socket.push(
            other.local_addr().expect("bound"),
            Bytes::from(format!("kept {round}")),
            None,
        );
        socket.flush(&mut SendBatch::new(), &mut undelivered);
        assert_eq!(undelivered, []);
        assert_eq!(receive_one(&other).0, format!("kept {round}").into_bytes());
        other.send_to(b"back", socket.address()).expect("sent");
        assert_eq!(gather(&mut socket, 1).len(), 1, "round {round}");
    }
}

#[test]
fn answers_of_a_wildcard_listener_leave_from_the_address_that_was_written_to() {
    for (wildcard, ours, theirs) in [
        ("0.0.0.0:0", "127.0.0.5", "127.0.0.1:0"),
        ("0.0.0.0:0", "127.0.0.6", "127.0.0.9:0"),
        ("[::]:0", "::1", "[::1]:0"),
    ] {
        let mut socket = one(wildcard);
        let ours = SocketAddr::new(ours.parse().expect("an address"), socket.address().port());
        let caller = plain(theirs);
        caller.send_to(b"hello", ours).expect("sent");
        let (source, local, _) = gather(&mut socket, 1).remove(0);
        assert_eq!(local, Some(ours.ip()));
        socket.learn(source, local);
        socket.push(source, Bytes::from_static(b"welcome"), None);
        socket.flush(&mut SendBatch::new(), &mut Vec::new());
        assert_eq!(receive_one(&caller), (b"welcome".to_vec(), ours));
    }
}

#[test]
fn a_listener_on_all_ipv6_addresses_leaves_ipv4_to_another() {
    let v6 = one("[::]:0");
    let v4 = one(&format!("0.0.0.0:{}", v6.address().port()));
    assert_eq!(v4.address().port(), v6.address().port());
}

#[test]
fn all_shards_share_the_port_that_the_first_one_picked() {
    let shards = bind_all(&[LOOPBACK.parse().expect("an address")], 4).expect("bound");
    let address = shards[0][0].address();
    assert_ne!(address.port(), 0);
    assert!(
        shards
            .iter()
            .all(|sockets| sockets.len() == 1 && sockets[0].address() == address)
    );
}

#[test]
fn an_address_that_another_holds_is_an_error_that_names_it() {
    let shards = bind_all(&[LOOPBACK.parse().expect("an address")], 2).expect("bound");
    let address = shards[0][0].address();
    let error = bind_all(&[address], 2).err().expect("refused").to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {address} (udp): ")),
        "{error}"
    );
    assert!(error.contains("another program holds it"), "{error}");
}

#[test]
fn what_waits_to_be_sent_is_bounded_and_the_rest_counted() {
    let mut socket = one(LOOPBACK);
    let to = plain(LOOPBACK).local_addr().expect("bound");
    for _ in 0..SEND_QUEUE_MAX + 5 {
        socket.push(to, Bytes::from_static(b"x"), None);
    }
    assert_eq!(socket.counters().queue_full, 5);
    assert!(socket.wants_write());
}

#[test]
fn a_socket_stamps_what_comes_in_while_it_is_asked_to() {
    let mut socket = one(LOOPBACK);
    let sender = plain(LOOPBACK);
    let clock = || {
        std::time::SystemTime::UNIX_EPOCH
            .elapsed()
            .expect("after 1970")
    };
    for wanted in [true, false, true] {
        socket.stamp(wanted);
        let before = clock();
        sender.send_to(b"x", socket.address()).expect("sent");
        let mut batch = ReceiveBatch::new();
        let deadline = Instant::now() + Duration::from_secs(5);
        while socket.receive(&mut batch) == Some(0) && Instant::now() < deadline {}
        let stamp = batch.get(0).expect("a datagram within 5 s").stamp;
        assert_eq!(stamp.is_some(), wanted);
        assert!(stamp.is_none_or(|stamp| before <= stamp && stamp <= clock()));
    }
}
