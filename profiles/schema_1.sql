-- lutwidge.db, version 1 (docs/DATABASE.md). Units stand in the names; NULL is "not known" or "does not apply".
PRAGMA application_id = 0x4C574442; -- "LWDB"

CREATE TABLE machines (
    id     INTEGER PRIMARY KEY,
    cpu    TEXT NOT NULL,
    arch   TEXT NOT NULL,
    cores  INTEGER NOT NULL CHECK (cores > 0),
    kernel TEXT NOT NULL,
    UNIQUE (cpu, arch, cores, kernel)
) STRICT;

CREATE TABLE models (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT CHECK (length(hash) = 32)
) STRICT;
CREATE UNIQUE INDEX models_once ON models (name, ifnull(hash, ''));

CREATE TABLE runs (
    id                INTEGER PRIMARY KEY,
    time_utc          TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    verb              TEXT NOT NULL,
    command           TEXT NOT NULL,
    tool_version      TEXT NOT NULL,
    compiler          TEXT NOT NULL,
    machine_id        INTEGER NOT NULL REFERENCES machines,
    model_id          INTEGER REFERENCES models,
    input_hash        TEXT CHECK (length(input_hash) = 32),
    arith             TEXT,
    kernels           TEXT,
    bits              REAL CHECK (bits > 0),
    real_bits         REAL CHECK (real_bits > 0),
    size_bytes        INTEGER CHECK (size_bytes >= 0),
    beams             INTEGER CHECK (beams > 0),
    lines             INTEGER CHECK (lines >= 0),
    seconds           REAL CHECK (seconds >= 0),
    lines_per_s       REAL CHECK (lines_per_s >= 0),
    peak_memory_bytes INTEGER CHECK (peak_memory_bytes >= 0),
    bleu              REAL CHECK (bleu BETWEEN 0 AND 100.0001),
    chrf              REAL CHECK (chrf BETWEEN 0 AND 100.0001)
) STRICT;

CREATE VIEW runs_view AS
SELECT runs.id, time_utc, verb, command, tool_version, compiler,
       machines.cpu, machines.arch, machines.cores, machines.kernel,
       models.name AS model, models.hash AS model_hash, input_hash, arith, kernels, bits, real_bits,
       size_bytes, beams, lines, seconds, lines_per_s, peak_memory_bytes, bleu, chrf
FROM runs
JOIN machines ON machines.id = machine_id
LEFT JOIN models ON models.id = model_id;

-- Each translation beside the last fp32 one, up to then, of the same text with the same beams.
CREATE VIEW translations_view AS
WITH base AS (
    SELECT runs.id AS id,
           (SELECT max(other.id) FROM runs AS other
            WHERE other.verb = 'translate' AND other.bits = 32 AND other.id <= runs.id
              AND other.input_hash IS runs.input_hash AND other.beams IS runs.beams) AS fp32_id
    FROM runs
)
SELECT runs_view.*, base.fp32_id,
       1.0 * fp32.size_bytes / runs_view.size_bytes AS times_smaller,
       runs_view.lines_per_s / fp32.lines_per_s AS times_faster,
       1.0 * fp32.peak_memory_bytes / runs_view.peak_memory_bytes AS times_less_memory
FROM runs_view
JOIN base ON base.id = runs_view.id
LEFT JOIN runs AS fp32 ON fp32.id = base.fp32_id
WHERE runs_view.verb = 'translate';
