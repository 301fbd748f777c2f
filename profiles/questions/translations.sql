-- Translations beside the fp32 one of the same text.
SELECT model, iif(bits = round(bits), CAST(bits AS INTEGER), bits) AS bits, arith, kernels, beams, lines, bleu AS BLEU,
       chrf AS chrF, size_bytes / 1e6 AS MB, times_smaller AS "times smaller", lines_per_s AS "lines/s",
       times_faster AS "times faster", peak_memory_bytes / 1e6 AS "peak MB", times_less_memory AS "times less MB"
FROM (SELECT * FROM translations_view ORDER BY id DESC LIMIT :last)
ORDER BY id
