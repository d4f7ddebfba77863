// Which tierd uses DAMON: a file of the runtime directory that the user of DAMON locks as long as it lives.
// DAMON's own files outlive a process that was killed; with the record a later tierd knows them for its
// predecessor's.
#pragma once

#include <string>

#include "core/result.h"
#include "platform/linux/file.h"

namespace tier {

inline constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

class DamonRecord {
 public:
  // `directory`: empty for no record. Nothing is opened before hold().
  explicit DamonRecord(std::string directory = {}, std::string boot_id_path = kBootId)
      : directory_(std::move(directory)), boot_id_path_(std::move(boot_id_path)) {}

  // What the file says of the last holder.
  enum class Holder {
    kNone,    // no record, one of another boot, or the last holder has given DAMON back
    kDead,    // held DAMON in this boot and has ended without giving it back
    kLiving,  // another process holds it
    kThisProcess,
  };
  Holder holder() const;

  // Locks the file and writes this process into it, until let_go() or this process ends. Fails when another
  // process holds it, or when there can be no such file.
  Result<void> hold();
  // DAMON was given back: nothing is left to be taken over.
  void let_go();

  std::string path() const { return directory_ + "/damon.claim"; }

 private:
  std::string directory_, boot_id_path_;
  FileDescriptor file_;
};

}  // namespace tier
