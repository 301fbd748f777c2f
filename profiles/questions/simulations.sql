-- Cycles, bytes and time of engines.
SELECT what, simulator AS "by", engine, memory, clock_mhz AS MHz, cycles, 100 * utilisation AS "steps %",
       100 * bound_share AS "bound %", bytes / 1e6 AS MB, 1e3 * seconds AS ms, error
FROM (SELECT * FROM simulations_view WHERE layer = 'all' ORDER BY id DESC LIMIT :last)
ORDER BY id
