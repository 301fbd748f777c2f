-- lutwidge.db, version 9: adds the energy of engines and the peak memory of whole plans (docs/DATABASE.md). NULL: not known.

ALTER TABLE part_costs ADD COLUMN energy_pj REAL CHECK (energy_pj >= 0);
ALTER TABLE plan_costs ADD COLUMN energy_pj REAL CHECK (energy_pj >= 0);
ALTER TABLE plan_costs ADD COLUMN peak_memory_bytes INTEGER CHECK (peak_memory_bytes > 0);
CREATE INDEX syntheses_by_engine ON syntheses (engine, flow, block, time_utc);

DROP VIEW part_costs_view;
CREATE VIEW part_costs_view AS
SELECT part_costs.id, part_costs.time_utc, run_id, runs.tool_version, runs.command, models.name AS model,
       part_costs.model_hash, device, maker, source_words, target_words, part, part_costs.bits, alpha, group_columns,
       cost, unit, memory_bytes, error, energy_pj
FROM part_costs
JOIN runs ON runs.id = run_id
LEFT JOIN models ON models.id = runs.model_id;

DROP VIEW plan_costs_view;
CREATE VIEW plan_costs_view AS
SELECT plan_costs.id, plan_costs.time_utc, run_id, runs.tool_version, runs.command, models.name AS model,
       plan_costs.model_hash, device, maker, source_words, target_words, plan, cost, unit, memory_bytes,
       plan_costs.seconds, error, energy_pj, plan_costs.peak_memory_bytes
FROM plan_costs
JOIN runs ON runs.id = run_id
LEFT JOIN models ON models.id = runs.model_id;

-- What can be shipped, one row for each device it was tried on: whole plans ('p' and the id in
-- plan_losses_view), and translations that were scored ('r' and the id in runs_view).
DROP VIEW deployments_view;
CREATE VIEW deployments_view AS
SELECT 'p' || plan_losses.id AS deployment, 'plan' AS what, plan_losses.time_utc, plan_losses.run_id, runs.tool_version,
       runs.command, models.name AS model, plan_losses.model_hash, plan_losses.source_hash, plan_losses.lines,
       plan_costs.device, plan_costs.maker,
       plan_losses.purpose, plan_losses.plan, NULL AS bits, plan_losses.size_bytes, plan_costs.memory_bytes,
       plan_costs.cost, plan_costs.unit, plan_losses.bleu, plan_losses.bleu - plan_losses.fp32_bleu AS bleu_change,
       plan_losses.divergence_nats, plan_losses.nats_a_word - plan_losses.fp32_nats_a_word AS nats_a_word_change,
       plan_costs.energy_pj, plan_costs.peak_memory_bytes
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
       NULL, NULL, NULL, runs.peak_memory_bytes
FROM runs
JOIN machines ON machines.id = runs.machine_id
LEFT JOIN models ON models.id = runs.model_id
WHERE runs.verb = 'translate' AND runs.bleu IS NOT NULL AND runs.size_bytes IS NOT NULL;
