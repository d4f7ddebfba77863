SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT sum(abalance) FROM pgbench_accounts WHERE aid > 0;
