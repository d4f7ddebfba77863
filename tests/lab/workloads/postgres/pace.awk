# Turns pgbench's progress lines into the lab's. Waits, the third word of each line of its log in microseconds, are
# counted in bins of ten.
function waits(  line, word, share, bins, bin, most, count, at, below) {
  if (log_file == "") {
    "ls /tmp/waits.*" | getline log_file
    close("ls /tmp/waits.*")
  }
  count = 0; most = 0
  while ((getline line < log_file) > 0) {
    if (split(line, word, " ") < 3) continue
    bin = int(word[3] / 10)
    bins[bin]++; count++
    if (bin > most) most = bin
  }
  close(log_file)
  if (count == 0) return ""
  split("0.5 0.99 0.999", share, " ")
  line = " latency_us"; at = 1; below = 0
  for (bin = 0; bin <= most; bin++) {
    below += bins[bin]
    while (at <= 3 && below >= share[at] * count) { line = line " " (bin + 1) * 10; at++ }
  }
  return line
}
/^progress/ {
  operations += $4
  if (++lines % 8 == 0) measured = waits()
  print "ops " int(operations) measured
  fflush()
  next
}
{ print; fflush() }
