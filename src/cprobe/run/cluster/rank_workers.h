#pragma once

#include <functional>

#include "cprobe/core/message.h"
#include "cprobe/run/cluster/ranks.h"
#include "cprobe/run/workers.h"

/// Workers that are threads of other ranks. Rank 0 gives cells and takes reports; each other rank serves.
namespace cprobe {

/// What all ranks must agree on before cells are computed.
struct RankStart {
  Parallelism parallelism;  ///< Of each rank.
  std::string plan;         ///< A hash of the cells' identities: cells are given by their numbers.
  bool has_work = true;     ///< False: rank 0 has nothing to compute, or gave up.
};

/// On rank 0: tells the others how they are to compute. @param ranks more than one.
void start_ranks(Ranks& ranks, const RankStart& start);

/// On another rank: waits for it. @throws Error (kInterrupted) when a stop is requested, or rank 0 is silent for an hour.
RankStart wait_for_start(Ranks& ranks);

/// On rank 0: what is to be called while it is long at something, as often as may be, so that the others know it lives.
std::function<void()> sign_of_life(Ranks& ranks);

/// On rank 0: the threads of all other ranks, `n_jobs` each. Destroyed, it tells them to end.
/// @param timeout seconds without a word after which a rank's workers are lost; a living one says something every second,
///                 once it has loaded model and data, for which it has an hour.
/// @param on_message told of ranks that are lost.
std::unique_ptr<Workers> rank_workers(Ranks& ranks, int n_jobs, double timeout, const OnMessage& on_message = {});

/// On another rank: computes what rank 0 gives, until it says to end, is silent for `timeout` seconds, or a stop is
/// requested here.
void serve(Ranks& ranks, Workers& threads, double timeout);

/// On another rank that cannot compute: tells rank 0 why, which then goes on without it.
void report_unfit(Ranks& ranks, const std::string& problem);

}  // namespace cprobe
