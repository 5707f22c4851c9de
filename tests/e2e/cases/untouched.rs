//! Bytes that a proxy has no business with leave as they came.

use super::scene::Scene;
use crate::agent::leg::{Leg, fresh};
use crate::agent::text::Msg;

/// The head's lines without those that a hop may write, and the body.
fn rest(bytes: &[u8]) -> (Vec<Vec<u8>>, Vec<u8>) {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in split_lines(&bytes[..end]).into_iter().skip(1) {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            // A folded line belongs to the one before, with its line break.
            let last = lines.last_mut().expect("a line before a fold");
            last.extend_from_slice(b"\r\n");
            last.extend_from_slice(line);
        } else {
            lines.push(line.to_vec());
        }
    }
    lines.retain(|line| {
        let name = line.split(|&b| b == b':').next().unwrap_or(line);
        let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
        !["via", "v", "record-route", "max-forwards"].contains(&name.as_str())
    });
    (lines, bytes[end + 4..].to_vec())
}

fn split_lines(head: &[u8]) -> Vec<&[u8]> {
    let (mut lines, mut from) = (Vec::new(), 0);
    while let Some(at) = head[from..].windows(2).position(|two| two == b"\r\n") {
        lines.push(&head[from..from + at]);
        from += at + 2;
    }
    lines.push(&head[from..]);
    lines
}

#[track_caller]
fn same(what: &str, sent: &[u8], got: &[u8]) {
    let ((sent_lines, sent_body), (got_lines, got_body)) = (rest(sent), rest(got));
    for (sent, got) in sent_lines.iter().zip(&got_lines) {
        assert_eq!(
            String::from_utf8_lossy(sent),
            String::from_utf8_lossy(got),
            "{what}"
        );
        assert_eq!(sent, got, "{what}: differs in bytes that are no text");
    }
    assert_eq!(sent_lines.len(), got_lines.len(), "{what}: number of lines");
    assert_eq!(sent_body, got_body, "{what}: body");
}

/// Every byte value there is, as a body of four copies.
fn body() -> Vec<u8> {
    (0..=255_u8).cycle().take(1024).collect()
}

/// Sixty headers of all kinds that nobody here knows.
fn odd_headers() -> Vec<u8> {
    let mut out = Vec::new();
    for n in 0..60 {
        out.extend(match n % 6 {
            0 => format!("X-Plain-{n}: value {n}\r\n").into_bytes(),
            1 => format!("x-folded-{n} : one,\r\n\t two;\r\n   three=\"{n}\"\r\n").into_bytes(),
            2 => [b"X-Bytes: \xff\xfe\x80".as_slice(), b" \xe9t\xe9\r\n"].concat(),
            3 => b"X-Quoted: \"a, b; <c> \\\" d\" <sip:x@y>;p=\",\"\r\n".to_vec(),
            4 => b"X-EMPTY:\r\n".to_vec(),
            _ => b"x-SPACES  :   many   spaces   \r\n".to_vec(),
        });
    }
    out
}

fn odd_invite(scene: &Scene, call_id: &str) -> Vec<u8> {
    let (me, sip) = (scene.caller.address(), scene.tandem.sip);
    let head = format!(
        "INVITE sip:1001@{sip};x=%20y SIP/2.0\r\nv:SIP / 2.0 /UDP {me}\r\n ;branch={};rport\r\n\
         f : \"J\\\"rg, <q>\" <sip:alice@{me}>\r\n\t;tag={}\r\nT: <sip:1001@{sip}>\r\n\
         i:{call_id}\r\nCSEQ:   1\r\n INVITE\r\nm: \"me\" <sip:alice@{me}>;x=y\r\n\
         k: replaces,timer\r\nMAX-FORWARDS: 70\r\nsubject: tea\r\ns: two\r\nc: application/octet-stream\r\n",
        fresh("z9hG4bK"),
        fresh("f"),
    );
    let mut bytes = head.into_bytes();
    bytes.extend(odd_headers());
    bytes.extend(format!("l: {}\r\n\r\n", body().len()).into_bytes());
    bytes.extend(body());
    bytes
}

/// A 200 with a strange reason, the same strange headers and the same body.
fn odd_answer(invite: &Msg, contact: &str) -> Vec<u8> {
    let head = crate::agent::text::response(invite, 200, Some("tag"), &[contact], "");
    let text = String::from_utf8(head).expect("text");
    let text = text.replacen("SIP/2.0 200 OK", "SIP/2.0 200 @REASON@", 1);
    let (before, _) = text.split_once("Content-Length").expect("a length");
    let (start, rest) = before.split_once("@REASON@").expect("a reason");
    let mut bytes = start.as_bytes().to_vec();
    bytes.extend(b"D'accord  \xe9 : \"yes\"");
    bytes.extend(rest.as_bytes());
    bytes.extend(odd_headers());
    bytes.extend(format!("CONTENT-length : {}\r\n\r\n", body().len()).into_bytes());
    bytes.extend(body());
    bytes
}

#[test]
fn strange_headers_and_bodies_pass_both_ways_byte_for_byte() {
    let mut scene = Scene::set();
    let bytes = odd_invite(&scene, &fresh("odd\u{1}-").replace('\u{1}', "%"));
    scene.caller.send(scene.tandem.sip, &bytes);
    let invite = scene.pbx.request("INVITE");
    same("INVITE", &bytes, &invite.bytes);
    assert!(invite.start.contains("1001@") && invite.start.ends_with("SIP/2.0"));
    scene.tandem.holds("pbx", 1, "ringing");
    let contact = format!("Contact: <sip:pbx@{}>", scene.pbx.address());
    let answer = odd_answer(&invite, &contact);
    scene.pbx.send(invite.from, &answer);
    let ok = scene.caller.status(200, "INVITE");
    same("200", &answer, &ok.bytes);
    assert!(
        ok.bytes
            .starts_with(b"SIP/2.0 200 D'accord  \xe9 : \"yes\"\r\n")
    );
    // The odd INVITE wrote its own From; the PBX ends the call, so that nothing here must imitate it.
    let mut far = Leg::called(scene.pbx.address(), &invite, "tag");
    scene.tandem.holds("pbx", 1, "up");
    scene.far_asks(&mut far, "BYE", &["X-Text: \u{e9}"], 200);
    scene.tandem.holds("pbx", 0, "up");
    scene.finish("bye");
}

#[test]
fn strange_requests_pass_inside_a_call_too() {
    let mut scene = Scene::set();
    let mut up = scene.up();
    for (method, body) in [("INFO", "a=\u{e9}\u{0}\u{7f}"), ("MESSAGE", "\r\n\r\n\r\n")] {
        let near = up.near.request(
            method,
            &["x-Folded :a\r\n b", "X-Text:\u{e9}\u{fffd}"],
            body,
        );
        scene.caller.send(up.near.next_hop(), &near);
        let got = scene.pbx.request(method);
        let routed = |bytes: &[u8]| {
            let (mut lines, body) = rest(bytes);
            lines.retain(|line| !line.starts_with(b"Route:"));
            (lines, body)
        };
        assert_eq!(routed(&near), routed(&got.bytes), "{method}");
        assert_eq!(got.values("Route").len(), 0, "our own Route is taken off");
        scene.pbx.reply(&got, 200, None, &[], "");
        scene.caller.status(200, method);
    }
    scene.near_hangs_up(up.near);
    scene.finish("bye");
}
