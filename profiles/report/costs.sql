-- The least that each part takes on each device with 1 to 4 bits, of the three models that were profiled last.
WITH last AS (SELECT model_hash FROM part_losses GROUP BY model_hash ORDER BY max(id) DESC LIMIT 3)
SELECT c.model_hash, c.part, c.device, c.unit, max(source_words) AS source_words, max(target_words) AS target_words,
       device_ms(c.device, min(iif(bits = '1', cost, NULL))) AS ms_1, device_ms(c.device, min(iif(bits = '2', cost, NULL))) AS ms_2,
       device_ms(c.device, min(iif(bits = '3', cost, NULL))) AS ms_3, device_ms(c.device, min(iif(bits = '4', cost, NULL))) AS ms_4
FROM part_costs AS c
WHERE c.model_hash IN (SELECT model_hash FROM last) AND c.bits IN ('1', '2', '3', '4') AND c.cost IS NOT NULL
GROUP BY c.model_hash, c.part, c.device
