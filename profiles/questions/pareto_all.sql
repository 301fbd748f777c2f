-- Every deployment, and whether another one beats it.
WITH d AS (
    SELECT *, device_ms(device, cost) AS ms FROM deployments_view
    WHERE bleu IS NOT NULL AND size_bytes IS NOT NULL AND (:device IS NULL OR device = :device)
)
SELECT *, dominated(ifnull(ms, 0), bleu) OVER (PARTITION BY model_hash, source_hash, lines, what, device
                                               ORDER BY size_bytes, ms, bleu DESC ROWS UNBOUNDED PRECEDING) AS beaten
FROM d
ORDER BY model_hash, device, size_bytes
