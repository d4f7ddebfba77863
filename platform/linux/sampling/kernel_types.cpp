#include "platform/linux/sampling/kernel_types.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <mutex>

#include "platform/linux/sampling/bpf_support.h"

namespace tier {

void KernelTypes::Closer::operator()(btf* types) const { btf__free(types); }

Result<std::shared_ptr<const KernelTypes>> KernelTypes::read() {
  static std::mutex mutex;
  static std::weak_ptr<const KernelTypes> last;
  const std::lock_guard<std::mutex> lock(mutex);
  if (auto held = last.lock()) return held;
  take_bpf_log();
  btf* types = btf__load_vmlinux_btf();
  if (const auto code = libbpf_get_error(types); code != 0)
    return tl::make_unexpected(bpf_error("reading the kernel's types", static_cast<int>(-code)));
  auto fresh = std::make_shared<KernelTypes>();
  fresh->types_.reset(types);
  last = fresh;
  return fresh;
}

std::optional<std::uint32_t> KernelTypes::tracepoint(const std::string& name) const {
  const int id = btf__find_by_name_kind(types_.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF);
  return id > 0 ? std::optional(static_cast<std::uint32_t>(id)) : std::nullopt;
}

std::optional<std::int64_t> KernelTypes::per_cpu_distance(const std::string& from,
                                                          const std::string& to) const {
  const int section = btf__find_by_name_kind(types_.get(), ".data..percpu", BTF_KIND_DATASEC);
  if (section < 0) return std::nullopt;
  const btf_type* type = btf__type_by_id(types_.get(), static_cast<std::uint32_t>(section));
  std::optional<std::int64_t> first, second;
  const btf_var_secinfo* variables = btf_var_secinfos(type);
  for (int i = 0; i < btf_vlen(type); ++i) {
    const btf_type* variable = btf__type_by_id(types_.get(), variables[i].type);
    const char* name = btf__name_by_offset(types_.get(), variable->name_off);
    if (name == from) first = variables[i].offset;
    if (name == to) second = variables[i].offset;
  }
  if (!first || !second) return std::nullopt;
  return *second - *first;
}

}  // namespace tier
