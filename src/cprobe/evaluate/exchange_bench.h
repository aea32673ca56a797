#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cprobe/evaluate/behaviour.h"
#include "cprobe/evaluate/exchanged_component.h"

namespace cprobe {

/// Rows of tokens, and for each row another row, its donor.
struct ExchangeRows {
  std::string source = "exchange";          ///< Begins error messages, such as the file of the rows.
  std::vector<std::vector<int64_t>> base;   ///< Token ids of each row.
  std::vector<std::vector<int64_t>> donor;  ///< Token ids of each row's donor, as many as the row's.
  at::Tensor answers;                       ///< [n_rows] int64: right next token of each base row.
  std::optional<Contrast> contrast = {};    ///< Of the base rows. Set: judges both rows.

  size_t n_rows() const { return base.size(); }
};

/// Checks rows and donors.
/// @throws Error (kInput) as the constructor of ExchangeBench.
void require_pairs(const ExchangeRows& rows, const ModelConfig& config);

/// Exchange of the inputs of one component between rows and their donors: what the model answers to
/// a row if the component, or some paths through it, sees the donor in place of the row.
///
/// Before the component, either row has the untouched model's stream. The component's update is
/// replaced at every token of the row, and all later components run on the row's stream. Each row
/// is changed alone, although rows share prefixes: rows share what is computed only as far as both
/// they and their donors begin alike.
///
/// The streams before the component are computed once. A measurement runs the component and what
/// follows, in slabs of about a thousand tokens. Memory: ExchangedComponent's, and one stream more.
/// Refers to `model`, which must outlive the bench.
class ExchangeBench {
 public:
  /// @param unit                  of the sets of units to measure.
  /// @param with_log_probability  whether outcomes have log-probabilities, for which a contrast
  ///                              does not suffice: takes a product with the whole unembedding each
  ///                              time.
  /// @throws Error (kInput), naming the row if there is one:
  ///   - there are no rows, or not a donor, an answer and a contrast for each;
  ///   - a row has more or fewer tokens than its donor, none, or more than the context;
  ///   - a token is outside the vocabulary.
  ExchangeBench(const Model& model, const ComponentRef& component, MaskUnit unit, const ExchangeRows& rows,
                bool with_log_probability = false);

  int64_t n_rows() const { return answers_.size(0); }
  /// Pairs of a prefix of a row and of its donor, which measurements compute once each.
  int64_t n_nodes() const;
  const std::vector<MatrixInfo>& matrices() const { return matrices_; }

  /// The outcomes of the untouched model on the base rows.
  const Outcomes& untouched() const { return untouched_; }
  /// The outcomes of the untouched model on the donors. `right` and log-probability are those of
  /// the base row's right answer, and a contrast is the base row's.
  const Outcomes& untouched_donor() const { return untouched_donor_; }

  /// The whole component sees the donor.
  /// @throws Error (kInterrupted) between two slabs once a stop is requested, as the next two.
  Outcomes whole() const;

  /// The paths through some units see the donor, all others see the row
  /// (ExchangedComponent::along_paths). No units: the untouched model. All units: as `whole`.
  /// @param members  as Circuit::members of this component, in the bench's unit.
  /// @throws Error (kFailed) if `members` are not units of the component.
  Outcomes through(const std::vector<at::Tensor>& members) const;

  /// All paths but those through some units see the donor. No units: as `whole`. All units: the
  /// untouched model.
  /// @param members  as for `through`. @throws Error as `through`.
  Outcomes around(const std::vector<at::Tensor>& members) const;

 private:
  /// Some of the rows.
  struct Slab {
    TokenTrie trie;      ///< Of the base rows, but a node is a pair of prefixes.
    Stream before;       ///< The base rows' stream before the component, one row per node.
    at::Tensor last;     ///< [n] int64: the distinct last nodes of the rows.
    at::Tensor written;  ///< [m] int64: nodes where something reads what the component writes.
    ExchangedComponent exchanged;
    std::map<ComponentRef, at::Tensor> known_updates;  ///< unaffected_updates.
  };

  /// Makes the slab of rows [begin, end).
  /// @param donor_ends  receives the end of the donors' streams at the slab's last nodes.
  Slab make_slab(const ExchangeRows& rows, MaskUnit unit, size_t begin, size_t end,
                 std::vector<at::Tensor>& donor_ends) const;

  /// The outcomes if the component writes something else.
  /// @param update  what the component writes at the nodes `written` of a slab, [m, d_model].
  Outcomes measured(const std::function<at::Tensor(const Slab&)>& update) const;

  /// @param ends  per slab, the end of the stream at the slab's last nodes.
  Outcomes outcomes(const std::vector<at::Tensor>& ends) const;

  const Model& model_;
  ComponentRef component_;
  std::vector<MatrixInfo> matrices_;
  at::Tensor answers_;  ///< [n_rows] int64.
  std::optional<Contrast> contrast_;
  bool with_log_probability_;
  std::vector<Slab> slabs_;
  at::Tensor place_;  ///< [n_rows] int64: each row among the last nodes of all slabs.
  Outcomes untouched_;
  Outcomes untouched_donor_;
};

}  // namespace cprobe
