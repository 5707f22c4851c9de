-- Peers that the API put or removed; they stand over the configuration file. `spec` is the body of the PUT.
CREATE TABLE peers (
    name TEXT PRIMARY KEY NOT NULL,
    removed INTEGER NOT NULL,
    spec TEXT
);

-- Capacities that the operator set; NULL is unlimited.
CREATE TABLE peer_resources (
    peer TEXT NOT NULL,
    resource TEXT NOT NULL,
    capacity INTEGER,
    PRIMARY KEY (peer, resource)
);

-- What else the operator set; a weight of NULL is the configured one.
CREATE TABLE peer_state (
    peer TEXT PRIMARY KEY NOT NULL,
    admin TEXT NOT NULL,
    weight INTEGER
);

-- One row a live call. Times are milliseconds since 1970.
CREATE TABLE calls (
    id INTEGER PRIMARY KEY NOT NULL,
    serial INTEGER NOT NULL,
    call_id BLOB NOT NULL,
    caller_tag BLOB NOT NULL,
    from_uri BLOB NOT NULL,
    to_uri BLOB NOT NULL,
    caller_target BLOB NOT NULL,
    route_group TEXT,
    route INTEGER NOT NULL,
    peer TEXT,
    placed_by TEXT,
    demand TEXT NOT NULL,
    since_unix_ms INTEGER NOT NULL,
    session_until_unix_ms INTEGER,
    caller_cseq INTEGER NOT NULL,
    callee_cseq INTEGER NOT NULL,
    dialogs TEXT NOT NULL
);

-- What the operator did.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_unix_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);
