//! Whatever a file or a body holds, it is judged and nothing panics.

use proptest::prelude::*;

use super::{made, parse};
use crate::config::{Place, peer_from_json};

/// Bits of configuration, so that chance meets more than the syntax.
const BITS: [&str; 40] = [
    "[[peer]]\n",
    "[[group]]\n",
    "[[route]]\n",
    "[[listen]]\n",
    "[http]\n",
    "[node]\n",
    "[probe]\n",
    "[trust]\n",
    "[timers]\n",
    "[store]\n",
    "[peer]\n",
    "name = \"a\"\n",
    "name = \"b\"\n",
    "uri = \"sip:10.0.0.1\"\n",
    "uri = \"sip:[::1]:0\"\n",
    "uri = \"sip:é\"\n",
    "groups = [\"a\", \"a\"]\n",
    "exhausted = [\"group:a\", \"group:b\"]\n",
    "match = { user = \"(\" }\n",
    "match = { header = { a = \"x\" } }\n",
    "resources = [\"calls\", { x = 2 }]\n",
    "group = \"a\"\n",
    "reject = 4e2\n",
    "capacity = { calls = 0x7f }\n",
    "failover = { on = [\"[56]xx\", 408] }\n",
    "feedback = { token = \"env:TOKEN\" }\n",
    "url = \"postgres://@\"\n",
    "listen = \"[::]:1\"\n",
    "sources = [\"::/0\"]\n",
    "t1 = \"1h\"\n",
    "x",
    "= ",
    "\"\"\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "\u{0}",
    "\u{feff}",
];

fn judge(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Err(invalid) = parse("t.toml", bytes, &made()) {
        prop_assert!(!invalid.problems.is_empty());
        for problem in &invalid.problems {
            let Place::Line { line, column } = problem.place else {
                return Err(TestCaseError::fail("a file's problem has a line"));
            };
            let lines = bytes.split(|byte| *byte == b'\n').count();
            prop_assert!(line >= 1 && line <= lines && column >= 1, "{problem}");
            prop_assert!(!problem.message.contains('\n'), "{problem}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(&bytes)?;
    }

    #[test]
    fn any_text_is_judged_without_panic(text in "\\PC{0,200}") {
        judge(text.as_bytes())?;
    }

    #[test]
    fn any_heap_of_configuration_is_judged_without_panic(
        picks in prop::collection::vec(0..BITS.len(), 0..40)
    ) {
        let text: String = picks.iter().map(|pick| BITS[*pick]).collect();
        judge(text.as_bytes())?;
    }

    #[test]
    fn any_json_body_is_judged_without_panic(name in "\\PC{0,20}", text in "[\\[\\]{}\",:a-z0-9. -]{0,80}") {
        if let Ok(body) = serde_json::from_str(&text) {
            let _ = peer_from_json(&name, &body, &["pbx".into()]);
        }
        let body = serde_json::json!({ "uri": text.clone(), "capacity": { text.clone(): 1 }, "groups": [text.clone()], text: 1 });
        prop_assert!(peer_from_json(&name, &body, &["pbx".into()]).is_err());
    }
}
