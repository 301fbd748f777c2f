-- lutwidge.db, version 6: adds what allocation chooses by (docs/DATABASE.md, docs/ALLOCATION.md).

-- One row a code of a part of a model, or of a class of its words.
CREATE TABLE part_losses (
    id                INTEGER PRIMARY KEY,
    time_utc          TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    run_id            INTEGER NOT NULL REFERENCES runs,
    model_hash        TEXT NOT NULL CHECK (length(model_hash) = 32),
    source_hash       TEXT NOT NULL CHECK (length(source_hash) = 32),
    reference_hash    TEXT NOT NULL CHECK (length(reference_hash) = 32),
    lines             INTEGER NOT NULL CHECK (lines > 0),
    calibration_lines INTEGER NOT NULL CHECK (calibration_lines > 0),
    part              TEXT NOT NULL,
    word_class        INTEGER NOT NULL CHECK (word_class >= -1),
    bits              INTEGER NOT NULL CHECK (bits > 0),
    alpha             TEXT NOT NULL CHECK (alpha IN ('free', 'uniform')),
    group_columns     INTEGER NOT NULL CHECK (group_columns >= 0),
    relative_error    REAL CHECK (relative_error >= 0),
    divergence_nats   REAL,
    nats_a_word       REAL,
    fp32_nats_a_word  REAL NOT NULL,
    seconds           REAL NOT NULL CHECK (seconds >= 0),
    error             TEXT,
    CHECK ((relative_error IS NULL) = (error IS NOT NULL)),
    UNIQUE (model_hash, source_hash, reference_hash, lines, calibration_lines, part, word_class, bits, alpha,
            group_columns)
) STRICT;
CREATE INDEX part_losses_by_run ON part_losses (run_id);

-- One row a code of a part on a device: what its products take in a sentence of so many words.
CREATE TABLE part_costs (
    id            INTEGER PRIMARY KEY,
    time_utc      TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    run_id        INTEGER NOT NULL REFERENCES runs,
    model_hash    TEXT NOT NULL CHECK (length(model_hash) = 32),
    device        TEXT NOT NULL,
    maker         TEXT NOT NULL,
    source_words  INTEGER NOT NULL CHECK (source_words > 0),
    target_words  INTEGER NOT NULL CHECK (target_words > 0),
    part          TEXT NOT NULL,
    bits          TEXT NOT NULL,
    alpha         TEXT NOT NULL CHECK (alpha IN ('free', 'uniform')),
    group_columns INTEGER NOT NULL CHECK (group_columns >= 0),
    cost          REAL CHECK (cost >= 0),
    unit          TEXT NOT NULL CHECK (unit IN ('ns', 'cycles', 'static cycles')),
    memory_bytes  INTEGER CHECK (memory_bytes >= 0),
    error         TEXT,
    CHECK ((cost IS NULL) = (error IS NOT NULL)),
    UNIQUE (model_hash, device, maker, source_words, target_words, part, bits, alpha, group_columns)
) STRICT;
CREATE INDEX part_costs_by_run ON part_costs (run_id);

-- One row a whole plan: what predictions are calibrated with and checked by.
CREATE TABLE plan_losses (
    id                INTEGER PRIMARY KEY,
    time_utc          TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    run_id            INTEGER NOT NULL REFERENCES runs,
    model_hash        TEXT NOT NULL CHECK (length(model_hash) = 32),
    source_hash       TEXT NOT NULL CHECK (length(source_hash) = 32),
    reference_hash    TEXT NOT NULL CHECK (length(reference_hash) = 32),
    lines             INTEGER NOT NULL CHECK (lines > 0),
    calibration_lines INTEGER NOT NULL CHECK (calibration_lines > 0),
    plan              TEXT NOT NULL,
    purpose           TEXT NOT NULL CHECK (purpose IN ('calibrate', 'check', 'verify')),
    size_bytes        INTEGER CHECK (size_bytes > 0),
    divergence_nats   REAL,
    nats_a_word       REAL,
    fp32_nats_a_word  REAL NOT NULL,
    bleu              REAL CHECK (bleu BETWEEN 0 AND 100.0001),
    fp32_bleu         REAL CHECK (fp32_bleu BETWEEN 0 AND 100.0001),
    seconds           REAL NOT NULL CHECK (seconds >= 0),
    error             TEXT,
    CHECK ((divergence_nats IS NULL) = (error IS NOT NULL)),
    UNIQUE (model_hash, source_hash, reference_hash, lines, calibration_lines, plan)
) STRICT;
CREATE INDEX plan_losses_by_run ON plan_losses (run_id);

-- One row a whole plan on a device.
CREATE TABLE plan_costs (
    id           INTEGER PRIMARY KEY,
    time_utc     TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    run_id       INTEGER NOT NULL REFERENCES runs,
    model_hash   TEXT NOT NULL CHECK (length(model_hash) = 32),
    device       TEXT NOT NULL,
    maker        TEXT NOT NULL,
    source_words INTEGER NOT NULL CHECK (source_words > 0),
    target_words INTEGER NOT NULL CHECK (target_words > 0),
    plan         TEXT NOT NULL,
    cost         REAL CHECK (cost >= 0),
    unit         TEXT NOT NULL CHECK (unit IN ('ns', 'cycles', 'static cycles')),
    memory_bytes INTEGER CHECK (memory_bytes >= 0),
    seconds      REAL NOT NULL CHECK (seconds >= 0),
    error        TEXT,
    CHECK ((cost IS NULL) = (error IS NOT NULL)),
    UNIQUE (model_hash, device, maker, source_words, target_words, plan)
) STRICT;
CREATE INDEX plan_costs_by_run ON plan_costs (run_id);

CREATE VIEW part_losses_view AS
SELECT part_losses.id, part_losses.time_utc, run_id, runs.tool_version, runs.command, models.name AS model,
       part_losses.model_hash, source_hash, reference_hash, part_losses.lines, calibration_lines, part, word_class,
       part_losses.bits, alpha, group_columns, relative_error, divergence_nats, nats_a_word,
       nats_a_word - fp32_nats_a_word AS nats_a_word_change, part_losses.seconds, error
FROM part_losses
JOIN runs ON runs.id = run_id
LEFT JOIN models ON models.id = runs.model_id;

CREATE VIEW part_costs_view AS
SELECT part_costs.id, part_costs.time_utc, run_id, runs.tool_version, runs.command, models.name AS model,
       part_costs.model_hash, device, maker, source_words, target_words, part, part_costs.bits, alpha, group_columns,
       cost, unit, memory_bytes, error
FROM part_costs
JOIN runs ON runs.id = run_id
LEFT JOIN models ON models.id = runs.model_id;

CREATE VIEW plan_losses_view AS
SELECT plan_losses.id, plan_losses.time_utc, run_id, runs.tool_version, runs.command, models.name AS model,
       plan_losses.model_hash, source_hash, reference_hash, plan_losses.lines, calibration_lines, plan, purpose,
       plan_losses.size_bytes, divergence_nats, nats_a_word, nats_a_word - fp32_nats_a_word AS nats_a_word_change,
       plan_losses.bleu, plan_losses.bleu - fp32_bleu AS bleu_change, plan_losses.seconds, error
FROM plan_losses
JOIN runs ON runs.id = run_id
LEFT JOIN models ON models.id = runs.model_id;

CREATE VIEW plan_costs_view AS
SELECT plan_costs.id, plan_costs.time_utc, run_id, runs.tool_version, runs.command, models.name AS model,
       plan_costs.model_hash, device, maker, source_words, target_words, plan, cost, unit, memory_bytes,
       plan_costs.seconds, error
FROM plan_costs
JOIN runs ON runs.id = run_id
LEFT JOIN models ON models.id = runs.model_id;
