-- lutwidge.db, version 7: adds views of deployments, and indexes for what is asked often
-- (docs/DATABASE.md).

CREATE INDEX kernel_measurements_by_cpu ON kernel_measurements (cpu, isa, time_utc);
CREATE INDEX static_estimates_by_device ON static_estimates (device, time_utc);
CREATE INDEX simulations_of_layer ON simulations (layer, engine, memory, time_utc);
CREATE INDEX simulations_by_subject ON simulations (model_hash, what, subject, engine, memory, simulator);
CREATE INDEX part_losses_by_part ON part_losses (model_hash, part, word_class, alpha, group_columns, bits,
                                                 divergence_nats, relative_error, error);
CREATE INDEX part_costs_by_part ON part_costs (model_hash, part, alpha, group_columns, bits, device, cost, unit, time_utc);
CREATE INDEX part_costs_by_device ON part_costs (device, maker, time_utc);
CREATE INDEX plan_costs_by_plan ON plan_costs (model_hash, plan);
CREATE INDEX plan_costs_by_device ON plan_costs (device, maker, time_utc);
CREATE INDEX sensitivities_by_target ON sensitivities (model_hash, source_hash, reference_hash, lines, alpha, group_columns,
                                                       fit, target, kind, bits, nats_a_word, fp32_nats_a_word, bleu,
                                                       fp32_bleu, error, model_id);
CREATE INDEX runs_by_input ON runs (verb, input_hash, beams, bits);

-- The parts of a model in the order in which plans name their codes: words, encoder, decoder, output.
CREATE VIEW parts_view AS
WITH named AS (SELECT DISTINCT model_hash, part FROM part_losses),
     placed AS (
    SELECT model_hash, part,
           CASE WHEN part LIKE 'encoder._%._%' THEN 1 WHEN part LIKE 'decoder._%._%' THEN 2
                WHEN part = 'output' THEN 3 ELSE 0 END AS block,
           CAST(substr(part, 9) AS INTEGER) AS layer,
           CASE WHEN part LIKE '%.self.q+k+v' THEN 0 WHEN part LIKE '%.self.o' THEN 1 WHEN part LIKE '%.cross.q' THEN 2
                WHEN part LIKE '%.cross.k+v' THEN 3 WHEN part LIKE '%.cross.o' THEN 4 WHEN part LIKE '%.fc1' THEN 5
                WHEN part LIKE '%.fc2' THEN 6 ELSE 0 END AS sublayer
    FROM named
)
SELECT model_hash, part,
       row_number() OVER (PARTITION BY model_hash ORDER BY block, layer, sublayer, part) AS place
FROM placed;

-- One row a part of a whole plan. NULL as part: the database holds no figures of its parts.
CREATE VIEW plan_parts_view AS
SELECT plan_losses.id AS plan_id, plan_losses.model_hash, codes.key + 1 AS place, parts_view.part,
       substr(codes.value, 1, instr(codes.value, '/') - 1) AS bits,
       iif(substr(codes.value, instr(codes.value, '/') + 1, 1) = 'u', 'uniform', 'free') AS alpha,
       CAST(substr(codes.value, instr(codes.value, '/') + 2) AS INTEGER) AS group_columns
FROM plan_losses
JOIN json_each('["' || replace(plan_losses.plan, ' ', '","') || '"]') AS codes
LEFT JOIN parts_view ON parts_view.model_hash = plan_losses.model_hash AND parts_view.place = codes.key + 1;

-- What can be shipped, one row for each device it was tried on: whole plans ('p' and the id in
-- plan_losses_view), and translations that were scored ('r' and the id in runs_view).
CREATE VIEW deployments_view AS
SELECT 'p' || plan_losses.id AS deployment, 'plan' AS what, plan_losses.time_utc, plan_losses.run_id, runs.tool_version,
       runs.command, models.name AS model, plan_losses.model_hash, plan_losses.source_hash, plan_losses.lines,
       plan_costs.device, plan_costs.maker,
       plan_losses.purpose, plan_losses.plan, NULL AS bits, plan_losses.size_bytes, plan_costs.memory_bytes,
       plan_costs.cost, plan_costs.unit, plan_losses.bleu, plan_losses.bleu - plan_losses.fp32_bleu AS bleu_change,
       plan_losses.divergence_nats, plan_losses.nats_a_word - plan_losses.fp32_nats_a_word AS nats_a_word_change
FROM plan_losses
JOIN runs ON runs.id = plan_losses.run_id
LEFT JOIN models ON models.id = runs.model_id
LEFT JOIN plan_costs ON plan_costs.model_hash = plan_losses.model_hash AND plan_costs.plan = plan_losses.plan
                    AND plan_costs.error IS NULL
WHERE plan_losses.error IS NULL
UNION ALL
SELECT 'r' || runs.id, 'translation', runs.time_utc, runs.id, runs.tool_version, runs.command, models.name, models.hash, runs.input_hash, runs.lines,
       'translate, ' || ifnull(runs.kernels, runs.arith), machines.cpu, NULL, NULL, runs.bits, runs.size_bytes,
       runs.peak_memory_bytes, 1e9 / runs.lines_per_s, 'ns', runs.bleu,
       runs.bleu - (SELECT other.bleu FROM runs AS other
                    WHERE other.verb = 'translate' AND other.bits = 32 AND other.input_hash IS runs.input_hash
                      AND other.beams IS runs.beams AND other.bleu IS NOT NULL ORDER BY other.id DESC LIMIT 1),
       NULL, NULL
FROM runs
JOIN machines ON machines.id = runs.machine_id
LEFT JOIN models ON models.id = runs.model_id
WHERE runs.verb = 'translate' AND runs.bleu IS NOT NULL AND runs.size_bytes IS NOT NULL;
