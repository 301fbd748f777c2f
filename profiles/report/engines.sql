-- Whole texts and steps on simulated engines.
SELECT engine, memory, what, clock_mhz, bus_bits, products, bytes, seconds, cycles, bound_share, model
FROM simulations_view WHERE layer = 'all' AND error IS NULL ORDER BY id DESC LIMIT :last
