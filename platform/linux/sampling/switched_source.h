// The shell that the sources of this folder share: what samples exists only between start() and stop().
#pragma once

#include <memory>

#include "platform/api/access_source.h"

namespace tier {

class SwitchedSource : public AccessSource {
 public:
  // From start to stop; destroying it detaches everything.
  class Run {
   public:
    virtual ~Run() = default;
    virtual Result<void> start() = 0;
    virtual Result<void> set_targets(std::span<const Target> targets) = 0;
    virtual Result<void> set_ranges(TargetId, std::span<const Mapping>) { return {}; }
    virtual void set_stake(double) {}
    virtual void set_budget_share(double) {}
    virtual SampleBatch collect() = 0;
    virtual SourceStatus status() const = 0;
    virtual double samples_per_cpu_second() const { return 0; }
    virtual std::optional<Nanoseconds> longest_silence() const { return Nanoseconds(0); }
  };

  Result<void> start() final;
  Result<void> set_targets(std::span<const Target> targets) final;
  Result<void> set_ranges(TargetId target, std::span<const Mapping> mappings) final;
  void set_stake(double stake) final {
    if (run_) run_->set_stake(stake);
  }
  void set_budget_share(double share) final {
    if (run_) run_->set_budget_share(share);
  }
  Result<SampleBatch> collect() final;
  SourceStatus status() const final;
  double samples_per_cpu_second() const final { return run_ ? run_->samples_per_cpu_second() : 0; }
  std::optional<Nanoseconds> longest_silence() const final {
    return run_ ? run_->longest_silence() : std::nullopt;
  }
  std::string name() const final { return name_; }
  void stop() final { run_.reset(); }

 protected:
  explicit SwitchedSource(const char* name) : name_(name) {}  // as status() prints it while nothing runs
  virtual std::unique_ptr<Run> new_run() const = 0;
  const Run* run() const { return run_.get(); }  // null: not running

 private:
  Error not_running() const;

  const char* name_;
  std::unique_ptr<Run> run_;
};

}  // namespace tier
