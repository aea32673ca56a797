#include "cprobe/report/phrases.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "cprobe/evaluate/statistics.h"

namespace cprobe {

std::string text_of(const Spread& figure) {
  return figure_text(figure.mean, figure.sd);
}

std::string of_each(const ReportedSet& on, const std::function<std::string(const JudgedFinding&)>& figure) {
  std::vector<std::string> figures;
  for (const AnswersOfRun& of : on.answers) figures.push_back(figure(of.judged));
  return fmt::format("{}", fmt::join(figures, ", "));
}

std::string number_text_of(double number) {
  const std::string text = fmt::format("{:.3f}", number);
  return text == "-0.000" ? "0.000" : text;
}

std::string number_or_dash(const std::optional<double>& number) {
  return number && std::isfinite(*number) ? number_text_of(*number) : "-";
}

std::string p_text(const std::string& numbers, int64_t n_findings) {
  return fmt::format("p {}{}{}", numbers.starts_with('<') ? "" : "= ", numbers,
                     n_findings > 1 ? fmt::format(" adjusted for {} findings", n_findings) : "");
}

std::string p_words(const ReportedSet& on, Question question, std::string_view above, std::string_view nulls) {
  int64_t n_findings = 0;
  for (const AnswersOfRun& of : on.answers) {
    const JudgedQuestion& asked = of.judged.*question;
    if (asked.shown_p_adjusted()) n_findings = std::max(n_findings, asked.n_findings);
  }
  if (n_findings == 0) return {};
  const std::string numbers = of_each(on, [&](const JudgedFinding& judged) {
    const std::optional<double> p = (judged.*question).shown_p_adjusted();
    return p ? p_number(*p) : std::string("-");
  });
  std::string text = joined({p_text(numbers, n_findings), rank_words(on, question, above, nulls)}, ", ");
  const bool has_q =
      std::ranges::any_of(on.answers, [&](const AnswersOfRun& of) { return (of.judged.*question).q.has_value(); });
  if (has_q) {
    text += fmt::format(", q = {}",
                        of_each(on, [&](const JudgedFinding& judged) { return number_or_dash((judged.*question).q); }));
  }
  return text;
}

std::string rank_words(const ReportedSet& on, Question question, std::string_view above, std::string_view nulls) {
  const auto rank = [](const JudgedQuestion& asked) {
    return std::ranges::count_if(asked.nulls, [&](double null) { return *asked.statistic > null + kTie; });
  };
  const bool has_all = std::ranges::all_of(on.answers, [&](const AnswersOfRun& of) {
    const JudgedQuestion& asked = of.judged.*question;
    return asked.shown_p_adjusted() && asked.statistic && !asked.nulls.empty();
  });
  if (!has_all) return {};
  const JudgedQuestion& first = on.answers.front().judged.*question;
  const bool above_all = std::ranges::all_of(on.answers, [&](const AnswersOfRun& of) {
    const JudgedQuestion& asked = of.judged.*question;
    return asked.nulls.size() == first.nulls.size() && rank(asked) == std::ssize(asked.nulls);
  });
  const std::string ranks = of_each(on, [&](const JudgedFinding& judged) {
    const JudgedQuestion& asked = judged.*question;
    return fmt::format("{} of {}", rank(asked), asked.nulls.size());
  });
  return fmt::format("{} {} {}", above, above_all ? fmt::format("all {}", first.nulls.size()) : ranks, nulls);
}

std::string sd_words(const ReportedSet& on, Question question, std::string_view nulls) {
  const bool has_sd = std::ranges::any_of(
      on.answers, [&](const AnswersOfRun& of) { return (of.judged.*question).null_sd.has_value(); });
  if (!has_sd) return {};
  return fmt::format("± sd of the {}{}", nulls, on.answers.size() > 1 ? " of each" : "");
}

std::string size_words(const JudgedQuestion& question) {
  if (!question.lower || !question.upper) return {};
  switch (question.answer) {
    case VerdictWord::kYes:
    case VerdictWord::kPartly:
      return fmt::format("at least {}", number_text_of(*question.lower));
    case VerdictWord::kNo:
    case VerdictWord::kSmall:
    case VerdictWord::kReceived:
      return fmt::format("at most {}", number_text_of(*question.upper));
    default:
      return fmt::format("{} to {}", number_text_of(*question.lower), number_text_of(*question.upper));
  }
}

std::string over_models_words(const ReportedSet& on, Question question) {
  const OverModels* over = on.over(question);
  if (over == nullptr) return {};
  return over->replication ? p_words(*over->replication) : fmt::format("not tested over models, as {}", over->why_not);
}

std::string interval_over_models_words(const ReportedSet& on, Question question) {
  const OverModels* over = on.over(question);
  if (over == nullptr || !over->replication || !over->replication->interval) return {};
  const Interval& interval = *over->replication->interval;
  return fmt::format("{} to {} over models{}", number_text_of(interval.lower), number_text_of(interval.upper),
                     interval.is_approximate ? ", approximate" : "");
}

std::string types_words(const JudgedFinding& judged, const JudgedQuestion& question) {
  if (question.n_types == 0) return {};
  return fmt::format("over {} types{}{}{}", question.n_types, judged.n_held_out > 0 ? " that no mask saw" : "",
                     judged.types == "each row" ? " (each row is one)" : "",
                     question.is_approximate ? ", approximate" : "");
}

std::string joined(std::vector<std::string> texts, std::string_view separator) {
  std::erase(texts, "");
  return fmt::format("{}", fmt::join(texts, separator));
}

std::string in_parentheses(const std::string& text) {
  return text.empty() ? std::string() : fmt::format(" ({})", text);
}

std::string presence_figures(const ReportedSet& on) {
  const JudgedFinding& first = on.answers.front().judged;
  const bool has_nulls =
      std::ranges::any_of(on.answers, [](const AnswersOfRun& of) { return of.judged.present.null_mean.has_value(); });
  std::string text =
      fmt::format("accuracy on other types {}",
                  of_each(on, [](const JudgedFinding& judged) { return number_or_dash(judged.present.statistic); }));
  if (has_nulls) {
    text += fmt::format(", null circuits {}", of_each(on, [](const JudgedFinding& judged) {
                          const JudgedQuestion& present = judged.present;
                          return present.null_mean ? figure_text(*present.null_mean, present.null_sd) : "-";
                        }));
  }
  const std::string sd = sd_words(on, &JudgedFinding::present, "null circuits");
  const std::string p = p_words(on, &JudgedFinding::present, "above", "null circuits");
  if (on.answers.size() > 1) {
    const std::string over = interval_over_models_words(on, &JudgedFinding::present);
    return text + in_parentheses(joined({sd, joined({p, over.empty() ? "" : over + " above their mean"}, ", ")}, "; "));
  }
  const std::string size = size_words(first.present);
  const std::string types = types_words(first, first.present);
  return text +
         in_parentheses(joined({sd, joined({p, size.empty() ? "" : size + " above their mean", types}, ", ")}, "; "));
}

std::string beside_nulls(const ReportedSet& on, Question question, std::string_view nulls) {
  const std::string text = fmt::format(
      "{}, {} {}",
      of_each(on, [&](const JudgedFinding& judged) { return number_or_dash((judged.*question).statistic); }), nulls,
      of_each(on, [&](const JudgedFinding& judged) {
        const JudgedQuestion& asked = judged.*question;
        return asked.null_mean ? figure_text(*asked.null_mean, asked.null_sd) : std::string("-");
      }));
  const JudgedFinding& first = on.answers.front().judged;
  const std::string size = on.answers.size() == 1 ? size_words(first.*question) : "";
  const std::string over = interval_over_models_words(on, question);
  const std::string p = joined({p_words(on, question, "above", nulls), size.empty() ? "" : size + " above their mean",
                                over.empty() ? "" : over + " above their mean"},
                               ", ");
  return text + in_parentheses(joined({sd_words(on, question, nulls), p}, "; "));
}

std::string share_of_each(const ReportedSet& on, std::optional<double> JudgedFinding::*share) {
  return of_each(on, [&](const JudgedFinding& judged) { return number_or_dash(judged.*share); });
}

std::string sites_text(const std::vector<std::string>& sites) {
  constexpr size_t kMostNames = 6;
  return sites.size() > kMostNames ? fmt::format("{} components", sites.size())
                                   : fmt::format("{}", fmt::join(sites, ", "));
}

bool is_present_somewhere(const ReportedSet& on) {
  return std::ranges::any_of(on.answers, [](const AnswersOfRun& of) { return is_present(of.judged); });
}

std::string answer_counts(const ReportedFinding& f, const ReportedSet& on, Question question) {
  if (on.answers.size() == 1) return answer_word(on.answers.front().judged, question);
  std::vector<std::pair<std::string, int64_t>> counts;
  for (const AnswersOfRun& of : on.answers) {
    const std::string word = answer_word(of.judged, question);
    auto found = std::ranges::find(counts, word, &std::pair<std::string, int64_t>::first);
    if (found == counts.end()) found = counts.emplace(counts.end(), word, 0);
    ++found->second;
  }
  std::vector<std::string> texts;
  texts.reserve(counts.size());
  for (const auto& [word, n] : counts) texts.push_back(fmt::format("{} in {}", word, n));
  return fmt::format("{} of {} {}s", fmt::join(texts, ", "), on.answers.size(), f.run_noun);
}

std::string answers_text(const ReportedFinding& f, const ReportedSet& on, Question question) {
  std::string text;
  const JudgedFinding& judged = on.answers.front().judged;
  if (on.answers.size() > 1) {
    text = answer_counts(f, on, question);
  } else if (question == &JudgedFinding::made_here && judged.made_here.answer == VerdictWord::kReceived) {
    text = fmt::format("{} from {}", answer_word(judged, question), judged.received_from);
  } else {
    text = question == &JudgedFinding::made_here ? answer_word(judged, question) : answer_words(judged, question);
  }
  return joined({text, over_models_words(on, question)}, ", ");
}

}  // namespace cprobe
