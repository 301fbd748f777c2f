-- One row a code of a part, with its loss and its cost on each device.
SELECT p.model_hash, p.place, p.part, l.word_class, l.bits, l.alpha, l.group_columns, l.relative_error, l.divergence_nats,
       c.device, c.cost, c.unit
FROM parts_view AS p
JOIN part_losses AS l ON l.model_hash = p.model_hash AND l.part = p.part AND l.error IS NULL
LEFT JOIN part_costs AS c ON c.model_hash = p.model_hash AND c.part = p.part AND c.alpha = l.alpha
                         AND c.group_columns = l.group_columns AND c.bits = CAST(l.bits AS TEXT) AND c.cost IS NOT NULL
ORDER BY p.model_hash, p.place, l.id, c.device
