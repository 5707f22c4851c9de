//! A farm with two groups, its PBXes and its callers all SIPp, and the status page of its Tandem in a browser.

use std::time::Duration;

use serde_json::Value;

use crate::agent::phone::Phone;
use crate::harness::browser::Browser;
use crate::harness::lock::{self, Turn};
use crate::harness::sipp::{Load, Sipp};
use crate::harness::tandem::{ADMIN, Ended, Tandem};
use crate::harness::wait;

/// How long the page may take to show what the API tells: two turns of its own, on a busy machine.
pub const SHOWN: Duration = Duration::from_secs(15);
/// PBXes of the group `office`, and of the group `carriers`.
pub const OFFICE: [&str; 4] = ["pbx-a", "pbx-b", "pbx-c", "pbx-d"];
pub const CARRIERS: [&str; 2] = ["trunk-1", "trunk-2"];

/// The farm.
pub struct Farm {
    pub tandem: Tandem,
    pub browser: Browser,
    pub pbxes: Vec<(&'static str, Sipp)>,
    _turn: Turn,
}

impl Farm {
    /// Every PBX answers; the page is open, and has shown its first turn.
    #[track_caller]
    pub fn start() -> Self {
        let turn = lock::alone();
        let names = OFFICE.iter().chain(&CARRIERS);
        let pbxes: Vec<_> = names
            .map(|name| (*name, Sipp::pbx(name, "pbx.xml")))
            .collect();
        let tandem = Tandem::start_kept(&config(&pbxes), "sqlite://tandem.db");
        for (name, _) in &pbxes {
            tandem.health_becomes(name, "up", SHOWN);
        }
        let farm = Self {
            tandem,
            browser: Browser::start(),
            pbxes,
            _turn: turn,
        };
        farm.open();
        farm
    }

    /// Opens the page anew.
    #[track_caller]
    pub fn open(&self) {
        self.browser
            .open(&format!("http://{}/", self.tandem.http.authority()));
        let cards = || self.browser.all("#peers > article").len();
        wait::equal("cards of peers", self.pbxes.len(), SHOWN, cards);
    }

    /// SIPp's callers that call, talk for a while and hang up.
    #[track_caller]
    pub fn callers(&self, service: &str, calls: u32, cps: u32, hold: Duration) -> Sipp {
        let load = Load {
            scenario: "caller.xml",
            service,
            calls,
            cps,
            hold,
        };
        Sipp::caller("passing", self.tandem.sip, &load)
    }

    /// So many calls, with names and numbers of their own, that stay until somebody ends them.
    #[track_caller]
    pub fn holds(&self, calls: u32) -> Sipp {
        let load = Load {
            scenario: "people.xml",
            service: "1001",
            calls,
            cps: 20,
            hold: Duration::ZERO,
        };
        let people = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sipp/people.csv");
        let callers = Sipp::caller_with("people", self.tandem.sip, &load, &["-inf", people]);
        self.tandem.calls_up_are(calls as usize, SHOWN);
        callers
    }

    /// A call that a route refuses.
    #[track_caller]
    pub fn is_refused(&self, user: &str) {
        let phone = Phone::start(self.tandem.sip);
        assert_eq!(phone.place(user, None, &[]).outcome(SHOWN).status, 403);
    }

    /// A write by the API, for what the page shall show.
    #[track_caller]
    pub fn patch(&self, peer: &str, change: &Value) {
        let answer = self
            .tandem
            .admin("PATCH", &format!("/v1/peers/{peer}"), change);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// A PBX dies as by `kill -9`.
    pub fn kill(&mut self, peer: &str) {
        let (_, pbx) = self
            .pbxes
            .iter_mut()
            .find(|(name, _)| *name == peer)
            .expect("it is one");
        pbx.kill();
    }

    /// The page says this, or more, at a place.
    #[track_caller]
    pub fn says(&self, selector: &str, words: &str) {
        let look = || {
            let text = self.browser.text(selector);
            if text.contains(words) {
                words.to_owned()
            } else {
                text
            }
        };
        wait::equal(selector, words.to_owned(), SHOWN, look);
    }

    /// The word for a peer on its card.
    #[track_caller]
    pub fn state_is(&self, peer: &str, word: &str) {
        wait::equal(&format!("state of {peer}"), word.to_owned(), SHOWN, || {
            self.browser.text(&card(peer, ".head .pill"))
        });
    }

    /// Types the admin token in, and opens what operates a peer.
    #[track_caller]
    pub fn operates(&self, peer: &str) {
        let token = self.browser.one("#token");
        token.clear();
        token.type_in(ADMIN);
        self.browser.one(&card(peer, ".operate > summary")).click();
    }

    /// A crash of Tandem, and how the farm stands without it.
    pub fn crash(self) -> (Ended, Rest) {
        let rest = Rest {
            browser: self.browser,
            pbxes: self.pbxes,
            turn: self._turn,
        };
        (self.tandem.crash(), rest)
    }

    /// Tandem anew where it was.
    #[track_caller]
    pub fn again(ended: Ended, rest: Rest) -> Self {
        let tandem = Tandem::start_again(ended);
        Self {
            tandem,
            browser: rest.browser,
            pbxes: rest.pbxes,
            _turn: rest.turn,
        }
    }

    /// The console said nothing bad, nothing was asked of another origin; and Tandem's log is clean.
    #[track_caller]
    pub fn finish(self) {
        self.complains(&[]);
        let origin = format!("http://{}/", self.tandem.http.authority());
        let mut requests = 0;
        for entry in self.browser.log("performance") {
            let text = entry["message"].as_str().unwrap_or_default();
            let event: Value = serde_json::from_str(text).unwrap_or_default();
            let of = &event["message"]["params"];
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            // The browser's own first page is none of ours.
            let ours = !word(&of["documentURL"]).starts_with("chrome:");
            if event["message"]["method"] == "Network.requestWillBeSent" && ours {
                let url = word(&of["request"]["url"]);
                let own = url.starts_with(&origin) || url == "data:,";
                assert!(own, "asked of another: {url}");
                requests += 1;
            }
        }
        assert!(requests > 8, "only {requests} requests were seen");
        self.tandem.finish_with_calls();
    }

    /// What the console holds are warnings and errors that tell of `expected` alone, and of each of them.
    #[track_caller]
    pub fn complains(&self, expected: &[&str]) {
        let said: Vec<String> = self
            .browser
            .log("browser")
            .iter()
            .map(|entry| format!("{} {}", entry["level"], entry["message"]))
            .collect();
        for line in &said {
            assert!(expected.iter().any(|word| line.contains(word)), "{said:#?}");
        }
        for word in expected {
            assert!(
                said.iter().any(|line| line.contains(word)),
                "no {word} in {said:#?}"
            );
        }
    }
}

/// A farm whose Tandem is away.
pub struct Rest {
    pub browser: Browser,
    pbxes: Vec<(&'static str, Sipp)>,
    turn: Turn,
}

/// A place on a peer's card.
pub fn card(peer: &str, selector: &str) -> String {
    format!("article[data-peer=\"{peer}\"] {selector}")
}

/// Calls to 9 are refused, calls to 5 are for the carriers.
fn config(pbxes: &[(&'static str, Sipp)]) -> String {
    let mut config = String::from(
        "[probe]\ninterval = \"500ms\"\ntimeout = \"400ms\"\n\
         [[group]]\nname = \"office\"\nexhausted = []\n\
         [[group]]\nname = \"carriers\"\nselect = \"priority\"\n\
         [[route]]\nmatch = { user = \"^9\" }\nreject = 403\n\
         [[route]]\nmatch = { user = \"^5\" }\ngroup = \"carriers\"\nresources = [\"calls\", \"pstn\"]\n\
         [[route]]\ngroup = \"office\"\n",
    );
    for (name, pbx) in pbxes {
        let feedback = format!("feedback = {{ token = \"token-{name}\", ttl = \"2s\" }}");
        config += &pbx.config(&if CARRIERS.contains(name) {
            format!("groups = [\"carriers\"]\ncapacity = {{ calls = 40, pstn = 30 }}\n{feedback}")
        } else {
            format!("groups = [\"office\"]\ncapacity = {{ calls = 30 }}\n{feedback}")
        });
    }
    config
}
