#include "cprobe/core/progress.h"

#include <cmath>

namespace cprobe {

OnProgress part_of(OnProgress whole, double begin, double end, std::string what) {
  return [whole = std::move(whole), begin, end, what = std::move(what)](const Progress& part) {
    constexpr double kTotal = 1e6;
    tell(whole, {.what = what.empty() ? part.what : what,
                 .done = std::llround(kTotal * (begin + (end - begin) * part.share())),
                 .total = static_cast<int64_t>(kTotal),
                 .note = part.note,
                 .is_counted = false});
  };
}

}  // namespace cprobe
