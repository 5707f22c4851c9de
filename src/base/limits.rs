//! Every bound of the process, in one place, with what it protects.

use std::time::Duration;

/// Server transactions that one shard holds at once; a request beyond it is refused.
pub const SERVER_TRANSACTIONS_MAX: usize = 1 << 20;
/// Client transactions that one shard holds at once; a request beyond it is not forwarded.
pub const CLIENT_TRANSACTIONS_MAX: usize = 1 << 20;
/// How long an INVITE transaction waits for its next response after a provisional one. The owner's Timer C
/// is there to end it sooner; this only sees to it that nothing waits for ever.
pub const INVITE_PROCEEDING_MAX: Duration = Duration::from_secs(3660);
/// The longest Timer C that a configuration may ask for.
pub const RING_MAX: Duration = Duration::from_secs(3600);
/// The range that each of the timers T1, T2 and T4 is held to.
pub const BASE_TIMER_MIN: Duration = Duration::from_millis(1);
/// See [`BASE_TIMER_MIN`].
pub const BASE_TIMER_MAX: Duration = Duration::from_secs(60);

const _: () = assert!(RING_MAX.as_secs() < INVITE_PROCEEDING_MAX.as_secs());
const _: () = assert!(SERVER_TRANSACTIONS_MAX < u32::MAX as usize);
const _: () = assert!(CLIENT_TRANSACTIONS_MAX < u32::MAX as usize);

/// Datagrams that one system call takes or sends; also the most that a shard takes from a socket before it
/// looks at its timers again.
pub const DATAGRAM_BATCH: usize = 256;
/// Bytes of the longest datagram; UDP knows no longer one.
pub const DATAGRAM_BYTES_MAX: usize = 65_535;
/// Bytes of the longest payload that we send: what IPv4 leaves of it.
pub const UDP_PAYLOAD_MAX: usize = DATAGRAM_BYTES_MAX - 20 - 8;
/// Bytes asked for as receive and send buffer of each socket; the kernel may grant less. It holds what comes in
/// [`QUEUE_DELAY_MAX`] when three times as much is offered as one core can do.
pub const SOCKET_BUFFER_BYTES: usize = 16 << 20;
/// Datagrams that leave as one; Linux takes as many since it knows how.
pub const TRAIN_DATAGRAMS_MAX: usize = 64;
/// Bytes that leave as one: with its headers no more than a datagram may have.
pub const TRAIN_BYTES_MAX: usize = 65_000;
/// The longest datagram that leaves together with others: it must go undivided over any usual path.
pub const TRAIN_DATAGRAM_BYTES: usize = 1432;
/// Datagrams that come at once from which on it pays a shard that is alone to look for those that may leave together; where there
/// are several, each knows whose a datagram is.
pub const TRAINS_FROM: usize = 24;
/// Datagrams that wait at one socket for room in its send buffer; those beyond are dropped and counted.
pub const SEND_QUEUE_MAX: usize = 4096;
/// Entries read from a socket's error queue in one turn.
pub const RETURNED_BATCH: usize = 64;
/// How often a read that an old error ended is tried again.
pub const RECEIVE_TRIES: usize = 4;
/// Remote addresses whose local counterpart a wildcard socket remembers, twice.
pub const LOCAL_PATHS_MAX: usize = 32_768;

const _: () = assert!(DATAGRAM_BATCH <= 1024, "UIO_MAXIOV");

/// The longest that resolving one name may take, all questions together.
pub const RESOLVE_TIMEOUT: Duration = Duration::from_secs(8);
/// Addresses kept of one name.
pub const RESOLVED_ADDRESSES_MAX: usize = 16;
/// SRV targets of one name whose addresses are asked for.
pub const SRV_TARGETS_MAX: usize = 8;
/// Names that are resolved at the same time for the shards; a further one is answered as failed.
pub const RESOLVING_MAX: usize = 256;
/// Peer names that one process ever hears of; a topology with more is refused.
pub const PEERS_MAX: usize = 1 << 16;
/// Group names that one process ever hears of.
pub const GROUPS_MAX: usize = 1 << 12;
/// Resource names that one process ever hears of.
pub const RESOURCES_MAX: usize = 256;
/// Resources that one call may take.
pub const DEMAND_RESOURCES_MAX: usize = 16;
/// Kinds of asking (demand, strictness) that a group keeps a ready ranking for; the oldest makes room.
pub const RANKINGS_PER_GROUP_MAX: usize = 32;
/// Probes that may be due at once; the rest waits for the next slice of time.
pub const PROBES_PER_SLICE_MAX: u32 = 256;
/// The longest time that a report may ask to be believed, in seconds.
pub const FEEDBACK_TTL_SECONDS_MAX: u32 = 86_400;

const _: () = assert!(PEERS_MAX <= u32::MAX as usize);
const _: () = assert!(GROUPS_MAX <= 1 << 16);
const _: () = assert!(RESOURCES_MAX <= 1 << 8);

/// Bytes of the longest message, the longest datagram that UDP carries; offsets are 16 bits wide.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Header lines of one message; a message with more is refused.
pub const HEADERS_MAX: usize = 128;
/// Header lines of a message that we sent ourselves and read again: those it came with, and ours (Via, two Record-Route,
/// Max-Forwards, Route).
pub const OWN_HEADERS_MAX: usize = HEADERS_MAX + 8;
/// The largest CSeq number, below 2^31 (RFC 3261 §8.1.1.5).
pub const CSEQ_MAX: u32 = (1 << 31) - 1;

const _: () = assert!(MESSAGE_BYTES_MAX <= u16::MAX as usize);
/// Bytes of an HTTP request's body; a longer one is 413.
pub const HTTP_BODY_MAX: usize = 1 << 20;
/// Bytes of a body that is too long that are read and thrown away, so that the client hears of the 413.
pub const HTTP_DRAIN_MAX: usize = 16 << 20;
/// How long an HTTP request's body may take to come.
pub const HTTP_BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an HTTP request's head may take to come; idle connections end with it too.
pub const HTTP_HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long an answer may take to make.
pub const HTTP_REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Headers of one HTTP request; more are 431.
pub const HTTP_HEADERS_MAX: usize = 64;
/// Bytes of an HTTP request's head beyond which no more of it is read; a longer one is 431.
pub const HTTP_HEADER_BYTES_MAX: usize = 32 << 10;
/// HTTP connections at once; more wait in the kernel's backlog.
pub const HTTP_CONNECTIONS_MAX: usize = 1024;
/// HTTP requests under way at once; more are 503.
pub const HTTP_REQUESTS_MAX: usize = 256;
/// HTTP requests a second that one address may keep up; more are 429.
pub const HTTP_CLIENT_RATE: f64 = 500.0;
/// HTTP requests that one address may send at once after a pause.
pub const HTTP_CLIENT_BURST: f64 = 2000.0;
/// Addresses whose HTTP rate is remembered.
pub const HTTP_CLIENTS_MAX: usize = 4096;
/// How long the HTTP server waits after it could not accept a connection.
pub const HTTP_ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long HTTP requests under way may go on once the process stops.
pub const HTTP_STOP_GRACE: Duration = Duration::from_secs(1);
/// Calls that one page of a listing holds at most, and when no limit is asked for.
pub const HTTP_CALLS_PAGE_MAX: usize = 1000;
/// See [`HTTP_CALLS_PAGE_MAX`].
pub const HTTP_CALLS_PAGE_DEFAULT: usize = 100;
/// Bytes of a report's `boot_id`.
pub const FEEDBACK_BOOT_ID_MAX: usize = 128;
/// Decisions that did not succeed at the first try which are kept.
pub const DECISIONS_KEPT: usize = 128;
/// Such decisions that one shard tells in a second; those beyond are only counted.
pub const DECISIONS_EACH: u32 = 20;
/// Bytes of a Call-ID that such a decision shows.
pub const DECISION_CALL_ID_MAX: usize = 256;
/// How often it is looked how many units each peer holds, for the last ten minutes.
pub const HISTORY_LOOK_EVERY: Duration = Duration::from_secs(5);
/// Such looks that are kept.
pub const HISTORY_LOOKS_KEPT: usize = 121;
/// How often drains are looked after.
pub const DRAIN_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Calls of one peer whose ages one shard tells when the peer begins to drain.
pub const DRAIN_AGES_MAX: usize = 4096;
/// Calls of one peer that one shard ends at once when the peer's deadline is over.
pub const DRAIN_END_EACH: usize = 500;
/// The longest time to a drain's deadline that may be set.
pub const DRAIN_DEADLINE_SECONDS_MAX: u32 = 30 * 86_400;

/// Events that are kept for those who come later.
pub const EVENTS_KEPT: usize = 1024;
/// Events that wait for one client; one that lets more come together is cut off.
pub const EVENTS_CLIENT_QUEUE: usize = 256;
/// Clients that follow the events at once.
pub const EVENTS_CLIENTS_MAX: usize = 32;
/// How often a client hears that there is nothing new, so that neither side takes the other for dead.
pub const EVENTS_HEARTBEAT: Duration = Duration::from_secs(15);
/// How often peers are compared with what they were.
pub const EVENTS_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Failovers that are told one by one between two looks; those beyond are told together.
pub const EVENTS_FAILOVERS_EACH: u32 = 20;
/// Calls ended from here that are told one by one between two looks; those beyond are told together.
pub const EVENTS_ENDED_EACH: u32 = 20;
/// Looks in a row that must agree before a peer that only became eligible, or ceased to be, is an event: a peer at its
/// limit of calls a second changes all the time.
pub const EVENTS_ELIGIBLE_LOOKS: u32 = 3;
/// How far our count of a peer's calls and its own list may be apart, as long as it is no more than
/// [`EVENTS_DRIFT_SHARE`] of the count; calls that come and go meanwhile explain that much.
pub const EVENTS_DRIFT_CALLS: u64 = 3;
/// See [`EVENTS_DRIFT_CALLS`].
pub const EVENTS_DRIFT_SHARE: f64 = 0.05;
/// How long they must be apart before that is an event.
pub const EVENTS_DRIFT_LASTING: Duration = Duration::from_secs(300);

/// Notices that wait for their receiver; with more the oldest are given up.
pub const NOTIFY_QUEUE_MAX: usize = 256;
/// The first pause after a notice that was not taken; each further one is twice as long.
pub const NOTIFY_RETRY_MIN: Duration = Duration::from_secs(1);
/// The longest pause between two tries, but for the receiver's own Retry-After.
pub const NOTIFY_RETRY_MAX: Duration = Duration::from_secs(60);
/// How much of the receiver's Retry-After is believed.
pub const NOTIFY_RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);
/// The longest that one try may take.
pub const NOTIFY_TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Bytes of the receiver's answer that are read; what it says is not looked at.
pub const NOTIFY_ANSWER_BYTES_MAX: usize = 64 << 10;
/// How often one group's calls that find no peer are a notice.
pub const NOTIFY_EXHAUSTED_EVERY: Duration = Duration::from_secs(60);
/// Letters of the secret that signs notices; fewer could be guessed.
pub const NOTIFY_SECRET_MIN: usize = 16;

const _: () = assert!(HTTP_BODY_MAX <= HTTP_DRAIN_MAX);
const _: () = assert!(HTTP_HEADER_BYTES_MAX >= 8192, "hyper refuses less");
const _: () = assert!(HTTP_CALLS_PAGE_DEFAULT <= HTTP_CALLS_PAGE_MAX);

/// Bytes of a configuration file.
pub const CONFIG_BYTES_MAX: u64 = 32 << 20;
/// Letters of a peer's, group's, resource's or header's name.
pub const CONFIG_NAME_MAX: usize = 64;
/// Memory that one compiled pattern may take, in bytes.
pub const CONFIG_PATTERN_BYTES_MAX: usize = 1 << 20;
/// Listeners.
pub const CONFIG_LISTENERS_MAX: usize = 64;
/// Routes; every new call may try them all.
pub const CONFIG_ROUTES_MAX: usize = 1 << 12;
/// Shard threads.
pub const CONFIG_WORKERS_MAX: u16 = 256;
/// Units of a resource, in a capacity or in what one call takes.
pub const CONFIG_UNITS_MAX: u32 = 10_000_000;
/// A peer's weight.
pub const CONFIG_WEIGHT_MAX: u32 = 10_000;

const _: () = assert!(CONFIG_LISTENERS_MAX <= 1 << 16);
/// Peers tried for one request, over all groups.
pub const ATTEMPTS_MAX: usize = 16;
/// Groups that one request goes to by `exhausted`.
pub const GROUP_HOPS_MAX: u8 = 8;
/// Dialogs kept of one call that forks.
pub const DIALOGS_PER_CALL_MAX: usize = 16;
/// Source addresses whose rate of new calls a shard remembers.
pub const SOURCES_TRACKED_MAX: usize = 65_536;
/// Requests of one shard that wait for a host name at once.
pub const WAITING_FOR_NAMES_MAX: usize = 4096;
/// How long a request waits for a host name; longer than resolving may take.
pub const RESOLVE_PATIENCE: Duration = Duration::from_secs(10);
/// How long a call that we end ourselves may take to end: 64*T1 for the BYEs, twice with T1's default, and some.
pub const CLOSING_MAX: Duration = Duration::from_secs(70);
/// Checks of dialogs that one shard has under way at once; further ones wait for another turn.
pub const CHECKS_UNDER_WAY_MAX: usize = 2048;
/// Calls that a restart took up are asked about one after the other, so far apart: 50,000 on one shard take eight minutes.
pub const CHECK_PACE: Duration = Duration::from_millis(10);
/// What a call is spared before its first check, so that BYEs that are still being repeated come first; and by how much
/// the checks are moved at random.
pub const CHECK_REST: Duration = Duration::from_secs(2);
/// When a check that could not be delivered is repeated, once: 64*T1, after which a request is given up too.
pub const CHECK_AGAIN: Duration = Duration::from_secs(32);
/// The range of `[check] interval`.
pub const CHECK_INTERVAL_MIN: Duration = Duration::from_secs(1);
/// Calls that one shard remembers as ended by somebody's word alone, so that it takes them up again if they show life.
pub const DOUBTFUL_MAX: usize = 1 << 16;
/// Call-IDs tried for a probe until one belongs to the shard that sends it.
pub const PROBE_CALL_ID_TRIES: usize = 4096;
/// 100 Trying goes out when nothing else did by then: within 200 ms (RFC 3261 §17.2.1), the sleep's [`WAKE_GRID`] and
/// a timer's millisecond included.
pub const TRYING_AFTER: Duration = Duration::from_millis(185);
/// Max-Forwards of a request that came without (RFC 3261 §16.6 step 3).
pub const MAX_FORWARDS_DEFAULT: u8 = 70;
/// The longest Retry-After that we give, in seconds.
pub const RETRY_AFTER_MAX_S: u32 = 120;
/// Retry-After while no transaction can be opened.
pub const RETRY_AFTER_FULL: Duration = Duration::from_secs(5);
/// Retry-After while the process stops.
pub const RETRY_AFTER_STOPPING: Duration = Duration::from_secs(10);
/// The longest Retry-After that an INVITE gets for which there is no time; the shortest is one second.
pub const RETRY_AFTER_SHED_MAX_S: u32 = 5;
/// How long the ACK may take for an INVITE that was shed: 64*T1, for as long is an INVITE repeated.
pub const SHED_ACK_PATIENCE: Duration = Duration::from_secs(32);
/// Outputs that the core's queue keeps room for between inputs.
pub const OUTPUTS_KEPT: usize = 4096;

const _: () = assert!(RESOLVE_PATIENCE.as_secs() > RESOLVE_TIMEOUT.as_secs());
/// A sleeping shard is woken for its timers at multiples of this.
pub const WAKE_GRID: Duration = Duration::from_millis(10);
/// Datagrams that wait in one shard's mailbox; the last quarter takes no INVITE.
pub const MAILBOX_LETTERS_MAX: usize = 8192;
/// What a shard's queues may hold back a datagram before new calls are refused for it; more of them the longer it is.
pub const QUEUE_DELAY_MIN: Duration = Duration::from_millis(10);
/// The delay at which every new call is refused.
pub const QUEUE_DELAY_MAX: Duration = Duration::from_millis(40);
/// The delay from which on new calls are passed over without an answer; all of them when it is twice as long. What gets no
/// answer is sent again, so this is for when even refusing takes too long.
pub const QUEUE_DELAY_MUTE: Duration = Duration::from_millis(80);
/// What a queue that the kernel is about to cut off counts as, at least: half of the new calls get no answer.
pub const QUEUE_DELAY_SPILLING: Duration = Duration::from_millis(120);
/// A delay that is over sooner is a burst, and nothing is refused for it.
pub const QUEUE_BURST: Duration = Duration::from_millis(300);
/// For how long after a delay the next one is no burst.
pub const QUEUE_MEMORY: Duration = Duration::from_secs(2);
/// How long sockets go on stamping arrivals after they last had more than a batch to give.
pub const STAMPS_LINGER: Duration = Duration::from_secs(10);
/// Questions and answers that wait for one shard.
pub const MAILBOX_ORDERS_MAX: usize = 1024;
/// Letters, and orders, that a shard takes in one turn.
pub const LETTERS_A_TURN: usize = 256;
/// Bytes of one allocation that handed-over datagrams share.
pub const HAND_OVER_CHUNK_BYTES: usize = 256 << 10;
/// The longest that one shard's answer is waited for.
pub const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// Notices that wait to be read by the rest of the process.
pub const NOTICES_MAX: usize = 4096;

const _: () = assert!(HAND_OVER_CHUNK_BYTES >= DATAGRAM_BYTES_MAX);
const _: () = assert!(TRYING_AFTER.as_millis() + WAKE_GRID.as_millis() < 200);

/// How often the names of peers are asked for again; the DNS's own times to live hold within it.
pub const NAMES_REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// How long a stop goes on refusing new calls where no call lives.
pub const STOP_LINGER: Duration = Duration::from_millis(500);
/// How often a stop looks whether calls still live.
pub const STOP_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long changes of calls are gathered before they are handed out to be saved; the store may take as long again.
pub const PERSIST_EVERY: Duration = Duration::from_millis(40);
/// A call that so many of its peer's complete lists in a row lack has ended.
pub const LISTS_UNTIL_ENDED: u8 = 2;
/// A list says nothing of a call whose last message is younger than this.
pub const LIST_QUIET: Duration = Duration::from_secs(5);

/// Calls whose changes wait for the store; with more, all are forgotten and a full snapshot is due.
pub const STORE_PENDING_MAX: usize = 1 << 16;
/// How long the store's writer gathers after the first change; with [`PERSIST_EVERY`] it leaves a quarter of the 100 ms
/// for the transaction itself.
pub const STORE_GATHER: Duration = Duration::from_millis(30);
/// The longest that PostgreSQL may take to be opened, or to answer whether it is there.
pub const STORE_OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a start waits for the first snapshot.
pub const STORE_BEGIN_PATIENCE: Duration = Duration::from_secs(1);
/// The longest that one transaction may take PostgreSQL; a snapshot of many calls needs some.
pub const STORE_WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// A store that takes longer to answer is spoken of in `/readyz`.
pub const STORE_SLOW: Duration = Duration::from_secs(3);
/// How long SQLite waits for a lock that another process holds.
pub const STORE_BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// The first pause after a failure; each further one is twice as long.
pub const STORE_RETRY_MIN: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
pub const STORE_RETRY_MAX: Duration = Duration::from_secs(5);
/// How often a store that fails is spoken of in the log.
pub const STORE_LOG_INTERVAL: Duration = Duration::from_secs(60);
/// How often the peers' identities are looked at for changes.
pub const STORE_LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Rows of one of PostgreSQL's statements; 17 values each stay below the 65,535 that it takes.
pub const STORE_ROWS_A_STATEMENT: usize = 128;
/// Statements that PostgreSQL keeps prepared: inserts of calls have some 24 lengths, and each other one is of one kind.
pub const STORE_STATEMENTS: usize = 64;
/// Calls that a restart takes up at a time, so that no shard is busy with it for long.
pub const STORE_RESTORE_BATCH: usize = 2000;

const _: () = assert!(STORE_BUSY_TIMEOUT.as_secs() < STORE_SLOW.as_secs());
const _: () = assert!(STORE_SLOW.as_secs() < STORE_WRITE_TIMEOUT.as_secs());
const _: () = assert!(PERSIST_EVERY.as_millis() + STORE_GATHER.as_millis() <= 75);
