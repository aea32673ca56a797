#include "cprobe/report/verdict.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>

#include "cprobe/core/error.h"
#include "cprobe/core/name_of.h"
#include "cprobe/evaluate/statistics.h"

namespace cprobe {
namespace {

constexpr double kAlmostPerfect = 0.95;

std::string text_of(const Spread& figure) {
  return figure_text(figure.mean, figure.sd);
}

std::string percent(const Spread& share) {
  return share.sd ? fmt::format("{:.1f} ± {:.1f} %", 100 * share.mean, 100 * *share.sd)
                  : fmt::format("{:.1f} %", 100 * share.mean);
}

/// " in 2 of 3 repetitions"; empty for one cell.
std::string out_of(int64_t n, int64_t of) {
  return of == 1 ? std::string() : fmt::format(" in {} of {} repetitions", n, of);
}

/// What the search kept in repetitions without a circuit: "nothing in 1 of 3 repetitions,
/// everything in 2 of 3 repetitions".
std::string no_circuit(const ReportedFinding& f) {
  const int64_t n = f.n_cells();
  std::string text;
  if (f.n_empty > 0) text = fmt::format("nothing{}", out_of(f.n_empty, n));
  if (f.n_full > 0) text += fmt::format("{}everything{}", text.empty() ? "" : ", ", out_of(f.n_full, n));
  return text;
}

std::string circuit_sentence(const ReportedFinding& f) {
  const int64_t n = f.n_cells();
  switch (f.circuit) {
    case Answer::kYes:
      return fmt::format("A circuit of {} of the weights of {}.", percent(f.share), f.component());
    case Answer::kMixed:
      return fmt::format(
          "A circuit in some repetitions: the search for {} in {} kept {} (of the weights, over all: {}).", f.variable,
          f.component(), fmt::format("a part{}, {}", out_of(n - f.n_empty - f.n_full, n), no_circuit(f)),
          percent(f.share));
    default:
      return fmt::format("No circuit: the search for {} in {} kept {}.", f.variable, f.component(), no_circuit(f));
  }
}

std::string decoding_sentence(const ReportedFinding& f) {
  const std::string repetitions = f.n_cells() > 1 ? fmt::format(", mean ± sd over {} repetitions", f.n_cells()) : "";
  const std::string figures = fmt::format("kNN {}; whole component {}, majority baseline {:.3f}; n = {} tokens{}",
                                          text_of(f.knn), text_of(f.full), f.majority, f.n_tokens, repetitions);
  if (f.circuit == Answer::kNo) return fmt::format("There is no circuit to decode from ({}).", figures);
  switch (f.decodes) {
    case Answer::kYes:
      return fmt::format("It decodes {}{}{} ({}).", f.variable,
                         f.knn.mean >= kAlmostPerfect ? " almost perfectly" : ", but far from perfectly",
                         is_above(f.knn, f.full, f.n_tokens) ? ", better than the whole component does"
                                                             : ", no better than the whole component does",
                         figures);
    case Answer::kMixed:
      return fmt::format("It decodes {} in some repetitions ({}).", f.variable, figures);
    default:
      return fmt::format("It does not decode {} better than the majority baseline ({}).", f.variable, figures);
  }
}

/// "p = 0.048, adjusted for 8 cells (Holm) 0.381"; for several cells, the ranges of both.
std::string p_text(const ReportedAblation& a) {
  const auto text_of_all = [](const std::vector<double>& values, bool with_sign) {
    const auto [least, most] = std::ranges::minmax(values);
    const std::string first = p_number(least), last = p_number(most);
    if (first != last) return fmt::format("{}{} to {}", with_sign ? "from " : "", first, last);
    return with_sign && !first.starts_with('<') ? fmt::format("= {}", first) : first;
  };
  if (a.p.empty()) return {};
  std::string text = fmt::format("p {}", text_of_all(a.p, true));
  if (a.n_tests > 1) text += fmt::format(", adjusted for {} cells (Holm) {}", a.n_tests, text_of_all(a.p_holm, false));
  return text;
}

std::string dependence_words(const ReportedAblation& a) {
  switch (a.depends) {
    case Answer::kYes:
      return "The behaviour depends on it beyond random controls";
    case Answer::kMixed:
      return "The behaviour depends on it beyond random controls in some repetitions";
    case Answer::kBeforeAdjustment:
      return "The behaviour would depend on it beyond random controls if this were the only test, but not after p is "
             "adjusted";
    case Answer::kNo:
      return "There is no evidence that the behaviour depends on it beyond random controls";
    case Answer::kTooFewControls:
      return fmt::format(
          "Whether the behaviour depends on it beyond random controls cannot be told with {} random "
          "controls",
          a.n_controls);
    case Answer::kUntested:
      return "Whether the behaviour depends on it beyond random controls was not tested";
  }
  throw failure("unknown answer");
}

/// "with random circuits of its size ablated 0.700 ± 0.050". If only some cells have random
/// controls, says in how many, and what ablating their circuits leaves.
std::string random_text(const ReportedAblation& a) {
  std::string text = fmt::format("with random circuits of its size ablated {}", text_of(*a.random));
  if (a.n_controlled < a.n_cells) {
    text += fmt::format(" in the {} of {} repetitions that have them, where it is {} without the circuit",
                        a.n_controlled, a.n_cells, text_of(a.beside_random));
  }
  return text;
}

/// What ablated units see; empty for fill zero.
std::string_view input_words(Fill fill) {
  return name_of(fill, {"", "; ablated units see their mean input", "; ablated units see a resampled input"});
}

/// The data behind the figures: "99 controls; p = 0.010; n = 500 rows".
std::string basis_text(const ReportedAblation& a) {
  std::string text;
  if (a.n_cells > 1) text = fmt::format("mean ± sd over {} repetitions", a.n_cells);
  if (a.n_controls > 0) {
    text += fmt::format("{}{} controls{}", text.empty() ? "" : ", ", a.n_controls, a.n_cells > 1 ? " in each" : "");
  }
  if (!a.p.empty()) text += fmt::format("; {}", p_text(a));
  text += fmt::format("{}n = {} rows{}", text.empty() ? "" : "; ", a.n_rows, input_words(a.fill));
  for (const std::string& note : a.notes) text += fmt::format("; {}", note);
  return text;
}

/// "all 8 components", "3 of 8 components", "both components", "the only component".
std::string count_of(int64_t n, int64_t of, std::string_view thing) {
  if (n < of) return fmt::format("{} of {} {}s", n, of, thing);
  if (of == 1) return fmt::format("the only {}", thing);
  return of == 2 ? fmt::format("both {}s", thing) : fmt::format("all {} {}s", of, thing);
}

/// " in 2 of 3 components, in some repetitions in 1 more". @param preposition  " in ".
std::string where_of(std::string_view preposition, int64_t n_yes, int64_t n_mixed, int64_t of, std::string_view thing) {
  if (n_mixed == 0) return n_yes == 0 ? "" : fmt::format("{}{}", preposition, count_of(n_yes, of, thing));
  if (n_yes == 0) return fmt::format(" in some repetitions{}{}", preposition, count_of(n_mixed, of, thing));
  return fmt::format("{}{}, in some repetitions{}{} more", preposition, count_of(n_yes, of, thing), preposition,
                     n_mixed);
}

using FindingList = std::vector<const ReportedFinding*>;

FindingList with_circuit(const FindingList& findings) {
  FindingList with;
  std::ranges::copy_if(findings, std::back_inserter(with),
                       [](const ReportedFinding* f) { return f->circuit != Answer::kNo; });
  return with;
}

std::string decoding_verdict(const FindingList& with) {
  const ReportedFinding* best = *std::ranges::max_element(
      with, {}, [](const ReportedFinding* f) { return std::isnan(f->knn.mean) ? -1 : f->knn.mean; });
  const auto n_with = [&](Answer answer) { return std::ranges::count(with, answer, &ReportedFinding::decodes); };
  const int64_t n = std::ssize(with), n_yes = n_with(Answer::kYes), n_mixed = n_with(Answer::kMixed);
  const std::string figures = fmt::format("best in {}, kNN {}, whole component {}, majority baseline {:.3f}",
                                          best->component(), text_of(best->knn), text_of(best->full), best->majority);
  if (n_yes + n_mixed == 0) {
    return fmt::format("No circuit decodes {} better than the majority baseline ({}).", best->variable, figures);
  }
  return fmt::format("{} can be decoded{} ({}).", best->variable, where_of(" from ", n_yes, n_mixed, n, "circuit"),
                     figures);
}

/// Says which circuit's ablation harms most, compared with the mean of its random controls. Empty
/// if no circuit has random controls.
std::string strongest_verdict(const std::vector<std::pair<const ReportedFinding*, const ReportedAblation*>>& ablated) {
  const ReportedFinding* where = nullptr;
  const ReportedAblation* most = nullptr;
  for (const auto& [f, a] : ablated) {
    if (!a->harm() || a->p.empty()) continue;
    if (most == nullptr || *a->harm() > *most->harm()) std::tie(where, most) = std::pair(f, a);
  }
  if (most == nullptr) return {};
  if (!(*most->harm() > 0)) return " Nowhere did ablation harm more than random circuits.";
  return fmt::format(
      " The largest drop beyond random circuits is in {}: task accuracy on {} goes from {} to {}, {} ({}).",
      where->component(), most->data, text_of(most->untouched), text_of(most->ablated), random_text(*most),
      basis_text(*most));
}

}  // namespace

std::string finding_text(const ReportedFinding& finding) {
  return fmt::format("{} {}", circuit_sentence(finding), decoding_sentence(finding));
}

std::string dependence_text(const ReportedFinding& finding, const std::string& data) {
  if (finding.is_empty()) return {};
  const ReportedAblation* a = finding.on(data);
  if (a == nullptr) return fmt::format("It was not ablated to see whether the behaviour on {} depends on it.", data);
  const std::string change = fmt::format("ablating it takes task accuracy on {} from {} to {}", data,
                                         text_of(a->untouched), text_of(a->ablated));
  const std::string controls = a->random ? fmt::format(", {}", random_text(*a)) : "";
  return fmt::format("{} ({}{}; {}).", dependence_words(*a), change, controls, basis_text(*a));
}

std::string verdict_text(const FindingList& findings) {
  const int64_t n = std::ssize(findings);
  const FindingList with = with_circuit(findings);
  const int64_t n_yes = std::ranges::count(findings, Answer::kYes, &ReportedFinding::circuit);
  const int64_t n_mixed = std::ssize(with) - n_yes;
  const int64_t n_full =
      std::ranges::count_if(findings, [](const ReportedFinding* f) { return f->n_full == f->n_cells(); });
  const std::string full =
      n_full == 0 ? "" : fmt::format("; in {} the search kept everything", count_of(n_full, n, "component"));
  if (with.empty()) {
    return fmt::format("No circuit in {}: nothing was found that computes {}{}.",
                       n == 1 ? "the only component probed" : fmt::format("any of the {} components probed", n),
                       findings.front()->variable, full);
  }
  return fmt::format("A circuit{}{}. {}", where_of(" in ", n_yes, n_mixed, n, "component"), full,
                     decoding_verdict(with));
}

std::string dependence_verdict(const FindingList& findings, const std::string& data) {
  std::vector<std::pair<const ReportedFinding*, const ReportedAblation*>> ablated;
  for (const ReportedFinding* f : with_circuit(findings)) {
    if (const ReportedAblation* a = f->on(data)) ablated.emplace_back(f, a);
  }
  const auto n_with = [&](Answer answer) {
    return std::ranges::count_if(ablated, [&](const auto& pair) { return pair.second->depends == answer; });
  };
  const int64_t n = std::ssize(ablated) - n_with(Answer::kUntested);
  const int64_t n_yes = n_with(Answer::kYes), n_mixed = n_with(Answer::kMixed);
  const int64_t n_before = n_with(Answer::kBeforeAdjustment), n_few = n_with(Answer::kTooFewControls);
  if (with_circuit(findings).empty()) return {};
  if (n == 0)
    return fmt::format("Whether the behaviour on {} depends on them beyond random controls was not tested.", data);
  int64_t n_controls = 0;
  for (const auto& [f, a] : ablated) {
    if (a->depends == Answer::kTooFewControls) n_controls = std::max(n_controls, a->n_controls);
  }
  const std::string any = n == 1 ? "the only tested circuit" : fmt::format("any of {} tested circuits", n);
  const std::string not_told = fmt::format("cannot be told with {} random controls", n_controls);
  std::string text;
  if (n_yes > 0) {
    text = fmt::format("Beyond random controls the behaviour on {} depends on {}", data,
                       count_of(n_yes, n, "tested circuit"));
    if (n_mixed > 0) text += fmt::format(", in some repetitions on {} more", n_mixed);
  } else if (n_mixed > 0) {
    text = fmt::format("Beyond random controls the behaviour on {} depends in some repetitions on {}", data,
                       count_of(n_mixed, n, "tested circuit"));
  } else if (n_few == n) {
    text = fmt::format("Whether the behaviour on {} depends on {} beyond random controls {}", data, any, not_told);
  } else {
    text = fmt::format("There is no evidence that the behaviour on {} depends on {} beyond random controls", data, any);
  }
  if (n_before > 0) text += fmt::format("; it would on {} if p were not adjusted for the number of cells", n_before);
  if (n_few > 0 && n_few < n) text += fmt::format("; for {} it {}", n_few, not_told);
  return fmt::format("{}.{}", text, strongest_verdict(ablated));
}

}  // namespace cprobe
