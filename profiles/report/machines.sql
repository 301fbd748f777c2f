-- Where it was measured.
SELECT cpu, arch, cores, machines.kernel, count(runs.id) AS runs, max(time_utc) AS last_utc
FROM machines JOIN runs ON machine_id = machines.id GROUP BY machines.id ORDER BY machines.id
