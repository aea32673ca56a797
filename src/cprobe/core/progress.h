#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace cprobe {

/// How far some work has come.
struct Progress {
  std::string what;        ///< The work: "mask training", "circuits".
  int64_t done = 0;        ///< Of `total`; 0 where the work begins.
  int64_t total = 1;       ///< > 0.
  std::string note;        ///< A few words on the last step, such as "loss 3.91"; may be empty.
  bool is_counted = true;  ///< `done` counts steps. False: only its ratio to `total` tells.

  double share() const { return static_cast<double>(done) / static_cast<double>(total); }
};

/// Told how far work has come, by the thread that does it. Functions that take long have one as
/// their last parameter or in their options. An empty one is told nothing.
using OnProgress = std::function<void(const Progress&)>;

inline void tell(const OnProgress& on_progress, const Progress& progress) {
  if (on_progress) on_progress(progress);
}

/// For one part of some work: tells `whole` of the shares from `begin` to `end`, both in [0, 1].
/// @param what in place of the part's own name, unless empty.
OnProgress part_of(OnProgress whole, double begin, double end, std::string what = {});

}  // namespace cprobe
