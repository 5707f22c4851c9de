//! Chromium without a window, steered by its driver (W3C WebDriver, and the DevTools protocol where that has no word).

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};

use super::child::Running;
use super::http::Client;
use super::wait;

/// By this key WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const START: Duration = Duration::from_secs(60);
/// WebDriver's name of the key Tab.
pub const TAB: &str = "\u{E004}";

/// A browser with one page.
pub struct Browser {
    http: Client,
    session: String,
    _driver: Running,
    _folder: tempfile::TempDir,
}

/// An element of its page.
pub struct Element<'browser> {
    browser: &'browser Browser,
    id: String,
}

impl Browser {
    /// Starts it with a profile of its own; it can resolve no name, so that nothing can come from elsewhere.
    #[track_caller]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut command = Command::new("chromedriver");
        command
            .arg("--port=0")
            .env("HOME", folder.path())
            .env("NO_PROXY", "*");
        let driver = Running::start_family(command, "chromedriver", folder.path());
        let port = wait::until("chromedriver's port", START, || {
            let said = driver.stdout();
            let (_, rest) = said.split_once("started successfully on port ")?;
            rest.split_once('.')?.0.parse::<u16>().ok()
        });
        let http = Client::patient(&format!("http://127.0.0.1:{port}"), START);
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "binary": program("chromium"), "args": arguments(&folder) },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let answer = http.send("POST", "/session", None, &wanted);
        let session = answer.json()["value"]["sessionId"].clone();
        let session = session
            .as_str()
            .unwrap_or_else(|| panic!("no session: {}", answer.text));
        Self {
            session: format!("/session/{session}"),
            http,
            _driver: driver,
            _folder: folder,
        }
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let path = format!("{}{path}", self.session);
        let answer = if method == "GET" {
            self.http.get(&path)
        } else {
            self.http.send(method, &path, None, body)
        };
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text);
        answer.json()["value"].clone()
    }

    #[track_caller]
    pub fn open(&self, url: &str) {
        self.ask("POST", "/url", &json!({ "url": url }));
    }

    /// What a function's body gives back in the page; its arguments are `arguments`.
    #[track_caller]
    pub fn run(&self, body: &str, arguments: &[Value]) -> Value {
        let call = json!({ "script": body, "args": arguments });
        self.ask("POST", "/execute/sync", &call)
    }

    /// The text of the first element that a selector finds, as it is written; empty where there is none.
    #[track_caller]
    pub fn text(&self, selector: &str) -> String {
        let body = "return document.querySelector(arguments[0])?.textContent ?? ''";
        let text = self.run(body, &[json!(selector)]);
        text.as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub fn all(&self, selector: &str) -> Vec<Element<'_>> {
        let by = json!({ "using": "css selector", "value": selector });
        let found = self.ask("POST", "/elements", &by);
        let ids = found.as_array().into_iter().flatten();
        ids.filter_map(|found| found[ELEMENT].as_str())
            .map(|id| Element {
                browser: self,
                id: id.to_owned(),
            })
            .collect()
    }

    /// The one element that a selector finds.
    #[track_caller]
    pub fn one(&self, selector: &str) -> Element<'_> {
        let mut found = self.all(selector);
        assert_eq!(found.len(), 1, "{selector}");
        found.remove(0)
    }

    /// Presses a key and lets it go, wherever the focus is.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let down = json!({ "type": "keyDown", "value": key });
        let up = json!({ "type": "keyUp", "value": key });
        let actions =
            json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": [down, up] }] });
        self.ask("POST", "/actions", &actions);
    }

    /// A command of the DevTools protocol.
    #[track_caller]
    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.ask("POST", "/goog/cdp/execute", &body)
    }

    /// The size of the page's window in CSS pixels.
    #[track_caller]
    pub fn size(&self, width: u32, height: u32) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    /// What the reader wants: `light` or `dark`.
    #[track_caller]
    pub fn scheme(&self, scheme: &str) {
        let wanted = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &wanted);
    }

    /// What a log has gathered since it was last asked for: `browser` (the console) or `performance` (DevTools' events).
    #[track_caller]
    pub fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.ask("POST", "/se/log", &json!({ "type": kind }));
        entries.as_array().cloned().unwrap_or_default()
    }

    /// A picture of what the window shows, as PNG.
    #[track_caller]
    pub fn picture(&self) -> Vec<u8> {
        let picture = self.ask("GET", "/screenshot", &Value::Null);
        let text = picture.as_str().expect("base64");
        let engine = base64::engine::general_purpose::STANDARD;
        engine.decode(text).expect("base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium ends with its session; the driver then has nothing left to end.
        let _ = self
            .http
            .try_to_send("DELETE", &self.session, None, &json!({}));
    }
}

impl Element<'_> {
    #[track_caller]
    fn ask(&self, method: &str, what: &str, body: &Value) -> Value {
        let path = format!("/element/{}/{what}", self.id);
        self.browser.ask(method, &path, body)
    }

    /// As a mouse does it: what covers it, or hides it, is an error.
    #[track_caller]
    pub fn click(&self) {
        self.ask("POST", "click", &json!({}));
    }

    #[track_caller]
    pub fn type_in(&self, text: &str) {
        self.ask("POST", "value", &json!({ "text": text }));
    }

    #[track_caller]
    pub fn clear(&self) {
        self.ask("POST", "clear", &json!({}));
    }

    /// The name that a screen reader tells.
    #[track_caller]
    pub fn label(&self) -> String {
        let label = self.ask("GET", "computedlabel", &Value::Null);
        label.as_str().unwrap_or_default().to_owned()
    }
}

fn arguments(folder: &tempfile::TempDir) -> Vec<String> {
    let mut arguments: Vec<String> = [
        "--headless=new",
        "--no-first-run",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--no-proxy-server",
        "--lang=en-GB",
        "--hide-scrollbars",
        "--window-size=1280,900",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.*",
    ]
    .map(str::to_owned)
    .to_vec();
    let profile = folder.path().join("profile");
    arguments.push(format!("--user-data-dir={}", profile.display()));
    // Its sandbox refuses to be root's.
    if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        arguments.push("--no-sandbox".to_owned());
    }
    arguments
}

fn program(name: &str) -> PathBuf {
    let paths = std::env::var_os("PATH").expect("PATH");
    let found = std::env::split_paths(&paths)
        .map(|path| path.join(name))
        .find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!("there is no {name}; scripts/test installs what these tests need")
    })
}
