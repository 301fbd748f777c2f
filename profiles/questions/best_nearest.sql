-- What limits would be met: the extremes of each figure.
WITH d AS (
    SELECT *, device_ms(device, cost) AS ms FROM deployments_view
    WHERE bleu IS NOT NULL AND size_bytes IS NOT NULL AND (:device IS NULL OR device = :device)
)
SELECT printf('none of %d deployments keeps to all limits; the smallest has %.3f MB, the quickest %s, the best loses %s',
              count(*), min(size_bytes) / 1e6, ifnull(printf('%.3f ms', min(ms)), 'no known latency'),
              ifnull(printf('%.2f BLEU', -max(bleu_change)), 'an unknown number of BLEU points'))
FROM d
HAVING count(*) > 0
