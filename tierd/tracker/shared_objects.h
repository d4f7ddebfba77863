// Which memory objects the targets map, and where: from offsets in an object to addresses in its mappers and
// back. Private to the tracker.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/object_id.h"
#include "core/region.h"
#include "core/target.h"

namespace tier {

// True for a mapping that shows pages of an object. Offsets that could overflow are not believed: such a
// mapping counts as memory of its own.
bool shows_object(const Mapping& mapping);

// A stretch of an object as one process maps it, contiguous on both sides.
struct ObjectPiece {
  AddressRange offsets;  // in the object
  Address start = 0;     // of the first byte, in the process
  Backing backing = Backing::kShared;
  bool mlocked = false, own_policy = false;

  bool operator==(const ObjectPiece&) const = default;
};

// One process's way to a stretch of an object.
struct ObjectView {
  TargetId process;
  Address start = 0;  // where the stretch begins in that process
};

// The largest stretch of a region that one piece shows, and who else maps all of it.
struct ObjectReach {
  AddressRange offsets;
  std::vector<ObjectView> views;  // at least one
};

class SharedObject {
 public:
  SharedObject(TargetId id, MemoryObject object) : id_(id), object_(object) {}

  TargetId id() const { return id_; }
  const MemoryObject& object() const { return object_; }
  const std::string& name() const { return name_; }
  bool mapped() const { return !mappers_.empty(); }
  bool mapped_by_any(const std::set<TargetId>& processes) const;
  std::vector<TargetId> mappers() const;  // the one that has had it for longest comes first

  // Replaces what one process maps of it; `pieces` by offset. An empty list takes the process out. False:
  // nothing changed.
  bool set(TargetId process, std::vector<ObjectPiece> pieces, std::uint64_t sequence);
  void set_name(const std::string& name) { name_ = name; }
  void note_sample(TargetId process, std::uint32_t tick);

  // The parts that anyone maps, by offset and disjoint; mlocked or bound where one mapping of them is.
  std::vector<Mapping> parts() const;
  // How the pages of `region` are reached: through `first` if it maps them, then through the processes that
  // sampled the object last. None when nobody maps anything of it.
  std::optional<ObjectReach> reach(AddressRange region, TargetId first, std::size_t most_views) const;
  // The largest stretch of `region` in a process, by its addresses; none when it maps nothing of it.
  std::optional<AddressRange> range_in(TargetId process, AddressRange region) const;
  std::size_t bytes_used() const;

 private:
  struct Mapper {
    TargetId process;
    std::uint64_t since = 0;             // sequence of the call that brought it
    std::uint32_t sampled = 0;           // tick
    std::vector<ObjectPiece> pieces;     // by offset
    std::vector<std::uint64_t> reaches;  // largest end of the pieces up to this one
  };
  template <typename Visit>
  static void visit_overlapping(const Mapper& mapper, AddressRange region, Visit visit);
  const std::vector<const Mapper*>& by_sampling() const;

  TargetId id_;
  MemoryObject object_;
  std::string name_;
  std::map<TargetId, Mapper> mappers_;
  mutable std::vector<const Mapper*> order_;  // what by_sampling() found; empty: to be found again
};

class SharedObjects {
 public:
  // Takes over what a process maps now. Objects met for the first time get an id.
  void set_mappings(TargetId process, std::span<const Mapping> mappings);
  void remove_process(TargetId process);
  // The process itself changed: its objects are described anew.
  void touch(TargetId process);

  // The object's id; none where no target ever mapped it.
  std::optional<TargetId> find(const MemoryObject& object) const;
  SharedObject* find(TargetId id);
  const SharedObject* find(TargetId id) const;
  std::vector<TargetId> mapped_by(TargetId process) const;

  // Objects whose mappers or mappings changed since the last call, those without any mapper left out.
  std::vector<TargetId> take_changed();
  // Forgets the objects that no process maps, and names them.
  std::vector<TargetId> drop_unmapped();
  std::size_t bytes_used() const;

 private:
  SharedObject& at_or_new(const MemoryObject& object);

  std::map<MemoryObject, TargetId> ids_;
  std::map<TargetId, SharedObject> objects_;
  std::map<TargetId, std::set<TargetId>> of_process_;
  std::set<TargetId> changed_, unmapped_;
  std::uint32_t next_id_ = kFirstObjectId;
  std::uint64_t sequence_ = 0;
};

}  // namespace tier
