-- What scales cost: all products of a sentence with so many bits everywhere and scales by row, and how much more groups take.
WITH makers AS (
    SELECT model_hash, device, maker, source_words, target_words, max(id) FROM part_costs GROUP BY model_hash, device
), sums AS (
    SELECT model_hash, device, bits, alpha, group_columns, sum(cost) AS cost, sum(energy_pj) AS energy_pj, max(unit) AS unit
    FROM part_costs JOIN makers USING (model_hash, device, maker, source_words, target_words)
    WHERE bits IN ('1', '2', '3', '4') AND cost IS NOT NULL
    GROUP BY model_hash, device, bits, alpha, group_columns
    HAVING count(*) = (SELECT count(DISTINCT c.part) FROM part_costs AS c WHERE c.model_hash = part_costs.model_hash)
)
SELECT (SELECT max(name) FROM models WHERE hash = model_hash) AS model, device, bits,
       device_ms(device, min(iif(group_columns = 0, cost, NULL))) AS "ms by row",
       min(iif(group_columns = 0, energy_pj, NULL)) / 1e6 AS "uJ by row",
       100 * (min(iif(group_columns = 128, cost, NULL)) / min(iif(group_columns = 0, cost, NULL)) - 1) AS "groups of 128, %",
       100 * (min(iif(group_columns = 64, cost, NULL)) / min(iif(group_columns = 0, cost, NULL)) - 1) AS "of 64, %",
       100 * (min(iif(group_columns = 0 AND alpha = 'uniform', cost, NULL))
              / min(iif(group_columns = 0 AND alpha = 'free', cost, NULL)) - 1) AS "uniform, %"
FROM sums GROUP BY model_hash, device, bits ORDER BY model_hash, device, bits
