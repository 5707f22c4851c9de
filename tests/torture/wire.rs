//! From the files beside this one to the bytes on the wire.
//!
//! A file is a message with LF at its line ends, which become CRLF. `<<0D>>` is one byte in hex, and
//! `<<20*long>>` is `long` twenty times.

use std::path::Path;

/// The bytes of one message.
pub fn wire(rfc: &str, name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/torture")
        .join(rfc)
        .join(format!("{name}.sip"));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    expand(&text)
}

/// The names of all messages of one RFC.
pub fn names(rfc: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/torture")
        .join(rfc);
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder is part of the repository")
        .map(|entry| entry.expect("readable").path())
        .map(|path| {
            path.file_stem()
                .expect("a file")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

fn expand(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first == b'\n' {
            out.extend_from_slice(b"\r\n");
        } else if *first == b'<' && behind.first() == Some(&b'<') {
            let end = memchr::memmem::find(behind, b">>").expect("markup has an end");
            markup(&behind[1..end], &mut out);
            rest = &behind[end + 2..];
        } else {
            out.push(*first);
        }
    }
    out
}

fn markup(text: &[u8], out: &mut Vec<u8>) {
    let text = std::str::from_utf8(text).expect("markup is ASCII");
    match text.split_once('*') {
        Some((times, what)) => {
            let times = times.parse().expect("a number of times");
            out.extend_from_slice(what.repeat(times).as_bytes());
        }
        None => out.push(u8::from_str_radix(text, 16).expect("a byte in hex")),
    }
}
