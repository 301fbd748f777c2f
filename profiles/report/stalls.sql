-- Layers of the twelve simulations that were run last.
WITH last AS (SELECT * FROM simulations WHERE layer = 'all' AND error IS NULL ORDER BY id DESC LIMIT 12)
SELECT last.id AS simulation, s.engine, s.memory, s.what, s.subject, s.simulator, s.clock_mhz, s.model, s.layer, s.cycles, s.steps,
       s.stall_weights AS weights, s.stall_table AS "table", s.stall_x AS x, s.stall_bank AS bank, s.stall_alpha AS alpha,
       s.stall_y AS y, s.stall_fetch AS fetch, s.stall_tail AS tail, s.key_bytes, s.scale_bytes, s.x_bytes, s.y_bytes
FROM last
JOIN simulations_view AS s ON s.model_hash = last.model_hash AND s.what = last.what AND s.subject = last.subject
    AND s.engine = last.engine AND s.memory = last.memory AND s.simulator = last.simulator AND s.sources = last.sources
    AND s.seed = last.seed AND s.clock_mhz = last.clock_mhz
WHERE s.error IS NULL
ORDER BY last.id DESC, s.id
