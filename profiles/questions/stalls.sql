-- By layer, of what was simulated last.
WITH last AS (SELECT * FROM simulations WHERE layer = 'all' AND error IS NULL ORDER BY id DESC LIMIT 1)
SELECT s.engine, s.memory, s.layer, s.cycles, 100 * utilisation AS "steps %", 100.0 * stall_weights / cycles AS "weights %",
       100.0 * stall_table / cycles AS "table %", 100.0 * stall_x / cycles AS "x %", 100.0 * stall_bank / cycles AS "bank %",
       100.0 * stall_alpha / cycles AS "alpha %", 100.0 * stall_y / cycles AS "y %", 100.0 * stall_fetch / cycles AS "fetch %",
       100.0 * stall_tail / cycles AS "tail %", bytes / 1e6 AS MB
FROM last
JOIN simulations_view AS s ON s.model_hash = last.model_hash AND s.what = last.what AND s.subject = last.subject
    AND s.engine = last.engine AND s.memory = last.memory AND s.simulator = last.simulator AND s.sources = last.sources
    AND s.seed = last.seed AND s.clock_mhz = last.clock_mhz
WHERE s.error IS NULL
ORDER BY s.cycles DESC
