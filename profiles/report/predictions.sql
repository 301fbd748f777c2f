-- Sums over the parts of whole plans beside what the plans took: figure 'divergence', nats a word, or a device, ms. A code
-- that was not tried alone has the loss of one that was, scaled by their relative errors; words of unlike classes
-- take their shares of what all rows take.
WITH chosen AS (SELECT * FROM plan_losses WHERE error IS NULL ORDER BY purpose IS NOT 'verify', id DESC LIMIT min(:last, 300)),
codes AS (
    SELECT c.id, c.model_hash, c.source_hash, c.reference_hash, c.lines, c.calibration_lines, v.part, v.alpha, v.group_columns,
           v.bits, json_array_length('[' || v.bits || ']') AS classes
    FROM chosen AS c JOIN plan_parts_view AS v ON v.plan_id = c.id
), losses AS (
    SELECT codes.id, count(own.id) AS known, count(*) AS needed,
           sum(tried.divergence_nats * iif(tried.id = own.id, 1, own.relative_error / tried.relative_error)) AS predicted
    FROM codes
    JOIN (SELECT model_hash AS hash, part AS name, word_class FROM part_losses
          WHERE model_hash IN (SELECT model_hash FROM chosen) GROUP BY 1, 2, 3) AS class
         ON class.hash = codes.model_hash AND class.name = codes.part
    JOIN json_each('[' || codes.bits || ']') AS b ON b.key = iif(codes.classes = 1, 0, class.word_class)
    LEFT JOIN part_losses AS own ON own.model_hash = codes.model_hash AND own.source_hash = codes.source_hash
        AND own.reference_hash = codes.reference_hash AND own.lines = codes.lines
        AND own.calibration_lines = codes.calibration_lines AND own.part = codes.part AND own.word_class = class.word_class
        AND own.bits = b.value AND own.alpha = iif(b.value = 1, 'free', codes.alpha) AND own.group_columns = codes.group_columns
    LEFT JOIN part_losses AS tried ON tried.model_hash = codes.model_hash AND tried.source_hash = codes.source_hash
        AND tried.reference_hash = codes.reference_hash AND tried.lines = codes.lines
        AND tried.calibration_lines = codes.calibration_lines AND tried.part = codes.part
        AND tried.word_class = class.word_class AND tried.bits = min(b.value, 3) AND tried.alpha = 'free'
        AND tried.group_columns = 0
    GROUP BY codes.id
), costs AS (
    SELECT codes.id, t.device, t.maker, t.source_words, t.target_words, t.cost AS measured, count(own.cost) AS known,
           count(*) AS needed,
           sum(own.cost * iif(codes.classes = 1, 1, CASE b.key WHEN 0 THEN 0.05 WHEN 1 THEN 0.1 WHEN 2 THEN 0.15 WHEN 3 THEN 0.3
                                                    ELSE 0.4 END)) AS predicted
    FROM codes
    JOIN plan_losses AS p ON p.id = codes.id
    JOIN plan_costs AS t ON t.model_hash = p.model_hash AND t.plan = p.plan AND t.cost IS NOT NULL
    JOIN json_each('[' || codes.bits || ']') AS b
    LEFT JOIN part_costs AS own ON own.model_hash = codes.model_hash AND own.device = t.device AND own.maker = t.maker
        AND own.source_words = t.source_words AND own.target_words = t.target_words AND own.part = codes.part
        AND own.bits = CAST(b.value AS TEXT) AND own.alpha = iif(b.value = 1, 'free', codes.alpha)
        AND own.group_columns = codes.group_columns
    GROUP BY codes.id, t.id
)
SELECT 'divergence' AS figure, (SELECT max(name) FROM models WHERE hash = model_hash) AS model, model_hash,
       'p' || chosen.id AS deployment, purpose, predicted, divergence_nats AS measured
FROM losses JOIN chosen USING (id) WHERE known = needed AND predicted IS NOT NULL
UNION ALL
SELECT device, (SELECT max(name) FROM models WHERE hash = model_hash), model_hash, 'p' || chosen.id, purpose, device_ms(device, predicted), device_ms(device, costs.measured)
FROM costs JOIN chosen USING (id) WHERE known = needed
