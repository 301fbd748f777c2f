-- All that figures are of, and how many of which kind.
SELECT device, 'parts' AS figures, count(*) AS "rows", maker AS "made by", max(time_utc) AS "last (UTC)"
FROM part_costs GROUP BY device, maker
UNION ALL
SELECT device, 'plans', count(*), maker, max(time_utc) FROM plan_costs GROUP BY device, maker
UNION ALL
SELECT cpu, 'kernels', count(*), isa, max(time_utc) FROM kernel_measurements GROUP BY cpu, isa
UNION ALL
SELECT device, 'static cycles', count(*), 'llvm-mca', max(time_utc) FROM static_estimates GROUP BY device
UNION ALL
SELECT engine, 'simulations', count(*), memory || ' memory', max(time_utc)
FROM simulations WHERE layer = 'all' GROUP BY engine, memory
ORDER BY 2, 1, 4
