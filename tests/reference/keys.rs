//! What the table of keys says, asked of the reader.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use tandem::config::{Config, KEYS, Key, Kind, Surroundings, Unset, diff, parse};

struct Nothing;

impl Surroundings for Nothing {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// A table of [`KEYS`] within a whole file: what stands before the key and behind it, and what must stand
/// beside it unless it is the key itself.
struct Frame {
    table: &'static str,
    before: &'static str,
    behind: &'static str,
    beside: &'static [(&'static str, &'static str)],
}

const fn frame(table: &'static str, before: &'static str, behind: &'static str) -> Frame {
    Frame {
        table,
        before,
        behind,
        beside: &[],
    }
}

const PEER: &str = "[[peer]]\nname = \"a\"\nuri = \"sip:10.0.0.1\"\n";

const FRAMES: [Frame; 17] = [
    frame("[node]", "[node]\n", ""),
    Frame {
        beside: &[("uri", "\"sip:127.0.0.1:5061\"")],
        ..frame("[[listen]]", "[[listen]]\n", "")
    },
    frame("[http]", "[http]\n", ""),
    frame("[store]", "[store]\n", ""),
    frame("[trust]", "[trust]\n", ""),
    frame("rate of [trust]", "[trust]\nrate = { ", " }"),
    frame("[timers]", "[timers]\n", ""),
    frame("[check]", "[check]\n", ""),
    Frame {
        beside: &[("url", "\"http://127.0.0.1:9/hook\"")],
        ..frame("[notify]", "[notify]\n", "")
    },
    frame("[probe], and probe of [[group]]", "[probe]\n", ""),
    Frame {
        beside: &[("name", "\"pbx\"")],
        ..frame("[[group]]", "[[group]]\n", "")
    },
    frame(
        "failover of [[group]]",
        "[[group]]\nname = \"pbx\"\nfailover = { ",
        " }",
    ),
    frame(
        "disable of [[group]]",
        "[[group]]\nname = \"pbx\"\ndisable = { ",
        " }",
    ),
    frame(
        "dispatch of [[group]]",
        "[[group]]\nname = \"pbx\"\ndispatch = { ",
        " }",
    ),
    Frame {
        beside: &[("name", "\"b\""), ("uri", "\"sip:10.0.0.2\"")],
        ..frame("[[peer]]", "[[peer]]\n", "")
    },
    Frame {
        beside: &[("token", "\"t\"")],
        ..frame(
            "feedback of [[peer]]",
            "[[peer]]\nname = \"b\"\nuri = \"sip:10.0.0.2\"\nfeedback = { ",
            " }",
        )
    },
    Frame {
        beside: &[("group", "\"pbx\"")],
        ..frame("[[route]]", "[[route]]\n", "")
    },
];

const MATCH: Frame = frame(
    "match of [[route]]",
    "[[route]]\ngroup = \"pbx\"\nmatch = { ",
    " }",
);

impl Frame {
    fn of(table: &str) -> &'static Frame {
        let mut frames = FRAMES.iter().chain([&MATCH]);
        let found = frames.find(|frame| frame.table == table);
        found.unwrap_or_else(|| panic!("{table} has no frame"))
    }

    /// A file with this key, or without any.
    fn file(&self, key: Option<(&str, &str)>) -> String {
        let targets = ["group", "uri", "reject"];
        let replaced = |name: &str| {
            let written = key.map(|(name, _)| name);
            let target =
                self.table == "[[route]]" && written.is_some_and(|key| targets.contains(&key));
            written == Some(name) || (target && targets.contains(&name))
        };
        let beside = self.beside.iter().filter(|(name, _)| !replaced(name));
        let pairs: Vec<String> = beside
            .chain(key.iter())
            .map(|(name, value)| format!("{name} = {value}"))
            .collect();
        let between = if self.behind.is_empty() { "\n" } else { ", " };
        format!(
            "{PEER}{}{}{}\n",
            self.before,
            pairs.join(between),
            self.behind
        )
    }

    fn read(&self, key: Option<(&str, &str)>) -> Result<Config, String> {
        let file = self.file(key);
        parse("f", file.as_bytes(), &Nothing).map_err(|why| format!("{why}\n{file}"))
    }

    #[track_caller]
    fn good(&self, key: Option<(&str, &str)>) -> Config {
        self.read(key).unwrap_or_else(|why| panic!("{why}"))
    }
}

/// Values that the table promises, the default among them.
fn promised(key: &Key) -> Vec<String> {
    let mut values = match key.kind {
        Kind::Text(_, example) | Kind::Secret(example) | Kind::Composed(_, example) => {
            vec![example.to_owned()]
        }
        Kind::Boolean => vec!["true".to_owned(), "false".to_owned()],
        Kind::Word(words) => words.iter().map(|word| format!("{word:?}")).collect(),
        Kind::Table if key.name == "feedback" => vec!["{ token = \"t\" }".to_owned()],
        Kind::Table => vec!["{}".to_owned()],
        Kind::Number(..) | Kind::Duration(..) => {
            let (least, most) = key.bounds().expect("it has bounds");
            vec![least, most]
        }
    };
    if let Unset::Value(value) = key.default {
        values.push(value.to_owned());
    }
    values
}

#[test]
fn the_table_has_every_key_that_the_reader_knows_and_no_other() {
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for key in KEYS {
        assert!(
            told.entry(key.table)
                .or_default()
                .insert(key.name.to_owned())
        );
    }
    for (table, told) in &told {
        let refused = Frame::of(table).read(Some(("qqqqqqqqqqqq", "1")));
        let said = refused.expect_err("an unknown key");
        let known = said
            .lines()
            .next()
            .and_then(|line| line.split("must be one of: ").nth(1));
        let known = known.unwrap_or_else(|| panic!("{said}"));
        let mut known: BTreeSet<String> = known.split(", ").map(str::to_owned).collect();
        // Refused, with a word about a later version.
        known.remove("tls");
        assert_eq!(*told, known, "{table}");
    }
    assert_eq!(told.len(), FRAMES.len() + 1);
}

#[test]
fn every_value_that_the_table_promises_is_taken() {
    for key in KEYS {
        for value in promised(key) {
            Frame::of(key.table).good(Some((key.name, &value)));
        }
    }
}

#[test]
fn every_default_that_the_table_tells_is_the_default() {
    let mut count = 0;
    for key in KEYS {
        let frame = Frame::of(key.table);
        match key.default {
            Unset::Value(value) => {
                let written = frame.good(Some((key.name, value)));
                let silent = frame.good(None);
                assert_eq!(diff(&silent, &written), [], "{} {}", key.table, key.name);
                count += 1;
            }
            Unset::Required => {
                // The rest of its table, without it.
                let file = frame.file(None);
                let without: Vec<&str> = file[PEER.len()..]
                    .lines()
                    .filter(|line| !line.starts_with(&format!("{} =", key.name)))
                    .collect();
                let without = without.join("\n").replace("token = \"t\"", "");
                let file = format!("{PEER}{without}\n");
                assert!(parse("f", file.as_bytes(), &Nothing).is_err(), "{file}");
                count += 1;
            }
            Unset::Words(_) => {}
        }
    }
    assert!(count > 40, "only {count} defaults were found");
}

#[test]
fn what_lies_beyond_the_bounds_that_the_table_tells_is_refused() {
    let mut count = 0;
    for key in KEYS {
        let beyond = match key.kind {
            Kind::Number(least, most, _) => {
                vec![
                    (i64::from(least) - 1).to_string(),
                    (i64::from(most) + 1).to_string(),
                ]
            }
            Kind::Duration(least, most) => {
                let ms = |duration: std::time::Duration| duration.as_millis();
                let mut beyond = vec![format!("\"{}ms\"", ms(most) + 1)];
                beyond.extend(ms(least).checked_sub(1).map(|less| format!("\"{less}ms\"")));
                beyond
            }
            Kind::Word(_) => vec!["\"qqqqqqqqqq\"".to_owned()],
            Kind::Boolean => vec!["1".to_owned()],
            Kind::Text(..) | Kind::Secret(_) | Kind::Composed(..) | Kind::Table => {
                vec!["1".to_owned()]
            }
        };
        for value in beyond {
            let read = Frame::of(key.table).read(Some((key.name, &value)));
            assert!(
                read.is_err(),
                "{} {} = {value} is taken",
                key.table,
                key.name
            );
            count += 1;
        }
    }
    assert!(count > KEYS.len(), "only {count} were tried");
}

#[test]
fn a_reload_changes_all_but_what_the_table_says_needs_a_restart() {
    let mut count = 0;
    for key in KEYS {
        let frame = Frame::of(key.table);
        let base = match key.default {
            Unset::Required => frame.good(None),
            Unset::Value(value) => frame.good(Some((key.name, value))),
            Unset::Words(_) => frame.good(None),
        };
        for value in promised(key) {
            let changed = frame.good(Some((key.name, &value)));
            for change in diff(&base, &changed) {
                // A secret of no one's choosing differs each time.
                if !change.text.contains("secret") || key.name == "secret" {
                    assert_eq!(
                        change.restart, key.restart,
                        "{} {}: {change}",
                        key.table, key.name
                    );
                    count += 1;
                }
            }
        }
    }
    assert!(count > KEYS.len(), "only {count} changes were seen");
}
