-- What a code takes where all parts have it, by device, and the sum of their losses, of the three models that were profiled last. A
-- code that was not tried alone has the loss of one that was, scaled by their relative errors.
WITH last AS (SELECT model_hash FROM part_losses GROUP BY model_hash ORDER BY max(id) DESC LIMIT 3),
by AS (
    SELECT id, model_hash, device, maker, source_words, target_words FROM part_costs
    WHERE id IN (SELECT max(id) FROM part_costs WHERE model_hash IN (SELECT model_hash FROM last) GROUP BY model_hash, device)
), losses AS MATERIALIZED (
    SELECT own.model_hash, own.bits, own.alpha, own.group_columns,
           iif(count(tried.divergence_nats) = count(*), sum(tried.divergence_nats * own.relative_error / tried.relative_error), NULL) AS nats
    FROM part_losses AS own
    LEFT JOIN part_losses AS tried ON tried.model_hash = own.model_hash AND tried.source_hash = own.source_hash
        AND tried.reference_hash = own.reference_hash AND tried.lines = own.lines AND tried.calibration_lines = own.calibration_lines
        AND tried.part = own.part AND tried.word_class = own.word_class AND tried.bits = min(own.bits, 3) AND tried.alpha = 'free'
        AND tried.group_columns = 0
    WHERE own.model_hash IN (SELECT model_hash FROM last) AND own.error IS NULL
    GROUP BY own.model_hash, own.bits, own.alpha, own.group_columns, own.source_hash, own.reference_hash, own.lines, own.calibration_lines
)
SELECT c.model_hash, CAST(c.bits AS INTEGER) AS bits, c.alpha, c.group_columns, c.device, device_ms(c.device, sum(c.cost)) AS ms,
       count(*) AS parts,
       (SELECT max(nats) FROM losses AS l WHERE l.model_hash = c.model_hash AND l.bits = CAST(c.bits AS INTEGER) AND l.alpha = c.alpha
        AND l.group_columns = c.group_columns) AS nats
FROM by JOIN part_costs AS c ON c.model_hash = by.model_hash AND c.device = by.device AND c.maker = by.maker
    AND c.source_words = by.source_words AND c.target_words = by.target_words
WHERE c.bits IN ('1', '2', '3', '4') AND c.cost IS NOT NULL
GROUP BY c.model_hash, c.bits, c.alpha, c.group_columns, c.device
ORDER BY c.model_hash, c.device, c.bits, c.alpha, c.group_columns
