-- Every run beside the last one of the same work.
SELECT *, lag(id) OVER again AS before_id, lines_per_s / lag(lines_per_s) OVER again AS times_faster,
       bleu - lag(bleu) OVER again AS bleu_change
FROM runs_view
WINDOW again AS (PARTITION BY verb, model, input_hash, arith, kernels, bits, beams, cpu ORDER BY id)
ORDER BY id
