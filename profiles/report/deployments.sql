-- The Pareto fronts first, then what was verified, then the newest.
WITH d AS (
    SELECT *, device_ms(device, cost) AS ms FROM deployments_view WHERE bleu IS NOT NULL AND size_bytes IS NOT NULL
), judged AS (
    SELECT *, dominated(ifnull(ms, 0), bleu) OVER (PARTITION BY model_hash, source_hash, lines, what, device
                                                   ORDER BY size_bytes, ms, bleu DESC ROWS UNBOUNDED PRECEDING) AS beaten
    FROM d
)
SELECT deployment, what, time_utc, model, model_hash, lines, device, unit, purpose, bits, size_bytes, memory_bytes, ms, bleu,
       bleu_change, divergence_nats, beaten, tool_version, command
FROM judged
ORDER BY beaten, purpose IS NOT 'verify', time_utc DESC
LIMIT :last
