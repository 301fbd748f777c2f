-- What each code of the plans in codes.sql takes in its part, on each device by what measured it last. An engine's words of
-- unlike classes are rows of their own; elsewhere classes take their shares of what all rows take.
WITH nth AS (
    SELECT id, row_number() OVER (PARTITION BY model_hash ORDER BY purpose IS NOT 'verify', id DESC) AS nth
    FROM plan_losses WHERE error IS NULL
), codes AS (
    SELECT DISTINCT model_hash, part, bits, alpha, group_columns FROM plan_parts_view
    WHERE plan_id IN (SELECT id FROM nth WHERE nth <= 24 ORDER BY id DESC LIMIT 72)
), by AS (
    SELECT id, model_hash, device, maker, source_words, target_words FROM part_costs
    WHERE id IN (SELECT max(id) FROM part_costs WHERE model_hash IN (SELECT model_hash FROM codes) GROUP BY model_hash, device)
)
SELECT codes.model_hash, codes.part, codes.bits, codes.alpha, codes.group_columns, by.device,
       device_ms(by.device, ifnull(own.cost,
           (SELECT iif(count(c.cost) = count(*),
                       sum(c.cost * CASE b.key WHEN 0 THEN 0.05 WHEN 1 THEN 0.1 WHEN 2 THEN 0.15 WHEN 3 THEN 0.3 ELSE 0.4 END), NULL)
            FROM json_each('[' || codes.bits || ']') AS b
            LEFT JOIN part_costs AS c ON c.model_hash = by.model_hash AND c.device = by.device AND c.maker = by.maker
                AND c.source_words = by.source_words AND c.target_words = by.target_words AND c.part = codes.part
                AND c.bits = CAST(b.value AS TEXT) AND c.alpha = iif(b.value = 1, 'free', codes.alpha)
                AND c.group_columns = codes.group_columns
            WHERE instr(codes.bits, ',')))) AS ms
FROM codes JOIN by USING (model_hash)
LEFT JOIN part_costs AS own ON own.model_hash = by.model_hash AND own.device = by.device AND own.maker = by.maker
    AND own.source_words = by.source_words AND own.target_words = by.target_words AND own.part = codes.part
    AND own.bits = codes.bits AND own.alpha = iif(codes.bits = '1', 'free', codes.alpha) AND own.group_columns = codes.group_columns
