-- Lookup engines (no baselines: these formulas are not theirs) with a model of their area in thousands of gates (two-input NANDs: tables, lookups, trees, drain, memories), and of
-- the energy of the run in uJ (memory, lookups, sums, tables, drain): docs/ACCELERATOR.md. Constants are of no process in
-- particular: for comparing engines.
SELECT what, engine, memory, clock_mhz AS MHz, cycles, 1e3 * seconds AS ms, bytes / 1e6 AS MB,
       kgates_model AS "kgates (model)", uj_model AS "uJ (model)", 100 * utilisation AS "steps %"
FROM (SELECT *,
             (2 * t * c * (1 << (mu - 1)) * (x_bits + 3) * 7 + t * r * c * ((1 << (mu - 1)) - 1) * (x_bits + 3) * 2.5 + t * r * c * (x_bits + 16) * 6
              + scale_lanes * c * (x_bits + 16) * 16 * 6
              + (2 * slots * r * c * (x_bits + 16) + 2 * x_words * mu * c * x_bits + (256 + 96) * bus_bits) * 1.5) / 1e3 AS kgates_model,
             (bytes * 8 * 4.0 + steps * t * r * c * (x_bits + 3) * 0.01 + steps * r * c * (x_bits + 16) * 0.2
              + tables * c * (1 << (mu - 1)) * (x_bits + 3) * 0.02 + elements * scale_lanes * c * 1.0) / 1e6 AS uj_model
      FROM simulations_view WHERE layer = 'all' AND error IS NULL AND engine NOT LIKE '%-w_'
      ORDER BY id DESC LIMIT :last)
ORDER BY what, subject, memory, cycles
