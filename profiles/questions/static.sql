-- Static cycles of kernels of CPUs that are not here.
SELECT m || 'x' || k AS shape, bits, alpha || iif(group_columns, '/' || group_columns, '') AS alpha, arith AS class, device,
       n AS N, cycles AS "static cycles", instructions, cycles_per_product AS "a product"
FROM (SELECT * FROM static_view ORDER BY id DESC LIMIT :last)
ORDER BY id
