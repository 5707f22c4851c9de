//! Rust source as a flat list of tokens: enough to judge style by, nothing of types.

/// What a token is, as far as the rules care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    Punct,
    Literal,
}

/// One token and the line (from 1) it starts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    pub line: usize,
}

/// A comment's text and the line it starts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    pub text: String,
    pub line: usize,
}

/// Splits `source` into tokens and comments.
pub fn lex(source: &str) -> (Vec<Token>, Vec<Comment>) {
    let mut lexer = Lexer {
        rest: source,
        line: 1,
        tokens: Vec::new(),
        comments: Vec::new(),
    };
    while !lexer.rest.is_empty() {
        lexer.step();
    }
    (lexer.tokens, lexer.comments)
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        let rest = self.rest;
        let first = rest
            .chars()
            .next()
            .expect("the loop ends when nothing is left");
        if first.is_whitespace() {
            self.take(first.len_utf8());
        } else if rest.starts_with("//") {
            self.comment(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.comment(block_comment_length(rest));
        } else if let Some(length) = string_length(rest) {
            self.token(Kind::Literal, length);
        } else if first == '\'' || rest.starts_with("b'") {
            let prefix = usize::from(first == 'b');
            self.token(Kind::Literal, prefix + quote_length(&rest[prefix..]));
        } else if first.is_alphabetic() || first == '_' {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            self.token(Kind::Word, raw + word_length(&rest[raw..]));
        } else if first.is_ascii_digit() {
            self.token(Kind::Literal, number_length(rest));
        } else {
            let pair = ["::", "=>", "->"].iter().any(|pair| rest.starts_with(pair));
            self.token(Kind::Punct, if pair { 2 } else { first.len_utf8() });
        }
    }

    fn take(&mut self, length: usize) -> String {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken.to_owned()
    }

    fn token(&mut self, kind: Kind, length: usize) {
        let line = self.line;
        let text = self.take(length);
        self.tokens.push(Token { kind, text, line });
    }

    fn comment(&mut self, length: usize) {
        let line = self.line;
        let text = self.take(length);
        self.comments.push(Comment { text, line });
    }
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len())
}

fn number_length(text: &str) -> usize {
    let whole = word_length(text);
    let fraction = &text[whole..];
    // `1.5` is one literal, `1..5` and `1.max(2)` are not.
    match fraction.strip_prefix('.') {
        Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => {
            whole + 1 + word_length(after)
        }
        Some(_) | None => whole,
    }
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the string literal that `text` starts with: plain, byte, C or raw.
fn string_length(text: &str) -> Option<usize> {
    let prefix = text.find(|c| c != 'b' && c != 'c').filter(|n| *n <= 1)?;
    let after = &text[prefix..];
    if after.starts_with('"') {
        return Some(prefix + escaped_length(after, b'"'));
    }
    let hashes_and_rest = after.strip_prefix('r')?;
    let hashes = hashes_and_rest.find(|c| c != '#')?;
    let inside = hashes_and_rest[hashes..].strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end = inside
        .find(&closing)
        .map_or(inside.len(), |at| at + closing.len());
    Some(prefix + 1 + hashes + 1 + end)
}

/// The length of a literal that starts and ends with `quote`, where a backslash escapes.
fn escaped_length(text: &str, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// A character literal, or a lifetime (`'a`, which no quote follows).
fn quote_length(text: &str) -> usize {
    let mut chars = text[1..].chars();
    let first = chars.next();
    match (first, chars.next()) {
        (Some('\\'), _) | (_, Some('\'')) => escaped_length(text, b'\''),
        (_, _) => 1 + word_length(&text[1..]).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, lex};

    fn texts(source: &str) -> Vec<String> {
        lex(source).0.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_strings_hide_their_words() {
        let (tokens, comments) = lex("a /* b /* c */ d */ \"e\\\"f\" // g\nh r#\"i\"j\"# b'k' 'l'");
        let words: Vec<_> = tokens.iter().filter(|t| t.kind == Kind::Word).collect();
        assert_eq!(words.len(), 2);
        assert_eq!((words[0].text.as_str(), words[0].line), ("a", 1));
        // `b'k'` is a byte literal: its prefix must not be taken for a word.
        assert_eq!((words[1].text.as_str(), words[1].line), ("h", 2));
        assert_eq!(comments.len(), 2);
    }

    #[test]
    fn a_lifetime_is_not_an_open_quote() {
        assert_eq!(
            texts("fn f<'a>(x: &'a str) {}").last().map(String::as_str),
            Some("}")
        );
        assert_eq!(
            texts("'\\'' x '\\u{1F600}' y"),
            ["'\\''", "x", "'\\u{1F600}'", "y"]
        );
    }

    #[test]
    fn numbers_ranges_and_paths_are_told_apart() {
        assert_eq!(
            texts("1..=5 2.5 a::b=>c"),
            ["1", ".", ".", "=", "5", "2.5", "a", "::", "b", "=>", "c"]
        );
    }
}
