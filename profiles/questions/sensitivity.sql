-- Kinds first; what a kind's bits cost, in nats a word and in BLEU.
SELECT max((SELECT name FROM models WHERE models.id = model_id)) AS model, lines,
       alpha || '/' || iif(group_columns, group_columns, 'row') AS codes, target,
       max(iif(bits = 1, nats_a_word - fp32_nats_a_word, NULL)) AS "nats 1",
       max(iif(bits = 2, nats_a_word - fp32_nats_a_word, NULL)) AS "nats 2",
       max(iif(bits = 3, nats_a_word - fp32_nats_a_word, NULL)) AS "nats 3",
       max(iif(bits = 4, nats_a_word - fp32_nats_a_word, NULL)) AS "nats 4",
       max(iif(bits = 1, bleu - fp32_bleu, NULL)) AS "BLEU 1",
       max(iif(bits = 2, bleu - fp32_bleu, NULL)) AS "BLEU 2",
       max(iif(bits = 3, bleu - fp32_bleu, NULL)) AS "BLEU 3",
       max(iif(bits = 4, bleu - fp32_bleu, NULL)) AS "BLEU 4",
       nullif(count(error), 0) AS failed
FROM sensitivities
GROUP BY model_hash, source_hash, reference_hash, lines, alpha, group_columns, fit, target
ORDER BY model, source_hash, reference_hash, lines, target <> kind, alpha, group_columns, fit, min(id)
LIMIT :last
