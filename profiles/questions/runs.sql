-- One line a run.
SELECT id, replace(substr(time_utc, 1, 16), 'T', ' ') AS "time (UTC)", verb, model,
       iif(bits = round(bits), CAST(bits AS INTEGER), bits) AS bits, real_bits AS "real bits", size_bytes / 1e6 AS MB, arith,
       kernels, beams, lines, seconds, lines_per_s AS "lines/s", peak_memory_bytes / 1e6 AS "peak MB", bleu AS BLEU, chrf AS chrF
FROM (SELECT * FROM runs_view ORDER BY id DESC LIMIT :last)
ORDER BY id
