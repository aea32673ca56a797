#include "cprobe/evaluate/exchange_effect.h"

#include <ATen/ATen.h>

namespace cprobe {

at::Tensor kept_answers(const Outcomes& exchanged, const Outcomes& untouched) {
  return exchanged.answer.eq(untouched.answer);
}

int64_t Moved::n_counted() const {
  return counted.sum().item<int64_t>();
}

std::optional<double> Moved::share() const {
  const int64_t n = n_counted();
  if (n == 0) return std::nullopt;
  return static_cast<double>(to_donor.sum().item<int64_t>()) / static_cast<double>(n);
}

Moved moved(const Outcomes& exchanged, const Outcomes& base, const Outcomes& donor) {
  const at::Tensor counted = donor.answer.ne(base.answer);
  return {counted, counted.logical_and(exchanged.answer.eq(donor.answer))};
}

std::optional<double> relative_to_whole(const Moved& part, const Moved& whole) {
  const std::optional<double> by_part = part.share(), by_whole = whole.share();
  if (!by_part || !by_whole || *by_whole < kLeastMoved) return std::nullopt;
  return *by_part / *by_whole;
}

}  // namespace cprobe
