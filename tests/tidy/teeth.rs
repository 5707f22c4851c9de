//! The checker on small snippets: each rule bites what it should and leaves the rest alone.

use crate::source::{Finding, Source, mark_declared_tests};
use crate::{arms, floors, rules, text};

fn files(parts: &[(&str, &str)]) -> Vec<Source> {
    let mut files: Vec<_> = parts
        .iter()
        .map(|(path, text)| Source::new(path, text))
        .collect();
    mark_declared_tests(&mut files);
    files
}

fn floor_findings(parts: &[(&str, &str)]) -> Vec<String> {
    floors::check(&files(parts))
        .into_iter()
        .map(|found| found.what)
        .collect()
}

fn rule_findings(path: &str, text: &str) -> Vec<String> {
    rules::check(&Source::new(path, text))
        .into_iter()
        .map(|found| found.what)
        .collect()
}

fn arm_lines(text: &str) -> Vec<usize> {
    let files = files(&[
        ("src/call/state.rs", "pub enum State { Up, Down }"),
        ("src/call/x.rs", text),
    ]);
    let own = arms::own_enums(&files);
    arms::check(&files[1], &own)
        .into_iter()
        .map(|found| found.line)
        .collect()
}

#[test]
fn an_import_from_a_higher_floor_is_found_however_it_is_written() {
    let ways = [
        "use crate::proxy::Core;",
        "use crate::{base::limits, proxy::{self, Core}};",
        "fn f(core: &crate::proxy::Core) {}",
        "use super::super::proxy::Core;",
        "mod inner { use super::super::super::proxy::Core; }",
        "pub(crate) use crate::proxy as other;",
        "#[cfg(test)] mod tests { use crate::proxy::Core; }",
    ];
    for way in ways {
        let found = floor_findings(&[("src/sip/via.rs", way)]);
        assert_eq!(found, ["imports upwards: 1 from 4, `proxy`"], "{way}");
    }
}

#[test]
fn an_import_from_a_lower_floor_or_the_own_folder_is_none_of_its_business() {
    let fine = "use crate::sip::Message; use super::slot::Slot; use std::fmt; use crate::base::limits::{A, B};";
    assert_eq!(floor_findings(&[("src/balance/ledger.rs", fine)]), [""; 0]);
    // A comment and a string import nothing.
    let said = "// use crate::proxy::Core;\nconst A: &str = \"crate::proxy\";";
    assert_eq!(floor_findings(&[("src/balance/ledger.rs", said)]), [""; 0]);
}

#[test]
fn folders_of_one_floor_do_not_know_each_other() {
    for (from, to) in [
        ("balance", "transaction"),
        ("http", "config"),
        ("metrics", "http"),
        ("io", "store"),
        ("store", "io"),
    ] {
        let path = format!("src/{from}/mod.rs");
        let text = format!("use crate::{to}::Thing;");
        assert_eq!(
            floor_findings(&[(&path, &text)]),
            [format!("imports its neighbour `{to}`")]
        );
    }
}

#[test]
fn a_folder_without_a_floor_is_found() {
    assert_eq!(
        floor_findings(&[("src/util/mod.rs", "")]),
        ["`util` has no floor"]
    );
    assert_eq!(
        floor_findings(&[("src/sip/mod.rs", "use crate::util::x;")]),
        ["`crate::util` is on no floor"]
    );
    assert_eq!(floor_findings(&[("src/lib.rs", "pub mod base;")]), [""; 0]);
}

#[test]
fn a_sub_folder_that_is_used_does_not_look_back_up() {
    let both = [
        ("src/proxy/core.rs", "use super::forward::step;"),
        ("src/proxy/forward/mod.rs", "mod ack;"),
        ("src/proxy/forward/ack.rs", "use crate::proxy::Core;"),
        ("src/proxy/mod.rs", "pub use core::Core;"),
    ];
    assert_eq!(
        floor_findings(&both),
        ["the folder `forward` and its neighbour `core` import each other"]
    );
    // Nobody in `proxy/` uses the sub-folder but through `mod.rs`: one way.
    assert_eq!(floor_findings(&both[1..]), [""; 0]);
    // Two files of one folder may know each other, and tests may look up.
    let files = [
        ("src/proxy/a.rs", "use super::b::B;"),
        ("src/proxy/b.rs", "use super::a::A; #[cfg(test)] mod facts;"),
        ("src/proxy/b/facts.rs", "use crate::proxy::a::A;"),
    ];
    assert_eq!(floor_findings(&files), [""; 0]);
}

#[test]
fn clocks_chance_and_sockets_are_found_below_floor_five_only() {
    let broken = [
        ("let t = Instant::now();", "`Instant::now` reads a clock"),
        (
            "let t = std::time::SystemTime::now();",
            "`SystemTime::now` reads a clock",
        ),
        ("let t = start.elapsed();", "`.elapsed(` reads a clock"),
        ("let n = fastrand::u32(..);", "takes chance from outside"),
        (
            "let n = fastrand::Rng::new();",
            "`Rng::new` takes chance from outside",
        ),
        (
            "let n = rand::random();",
            "`rand::` takes chance from outside",
        ),
        ("let s = UdpSocket::bind(a);", "`UdpSocket` below floor 5"),
        ("let s = tokio::spawn(a);", "`tokio` below floor 5"),
        ("let s = axum::Router::new();", "`axum` below floor 5"),
        (
            "let m: HashMap<u8, u8> = HashMap::new();",
            "`HashMap::new` hashes by chance from outside",
        ),
    ];
    for (line, what) in broken {
        let text = format!("fn f() {{ {line} }}");
        assert_eq!(rule_findings("src/proxy/core.rs", &text), [what], "{line}");
        assert_eq!(rule_findings("src/io/udp.rs", &text), [""; 0], "{line}");
    }
    assert_eq!(
        rule_findings(
            "src/proxy/core.rs",
            "fn f(seed: u64) { fastrand::Rng::with_seed(seed); }"
        ),
        [""; 0]
    );
}

#[test]
fn a_test_may_take_its_first_instant_but_no_socket() {
    let inline = "#[cfg(test)]\nmod tests {\n fn f() { Instant::now(); }\n}\n";
    assert_eq!(rule_findings("src/base/timers.rs", inline), [""; 0]);
    assert_eq!(
        rule_findings("src/base/timers/tests.rs", "fn f() { Instant::now(); }"),
        [""; 0]
    );
    let after = format!("{inline}fn g() {{ Instant::now(); }}");
    assert_eq!(rule_findings("src/base/timers.rs", &after).len(), 1);
    assert_eq!(
        rule_findings("src/base/timers/tests.rs", "fn f() { UdpSocket::bind(a); }").len(),
        1
    );
    // A file that its parent declares for tests alone is test code, whatever its name.
    let declared = files(&[
        (
            "src/base/timers.rs",
            "#[cfg(test)]\n#[path = \"x\"]\nmod facts;",
        ),
        ("src/base/timers/facts.rs", "fn f() { Instant::now(); }"),
    ]);
    assert_eq!(rules::check(&declared[1]), Vec::<Finding>::new());
}

#[test]
fn queues_without_a_bound_are_found_on_every_floor() {
    for line in [
        "mpsc::unbounded_channel();",
        "crossbeam_channel::unbounded();",
        "mpsc::channel();",
        "mpsc::channel::<Vec<u8>>();",
    ] {
        assert_eq!(
            rule_findings("src/http/mod.rs", &format!("fn f() {{ {line} }}")),
            ["a queue without a bound"],
            "{line}"
        );
    }
    assert_eq!(
        rule_findings(
            "src/http/mod.rs",
            "fn f() { mpsc::channel(64); oneshot::channel(); }"
        ),
        [""; 0]
    );
}

#[test]
fn anyhow_is_for_the_top_floor() {
    assert_eq!(
        rule_findings("src/config/load.rs", "use anyhow::Result;"),
        ["`anyhow` belongs to app and main"]
    );
    assert_eq!(
        rule_findings("src/app/serve.rs", "use anyhow::Result;"),
        [""; 0]
    );
    assert_eq!(rule_findings("src/main.rs", "use anyhow::Result;"), [""; 0]);
}

#[test]
fn long_files_and_functions_are_found() {
    assert_eq!(rule_findings("tests/a.rs", &"\n".repeat(400)), [""; 0]);
    assert_eq!(
        rule_findings("tests/a.rs", &"\n".repeat(401)),
        ["the file has 401 lines, 400 are allowed"]
    );
    let function =
        |lines: usize| format!("fn long(a: [u8; 4]) -> u8 {{{}}}", "\n".repeat(lines - 1));
    assert_eq!(rule_findings("src/base/a.rs", &function(70)), [""; 0]);
    assert_eq!(
        rule_findings("src/base/a.rs", &function(71)),
        ["`long` has 71 lines, 70 are allowed"]
    );
    let declared = format!("trait A {{ fn a(&self) -> u8; {} }}", "\n".repeat(80));
    assert_eq!(rule_findings("src/base/a.rs", &declared), [""; 0]);
}

#[test]
fn a_catch_all_over_our_own_enum_is_found() {
    assert_eq!(
        arm_lines("fn f(s: State) { match s { State::Up => 1,\n _ => 2 } }"),
        [2]
    );
    assert_eq!(
        arm_lines("fn f(s: State) { match (s, 1) { (State::Up, 1) => {}\n (_, _) => {} } }"),
        [2]
    );
    assert_eq!(
        arm_lines("fn f(s: State) { match s { State::Up => 1,\n other => 2 } }"),
        [2]
    );
    assert_eq!(
        arm_lines("fn f() { match g() { Some(State::Up) if x() => { 1 }\n _ => 2 } }"),
        [2]
    );
    assert_eq!(
        arm_lines("impl Show for State { fn f(&self) { match self { Self::Up => 1,\n _ => 2 } } }"),
        [2]
    );
    // The inner `match` is judged by itself.
    assert_eq!(
        arm_lines("fn f() { match 1 { 1 => match s { State::Up => 1,\n _ => 2 },\n _ => 3 } }"),
        [2]
    );
}

#[test]
fn a_catch_all_over_numbers_options_and_foreign_enums_is_fine() {
    let fine = [
        "fn f(n: u8) { match n { 1 => State::Up, _ => State::Down } }",
        "fn f(k: ErrorKind) { match k { ErrorKind::NotFound => 1, _ => 2 } }",
        "fn f(s: State) { match s { State::Up => 1, State::Down => 2 } }",
        "fn f(s: R) { match s { Ok(State::Up) => 1, Ok(State::Down) => 2, Err(_) => 3 } }",
    ];
    for text in fine {
        assert_eq!(arm_lines(text), [0; 0], "{text}");
    }
}

#[test]
fn an_excuse_needs_a_reason() {
    let with = |comment: &str| {
        format!("fn f(s: State) {{ match s {{ State::Up => 1,\n// {comment}\n _ => 2 }} }}")
    };
    assert_eq!(
        arm_lines(&with("tidy: allow(wildcard) forty methods, one is special")),
        [0; 0]
    );
    assert_eq!(arm_lines(&with("tidy: allow(wildcard)")), [3]);
}

#[test]
fn what_no_file_says_is_found_in_any_file() {
    let said = |line: &str| {
        text::check("a.md", line)
            .into_iter()
            .map(|found| found.line)
            .collect::<Vec<_>>()
    };
    for pieces in [
        ["see /ho", "me/x"],
        ["https://py", "pi.org/simple"],
        ["a TO", "DO: later"],
        ["Co-", "Authored-By: x"],
    ] {
        assert_eq!(said(&pieces.concat()), [1], "{pieces:?}");
    }
    assert_eq!(said("todos los caminos, /workshop/ and homes"), [0; 0]);
}

#[test]
fn a_link_to_a_page_that_is_not_there_is_found() {
    let there = |path: &std::path::Path| path == std::path::Path::new("docs/a.md");
    let page =
        "[a](a.md) and [a part](a.md#part), [out](https://example.org), [top](#top)\n[b](b.md)";
    let found = text::dead_links("docs/README.md", page, there);
    assert_eq!(
        found
            .iter()
            .map(|found| (found.line, found.what.as_str()))
            .collect::<Vec<_>>(),
        [(2, "leads nowhere: `b.md`")]
    );
}
