#include "cli/ablation_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cprobe/core/text_table.h"

namespace cprobe {
namespace {

using Json = nlohmann::ordered_json;
using Lines = std::vector<std::vector<std::string>>;

std::string decimals(double value) {
  return fmt::format("{:.4f}", value);
}

std::string with_sd(const Spread& figure) {
  return figure_text(figure.mean, figure.sd, 4);
}

/// Significant digits, as divergences differ by orders of magnitude.
std::string divergence_text(const Spread& figure) {
  return figure.sd ? fmt::format("{:.3g} ± {:.2g}", figure.mean, *figure.sd) : fmt::format("{:.3g}", figure.mean);
}

Json sd_of(const Spread& figure) {
  return figure.sd ? Json(*figure.sd) : Json();
}

Json to_json(const std::string& label, const AblationResult& r) {
  Json line = {{"data", label},         {"target", to_string(r.target)},  {"fill", to_string(r.fill)},
               {"matrix", r.matrix},    {"accuracy", r.accuracy.mean},    {"sd", sd_of(r.accuracy)},
               {"draws", r.accuracy.n}, {"p", r.p ? Json(*r.p) : Json()}, {"note", r.note()}};
  if (r.effect) {
    line["log_probability"] = r.effect->log_probability.mean;
    line["log_probability_sd"] = sd_of(r.effect->log_probability);
    line["kl_divergence"] = r.effect->divergence.mean;
    line["kl_divergence_sd"] = sd_of(r.effect->divergence);
  }
  return line;
}

}  // namespace

std::string ablations_table(const std::vector<Findings::OnEvaluationSet>& evaluation_sets) {
  const bool effects =
      std::ranges::any_of(evaluation_sets, [](const auto& on) { return on.untouched_log_probability.has_value(); });
  const auto line = [&](std::vector<std::string> first, const std::vector<std::string>& of_effects,
                        const std::string& last) {
    if (effects) first.insert(first.end(), of_effects.begin(), of_effects.end());
    first.push_back(last);
    return first;
  };
  Lines lines = {
      line({"data", "ablated", "matrix", "fill", "accuracy", "p"}, {"log probability", "KL divergence"}, "note")};
  for (const Findings::OnEvaluationSet& on : evaluation_sets) {
    lines.push_back(line({on.label, "nothing", "", "", decimals(on.untouched), ""},
                         {decimals(on.untouched_log_probability.value_or(0)), ""}, ""));
    for (const AblationResult& r : on.ablations) {
      std::string accuracy = with_sd(r.accuracy);
      if (r.accuracy.sd) accuracy += fmt::format(" (n = {})", r.accuracy.n);
      const EffectSpread effect = r.effect.value_or(EffectSpread());
      lines.push_back(line({on.label, std::string(to_string(r.target)), r.matrix, std::string(to_string(r.fill)),
                            accuracy, r.p ? p_number(*r.p) : ""},
                           {with_sd(effect.log_probability), divergence_text(effect.divergence)}, r.note()));
    }
  }
  return text_table(lines);
}

std::string ablations_json(const std::vector<Findings::OnEvaluationSet>& evaluation_sets) {
  std::string lines;
  for (const Findings::OnEvaluationSet& on : evaluation_sets) {
    Json untouched = {{"data", on.label}, {"target", "none"}, {"accuracy", on.untouched}, {"n_rows", on.n_rows}};
    if (on.untouched_log_probability) untouched["log_probability"] = *on.untouched_log_probability;
    lines += untouched.dump() + "\n";
    for (const AblationResult& result : on.ablations) lines += to_json(on.label, result).dump() + "\n";
  }
  return lines;
}

std::string next_tokens_table(const NextTokens& untouched, const NextTokens& ablated) {
  Lines lines = {{"untouched", "logit", "probability", "circuit ablated", "logit", "probability"}};
  const auto add = [&](const NextToken& before, const NextToken& now) {
    lines.push_back({before.token, decimals(before.logit), decimals(before.probability), now.token, decimals(now.logit),
                     decimals(now.probability)});
  };
  for (size_t i = 0; i < untouched.top.size(); ++i) add(untouched.top[i], ablated.top[i]);
  std::string text = text_table(lines);
  if (untouched.of.empty()) return text;
  lines.resize(1);
  for (size_t i = 0; i < untouched.of.size(); ++i) add(untouched.of[i], ablated.of[i]);
  return text + "\n" + text_table(lines);
}

}  // namespace cprobe
