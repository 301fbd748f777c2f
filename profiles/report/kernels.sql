-- Kernels as they were timed last.
SELECT cpu, isa, arith AS class, m, k, bits, alpha, group_columns, n, mode, median_ns, spread_percent, key_bytes
FROM kernels_view ORDER BY id DESC LIMIT :last
