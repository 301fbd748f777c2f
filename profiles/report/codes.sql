-- Codes of the parts of whole plans: what was verified first, then the newest, 24 of each model.
WITH chosen AS (
    SELECT id, row_number() OVER (PARTITION BY model_hash ORDER BY purpose IS NOT 'verify', id DESC) AS nth
    FROM plan_losses WHERE error IS NULL
)
SELECT 'p' || plan_id AS deployment, model_hash, place, part, bits, alpha, group_columns
FROM plan_parts_view
WHERE plan_id IN (SELECT id FROM chosen WHERE nth <= 24 ORDER BY id DESC LIMIT 72)
ORDER BY plan_id, place
