-- What no other deployment of the same model, text and device beats in size, latency and BLEU at once.
WITH d AS (
    SELECT *, device_ms(device, cost) AS ms FROM deployments_view
    WHERE bleu IS NOT NULL AND size_bytes IS NOT NULL AND (:device IS NULL OR device = :device)
)
SELECT deployment, model, device, size_bytes / 1e6 AS MB, ms, bleu AS BLEU, bleu_change AS "BLEU change",
       memory_bytes / 1e6 AS "memory MB", purpose, substr(time_utc, 1, 10) AS date
FROM (SELECT *, dominated(ifnull(ms, 0), bleu) OVER (PARTITION BY model_hash, source_hash, lines, what, device
                                                     ORDER BY size_bytes, ms, bleu DESC ROWS UNBOUNDED PRECEDING) AS beaten
      FROM d)
WHERE NOT beaten
ORDER BY model_hash, device, size_bytes
