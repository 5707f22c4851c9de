//! The names that a PromQL expression uses. Only what our own expressions need of the language.

/// A metric with the labels that its braces name.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    pub name: String,
    pub labels: Vec<String>,
}

/// What an expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    pub metrics: Vec<Metric>,
    /// In `by`, `on` and their like.
    pub grouping: Vec<String>,
}

const GROUPING: [&str; 6] = [
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
];
const WORDS: [&str; 17] = [
    "sum",
    "count",
    "min",
    "max",
    "rate",
    "increase",
    "deriv",
    "abs",
    "vector",
    "time",
    "clamp_min",
    "histogram_quantile",
    "label_values",
    "and",
    "or",
    "unless",
    "bool",
];

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Mark(char),
}

/// Panics at a word that is neither a name of ours nor a known part of the language.
#[track_caller]
pub fn names(expr: &str) -> Names {
    let tokens = tokens(expr);
    let mut names = Names::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else { continue };
        let next = tokens.get(at);
        if GROUPING.contains(&word.as_str()) {
            let (labels, end) = words_until(&tokens, at, ')');
            names.grouping.extend(labels);
            at = end;
        } else if is_metric(word) {
            let mut labels = Vec::new();
            if next == Some(&Token::Mark('{')) {
                (labels, at) = words_until(&tokens, at, '}');
            }
            names.metrics.push(Metric {
                name: word.clone(),
                labels,
            });
        } else {
            assert!(WORDS.contains(&word.as_str()), "{word} in {expr}");
        }
    }
    names
}

fn is_metric(word: &str) -> bool {
    let ours = ["tandem_", "process_", "group:"];
    ours.iter().any(|start| word.starts_with(start)) || word == "up" || word == "ALERTS"
}

/// The words up to a closing mark, and where to go on.
fn words_until(tokens: &[Token], from: usize, close: char) -> (Vec<String>, usize) {
    let length = tokens[from..]
        .iter()
        .position(|token| *token == Token::Mark(close))
        .expect("it closes");
    let words = tokens[from..from + length]
        .iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.clone()),
            Token::Mark(_) => None,
        });
    (words.collect(), from + length + 1)
}

/// Words and marks; numbers, durations, variables and texts are passed over.
fn tokens(expr: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut letters = expr.chars().peekable();
    let in_word =
        |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':' | '.');
    while let Some(letter) = letters.next() {
        if letter == '"' {
            while letters.next().is_some_and(|inner| inner != '"') {}
        } else if letter == '$' || letter.is_ascii_digit() {
            while letters.next_if(in_word).is_some() {}
        } else if letter.is_ascii_alphabetic() || letter == '_' {
            let mut word = String::from(letter);
            while let Some(more) = letters.next_if(in_word) {
                word.push(more);
            }
            tokens.push(Token::Word(word));
        } else if !letter.is_whitespace() {
            tokens.push(Token::Mark(letter));
        }
    }
    tokens
}

#[test]
fn names_are_found_in_selectors_and_groupings_and_nowhere_else() {
    let found = names(
        "1 - sum by (group, le) (rate(tandem_a_bucket{instance=~\"$instance\",le!=\"by (x)\"}[5m])) / on (peer) up",
    );
    let metric = |name: &str, labels: &[&str]| Metric {
        name: name.to_owned(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
    };
    let wanted = Names {
        metrics: vec![
            metric("tandem_a_bucket", &["instance", "le"]),
            metric("up", &[]),
        ],
        grouping: ["group", "le", "peer"].map(str::to_owned).to_vec(),
    };
    assert_eq!(found, wanted);
}
