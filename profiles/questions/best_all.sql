-- The same with all columns.
WITH d AS (
    SELECT *, device_ms(device, cost) AS ms FROM deployments_view
    WHERE bleu IS NOT NULL AND size_bytes IS NOT NULL AND (:device IS NULL OR device = :device)
)
SELECT *
FROM d
WHERE (:size IS NULL OR size_bytes <= :size) AND (:latency IS NULL OR ms <= :latency)
  AND (:drop IS NULL OR bleu_change >= -:drop)
ORDER BY iif(:drop IS NULL, -bleu, size_bytes), ms, size_bytes, -bleu
LIMIT 10
