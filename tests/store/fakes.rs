//! A process that has calls, and what its store holds of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tandem::call::{CallId, CallRecord, CallText, DialogRecord, DialogText};
use tandem::proxy::Persist;
use tandem::store::{
    EventRow, History, Identity, Intake, Saved, Source, Store, Target, Wait, Words, open,
};

/// The calls and the operator's words of a process that only saves.
#[derive(Default)]
pub struct Process {
    pub intake: Intake,
    pub calls: Mutex<BTreeMap<u64, CallRecord>>,
    pub words: Mutex<Words>,
    pub events: Mutex<Vec<EventRow>>,
    /// How many calls came back from the store after the start.
    pub restored: Mutex<usize>,
}

impl Process {
    /// A call is up.
    pub fn up(&self, id: u64) {
        let record = record(id);
        self.calls
            .lock()
            .expect("no panic")
            .insert(id, record.clone());
        self.intake.calls(vec![Persist::Call(Box::new(record))]);
    }

    /// A call is over.
    pub fn gone(&self, id: u64) {
        self.calls.lock().expect("no panic").remove(&id);
        self.intake.calls(vec![Persist::Gone(CallId(id))]);
    }

    pub fn says(&self, words: Words) {
        *self.words.lock().expect("no panic") = words;
        self.intake.words_changed();
    }

    /// These events are kept, and no older ones.
    pub fn keeps(&self, ids: std::ops::RangeInclusive<u64>) {
        *self.events.lock().expect("no panic") = ids.map(event).collect();
        self.intake.events_changed();
    }

    /// Waits until nothing waits to be written.
    #[track_caller]
    pub fn is_written(&self) {
        let intake = self.intake.clone();
        wait("all is written", move || {
            let figures = intake.figures();
            figures.depth == 0 && figures.trouble.is_none() && figures.written > 0
        });
    }
}

impl Source for Process {
    fn words(&self) -> Words {
        self.words.lock().expect("no panic").clone()
    }

    fn identities(&self) -> Vec<Identity> {
        self.words().identities
    }

    fn history(&self, after: u64) -> History {
        let events = self.events.lock().expect("no panic");
        let new = events.iter().filter(|event| event.id > after);
        History {
            events: new.cloned().collect(),
            oldest: events.first().map_or(0, |event| event.id),
        }
    }

    fn hand_over(&self) -> Wait<'_, Result<(), String>> {
        let calls = self.calls.lock().expect("no panic").clone();
        let rows = calls
            .into_values()
            .map(|call| Persist::Call(Box::new(call)));
        self.intake.calls(rows.collect());
        Box::pin(async { Ok(()) })
    }

    fn restore(&self, saved: Saved) -> Wait<'_, Result<(), String>> {
        *self.restored.lock().expect("no panic") += saved.calls.len();
        let mut calls = self.calls.lock().expect("no panic");
        calls.extend(saved.calls.into_iter().map(|call| (call.id, call)));
        Box::pin(async { Ok(()) })
    }
}

pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

/// What a new process finds.
#[track_caller]
pub fn found(target: &Target) -> Saved {
    let opened = runtime().block_on(open(target.clone(), Some([7; 16])));
    let (_, saved) = opened.expect("of this version");
    saved.expect("the store is there")
}

/// A process with its writer; what was saved counts as taken up.
#[track_caller]
pub fn start(target: &Target) -> (Arc<Process>, Store) {
    let opened = runtime().block_on(open(target.clone(), Some([7; 16])));
    let (link, saved) = opened.expect("of this version");
    let process = Arc::new(Process::default());
    let source = Arc::clone(&process) as Arc<dyn Source>;
    let store = Store::start(link, saved.is_ok(), &process.intake, source).expect("started");
    (process, store)
}

#[track_caller]
pub fn wait(what: &str, mut fact: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !fact() {
        assert!(Instant::now() < end, "not within 30 s: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The ids of the calls that are saved, ascending.
#[track_caller]
pub fn ids(target: &Target) -> Vec<u64> {
    let mut ids: Vec<u64> = found(target).calls.iter().map(|call| call.id).collect();
    ids.sort_unstable();
    ids
}

pub fn event(id: u64) -> EventRow {
    EventRow {
        id,
        at_unix_ms: 1_700_000_000_000 + id,
        kind: "peer".to_owned(),
        data: format!("{{\"words\":\"\u{e9} {id}\"}}"),
    }
}

pub fn record(id: u64) -> CallRecord {
    let call_id = format!("call \u{e9} {id}");
    let texts = CallText {
        call_id: call_id.as_bytes(),
        caller_tag: b"tag \xff\0",
        from: b"sip:a@x",
        to: b"sip:b@y",
        caller_target: b"sip:a@127.0.0.1",
    };
    let dialog = DialogText {
        callee_tag: b"t\x80",
        callee_target: b"sip:b@127.0.0.2",
        caller_routes: b"",
        callee_routes: b"<sip:p;lr>",
    };
    let dialog = DialogRecord {
        texts: (&dialog).into(),
        cseq: [7, 0],
    };
    let demand = [("calls".into(), 1), ("conference".into(), u32::MAX)];
    CallRecord {
        id,
        serial: u32::MAX - 1,
        texts: (&texts).into(),
        group: Some("pbx".into()),
        route: u16::MAX,
        peer: Some("a".into()),
        placed_by: None,
        demand: demand.into_iter().collect(),
        since_unix_ms: 1_700_000_000_000,
        session_until_unix_ms: Some(1_700_000_090_000),
        cseq: [7, (1 << 31) - 1],
        dialogs: [dialog].into_iter().collect(),
    }
}
