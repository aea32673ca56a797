#include "cprobe/model/rotary.h"

#include <cmath>
#include <numbers>

#include "cprobe/core/seed.h"
#include "tests/numeric_jacobian.h"
#include "tests/support.h"
#include "tests/tensors.h"

namespace cprobe {
namespace {

using testing::agree;

constexpr double kAngle = 1e-5;  // float32 angles against double ones, at positions below 50

// The first kTurned coordinates of each head turn; the last four stay.
constexpr int64_t kHeads = 2, kHeadWidth = 10, kTurned = 6;
constexpr int64_t kPositions = 50;

/// The scaled frequency of a pair of coordinates.
/// @param plain  the frequency without scaling.
using Frequency = std::function<double(double plain)>;

/// Turns coordinates i and i + kTurned / 2 (or 2i and 2i + 1) of each head by position * frequency:
/// the formula, one number at a time.
at::Tensor turned(const at::Tensor& x, const at::Tensor& positions, const Rotary& rotary, const Frequency& scaled) {
  at::Tensor y = x.clone();
  for (int64_t row = 0; row < x.size(0); ++row) {
    for (int64_t head = 0; head < kHeads; ++head) {
      for (int64_t i = 0; i < kTurned / 2; ++i) {
        const double plain = std::pow(rotary.base, -2.0 * static_cast<double>(i) / kTurned);
        const double angle = static_cast<double>(positions[row].item<int64_t>()) * scaled(plain);
        const int64_t first = head * kHeadWidth + (rotary.turns_neighbours ? 2 * i : i);
        const int64_t second = first + (rotary.turns_neighbours ? 1 : kTurned / 2);
        const double a = x[row][first].item<double>(), b = x[row][second].item<double>();
        y[row][first] = rotary.scaling.amplitude * (a * std::cos(angle) - b * std::sin(angle));
        y[row][second] = rotary.scaling.amplitude * (b * std::cos(angle) + a * std::sin(angle));
      }
    }
  }
  return y;
}

struct RotaryCase {
  const char* name;
  Rotary rotary;
  Frequency scaled;
};

std::vector<RotaryCase> rotary_cases() {
  const RotaryScaling linear{.kind = RotaryScaling::Kind::kLinear, .factor = 4};
  const RotaryScaling llama3{.kind = RotaryScaling::Kind::kLlama3,
                             .factor = 8,
                             .low_frequency = 1,
                             .high_frequency = 4,
                             .n_original_positions = 100};
  // Wavelengths of the three pairs at base 500: 6.3 stays, 50 is stretched in part, 396 in full.
  const Frequency by_wavelength = [](double plain) {
    const double wavelength = 2 * std::numbers::pi / plain;
    if (wavelength < 100.0 / 4) return plain;
    if (wavelength > 100.0 / 1) return plain / 8;
    const double kept = (100.0 / wavelength - 1) / (4.0 - 1);
    return (1 - kept) * plain / 8 + kept * plain;
  };
  const RotaryScaling yarn{.kind = RotaryScaling::Kind::kYarn,
                           .factor = 8,
                           .low_frequency = 1,
                           .high_frequency = 4,
                           .n_original_positions = 100,
                           .amplitude = 1.2};
  // Of 6 coordinates, number 0.67 makes 4 turns in 100 positions and number 1.34 one turn. Whole
  // bounds are 0 and 2, so that pair 1 of 3 is stretched by half.
  const Frequency by_coordinate = [](double plain) {
    if (plain > 0.9) return plain;
    return plain < 0.05 ? plain / 8 : plain / 2 + plain / 16;
  };
  // The longest row has 50 tokens of 20: the base grows by 4^(6 / 4), from 100 to 800.
  const RotaryScaling dynamic{.kind = RotaryScaling::Kind::kDynamic, .factor = 2, .n_original_positions = 20};
  const Frequency of_larger_base = [](double plain) { return std::pow(plain, std::log(800) / std::log(100)); };
  const RotaryScaling within{.kind = RotaryScaling::Kind::kDynamic, .factor = 2, .n_original_positions = 50};
  RotaryScaling longrope{.kind = RotaryScaling::Kind::kLongrope,
                         .n_original_positions = 20,
                         .short_factors = {1, 1, 1},
                         .long_factors = {2, 3, 5},
                         .amplitude = 0.9};
  const Frequency divided = [](double plain) { return plain / (plain > 0.9 ? 2 : plain > 0.1 ? 3 : 5); };
  RotaryScaling longrope_short = longrope;
  longrope_short.n_original_positions = 50;
  const Frequency same = [](double plain) { return plain; };
  return {{"yarn", {.n_dims = kTurned, .base = 500, .scaling = yarn}, by_coordinate},
          {"dynamic", {.n_dims = kTurned, .base = 100, .scaling = dynamic}, of_larger_base},
          {"dynamic_within", {.n_dims = kTurned, .base = 100, .scaling = within}, same},
          {"longrope", {.n_dims = kTurned, .base = 100, .scaling = longrope}, divided},
          {"longrope_short", {.n_dims = kTurned, .base = 100, .scaling = longrope_short}, same},
          {"neighbours", {.n_dims = kTurned, .base = 100, .turns_neighbours = true}, same},
          {"plain", {.n_dims = kTurned, .base = 1e4}, [](double plain) { return plain; }},
          {"linear", {.n_dims = kTurned, .base = 100, .scaling = linear}, [](double plain) { return plain / 4; }},
          {"llama3", {.n_dims = kTurned, .base = 500, .scaling = llama3}, by_wavelength}};
}

class RotaryEmbedding : public ::testing::TestWithParam<size_t> {
 protected:
  const RotaryCase case_ = rotary_cases()[GetParam()];
  const RotaryTable table_ = rotary_table(case_.rotary, kPositions, kPositions);
  const at::Tensor positions_ = at::tensor({0, 7, 49, 7}, at::kLong);
  const at::Tensor x_ = at::randn({4, kHeads* kHeadWidth}, Seed(1).generator());
};

TEST_P(RotaryEmbedding, TurnsPairsOfCoordinatesByPositionTimesFrequency) {
  const at::Tensor expected = turned(x_.to(at::kDouble), positions_, case_.rotary, case_.scaled);
  EXPECT_TRUE(agree(rotate(x_, positions_, table_, kHeadWidth), expected.to(at::kFloat), kAngle));
}

TEST_P(RotaryEmbedding, TableHasCosineAndSineOfEveryPosition) {
  ASSERT_EQ(table_.cos.sizes(), at::IntArrayRef({kPositions, kTurned / 2}));
  ASSERT_EQ(table_.sin.sizes(), table_.cos.sizes());
  for (const int64_t position : {0, 1, 49}) {
    for (int64_t i = 0; i < kTurned / 2; ++i) {
      const double plain = std::pow(case_.rotary.base, -2.0 * static_cast<double>(i) / kTurned);
      const double angle = static_cast<double>(position) * case_.scaled(plain);
      const double amplitude = case_.rotary.scaling.amplitude;
      EXPECT_NEAR(table_.cos[position][i].item<double>(), amplitude * std::cos(angle), kAngle);
      EXPECT_NEAR(table_.sin[position][i].item<double>(), amplitude * std::sin(angle), kAngle);
    }
  }
}

TEST_P(RotaryEmbedding, ScoresDependOnTheDistanceOfPositionsOnly) {
  const at::Tensor q = x_.narrow(0, 0, 1), k = x_.narrow(0, 1, 1);
  const auto score = [&](int64_t query, int64_t key) {
    return (rotate(q, at::tensor({query}, at::kLong), table_, kHeadWidth) *
            rotate(k, at::tensor({key}, at::kLong), table_, kHeadWidth))
        .sum()
        .item<double>();
  };
  EXPECT_NEAR(score(5, 2), score(45, 42), 1e-4);
  EXPECT_GT(std::abs(score(5, 2) - score(45, 2)), 1e-2);
}

TEST_P(RotaryEmbedding, IsDifferentiableInItsInput) {
  const auto f = [&](const at::Tensor& x) { return rotate(x, positions_, table_, kHeadWidth); };
  EXPECT_TRUE(agree(testing::autograd_jacobian(f, x_), testing::numeric_jacobian(f, x_), 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Scalings, RotaryEmbedding, ::testing::Range<size_t>(0, rotary_cases().size()),
                         [](const auto& param) { return std::string(rotary_cases()[param.param].name); });

}  // namespace
}  // namespace cprobe
