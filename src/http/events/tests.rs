//! The hub, without a socket.

use super::*;

fn event(number: u64) -> Event {
    Event::Call(CallEvent {
        at: String::new(),
        what: "exhausted".into(),
        group: "pbx".into(),
        calls: number,
        ended: None,
        words: String::new(),
    })
}

/// The ids, or the names of events without one, that wait for a client now.
fn waiting(stream: &mut Stream) -> Vec<String> {
    let mut frames: Vec<Bytes> = stream.backlog.drain(..).collect();
    while let Ok(frame) = stream.live.try_recv() {
        frames.push(frame);
    }
    let text = |frame: &Bytes| String::from_utf8(frame.to_vec()).expect("UTF-8");
    let first = |text: String| text.lines().next().map(str::to_owned);
    let lines = frames.iter().filter_map(|frame| first(text(frame)));
    lines.filter(|line| !line.starts_with("retry: ")).collect()
}

fn ids(range: std::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|id| format!("id: {id}")).collect()
}

#[tokio::test]
async fn a_client_resumes_after_the_last_event_it_saw() {
    let events = Events::starting_at(100, Intake::default());
    for number in 0..5 {
        events.tell(&event(number));
    }
    let mut streams = [None, Some(0), Some(102), Some(104), Some(9999)]
        .map(|since| events.listen(since).expect("room"));
    events.tell(&event(5));
    let seen = streams.each_mut().map(waiting);
    let expected = [
        ids(105..=105),
        ids(100..=105),
        ids(103..=105),
        ids(105..=105),
        ids(100..=105),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_client_is_told_that_events_between_are_forgotten() {
    let events = Events::starting_at(100, Intake::default());
    let kept = EVENTS_KEPT as u64;
    for number in 0..kept + 10 {
        events.tell(&event(number));
    }
    let seen = waiting(&mut events.listen(Some(108)).expect("room"));
    assert_eq!(seen[0], "event: gap");
    assert_eq!(seen[1..], ids(110..=kept + 109));
    // Nothing is missing after 109.
    let seen = waiting(&mut events.listen(Some(109)).expect("room"));
    assert_eq!(seen, ids(110..=kept + 109));
}

#[tokio::test]
async fn a_slow_client_is_cut_off_and_no_other_notices() {
    let events = Events::starting_at(1, Intake::default());
    let mut slow = events.listen(None).expect("room");
    let mut quick = events.listen(None).expect("room");
    let queue = EVENTS_CLIENT_QUEUE as u64;
    for number in 1..=queue + 1 {
        events.tell(&event(number));
        assert_eq!(waiting(&mut quick), ids(number..=number));
    }
    // It hears what it had room for, and then the end.
    for _ in 0..queue {
        assert!(slow.live.recv().await.is_some());
    }
    assert!(slow.live.recv().await.is_none());
    assert_eq!(events.hub.lock().clients.len(), 1);
}

#[tokio::test]
async fn the_places_of_those_who_went_are_free_again_and_none_is_left_after_the_close() {
    let events = Events::starting_at(1, Intake::default());
    let all: Vec<_> = (0..EVENTS_CLIENTS_MAX)
        .map(|_| events.listen(None).expect("room"))
        .collect();
    assert_eq!(events.listen(None).err(), Some(Full::Clients));
    drop(all);
    let mut last = events.listen(None).expect("room again");
    events.close();
    assert!(last.live.recv().await.is_none());
    assert_eq!(events.listen(None).err(), Some(Full::Closed));
}

#[tokio::test]
async fn ids_grow_and_history_goes_on_after_a_restart_even_where_the_clock_goes_back() {
    let before = Events::starting_at(100, Intake::default());
    for number in 0..3 {
        before.tell(&event(number));
    }
    let saved = before.history(0);
    assert_eq!(saved.oldest, 100);
    for (start, next) in [(500, 500), (50, 103)] {
        let after = Events::starting_at(start, Intake::default());
        after.restore(saved.events.clone());
        after.tell(&event(3));
        let new = [ids(101..=102), ids(next..=next)].concat();
        let seen = waiting(&mut after.listen(Some(100)).expect("room"));
        assert_eq!(seen, new, "nothing is missing, so there is no gap");
        assert_eq!(after.history(102).events.len(), 1);
    }
}

#[tokio::test]
async fn what_is_found_late_comes_before_what_was_told_meanwhile_and_the_oldest_make_room() {
    let before = Events::starting_at(100, Intake::default());
    for number in 0..EVENTS_KEPT as u64 {
        before.tell(&event(number));
    }
    let after = Events::starting_at(9000, Intake::default());
    after.tell(&event(0));
    after.restore(before.history(0).events);
    let history = after.history(0);
    assert_eq!(history.events.len(), EVENTS_KEPT);
    assert_eq!(history.oldest, 101);
    assert_eq!(history.events.last().map(|row| row.id), Some(9000));
}
