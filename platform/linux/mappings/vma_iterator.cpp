#include "platform/linux/mappings/vma_iterator.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>

#include "mappings.skel.h"
#include "platform/linux/bpf_skeleton.h"
#include "platform/linux/file.h"
#include "platform/linux/mappings/vma_records.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/reader_view.h"

namespace tier {
namespace {

// The kernel fills at most 32 KiB at a time (kernel/bpf/bpf_iter.c).
constexpr std::size_t kPiece = 64U << 10;

enum class Scope { kLeader, kAnyThread };

// One run of an iterator over one process; an invalid descriptor, with errno, when it cannot begin. The
// number is looked up in this process's PID namespace.
FileDescriptor begin(const bpf_program* program, Pid pid, Scope scope) {
  bpf_iter_link_info info{};
  (scope == Scope::kLeader ? info.task.tid : info.task.pid) = static_cast<std::uint32_t>(pid.value);
  bpf_iter_attach_opts options{};
  options.sz = sizeof(options);
  options.link_info = &info;
  options.link_info_len = sizeof(info);
  const BpfLink link(bpf_program__attach_iter(program, &options));
  if (!link) return {};
  return FileDescriptor(bpf_iter_create(bpf_link__fd(link.get())));
}

ssize_t read_some(int fd, std::span<std::byte> into) {
  ssize_t n;
  do n = ::read(fd, into.data(), into.size());
  while (n < 0 && (errno == EINTR || errno == EAGAIN));
  return n;
}

// Kernels before 6.1 have the iterators, but neither hold them to one process nor have bpf_loop().
tl::unexpected<Error> cannot(const char* what, int error_number) {
  Error error = bpf_error(what, error_number);
  // They know a shorter bpf_iter_link_info, and answer E2BIG where more of it is filled.
  if (error.kind == ErrorKind::kUnsupported || error_number == E2BIG)
    error = {ErrorKind::kUnsupported, error.message, "Linux 6.1"};
  return tl::make_unexpected(std::move(error));
}

std::string process_text(Pid pid) { return "process " + std::to_string(pid.value); }

std::uint64_t hash(const tier_mm_version& version) {
  const std::array<std::uint64_t, 10> fields = {
      version.start_ticks, version.writes, version.pages,      version.locked,   version.pinned,
      version.data,        version.stack,  version.executable, version.mappings, version.policy};
  return std::max<std::uint64_t>(XXH3_64bits(fields.data(), sizeof(fields)), 1);
}

}  // namespace

class VmaIterator::Impl {
 public:
  Result<void> load();
  Result<std::vector<Mapping>> read(Pid pid, std::uint64_t start_time, Scope scope) const;
  std::optional<tier_mm_version> version(Pid pid, Scope scope) const;

 private:
  BpfSkeleton<mappings_bpf> skeleton_;
  std::uint64_t page_size_ = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  mutable std::mutex mutex_;  // the program keeps the path that it writes in one place
};

Result<void> VmaIterator::Impl::load() {
  TIER_TRY(require_btf(kKernelBtf));
  take_bpf_log();
  skeleton_.reset(mappings_bpf__open());
  if (!skeleton_) return tl::make_unexpected(bpf_error("opening the iterators over mappings", errno));
  set_reader(*skeleton_->rodata, read_reader_view());
  if (const int code = mappings_bpf__load(skeleton_.get()); code != 0)
    return cannot("loading the iterators over mappings", -code);
  const Pid self{::getpid()};
  if (!begin(skeleton_->progs.on_vma, self, Scope::kLeader).valid())
    return cannot("iterating over the mappings of one process", errno);
  TIER_TRY(read(self, 0, Scope::kLeader));
  return {};
}

Result<std::vector<Mapping>> VmaIterator::Impl::read(Pid pid, std::uint64_t start_time, Scope scope) const {
  VmaRecords records(start_time, page_size_);
  std::array<std::byte, kPiece> piece;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const FileDescriptor fd = begin(skeleton_->progs.on_vma, pid, scope);
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
  const FileDescriptor fd = begin(skeleton_->progs.on_task, pid, scope);
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
  TIER_TRY(impl->load());
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
