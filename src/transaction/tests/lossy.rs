//! Two tables with a bad network between them: datagrams are lost, doubled and overtaken, from a seed.

use bytes::Bytes;
use fastrand::Rng;

use super::harness::{Heard, Request, World, title};
use crate::transaction::{Event, Received};

const LOSS: f64 = 0.3;
const DOUBLED: f64 = 0.2;
const DELAY_MAX_MS: u64 = 200;

/// A datagram on its way.
struct Flying {
    arrives_ms: u64,
    to_server: bool,
    payload: Bytes,
}

/// What the owners on both sides have seen.
#[derive(Debug, Default, PartialEq, Eq)]
struct Story {
    requests: usize,
    finals: Vec<u16>,
    acknowledged: usize,
    client_ends: usize,
    timed_out: usize,
    server_ends: usize,
}

struct Network {
    chance: Rng,
    flying: Vec<Flying>,
    loss: f64,
}

impl Network {
    fn carry(&mut self, world: &mut World, now_ms: u64, to_server: bool) {
        while let Some(transmit) = world.table.poll_transmit() {
            let copies = if self.chance.f64() < DOUBLED { 2 } else { 1 };
            for _ in 0..copies {
                if self.chance.f64() >= self.loss {
                    let arrives_ms = now_ms + self.chance.u64(1..=DELAY_MAX_MS);
                    self.flying.push(Flying {
                        arrives_ms,
                        to_server,
                        payload: transmit.payload.clone(),
                    });
                }
            }
        }
    }

    fn arriving(&mut self, now_ms: u64) -> Vec<Flying> {
        self.flying
            .extract_if(.., |datagram| datagram.arrives_ms <= now_ms)
            .collect()
    }
}

/// One request from end to end, answered with `status` after `thinking_ms`.
fn play(seed: u64, loss: f64, method: &'static str, status: u16, thinking_ms: u64) -> Story {
    let mut network = Network {
        chance: Rng::with_seed(seed),
        flying: Vec::new(),
        loss,
    };
    let (mut client, mut server, mut story) = (World::new(), World::new(), Story::default());
    let mut answers = Vec::new();
    let sent = client.send(method);
    // Long enough for every timer; ten milliseconds are fine enough for a network this slow.
    for now_ms in (0..120_000).step_by(10) {
        for world in [&mut client, &mut server] {
            world.set_time(now_ms);
            world.table.handle_timeout(world.now());
        }
        for datagram in network.arriving(now_ms) {
            if !datagram.to_server {
                let heard = client.hear_bytes(&datagram.payload);
                let status: u16 = title(&datagram.payload).parse().expect("a status");
                if status >= 200 && matches!(heard, Heard::Passed(_)) {
                    story.finals.push(status);
                }
                continue;
            }
            match server.receive(&datagram.payload) {
                Some(Received::Acknowledged) => story.acknowledged += 1,
                Some(Received::Absorbed) => {}
                None if title(&datagram.payload) == "ACK" => {}
                None => {
                    story.requests += 1;
                    answers.push((now_ms + thinking_ms, server.open_server(&datagram.payload)));
                }
            }
        }
        for (_, key) in answers.extract_if(.., |(at_ms, _)| *at_ms <= now_ms) {
            let response = Request::new(method)
                .branch(sent.branch.as_bytes())
                .response(status, "ours");
            server
                .table
                .respond(server.at(now_ms), key, status, response);
        }
        note_ends(&mut client, &mut story);
        note_ends(&mut server, &mut story);
        network.carry(&mut client, now_ms, true);
        network.carry(&mut server, now_ms, false);
        let live = client.table.counts().client + server.table.counts().server;
        if live == 0 && network.flying.is_empty() {
            break;
        }
    }
    assert_eq!(
        (client.table.counts().client, server.table.counts().server),
        (0, 0),
        "seed {seed}"
    );
    story
}

fn note_ends(world: &mut World, story: &mut Story) {
    while let Some(event) = world.table.poll_event() {
        match event {
            Event::TimedOut(..) => story.timed_out += 1,
            Event::ClientGone(..) | Event::TransportFailed(..) => story.client_ends += 1,
            Event::NoAck(..) | Event::ServerGone(..) => story.server_ends += 1,
        }
    }
}

#[test]
fn a_refused_invite_is_seen_once_answered_once_and_acknowledged_once_whatever_is_lost() {
    for seed in 0..60 {
        let story = play(seed, LOSS, "INVITE", 486, 700);
        let expected = Story {
            requests: 1,
            finals: vec![486],
            acknowledged: 1,
            client_ends: 1,
            timed_out: 0,
            server_ends: 1,
        };
        assert_eq!(story, expected, "seed {seed}");
    }
}

#[test]
fn a_bye_is_seen_once_and_answered_once_whatever_is_lost() {
    for seed in 0..60 {
        let story = play(seed, LOSS, "BYE", 200, 20);
        let expected = Story {
            requests: 1,
            finals: vec![200],
            acknowledged: 0,
            client_ends: 1,
            timed_out: 0,
            server_ends: 1,
        };
        assert_eq!(story, expected, "seed {seed}");
    }
}

#[test]
fn a_network_that_loses_nearly_all_still_gives_one_outcome_to_each_side() {
    let mut outcomes = [0, 0];
    for seed in 0..60 {
        let method = if seed % 2 == 0 { "INVITE" } else { "BYE" };
        let story = play(seed, 0.9, method, 486, 50);
        assert!(story.requests <= 1, "seed {seed}: {story:?}");
        assert_eq!(
            story.finals.len() + story.timed_out,
            1,
            "seed {seed}: {story:?}"
        );
        assert_eq!(
            story.client_ends + story.timed_out,
            1,
            "seed {seed}: {story:?}"
        );
        assert_eq!(story.server_ends, story.requests, "seed {seed}: {story:?}");
        outcomes[story.timed_out] += 1;
    }
    assert!(
        outcomes.iter().all(|count| *count > 5),
        "both outcomes were seen: {outcomes:?}"
    );
}
