//! Properties of any bytes: those of chance, and torture messages that chance has damaged.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tandem::sip::{Edits, HeaderName, Index, parse, parse_for_reject, sniff};

use crate::invariants::check;
use crate::wire::{names, wire};

fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(3261),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// All torture messages.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    ["rfc4475", "rfc5118"]
        .into_iter()
        .flat_map(|rfc| names(rfc).into_iter().map(move |name| wire(rfc, &name)))
        .collect()
});

/// Texts that mean something to a parser.
const SNIPPETS: [&[u8]; 24] = [
    b"\r\n",
    b"\r",
    b"\n",
    b"\r\n ",
    b"\r\n\r\n",
    b":",
    b";",
    b",",
    b"\"",
    b"\\",
    b"<",
    b">",
    b"[",
    b"]",
    b"@",
    b"?",
    b"=",
    b" ",
    b"\t",
    b"\0",
    b"Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n",
    b"l: 0\r\n",
    b";received=2001:db8::2;rport",
    b"i: other\r\n",
];

#[derive(Clone, Debug)]
enum Damage {
    Insert(prop::sample::Index, usize),
    Overwrite(prop::sample::Index, u8),
    Delete(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        (place(), 0..SNIPPETS.len()).prop_map(|(at, which)| Damage::Insert(at, which)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Damage::Overwrite(at, byte)),
        (place(), 1..40_usize).prop_map(|(at, length)| Damage::Delete(at, length)),
        (place(), 1..80_usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    let length = bytes.len();
    match damage {
        Damage::Insert(at, which) => {
            let at = at.index(length);
            bytes.splice(at..at, SNIPPETS[*which].iter().copied());
        }
        Damage::Overwrite(at, byte) => bytes[at.index(length)] = *byte,
        Damage::Delete(at, many) => {
            let at = at.index(length);
            bytes.drain(at..(at + many).min(length));
        }
        Damage::Repeat(at, many) => {
            let at = at.index(length);
            bytes.extend_from_within(at..(at + many).min(length));
        }
    }
}

proptest! {
    #![proptest_config(fixed(2048))]

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        check(&bytes);
    }

    #[test]
    fn any_pieces_of_grammar_are_read_without_harm(
        pieces in prop::collection::vec(0..SNIPPETS.len(), 0..60),
    ) {
        let mut bytes = b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nf: <sip:a@b>\r\n\
            t: <sip:b@c>\r\ni: 1\r\nCSeq: 1 INVITE\r\nRoute: ".to_vec();
        for piece in pieces {
            bytes.extend_from_slice(SNIPPETS[piece]);
        }
        bytes.extend_from_slice(b"\r\n\r\n");
        check(&bytes);
    }

    #[test]
    fn damaged_messages_are_read_without_harm(
        which in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let mut bytes = CORPUS[which.index(CORPUS.len())].clone();
        for damage in &damages {
            apply(&mut bytes, damage);
        }
        check(&bytes);
    }

    #[test]
    fn removed_values_leave_the_others_of_their_line(
        values in prop::collection::vec("<sip:[a-z]{1,8};lr>|\"a,[a-z]\" <sip:b>", 1..6),
        gone in prop::collection::vec(any::<bool>(), 6),
        separator in prop::sample::select(vec![",", ", ", " ,\r\n "]),
    ) {
        let route = format!("Route: {}\r\n", values.join(separator));
        let text = format!(
            "BYE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nf: <sip:a@b>\r\nt: <sip:b@c>\r\n\
             i: 1\r\nCSeq: 1 BYE\r\n{route}l: 0\r\n\r\n"
        );
        let mut index = Index::new();
        let message = parse(text.as_bytes(), &mut index).expect("well-formed");
        let mut edits = Edits::new();
        for (value, gone) in message.values(HeaderName::Route).zip(&gone) {
            if *gone {
                edits.remove_value(&message, &value);
            }
        }
        let mut out = Vec::new();
        edits.apply(message.bytes(), &mut out);

        let left: Vec<&str> = values
            .iter()
            .zip(&gone)
            .filter_map(|(value, gone)| (!gone).then_some(value.as_str()))
            .collect();
        let mut index = Index::new();
        let next = parse(&out, &mut index).expect("still well-formed");
        let found: Vec<&[u8]> = next.values(HeaderName::Route).map(|value| value.text).collect();
        prop_assert_eq!(&found, &left.iter().map(|text| text.as_bytes()).collect::<Vec<_>>());
        prop_assert_eq!(next.header(HeaderName::Route).is_some(), !left.is_empty());
        prop_assert_eq!(next.headers().count(), 6 + usize::from(!left.is_empty()));
    }
}

#[test]
fn every_torture_message_cut_at_any_place_is_read_without_harm() {
    let mut taken = 0;
    for message in CORPUS.iter() {
        for end in 0..=message.len().min(900) {
            taken += usize::from(check(&message[..end]));
        }
    }
    assert!(taken > 42, "the whole messages at least are taken");
}

/// A message of nearly 64 KiB with one long header line.
fn with_line(line: &str) -> Vec<u8> {
    format!(
        "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nf: <sip:a@b>\r\nt: <sip:b@c>\r\n\
         i: 1\r\nCSeq: 1 INVITE\r\n{line}\r\nl: 0\r\n\r\n"
    )
    .into_bytes()
}

/// A quadratic step over 64 KiB takes minutes in a debug build, a linear one milliseconds; the bound
/// lies far from both.
#[test]
fn the_longest_messages_of_the_worst_shapes_are_read_in_linear_time() {
    let mut shapes: Vec<Vec<u8>> = [
        ",", "\"", "<", "\"\\", ";", ";=", "<sip:x>,", "\"\",", "\r\n ", "\r\n\t,", " ", ";\"", "[",
    ]
    .iter()
    .map(|unit| with_line(&format!("Route: x{}", unit.repeat(65_000 / unit.len()))))
    .collect();
    let fields = [
        "Via: SIP/2.0/UDP h",
        "From: <sip:a@b>",
        "To: \"",
        "Contact: ",
    ];
    for field in fields {
        for unit in [";a=b", ";tag", ",SIP/2.0/UDP h", "\\\"", " ", ";"] {
            shapes.push(with_line(&format!(
                "{field}{}",
                unit.repeat(64_900 / unit.len())
            )));
        }
    }
    shapes.push("\r\n".repeat(32_000).into_bytes());
    shapes.push(format!("INVITE sip:{} SIP/2.0\r\n\r\n", "@:;?".repeat(16_000)).into_bytes());
    let start = Instant::now();
    for bytes in &shapes {
        sniff(bytes);
        let mut index = Index::new();
        if let Ok(message) = parse(bytes, &mut index) {
            let last = message.values(HeaderName::Route).last();
            let mut edits = Edits::new();
            edits.pop_via(&message);
            if let Some(last) = last {
                edits.remove_value(&message, &last);
            }
            edits.apply(message.bytes(), &mut Vec::new());
        }
        parse_for_reject(bytes, &mut Index::new());
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn every_seed_of_the_fuzzer_is_read_without_harm() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/parse");
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).expect("the seeds are part of the repository") {
        check(&std::fs::read(entry.expect("readable").path()).expect("readable"));
        seeds += 1;
    }
    assert!(seeds >= 10);
}
