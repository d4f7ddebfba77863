// Loads every BPF program of ours into the running kernel, one at a time and attached to nothing, and prints
// what the verifier says. Exit code 0: every program that this kernel has a hook for was accepted.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <sys/utsname.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bpf/processes.h"
#include "damon.skel.h"
#include "faults.skel.h"
#include "file_demand.skel.h"
#include "hardware.skel.h"
#include "mappings.skel.h"
#include "processes.skel.h"
#include "stall.skel.h"

namespace {

// Where the daemon that reads the events lives. The verifier knows it, and drops what is not needed there.
enum class Reader { kInitialNamespaces, kContainer };

using OpenObject = std::unique_ptr<bpf_object, std::function<void(bpf_object*)>>;
using Open = OpenObject (*)(Reader);

template <typename Skeleton>
constexpr bool kKnowsReader = requires(Skeleton& skeleton) {
  skeleton.rodata->reader_pid_namespace;
};

template <typename Skeleton, Skeleton* (*open)(), void (*destroy)(Skeleton*)>
OpenObject open_skeleton(Reader reader) {
  Skeleton* skeleton = open();
  if (skeleton == nullptr) return {};
  if constexpr (kKnowsReader<Skeleton>) {
    if (reader == Reader::kContainer) {
      skeleton->rodata->reader_pid_namespace = 1;
      skeleton->rodata->reader_boottime_offset_ns = -1000;
      skeleton->rodata->reader_monotonic_offset_ns = 1000;
    }
  }
  return OpenObject(skeleton->obj, [skeleton](bpf_object*) { destroy(skeleton); });
}

struct Object {
  const char* name;
  Open open;
  bool knows_reader;
};

template <typename Skeleton, Skeleton* (*open)(), void (*destroy)(Skeleton*)>
constexpr Object object(const char* name) {
  return {name, open_skeleton<Skeleton, open, destroy>, kKnowsReader<Skeleton>};
}

const std::array<Object, 7> kObjects = {
    {object<stall_bpf, stall_bpf__open, stall_bpf__destroy>("stall"),
     object<hardware_bpf, hardware_bpf__open, hardware_bpf__destroy>("hardware"),
     object<faults_bpf, faults_bpf__open, faults_bpf__destroy>("faults"),
     object<damon_bpf, damon_bpf__open, damon_bpf__destroy>("damon"),
     object<file_demand_bpf, file_demand_bpf__open, file_demand_bpf__destroy>("file_demand"),
     object<mappings_bpf, mappings_bpf__open, mappings_bpf__destroy>("mappings"),
     object<processes_bpf, processes_bpf__open, processes_bpf__destroy>("processes")}};

std::string log_text;

int keep_log(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  std::array<char, 65536> line{};
  const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
  log_text += line.data();
  return length;
}

bool kernel_symbol(const std::string& name) {
  std::ifstream symbols("/proc/kallsyms");
  for (std::string line; std::getline(symbols, line);)
    if (line.size() > name.size() && line.ends_with(" " + name)) return true;
  return false;
}

// Why this kernel cannot have the program, empty when it can.
std::string missing_hook(const btf* kernel, const std::string& section, const std::string& program) {
  const std::string prefix = "tp_btf/";
  if (section.starts_with(prefix)) {
    const std::string hook = section.substr(prefix.size());
    if (btf__find_by_name_kind(kernel, ("btf_trace_" + hook).c_str(), BTF_KIND_TYPEDEF) < 0)
      return "no such tracepoint in BTF: " + hook;
  }
  if (section.find("/filemap_") != std::string::npos &&
      btf__find_by_name_kind(kernel, "btf_trace_mm_filemap_get_pages", BTF_KIND_TYPEDEF) >= 0)
    return "not used where the page cache has tracepoints";
  if (program == "on_tick" && !kernel_symbol("__irq_regs"))
    return "no symbol __irq_regs (CONFIG_KALLSYMS_ALL); on_tick_by_runqueue stands in";
  if (program == "on_address_with_latency" &&
      btf__find_by_name_kind(kernel, "bpf_cast_to_kern_ctx", BTF_KIND_FUNC) < 0)
    return "no bpf_cast_to_kern_ctx (Linux 6.2); on_address stands in";
  return {};
}

std::vector<std::string> programs_of(const Object& object) {
  std::vector<std::string> names;
  const OpenObject opened = object.open(Reader::kInitialNamespaces);
  const bpf_program* program = nullptr;
  while (opened && (program = bpf_object__next_program(opened.get(), const_cast<bpf_program*>(program))))
    names.emplace_back(bpf_program__name(program));
  return names;
}

// Loads one program alone; true unless the verifier refused it.
bool verify(const btf* kernel, const Object& object, Reader reader, const std::string& wanted) {
  log_text.clear();
  const OpenObject opened = object.open(reader);
  std::string section;
  bpf_program* program = nullptr;
  while ((program = bpf_object__next_program(opened.get(), program)) != nullptr) {
    const bool this_one = wanted == bpf_program__name(program);
    if (this_one) section = bpf_program__section_name(program);
    bpf_program__set_autoload(program, this_one);
  }
  const std::string missing = missing_hook(kernel, section, wanted);
  if (!missing.empty()) {
    std::printf("skipped  %s/%s: %s\n", object.name, wanted.c_str(), missing.c_str());
    return true;
  }
  const int code = bpf_object__load(opened.get());
  std::printf("%s  %s/%s%s\n", code == 0 ? "OK     " : "REFUSED", object.name, wanted.c_str(),
              reader == Reader::kContainer ? " in a container" : "");
  if (code != 0) std::printf("%s\n", log_text.c_str());
  return code == 0;
}

}  // namespace

int main() {
  libbpf_set_print(keep_log);
  utsname system{};
  uname(&system);
  std::printf("kernel %s\n", system.release);
  btf* kernel = btf__load_vmlinux_btf();
  if (libbpf_get_error(kernel) != 0) {
    std::printf("REFUSED  no type information in /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)\n");
    return 1;
  }
  unsigned programs = 0, refused = 0;
  for (const Object& object : kObjects)
    for (const std::string& program : programs_of(object)) {
      ++programs;
      bool accepted = verify(kernel, object, Reader::kInitialNamespaces, program);
      if (object.knows_reader) accepted &= verify(kernel, object, Reader::kContainer, program);
      refused += accepted ? 0U : 1U;
    }
  btf__free(kernel);
  std::printf("%u programs, %u refused\n", programs, refused);
  return programs == 0 || refused != 0 ? 1 : 0;
}
