//! Values that several sections hold: names, status codes, networks, patterns, secrets.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use regex::bytes::{Regex, RegexBuilder};

use super::model::Secret;
use super::nearest::nearest;
use super::node::{Node, Value};
use super::reader::{Fields, Reader, Text};
use crate::balance::{CodeRule, FailoverRule, HashOn, Select};
use crate::base::limits::{CONFIG_NAME_MAX, CONFIG_PATTERN_BYTES_MAX};

pub(super) const MS: Duration = Duration::from_millis(1);
/// The longest duration that any key takes.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 86_400);

impl Reader<'_> {
    /// A name that goes into URLs, metrics and `peer:NAME`.
    pub(super) fn name(&mut self, node: &Node) -> Option<Text> {
        let text = self.text(node, "a name such as \"pbx-a\"")?;
        if is_name(&text.value) {
            return Some(text);
        }
        let right = format!(
            "must be 1 to {CONFIG_NAME_MAX} letters, digits, '-', '_' or '.', the first a letter or digit"
        );
        self.raise(&text.spot, format!("{} is no name, {right}", text.shown));
        None
    }

    /// `name`, which must be there.
    pub(super) fn required_name(&mut self, fields: &mut Fields, title: &str) -> Option<Text> {
        match fields.take("name") {
            Some(node) => self.name(&node),
            None => {
                let spot = fields.spot.clone();
                self.missing(
                    &spot,
                    format!("{title} has no name, must have name = \"…\""),
                );
                None
            }
        }
    }

    /// Never shown, whatever is wrong with it.
    pub(super) fn secret(&mut self, node: &Node) -> Option<Secret> {
        let text = self.text(node, "a text, best \"env:NAME\" or \"file:PATH\"")?;
        let sendable = |byte: u8| byte.is_ascii_graphic();
        if text.value.is_empty() {
            let right = "must hold at least one character";
            self.raise(&node.spot, format!("{} is empty, {right}", node.label));
            return None;
        }
        if !text.value.bytes().all(sendable) {
            let right = "must be ASCII letters, digits and signs only";
            let wrong = "holds spaces or letters that no HTTP header carries";
            self.raise(&node.spot, format!("{} {wrong}, {right}", node.label));
            return None;
        }
        Some(Secret::new(&text.value))
    }

    /// A network, or one address.
    pub(super) fn network(&mut self, text: &Text) -> Option<IpNet> {
        let whole = text.value.parse::<IpNet>().ok();
        let net = whole.or_else(|| text.value.parse::<IpAddr>().ok().map(IpNet::from));
        if net.is_none() {
            let right = "write it as \"10.0.0.0/8\", \"10.0.0.11\" or \"2001:db8::/32\"";
            self.raise(
                &text.spot,
                format!("{} is not a network, {right}", text.shown),
            );
        }
        net
    }

    /// A pattern to search for in bytes.
    pub(super) fn pattern(&mut self, node: &Node) -> Option<Regex> {
        let text = self.text(node, "a regular expression such as \"^1\\\\d+$\"")?;
        let built = RegexBuilder::new(&text.value)
            .size_limit(CONFIG_PATTERN_BYTES_MAX)
            .dfa_size_limit(CONFIG_PATTERN_BYTES_MAX)
            .build();
        match built {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let shown = text.shown;
                let message = format!(
                    "{shown} is not a regular expression ({}), must be one such as \"^1\\\\d+$\"",
                    in_one_line(&error)
                );
                self.raise(&node.spot, message);
                None
            }
        }
    }

    /// A method or another token (RFC 3261 §25.1).
    pub(super) fn token(&mut self, node: &Node, right: &str) -> Option<Text> {
        let text = self.text(node, right)?;
        if is_token(&text.value) {
            return Some(text);
        }
        let message = format!("{} is {}, must be {right}", node.label, text.shown);
        self.raise(&node.spot, message);
        None
    }

    /// `select` with the words it may hold.
    pub(super) fn select(
        &mut self,
        fields: &mut Fields,
        words: &[(&str, Select)],
    ) -> Option<Select> {
        let node = fields.take("select")?;
        self.word(&node, words)
    }

    pub(super) fn hash_on(&mut self, fields: &mut Fields) -> Option<HashOn> {
        let node = fields.take("hash_on")?;
        let text = self.text(&node, "what to hash, such as \"call-id\"")?;
        if let Some(name) = text.value.strip_prefix("header:") {
            if is_token(name) {
                return Some(HashOn::Header(name.to_owned()));
            }
            let right = "write header:NAME, such as \"header:X-Tenant\"";
            self.raise(
                &node.spot,
                format!("{} names no header, {right}", text.shown),
            );
            return None;
        }
        let words = [
            ("call-id", HashOn::CallId),
            ("from-user", HashOn::FromUser),
            ("to-user", HashOn::ToUser),
            ("request-user", HashOn::RequestUser),
            ("source", HashOn::Source),
        ];
        let found = words.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            let names = words.iter().map(|(word, _)| *word).chain(["header:NAME"]);
            let right = super::reader::meant(&text.value, names);
            self.raise(&node.spot, format!("hash_on is {}, {right}", text.shown));
        }
        found.map(|(_, on)| on.clone())
    }

    /// `accept` of a probe: `2xx`, `[24]xx`, `404`.
    pub(super) fn codes(&mut self, node: Node) -> Option<Vec<CodeRule>> {
        let items = self.list(node, "a list such as [\"2xx\", \"404\"]")?;
        let mut rules = Vec::new();
        for item in &items {
            let Some(text) = self.code_word(item) else {
                continue;
            };
            match (classes(&text.value, 1..=6), code(&text.value, 100..=699)) {
                (Some(found), _) => rules.extend(found.into_iter().map(CodeRule::Class)),
                (None, Some(code)) => rules.push(CodeRule::Code(code)),
                (None, None) => {
                    let right = "write a class \"2xx\" or a code \"404\"";
                    self.raise(
                        &text.spot,
                        format!("{} is no status code or class, {right}", text.shown),
                    );
                }
            }
        }
        Some(rules)
    }

    /// `on` of a failover: `timeout`, `transport`, `5xx`, `[56]xx`, `408`, `!600`.
    pub(super) fn failover_rules(&mut self, node: Node) -> Option<Vec<FailoverRule>> {
        let items = self.list(node, "a list such as [\"timeout\", \"5xx\", \"!600\"]")?;
        let mut rules = Vec::new();
        for item in &items {
            let Some(text) = self.code_word(item) else {
                continue;
            };
            match failover_rule(&text.value) {
                Some(found) => rules.extend(found),
                None => {
                    let right = match nearest(&text.value, ["timeout", "transport"]) {
                        Some(name) => format!("did you mean {name:?}?"),
                        None => FAILOVER_WORDS.to_owned(),
                    };
                    self.raise(
                        &text.spot,
                        format!("{} is no failover rule, {right}", text.shown),
                    );
                }
            }
        }
        Some(rules)
    }

    /// A status code may be written as a number too.
    fn code_word(&mut self, item: &Node) -> Option<Text> {
        if let Value::Integer(number) = item.value {
            return Some(Text {
                value: number.to_string(),
                shown: number.to_string(),
                spot: item.spot.clone(),
            });
        }
        self.text(item, "a text such as \"5xx\" or \"408\"")
    }
}

const FAILOVER_WORDS: &str = "write \"timeout\", \"transport\", \"5xx\", \"[56]xx\", \"408\" or \"!600\" (codes from 300 to 699)";

fn failover_rule(word: &str) -> Option<Vec<FailoverRule>> {
    match word {
        "timeout" => return Some(vec![FailoverRule::Timeout]),
        "transport" => return Some(vec![FailoverRule::Transport]),
        _ => {}
    }
    if let Some(word) = word.strip_prefix('!') {
        return code(word, 300..=699).map(|code| vec![FailoverRule::NotCode(code)]);
    }
    if let Some(found) = classes(word, 3..=6) {
        return Some(found.into_iter().map(FailoverRule::Class).collect());
    }
    code(word, 300..=699).map(|code| vec![FailoverRule::Code(code)])
}

/// The digits of `5xx` or of `[56]xx`, each within `range`.
fn classes(word: &str, range: std::ops::RangeInclusive<u8>) -> Option<Vec<u8>> {
    let head = word
        .strip_suffix("xx")
        .or_else(|| word.strip_suffix("XX"))?;
    let bracketed = head
        .strip_prefix('[')
        .and_then(|head| head.strip_suffix(']'));
    let digits = match bracketed {
        Some(digits) => digits,
        None if head.len() == 1 => head,
        None => return None,
    };
    let within = |c: char| {
        let digit = c.to_digit(10).and_then(|digit| u8::try_from(digit).ok())?;
        range.contains(&digit).then_some(digit)
    };
    let found: Option<Vec<u8>> = digits.chars().map(within).collect();
    found.filter(|found| !found.is_empty())
}

fn code(word: &str, range: std::ops::RangeInclusive<u16>) -> Option<u16> {
    let digits = word.len() == 3 && word.bytes().all(|b| b.is_ascii_digit());
    let code = digits.then(|| word.parse().ok()).flatten()?;
    range.contains(&code).then_some(code)
}

pub(super) fn is_name(text: &str) -> bool {
    let sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    text.len() <= CONFIG_NAME_MAX
        && text.bytes().all(sign)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

pub(super) fn is_token(text: &str) -> bool {
    let sign = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    !text.is_empty() && text.len() <= CONFIG_NAME_MAX && text.bytes().all(sign)
}

/// The `error:` line of a message that draws the pattern over several lines.
fn in_one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
