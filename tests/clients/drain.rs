//! `tandem peers drain --wait`.

use std::time::{Duration, Instant};

use super::server::PROGRAM;
use super::terminal::Terminal;
use super::{ADMIN, Scene, answer, run, words};

/// At the deadline what rings is cancelled; the second is answered well after the first, so that a look falls in between.
fn both_are_cancelled(scene: &Scene, invites: &[String; 2]) {
    for n in 0..2 {
        let (cancel, from) = scene.receive("CANCEL ");
        answer(&scene.pbx, from, &cancel, "200 OK");
        let call = |invite: &&String| {
            let line = |text: &str| {
                text.lines()
                    .find(|line| line.starts_with("Call-ID"))
                    .map(str::to_owned)
            };
            line(invite) == line(&cancel)
        };
        let invite = invites.iter().find(call).expect("one of the two");
        answer(&scene.pbx, from, invite, "487 Request Terminated");
        std::thread::sleep(Duration::from_millis(if n == 0 { 1200 } else { 0 }));
    }
}

#[test]
fn a_wait_tells_a_line_for_each_change_and_ends_with_the_deadline_or_with_the_drain() {
    let scene = Scene::start();
    let invites = ["call-1", "call-2"].map(|call| scene.ring(call));
    let drain = ["peers", "drain", "pbx-a", "--wait", "--deadline", "2s"];
    let url = scene.url.clone();
    let waiting = std::thread::spawn(move || run(&drain, &url, Some(ADMIN)));
    both_are_cancelled(&scene, &invites);
    let said = waiting.join().expect("it ran");
    let lines: Vec<&str> = said.err.lines().collect();
    let begins = [
        "pbx-a: 2 calls left, ",
        "pbx-a: 1 call left, being ended, after ",
        "pbx-a: drained, after ",
    ];
    assert_eq!(lines.len(), begins.len(), "{}", said.err);
    assert!(
        lines
            .iter()
            .zip(begins)
            .all(|(line, begin)| line.starts_with(begin)),
        "{}",
        said.err
    );
    assert!(lines[0].contains("the rest is ended in 2s"), "{}", said.err);
    let shown = said.well();
    assert_eq!(words(&shown, "pbx-a")[1..3], ["no", "draining"]);
    assert_eq!(
        words(&scene.run(&["peers", "show", "pbx-a"]).well(), "drain"),
        ["drain", "drained"]
    );

    scene.run(&["peers", "enable", "pbx-a"]).well();
    scene.ring("call-3");
    let url = scene.url.clone();
    let waiting =
        std::thread::spawn(move || run(&["peers", "drain", "pbx-a", "--wait"], &url, Some(ADMIN)));
    let drains = || {
        scene
            .run(&["peers", "show", "pbx-a"])
            .well()
            .contains("1 call left")
    };
    let until = Instant::now() + Duration::from_secs(20);
    while !drains() {
        assert!(Instant::now() < until, "it never drained");
        std::thread::sleep(Duration::from_millis(50));
    }
    scene.run(&["peers", "enable", "pbx-a"]).well();
    let said = waiting.join().expect("it ran").badly(6);
    assert!(
        said.contains("somebody else has set it to enabled"),
        "{said}"
    );
}

#[test]
fn on_a_terminal_a_wait_is_one_line_that_is_written_anew_and_never_wider_than_it() {
    for columns in [80, 36] {
        let scene = Scene::start();
        let invites = ["call-1", "call-2"].map(|call| scene.ring(call));
        let line = format!("exec {PROGRAM} peers drain pbx-a --wait --deadline 2s");
        let environment = [
            ("TANDEM_URL", scene.url.as_str()),
            ("TANDEM_ADMIN_TOKEN", ADMIN),
        ];
        let mut terminal = Terminal::start(columns, &line, &environment);
        terminal.wait_for("2 calls left, the rest is ", 2);
        both_are_cancelled(&scene, &invites);
        terminal.wait_for("1 call left", 1);
        let (seen, code) = terminal.ended();
        assert_eq!(code, Some(0), "{seen}");
        let (_, progress) = seen.split_once("\r\x1b[K").expect("a line written anew");
        let (progress, table) = progress.split_once("\r\n").expect("it ends");
        let told: Vec<&str> = progress.split("\r\x1b[K").collect();
        assert!(told.len() >= 4, "{told:?}");
        for line in &told {
            assert!(
                line.starts_with("pbx-a: ") && line.chars().count() < columns,
                "{told:?}"
            );
        }
        let last = told.last().expect("four");
        assert!(last.starts_with("pbx-a: drained, after "), "{told:?}");
        assert!(
            !table.contains('\x1b') && table.contains("draining"),
            "{table:?}"
        );
    }
}
