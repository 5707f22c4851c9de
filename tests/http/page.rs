//! The status page: whole, its own, and able to load nothing from elsewhere.

use serde_json::Value;

use crate::client::{Answer, Request};
use crate::server::Server;

fn get(server: &Server, path: &str) -> Answer {
    let answer = Request::new("GET", path).send(server.address);
    assert_eq!(answer.status, 200, "{path}");
    answer
}

#[test]
fn the_page_loads_its_own_files_and_nothing_else() {
    let server = Server::start();
    let page = get(&server, "/");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let mut named = 0;
    for attribute in ["src=\"", "href=\"", "action=\""] {
        for rest in page.text.split(attribute).skip(1) {
            let target = rest
                .split('"')
                .next()
                .expect("split gives one part at least");
            if !target.starts_with('#') && target != "data:," {
                get(&server, target);
                named += 1;
            }
        }
    }
    assert!(named > 5, "{named}");
    for file in ["/", "/page.css", "/page.js"] {
        let answer = get(&server, file);
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        // Text of strangers must not become markup, and the policy forbids what is written in line.
        let forbidden = [
            "innerHTML",
            "insertAdjacent",
            "document.write",
            "<style",
            "style=\"",
            "onclick",
            "eval(",
        ];
        for word in forbidden {
            assert!(!answer.text.contains(word), "{word} in {file}");
        }
        let elsewhere = answer.text.replace("http://www.w3.org/2000/svg", "");
        assert!(!elsewhere.contains("://"), "{file} names another host");
    }
}

#[test]
fn every_element_that_the_script_asks_for_is_on_the_page() {
    let server = Server::start();
    let page = get(&server, "/").text;
    let script = get(&server, "/page.js").text;
    let asked: Vec<&str> = script
        .split("byId(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(asked.len() > 10);
    for id in asked {
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn every_field_of_a_peer_that_the_script_reads_is_in_the_answer() {
    let server = Server::start();
    let script = get(&server, "/page.js").text;
    let peers: Value = get(&server, "/v1/peers").json();
    let peer = &peers["peers"][0];
    for (part, object) in [
        ("peer.", peer),
        ("probe.", &peer["probe"]),
        ("feedback.", &peer["feedback"]),
        ("room.", &peer["resources"]["calls"]),
    ] {
        let mut read = 0;
        for (at, _) in script.match_indices(part) {
            let whole =
                !script[..at].ends_with(|before: char| before.is_alphanumeric() || before == '/');
            let rest = &script[at + part.len()..];
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            let field = &rest[..end.unwrap_or(rest.len())];
            if whole && !field.is_empty() {
                assert!(
                    object.get(field).is_some(),
                    "{part}{field} is not in {object}"
                );
                read += 1;
            }
        }
        assert!(read > 2, "{part} is read {read} times");
    }
}
