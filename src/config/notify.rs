//! `[notify]`: who is told of what happens, by HTTP.

use std::fmt;
use std::time::Duration;

use hyper::Uri;

use super::model::Secret;
use super::node;
use super::reader::{Fields, Reader};
use super::values::{LONGEST, MS};
use crate::base::limits::{NOTIFY_SECRET_MIN, NOTIFY_TIMEOUT_MAX};

/// `[notify]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Where notices are posted.
    pub url: Receiver,
    /// Signs them.
    pub secret: Option<Secret>,
    /// What they are about.
    pub events: Vec<Occasion>,
    /// How long one try may take.
    pub timeout: Duration,
    /// How long one notice is tried again.
    pub retry_for: Duration,
}

/// An `http` or `https` URL. No log, error or `Debug` shows more of it than its host: the rest may be a token.
#[derive(Clone, PartialEq, Eq)]
pub struct Receiver(Uri);

impl Receiver {
    /// All of it.
    #[must_use]
    pub fn expose(&self) -> &Uri {
        &self.0
    }

    /// Whose it is.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(secret at {})", self.host())
    }
}

/// What a notice may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A peer is down.
    Down,
    /// A peer that was down is not so any more.
    Up,
    /// A peer that is drained has no call left.
    Drained,
    /// Calls of a group found no peer.
    Exhausted,
    /// Our count of a peer's calls is off its own list, or is so no more.
    Drift,
}

impl Occasion {
    /// All there are.
    pub const ALL: [Occasion; 5] = [
        Self::Down,
        Self::Up,
        Self::Drained,
        Self::Exhausted,
        Self::Drift,
    ];

    /// As the configuration and the notices say it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Up => "up",
            Self::Drained => "drained",
            Self::Exhausted => "exhausted",
            Self::Drift => "drift",
        }
    }
}

pub(super) fn notify(reader: &mut Reader<'_>, table: Option<node::Node>) -> Option<Notify> {
    const KEYS: [&str; 5] = ["url", "secret", "events", "timeout", "retry_for"];
    let mut fields = reader.fields(table?, "[notify]", &KEYS)?;
    let secret = fields.take("secret");
    let secret = secret.and_then(|node| reader.signing_secret(&node));
    let events = reader.occasions(&mut fields);
    let timeout = 100 * MS..=NOTIFY_TIMEOUT_MAX;
    let timeout = reader.duration_or(&mut fields, "timeout", timeout, 5000 * MS);
    let retry_for = Duration::ZERO..=LONGEST;
    let hour = Duration::from_secs(3600);
    let retry_for = reader.duration_or(&mut fields, "retry_for", retry_for, hour);
    let Some(url) = fields.take("url") else {
        let right = "must have url = \"https://…\", or be left out";
        reader.missing(&fields.spot, format!("[notify] has no url, {right}"));
        return None;
    };
    Some(Notify {
        url: reader.receiver(&url)?,
        secret,
        events,
        timeout,
        retry_for,
    })
}

impl Reader<'_> {
    fn receiver(&mut self, node: &node::Node) -> Option<Receiver> {
        let right = "must be \"https://HOST/PATH\" or \"http://HOST:PORT/PATH\"";
        let text = self.text(node, "a URL such as \"https://chat.example/hooks/1\"")?;
        // What it says is not shown: it may be a token.
        let wrong = match text.value.parse::<Uri>() {
            Err(_) => "this is no URL",
            Ok(url) if !matches!(url.scheme_str(), Some("http" | "https")) => {
                "this is no URL of HTTP"
            }
            Ok(url)
                if url
                    .authority()
                    .is_some_and(|host| host.as_str().contains('@')) =>
            {
                "this URL holds a user or a password, which are not sent"
            }
            Ok(url) if url.host().is_none_or(str::is_empty) => "this URL names no host",
            Ok(url) => return Some(Receiver(url)),
        };
        self.raise(&text.spot, format!("{wrong}, {right}"));
        None
    }

    fn signing_secret(&mut self, node: &node::Node) -> Option<Secret> {
        let secret = self.secret(node)?;
        if secret.expose().len() < NOTIFY_SECRET_MIN {
            let right = format!(
                "must have at least {NOTIFY_SECRET_MIN}, such as the output of: openssl rand -hex 16"
            );
            self.raise(
                &node.spot,
                format!("secret has too few characters, {right}"),
            );
            return None;
        }
        Some(secret)
    }

    /// All of them where the key is not there.
    fn occasions(&mut self, fields: &mut Fields) -> Vec<Occasion> {
        let Some(node) = fields.take("events") else {
            return Occasion::ALL.to_vec();
        };
        let spot = node.spot.clone();
        let words = Occasion::ALL.map(|occasion| (occasion.as_str(), occasion));
        let Some(items) = self.list(node, "a list such as [\"down\", \"up\"]") else {
            return Vec::new();
        };
        if items.is_empty() {
            let right = "must name at least one, or [notify] be left out";
            self.raise(&spot, format!("events is empty, {right}"));
        }
        let mut named: Vec<Occasion> = Vec::new();
        for item in &items {
            let Some(occasion) = self.word(item, &words) else {
                continue;
            };
            if named.contains(&occasion) {
                let word = occasion.as_str();
                let wrong = format!("event \"{word}\" is named twice, must stand once");
                self.raise(&item.spot, wrong);
            } else {
                named.push(occasion);
            }
        }
        named
    }
}
