#include "cprobe/reproduce/published_exp4.h"

#include <algorithm>
#include <array>

namespace cprobe {
namespace {

constexpr std::string_view kSmall = "GPT-2 small", kMedium = "GPT-2 medium";
constexpr std::array<PublishedModel, 2> kModels = {{{kSmall, 12, 768}, {kMedium, 24, 1024}}};

struct PublishedUntouched {
  std::string_view model;
  PaperTask task;
  std::string_view set;
  double accuracy;
};
constexpr std::array<PublishedUntouched, 9> kUntouched = {{
    {kSmall, PaperTask::kAgreement, "IID", .945},
    {kSmall, PaperTask::kAgreement, "Gen", .909},
    {kSmall, PaperTask::kReflexive, "Male IID", .850},
    {kSmall, PaperTask::kReflexive, "Male Gen", .708},
    {kSmall, PaperTask::kReflexive, "Female IID", .726},
    {kSmall, PaperTask::kReflexive, "Female Gen", .554},
    {kSmall, PaperTask::kSyntacticNumber, "IID", .953},
    {kMedium, PaperTask::kAgreement, "IID", .975},
    {kMedium, PaperTask::kAgreement, "Gen", .937},
}};

struct Ablation {
  std::string_view model;
  PaperTask task;
  ComponentRef component;
  std::string_view set;
  double ablated;
  double random;
};
constexpr std::array<Ablation, 11> kAblations = {{
    {kSmall, PaperTask::kAgreement, {5, Block::kAttention}, "Gen", .785, .889},
    {kSmall, PaperTask::kAgreement, {6, Block::kAttention}, "IID", .819, .950},
    {kSmall, PaperTask::kAgreement, {6, Block::kAttention}, "Gen", .719, .902},
    {kSmall, PaperTask::kAgreement, {7, Block::kAttention}, "Gen", .816, .922},
    {kSmall, PaperTask::kReflexive, {6, Block::kAttention}, "Male IID", .770, .874},
    {kSmall, PaperTask::kReflexive, {6, Block::kAttention}, "Male Gen", .655, .759},
    {kSmall, PaperTask::kSyntacticNumber, {0, Block::kMlp}, "IID", .512, .926},
    {kSmall, PaperTask::kSyntacticNumber, {8, Block::kMlp}, "IID", .726, .947},
    {kSmall, PaperTask::kSyntacticNumber, {10, Block::kMlp}, "IID", .858, .951},
    {kMedium, PaperTask::kAgreement, {18, Block::kAttention}, "IID", .955, .983},
    {kMedium, PaperTask::kAgreement, {18, Block::kAttention}, "Gen", .892, .950},
}};

struct Found {
  std::string_view model;
  PaperTask task;
  ComponentRef component;
  double knn;
  double share;
};
constexpr std::array<Found, 1> kFound = {{{kSmall, PaperTask::kAgreement, {6, Block::kAttention}, 1.0, .148}}};

}  // namespace

const PublishedModel* find_published_model(const ModelConfig& config) {
  const auto* found = std::ranges::find_if(kModels, [&](const PublishedModel& m) {
    return config.architecture == "gpt2" && config.n_layers == m.n_layers && config.d_model == m.d_model;
  });
  return found == kModels.end() ? nullptr : found;
}

PublishedFigures published_figures(const PublishedModel& model, PaperTask task, const ComponentRef& component,
                                   std::string_view set) {
  PublishedFigures figures;
  for (const PublishedUntouched& v : kUntouched) {
    if (v.model == model.name && v.task == task && v.set == set) figures.untouched = v.accuracy;
  }
  for (const Ablation& a : kAblations) {
    if (a.model != model.name || a.task != task || a.component != component || a.set != set) continue;
    figures.ablated = a.ablated;
    figures.random = a.random;
  }
  for (const Found& f : kFound) {
    if (f.model != model.name || f.task != task || f.component != component) continue;
    figures.knn = f.knn;
    figures.share = f.share;
  }
  return figures;
}

bool is_published(const PublishedModel& model, PaperTask task) {
  return std::ranges::any_of(kUntouched,
                             [&](const PublishedUntouched& v) { return v.model == model.name && v.task == task; });
}

}  // namespace cprobe
