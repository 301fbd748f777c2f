-- The Pareto fronts first, then what was verified, then the newest. Of a plan's costs on a device the last maker's count. made_by: of a
-- translation, the command that last made its model.
WITH d AS (
    SELECT *, device_ms(device, cost) AS ms FROM deployments_view AS v
    WHERE bleu IS NOT NULL AND size_bytes IS NOT NULL
      AND (what <> 'plan' OR maker IS NULL
           OR maker = (SELECT maker FROM plan_costs AS c WHERE c.model_hash = v.model_hash AND c.plan = v.plan AND c.device = v.device
                       AND c.error IS NULL ORDER BY id DESC LIMIT 1))
), judged AS (
    SELECT *, dominated(ifnull(ms, 0), bleu) OVER (PARTITION BY model_hash, source_hash, lines, what, device
                                                   ORDER BY size_bytes, ms, bleu DESC ROWS UNBOUNDED PRECEDING) AS beaten
    FROM d
), makers AS MATERIALIZED (
    SELECT models.hash, runs.command, max(runs.id) FROM runs JOIN models ON models.id = model_id
    WHERE verb = 'quantize' GROUP BY models.hash
)
SELECT deployment, what, time_utc, model, model_hash, lines, device, unit, purpose, bits, size_bytes, memory_bytes, ms, bleu,
       bleu_change, divergence_nats, beaten, tool_version, judged.command,
       iif(what = 'translation', (SELECT command FROM makers WHERE makers.hash = model_hash), NULL) AS made_by
FROM judged
ORDER BY beaten, purpose IS NOT 'verify', time_utc DESC
LIMIT :last
