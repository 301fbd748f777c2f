-- lutwidge.db, version 3: adds how long kernels take (docs/DATABASE.md).

-- One row a cell, by content: which kernel, and what made and ran it. The last measurement stays.
CREATE TABLE kernel_measurements (
    id             INTEGER PRIMARY KEY,
    time_utc       TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    run_id         INTEGER NOT NULL REFERENCES runs,
    machine_id     INTEGER NOT NULL REFERENCES machines,
    spec           TEXT NOT NULL,
    alpha          TEXT NOT NULL CHECK (alpha IN ('free', 'uniform')),
    mode           TEXT NOT NULL CHECK (mode IN ('resident', 'hot')),
    generator      TEXT NOT NULL,
    compiler       TEXT NOT NULL,
    flags          TEXT NOT NULL,
    cpu            TEXT NOT NULL,
    arith          TEXT NOT NULL,
    m              INTEGER NOT NULL CHECK (m > 0),
    k              INTEGER NOT NULL CHECK (k > 0),
    bits           INTEGER NOT NULL CHECK (bits > 0),
    group_columns  INTEGER NOT NULL CHECK (group_columns >= 0),
    n              INTEGER NOT NULL CHECK (n > 0),
    isa            TEXT NOT NULL,
    samples        INTEGER NOT NULL CHECK (samples > 0),
    calls          INTEGER NOT NULL CHECK (calls > 0),
    median_ns      REAL NOT NULL CHECK (median_ns > 0),
    lower_ns       REAL NOT NULL CHECK (lower_ns > 0),
    upper_ns       REAL NOT NULL CHECK (upper_ns >= lower_ns),
    on_core        REAL NOT NULL CHECK (on_core BETWEEN 0 AND 1),
    key_bytes      INTEGER NOT NULL CHECK (key_bytes > 0),
    openblas_ns    REAL CHECK (openblas_ns > 0),
    onednn_f32_ns  REAL CHECK (onednn_f32_ns > 0),
    onednn_int8_ns REAL CHECK (onednn_int8_ns > 0),
    UNIQUE (spec, alpha, mode, generator, compiler, flags, cpu)
) STRICT;
CREATE INDEX kernel_measurements_by_run ON kernel_measurements (run_id);

CREATE VIEW kernels_view AS
SELECT kernel_measurements.id, kernel_measurements.time_utc, run_id, runs.tool_version, runs.command,
       kernel_measurements.cpu, machines.arch, machines.cores, machines.kernel,
       spec, alpha, mode, generator, kernel_measurements.compiler, flags, kernel_measurements.arith,
       m, k, kernel_measurements.bits, group_columns, n, isa, samples, calls,
       median_ns, lower_ns, upper_ns, 100 * (upper_ns - lower_ns) / median_ns AS spread_percent,
       on_core, key_bytes, key_bytes / median_ns AS key_gb_per_s,
       openblas_ns, onednn_f32_ns, onednn_int8_ns,
       openblas_ns / median_ns AS times_openblas,
       onednn_f32_ns / median_ns AS times_onednn_f32,
       onednn_int8_ns / median_ns AS times_onednn_int8
FROM kernel_measurements
JOIN runs ON runs.id = run_id
JOIN machines ON machines.id = kernel_measurements.machine_id;
