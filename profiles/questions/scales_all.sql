-- One row a code of all parts on a device: what the products of a sentence take, and how much more than the least by row.
WITH makers AS (
    SELECT model_hash, device, maker, source_words, target_words, max(id) FROM part_costs GROUP BY model_hash, device
), sums AS (
    SELECT model_hash, device, maker, source_words, target_words, bits, alpha, group_columns, sum(cost) AS cost, max(unit) AS unit,
           sum(memory_bytes) AS memory_bytes, sum(energy_pj) AS energy_pj
    FROM part_costs JOIN makers USING (model_hash, device, maker, source_words, target_words)
    WHERE bits IN ('1', '2', '3', '4') AND cost IS NOT NULL
    GROUP BY model_hash, device, bits, alpha, group_columns
    HAVING count(*) = (SELECT count(DISTINCT c.part) FROM part_costs AS c WHERE c.model_hash = part_costs.model_hash)
)
SELECT *, device_ms(device, cost) AS ms,
       cost / min(iif(group_columns = 0, cost, NULL)) OVER (PARTITION BY model_hash, device, bits) - 1 AS over_rows
FROM sums ORDER BY model_hash, device, bits, group_columns, alpha
