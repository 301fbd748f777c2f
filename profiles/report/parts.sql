-- Divergence of each part with 1 to 3 bits, of the three models that were profiled last.
WITH last AS (SELECT model_hash FROM part_losses GROUP BY model_hash ORDER BY max(id) DESC LIMIT 3)
SELECT p.model_hash, (SELECT max(name) FROM models WHERE hash = p.model_hash) AS model, p.place, p.part,
       (SELECT sum(divergence_nats) FROM part_losses AS l WHERE l.model_hash = p.model_hash AND l.part = p.part
        AND l.alpha = 'free' AND l.group_columns = 0 AND l.bits = 1) AS nats_1,
       (SELECT sum(divergence_nats) FROM part_losses AS l WHERE l.model_hash = p.model_hash AND l.part = p.part
        AND l.alpha = 'free' AND l.group_columns = 0 AND l.bits = 2) AS nats_2,
       (SELECT sum(divergence_nats) FROM part_losses AS l WHERE l.model_hash = p.model_hash AND l.part = p.part
        AND l.alpha = 'free' AND l.group_columns = 0 AND l.bits = 3) AS nats_3
FROM parts_view AS p
WHERE p.model_hash IN (SELECT model_hash FROM last)
ORDER BY p.model_hash, p.place
