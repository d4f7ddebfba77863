#include "platform/linux/mappings/vma_iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <mutex>

#include "mappings.skel.h"
#include "platform/linux/file.h"
#include "platform/linux/mappings/vma_records.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/reader_view.h"

namespace tier {
namespace {

struct SkeletonCloser {
  void operator()(mappings_bpf* skeleton) const { mappings_bpf__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<mappings_bpf, SkeletonCloser>;

// The kernel fills at most 32 KiB at a time (kernel/bpf/bpf_iter.c).
constexpr std::size_t kPiece = 64U << 10;

constexpr std::uint64_t kFnvOffset = 0xcbf29ce484222325, kFnvPrime = 0x100000001b3;

enum class Scope { kLeader, kAnyThread };

// One run of an iterator over one process; an invalid descriptor, with errno, when it cannot begin. The
// number is looked up in this process's PID namespace.
UniqueFd begin(const bpf_program* program, Pid pid, Scope scope) {
  bpf_iter_link_info info{};
  (scope == Scope::kLeader ? info.task.tid : info.task.pid) = static_cast<std::uint32_t>(pid.value);
  LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
  const BpfLink link(bpf_program__attach_iter(program, &options));
  if (!link) return {};
  return UniqueFd(bpf_iter_create(bpf_link__fd(link.get())));
}

ssize_t read_some(int fd, std::span<std::byte> into) {
  ssize_t n;
  do n = ::read(fd, into.data(), into.size());
  while (n < 0 && (errno == EINTR || errno == EAGAIN));
  return n;
}

std::string process_text(Pid pid) { return "process " + std::to_string(pid.value); }

std::uint64_t hash(const tier_mm_version& version) {
  std::uint64_t value = kFnvOffset;
  for (const std::uint64_t field :
       {version.start_ticks, version.writes, version.pages, version.locked, version.pinned, version.data,
        version.stack, version.executable, version.mappings, version.policy})
    value = (value ^ field) * kFnvPrime;
  return value == 0 ? 1 : value;
}

}  // namespace

class VmaIterator::Impl {
 public:
  Result<void> load();
  Result<std::vector<Mapping>> read(Pid pid, std::uint64_t start_time, Scope scope) const;
  std::optional<tier_mm_version> version(Pid pid, Scope scope) const;

 private:
  Skeleton skeleton_;
  std::uint64_t page_size_ = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  mutable std::mutex mutex_;  // the program keeps the path that it writes in one place
};

Result<void> VmaIterator::Impl::load() {
  if (Result<void> btf = require_btf(kKernelBtf); !btf) return btf;
  take_bpf_log();
  skeleton_.reset(mappings_bpf__open());
  if (!skeleton_) return tl::make_unexpected(bpf_error("opening the iterators over mappings", errno));
  set_reader(*skeleton_->rodata, read_reader_view());
  if (const int code = mappings_bpf__load(skeleton_.get()); code != 0)
    return tl::make_unexpected(bpf_error("loading the iterators over mappings", -code));
  // Kernels before 6.1 have the iterators but cannot hold them to one process.
  const Pid self{::getpid()};
  if (!begin(skeleton_->progs.on_vma, self, Scope::kLeader).valid()) {
    Error error = bpf_error("iterating over the mappings of one process", errno);
    if (error.kind != ErrorKind::kPermission) error = {ErrorKind::kUnsupported, error.message, "Linux 6.1"};
    return tl::make_unexpected(std::move(error));
  }
  const auto own = read(self, 0, Scope::kLeader);
  if (!own) return tl::make_unexpected(own.error());
  return {};
}

Result<std::vector<Mapping>> VmaIterator::Impl::read(Pid pid, std::uint64_t start_time, Scope scope) const {
  VmaRecords records(start_time, page_size_);
  std::array<std::byte, kPiece> piece;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const UniqueFd fd = begin(skeleton_->progs.on_vma, pid, scope);
    if (!fd.valid()) return fail_errno(process_text(pid) + ": its mappings", errno);
    for (bool more = true; more;) {
      const ssize_t n = read_some(fd.get(), piece);
      if (n < 0) return fail_errno(process_text(pid) + ": its mappings", errno);
      if (n == 0) break;
      auto fed = records.feed(std::span(piece).first(static_cast<std::size_t>(n)));
      if (!fed)
        return fail(fed.error().kind, process_text(pid) + ": " + fed.error().message, fed.error().fix);
      more = *fed;
    }
  }
  auto mappings = records.finish();
  if (!mappings) return fail(mappings.error().kind, process_text(pid) + " " + mappings.error().message);
  return mappings;
}

std::optional<tier_mm_version> VmaIterator::Impl::version(Pid pid, Scope scope) const {
  const UniqueFd fd = begin(skeleton_->progs.on_task, pid, scope);
  tier_mm_version version{};
  // The kernel goes on from thread to thread only until what is asked for is full.
  if (!fd.valid() || read_some(fd.get(), std::as_writable_bytes(std::span(&version, 1))) !=
                         static_cast<ssize_t>(sizeof(version)))
    return std::nullopt;
  return version;
}

VmaIterator::VmaIterator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VmaIterator::~VmaIterator() = default;

Result<std::unique_ptr<VmaIterator>> VmaIterator::load() {
  auto impl = std::make_unique<Impl>();
  if (auto loaded = impl->load(); !loaded) return tl::make_unexpected(loaded.error());
  return std::unique_ptr<VmaIterator>(new VmaIterator(std::move(impl)));
}

// The first thread may have ended, or be the only one that has not: then any other shows the same mappings.
Result<std::vector<Mapping>> VmaIterator::read(Pid pid, std::uint64_t start_time) const {
  auto mappings = impl_->read(pid, start_time, Scope::kLeader);
  return mappings ? mappings : impl_->read(pid, start_time, Scope::kAnyThread);
}

std::uint64_t VmaIterator::version(Pid pid) const {
  auto version = impl_->version(pid, Scope::kLeader);
  if (!version) version = impl_->version(pid, Scope::kAnyThread);
  return version ? hash(*version) : 0;
}

}  // namespace tier
