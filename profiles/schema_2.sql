-- lutwidge.db, version 2: adds how each part of a model suffers from few bits (docs/DATABASE.md).

-- One row a point, by content: what was quantised and how, of which model, tried on which text.
CREATE TABLE sensitivities (
    id               INTEGER PRIMARY KEY,
    time_utc         TEXT NOT NULL CHECK (time_utc GLOB '????-??-??T??:??:??Z'),
    run_id           INTEGER NOT NULL REFERENCES runs,
    machine_id       INTEGER NOT NULL REFERENCES machines,
    model_id         INTEGER NOT NULL REFERENCES models,
    model_hash       TEXT NOT NULL CHECK (length(model_hash) = 32),
    source_hash      TEXT NOT NULL CHECK (length(source_hash) = 32),
    reference_hash   TEXT NOT NULL CHECK (length(reference_hash) = 32),
    lines            INTEGER NOT NULL CHECK (lines > 0),
    target           TEXT NOT NULL,
    kind             TEXT NOT NULL,
    bits             INTEGER NOT NULL CHECK (bits > 0),
    alpha            TEXT NOT NULL,
    group_columns    INTEGER NOT NULL CHECK (group_columns >= 0),
    fit              TEXT NOT NULL,
    products         TEXT NOT NULL,
    matrices         INTEGER CHECK (matrices > 0),
    weights          INTEGER CHECK (weights > 0),
    code_bytes       INTEGER CHECK (code_bytes > 0),
    weight_error     REAL CHECK (weight_error >= 0),
    output_error     REAL,
    fp32_nats_a_word REAL NOT NULL,
    nats_a_word      REAL,
    fp32_bleu        REAL CHECK (fp32_bleu BETWEEN 0 AND 100.0001),
    bleu             REAL CHECK (bleu BETWEEN 0 AND 100.0001),
    seconds          REAL NOT NULL CHECK (seconds >= 0),
    error            TEXT,
    CHECK (error IS NOT NULL OR nats_a_word IS NOT NULL),
    UNIQUE (model_hash, source_hash, reference_hash, lines, target, bits, alpha, group_columns, fit)
) STRICT;
CREATE INDEX sensitivities_by_run ON sensitivities (run_id);

CREATE VIEW sensitivities_view AS
SELECT sensitivities.id, sensitivities.time_utc, run_id, runs.tool_version,
       machines.cpu, machines.arch, machines.cores, machines.kernel,
       models.name AS model, sensitivities.model_hash, source_hash, reference_hash,
       sensitivities.lines, kind, target, sensitivities.bits, alpha, group_columns, fit, products,
       matrices, weights, code_bytes, weight_error, output_error,
       fp32_nats_a_word, nats_a_word, nats_a_word - fp32_nats_a_word AS nats_a_word_change,
       fp32_bleu, sensitivities.bleu, sensitivities.bleu - fp32_bleu AS bleu_change,
       sensitivities.seconds, error
FROM sensitivities
JOIN runs ON runs.id = run_id
JOIN machines ON machines.id = sensitivities.machine_id
JOIN models ON models.id = sensitivities.model_id;
