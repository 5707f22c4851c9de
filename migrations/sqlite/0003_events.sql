-- What happened, as `GET /v1/events` tells it; `data` is JSON. Only the newest are kept.
DROP TABLE events;
CREATE TABLE events (
    id INTEGER PRIMARY KEY NOT NULL,
    at_unix_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
);
