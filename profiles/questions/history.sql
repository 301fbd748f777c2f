-- The same work again: how its figures moved since the time before.
SELECT * FROM (
    SELECT id, replace(substr(time_utc, 1, 16), 'T', ' ') AS "time (UTC)", tool_version AS tool, verb, model,
           iif(bits = round(bits), CAST(bits AS INTEGER), bits) AS bits, kernels, seconds, lines_per_s AS "lines/s",
           100 * (lines_per_s / lag(lines_per_s) OVER again - 1) AS "change %", bleu AS BLEU,
           bleu - lag(bleu) OVER again AS "BLEU change"
    FROM runs_view
    WINDOW again AS (PARTITION BY verb, model, input_hash, arith, kernels, bits, beams, cpu ORDER BY id)
    ORDER BY id DESC LIMIT :last)
ORDER BY id
