-- What few bits cost each part: divergence in nats a word (free scales by row), and its products with 2 bits.
SELECT (SELECT max(name) FROM models WHERE hash = p.model_hash) AS model, p.part,
       (SELECT sum(divergence_nats) FROM part_losses AS l WHERE l.model_hash = p.model_hash AND l.part = p.part
        AND l.alpha = 'free' AND l.group_columns = 0 AND l.bits = 1) AS "nats 1",
       (SELECT sum(divergence_nats) FROM part_losses AS l WHERE l.model_hash = p.model_hash AND l.part = p.part
        AND l.alpha = 'free' AND l.group_columns = 0 AND l.bits = 2) AS "nats 2",
       (SELECT sum(divergence_nats) FROM part_losses AS l WHERE l.model_hash = p.model_hash AND l.part = p.part
        AND l.alpha = 'free' AND l.group_columns = 0 AND l.bits = 3) AS "nats 3",
       (SELECT group_concat(device || ' ' || least || ' ' || unit, ', ')
        FROM (SELECT device, CAST(min(cost) AS INTEGER) AS least, unit FROM part_costs AS c
              WHERE c.model_hash = p.model_hash AND c.part = p.part AND c.bits = '2' AND cost IS NOT NULL
              GROUP BY device, unit)) AS "least cost at 2 bits"
FROM (SELECT * FROM parts_view ORDER BY model_hash, place LIMIT :last) AS p
ORDER BY p.model_hash, p.place
