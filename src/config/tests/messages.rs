//! Every mistake with the lines that a user reads: `mistakes.txt` holds them.

use super::{lines, made, parse};

const PEER: &str = "[[peer]]\nname = \"a\"\nuri = \"sip:10.0.0.1\"\n";

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
    let mut seen = 0;
    for section in include_str!("mistakes.txt").split("=== ").skip(1) {
        let (fact, cases) = section.split_once('\n').expect("a fact has cases");
        for case in cases.split_terminator("---\n") {
            let (text, expected) = case
                .split_once(">>>\n")
                .expect("a case has lines to expect");
            let text = text
                .strip_prefix("(a)\n")
                .map_or(text.to_owned(), |rest| format!("{PEER}{rest}"));
            let expected: Vec<String> = expected
                .lines()
                .map(|line| format!("t.toml:{line}"))
                .collect();
            assert_eq!(lines(&text), expected, "{fact}; the text:\n{text}");
            seen += 1;
        }
    }
    assert!(seen > 60, "only {seen} cases were read");
}

#[test]
fn bytes_that_are_no_text_are_found() {
    let found = parse("t.toml", b"[node]\nname = \"\xff\"", &made());
    let message = found.expect_err("0xff is never UTF-8").to_string();
    assert_eq!(
        message,
        "t.toml:2:9: this byte is not UTF-8, must be text in UTF-8"
    );
}

#[test]
fn a_file_that_is_not_there_is_a_problem_of_its_first_line() {
    let missing = std::path::Path::new("no/such/folder/tandem.toml");
    let message = crate::config::load(missing)
        .expect_err("it is not there")
        .to_string();
    assert!(
        message.starts_with("no/such/folder/tandem.toml:1:1: cannot read it ("),
        "{message}"
    );
    assert!(
        message.ends_with("must be a readable TOML file"),
        "{message}"
    );
}
