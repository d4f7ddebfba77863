// An access source whose samples and troubles a test sets.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platform/api/access_source.h"

namespace tier {

class FakeAccessSource final : public AccessSource {
 public:
  explicit FakeAccessSource(std::string name = "fake") { status_.name = std::move(name); }

  // Settings of the test.
  void add(const AccessSample& sample) { waiting_.push_back(sample); }
  void lose(std::uint64_t events) { lost_ += events; }  // dropped in the kernel
  void fail_to_decode(std::uint64_t events) { undecoded_ += events; }
  void refuse_to_start(Error error) { start_error_ = std::move(error); }
  void fail_next_collect(Error error) { collect_error_ = std::move(error); }

  // What the code under test did.
  bool running() const { return running_; }
  const std::vector<Target>& targets() const { return targets_; }
  const std::map<TargetId, std::vector<Mapping>>& ranges() const { return ranges_; }

  std::string name() const override { return status_.name; }
  Result<void> start() override;
  Result<void> set_targets(std::span<const Target> targets) override;
  Result<void> set_ranges(TargetId target, std::span<const Mapping> mappings) override;
  // Samples of processes that are not targets count as foreign, as the real ones do.
  Result<SampleBatch> collect() override;
  SourceStatus status() const override { return status_; }
  void stop() override { running_ = false; }

 private:
  bool watched(TargetId target) const;

  std::vector<AccessSample> waiting_;
  std::uint64_t lost_ = 0, undecoded_ = 0;
  std::optional<Error> start_error_, collect_error_;
  bool running_ = false;
  std::vector<Target> targets_;
  std::map<TargetId, std::vector<Mapping>> ranges_;
  SourceStatus status_;
};

}  // namespace tier
