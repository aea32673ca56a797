#pragma once

#include <torch/types.h>

#include "cprobe/evaluate/exchanged_component.h"
#include "cprobe/model/model.h"
#include "cprobe/model/stream.h"

namespace cprobe {

/// Some rows of a trie without shared nodes: two results for rows of the same lengths have the same
/// shape. Row i of the result is row rows[i]. @param rows  [n] int64.
TokenTrie unshared(const TokenTrie& trie, const at::Tensor& rows);

/// Rows and their donors, and what a model answers to a row if one component writes something else
/// there. Differentiable in the weights, if these need gradients; so ExchangeBench is not.
///
/// A row's update is replaced at every token, or at its last token only. If the component makes a
/// variable at the last token, the answer follows the variable both ways. If the component makes
/// the variable at an earlier token, from which later attention brings it, then only with every
/// token.
///
/// Memory: for each token of base and donor rows, what ExchangedComponent keeps. Refers to the
/// model, which must outlive this.
class ExchangedRows {
 public:
  /// @param trie          has all rows.
  /// @param rows, donors  [n] int64: numbers of rows in the trie. Donors have their rows' lengths.
  /// @throws Error (kInput) if the model's MLPs read the stream before their layer.
  ExchangedRows(const Model& model, const ComponentRef& component, const TokenTrie& trie, const at::Tensor& rows,
                const at::Tensor& donors);

  /// The component between rows and donors. Its updates are those of the tokens where something
  /// reads them: of the last ones, if the component is in the last layer; else of all.
  const ExchangedComponent& component() const { return component_; }

  /// The update, if only the last token of some rows has another one.
  /// @param update  as component()'s. @param which  [n] bool: the rows.
  at::Tensor at_last_tokens(const at::Tensor& update, const at::Tensor& which) const;

  /// The logits of the next token, if the component writes an update.
  /// @param update  as component()'s. @return [n, vocab] float32.
  at::Tensor logits_after(const at::Tensor& update) const;

 private:
  /// What the constructor computes first.
  struct Parts {
    TokenTrie trie;       ///< Of the rows, unshared.
    at::Tensor last;      ///< [n] int64: the rows' last nodes.
    at::Tensor written;   ///< [m] int64: nodes where something reads the update.
    Stream before;        ///< The rows' stream before the component.
    Stream donor_before;  ///< The donors'.
    at::Tensor places;    ///< [m] int64: `written` as the component counts.
  };
  static Parts parts(const Model& model, const ComponentRef& component, const TokenTrie& trie, const at::Tensor& rows,
                     const at::Tensor& donors);
  ExchangedRows(const Model& model, const ComponentRef& component, Parts parts);

  const Model& model_;
  ComponentRef ref_;
  Parts parts_;
  ExchangedComponent component_;
};

}  // namespace cprobe
