-- The divergence of each part alone, in the mode that is measured.
SELECT (SELECT max(name) FROM models WHERE hash = model_hash) AS model, lines,
       part || iif(word_class < 0, '', ' #' || word_class) AS part,
       max(iif(bits = 1, divergence_nats, NULL)) AS "nats 1",
       max(iif(bits = 2, divergence_nats, NULL)) AS "nats 2",
       max(iif(bits = 3, divergence_nats, NULL)) AS "nats 3",
       max(iif(bits = 4, divergence_nats, NULL)) AS "nats 4",
       max(iif(bits = 1, relative_error, NULL)) AS "error 1",
       max(iif(bits = 2, relative_error, NULL)) AS "error 2",
       max(iif(bits = 3, relative_error, NULL)) AS "error 3",
       max(iif(bits = 4, relative_error, NULL)) AS "error 4",
       nullif(count(error), 0) AS failed
FROM part_losses
WHERE alpha = 'free' AND group_columns = 0
GROUP BY model_hash, source_hash, reference_hash, lines, calibration_lines, part_losses.part, word_class
ORDER BY min(id)
LIMIT :last
