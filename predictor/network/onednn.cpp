#include "predictor/network/onednn.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "predictor/network/onednn_plugin.h"

namespace tier {
namespace {

Result<const OnednnPlugin*> load() {
  // By name alone: looked for where the program was linked to look (DT_RUNPATH) and in the system's folders,
  // not in a folder that somebody else could write to. Never unloaded: its kernels are code.
  void* const library = dlopen(kOnednnFile, RTLD_NOW | RTLD_LOCAL);
  void* const entry = library != nullptr ? dlsym(library, kOnednnEntry) : nullptr;
  if (entry == nullptr)
    return fail(ErrorKind::kUnsupported, fmt::format("oneDNN cannot be loaded: {}", dlerror()),
                "install tierd as a whole, and oneDNN; the plain kernels do the same");
  return reinterpret_cast<decltype(&tierd_onednn_1)>(entry)();
}

const Result<const OnednnPlugin*>& plugin() {
  static const Result<const OnednnPlugin*> loaded = load();
  return loaded;
}

}  // namespace

Result<std::unique_ptr<Convolution>> onednn_convolution(const ConvolutionShape& shape, ConvolutionUse use) {
  if (!plugin()) return tl::make_unexpected(plugin().error());
  return (*plugin())->convolution(shape, use);
}

std::string onednn_version() { return plugin() ? (*plugin())->version() : "none"; }

}  // namespace tier
