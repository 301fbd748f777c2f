-- lutwidge.db, version 4: adds static cycles of CPUs that are not here, apart from all times
-- (docs/DATABASE.md).

-- One row a cell, by content: which kernels, and whose model counted them. No row is a measurement.
CREATE TABLE static_estimates (
    id            INTEGER PRIMARY KEY,
    time_utc      TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    run_id        INTEGER NOT NULL REFERENCES runs,
    spec          TEXT NOT NULL,
    alpha         TEXT NOT NULL CHECK (alpha IN ('free', 'uniform')),
    device        TEXT NOT NULL,
    generator     TEXT NOT NULL,
    compiler      TEXT NOT NULL,
    flags         TEXT NOT NULL,
    analyser      TEXT NOT NULL,
    arith         TEXT NOT NULL,
    m             INTEGER NOT NULL CHECK (m > 0),
    k             INTEGER NOT NULL CHECK (k > 0),
    bits          INTEGER NOT NULL CHECK (bits > 0),
    group_columns INTEGER NOT NULL CHECK (group_columns >= 0),
    n             INTEGER NOT NULL CHECK (n > 0),
    cycles        REAL NOT NULL CHECK (cycles > 0),
    instructions  REAL NOT NULL CHECK (instructions > 0),
    uops          REAL NOT NULL CHECK (uops > 0),
    UNIQUE (spec, alpha, device, generator, compiler, flags, analyser)
) STRICT;
CREATE INDEX static_estimates_by_run ON static_estimates (run_id);

CREATE VIEW static_view AS
SELECT static_estimates.id, static_estimates.time_utc, run_id, runs.tool_version, runs.command,
       'static estimate of the compute part' AS what,
       spec, alpha, device, generator, static_estimates.compiler, flags, analyser,
       static_estimates.arith, m, k, static_estimates.bits, group_columns, n,
       cycles, instructions, uops, cycles / (1.0 * m * k * n) AS cycles_per_product
FROM static_estimates
JOIN runs ON runs.id = run_id;
