//! What happens when: one PBX dies and comes back.

use std::time::Duration;

/// Without an end, the story repeats after so long.
const CHAPTER: Duration = Duration::from_secs(40);
/// The PBX is dead between these parts of a chapter.
const DEAD_FROM: f64 = 0.35;
const DEAD_UNTIL: f64 = 0.65;

/// Whether the PBX is dead after `elapsed` of a demo that lasts `total`.
pub fn is_dead(elapsed: Duration, total: Option<Duration>) -> bool {
    let chapter = total.unwrap_or(CHAPTER).as_secs_f64().max(0.001);
    let within = elapsed.as_secs_f64() % chapter / chapter;
    (DEAD_FROM..DEAD_UNTIL).contains(&within)
}

#[cfg(test)]
mod tests {
    use super::is_dead;
    use std::time::Duration;

    #[test]
    fn a_pbx_dies_once_and_is_back_before_the_end() {
        let total = Some(Duration::from_secs(20));
        let dead: Vec<u64> = (0..20)
            .filter(|s| is_dead(Duration::from_secs(*s), total))
            .collect();
        assert_eq!(dead, [7, 8, 9, 10, 11, 12]);
        let endless: Vec<u64> = (0..80)
            .filter(|s| is_dead(Duration::from_secs(*s), None))
            .collect();
        assert_eq!(
            (endless.first(), endless.last(), endless.len()),
            (Some(&14), Some(&65), 24)
        );
    }
}
