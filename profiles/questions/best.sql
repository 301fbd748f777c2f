-- The ten best that keep to all limits: highest BLEU, or smallest where the drop is limited.
WITH d AS (
    SELECT *, device_ms(device, cost) AS ms FROM deployments_view
    WHERE bleu IS NOT NULL AND size_bytes IS NOT NULL AND (:device IS NULL OR device = :device)
)
SELECT deployment, model, device, size_bytes / 1e6 AS MB, ms, bleu AS BLEU, bleu_change AS "BLEU change",
       memory_bytes / 1e6 AS "memory MB", purpose, substr(time_utc, 1, 10) AS date
FROM d
WHERE (:size IS NULL OR size_bytes <= :size) AND (:latency IS NULL OR ms <= :latency)
  AND (:drop IS NULL OR bleu_change >= -:drop)
ORDER BY iif(:drop IS NULL, -bleu, size_bytes), ms, size_bytes, -bleu
LIMIT 10
