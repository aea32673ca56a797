#include "cprobe/evaluate/exchange_bench.h"

#include <algorithm>

#include "cprobe/core/error.h"
#include "cprobe/core/interrupt.h"
#include "cprobe/core/rows.h"
#include "cprobe/evaluate/paired_tries.h"

namespace cprobe {
namespace {

/// Tokens of the rows of one slab, unless a single row has more. As many as the nodes of a slab of
/// `run_in_slabs`.
constexpr size_t kSlabTokens = 1024;

/// @param row    of base or donor. @param where  names the row in messages.
void require_tokens(const std::vector<int64_t>& row, const std::string& where, const ModelConfig& config) {
  if (row.empty()) throw input_error("{} has no tokens", where);
  if (static_cast<int64_t>(row.size()) > config.max_row()) {
    throw input_error("{} has {} tokens, more than the model's context of {}", where, row.size(), config.max_row());
  }
  for (const int64_t token : row) {
    if (token >= 0 && token < config.vocab) continue;
    throw input_error("{}: token {} is outside the model's vocabulary of {}", where, token, config.vocab);
  }
}

/// The end of the first slab of rows from `begin` on.
size_t slab_end(const std::vector<std::vector<int64_t>>& rows, size_t begin) {
  size_t end = begin + 1;
  for (size_t n = rows[begin].size(); end < rows.size(); ++end) {
    n += rows[end].size();
    if (n > kSlabTokens) break;
  }
  return end;
}

}  // namespace

void require_pairs(const ExchangeRows& rows, const ModelConfig& config) {
  const auto n = static_cast<int64_t>(rows.n_rows());
  if (n == 0) throw input_error("{}: no rows whose inputs could be exchanged", rows.source);
  const auto require_one_each = [&](int64_t found, std::string_view what) {
    if (found != n) throw input_error("{}: {} rows, but {} {}", rows.source, n, found, what);
  };
  require_one_each(static_cast<int64_t>(rows.donor.size()), "donors");
  require_one_each(rows.answers.size(0), "right answers");
  if (rows.contrast) require_one_each(rows.contrast->continuation.size(0), "contrasts");
  for (size_t r = 0; r < rows.n_rows(); ++r) {
    const std::string where = fmt::format("{}: row {} (from 0)", rows.source, r);
    if (rows.base[r].size() != rows.donor[r].size()) {
      throw input_error("{} has {} tokens, but its donor {}; inputs are exchanged token by token", where,
                        rows.base[r].size(), rows.donor[r].size());
    }
    require_tokens(rows.base[r], where, config);
    require_tokens(rows.donor[r], where + ": its donor", config);
  }
}

ExchangeBench::ExchangeBench(const Model& model, const ComponentRef& component, MaskUnit unit, const ExchangeRows& rows,
                             bool with_log_probability)
    : model_(model),
      component_(component),
      matrices_(matrices_of(model.config, component)),
      answers_(rows.answers),
      contrast_(rows.contrast),
      with_log_probability_(with_log_probability) {
  const at::NoGradGuard no_gradients;
  require_pairs(rows, model.config);
  std::vector<at::Tensor> donor_ends, places;
  int64_t n_last = 0;
  for (size_t begin = 0, end = 0; begin < rows.n_rows(); begin = end) {
    stop_if_interrupted();
    end = slab_end(rows.base, begin);
    slabs_.push_back(make_slab(rows, unit, begin, end, donor_ends));
    const Slab& slab = slabs_.back();
    places.push_back(distinct(slab.trie.nodes_at(-1)).place + n_last);
    n_last += slab.last.size(0);
  }
  place_ = at::cat(places);
  untouched_ = measured([](const Slab& slab) { return slab.exchanged.update(ExchangeSide::kBase); });
  untouched_donor_ = outcomes(donor_ends);
}

ExchangeBench::Slab ExchangeBench::make_slab(const ExchangeRows& rows, MaskUnit unit, size_t begin, size_t end,
                                             std::vector<at::Tensor>& donor_ends) const {
  const ModelConfig& config = model_.config;
  const Site site = Site::before(component_);
  auto [trie, donors] = paired_tries(std::span(rows.base).subspan(begin, end - begin),
                                     std::span(rows.donor).subspan(begin, end - begin), config.vocab);
  const Stream before = stream_at(model_, trie, site).expanded();
  const Stream donors_before = stream_at(model_, donors, site).expanded();
  const at::Tensor last = distinct(trie.nodes_at(-1)).nodes;
  donor_ends.push_back(run_in_slabs(model_, donors, donors_before, site, Site::end(config), {.read_nodes = last}));
  // Behind the last attention block nothing reads other tokens than the last.
  const bool is_last_layer = component_.layer + 1 == config.n_layers;
  const at::Tensor written = is_last_layer ? last : at::arange(trie.n_nodes());
  ExchangedComponent exchanged(model_, component_, unit, trie, before, donors_before, written);
  std::map<ComponentRef, at::Tensor> known = unaffected_updates(model_, trie, before, component_);
  return {std::move(trie), before, last, written, std::move(exchanged), std::move(known)};
}

int64_t ExchangeBench::n_nodes() const {
  int64_t n = 0;
  for (const Slab& slab : slabs_) n += slab.trie.n_nodes();
  return n;
}

Outcomes ExchangeBench::whole() const {
  return measured([](const Slab& slab) { return slab.exchanged.update(ExchangeSide::kDonor); });
}

Outcomes ExchangeBench::through(const std::vector<at::Tensor>& members) const {
  return measured([&](const Slab& slab) { return slab.exchanged.along_paths(members, ExchangeSide::kBase); });
}

Outcomes ExchangeBench::around(const std::vector<at::Tensor>& members) const {
  return measured([&](const Slab& slab) { return slab.exchanged.along_paths(members, ExchangeSide::kDonor); });
}

Outcomes ExchangeBench::measured(const std::function<at::Tensor(const Slab&)>& update) const {
  const at::NoGradGuard no_gradients;
  std::vector<at::Tensor> ends;
  for (const Slab& slab : slabs_) {
    stop_if_interrupted();
    SpanOptions options{.read_nodes = slab.last, .updates = slab.known_updates};
    const at::Tensor written = update(slab);
    options.updates[component_] =
        at::zeros_like(slab.before.rows).index_copy_(0, slab.written.to(written.device()), written);
    ends.push_back(run_span(model_, slab.trie, slab.before, Site::before(component_), Site::end(model_.config), options)
                       .at_nodes(slab.last));
  }
  return outcomes(ends);
}

Outcomes ExchangeBench::outcomes(const std::vector<at::Tensor>& ends) const {
  return outcomes_of(model_, at::cat(ends), place_, answers_, contrast_, with_log_probability_);
}

}  // namespace cprobe
