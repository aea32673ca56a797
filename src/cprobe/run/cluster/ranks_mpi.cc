#include <mpi.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <list>
#include <set>
#include <thread>

#include "cprobe/core/error.h"
#include "cprobe/run/cluster/ranks.h"

namespace cprobe {
namespace {

class MpiRanks : public Ranks {
 public:
  MpiRanks() {
    // By default, Open MPI's ranks wait for each other at the end, even for ranks that died.
    ::setenv("OMPI_MCA_async_mpi_finalize", "1", 0);
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    // Errors about a dead rank must not end the other ranks.
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &count_);
  }
  MpiRanks(const MpiRanks&) = delete;
  MpiRanks& operator=(const MpiRanks&) = delete;

  ~MpiRanks() override {
    // As ranks do not wait for each other, the last messages must leave before the end. Messages to
    // dead ranks never leave, so this wait ends after a second.
    for (int wait = 0; wait < 1000 && !sent_.empty(); ++wait) {
      forget_sent();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    MPI_Finalize();
  }

  int rank() const override { return rank_; }
  int count() const override { return count_; }

  void send(int to, std::string message) override {
    forget_sent();
    if (message.size() > static_cast<size_t>(std::numeric_limits<int>::max())) {
      throw failure(
          "a result of {} bytes is more than an MPI message can hold: compute such cells as an array job or "
          "with --shard",
          message.size());
    }
    UnderWay& sent = sent_.emplace_back(UnderWay{.peer = to, .message = std::move(message)});
    const int code = MPI_Isend(sent.message.data(), static_cast<int>(sent.message.size()), MPI_BYTE, to, 0,
                               MPI_COMM_WORLD, &sent.request);
    if (code != MPI_SUCCESS) sent_.pop_back();
  }

  std::optional<std::pair<int, std::string>> receive() override {
    begin_to_receive();
    // Senders of a message that is still under way. Their later messages must wait, except for
    // empty ones.
    std::set<int> behind;
    for (auto one = coming_.begin(); one != coming_.end(); ++one) {
      if (behind.contains(one->peer) && !one->message.empty()) continue;
      int over = 0;
      const int code = MPI_Test(&one->request, &over, MPI_STATUS_IGNORE);
      if (code == MPI_SUCCESS && over == 0) {
        behind.insert(one->peer);
        continue;
      }
      std::pair received(one->peer, std::move(one->message));
      coming_.erase(one);
      if (code != MPI_SUCCESS) return std::nullopt;  // The sender died while sending.
      return received;
    }
    return std::nullopt;
  }

 private:
  /// A message under way. Its bytes must not move until the message has left or has arrived.
  struct UnderWay {
    int peer = 0;
    std::string message;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  /// Begins to receive the next message, if there is one. Never waits for the message's bytes, as
  /// the sender may be dead.
  void begin_to_receive() {
    int there = 0;
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    const int code = MPI_Improbe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &there, &message, &status);
    if (code != MPI_SUCCESS || there == 0) return;
    int n_bytes = 0;
    MPI_Get_count(&status, MPI_BYTE, &n_bytes);
    UnderWay& one = coming_.emplace_back(
        UnderWay{.peer = status.MPI_SOURCE, .message = std::string(static_cast<size_t>(n_bytes), '\0')});
    if (MPI_Imrecv(one.message.data(), n_bytes, MPI_BYTE, &message, &one.request) != MPI_SUCCESS) coming_.pop_back();
  }

  /// Removes messages that have left.
  void forget_sent() {
    std::erase_if(sent_, [](UnderWay& sent) {
      int over = 0;
      return MPI_Test(&sent.request, &over, MPI_STATUS_IGNORE) != MPI_SUCCESS || over != 0;
    });
  }

  int rank_ = 0;
  int count_ = 1;
  std::list<UnderWay> sent_, coming_;
};

/// Whether mpirun (Open MPI or MPICH) or Slurm's srun started this process, by the environment.
bool is_started_by_mpi() {
  const auto is_set = [](const char* name) { return std::getenv(name) != nullptr; };
  return is_set("OMPI_COMM_WORLD_SIZE") || is_set("PMI_SIZE") || is_set("PMIX_RANK");
}

}  // namespace

std::unique_ptr<Ranks> join_ranks() {
  if (!is_started_by_mpi()) return nullptr;
  std::unique_ptr<Ranks> ranks = std::make_unique<MpiRanks>();
  return ranks->count() > 1 ? std::move(ranks) : nullptr;
}

}  // namespace cprobe
