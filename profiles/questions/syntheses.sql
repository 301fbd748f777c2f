-- Gates, LUTs and clocks of engines, block by block.
SELECT engine, flow, block, gates / 1e3 AS "k gates", flop_gates / 1e3 AS "k in FFs", luts AS LUTs, memory_luts AS "memory LUTs",
       flops AS FFs, memory_bits / 1e3 AS "kbit apart", rams AS RAMs, dsps AS DSPs, delay_ns AS ns, clock_mhz AS MHz
FROM (SELECT * FROM syntheses_view ORDER BY id DESC LIMIT :last)
ORDER BY engine, flow, id
