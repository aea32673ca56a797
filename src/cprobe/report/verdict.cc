#include "cprobe/report/verdict.h"

#include <algorithm>

#include "cprobe/core/error.h"
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

/// " in 2 of 3 models"; empty for one cell.
std::string out_of(int64_t n, int64_t of) {
  return of == 1 ? std::string() : fmt::format(" in {} of {} repetitions", n, of);
}

std::string circuit_sentence(const Finding& f) {
  const int64_t n = f.n_cells();
  if (f.n_empty == n) {
    return fmt::format("No circuit{}: the search for {} ends with nothing in {}.", out_of(n, n), f.variable,
                       f.component());
  }
  if (f.n_full == n) return fmt::format("The circuit in {} is the whole component{}.", f.component(), out_of(n, n));
  std::string text = fmt::format("A circuit of {} of the weights of {}", percent(f.share), f.component());
  if (f.n_empty > 0) text += fmt::format(" (none{})", out_of(f.n_empty, n));
  if (f.n_full > 0) text += fmt::format(" (the whole component{})", out_of(f.n_full, n));
  return text + ".";
}

std::string decoding_sentence(const Finding& f) {
  const std::string figures = fmt::format("kNN {}; whole component {}, majority class {:.3f}; n = {} tokens",
                                          text_of(f.knn), text_of(f.full), f.majority, f.n_tokens);
  if (f.circuit == Answer::kNo) return fmt::format("There is nothing to decode from ({}).", figures);
  switch (f.decodes) {
    case Answer::kYes:
      return fmt::format("It decodes {}{}{} ({}).", f.variable,
                         f.knn.mean >= kAlmostPerfect ? " almost perfectly" : ", but far from perfectly",
                         is_above(f.knn, f.full, f.n_tokens) ? ", better than the whole component does" : "", figures);
    case Answer::kMixed:
      return fmt::format("It decodes {} in some repetitions only ({}).", f.variable, figures);
    default:
      return fmt::format("It does not decode {} better than the majority class ({}).", f.variable, figures);
  }
}

/// "p = 0.048 (Holm over 8 cells 0.381)"; of several cells the range.
std::string p_text(const FindingAblation& a) {
  const auto range = [](const std::vector<double>& values) {
    const auto [least, most] = std::ranges::minmax(values);
    return least == most ? fmt::format("{:.3f}", least) : fmt::format("{:.3f} to {:.3f}", least, most);
  };
  if (a.p.empty()) return {};
  std::string text = fmt::format("p = {}", range(a.p));
  if (a.n_tests > 1) text += fmt::format(", adjusted for {} cells (Holm) {}", a.n_tests, range(a.p_holm));
  return text;
}

std::string_view dependence_words(Answer depends) {
  switch (depends) {
    case Answer::kYes:
      return "The behaviour depends on it beyond random controls";
    case Answer::kMixed:
      return "The behaviour depends on it beyond random controls in some repetitions only";
    case Answer::kBeforeAdjustment:
      return "The behaviour would depend on it beyond random controls if this were the only test, but not after p is "
             "adjusted";
    case Answer::kNo:
      return "The behaviour does not depend on it beyond random controls";
    case Answer::kUntested:
      return "Whether the behaviour depends on it beyond random controls was not tested";
  }
  throw failure("unknown answer");
}

std::string dependence_sentence(const Finding& f) {
  if (f.circuit == Answer::kNo) return "There is nothing to delete.";
  if (f.ablations.empty()) return "It was not deleted to see whether the behaviour depends on it.";
  const FindingAblation& a = f.ablations.front();
  const std::string change = fmt::format("deleting it takes task accuracy on {} from {} to {}", a.data,
                                         text_of(a.vanilla), text_of(a.ablated));
  std::string controls;
  if (a.random) {
    controls = fmt::format("; {} random circuits of its size{}: {}; {}", a.n_controls,
                           f.n_cells() > 1 ? " in each repetition" : "", text_of(*a.random), p_text(a));
  }
  const std::string figures = fmt::format("({}{}; n = {} rows)", change, controls, a.n_rows);
  return fmt::format("{} {}.", dependence_words(a.depends), figures);
}

/// "all 8 components", "3 of 8 components", "both components", "the only component".
std::string count_of(int64_t n, int64_t of, std::string_view thing) {
  if (n < of) return fmt::format("{} of {} {}s", n, of, thing);
  if (of == 1) return fmt::format("the only {}", thing);
  return of == 2 ? fmt::format("both {}s", thing) : fmt::format("all {} {}s", of, thing);
}

using FindingList = std::vector<const Finding*>;

std::string decoding_verdict(const FindingList& with) {
  const Finding* best = *std::ranges::max_element(with, {}, [](const Finding* f) { return f->knn.mean; });
  const auto n = static_cast<int64_t>(with.size());
  const int64_t n_decoding = std::ranges::count_if(with, [](const Finding* f) { return f->decodes == Answer::kYes; });
  const std::string figures =
      fmt::format("best in {}, kNN {}, majority class {:.3f}", best->component(), text_of(best->knn), best->majority);
  if (n_decoding == 0) {
    return fmt::format("No circuit decodes {} better than the majority class ({}).", best->variable, figures);
  }
  return fmt::format("{} can be decoded from {} ({}).", best->variable, count_of(n_decoding, n, "circuit"), figures);
}

Answer dependence_of(const Finding& f) {
  return f.ablations.empty() ? Answer::kUntested : f.ablations.front().depends;
}

std::string dependence_verdict(const FindingList& with) {
  const auto n_with = [&](Answer answer) {
    return std::ranges::count_if(with, [&](const Finding* f) { return dependence_of(*f) == answer; });
  };
  const auto n = static_cast<int64_t>(with.size()) - n_with(Answer::kUntested);
  if (n == 0) return "Whether the behaviour depends on them beyond random controls was not tested.";
  const int64_t n_yes = n_with(Answer::kYes);
  std::string text =
      fmt::format("Beyond random controls the behaviour depends on {}",
                  n_yes == 0 ? fmt::format("none of {} tested", n) : count_of(n_yes, n, "tested circuit"));
  if (n_with(Answer::kMixed) > 0) text += fmt::format(", on {} in some repetitions", n_with(Answer::kMixed));
  if (n_with(Answer::kBeforeAdjustment) > 0) {
    text += fmt::format(", on {} if p were not adjusted for the number of cells", n_with(Answer::kBeforeAdjustment));
  }
  return fmt::format("{}.", text);
}

/// Where deletion harms most beyond the mean of the controls; empty where nothing has controls.
std::string strongest_verdict(const FindingList& with) {
  const auto harm = [](const Finding* f) {
    const FindingAblation& a = f->ablations.front();
    return a.random->mean - a.ablated.mean;
  };
  const Finding* strongest = nullptr;
  for (const Finding* f : with) {
    if (f->ablations.empty() || f->ablations.front().p.empty() || !f->ablations.front().random) continue;
    if (strongest == nullptr || harm(f) > harm(strongest)) strongest = f;
  }
  if (strongest == nullptr) return {};
  const FindingAblation& a = strongest->ablations.front();
  return fmt::format(
      " Most in {}: task accuracy on {} falls from {} to {}, with random circuits deleted to {} (N = {}; {}; n = {} "
      "rows).",
      strongest->component(), a.data, text_of(a.vanilla), text_of(a.ablated), text_of(*a.random), a.n_controls,
      p_text(a), a.n_rows);
}

}  // namespace

std::string finding_text(const Finding& finding) {
  std::string text = fmt::format("{} {}", circuit_sentence(finding), decoding_sentence(finding));
  if (finding.circuit != Answer::kNo) text += fmt::format(" {}", dependence_sentence(finding));
  return text;
}

std::string verdict_text(const std::vector<const Finding*>& findings) {
  const auto n = static_cast<int64_t>(findings.size());
  FindingList with;
  std::ranges::copy_if(findings, std::back_inserter(with), [](const Finding* f) { return f->circuit != Answer::kNo; });
  if (with.empty()) {
    return fmt::format("No circuit in {}: nothing was found that computes {}.",
                       n == 1 ? "the only component probed" : fmt::format("any of the {} components probed", n),
                       findings.front()->variable);
  }
  return fmt::format("A circuit in {}. {} {}{}", count_of(static_cast<int64_t>(with.size()), n, "component"),
                     decoding_verdict(with), dependence_verdict(with), strongest_verdict(with));
}

}  // namespace cprobe
