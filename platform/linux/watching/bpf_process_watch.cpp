#include "platform/linux/watching/bpf_process_watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <unordered_set>

#include "platform/linux/bpf_skeleton.h"
#include "platform/linux/clock_time.h"
#include "platform/linux/file.h"
#include "platform/linux/sampling/reader_view.h"
#include "platform/linux/watching/look_records.h"
#include "processes.skel.h"

namespace tier {
namespace {

// Share of the time that looks may take; the second when a process that was asked for has executed or ended.
constexpr double kShare = 0.0008, kUrgentShare = 0.01;

// More than the kernel gives at once (eight pages, bpf_iter.c).
constexpr std::size_t kReadBytes = 64U << 10;

}  // namespace

class BpfProcessWatch::Impl {
 public:
  explicit Impl(const Clock& clock) : clock_(clock) {}

  Result<void> start(std::optional<NodeId> spare_node, const std::string& btf_path);
  Result<ProcessLook> look(const ProcessQuestion& question, bool renew);
  bool news() const {
    const tier_process_news now = skeleton_->bss->news;
    return looks_ == 0 || now.asked != seen_news_.asked || (everybody_ && now.others != seen_news_.others);
  }
  void forget() {
    ++skeleton_->bss->look.generation;
    told_all_ = false;
  }
  ProcessWatchState state() const {
    ProcessWatchState state;
    state.way = "events";
    state.looks = looks_;
    state.cost = price_;
    return state;
  }

 private:
  Result<void> ask(const std::vector<Pid>& asked);
  bool due(Nanoseconds now, const tier_process_news& news) const;
  Result<std::vector<SeenProcess>> read_all();

  const Clock& clock_;
  BpfSkeleton<processes_bpf> skeleton_;
  std::vector<BpfLink> hooks_;
  BpfLink iterator_;
  std::unordered_set<Pid> asked_;  // as the kernel's map has it
  std::vector<Pid> last_asked_;
  tier_process_news seen_news_{};  // as of the last look
  tier_process_news told_news_{};  // as of the last look that told of others
  bool everybody_ = true;          // others of any size were asked for
  bool told_all_ = false;          // nobody is left whom a look would tell of for the first time
  bool renew_owed_ = false;        // it was asked for when no look was due
  Nanoseconds last_{}, price_{};
  std::uint64_t looks_ = 0;
};

Result<void> BpfProcessWatch::Impl::start(std::optional<NodeId> spare_node, const std::string& btf_path) {
  TIER_TRY(require_btf(btf_path));
  take_bpf_log();
  skeleton_.reset(processes_bpf__open());
  if (!skeleton_) return tl::make_unexpected(bpf_error("opening the process watch", errno));
  set_reader(*skeleton_->rodata, read_reader_view());
  place_tables(*skeleton_->obj, spare_node);
  if (const int code = processes_bpf__load(skeleton_.get()); code != 0)
    return tl::make_unexpected(bpf_error("loading the process watch", -code));
  auto& programs = skeleton_->progs;
  for (bpf_program* hook :
       {programs.on_begin, programs.on_execute, programs.on_rename, programs.on_regroup, programs.on_end}) {
    hooks_.emplace_back(bpf_program__attach(hook));
    if (!hooks_.back())
      return tl::make_unexpected(bpf_error(
          fmt::format("attaching {} of the process watch", bpf_program__section_name(hook)), errno));
  }
  iterator_.reset(bpf_program__attach_iter(programs.on_look, nullptr));
  if (!iterator_) return tl::make_unexpected(bpf_error("attaching to the list of tasks", errno));
  return {};
}

Result<void> BpfProcessWatch::Impl::ask(const std::vector<Pid>& asked) {
  if (asked == last_asked_) return {};
  const int map = bpf_map__fd(skeleton_->maps.known);
  const std::unordered_set<Pid> wanted(asked.begin(), asked.end());
  std::erase_if(asked_, [&](Pid pid) {
    if (wanted.contains(pid)) return false;
    bpf_map_delete_elem(map, &pid.value);
    return true;
  });
  const tier_known_process every_time{0, 0, 0, 1};
  for (const Pid pid : wanted) {
    if (asked_.contains(pid)) continue;
    if (bpf_map_update_elem(map, &pid.value, &every_time, BPF_ANY) != 0)
      return fail(ErrorKind::kFailed,
                  fmt::format("process {} cannot be watched: {}", pid.value, errno_text(errno)),
                  fmt::format("watch at most {} processes", TIER_MAX_KNOWN));
    asked_.insert(pid);
  }
  last_asked_ = asked;
  return {};
}

bool BpfProcessWatch::Impl::due(Nanoseconds now, const tier_process_news& news) const {
  if (looks_ == 0) return true;
  const double passed = seconds(now - last_);
  return passed * kShare >= seconds(price_) ||
         (news.asked != seen_news_.asked && passed * kUrgentShare >= seconds(price_));
}

Result<ProcessLook> BpfProcessWatch::Impl::look(const ProcessQuestion& question, bool renew) {
  ProcessLook look;
  TIER_TRY(ask(question.asked));
  tier_look& how = skeleton_->bss->look;
  // Read before the look: what happens during it is news to the next one.
  const tier_process_news news = skeleton_->bss->news;
  const Nanoseconds now = clock_.now();
  const Nanoseconds cpu_before = clock_time(CLOCK_THREAD_CPUTIME_ID);
  renew_owed_ |= renew;
  if (!due(now, news)) return look;
  everybody_ = question.others && question.minimum.value == 0;
  // The hooks tell whether there is anything new, but for sizes.
  const bool anything = everybody_ ? !told_all_ || news.others != told_news_.others : renew_owed_;
  const bool others = question.others && anything;
  look.looked = true;
  if (!others && asked_.empty()) return look;  // nobody to look for
  how.minimum_pages = question.minimum.value / static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  how.only_asked = others ? 0 : 1;
  look.processes = TIER_TRY(read_all());
  seen_news_ = news;
  if (others) {
    told_news_ = news;
    told_all_ = everybody_;
    renew_owed_ = false;
  }
  last_ = now;
  const Nanoseconds cost = clock_time(CLOCK_THREAD_CPUTIME_ID) - cpu_before;
  // From nothing: the first look tells of everybody, which no later one does.
  price_ = (price_ * 3 + cost) / 4;
  ++looks_;
  return look;
}

Result<std::vector<SeenProcess>> BpfProcessWatch::Impl::read_all() {
  const FileDescriptor file(bpf_iter_create(bpf_link__fd(iterator_.get())));
  if (!file.valid()) return fail_errno("opening the list of tasks", errno);
  LookRecords records({static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))});
  std::vector<std::byte> buffer(kReadBytes);
  std::size_t held = 0;
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data() + held, buffer.size() - held);
    // EAGAIN: a million tasks were passed without a word about any (MAX_ITER_OBJECTS of bpf_iter.c).
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) return fail_errno("reading the list of tasks", errno);
    if (got == 0) return records.take();
    held += static_cast<std::size_t>(got);
    const std::ptrdiff_t taken = records.add({buffer.data(), held});
    if (taken < 0)
      return fail(ErrorKind::kFailed, "the list of tasks has records of another version",
                  "build bpf/ and the daemon from the same revision");
    held -= static_cast<std::size_t>(taken);
    std::copy_n(buffer.begin() + taken, held, buffer.begin());
  }
}

BpfProcessWatch::BpfProcessWatch(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BpfProcessWatch::~BpfProcessWatch() = default;

Result<std::unique_ptr<BpfProcessWatch>> BpfProcessWatch::start(const Clock& clock,
                                                                std::optional<NodeId> spare_node,
                                                                const std::string& btf_path) {
  auto impl = std::make_unique<Impl>(clock);
  TIER_TRY(impl->start(spare_node, btf_path));
  return std::unique_ptr<BpfProcessWatch>(new BpfProcessWatch(std::move(impl)));
}

Result<ProcessLook> BpfProcessWatch::look(const ProcessQuestion& question, bool renew) {
  return impl_->look(question, renew);
}
bool BpfProcessWatch::news() const { return impl_->news(); }
void BpfProcessWatch::forget() { impl_->forget(); }
ProcessWatchState BpfProcessWatch::state() const { return impl_->state(); }

}  // namespace tier
