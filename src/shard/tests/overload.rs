//! More than a shard can take.

use super::*;
use crate::base::limits::DATAGRAM_BATCH;

fn request(method: &str, number: usize, padding: usize) -> String {
    let padding = "x".repeat(padding);
    format!("{method} sip:x SIP/2.0\r\nCall-ID: {number}\r\nSubject: {padding}\r\n\r\n")
}

fn counted(house: &House) -> ShardStats {
    let mut reports = wait(house.running.handles.reports());
    reports.remove(0).shard_stats
}

#[test]
fn a_batch_that_comes_full_is_handled_with_its_invites_last() {
    let house = House::open_with(1, 8, |caller, address| {
        for number in 0..DATAGRAM_BATCH {
            let method = ["INVITE", "BYE"][number % 2];
            caller
                .send_to(request(method, number, 0).as_bytes(), address)
                .expect("sent");
        }
    });
    let order: Vec<String> = (0..DATAGRAM_BATCH).map(|_| house.next().1).collect();
    let mut expected = vec!["datagram BYE sip:x SIP/2.0"; DATAGRAM_BATCH / 2];
    expected.extend(vec!["datagram INVITE sip:x SIP/2.0"; DATAGRAM_BATCH / 2]);
    assert_eq!(order, expected);
    house.running.end();
}

#[test]
fn a_batch_that_comes_short_is_handled_as_it_came() {
    let methods = ["INVITE", "BYE", "INVITE", "ACK"];
    let house = House::open_with(1, 8, |caller, address| {
        for (number, method) in methods.iter().enumerate() {
            caller
                .send_to(request(method, number, 0).as_bytes(), address)
                .expect("sent");
        }
    });
    for method in methods {
        assert_eq!(house.next().1, format!("datagram {method} sip:x SIP/2.0"));
    }
    house.running.end();
}

#[test]
fn while_the_kernels_queue_is_nearly_full_new_calls_are_too_many_and_nothing_else() {
    // More than any receive buffer that a socket is granted here; the kernel drops what does not fit.
    let house = House::open_with(1, 8, |caller, address| {
        for number in 0..12_000 {
            let method = ["INVITE", "BYE"][number % 2];
            caller
                .send_to(request(method, number, 1200).as_bytes(), address)
                .expect("sent");
        }
    });
    let deadline = Instant::now() + PATIENCE;
    let (mut byes, mut invites, mut refused) = (0, 0, 0);
    let stats = loop {
        let stats = counted(&house);
        for (_, text) in house.told.try_iter() {
            match text.as_str() {
                "datagram BYE sip:x SIP/2.0" => byes += 1,
                "datagram INVITE sip:x SIP/2.0" => invites += 1,
                other if other.starts_with("pressed INVITE ") => refused += 1,
                other => panic!("{other}"),
            }
        }
        if stats.sockets.received > 0 && stats.sockets.received == byes + invites + refused {
            break stats;
        }
        assert!(
            Instant::now() < deadline,
            "{stats:?}, {byes} BYEs, {invites} INVITEs, {refused} too many"
        );
    };
    assert!(refused > 0, "{stats:?}");
    assert!(byes > invites, "{byes} BYEs and {invites} INVITEs taken");
    house.running.end();
}
