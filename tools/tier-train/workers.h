// Who does the jobs of a long command: threads of this process, or the other ranks under MPI (mpi_workers.h).
// Jobs and results are texts; what a job gives depends on its text alone.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/result.h"

namespace tier::sim {

using Work = std::function<std::string(const std::string& job)>;  // safe to call from several threads

class Workers {
 public:
  // Called in the thread that called run(), one at a time, in any order; an error ends the run.
  using Done = std::function<Result<void>(std::size_t job, const std::string& result)>;

  virtual ~Workers() = default;
  // True for the process that hands out the jobs; the others only serve().
  virtual bool leads() const = 0;
  // Every job to its result, once each. kFailed and what `done` says.
  virtual Result<void> run(std::span<const std::string> jobs, const Done& done) = 0;
  // Works until the leader is gone.
  virtual Result<void> serve() = 0;
  virtual std::string describe() const = 0;  // for people: who works
};

std::unique_ptr<Workers> make_thread_workers(Work work, unsigned threads);

}  // namespace tier::sim
