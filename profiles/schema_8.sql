-- lutwidge.db, version 8: adds what engines take in gates and in FPGAs (docs/DATABASE.md).

-- One row a block, and one with block 'all', by content: RTL, parameters, flow and tools.
CREATE TABLE syntheses (
    id          INTEGER PRIMARY KEY,
    time_utc    TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    run_id      INTEGER NOT NULL REFERENCES runs,
    hash        TEXT NOT NULL CHECK (length(hash) = 32),
    engine      TEXT NOT NULL,
    flow        TEXT NOT NULL CHECK (flow IN ('asic', 'xc7', 'ice40')),
    tools       TEXT NOT NULL,
    block       TEXT NOT NULL,
    gates       REAL,
    flop_gates  REAL,
    flops       INTEGER NOT NULL,
    memory_bits INTEGER,
    luts        INTEGER,
    memory_luts INTEGER,
    rams        REAL,
    dsps        INTEGER,
    delay_ns    REAL,
    clock_mhz   REAL,
    UNIQUE (hash, block)
) STRICT;
CREATE INDEX syntheses_by_run ON syntheses (run_id);

CREATE VIEW syntheses_view AS
SELECT syntheses.id, syntheses.time_utc, run_id, runs.tool_version, runs.command,
       hash, engine, flow, tools, block, gates, flop_gates, flops, memory_bits,
       luts, memory_luts, rams, dsps, delay_ns, clock_mhz
FROM syntheses
JOIN runs ON runs.id = run_id;
