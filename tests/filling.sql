-- Fills a database by rule: tests/filled.h. One statement after the other, each with the sizes as parameters.
INSERT INTO machines VALUES (1, 'Test CPU', 'x86_64', 2, '6.1');
-- Integers that look random are (x * 2654435761 >> 7) % 1000.
CREATE TEMP TABLE numbers (i INTEGER PRIMARY KEY);
INSERT INTO numbers WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
    WHERE i < max(:models, :layers, :plans, :scored, :kernels, :simulations, :targets, 12)) SELECT i FROM n;
INSERT INTO models SELECT i, 'models/m' || i, printf('%032x', i) FROM numbers WHERE i <= :models;
INSERT INTO runs (id, time_utc, verb, command, tool_version, compiler, machine_id, model_id, seconds)
    SELECT i, '2026-01-01T00:00:00Z', 'profile', 'lutwidge profile models/m' || i, '0', 'c', 1, i, 9 FROM numbers WHERE i <= :models;
INSERT INTO runs (time_utc, verb, command, tool_version, compiler, machine_id, model_id, input_hash, arith, kernels, bits, size_bytes,
                  beams, lines, seconds, lines_per_s, peak_memory_bytes, bleu)
    SELECT printf('2026-01-02T%02d:00:00Z', i % 24), 'translate', 'lutwidge translate', '0', 'c', 1, models.id, printf('%032x', 77),
           't8', 'avx2', iif(i % 9 = 1, 32, 1 + i % 4), iif(i % 9 = 1, 32000000, 1000000 * (1 + i % 4)), 4, 100, 2,
           50 + (i * 2654435761 >> 7) % 1000 / 99.0, 2e7, 20 + ((i + models.id) * 2654435761 >> 7) % 1000 / 50.0
    FROM models, numbers WHERE i <= :scored;
CREATE TEMP TABLE part_names AS
    SELECT 'embedding' AS part, 0 AS place
    UNION ALL SELECT 'encoder.' || (i - 1) || value, i * 100 + key
    FROM numbers, json_each('[".self.q+k+v", ".self.o", ".ffn.fc1", ".ffn.fc2"]') WHERE i <= :layers
    UNION ALL SELECT 'decoder.' || (i - 1) || value, 100000 + i * 100 + key
    FROM numbers, json_each('[".self.q+k+v", ".self.o", ".cross.q", ".cross.k+v", ".cross.o", ".ffn.fc1", ".ffn.fc2"]') WHERE i <= :layers;
CREATE TEMP TABLE modes AS SELECT a.value AS alpha, g.value AS group_columns
    FROM json_each('["free", "uniform"]') AS a, json_each('[0, 64, 128]') AS g;
INSERT INTO part_losses
    SELECT NULL, '2026-01-01T00:00:00Z', models.id, models.hash, printf('%032x', 77), printf('%032x', 78), 100, 400, part, c.value, b.i,
           alpha, group_columns, 0.3 / (b.i * b.i),
           iif(alpha = 'free' AND group_columns = 0 AND b.i < 4,
               (1 + ((place + models.id) * 2654435761 >> 7) % 1000) / 1e4 / (b.i * b.i * b.i), NULL), NULL, 1.5, 1, NULL
    FROM models, part_names, numbers AS b, modes, json_each(iif(part = 'embedding', '[0, 1, 2, 3, 4]', '[-1]')) AS c
    WHERE b.i <= 4 AND (b.i > 1 OR alpha = 'free');
INSERT INTO part_costs
    SELECT NULL, '2026-01-01T00:00:00Z', models.id, models.hash, d.value, 'maker of ' || d.value, 17, 19, part, b.i, alpha,
           group_columns, (1000 + (place * 2654435761 >> 7) % 1000) * b.i + group_columns, iif(d.value = 'host', 'ns', 'cycles'),
           1000 * b.i, NULL, iif(d.value = 'host', NULL, 1e6 * b.i)
    FROM models, part_names, numbers AS b, modes, json_each('["host", "lut-mobile"]') AS d
    WHERE b.i <= 4 AND (b.i > 1 OR alpha = 'free');
INSERT INTO plan_losses
    SELECT NULL, '2026-01-01T00:00:00Z', models.id, models.hash, printf('%032x', 77), printf('%032x', 78), 100, 400,
           (SELECT group_concat(iif(part = 'embedding', iif(p.i % 2, '4,3,3,2,2', 3), 2 + ((place * 31 + p.i) * 2654435761 >> 9) % 3)
                                || iif(((place + p.i) * 2654435761 >> 7) % 2, '/u', '/f64'), ' ')
            FROM (SELECT * FROM part_names ORDER BY place)),
           iif(p.i % 5, 'calibrate', 'verify'), 2000000 + (p.i * 13 * 2654435761 >> 7) % 100000 * 10,
           (1 + (p.i * 17 * 2654435761 >> 7) % 1000) / 1e3, 2, 1.5, 10 + (p.i * 29 * 2654435761 >> 7) % 1000 / 40.0, 37, 5, NULL
    FROM models, numbers AS p WHERE p.i <= :plans
    ON CONFLICT DO NOTHING;
INSERT INTO plan_costs
    SELECT NULL, p.time_utc, p.run_id, p.model_hash, d.value, 'maker of ' || d.value, 17, 19, p.plan,
           100000 + 100 * (((p.id * 37 + d.key) * 2654435761 >> 7) % 1000), iif(d.value = 'host', 'ns', 'cycles'), 3000000, 1, NULL,
           iif(d.value = 'host', NULL, 5e7), iif(d.value = 'host', 9000000, NULL)
    FROM plan_losses AS p, json_each('["host", "lut-mobile"]') AS d;
INSERT INTO kernel_measurements
    SELECT NULL, '2026-01-01T00:00:00Z', 1, 1, 'spec' || i, 'free', 'resident', 'g', 'c', 'f', 'Test CPU', 't8', 256, 256, 1 + i % 4, 0,
           1, iif(i % 2, 'avx2', 'avx512'), 9, 9, 500 + (i * 2654435761 >> 7) % 1000, 400, 1600, 1, 8192 * (1 + i % 4), NULL, NULL, NULL
    FROM numbers WHERE i <= :kernels;
INSERT INTO static_estimates
    SELECT NULL, '2026-01-01T00:00:00Z', 1, 'spec' || i, 'free', 'arm-exynos-m4', 'g', 'c', 'f', 'a', 't8', 256, 256, 1 + i % 4, 0, 1,
           900, 800, 700
    FROM numbers WHERE i <= :kernels;
INSERT INTO simulations
    SELECT NULL, '2026-01-01T00:00:00Z', 1, printf('%032x', 1), 'step', 'N 1, run ' || (s.i / 50),
           iif(l.i = 12, 'all', 'decoder.' || l.i || '.ffn.fc1'), 'model', 'src', 'engine' || (s.i % 50), 4, 16, 8, 1, 8, 512, 64, 8, 512,
           'typical', 1, 400, 1, 1, 1e6, 2e6, 900, 1000 + l.i, 400, 300, 50, 50, 40, 30, 60, 70, l.i, 10, 4, 3, 2, 50, 60, 1, NULL
    FROM numbers AS s, numbers AS l WHERE s.i <= :simulations AND l.i <= 12;
INSERT INTO sensitivities
    SELECT NULL, '2026-01-01T00:00:00Z', 1, 1, 1, printf('%032x', 1), printf('%032x', 77), printf('%032x', 78), 100, 'target' || t.i,
           'decoder.ffn', b.i, 'free', 0, 'greedy', 'blas', 1, 1000, 100, 0.1, 0.1, 1.5, 1.6, 37, 36, 1, NULL
    FROM numbers AS t, numbers AS b WHERE t.i <= :targets AND b.i <= 4;

INSERT INTO syntheses (time_utc, run_id, hash, engine, flow, tools, block, gates, flop_gates, flops, delay_ns)
WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2 * :simulations)
SELECT '2026-11-01T00:00:00Z', (SELECT min(id) FROM runs), printf('%032x', i / 3), 'mu4-t16-r8-c1-x8-bus512-slots64-sl8-words512', 'asic', 'by rule',
       CASE i % 3 WHEN 0 THEN 'all' WHEN 1 THEN 'lanes' ELSE 'drain' END, 1000 + i, 300 + i, 40 + i, 5.5
FROM n;
