-- Sums over 1000 neighbours; nine of ten in one fifth of the accounts.
\set cold random(1, 100)
\set hot random(960001, 1439000)
\set any random(1, 2399000)
\set aid case when :cold > 90 then :any else :hot end
SELECT sum(abalance) FROM pgbench_accounts WHERE aid BETWEEN :aid AND :aid + 999;
