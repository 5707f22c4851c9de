use super::*;
use proptest::prelude::*;

fn after(origin: Instant, milliseconds: u64) -> Instant {
    origin + Duration::from_millis(milliseconds)
}

fn drain(timers: &mut Timers<u32>, now: Instant) -> Vec<u32> {
    std::iter::from_fn(|| timers.pop(now).map(|(_, key)| key)).collect()
}

#[test]
fn a_timer_between_two_ticks_waits_for_the_second() {
    let origin = Instant::now();
    let mut timers = Timers::new(origin);
    timers.arm(origin + Duration::from_micros(1_001), 7);
    assert_eq!(timers.next(), Some(after(origin, 2)));
    assert_eq!(timers.pop(origin + Duration::from_micros(1_999)), None);
    assert_eq!(drain(&mut timers, after(origin, 2)), [7]);
    assert!(timers.is_empty());
}

#[test]
fn timers_of_one_tick_fire_in_the_order_of_arming_through_every_wheel() {
    let origin = Instant::now();
    let mut timers = Timers::new(origin);
    timers.arm(after(origin, 300_000), 0);
    assert_eq!(timers.pop(after(origin, 299_000)), None);
    timers.arm(after(origin, 300_000), 1);
    assert_eq!(timers.pop(after(origin, 299_990)), None);
    timers.arm(after(origin, 300_000), 2);
    assert_eq!(drain(&mut timers, after(origin, 300_000)), [0, 1, 2]);
}

#[test]
fn a_moment_that_has_passed_is_due_at_once() {
    let origin = Instant::now();
    let mut timers = Timers::new(origin);
    assert_eq!(timers.pop(after(origin, 5_000)), None);
    timers.arm(after(origin, 10), 1);
    timers.arm(origin - Duration::from_secs(1), 2);
    assert_eq!(timers.next(), Some(after(origin, 5_000)));
    assert_eq!(drain(&mut timers, after(origin, 5_000)), [1, 2]);
}

#[test]
fn a_timer_armed_in_place_of_another_leaves_one() {
    let origin = Instant::now();
    let mut timers = Timers::new(origin);
    let first = timers.arm_instead(None, after(origin, 10), 1);
    timers.arm(after(origin, 10), 2);
    let same = timers.arm_instead(Some(first), after(origin, 10), 3);
    assert_eq!(drain(&mut timers, after(origin, 10)), [3, 2]);
    assert!(!timers.is_armed(same));
    let anew = timers.arm_instead(Some(same), after(origin, 90_000), 4);
    let earlier = timers.arm_instead(Some(anew), after(origin, 20), 5);
    assert_eq!((timers.len(), timers.next()), (1, Some(after(origin, 20))));
    assert_eq!(timers.pop(after(origin, 20)), Some((earlier, 5)));
    assert_eq!(timers.pop(after(origin, 100_000)), None);
}

#[test]
fn a_stale_id_cancels_nothing_even_when_its_place_is_taken_again() {
    let origin = Instant::now();
    let mut timers = Timers::new(origin);
    let first = timers.arm(after(origin, 10), 1);
    assert!(timers.cancel(first));
    let second = timers.arm(after(origin, 10), 2);
    assert_eq!(first.index, second.index);
    assert!(!timers.cancel(first));
    assert_eq!(timers.len(), 1);
    assert_eq!(timers.pop(after(origin, 10)), Some((second, 2)));
    assert!(!timers.cancel(second));
}

#[test]
fn a_timer_of_the_far_future_is_kept_and_a_jump_of_a_century_finds_it() {
    let origin = Instant::now();
    let mut timers = Timers::new(origin);
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    timers.arm(origin + century, 1);
    timers.arm(origin + century * 2, 2);
    assert_eq!(
        timers.pop(origin + century - Duration::from_millis(1)),
        None
    );
    assert_eq!(drain(&mut timers, origin + century), [1]);
    assert_eq!(drain(&mut timers, origin + century * 2), [2]);
}

#[test]
fn following_next_alone_reaches_every_timer_in_few_steps() {
    let origin = Instant::now();
    let mut timers = Timers::new(origin);
    timers.arm(after(origin, 14_400_123), 1);
    let mut steps = 0;
    while let Some(at) = timers.next() {
        steps += 1;
        if timers.pop(at).is_some() {
            assert_eq!(at, after(origin, 14_400_123));
        }
    }
    assert!(steps <= LEVELS, "{steps}");
}

#[derive(Clone, Debug)]
enum Operation {
    Arm(u64),
    Cancel(usize),
    Advance(u64),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    // Microseconds, so that moments fall between ticks too; spans from nothing to years.
    let span = || {
        prop_oneof![
            0..5_000u64,
            0..600_000u64,
            0..40_000_000u64,
            0..100_000_000_000_000u64
        ]
    };
    let operation = prop_oneof![
        5 => span().prop_map(Operation::Arm),
        2 => any::<usize>().prop_map(Operation::Cancel),
        3 => span().prop_map(Operation::Advance),
    ];
    proptest::collection::vec(operation, 1..200)
}

/// The model: a list of what is armed; its truth is `(tick, order of arming)`.
struct Model {
    armed: Vec<(u64, u32)>,
}

impl Model {
    fn due(&mut self, tick: u64) -> Vec<u32> {
        let mut due: Vec<_> = self.armed.extract_if(.., |(at, _)| *at <= tick).collect();
        due.sort_unstable();
        due.into_iter().map(|(_, key)| key).collect()
    }
}

proptest! {
    #[test]
    fn timers_fire_like_the_model_never_early_none_lost_and_in_order(operations in operations()) {
        let origin = Instant::now();
        let (mut timers, mut model) = (Timers::new(origin), Model { armed: Vec::new() });
        let mut ids = Vec::new();
        let mut now_micros = 0u64;
        for operation in operations {
            match operation {
                Operation::Arm(span) => {
                    let key = ids.len() as u32;
                    let at = now_micros + span;
                    ids.push(timers.arm(origin + Duration::from_micros(at), key));
                    model.armed.push((at.div_ceil(1_000), key));
                }
                Operation::Cancel(choice) if !ids.is_empty() => {
                    let key = choice % ids.len();
                    let before = model.armed.len();
                    model.armed.retain(|(_, armed)| *armed as usize != key);
                    prop_assert_eq!(timers.cancel(ids[key]), model.armed.len() < before);
                }
                Operation::Cancel(_) => {}
                Operation::Advance(span) => {
                    now_micros += span;
                    let fired = drain(&mut timers, origin + Duration::from_micros(now_micros));
                    prop_assert_eq!(fired, model.due(now_micros / 1_000));
                }
            }
            prop_assert_eq!(timers.len(), model.armed.len());
            let first = model.armed.iter().map(|(tick, _)| after(origin, *tick)).min();
            prop_assert_eq!(timers.next().is_some(), first.is_some());
            prop_assert!(timers.next() <= first, "a shard must not oversleep");
        }
    }
}
