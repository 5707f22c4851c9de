-- Peers that the API put or removed; they stand over the configuration file. `spec` is the body of the PUT.
CREATE TABLE peers (
    name TEXT PRIMARY KEY NOT NULL,
    removed BIGINT NOT NULL,
    spec TEXT
);

-- Capacities that the operator set; NULL is unlimited.
CREATE TABLE peer_resources (
    peer TEXT NOT NULL,
    resource TEXT NOT NULL,
    capacity BIGINT,
    PRIMARY KEY (peer, resource)
);

-- What else the operator set; a weight of NULL is the configured one.
CREATE TABLE peer_state (
    peer TEXT PRIMARY KEY NOT NULL,
    admin TEXT NOT NULL,
    weight BIGINT
);

-- One row a live call. Times are milliseconds since 1970.
CREATE TABLE calls (
    id BIGINT PRIMARY KEY NOT NULL,
    serial BIGINT NOT NULL,
    call_id BYTEA NOT NULL,
    caller_tag BYTEA NOT NULL,
    from_uri BYTEA NOT NULL,
    to_uri BYTEA NOT NULL,
    caller_target BYTEA NOT NULL,
    route_group TEXT,
    route BIGINT NOT NULL,
    peer TEXT,
    placed_by TEXT,
    demand TEXT NOT NULL,
    since_unix_ms BIGINT NOT NULL,
    session_until_unix_ms BIGINT,
    caller_cseq BIGINT NOT NULL,
    callee_cseq BIGINT NOT NULL,
    dialogs TEXT NOT NULL
);

-- What the operator did.
CREATE TABLE events (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at_unix_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL
);
