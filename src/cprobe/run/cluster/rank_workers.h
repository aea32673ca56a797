#pragma once

#include <functional>

#include "cprobe/core/message.h"
#include "cprobe/run/cluster/ranks.h"
#include "cprobe/run/workers.h"

/// Workers that are threads of other ranks. Rank 0 gives cells and takes reports; each other rank
/// serves rank 0.
namespace cprobe {

/// What all ranks must agree on before they compute cells.
struct RankStart {
  Parallelism parallelism;  ///< The parallelism of each rank.
  /// Hash of the identities of all cells in order. Cells are given by number, so all ranks must
  /// have the same plan.
  std::string plan;
  bool has_work = true;  ///< False: rank 0 has nothing to compute, or gave up.
};

/// On rank 0: tells the other ranks how to compute. @param ranks  more than one.
void start_ranks(Ranks& ranks, const RankStart& start);

/// On another rank: waits for the RankStart of rank 0.
/// @throws Error (kInterrupted) when a stop is requested, or if rank 0 is silent for an hour.
RankStart wait_for_start(Ranks& ranks);

/// On rank 0: returns a function to call often during long work, which tells the other ranks once a
/// second that rank 0 is alive.
std::function<void()> sign_of_life(Ranks& ranks);

/// On rank 0: workers that stand for the threads of all other ranks. The destructor tells these
/// ranks to end.
/// @param n_jobs      threads of each rank.
/// @param timeout     seconds of silence after which the workers of a rank are lost. A rank that is
///                    alive sends a message every second. Before its first message, a rank has an
///                    hour to load model and data.
/// @param on_message  told of ranks that are lost.
std::unique_ptr<Workers> rank_workers(Ranks& ranks, int n_jobs, double timeout, const OnMessage& on_message = {});

/// On another rank: computes the cells that rank 0 gives, until rank 0 says to end or a stop is
/// requested on this rank.
/// @param timeout  seconds.
/// @throws Error (kInterrupted) if rank 0 is silent for `timeout`, or an hour before its first
///         message.
void serve(Ranks& ranks, Workers& threads, double timeout);

/// On another rank that cannot compute: tells rank 0 why. Rank 0 then goes on without this rank.
void report_unfit(Ranks& ranks, const std::string& problem);

}  // namespace cprobe
