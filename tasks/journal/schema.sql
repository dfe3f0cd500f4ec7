-- One row per order. Times are Unix milliseconds by the clock of the process
-- that wrote them, 0 where there is none yet; money is millionths of a yuan.
-- Rows are never deleted, so the rowid tells the order of arrival whatever the
-- clocks say.
CREATE TABLE task (
  id             TEXT PRIMARY KEY,
  upstream       TEXT NOT NULL,             -- base URL and account
  owner          TEXT NOT NULL,
  session        TEXT NOT NULL,
  idem_key       TEXT,                      -- NULL when none was given or it is free again
  fingerprint    TEXT NOT NULL,             -- of the arguments after defaults
  model          TEXT NOT NULL,
  n              INTEGER NOT NULL,
  request        BLOB NOT NULL,             -- JSON of the resolved request
  seed_chosen    INTEGER NOT NULL DEFAULT 0,
  sync           INTEGER NOT NULL DEFAULT 0,
  is_foreign     INTEGER NOT NULL DEFAULT 0,
  state          TEXT NOT NULL,
  code           TEXT NOT NULL DEFAULT '',
  reason         TEXT NOT NULL DEFAULT '',
  open           INTEGER NOT NULL,          -- 1 while there is work to do on it
  holder         TEXT NOT NULL DEFAULT '',  -- process that works on it
  fence          INTEGER NOT NULL DEFAULT 0,
  lease_until    INTEGER NOT NULL DEFAULT 0,
  arrived        INTEGER NOT NULL DEFAULT 0, -- turns that its model had given out by then
  posts          INTEGER NOT NULL DEFAULT 0,
  not_before     INTEGER NOT NULL DEFAULT 0,
  upstream_id    TEXT,                      -- the service's task_id, NULL until known
  request_id     TEXT NOT NULL DEFAULT '',
  created        INTEGER NOT NULL,
  sent           INTEGER NOT NULL DEFAULT 0, -- just before the POST
  deadline       INTEGER NOT NULL DEFAULT 0, -- when the POST was given up at the latest
  doubted        INTEGER NOT NULL DEFAULT 0, -- when its outcome became unknown
  clock_ahead    INTEGER,                    -- of the service when it was sent, milliseconds; NULL for not known
  in_doubt       INTEGER NOT NULL DEFAULT 0, -- 1 while candidates may still turn up
  reads          INTEGER NOT NULL DEFAULT 0, -- whole task lists without a candidate
  accepted       INTEGER NOT NULL DEFAULT 0,
  ended          INTEGER NOT NULL DEFAULT 0, -- the service's end time
  served         INTEGER NOT NULL DEFAULT 0, -- the service's own duration, milliseconds
  looked         INTEGER NOT NULL DEFAULT 0, -- last answer of the service about it
  billed         INTEGER NOT NULL DEFAULT -1,
  price          INTEGER NOT NULL DEFAULT 0, -- of one picture
  counted        INTEGER NOT NULL,           -- pictures that count against the budget
  delivered      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX task_key      ON task (upstream, owner, idem_key) WHERE idem_key IS NOT NULL;
CREATE UNIQUE INDEX task_upstream ON task (upstream, upstream_id) WHERE upstream_id IS NOT NULL;
CREATE INDEX task_recent ON task (upstream, owner, created);
CREATE INDEX task_same   ON task (upstream, owner, fingerprint, created);
CREATE INDEX task_day    ON task (upstream, created, counted, price);
CREATE INDEX task_open   ON task (upstream, model, state) WHERE open = 1;
CREATE INDEX task_served ON task (upstream, model, ended, served) WHERE served > 0;

CREATE TABLE picture (
  task          TEXT NOT NULL REFERENCES task (id),
  n             INTEGER NOT NULL,            -- from 1
  sha256        TEXT NOT NULL DEFAULT '',    -- '' until kept, and again once evicted
  mime          TEXT NOT NULL DEFAULT '',
  width         INTEGER NOT NULL DEFAULT 0,
  height        INTEGER NOT NULL DEFAULT 0,
  bytes         INTEGER NOT NULL DEFAULT 0,
  link          TEXT NOT NULL DEFAULT '',
  link_expires  INTEGER NOT NULL DEFAULT 0,
  path          TEXT NOT NULL DEFAULT '',
  actual_prompt TEXT NOT NULL DEFAULT '',
  code          TEXT NOT NULL DEFAULT '',
  reason        TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (task, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX picture_sha ON picture (sha256) WHERE sha256 <> '';

-- Live requests that wait on a task, counted per process: a process that died
-- waits on nothing, whatever it left here.
CREATE TABLE attendance (
  task    TEXT NOT NULL REFERENCES task (id),
  process TEXT NOT NULL,
  count   INTEGER NOT NULL,
  PRIMARY KEY (task, process)
) STRICT, WITHOUT ROWID;

-- The shared slots: when the next submission of a model may start (GCRA with a
-- burst of one), whether the service refuses what is beyond its running limit,
-- and how many turns were given out.
CREATE TABLE pace (
  upstream      TEXT NOT NULL,
  model         TEXT NOT NULL,
  next_at       INTEGER NOT NULL DEFAULT 0,
  refuse_excess INTEGER NOT NULL DEFAULT 0,
  turns         INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (upstream, model)
) STRICT, WITHOUT ROWID;

-- Which turn each session in line had last.
CREATE TABLE turn (
  upstream TEXT NOT NULL,
  model    TEXT NOT NULL,
  session  TEXT NOT NULL,
  last     INTEGER NOT NULL,
  PRIMARY KEY (upstream, model, session)
) STRICT, WITHOUT ROWID;
