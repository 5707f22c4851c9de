//! The name that was probably meant.

/// The one of `known` that is nearest to `word`, if near enough to be worth naming.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let word: Vec<char> = word.to_lowercase().chars().take(LONGEST + 1).collect();
    if word.is_empty() || word.len() > LONGEST {
        return None;
    }
    known
        .into_iter()
        .map(|name| {
            let letters: Vec<char> = name.to_lowercase().chars().take(LONGEST).collect();
            (distance(&word, &letters), letters.len(), name)
        })
        .filter(|(distance, letters, _)| *distance * 5 <= word.len().max(*letters) * 2)
        .min_by_key(|(distance, _, _)| *distance)
        .map(|(_, _, name)| name)
}

/// Letters to insert, drop, replace or swap with their neighbour (Damerau-Levenshtein, optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let replaced = last[j] + usize::from(x != y);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn one_wrong_letter_a_swap_and_a_missing_letter_find_the_name() {
        let known = ["capacity", "weight", "priority"];
        for word in ["capcity", "capactiy", "capacitty", "Capacity", "kapacity"] {
            assert_eq!(nearest(word, known), Some("capacity"), "{word}");
        }
    }

    #[test]
    fn a_word_like_none_finds_none() {
        assert_eq!(nearest("colour", ["capacity", "weight"]), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest(&"x".repeat(5000), ["x"]), None);
    }

    #[test]
    fn of_two_near_names_the_nearer_wins() {
        assert_eq!(nearest("pbx-cd", ["pbx-aa", "pbx-cc"]), Some("pbx-cc"));
    }
}
