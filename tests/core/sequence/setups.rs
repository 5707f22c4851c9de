//! The configurations of a sequence.

const BASE: &str = r#"
[[listen]]
uri = "sip:127.0.0.9:5060;transport=udp"
[[listen]]
uri = "sip:127.0.1.9:5060;transport=udp"
[trust]
sources = ["127.0.0.0/8"]
rate = { per_source_cps = 10000, burst = 10000 }
[timers]
ring = "60s"
call_max = "300s"
[probe]
mode = "off"
[[group]]
name = "pbx"
exhausted = ["group:spare", "dispatch"]
disable = { after_timeouts = 3, after_failures = 5, retry_after_cap = "2s" }
[[group]]
name = "spare"
exhausted = []
[[peer]]
name = "a"
uri = "sip:127.0.0.11:5060"
capacity = { calls = 2 }
groups = ["pbx"]
[[peer]]
name = "b"
uri = "sip:127.0.0.12:5060"
capacity = { calls = 3, conference = 4 }
groups = ["pbx", "spare"]
[[peer]]
name = "c"
uri = "sip:127.0.0.13:5060"
capacity = { calls = 1 }
groups = ["spare"]
"#;

/// The configurations that a sequence goes between; the first is also the last.
pub fn setups() -> [String; 4] {
    let routed = "[[route]]\nmatch = { source = \"peer:a\" }\nuri = \"sip:carrier.example\"\n[[route]]\nmatch = { method = \"MESSAGE\" }\nreject = 405\n[[route]]\nmatch = {}\ngroup = \"pbx\"\nresources = [\"calls\", { conference = 2 }]\noverflow = true\n";
    let without_b = BASE
        .replace("name = \"b\"", "name = \"d\"")
        .replace("127.0.0.12", "127.0.0.14");
    let ruled = BASE
        .replace(
            "exhausted = [\"group:spare\", \"dispatch\"]",
            "select = \"hash\"\nexhausted = [\"redirect:sip:away.example\"]\nfailover = { on = [\"[456]xx\"], max_attempts = 2 }",
        )
        .replace("ring =", "t1 = \"100ms\"\ntry = \"300ms\"\nring =")
        .replace("mode = \"off\"", "interval = \"20s\"");
    [
        BASE.to_string(),
        without_b,
        ruled,
        format!("{BASE}{routed}"),
    ]
}
