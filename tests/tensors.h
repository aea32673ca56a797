/// Compares tensors so that a failure shows the numbers that differ.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <string>

namespace cprobe::testing {

/// Whether max |ours - expected| <= tolerance * max |expected|. If all of `expected` is 0: whether
/// max |ours| <= tolerance. NaN never agrees. The message names the entry that differs most, with
/// both values.
inline ::testing::AssertionResult agree(const at::Tensor& ours, const at::Tensor& expected, double tolerance) {
  if (ours.sizes() != expected.sizes()) {
    return ::testing::AssertionFailure() << fmt::format("shape [{}] here, [{}] expected", fmt::join(ours.sizes(), ", "),
                                                        fmt::join(expected.sizes(), ", "));
  }
  if (ours.numel() == 0) return ::testing::AssertionSuccess() << "no entries";
  const at::Tensor a = ours.detach().to(at::kDouble).reshape(-1);
  const at::Tensor b = expected.detach().to(at::kDouble).reshape(-1);
  const at::Tensor distance = (a - b).abs();
  const double scale = b.abs().max().item<double>();
  const int64_t worst = distance.argmax().item<int64_t>();
  const double difference = distance[worst].item<double>() / (scale == 0 ? 1 : scale);
  const auto result = difference <= tolerance ? ::testing::AssertionSuccess() : ::testing::AssertionFailure();
  return ::testing::AssertionResult(result)
         << fmt::format("entry {} of [{}]: {:.8g} here, {:.8g} expected; {:.3g} of the largest, tolerance {:.3g}",
                        worst, fmt::join(expected.sizes(), ", "), a[worst].item<double>(), b[worst].item<double>(),
                        difference, tolerance);
}

}  // namespace cprobe::testing
