-- Two deployments: their figures, their latency where both were tried on a device, and the parts whose codes differ.
WITH d AS (
    SELECT *, device_ms(device, cost) AS ms FROM deployments_view WHERE deployment IN (:a, :b)
), codes AS (
    SELECT 'p' || plan_id AS deployment, place, ifnull(part, 'part ' || place) AS part,
           bits || '/' || alpha || iif(group_columns, '/' || group_columns, '') AS code
    FROM plan_parts_view
    WHERE plan_id IN (iif(:a GLOB 'p*', CAST(substr(:a, 2) AS INTEGER), -1), iif(:b GLOB 'p*', CAST(substr(:b, 2) AS INTEGER), -1))
), x AS (SELECT * FROM d WHERE deployment = :a), y AS (SELECT * FROM d WHERE deployment = :b),
pairs (what, first, second) AS (
    SELECT * FROM (SELECT 'size MB', x.size_bytes / 1e6, y.size_bytes / 1e6 FROM x, y LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT 'BLEU', x.bleu, y.bleu FROM x, y LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT 'BLEU change from fp32', x.bleu_change, y.bleu_change FROM x, y LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT 'divergence, nats a word', x.divergence_nats, y.divergence_nats FROM x, y LIMIT 1)
    UNION ALL
    SELECT 'ms on ' || x.device, x.ms, y.ms FROM x JOIN y USING (device, maker)
    UNION ALL
    SELECT 'memory MB on ' || x.device, x.memory_bytes / 1e6, y.memory_bytes / 1e6 FROM x JOIN y USING (device, maker)
    UNION ALL
    SELECT part, a.code, b.code FROM codes AS a JOIN codes AS b USING (place, part)
    WHERE a.deployment = :a AND b.deployment = :b AND a.code <> b.code
)
SELECT what, first, second,
       iif(typeof(first) = 'real' AND typeof(second) = 'real', second - first, NULL) AS change
FROM pairs WHERE first IS NOT NULL OR second IS NOT NULL
