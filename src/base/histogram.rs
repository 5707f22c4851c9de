//! A histogram with fixed bounds, owned by one thread and merged when it is read.

/// Counts of observations by upper bound, with their sum, as Prometheus wants them.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    counts: Box<[u64]>,
    sum: f64,
    count: u64,
}

impl Histogram {
    /// An empty histogram. `bounds` are upper bounds, inclusive, rising; what exceeds the last one is
    /// counted in a bucket of its own.
    pub fn new(bounds: &'static [f64]) -> Self {
        debug_assert!(bounds.is_sorted());
        let counts = vec![0; bounds.len() + 1].into_boxed_slice();
        Self {
            bounds,
            counts,
            sum: 0.0,
            count: 0,
        }
    }

    /// Records one observation. What is not a number of seconds (NaN, negative) counts as zero.
    pub fn record(&mut self, seconds: f64) {
        let seconds = if seconds > 0.0 { seconds } else { 0.0 };
        let bucket = self.bounds.partition_point(|bound| *bound < seconds);
        self.counts[bucket] += 1;
        self.sum += seconds;
        self.count += 1;
    }

    /// Adds what another histogram of the same bounds has seen.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.bounds, other.bounds);
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
        self.count += other.count;
    }

    /// Upper bounds in seconds, each with the number of observations at or below it.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        self.bounds
            .iter()
            .zip(&self.counts)
            .scan(0, |below, (bound, count)| {
                *below += count;
                Some((*bound, *below))
            })
    }

    /// The upper bounds in seconds.
    pub fn bounds(&self) -> &'static [f64] {
        self.bounds
    }

    /// Observations by bucket; the last bucket is what exceeds every bound.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// The sum of all observations in seconds.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The number of observations.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[f64] = &[0.1, 1.0, 10.0];

    #[test]
    fn an_observation_equal_to_a_bound_is_counted_under_it() {
        let mut histogram = Histogram::new(BOUNDS);
        for seconds in [0.05, 0.1, 0.100001, 10.0, 11.0] {
            histogram.record(seconds);
        }
        assert_eq!(histogram.counts(), [2, 1, 1, 1]);
        assert_eq!(histogram.count(), 5);
        let cumulative: Vec<_> = histogram.cumulative().collect();
        assert_eq!(cumulative, [(0.1, 2), (1.0, 3), (10.0, 4)]);
    }

    #[test]
    fn nonsense_counts_as_zero_and_leaves_the_sum_a_number() {
        let mut histogram = Histogram::new(BOUNDS);
        histogram.record(f64::NAN);
        histogram.record(-3.0);
        assert_eq!(histogram.counts(), [2, 0, 0, 0]);
        assert_eq!(histogram.sum(), 0.0);
    }

    #[test]
    fn merging_equals_having_seen_both() {
        let (mut left, mut right) = (Histogram::new(BOUNDS), Histogram::new(BOUNDS));
        let mut both = Histogram::new(BOUNDS);
        for (index, seconds) in [0.5, 2.0, 0.25, 64.0].into_iter().enumerate() {
            if index % 2 == 0 {
                left.record(seconds)
            } else {
                right.record(seconds)
            }
            both.record(seconds);
        }
        left.merge(&right);
        assert_eq!(left, both);
    }
}
