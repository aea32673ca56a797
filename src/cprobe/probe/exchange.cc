#include "cprobe/probe/exchange.h"

#include <algorithm>

#include "cprobe/data/donors.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/evaluate/exchange_bench.h"
#include "cprobe/evaluate/exchange_effect.h"
#include "cprobe/evaluate/nearest_neighbours.h"

namespace cprobe {
namespace {

/// The rows of a data set that an exchange compares, and the donors of one variable.
struct Donors {
  DonorRows rows;
  ExchangeRows same, other;

  static std::optional<Donors> make(const Dataset& set, size_t place, const Types& types, const at::Tensor& values,
                                    const ExchangeOptions& options, Seed seed) {
    std::optional<DonorRows> rows = donor_rows(set, place, types, values, options.n_rows, seed);
    if (!rows) return std::nullopt;
    ExchangeRows same{.source = set.source,
                      .base = rows->base,
                      .donor = rows->same_value,
                      .answers = set.answers.index_select(0, rows->rows)};
    if (set.contrast) same.contrast = set.contrast->of_rows(rows->rows);
    ExchangeRows other = same;
    other.donor = rows->other_value;
    return Donors{*std::move(rows), std::move(same), std::move(other)};
  }
};

/// The exchange of a whole component with donors of the same value and of another.
struct WholeExchange {
  at::Tensor effect;  ///< [n] float64: right with a donor of the same value, minus with one of another.
  double keep = 0;
  double moved = 0;  ///< With donors of another value.
};

WholeExchange whole_exchange(const ExchangeBench& same, const ExchangeBench& other) {
  const Outcomes with_same = same.whole(), with_other = other.whole();
  return {.effect = with_same.right.to(at::kDouble) - with_other.right.to(at::kDouble),
          .keep = share_of_rows(kept_answers(with_same, same.untouched())),
          .moved = moved(with_other, other.untouched(), other.untouched_donor()).share().value_or(0)};
}

/// The most rows that are right if the model gives one answer to all, as a share. Of two
/// continuations that differ from row to row, one is right by chance in half of the rows.
double accuracy_at_chance(const ExchangeRows& rows) {
  if (!rows.contrast) {
    return share_of_rows(rows.answers.eq(most_frequent(rows.answers)));
  }
  const double wins = share_of_rows(rows.answers.eq(rows.contrast->continuation));
  return wins == 1 ? .5 : std::max(wins, 1 - wins);
}

/// What some units carry: moved through them minus moved around them, over what the whole moves.
struct Carried {
  at::Tensor counted;  ///< [n_counted] int64: the rows that count, as Moved::counted.
  at::Tensor of_rows;  ///< [n_counted] float64: the difference in each of them.
  double carried = 0, left = 0;
};

Carried carried_by(const ExchangeBench& bench, const std::vector<at::Tensor>& members, double moved_whole) {
  const Moved through = moved(bench.through(members), bench.untouched(), bench.untouched_donor());
  const Moved around = moved(bench.around(members), bench.untouched(), bench.untouched_donor());
  const at::Tensor counted = through.counted.nonzero().squeeze(1);
  const at::Tensor difference = through.to_donor.to(at::kDouble) - around.to_donor.to(at::kDouble);
  return {.counted = counted,
          .of_rows = difference.index_select(0, counted) / moved_whole,
          .carried = through.share().value_or(0) / moved_whole,
          .left = around.share().value_or(0) / moved_whole};
}

}  // namespace

std::optional<Findings::Exchange> exchange_on(const Model& model, const RunData& data, const std::string& label,
                                              const Dataset& set, const Circuit& circuit,
                                              std::span<const Circuit> nulls, const NullHypothesis& null,
                                              const ExchangeOptions& options, Seed cell_seed,
                                              const OnProgress& on_progress) {
  const at::NoGradGuard no_gradients;
  const Seed seed = cell_seed.derive(label).derive("exchange");
  const size_t place = place_of(data, set);
  const ComponentRef component = circuit.component();
  const std::optional<Donors> donors =
      Donors::make(set, place, null.types, null.types.value, options, seed.derive("rows"));
  if (!donors) return std::nullopt;
  Progress progress{.what = "exchanges", .total = 2 + 2 * std::ssize(nulls) + options.n_controls + 1};
  const auto advance = [&] {
    ++progress.done;
    tell(on_progress, progress);
  };

  Findings::Exchange found{.data = label, .n_rows = donors->rows.rows.size(0)};
  const ExchangeBench same(model, component, circuit.unit, donors->same);
  const ExchangeBench other(model, component, circuit.unit, donors->other);
  found.untouched = share_of_rows(other.untouched().right);
  found.chance = accuracy_at_chance(donors->other);
  const WholeExchange whole = whole_exchange(same, other);
  found.keep = whole.keep;
  found.moved = whole.moved;
  found.effect.value = whole.effect.mean().item<double>();
  at::Generator halves = seed.derive("halves").generator();
  found.keep_halves = share_of_rows(
      kept_answers(same.through(draw_input_halves(circuit.matrices, circuit.unit, halves)), same.untouched()));
  advance();
  for (int64_t b = 0; b < null.variables.n(); ++b) {
    const std::optional<Donors> of_null =
        Donors::make(set, place, null.types, null.variables.values[b], options, seed.derive("rows"));
    if (!of_null) return std::nullopt;
    const WholeExchange null_whole = whole_exchange(ExchangeBench(model, component, circuit.unit, of_null->same),
                                                    ExchangeBench(model, component, circuit.unit, of_null->other));
    found.effect.nulls.push_back(null_whole.effect.mean().item<double>());
    found.null_moved += null_whole.moved / static_cast<double>(null.variables.n());
    advance();
  }
  /// @param most  the largest difference in a row.
  const auto interval = [&](const at::Tensor& of_rows, const at::Tensor& rows, double most,
                            std::vector<double> null_values) {
    const double null_mean = null_values.empty() ? 0 : spread(null_values).mean;
    if (null_values.size() < 2) null_values.clear();
    const at::Tensor types = null.types.of_rows[place].index_select(0, rows);
    return interval_over_types(type_means(of_rows - null_mean, types, null.types), null_values,
                               {-most - null_mean, most - null_mean});
  };
  found.effect.interval = interval(whole.effect, donors->rows.rows, 1, found.effect.nulls);

  if (found.moved < kLeastMoved || circuit.extent() != Extent::kPart) return found;
  const Carried own = carried_by(other, circuit.members, found.moved);
  found.carried = own.carried;
  found.left = own.left;
  found.units.value = own.of_rows.mean().item<double>();
  advance();
  at::Generator random = seed_of_random_sets(circuit).derive("exchange").generator();
  for (int64_t draw = 0; draw < options.n_controls; ++draw) {
    const std::vector<at::Tensor> members = draw_random_units(circuit.members, RandomSets::kUniform, random);
    found.units.nulls.push_back(carried_by(other, members, found.moved).of_rows.mean().item<double>());
    advance();
  }
  for (const Circuit& of_null : nulls) {
    found.units_of_nulls.push_back(carried_by(other, of_null.members, found.moved).of_rows.mean().item<double>());
    advance();
  }
  found.units.interval =
      interval(own.of_rows, donors->rows.rows.index_select(0, own.counted), 1 / found.moved, found.units.nulls);
  return found;
}

}  // namespace cprobe
