#!/bin/sh
# tier-train search under mpirun gives what one process gives; a rank that is killed loses no result.
# usage: mpi_test.sh TIER_TRAIN
set -u
tool=$1
if ! command -v mpirun >/dev/null; then
  echo "skipped: mpirun is missing (fix: apt-get install openmpi-bin libopenmpi-dev, and build again)"
  exit 77
fi
if ! ldd "$tool" | grep -q libmpi; then
  echo "skipped: tier-train was built without MPI (fix: apt-get install libopenmpi-dev, and build again)"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# OpenMPI's own memory at its end is not ours to judge.
export ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
leave_out="gups gups-moving gups-scattered stencil scan chase generational bursts zigzag stairs training"
search() {
  out=$1
  shift
  "$@" "$tool" search --out "$out" --no-recordings --leave-out $leave_out --per-generator 1 --mixtures 0 \
    --ticks 64 --rungs 3x2,1x4 --generations 2 --most-microseconds 0 --plain --lanes 1 --jobs 1 $more
}
mpi() { mpirun -n 2 --allow-run-as-root --oversubscribe "$@"; }
# Names and losses; times differ.
losses() { (cd "$1" && grep -H '"loss"' ./*-s*.json | sort); }

more=
search "$folder/one" env >"$folder/log" 2>&1 || { cat "$folder/log"; echo "one process failed"; exit 1; }
search "$folder/two" mpi >"$folder/log" 2>&1 || { cat "$folder/log"; echo "two ranks failed"; exit 1; }
losses "$folder/one" >"$folder/a"
losses "$folder/two" >"$folder/b"
[ -s "$folder/a" ] || { echo "no results"; exit 1; }
cmp "$folder/a" "$folder/b" || { echo "two ranks give other results than one process"; exit 1; }

# The working rank is killed as soon as there is a result.
search "$folder/killed" mpi >"$folder/log" 2>&1 &
job=$!
while kill -0 $job 2>/dev/null && ! ls "$folder/killed"/*-s*.json >/dev/null 2>&1; do sleep 0.1; done
for process in /proc/[0-9]*; do
  if tr '\0' '\n' <"$process/environ" 2>/dev/null | grep -qx OMPI_COMM_WORLD_RANK=1 &&
    tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -qx "$folder/killed"; then
    kill -9 "${process#/proc/}" 2>/dev/null
  fi
done
wait $job
losses "$folder/killed" >"$folder/before"
[ -s "$folder/before" ] || { echo "the killed run left no result"; exit 1; }
more=--resume
search "$folder/killed" mpi >"$folder/log" 2>&1 || { cat "$folder/log"; echo "it does not go on"; exit 1; }
losses "$folder/killed" >"$folder/c"
cmp "$folder/a" "$folder/c" || { echo "after a kill it gives other results"; exit 1; }
echo "one process, two ranks, and two ranks with a kill: the same $(wc -l <"$folder/a") results"
