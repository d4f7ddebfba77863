#include "tests/native/register_model.h"

#include <cerrno>

namespace tier {

RegisterModel::RegisterModel(std::uint32_t cpus, const std::vector<RegisterKind>& kinds) : cpus_(cpus) {
  for (const RegisterKind& kind : kinds)
    registers_[kind.address] = {kind, std::vector<std::uint64_t>((cpus - 1) / kind.sharers + 1), {}};
}

std::uint64_t& RegisterModel::copy(Register& which, std::uint32_t cpu) {
  return which.copies.at(cpu / which.kind.sharers);
}

std::uint64_t RegisterModel::merged(const RegisterKind& kind, std::uint64_t old, std::uint64_t value) {
  const std::uint64_t kept = kind.moving | kind.stuck;
  return (old & kept) | (value & ~kept);
}

int RegisterModel::presence(std::uint32_t cpu) const {
  const std::lock_guard lock(mutex_);
  if (cpu >= cpus_) return ENOENT;
  const auto it = offline_.find(cpu);
  return it == offline_.end() ? 0 : it->second;
}

int RegisterModel::read(std::uint32_t cpu, std::uint32_t address, std::size_t bytes, std::uint64_t* value) {
  if (const int error = presence(cpu); error != 0) return error;
  if (bytes != sizeof *value) return EINVAL;
  const std::lock_guard lock(mutex_);
  const auto it = registers_.find(address);
  if (it == registers_.end()) return EIO;
  std::uint64_t& held = copy(it->second, cpu);
  held ^= it->second.kind.moving;
  ++it->second.counts.reads;
  *value = held;
  return 0;
}

int RegisterModel::write(std::uint32_t cpu, std::uint32_t address, std::size_t bytes, std::uint64_t value,
                         const std::function<void()>& kill_writer) {
  if (const int error = presence(cpu); error != 0) return error;
  if (bytes != sizeof value) return EINVAL;
  const std::lock_guard lock(mutex_);
  const auto it = registers_.find(address);
  if (it == registers_.end()) return EIO;
  const bool deadly = kill_at_ == 0U;
  if (deadly && moment_ == KillMoment::kBeforeStored) {
    kill_at_.reset(), kill_writer();
    return EINTR;  // nobody reads it
  }
  if (kill_at_ && !deadly) --*kill_at_;
  if (it->second.kind.faulty) return EIO;
  std::uint64_t& held = copy(it->second, cpu);
  held = merged(it->second.kind, held, value);
  ++it->second.counts.writes;
  if (deadly) kill_at_.reset(), kill_writer();
  return 0;
}

std::uint64_t RegisterModel::peek(std::uint32_t cpu, std::uint32_t address) const {
  const std::lock_guard lock(mutex_);
  const Register& which = registers_.at(address);
  return which.copies.at(cpu / which.kind.sharers) & ~which.kind.moving;
}

void RegisterModel::poke(std::uint32_t cpu, std::uint32_t address, std::uint64_t value) {
  const std::lock_guard lock(mutex_);
  copy(registers_.at(address), cpu) = value;
}

void RegisterModel::change(const RegisterKind& kind) {
  const std::lock_guard lock(mutex_);
  registers_.at(kind.address).kind = kind;
}

void RegisterModel::set_offline(std::uint32_t cpu, int error) {
  const std::lock_guard lock(mutex_);
  if (error == 0) {
    offline_.erase(cpu);
  } else {
    offline_[cpu] = error;
  }
}

void RegisterModel::kill_writer_at(std::optional<unsigned> write, KillMoment moment) {
  const std::lock_guard lock(mutex_);
  kill_at_ = write, moment_ = moment;
}

RegisterCounts RegisterModel::counts(std::uint32_t address) const {
  const std::lock_guard lock(mutex_);
  return registers_.at(address).counts;
}

}  // namespace tier
