#include "tools/tier-train/mpi_workers.h"

#define OMPI_SKIP_MPICXX 1
#define MPICH_SKIP_MPICXX 1
#include <fmt/format.h>
#include <mpi.h>

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <optional>
#include <thread>
#include <vector>

namespace tier::sim {
namespace {

using Clock = std::chrono::steady_clock;
enum Tag : int { kJob = 1, kResult, kEnd };
// MPI's own waiting keeps a core busy, which a worker beside it could use.
constexpr auto kPause = std::chrono::milliseconds(5);

// A message is the job's number, a line end, and the text: a result that comes late, when the job was done by
// another, is known by its number.
std::string message_of(std::uint64_t number, const std::string& text) {
  return std::to_string(number) + "\n" + text;
}

bool send(int to, Tag tag, const std::string& text) {
  return MPI_Send(text.data(), static_cast<int>(text.size()), MPI_CHAR, to, tag, MPI_COMM_WORLD) ==
         MPI_SUCCESS;
}

struct Message {
  int from = 0, tag = 0;
  std::uint64_t number = 0;
  std::string text;
};

// None: nothing there, or it could not be received.
std::optional<Message> receive() {
  int there = 0, size = 0;
  MPI_Status status;
  if (MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &status) != MPI_SUCCESS || there == 0)
    return {};
  if (MPI_Get_count(&status, MPI_CHAR, &size) != MPI_SUCCESS || size < 0) return {};
  std::string text(static_cast<std::size_t>(size), '\0');
  if (MPI_Recv(text.data(), size, MPI_CHAR, status.MPI_SOURCE, status.MPI_TAG, MPI_COMM_WORLD,
               MPI_STATUS_IGNORE) != MPI_SUCCESS)
    return {};
  Message message{status.MPI_SOURCE, status.MPI_TAG, 0, {}};
  const auto line = text.find('\n');
  if (line == std::string::npos) return message;
  std::from_chars(text.data(), text.data() + line, message.number);
  message.text = text.substr(line + 1);
  return message;
}

class MpiWorkers final : public Workers {
 public:
  MpiWorkers(Work work, const MpiWorkersSettings& settings, int rank, int size)
      : work_(std::move(work)), settings_(settings), rank_(rank), peers_(static_cast<std::size_t>(size)) {
    peers_[0].lost = true;  // itself
  }
  MpiWorkers(const MpiWorkers&) = delete;
  MpiWorkers& operator=(const MpiWorkers&) = delete;

  ~MpiWorkers() override {
    if (!leads()) {
      MPI_Finalize();
      return;
    }
    bool all = true;
    for (std::size_t p = 1; p < peers_.size(); ++p)
      if (peers_[p].lost || !send(static_cast<int>(p), kEnd, "")) all = false;
    // Who is lost does not take part in the end, which the others would wait for.
    if (all) {
      MPI_Finalize();
    } else {
      std::cout.flush();
      MPI_Abort(MPI_COMM_WORLD, EXIT_SUCCESS);
    }
  }

  bool leads() const override { return rank_ == 0; }
  std::string describe() const override { return fmt::format("{} ranks", peers_.size()); }

  Result<void> run(std::span<const std::string> jobs, const Done& done) override {
    first_ = next_number_, next_number_ += jobs.size();
    waiting_.clear();
    for (std::size_t i = 0; i < jobs.size(); ++i) waiting_.push_back(i);
    std::vector<bool> finished(jobs.size());
    const auto take = [&](std::uint64_t number, const std::string& text) -> Result<void> {
      const std::uint64_t job = number - first_;
      if (number < first_ || job >= jobs.size() || finished[job]) return {};
      finished[job] = true, ++count_;
      return done(job, text);
    };
    for (count_ = 0; count_ < jobs.size();) {
      hand_out(jobs, finished);
      if (const auto message = receive()) {
        Peer& peer = peers_[static_cast<std::size_t>(message->from)];
        peer.job.reset(), peer.lost = false;
        TIER_TRY(take(message->number, message->text));
      } else if (alone() && !waiting_.empty()) {
        const std::size_t job = waiting_.front();
        waiting_.pop_front();
        if (finished[job]) continue;
        TIER_TRY(take(first_ + job, work_(jobs[job])));
      } else {
        give_up_on_late(finished);
        std::this_thread::sleep_for(kPause);
      }
    }
    return {};
  }

  Result<void> serve() override {
    while (true) {
      const auto message = receive();
      if (!message) {
        std::this_thread::sleep_for(kPause);
        continue;
      }
      if (message->tag == kEnd) return {};
      if (message->tag != kJob) continue;
      if (!send(0, kResult, message_of(message->number, work_(message->text))))
        return fail(ErrorKind::kFailed, "the leading rank does not take a result",
                    "start again with --resume");
    }
  }

 private:
  struct Peer {
    std::optional<std::size_t> job;
    Clock::time_point since;
    bool lost = false;
  };

  bool alone() const {
    for (const Peer& peer : peers_)
      if (!peer.lost) return false;
    return true;
  }

  void hand_out(std::span<const std::string> jobs, const std::vector<bool>& finished) {
    for (std::size_t p = 1; p < peers_.size(); ++p) {
      Peer& peer = peers_[p];
      while (!waiting_.empty() && finished[waiting_.front()]) waiting_.pop_front();
      if (waiting_.empty()) return;
      if (peer.lost || peer.job) continue;
      const std::size_t job = waiting_.front();
      if (!send(static_cast<int>(p), kJob, message_of(first_ + job, jobs[job]))) {
        lose(p, "cannot be reached");
        continue;
      }
      waiting_.pop_front();
      peer.job = job, peer.since = Clock::now();
    }
  }

  void give_up_on_late(const std::vector<bool>& finished) {
    if (settings_.time_out.count() == 0) return;
    for (std::size_t p = 1; p < peers_.size(); ++p) {
      Peer& peer = peers_[p];
      if (peer.lost || !peer.job || Clock::now() - peer.since < settings_.time_out) continue;
      if (*peer.job < finished.size() && !finished[*peer.job]) waiting_.push_back(*peer.job);
      lose(p, "has given no result in time");
    }
  }

  void lose(std::size_t rank, const char* why) {
    peers_[rank].lost = true, peers_[rank].job.reset();
    std::cerr << fmt::format("tier-train: rank {} {}; what it had is handed out again\n", rank, why);
  }

  Work work_;
  MpiWorkersSettings settings_;
  int rank_;
  std::vector<Peer> peers_;          // by rank
  std::deque<std::size_t> waiting_;  // jobs
  std::uint64_t first_ = 0, next_number_ = 0;
  std::size_t count_ = 0;  // jobs finished
};

}  // namespace

bool under_mpi() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    if (std::getenv(name) != nullptr) return true;
  return false;
}

Result<std::unique_ptr<Workers>> make_mpi_workers(Work work, const MpiWorkersSettings& settings) {
  int rank = 0, size = 1, given = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS)
    return fail(ErrorKind::kFailed, "MPI does not start", "run it without mpirun");
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return std::unique_ptr<Workers>(new MpiWorkers(std::move(work), settings, rank, size));
}

}  // namespace tier::sim
