#include "cprobe/probe/exchange.h"

#include <algorithm>

#include "cprobe/data/donors.h"
#include "cprobe/evaluate/controls.h"
#include "cprobe/evaluate/exchange_bench.h"
#include "cprobe/evaluate/exchange_effect.h"
#include "cprobe/evaluate/nearest_neighbours.h"
#include "cprobe/evaluate/paired_tries.h"

namespace cprobe {
namespace {

/// The rows of a data set that an exchange compares, and the donors of one variable.
struct Donors {
  DonorRows rows;
  ExchangeRows same, other;

  static std::optional<Donors> make(const Dataset& set, size_t place, const Types& types, const at::Tensor& values,
                                    const ExchangeOptions& options, Seed seed, DonorKind kind) {
    std::optional<DonorRows> rows = donor_rows(set, place, types, values, options.n_rows, seed, kind);
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

/// The donors of a variable and of its null variables, all of one kind.
struct DonorsOfAll {
  Donors own;
  std::vector<Donors> of_nulls;
};

int64_t n_types_among(const Donors& donors, const at::Tensor& types_of_rows) {
  return std::get<0>(at::_unique(types_of_rows.index_select(0, donors.rows.rows))).numel();
}

/// Takes the closest kind of donors that rows of enough types for an interval over types have, else
/// the closest that any rows have, with the variable and with each null variable.
std::optional<DonorsOfAll> closest_donors(const Dataset& set, size_t place, const NullHypothesis& null,
                                          const ExchangeOptions& options, Seed seed) {
  // An exchange judges one state of a row; whole continuations need several.
  if (options.n_rows == 0 || (set.contrast && set.contrast->whole)) return std::nullopt;
  std::optional<DonorsOfAll> closest;
  for (const DonorKind kind : donor_kinds(set, null.types)) {
    const auto make = [&](const at::Tensor& values) {
      return Donors::make(set, place, null.types, values, options, seed, kind);
    };
    std::optional<Donors> own = make(null.types.value);
    if (!own) continue;
    DonorsOfAll all{.own = *std::move(own)};
    for (int64_t b = 0; b < null.variables.n(); ++b) {
      if (std::optional<Donors> of_null = make(null.variables.values[b])) all.of_nulls.push_back(*std::move(of_null));
    }
    if (std::ssize(all.of_nulls) < null.variables.n()) continue;
    if (n_types_among(all.own, null.types.of_rows[place]) >= kLeastTypes) return all;
    if (!closest) closest = std::move(all);
  }
  return closest;
}

/// What the model answers if the whole component sees the donors.
struct WholeExchange {
  Outcomes outcomes;
  double moved = 0;  ///< Share of rows that give the donor's answer.

  static WholeExchange of(const ExchangeBench& bench) {
    WholeExchange whole{.outcomes = bench.whole()};
    whole.moved = cprobe::moved(whole.outcomes, bench.untouched(), bench.untouched_donor()).share().value_or(0);
    return whole;
  }
};

/// Right with a donor of the same value, minus right with one of another: [n] float64.
at::Tensor effect_of_value(const Outcomes& same, const Outcomes& other) {
  return same.right.to(at::kDouble) - other.right.to(at::kDouble);
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

/// Seeds rows, donors and halves of an exchange on one data set.
Seed seed_of_exchange(Seed cell, const std::string& label) {
  return cell.derive(label).derive("exchange");
}

}  // namespace

std::optional<at::Tensor> types_exchanged(const RunData& data, const std::string& label, const Dataset& set,
                                          const NullHypothesis& null, const ExchangeOptions& options, Seed cell_seed) {
  const size_t place = place_of(data, set);
  const std::optional<DonorsOfAll> all =
      closest_donors(set, place, null, options, seed_of_exchange(cell_seed, label).derive("rows"));
  if (!all) return std::nullopt;
  return null.types.of_rows[place].index_select(0, all->own.rows.rows);
}

int64_t nodes_exchanged(const RunData& data, const std::string& label, const Dataset& set, const NullHypothesis& null,
                        const ExchangeOptions& options, Seed cell_seed) {
  const std::optional<DonorsOfAll> all =
      closest_donors(set, place_of(data, set), null, options, seed_of_exchange(cell_seed, label).derive("rows"));
  if (!all) return 0;
  return paired_tries(all->own.other.base, all->own.other.donor, data.model.config.vocab).base.n_nodes();
}

std::optional<Findings::Exchange> exchange_on(const Model& model, const RunData& data, const std::string& label,
                                              const Dataset& set, const Circuit& circuit,
                                              std::span<const Circuit> nulls, const NullHypothesis& null,
                                              const ExchangeOptions& options, Seed cell_seed,
                                              const OnProgress& on_progress) {
  const at::NoGradGuard no_gradients;
  const Seed seed = seed_of_exchange(cell_seed, label);
  const size_t place = place_of(data, set);
  const ComponentRef component = circuit.component();
  const std::optional<DonorsOfAll> all = closest_donors(set, place, null, options, seed.derive("rows"));
  if (!all) return std::nullopt;
  const Donors& donors = all->own;
  Progress progress{.what = "exchanges", .total = 2 + 2 * std::ssize(nulls) + options.n_controls + 1};
  const auto advance = [&] {
    ++progress.done;
    tell(on_progress, progress);
  };

  Findings::Exchange found{.data = label, .n_rows = donors.rows.rows.size(0), .donors = donors.rows.kind};
  const ExchangeBench same(model, component, circuit.unit, donors.same);
  const ExchangeBench other(model, component, circuit.unit, donors.other);
  found.untouched = share_of_rows(other.untouched().right);
  found.chance = accuracy_at_chance(donors.other);
  const Outcomes with_same = same.whole();
  const WholeExchange with_other = WholeExchange::of(other);
  const at::Tensor effect = effect_of_value(with_same, with_other.outcomes);
  found.keep = share_of_rows(kept_answers(with_same, same.untouched()));
  found.moved = with_other.moved;
  found.effect.value = effect.mean().item<double>();
  at::Generator halves = seed.derive("halves").generator();
  found.keep_halves = share_of_rows(
      kept_answers(same.through(draw_input_halves(circuit.matrices, circuit.unit, halves)), same.untouched()));
  advance();
  for (const Donors& of_null : all->of_nulls) {
    const Outcomes null_same = ExchangeBench(model, component, circuit.unit, of_null.same).whole();
    // Other forms of the same noun are other values of each null variable too.
    const bool is_measured = of_null.other.base == donors.other.base && of_null.other.donor == donors.other.donor;
    const WholeExchange null_other =
        is_measured ? with_other : WholeExchange::of(ExchangeBench(model, component, circuit.unit, of_null.other));
    found.effect.nulls.push_back(effect_of_value(null_same, null_other.outcomes).mean().item<double>());
    found.null_moved += null_other.moved / static_cast<double>(null.variables.n());
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
  found.effect.interval = interval(effect, donors.rows.rows, 1, found.effect.nulls);

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
      interval(own.of_rows, donors.rows.rows.index_select(0, own.counted), 1 / found.moved, found.units.nulls);
  return found;
}

}  // namespace cprobe
