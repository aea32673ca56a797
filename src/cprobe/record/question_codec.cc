#include "cprobe/record/question_codec.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "cprobe/evaluate/statistics.h"
#include "cprobe/evaluate/tested_metric.h"
#include "cprobe/record/metric_names.h"

namespace cprobe {
namespace {

using Figure = std::optional<double>;

constexpr const char* kFullComponent = "full model";

// Question 1. The metrics of one data set follow one another, in the order below.
constexpr std::string_view kMadeHere = "made_here";
constexpr const char* kNullWeights = "null_circuit_weights";
constexpr const char* kHeldOut = "held_out_types";
constexpr const char* kNullCircuits = "null circuits";
const std::string kInputControl = "input at ";

void encode_presence(std::vector<Metric>& list, const Findings& f) {
  if (!f.types.empty()) {
    // The figure is the number of null variables; the note says what types and null variables are.
    const std::string note = f.null_kind.empty() ? f.types : fmt::format("{}; {}", f.types, f.null_kind);
    Metric types{.metric = kNullWeights, .value = static_cast<double>(f.null_weights.size()), .note = note};
    for (const int64_t n : f.null_weights) types.draws.push_back(static_cast<double>(n));
    list.push_back(types);
  }
  if (f.n_held_out > 0) {
    list.push_back({.metric = kHeldOut, .value = static_cast<double>(f.n_held_out), .n = f.n_held_out});
  }
  const auto add = [&](std::string_view name, const std::string& data, const TestedFigure& tested) -> Metric& {
    return list.emplace_back(tested_metric(fmt::format("{} {}", name, data), tested));
  };
  for (const Findings::Presence& on : f.presence) {
    add(kOtherTypes, on.data, on.present);
    list.push_back({.metric = list.back().metric, .value = on.whole, .n = list.back().n, .control = kFullComponent});
    for (const Findings::Presence::Input& input : on.inputs) {
      list.push_back({.metric = fmt::format("{} {}", kOtherTypes, on.data),
                      .value = input.accuracy,
                      .n = on.present.interval.n_types,
                      .control = fmt::format("{}{}", kInputControl, input.position),
                      .draws = input.nulls});
    }
    add(kMadeHere, on.data, on.made_here).control = kInputControl + on.received_from;
  }
}

/// Reads a metric of question 1. @return whether it is one.
bool decode_presence(Findings& f, const Metric& m) {
  if (m.metric == kNullWeights) {
    const size_t end = m.note.find("; ");
    f.types = m.note.substr(0, end);
    if (end != std::string::npos) f.null_kind = m.note.substr(end + 2);
    for (const double n : m.draws) f.null_weights.push_back(std::llround(n));
    return true;
  }
  if (m.metric == kHeldOut) {
    f.n_held_out = m.n;
    return true;
  }
  const std::string other_types = fmt::format("{} ", kOtherTypes), made_here = fmt::format("{} ", kMadeHere);
  if (m.metric.starts_with(other_types)) {
    if (m.control.empty()) {
      f.presence.push_back({.data = m.metric.substr(other_types.size()), .present = tested_figure(m)});
    } else if (f.presence.empty()) {
      return true;
    } else if (m.control == kFullComponent) {
      f.presence.back().whole = m.value;
    } else if (m.control.starts_with(kInputControl)) {
      f.presence.back().inputs.push_back({m.control.substr(kInputControl.size()), m.value, m.draws});
    }
    return true;
  }
  if (!m.metric.starts_with(made_here) || f.presence.empty()) return m.metric.starts_with(made_here);
  f.presence.back().made_here = tested_figure(m);
  f.presence.back().received_from = m.control.substr(std::min(m.control.size(), kInputControl.size()));
  return true;
}

// Questions 3 and 4. The metrics of one data set follow one another, in the order below.
constexpr std::string_view kExchange = "exchange_effect", kUnits = "exchange_units";
constexpr std::string_view kExchangeFigure = "exchange_";
constexpr const char* kHalves = "random halves of the input units";
constexpr const char* kNullVariables = "null variables";
constexpr const char* kOneAnswer = "one answer to all";
constexpr std::string_view kDonors = "donors: ";  ///< In the effect's note; absent for tokens.

/// A figure of Findings::Exchange that is a number by itself.
struct ExchangeFigure {
  std::string_view name;  ///< Of the metric, without the data set.
  const char* control;
  double Findings::Exchange::*figure;
};
constexpr std::string_view kUntouched = "exchange_untouched", kLeft = "exchange_left";
constexpr std::array kExchangeFigures = {
    ExchangeFigure{kUntouched, "", &Findings::Exchange::untouched},
    ExchangeFigure{kUntouched, kOneAnswer, &Findings::Exchange::chance},
    ExchangeFigure{"exchange_keep", "", &Findings::Exchange::keep},
    ExchangeFigure{"exchange_keep", kHalves, &Findings::Exchange::keep_halves},
    ExchangeFigure{"exchange_moved", "", &Findings::Exchange::moved},
    ExchangeFigure{"exchange_moved", kNullVariables, &Findings::Exchange::null_moved}};
constexpr std::array<std::pair<std::string_view, Figure Findings::Exchange::*>, 2> kExchangeShares = {
    {{"exchange_carried", &Findings::Exchange::carried}, {kLeft, &Findings::Exchange::left}}};

/// The kind of donors that a note names.
DonorKind donors_of(const std::string& note) {
  const size_t begin = note.find(kDonors);
  if (begin == std::string::npos) return DonorKind::kTokens;
  const std::string name = note.substr(begin + kDonors.size());
  const auto* found = std::ranges::find(kAllDonorKinds, name, [](DonorKind kind) { return to_string(kind); });
  return found == kAllDonorKinds.end() ? DonorKind::kTokens : *found;
}

void encode_exchange(std::vector<Metric>& list, const Findings::Exchange& on) {
  const auto add = [&](std::string_view name, double value, const char* control = "") -> Metric& {
    list.push_back({.metric = fmt::format("{} {}", name, on.data), .value = value, .n = on.n_rows, .control = control});
    return list.back();
  };
  const auto add_tested = [&](std::string_view name, const TestedFigure& tested) {
    Metric& metric = add(name, tested.value);
    metric = with_interval(metric, tested.interval);
    metric.draws = tested.nulls;
  };
  add_tested(kExchange, on.effect);
  if (on.donors != DonorKind::kTokens) {
    std::string& note = list.back().note;
    note = fmt::format("{}{}{}{}", note, note.empty() ? "" : "; ", kDonors, to_string(on.donors));
  }
  for (const ExchangeFigure& f : kExchangeFigures) add(f.name, on.*f.figure, f.control);
  for (const auto& [name, share] : kExchangeShares) {
    if (on.*share) add(name, *(on.*share));
  }
  add_tested(kUnits, on.units);
  Metric& nulls = add(kUnits, on.units_of_nulls.empty() ? 0 : spread(on.units_of_nulls).mean, kNullCircuits);
  nulls.draws = on.units_of_nulls;
}

/// Reads a metric of questions 3 and 4. @return whether it is one.
bool decode_exchange(Findings& f, const Metric& m) {
  if (!m.metric.starts_with(kExchangeFigure)) return false;
  const size_t space = m.metric.find(' ');
  const std::string name = m.metric.substr(0, space);
  if (name == kExchange) {
    f.exchanges.push_back({.data = space == std::string::npos ? "" : m.metric.substr(space + 1),
                           .donors = donors_of(m.note),
                           .effect = tested_figure(m)});
    return true;
  }
  if (f.exchanges.empty()) return true;
  Findings::Exchange& on = f.exchanges.back();
  for (const ExchangeFigure& figure : kExchangeFigures) {
    if (name != figure.name || m.control != figure.control) continue;
    on.*figure.figure = m.value;
    on.n_rows = m.n;
  }
  for (const auto& [share_name, share] : kExchangeShares) {
    if (name == share_name) on.*share = m.value;
  }
  if (name == kUnits) {
    if (m.control.empty()) {
      on.units = tested_figure(m);
    } else {
      on.units_of_nulls = m.draws;
    }
  }
  return true;
}

}  // namespace

void encode_questions(std::vector<Metric>& list, const Findings& findings) {
  encode_presence(list, findings);
  for (const Findings::Exchange& on : findings.exchanges) encode_exchange(list, on);
}

bool decode_question(Findings& findings, const Metric& metric) {
  return decode_presence(findings, metric) || decode_exchange(findings, metric);
}

std::string_view question_is_of(std::string_view figure, std::string_view control) {
  if (figure == kMadeHere) return to_string(AblationTarget::kCircuit);
  if (figure == kNullWeights) return kNullCircuits;
  if (!figure.starts_with(kExchangeFigure) || !control.empty()) return {};
  if (figure == kUntouched) return "untouched";
  if (figure == kLeft) return to_string(AblationTarget::kComplement);
  const bool is_of_circuit = figure == kUnits || figure == kExchangeShares.front().first;
  return to_string(is_of_circuit ? AblationTarget::kCircuit : AblationTarget::kComponent);
}

}  // namespace cprobe
