-- Whole plans, and what they take where they were tried.
SELECT 'p' || id AS deployment, model, purpose, size_bytes / 1e6 AS MB, divergence_nats AS divergence,
       nats_a_word_change AS "nats change", bleu AS BLEU, bleu_change AS "BLEU change",
       (SELECT group_concat(device || ' ' || printf('%.0f', cost) || ' ' || unit, ', ') FROM plan_costs
        WHERE id IN (SELECT max(id) FROM plan_costs AS c WHERE c.model_hash = p.model_hash AND c.plan = p.plan AND c.cost IS NOT NULL
                     GROUP BY c.device)) AS costs, error
FROM (SELECT * FROM plan_losses_view ORDER BY id DESC LIMIT :last) AS p
ORDER BY id
