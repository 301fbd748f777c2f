-- How long kernels take, beside their peers.
SELECT m || 'x' || k AS shape, bits, alpha || iif(group_columns, '/' || group_columns, '') AS alpha, arith AS class, isa, n AS N,
       mode, median_ns AS "ns a call", spread_percent AS "spread %", key_gb_per_s AS "key GB/s",
       times_openblas AS "x OpenBLAS", times_onednn_f32 AS "x oneDNN f32", times_onednn_int8 AS "x oneDNN int8"
FROM (SELECT * FROM kernels_view ORDER BY id DESC LIMIT :last)
ORDER BY id
